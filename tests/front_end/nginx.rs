//! A real web server on a loopback port, with the rules that front ends are shown with.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use refit_testkit::child::Child;
use refit_testkit::wait::{free_port, wait_for};

/// Running; ends with the value.
pub struct Nginx {
    port: u16,
    _child: Child,
}

impl Nginx {
    /// Shows `folder`; its own files are in `place`, which is made.
    ///
    /// # Panics
    /// When nginx is not installed, or does not listen in time.
    pub fn start(folder: &Path, place: &Path) -> Self {
        fs::create_dir_all(place).expect("a folder");
        let port = free_port();
        let config = place.join("nginx.conf");
        fs::write(&config, configuration(folder, place, port)).expect("a configuration");
        let mut command = Command::new("nginx");
        command.arg("-c").arg(&config).arg("-p").arg(place).args(["-e", "stderr"]);
        // Debian keeps it where only root looks.
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin"));
        let mut child = Child::spawn(command, &place.join("log"));
        wait_for(Duration::from_secs(20), "nginx", || {
            assert!(child.exited().is_none(), "nginx ended:\n{}", child.log_tail());
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Self { port, _child: child }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// `try_files` as Mainsail and Fluidd document it. What is not there is answered with the page, as they want it: a missing
/// asset shows by its digest.
fn configuration(folder: &Path, place: &Path, port: u16) -> String {
    let (folder, place) = (folder.display(), place.display());
    // Its workers must be able to enter the folders of whoever runs the test.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    format!(
        "{user} daemon off; worker_processes 2; pid {place}/pid;\nevents {{ }}\nhttp {{\n  access_log off;\n  \
         sendfile on;\n  keepalive_requests 1000000;\n  client_body_temp_path {place}/body;\n  \
         fastcgi_temp_path {place}/fastcgi;\n  proxy_temp_path {place}/proxy;\n  uwsgi_temp_path {place}/uwsgi;\n  \
         scgi_temp_path {place}/scgi;\n  server {{\n    listen 127.0.0.1:{port};\n    root {folder};\n    \
         index index.html;\n    location / {{ try_files $uri $uri/ /index.html; }}\n  }}\n}}\n"
    )
}
