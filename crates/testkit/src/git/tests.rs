use super::*;

fn world() -> (tempfile::TempDir, GitWorld) {
    let dir = crate::scratch::scratch();
    let world = GitWorld::new(dir.path());
    (dir, world)
}

#[test]
fn the_same_calls_give_the_same_shas() {
    let shas: Vec<Vec<String>> = (0..2)
        .map(|_| {
            let (dir, world) = world();
            let remote = world.remote("lab/klipper");
            let first = remote.commit(&[("a.py", "1\n"), ("odd \"name\"\n\u{e9}", "x")], "First");
            remote.annotate("v1.0.0", "One");
            let work = remote.clone_to(dir.path().join("work"));
            let local = work.commit(&[("b.py", "2\n")], "Local");
            vec![first, remote.git(&["rev-parse", "v1.0.0"]), local]
        })
        .collect();
    assert_eq!(shas[0], shas[1]);
}

#[test]
fn a_remote_holds_what_was_pushed() {
    let (dir, world) = world();
    let remote = world.remote("lab/klipper");
    remote.commit(&[("a.py", "1\n")], "First");
    let side = remote.push("side", &Commit::new("Side").exec("run.sh", "#!/bin/sh\n").link("l", "run.sh"));
    remote.push(
        "master",
        &Commit::new("Merge").body("why\nand how").merge(&side).exec("run.sh", "#!/bin/sh\n").delete("a.py"),
    );
    let shas = remote.history(35, "Work");
    assert_eq!(shas.len(), 35);
    assert_eq!(remote.rev("master"), shas[34]);
    remote.tag_many([("v1", shas[0].as_str()), ("v2", shas[1].as_str())]);
    remote.annotate_at("v3", "Three", "master", EPOCH - 5);
    assert_eq!(remote.git(&["log", "--oneline", "--merges", "--format=%s/%b"]), "Merge/why\nand how");

    let work = remote.clone_to(dir.path().join("work"));
    assert_eq!(work.git(&["tag", "--sort=creatordate"]), "v3\nv1\nv2");
    assert_eq!(work.git(&["status", "--porcelain"]), "");
    assert_eq!(remote.rewind(2), shas[32]);
    work.git(&["fetch", "--quiet"]);
    assert_eq!(work.rev("origin/master"), shas[32]);
    assert!(!work.try_git(&["rev-parse", "nothing"]).ok());
}

#[test]
fn loose_objects_can_be_damaged_without_harm_to_the_remote() {
    let (dir, world) = world();
    let remote = world.remote("klipper");
    remote.commit(&[("a.py", "1\n")], "First");
    let work = remote.clone_to(dir.path().join("work"));
    work.pack();
    work.loosen();
    work.damage(&work.object("HEAD"), b"");
    assert!(!work.try_git(&["fsck"]).ok());
    assert_eq!(remote.git(&["fsck"]), "");
}
