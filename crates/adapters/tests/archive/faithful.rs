//! Honest archives: what was packed is what is unpacked, whoever packed it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use refit_adapters::archive::{Bounds, EntryKind, survey, unpack};
use refit_testkit::scratch::scratch;
use refit_testkit::tree::Tree;
use refit_testkit::zip::ZipBuilder;

use crate::World;

#[test]
fn contents_tell_what_was_unpacked() {
    let archive = ZipBuilder::new()
        .file("index.html", "abc")
        .folder("empty")
        .file("assets/run.sh", "#!/bin/sh\n")
        .mode(0o755)
        .symlink("assets/link", "../index.html");
    let world = World::with(&archive.build());
    let seen = survey(&world.archive(), &Bounds::default()).unwrap();
    assert_eq!((seen.files, seen.bytes), (3, 26));
    let paths: Vec<&str> = seen.leaves.iter().map(|leaf| leaf.path.as_str()).collect();
    assert_eq!(paths, ["index.html", "assets/run.sh", "assets/link"]);

    let contents = world.unpack(&Bounds::default()).unwrap();
    assert_eq!((contents.files, contents.bytes), (3, 13));
    let told: Vec<_> = contents.entries.iter().map(|entry| (entry.path.as_str(), entry.mode)).collect();
    let expected =
        [("assets", 0o755), ("assets/link", 0o777), ("assets/run.sh", 0o755), ("empty", 0o755), ("index.html", 0o644)];
    assert_eq!(told, expected);
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned();
    assert_eq!(contents.entries[4].kind, EntryKind::File { size: 3, sha256 });
    assert_eq!(contents.entries[1].kind, EntryKind::Symlink { target: "../index.html".to_owned() });
    assert_eq!(contents.entries[3].kind, EntryKind::Folder);
    assert_eq!(fs::read(world.stage().join("assets/link")).unwrap(), b"abc");
    assert!(world.stage().join("empty").is_dir());
}

#[test]
fn every_way_to_write_an_honest_archive_is_read() {
    let plain = || ZipBuilder::new().folder("a").file("a/b", "content".repeat(99)).file("empty", "");
    let expected = {
        let world = World::with(&plain().build());
        world.unpack(&Bounds::default()).unwrap();
        Tree::whole(world.stage())
    };
    let streamed = |is_zip64| {
        ZipBuilder::new()
            .folder("a")
            .file("a/b", "content".repeat(99))
            .lie(|r| r.has_descriptor = true)
            .file("empty", "")
            .lie(move |record| (record.has_descriptor, record.is_zip64) = (true, is_zip64))
    };
    let from_dos = plain().lie(|record| (record.made_by, record.attributes) = (20, 0x20));
    let ways = [
        ("stored", ZipBuilder::new().folder("a").file("a/b", "content".repeat(99)).stored().file("empty", "").stored()),
        ("zip64", plain().zip64()),
        ("zip64 with a comment", plain().zip64().comment(b"released")),
        ("streamed", streamed(false)),
        ("streamed zip64", streamed(true)),
        ("a comment", plain().comment(&[b'c'; 65_535])),
        ("something before it", plain().before(&[0; 1000])),
        ("something after it", plain().after(&[0; 1000])),
        ("from DOS", from_dos),
        ("without folders", ZipBuilder::new().file("a/b", "content".repeat(99)).file("empty", "")),
        ("extra fields", plain().lie_twice(|header| header.extra = b"UT\x05\x00\x03\0\0\0\0".to_vec())),
        ("a folder with the mode of a file", plain().folder("x").lie(|record| record.attributes = 0o100_644 << 16)),
    ];
    for (way, archive) in ways {
        let world = World::with(&archive.build());
        world.unpack(&Bounds::default()).unwrap_or_else(|error| panic!("{way}: {error}"));
        assert_eq!(expected.diff(&Tree::whole(world.stage())), Vec::<String>::new(), "{way}");
    }
    let nothing = World::with(&ZipBuilder::new().build());
    assert_eq!(nothing.unpack(&Bounds::default()).unwrap().entries, []);
}

