//! Rights that are missing, come and go, and what the root helper tells.

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixListener;

use super::*;
use crate::root_helper::RootHelper;

impl World {
    /// Nobody lets Refit do anything.
    fn without_rights(&mut self) {
        let bin = self.root.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for program in ["apt-get", "apt-config", "apt-cache", "dpkg", "dpkg-query"] {
            std::os::unix::fs::symlink(format!("/usr/bin/{program}"), bin.join(program)).unwrap();
        }
        self.rules.surroundings.path = bin.into();
        self.rules.is_root = false;
        self.rules.helper = RootHelper::at(self.root.path().join("root.sock"));
    }

    /// The root helper is switched on, and answers with these, one connection after the other.
    fn switch_on(&self, answers: &'static [&'static str]) {
        let listener = UnixListener::bind(self.root.path().join("root.sock")).unwrap();
        tokio::spawn(async move {
            for answer in answers {
                let (stream, _) = listener.accept().await.unwrap();
                let mut stream = BufReader::new(stream);
                stream.read_line(&mut String::new()).await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
    }
}

#[tokio::test]
async fn without_rights_the_command_is_told_and_a_right_that_comes_is_used() {
    let mut world = World::new(&[Deb::new("app", "1.0")], &[Deb::new("app", "2.0")]);
    world.apt.update();
    world.rules.surroundings.path = "/usr/sbin:/sbin".into();
    let error = world.refresh().await.unseen.unwrap();
    assert_eq!(error, "this machine has no apt");
    world.without_rights();
    let hand = world.hand();
    let seen = hand.refresh(&spec(), &SystemFacts::default(), 1000, world.tell()).await;
    let error = seen.lists.error.clone().unwrap();
    assert!(error.starts_with("Refit has no right to fetch them. Type: sudo apt-get update"), "{error}");
    assert_eq!(words(&seen.offered), ["app 1.0 -> 2.0"]);
    let refused = world.plan(&seen, false).await.unwrap_err().to_string();
    assert!(refused.contains("Refit has no right to install packages. Type: sudo apt-get upgrade"), "{refused}");
    assert!(refused.ends_with("refit doctor"), "{refused}");
    // The same daemon, after its owner did what the doctor says.
    world.switch_on(&["{\"done\":true}\n"]);
    let seen = hand.refresh(&spec(), &seen, 2000, world.tell()).await;
    assert_eq!((seen.lists.error.clone(), seen.lists.last_good), (None, Some(2000)));
    assert!(world.plan(&seen, false).await.is_ok());
}

#[tokio::test]
async fn what_is_done_needs_no_rights() {
    let mut world = World::new(&[Deb::new("app", "1.0")], &[Deb::new("app", "2.0")]);
    let plan = world.plan(&world.refresh().await, false).await.unwrap();
    world.run(&plan).await.unwrap();
    world.without_rights();
    assert_eq!(world.run(&plan).await.unwrap().len(), 2);
    let idle = world.plan(&world.refresh().await, false).await.unwrap_err().to_string();
    assert_eq!(idle, "nothing: The system's packages are up to date");
    world.apt.publish(&Deb::new("app", "3.0"));
    world.apt.update();
    world.rules.is_root = true;
    let plan = world.plan(&world.hand().look(&spec(), &SystemFacts::default()).await, false).await.unwrap();
    world.rules.is_root = false;
    let refused = world.run(&plan).await.unwrap_err();
    assert!(refused.contains("Refit has no right to install packages. Type: "), "{refused}");
}

#[tokio::test]
async fn the_root_helper_tells_which_sources_failed() {
    let mut world = World::new(&[Deb::new("app", "1.0")], &[]);
    world.without_rights();
    world.switch_on(&[
        "{\"line\":\"W: Failed to fetch http://x.example/dists/y/InRelease  Could not connect\"}\n{\"done\":true}\n",
        "{\"line\":\"E: The repository 'http://deb.debian.org/debian buster Release' no longer has a Release file.\"}\n\
         {\"failed\":\"The repository\",\"locked\":false}\n",
        "{\"failed\":\"somebody has the lock\",\"locked\":true}\n",
    ]);
    let seen = world.refresh().await;
    let error = seen.lists.error.unwrap_or_default();
    assert!(error.contains("Could not connect. Look at the network"), "apt ends well with that: {error}");
    assert_eq!(seen.lists.last_good, None);
    let seen = world.refresh().await;
    assert!(seen.end_of_life.is_some() && seen.lists.error.is_none(), "{seen:?}");
    let seen = world.refresh().await;
    assert_eq!(seen.lists.error.as_deref(), Some("somebody has the lock"));
}
