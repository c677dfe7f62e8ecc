//! The pretend printer host of `refit demo`: a folder with a home, a printer's data folder, real repositories in all
//! conditions, the server that they come from, software that ships as releases, a Python application, and a pretend klippy.
//! Made of the same pieces as the tests.
//!
//! Refuses to: touch anything outside its folder; the services of this machine are not its own, so none is restarted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use refit_testkit::git::{Commit, GitWorld, Remote, Work};
use refit_testkit::git_http::GitServer;
use refit_testkit::klippy::Klippy;
use refit_testkit::unavailable::Unavailable;
use refit_testkit::web::WebServer;
use serde_json::json;

use super::application::Application;
use super::shipped::Shipped;

/// The host. Its servers and its klippy end when it is dropped; the folder belongs to the caller.
#[derive(Debug)]
pub struct Host {
    /// The owner's home folder.
    pub home: PathBuf,
    /// The printer's data folder.
    pub data: PathBuf,
    /// Where a browser sees the web front end.
    pub front_end: String,
    /// The Python application, or why there is none.
    pub application: Result<Application, Unavailable>,
    _shipped: Shipped,
    _service: WebServer,
    _server: GitServer,
    _klippy: Klippy,
}

/// A repository of the demo: its name in the configuration, and further lines of its section.
struct Managed {
    name: &'static str,
    work: Work,
    url: String,
    options: String,
}

impl Host {
    /// Makes it in `root`, with a configuration that serves on `port`.
    ///
    /// # Errors
    /// When a file cannot be written.
    ///
    /// # Panics
    /// When git fails, as everything in the testkit does.
    pub fn make(root: &Path, port: u16) -> io::Result<Self> {
        let (home, data) = (root.join("home"), root.join("printer_data"));
        for folder in [data.join("config"), data.join("comms"), home.clone()] {
            fs::create_dir_all(folder)?;
        }
        let world = GitWorld::new(root.join("world"));
        fs::create_dir_all(world.remotes())?;
        let server = GitServer::start(world.remotes());
        let builtin = Builder { world: &world, server: &server, folder: &home };
        builtin.behind("klipper", 3);
        builtin.current("moonraker");
        let software = root.join("software");
        let application = Application::make(&home, &software);
        if application.is_err() {
            // Klipper runs from some Python; this one does not work.
            fs::create_dir_all(home.join("klippy-env/bin"))?;
            fs::write(home.join("klippy-env/bin/python"), "")?;
        }
        let service = WebServer::start(software.join("sick"));
        let builder = Builder { folder: &software, ..builtin };
        let managed = [
            builder.behind("behind", 5),
            builder.current("current"),
            builder.dirty("dirty"),
            builder.damaged("damaged"),
            builder.pinned("pinned"),
            builder.diverged("diverged"),
            builder.sick("sick", &service.url()),
        ];
        let shipped = Shipped::make(&software)?;
        let section = application.as_ref().map(Application::section).unwrap_or_default();
        fs::write(data.join("config/moonraker.conf"), configuration(port, &data, &managed, &shipped) + &section)?;
        let klippy = Klippy::start(data.join("comms/klippy.sock"));
        klippy.set_info("klipper_path", json!(home.join("klipper")));
        klippy.set_info("python_path", json!(home.join("klippy-env/bin/python")));
        let front_end = shipped.address();
        Ok(Self {
            home,
            data,
            front_end,
            application,
            _shipped: shipped,
            _service: service,
            _server: server,
            _klippy: klippy,
        })
    }
}

/// Makes remotes, and clones of them in one folder.
#[derive(Clone, Copy)]
struct Builder<'a> {
    world: &'a GitWorld,
    server: &'a GitServer,
    folder: &'a Path,
}

impl Builder<'_> {
    /// A remote with a history and a release, and its fresh clone.
    fn cloned(&self, name: &'static str) -> (Remote, Managed) {
        let remote = self.world.remote(&format!("lab/{name}"));
        remote.commit(
            &[("README.md", "A pretend program.\n"), ("main.py", "print('one')\n"), ("lib/part.py", "PART = 1\n")],
            "First",
        );
        remote.history(4, "Improve");
        remote.annotate("v1.0.0", "The first release");
        let url = self.server.url(&remote.route());
        let work = remote.clone_with(&url, self.folder.join(name), &[]);
        (remote, Managed { name, work, url, options: String::new() })
    }

    fn current(&self, name: &'static str) -> Managed {
        self.cloned(name).1
    }

    fn behind(&self, name: &'static str, commits: usize) -> Managed {
        let (remote, managed) = self.cloned(name);
        remote.history(commits, "Improve again");
        managed
    }

    /// Behind, with a file that its owner changed and one that he made.
    fn dirty(&self, name: &'static str) -> Managed {
        let managed = self.behind(name, 1);
        managed.work.write("main.py", "print('mine')\n");
        managed.work.write("my-notes.txt", "Do not lose this.\n");
        managed
    }

    /// As a power cut leaves it: the newest commit is an empty file.
    fn damaged(&self, name: &'static str) -> Managed {
        let managed = self.current(name);
        managed.work.loosen();
        let commit = managed.work.object("HEAD");
        managed.work.damage(&commit, b"");
        managed
    }

    /// Held at a commit though there are newer ones.
    fn pinned(&self, name: &'static str) -> Managed {
        let mut managed = self.behind(name, 2);
        managed.options = format!("pinned_commit: {}\n", managed.work.rev("HEAD"));
        managed
    }

    /// With a commit of the owner's own while the remote went on.
    fn diverged(&self, name: &'static str) -> Managed {
        let managed = self.behind(name, 1);
        managed.work.commit(&[("lib/part.py", "PART = 2\n")], "My own change");
        managed
    }

    /// Behind, by a commit that breaks it: what answers at `address` shows its files, and one is gone.
    fn sick(&self, name: &'static str, address: &str) -> Managed {
        let (remote, mut managed) = self.cloned(name);
        remote.push("master", &Commit::new("Tidy up").delete("main.py"));
        managed.options = format!("health_check: url {address}/main.py\nhealth_check_timeout: 3\n");
        managed
    }
}

fn configuration(port: u16, data: &Path, managed: &[Managed], shipped: &Shipped) -> String {
    let mut text = format!(
        "# The pretend printer host of `refit demo`.\n\
         [server]\n\
         host: 127.0.0.1\n\
         klippy_uds_address: {}\n\
         \n\
         [authorization]\n\
         trusted_clients:\n    127.0.0.1\n\
         cors_domains:\n    *://localhost:*\n    *://127.0.0.1:*\n    *://*.local\n    *://app.fluidd.xyz\n    *://my.mainsail.xyz\n\
         \n\
         [machine]\n\
         provider: none\n\
         \n\
         [update_manager]\n\
         enable_system_updates: False\n\
         \n\
         [refit]\n\
         port: {port}\n{}",
        data.join("comms/klippy.sock").display(),
        shipped.options()
    );
    for one in managed {
        text += &format!(
            "\n[update_manager {}]\ntype: git_repo\npath: {}\norigin: {}\nis_system_service: False\n{}",
            one.name,
            one.work.path().display(),
            one.url,
            one.options
        );
    }
    text + &shipped.sections()
}
