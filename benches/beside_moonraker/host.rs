//! The machine both are measured on: 20 bare repositories of 200 files behind nginx, fcgiwrap and git http-backend, so
//! that the git server is not what is measured.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use refit_testkit::child::Child;
use refit_testkit::git::{Commit, GitWorld, Remote};
use refit_testkit::wait::{free_port, wait_for};
use tempfile::TempDir;

const REPOSITORIES: usize = 20;
const FILES: usize = 200;
const COMMITS: usize = 60;

/// See the module.
pub(crate) struct Host {
    remotes: Vec<Remote>,
    port: u16,
    // Dropped in this order: the servers before their folder.
    _servers: [Child; 2],
    root: TempDir,
}

impl Host {
    /// Makes the repositories and starts the servers.
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        let world = GitWorld::new(root.path());
        let remotes = (0..REPOSITORIES).map(|number| remote(&world, number)).collect();
        let port = free_port();
        let servers = serve(&world.remotes(), root.path(), port);
        wait_for(Duration::from_secs(20), "nginx", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { remotes, port, _servers: servers, root }
    }

    /// The updaters' names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.remotes.iter().map(|remote| remote.name().to_owned()).collect()
    }

    /// Clones everything into a folder and answers the configuration's sections.
    pub(crate) fn clone_all(&self, into: &Path) -> String {
        self.remotes.iter().map(|remote| self.section(remote, &into.join(remote.name()))).collect()
    }

    fn section(&self, remote: &Remote, path: &Path) -> String {
        let url = format!("http://127.0.0.1:{}/{}.git", self.port, remote.name());
        if !path.exists() {
            remote.clone_with(&url, path, &[]);
        }
        let (name, path) = (remote.name(), path.display());
        format!(
            "[update_manager {name}]\ntype: git_repo\npath: {path}\norigin: {url}\nprimary_branch: master\n\
             is_system_service: False\n\n"
        )
    }

    /// A commit comes to each of these.
    pub(crate) fn commit(&self, names: &[String]) {
        for remote in self.remotes.iter().filter(|remote| names.iter().any(|name| name == remote.name())) {
            let number = remote.git(&["rev-list", "--count", "master"]);
            remote.commit(&[("module-7.py", &format!("changed = {number}\n"))], "Change module 7");
        }
    }

    /// The folder of everything.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }
}

fn remote(world: &GitWorld, number: usize) -> Remote {
    let remote = world.remote(&format!("repo{number:02}"));
    let mut first = Commit::new("Begin");
    for file in 0..FILES {
        first = first.file(&format!("dir{}/module-{file}.py", file % 10), format!("print({file})\n").repeat(40));
    }
    let mut commits = vec![first];
    commits.extend((1..COMMITS).map(|n| Commit::new(&format!("Change {n}")).file("CHANGES", format!("{n}\n"))));
    remote.push_all("master", &commits);
    remote.tag_at("v1.0.0", "master~10");
    remote.git(&["repack", "-adq"]);
    remote
}

/// fcgiwrap and nginx, both in the foreground.
fn serve(remotes: &Path, root: &Path, port: u16) -> [Child; 2] {
    let socket = root.join("fcgi.sock");
    let mut wrapper = Command::new("fcgiwrap");
    wrapper.args(["-c", "4", "-s"]).arg(format!("unix:{}", socket.display()));
    let wrapper = Child::spawn(wrapper, &root.join("fcgiwrap.log"));
    wait_for(Duration::from_secs(10), "fcgiwrap", || socket.exists());
    let config = root.join("nginx.conf");
    std::fs::write(&config, nginx_config(remotes, root, &socket, port)).expect("the server's configuration");
    let mut nginx = Command::new("nginx");
    nginx.arg("-c").arg(&config).arg("-p").arg(root).args(["-e", "stderr"]);
    [Child::spawn(nginx, &root.join("nginx.log")), wrapper]
}

fn nginx_config(remotes: &Path, root: &Path, socket: &Path, port: u16) -> String {
    let (remotes, root, socket) = (remotes.display(), root.display(), socket.display());
    let backend = backend().join("git-http-backend");
    let backend = backend.display();
    format!(
        "user root; daemon off; worker_processes 1; pid {root}/nginx.pid;\nevents {{ }}\nhttp {{\n  access_log off;\n  \
         keepalive_requests 1000000;\n  client_body_temp_path {root}/body;\n  fastcgi_temp_path {root}/fastcgi;\n  \
         proxy_temp_path {root}/proxy;\n  uwsgi_temp_path {root}/uwsgi;\n  scgi_temp_path {root}/scgi;\n  server {{\n    \
         listen 127.0.0.1:{port};\n    location / {{\n      fastcgi_pass unix:{socket};\n      \
         fastcgi_param SCRIPT_FILENAME {backend};\n      fastcgi_param GIT_PROJECT_ROOT {remotes};\n      \
         fastcgi_param GIT_HTTP_EXPORT_ALL 1;\n      fastcgi_param PATH_INFO $uri;\n      \
         fastcgi_param QUERY_STRING $query_string;\n      fastcgi_param REQUEST_METHOD $request_method;\n      \
         fastcgi_param CONTENT_TYPE $content_type;\n      fastcgi_param CONTENT_LENGTH $content_length;\n      \
         fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;\n      \
         fastcgi_param GIT_PROTOCOL $http_git_protocol;\n    }}\n  }}\n}}\n"
    )
}

fn backend() -> PathBuf {
    let out = Command::new("git").arg("--exec-path").output().expect("git is there");
    PathBuf::from(String::from_utf8_lossy(&out.stdout).trim())
}
