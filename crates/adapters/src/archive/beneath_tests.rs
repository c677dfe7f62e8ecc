//! The second lock by itself: with names that the first one would never let through.

use std::fs;
use std::os::unix::fs::symlink;

use refit_testkit::scratch::scratch;
use refit_testkit::tree::Tree;

use super::*;

#[test]
fn nothing_leads_through_a_link_or_over_what_is_there() {
    for door in [Door::Openat2, Door::NoFollow] {
        let dir = scratch();
        let (stage, outside) = (dir.path().join("stage"), dir.path().join("outside"));
        fs::create_dir(&stage).unwrap();
        fs::create_dir_all(outside.join("deep")).unwrap();
        fs::write(outside.join("precious"), "precious").unwrap();
        let before = Tree::whole(&outside);
        let mut beneath = Beneath::empty(&stage, door).unwrap();
        // Planted by somebody else after the stage was found empty.
        symlink(&outside, stage.join("evil")).unwrap();
        symlink("../outside/precious", stage.join("file")).unwrap();
        symlink("../outside/new", stage.join("dangling")).unwrap();
        for path in ["evil/new", "evil/deep/new", "file", "dangling"] {
            assert!(beneath.make_file(path).is_err(), "{door:?}: {path}");
        }
        assert!(beneath.make_folder("evil/new").is_err() && beneath.make_folder("evil").is_err());
        assert!(beneath.make_link("evil/new", "x").is_err() && beneath.make_link("file", "x").is_err());
        assert_eq!(before.diff(&Tree::whole(&outside)), Vec::<String>::new(), "{door:?}");
        // A refused name does not leave the wrong folder open.
        beneath.make_folder("fine").unwrap();
        beneath.make_file("fine/file").unwrap();
        assert!(stage.join("fine/file").is_file());
    }
}

#[test]
fn the_kernel_refuses_to_climb() {
    let dir = scratch();
    let stage = dir.path().join("stage");
    fs::create_dir(&stage).unwrap();
    let beneath = Beneath::empty(&stage, Door::Openat2).unwrap();
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
    for path in ["../new", "/tmp/refit-new", ".."] {
        assert!(Door::Openat2.open(beneath.innermost(), path, flags, Mode::RUSR).is_err(), "{path}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}
