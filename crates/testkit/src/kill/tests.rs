use super::*;
use crate::git::GitWorld;
use crate::scratch::scratch;
use crate::tree::Tree;

#[test]
fn seeds_repeat() {
    let numbers = |seed| {
        let mut seeded = Seeded::new(seed);
        (0..5).map(|_| seeded.below(1000)).collect::<Vec<_>>()
    };
    assert_eq!(numbers(7), numbers(7));
    assert_ne!(numbers(7), numbers(8));
    let mut seeded = Seeded::new(1);
    assert!(seeded.span(Duration::from_millis(3)) <= Duration::from_millis(3));
    assert!(["a", "b"].contains(seeded.pick(&["a", "b"])));
    assert_eq!(seeded.below(0), 0);
}

#[test]
fn a_child_dies_at_random_or_lives() {
    let dir = scratch();
    let mut seeded = Seeded::new(3);
    let mut sleep = Command::new("sleep");
    sleep.arg("60");
    let mut child = Child::spawn(sleep, &dir.path().join("log"));
    assert!(was_killed(at_random(&mut child, &mut seeded, Duration::from_millis(20))));
}

/// A reset killed at its calls: forward with the locks removed is always right, which is what recovery relies on.
#[test]
fn a_reset_can_be_swept() {
    if let Err(missing) = strace() {
        eprintln!("skipped: {missing}");
        return;
    }
    let dir = scratch();
    let world = GitWorld::new(dir.path());
    let remote = world.remote("app");
    remote.commit(&[("a.py", "1\n"), ("b.py", "1\n")], "First");
    let old = remote.rev("master");
    remote.commit(&[("a.py", "2\n"), ("c/d.py", "2\n")], "Second");
    let new = remote.rev("master");
    let wanted = Tree::of(remote.clone_to(dir.path().join("new")).path());
    let mut round = 0;
    let deaths = sweep(5, |point| {
        round += 1;
        let work = remote.clone_to(dir.path().join(format!("round-{round}")));
        work.git(&["reset", "--quiet", "--hard", &old]);
        let mut command = point.command();
        command.arg("git").args(["reset", "--quiet", "--hard", &new]).current_dir(work.path());
        let status = command.envs(world.environment()).status().unwrap();
        for lock in work.locks() {
            std::fs::remove_file(work.dot_git("").join(lock)).unwrap();
        }
        work.git(&["reset", "--quiet", "--hard", &new]);
        assert_eq!(wanted.diff(&Tree::of(work.path())), Vec::<String>::new(), "killed at {}", point.nth);
        assert_eq!(work.blemishes(), Vec::<String>::new());
        status
    });
    assert!(deaths > 3, "{deaths}");
}