#[test]
fn progress_counts_up_to_the_declared_bytes() {
    let noise: Vec<u8> = (0..300_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let world = World::with(&ZipBuilder::new().file("a", &noise).file("b", "").file("c", "123").build());
    let mut told = Vec::new();
    unpack(&world.archive(), &world.stage(), &Bounds::default(), &mut |done, total| told.push((done, total))).unwrap();
    assert!(told.len() > 5 && told.is_sorted(), "{told:?}");
    assert!(told.iter().all(|(_, total)| *total == 300_003));
    assert_eq!(told.last(), Some(&(300_003, 300_003)));
}

/// A tree as a test imagines it: names that cannot meet each other, files and folders.
fn trees() -> impl Strategy<Value = BTreeMap<String, (Vec<u8>, bool, bool)>> {
    let part = prop_oneof!["[a-c]", "[a-c]ü \\.", "-[0-9]{1,3}"];
    let path = proptest::collection::vec(part, 1..5).prop_map(|parts| parts.join("/"));
    let content = (proptest::collection::vec(any::<u8>(), 0..200), 1..700_usize);
    let content = content.prop_map(|(bytes, times)| bytes.repeat(times));
    let tree = proptest::collection::btree_map(path, (content, any::<bool>(), any::<bool>()), 0..12);
    tree.prop_map(|mut tree| {
        let above: Vec<String> = tree.keys().cloned().collect();
        tree.retain(|path, _| !above.iter().any(|other| other.starts_with(&format!("{path}/"))));
        tree
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Any tree that is packed unpacks to itself.
    #[test]
    fn a_tree_unpacks_to_itself(tree in trees(), is_zip64 in any::<bool>()) {
        let expected = scratch();
        let mut archive = ZipBuilder::new();
        for (path, (content, is_executable, is_stored)) in &tree {
            let file = expected.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, content).unwrap();
            archive = archive.file(path, content);
            if *is_executable {
                make_executable(&file);
                archive = archive.mode(0o755);
            }
            if *is_stored {
                archive = archive.stored();
            }
        }
        // The reader does not take an empty zip64 archive for one; there is no use for it either.
        let archive = if is_zip64 && !tree.is_empty() { archive.zip64() } else { archive };
        let world = World::with(&archive.build());
        let bounds = Bounds { ratio: 2000, ..Bounds::default() };
        let contents = world.unpack(&bounds).unwrap();
        prop_assert_eq!(Tree::whole(expected.path()).diff(&Tree::whole(world.stage())), Vec::<String>::new());
        let files = contents.entries.iter().filter(|entry| matches!(entry.kind, EntryKind::File { .. }));
        prop_assert!(files.map(|entry| &entry.path).eq(tree.keys()));
        prop_assert_eq!(contents.bytes, tree.values().map(|(content, ..)| content.len() as u64).sum::<u64>());
    }
}

/// What Python's own writer and reader, and the two old tools where they are there, make of the same tree.
#[test]
fn other_tools_agree() {
    let source = scratch();
    let root = source.path().join("source");
    for (path, content) in
        [("index.html", &b"<html>"[..]), ("assets/a b/ä.js", b"1"), ("empty", b""), ("bin/run", b"#!")]
    {
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }
    fs::write(root.join("assets/large"), b"0123456789abcdef".repeat(20_000)).unwrap();
    fs::create_dir(root.join("hollow")).unwrap();
    make_executable(&root.join("bin/run"));

    let python = source.path().join("python.zip");
    let pack = "import shutil,sys; shutil.make_archive(sys.argv[1][:-4], 'zip', sys.argv[2])";
    run("python3", &["-c", pack, &text(&python), &text(&root)], &root).expect("python3 is there");
    let unpacked = source.path().join("by-python");
    run("python3", &["-m", "zipfile", "-e", &text(&python), &text(&unpacked)], &root).unwrap();
    // Python's reader drops the execute bit; its writer keeps it.
    let (ours, theirs) = (unpacked_tree(&python), Tree::whole(&unpacked));
    assert_eq!(ours.diff(&theirs).len(), 1, "{:?}", ours.diff(&theirs));
    assert_eq!(Tree::whole(&root).diff(&ours), Vec::<String>::new());

    std::os::unix::fs::symlink("../index.html", root.join("bin/link")).unwrap();
    let zip = source.path().join("zip.zip");
    if run("zip", &["-q", "-r", "-y", &text(&zip), "."], &root).is_none() {
        return;
    }
    let ours = unpacked_tree(&zip);
    assert_eq!(Tree::whole(&root).diff(&ours), Vec::<String>::new());
    let unpacked = source.path().join("by-unzip");
    if run("unzip", &["-q", &text(&zip), "-d", &text(&unpacked)], &root).is_some() {
        assert_eq!(Tree::whole(&unpacked).diff(&ours), Vec::<String>::new());
    }
    // Written to a pipe, sizes come after the data.
    let piped = source.path().join("piped.zip");
    run("sh", &["-c", "zip -q -r -y - . > \"$0\"", &text(&piped)], &root).unwrap();
    assert_eq!(Tree::whole(&root).diff(&unpacked_tree(&piped)), Vec::<String>::new());
}

fn unpacked_tree(archive: &Path) -> Tree {
    let world = World::with(&fs::read(archive).unwrap());
    world.unpack(&Bounds::default()).unwrap();
    Tree::whole(world.stage())
}

/// None when there is no such program.
#[expect(clippy::disallowed_methods, reason = "other tools are what this test compares with")]
fn run(program: &str, arguments: &[&str], folder: &Path) -> Option<()> {
    let output = match Command::new(program).args(arguments).current_dir(folder).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        output => output.unwrap(),
    };
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    Some(())
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
