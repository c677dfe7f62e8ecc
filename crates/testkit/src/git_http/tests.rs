use std::time::{Duration, Instant};

use super::*;
use crate::git::{GitWorld, Ran, Remote, Work};
use crate::wait::wait_for;

struct Lab {
    dir: tempfile::TempDir,
    remote: Remote,
    server: GitServer,
}

fn lab() -> Lab {
    let dir = crate::scratch::scratch();
    let world = GitWorld::new(dir.path());
    let remote = world.remote("lab/klipper");
    remote.commit(&[("a.py", &"some text that does not compress to nothing 0123456789\n".repeat(50))], "First");
    remote.tag("v1.0.0");
    let server = GitServer::start(world.remotes());
    Lab { dir, remote, server }
}

impl Lab {
    const ROUTE: &str = "lab/klipper.git";

    fn clone(&self) -> Work {
        self.remote.clone_with(&self.server.url(Self::ROUTE), self.dir.path().join("work"), &[])
    }

    fn ls_remote(&self) -> Ran {
        self.remote.try_git(&["ls-remote", "--heads", &self.server.url(Self::ROUTE), "master"])
    }
}

#[test]
fn clones_and_fetches_are_served_and_counted() {
    let lab = lab();
    let work = lab.clone();
    let second = lab.remote.commit(&[("a.py", "2\n")], "Second");
    lab.server.forget();
    work.git(&["fetch", "--quiet"]);
    assert_eq!(work.rev("origin/master"), second);
    let asked = lab.server.asked_of(Lab::ROUTE);
    let kinds: Vec<Ask> = asked.iter().map(|a| a.ask).collect();
    assert_eq!(kinds, [Ask::Discovery, Ask::LsRefs, Ask::Fetch]);
    assert_eq!(asked[1].protocol, "version=2");
    assert_eq!(lab.server.connections(), 1);
}

#[test]
fn a_missing_repository_is_not_found() {
    let lab = lab();
    let ran = lab.remote.try_git(&["ls-remote", &lab.server.url("lab/nothing.git")]);
    assert!(ran.stderr.contains("not found"), "{}", ran.stderr);
}

#[test]
fn refusals_redirects_and_passwords() {
    let lab = lab();
    lab.server.set_fault(Lab::ROUTE, Fault::Refuse(503));
    assert!(lab.ls_remote().stderr.contains("503"));
    lab.server.set_fault(Lab::ROUTE, Fault::RequireBasicAuth { user: "ada".into(), password: "secret".into() });
    assert!(!lab.ls_remote().ok());
    let url = lab.server.url(Lab::ROUTE).replace("http://", "http://ada:secret@");
    assert!(lab.remote.try_git(&["ls-remote", &url]).ok());
    lab.server.heal(Lab::ROUTE);
    lab.server.set_fault("lab/old.git", Fault::Redirect(lab.server.url(Lab::ROUTE)));
    assert!(lab.remote.try_git(&["ls-remote", &lab.server.url("lab/old.git")]).ok());
}

#[test]
fn resets_arrive_as_resets_and_after_the_bytes() {
    let lab = lab();
    for after in [0, 20] {
        lab.server.set_fault(Lab::ROUTE, Fault::Reset { after });
        let told = lab.ls_remote().stderr;
        assert!(told.contains("reset") || told.contains("Reset"), "after {after}: {told}");
    }
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", lab.server.port())).unwrap();
    let get = format!("GET /{}/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: x\r\n\r\n", Lab::ROUTE);
    std::io::Write::write_all(&mut stream, get.as_bytes()).unwrap();
    let mut got = Vec::new();
    let end = std::io::Read::read_to_end(&mut stream, &mut got).unwrap_err();
    assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(String::from_utf8_lossy(&got).ends_with("001e# service=git-up\r\n"), "{}", String::from_utf8_lossy(&got));
}

#[test]
fn a_stall_goes_on_when_released() {
    let lab = lab();
    for after in [0, 10] {
        lab.server.set_fault(Lab::ROUTE, Fault::Stall { after });
        lab.server.forget();
        let (remote, url) = (lab.remote.clone(), lab.server.url(Lab::ROUTE));
        let asking = std::thread::spawn(move || remote.try_git(&["ls-remote", &url]));
        wait_for(Duration::from_secs(5), "the request", || !lab.server.asked().is_empty());
        assert!(!asking.is_finished());
        lab.server.heal(Lab::ROUTE);
        wait_for(Duration::from_secs(5), "the answer", || {
            lab.server.release();
            asking.is_finished()
        });
        assert!(asking.join().unwrap().ok());
    }
}

#[test]
fn a_slow_answer_is_whole() {
    let lab = lab();
    lab.server.add_fault(Lab::ROUTE, Ask::LsRefs, Fault::SlowDrip { bytes_per_second: 200 });
    let start = Instant::now();
    assert!(lab.ls_remote().ok());
    assert!(start.elapsed() > Duration::from_millis(200), "{:?}", start.elapsed());
}

#[test]
fn lies_are_told() {
    let lab = lab();
    for lie in [Lie::Garbage, Lie::BadPktLines] {
        lab.server.set_fault(Lab::ROUTE, Fault::Lie(lie));
        assert!(!lab.ls_remote().ok(), "{lie:?}");
    }
    lab.server.heal(Lab::ROUTE);
    lab.server.add_fault(Lab::ROUTE, Ask::LsRefs, Fault::Lie(Lie::UnknownSha));
    assert!(lab.ls_remote().stdout.starts_with("deadbeef"));
    lab.server.heal(Lab::ROUTE);
    lab.server.add_fault(Lab::ROUTE, Ask::Fetch, Fault::Lie(Lie::TruncatedPack));
    let target = lab.dir.path().join("cut").display().to_string();
    assert!(!lab.remote.try_git(&["clone", &lab.server.url(Lab::ROUTE), &target]).ok());
}

#[test]
fn an_endless_answer_ends_with_the_server_and_leaves_no_process() {
    let lab = lab();
    lab.server.add_fault(Lab::ROUTE, Ask::LsRefs, Fault::Lie(Lie::Endless));
    let (remote, url) = (lab.remote.clone(), lab.server.url(Lab::ROUTE));
    let asking = std::thread::spawn(move || remote.try_git(&["ls-remote", &url]));
    wait_for(Duration::from_secs(5), "the request", || lab.server.asked().len() == 2);
    drop(lab.server);
    assert!(!asking.join().unwrap().ok());
    let root = lab.dir.path().display().to_string();
    wait_for(Duration::from_secs(5), "the end of every backend", || backends_of(&root) == 0);
}

/// Processes whose command or environment names this folder.
fn backends_of(root: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let environments = processes.filter_map(|p| std::fs::read(p.path().join("environ")).ok());
    environments.filter(|e| String::from_utf8_lossy(e).contains(&format!("GIT_PROJECT_ROOT={root}"))).count()
}
