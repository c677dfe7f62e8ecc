//! Any bytes as a zip archive: no panic, nothing outside the stage, and what was told is what is there.
#![no_main]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use refit_adapters::archive::{Bounds, EntryKind, read_member, survey, unpack};

const BOUNDS: Bounds = Bounds { files: 200, bytes: 4 << 20, ratio: 200 };

fuzz_target!(|bytes: &[u8]| {
    let world = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
    let (archive, stage) = (world.path().join("archive.zip"), world.path().join("stage"));
    fs::write(&archive, bytes).and_then(|()| fs::create_dir(&stage)).expect("room in memory");
    let _info = read_member(&archive, "release_info.json", 64 << 10);
    let seen = survey(&archive, &BOUNDS);
    let contents = unpack(&archive, &stage, &BOUNDS, &mut |done, total| assert!(done <= total));

    let mut beside: Vec<_> =
        fs::read_dir(world.path()).expect("listed").map(|entry| entry.expect("seen").file_name()).collect();
    beside.sort();
    assert_eq!(beside, ["archive.zip", "stage"]);
    assert_eq!(fs::read(&archive).expect("still there"), bytes);
    let Ok(contents) = contents else { return };
    let seen = seen.expect("what is unpacked was surveyed");
    assert_eq!(seen.files, contents.files);
    let mut there = BTreeMap::new();
    gather(&stage, "", &mut there);
    let told: BTreeMap<_, _> = contents.entries.into_iter().map(|entry| (entry.path, entry.kind)).collect();
    assert_eq!(told.keys().collect::<Vec<_>>(), there.keys().collect::<Vec<_>>());
    for (path, kind) in told {
        match (kind, &there[&path]) {
            (EntryKind::File { size, .. }, Found::File(length)) => assert_eq!(size, *length),
            (EntryKind::Folder, Found::Folder) => {}
            (EntryKind::Symlink { .. }, Found::Inside) => {}
            (kind, found) => panic!("{path}: {kind:?}, {found:?}"),
        }
    }
});

#[derive(Debug)]
enum Found {
    File(u64),
    Folder,
    /// A link that leads to something in the stage, or nowhere.
    Inside,
    Outside,
}

fn gather(stage: &Path, below: &str, there: &mut BTreeMap<String, Found>) {
    for entry in fs::read_dir(stage.join(below)).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("UTF-8");
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        let seen = entry.metadata().expect("there");
        let found = if seen.is_dir() {
            gather(stage, &path, there);
            Found::Folder
        } else if seen.is_file() {
            Found::File(seen.len())
        } else if fs::canonicalize(stage.join(&path)).is_ok_and(|target| !target.starts_with(stage)) {
            Found::Outside
        } else {
            Found::Inside
        };
        there.insert(path, found);
    }
}
