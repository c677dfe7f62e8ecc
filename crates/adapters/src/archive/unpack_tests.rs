//! Both doors lead to the same folder.

use super::*;
use refit_testkit::scratch::scratch;
use refit_testkit::tree::Tree;
use refit_testkit::zip::ZipBuilder;

#[test]
fn without_openat2_the_same_is_unpacked() {
    let dir = scratch();
    let archive = dir.path().join("archive.zip");
    let files = ["a/b/c/d", "a/b/e", "a/f", "a-b/c", "g", "a/b/h/i"];
    let made = files.iter().fold(ZipBuilder::new(), |zip, path| zip.file(path, path)).symlink("a/b/z", "../f").build();
    std::fs::write(&archive, made).unwrap();
    let unpacked = [Door::Openat2, Door::NoFollow].map(|door| {
        let stage = dir.path().join(format!("{door:?}"));
        std::fs::create_dir(&stage).unwrap();
        let contents = unpack_through(door, &archive, &stage, &Bounds::default(), &mut |_, _| ()).unwrap();
        (contents, Tree::whole(&stage))
    });
    assert_eq!(unpacked[0].1.paths().count(), 7);
    assert_eq!(unpacked[0], unpacked[1]);
}
