//! The corpus: each archive is refused with a message that names the entry, and leaves everything outside the stage alone.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use refit_adapters::archive::{ArchiveError, Bounds, read_member, survey, unpack};
use refit_testkit::zip::ZipBuilder;

use crate::World;

/// When an archive gives itself away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// In its directory: a survey refuses it already.
    Surveyed,
    /// In its headers or links: before anything is written.
    Unwritten,
    /// While unpacking.
    Unpacking,
}
use Seen::{Surveyed, Unpacking, Unwritten};

/// What is in a corpus: the archive, the entry that the message names, and what it says of it.
type Case = (ZipBuilder, &'static str, &'static str, Seen);

fn zip() -> ZipBuilder {
    ZipBuilder::new().file("index.html", "<html>")
}

/// An entry with a name that no `&str` need be.
fn named(name: &[u8]) -> ZipBuilder {
    zip().file("x", "evil").lie_twice(|header| header.name = name.to_vec())
}

#[track_caller]
fn refused(cases: Vec<Case>) {
    refused_within(&Bounds::default(), cases);
}

#[track_caller]
fn refused_within(bounds: &Bounds, cases: Vec<Case>) {
    for (archive, entry, reason, seen) in cases {
        let world = World::with(&archive.build());
        let surveyed = survey(&world.archive(), bounds);
        assert_eq!(surveyed.is_err(), seen == Surveyed, "{entry}: {surveyed:?}");
        let message = match world.unpack(bounds) {
            Ok(contents) => panic!("{entry:?} was unpacked to {contents:?}"),
            Err(error) => error.to_string(),
        };
        for part in [entry, reason, "nothing was changed", "ell the project that published it"] {
            assert!(message.contains(part), "{part:?} is missing: {message}");
        }
        assert!(!message.chars().any(char::is_control), "{message:?}");
        let is_empty = fs::read_dir(world.stage()).unwrap().next().is_none();
        assert!(is_empty || seen == Unpacking, "something was written for {entry}");
        if let Err(error) = surveyed {
            assert_eq!(error.to_string(), message);
        }
    }
}

#[test]
fn names_that_lead_out_or_hide_something() {
    let long = format!("a/{}", "b".repeat(256));
    let long: &'static str = long.leak();
    let deep: &'static str = format!("{}x", "d/".repeat(33)).leak();
    let longest: &'static str = "long/".repeat(5000).leak();
    refused(vec![
        (named(b"../evil"), "../evil", "\"..\" in its path", Surveyed),
        (named(b"assets/../../evil"), "assets/../../evil", "\"..\" in its path", Surveyed),
        (named(b".."), "\"..\"", "in its path", Surveyed),
        (named(b"assets/.."), "assets/..", "in its path", Surveyed),
        (named(b"./evil"), "./evil", "in its path", Surveyed),
        (named(b"/etc/cron.d/evil"), "/etc/cron.d/evil", "absolute path", Surveyed),
        (named(b"//evil"), "//evil", "absolute path", Surveyed),
        (named(b"/"), "\"/\"", "absolute path", Surveyed),
        (named(b"..\\evil"), "..\\\\evil", "backslash", Surveyed),
        (named(b"C:/evil"), "C:/evil", "drive letter", Surveyed),
        (named(b"c:evil"), "c:evil", "drive letter", Surveyed),
        (named(b"evil\0.png"), "evil\\0.png", "control character", Surveyed),
        (named(b"evil\n\x1b[2J"), "evil\\n\\u{1b}[2J", "control character", Surveyed),
        (named("evil\u{85}".as_bytes()), "evil\\u{85}", "control character", Surveyed),
        (named(b""), "\"\"", "no name", Surveyed),
        (named(b"a//b"), "a//b", "no name", Surveyed),
        (named(b"a//"), "a//", "no name", Surveyed),
        (named(b"evil\xff"), "evil\u{fffd}", "not UTF-8", Surveyed),
        (named(b"\x81"), "\u{fffd}", "not UTF-8", Surveyed),
        (named(long.as_bytes()), &long[..100], "longer than 255 bytes", Surveyed),
        (named(deep.as_bytes()), "d/d/d", "more than 32 folders deep", Surveyed),
        (named(longest.as_bytes()), "long/long/", "longer than 1024 bytes", Surveyed),
    ]);
}

#[test]
fn names_that_meet() {
    refused(vec![
        (zip().file("index.html", "other"), "index.html", "is there twice", Surveyed),
        (zip().file("Index.HTML", "other"), "Index.HTML", "differs from \"index.html\" in upper and lower", Surveyed),
        (zip().file("Ä", "").file("ä", ""), "ä", "differs from \"Ä\"", Surveyed),
        (zip().file("Js/a", "").file("js/b", ""), "js/b", "differs from \"Js\"", Surveyed),
        (zip().folder("a").folder("a"), "\"a/\"", "is there twice", Surveyed),
        (zip().folder("a").folder("A"), "\"A/\"", "differs from \"a\"", Surveyed),
        (zip().file("index.html/x", ""), "index.html/x", "needs \"index.html\" to be a folder and a file", Surveyed),
        (zip().file("a/x", "").file("a", ""), "\"a\"", "a folder and a file", Surveyed),
        (zip().folder("a").file("a", ""), "\"a\"", "a folder and a file", Surveyed),
        (zip().symlink("index.html", "x"), "index.html", "is there twice", Surveyed),
    ]);
}

#[test]
fn links_that_lead_out() {
    let leads_out = "which is or may be outside the archive";
    refused(vec![
        (zip().symlink("evil", "/etc/passwd"), "evil", leads_out, Unwritten),
        (zip().symlink("evil", "../outside"), "evil", "to \"../outside\", which is", Unwritten),
        (zip().symlink("a/evil", "../../outside"), "a/evil", leads_out, Unwritten),
        (zip().symlink("evil", "a/../../outside"), "evil", leads_out, Unwritten),
        // Through another link, a target that looks as if it stayed inside leads out.
        (zip().symlink("d/e/up", "../..").symlink("evil", "d/e/up/../outside"), "evil", leads_out, Unwritten),
        (zip().symlink("evil", "..\\outside"), "evil", leads_out, Unwritten),
        (zip().symlink("evil", ""), "evil", "target is empty", Unwritten),
        (zip().symlink("evil", "a\0b"), "evil", "no text", Unwritten),
        (zip().symlink("evil", &"a/".repeat(40_000)), "evil", "too long", Unwritten),
        (zip().symlink("evil", "outside").file("evil/x", ""), "evil/x", "below the symbolic link \"evil\"", Surveyed),
        (zip().file("evil/a/x", "").symlink("evil", "o"), "\"evil\"", "below the symbolic link \"evil\"", Surveyed),
        (zip().symlink("a/evil", "x").folder("a/evil/b"), "a/evil/b", "below the symbolic link", Surveyed),
    ]);
}

#[test]
fn what_is_no_file() {
    let typed = |kind: u32| zip().file("evil", "").lie(move |record| record.attributes = (kind | 0o666) << 16);
    let hard_link = [&[0x0d, 0, 18, 0][..], &[0; 12], b"/etc/x"].concat();
    refused(vec![
        (typed(0o010_000), "evil", "a named pipe", Surveyed),
        (typed(0o020_000), "evil", "a device", Surveyed),
        (typed(0o060_000), "evil", "a device", Surveyed),
        (typed(0o140_000), "evil", "a socket", Surveyed),
        (typed(0o150_000), "evil", "of a kind that Unix does not know", Surveyed),
        (typed(0o040_000), "evil", "a folder and also that it is not", Surveyed),
        (zip().lie_twice(move |header| header.extra.clone_from(&hard_link)), "index.html", "a hard link", Surveyed),
        (zip().folder("evil").lie(|r| r.attributes = 0o120_777 << 16), "evil/", "and also that it is not", Surveyed),
        (
            zip().file("evil", "").lie(|r| (r.made_by, r.attributes) = (20, 0x10)),
            "evil",
            "also that it is not",
            Surveyed,
        ),
        (named(b"evil/"), "evil/", "a folder and also that it is not", Surveyed),
    ]);
}

#[test]
fn too_much_of_anything() {
    let bounds = Bounds { files: 10, bytes: 3 << 20, ratio: 50 };
    let folders = (0..10).fold(zip(), |zip, n| zip.folder(&format!("f{n}")));
    let implied = zip().file("a/b/c/d/e/f/g/h/i/j", "");
    let noise: Vec<u8> = (0..1 << 20).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let many = (0..4).fold(zip(), |zip, n| zip.file(&format!("n{n}"), &noise).stored());
    let zeros = vec![0; 2 << 20];
    let half_a_bomb = (0..2).fold(ZipBuilder::new(), |zip, n| zip.file(&format!("z{n}"), &zeros[..1 << 20]));
    refused_within(
        &bounds,
        vec![
            (folders, "\"f9\" is one too many", "more than 10 files and folders", Surveyed),
            (implied, "\"a/b/c/d/e/f/g/h/i/j\" is one too many", "more than 10 files", Surveyed),
            (many, "the entry \"n2\" is past that", "more than 3145728 bytes", Surveyed),
            (zip().file("bomb", &zeros), "\"bomb\"", "more than 50 times its packed size", Surveyed),
            (half_a_bomb, "2097152 bytes when unpacked", "more than 50 times", Surveyed),
            (zip().lie(|r| r.central.size = u64::MAX).zip64(), "index.html", "more than 50 times", Surveyed),
        ],
    );
    let ok = Bounds { files: 11, bytes: 5 << 20, ratio: 2000 };
    let world = World::with(&zip().file("a/b/c/d/e/f/g/h/i", &zeros).build());
    assert_eq!(world.unpack(&ok).unwrap().bytes, (2 << 20) + 6);
}

#[test]
fn sizes_that_lie() {
    let text = "text that is long enough to be packed, ".repeat(10_000);
    let lying = |size: u64| zip().file("liar", &text).lie_twice(move |header| header.size = size);
    refused(vec![
        (lying(10), "liar", "does not have the size", Unpacking),
        (lying(389_999), "liar", "does not have the size", Unpacking),
        (lying(390_001), "liar", "does not have the size", Unpacking),
        (lying(0), "liar", "does not have the size", Unpacking),
        (zip().file("liar", &text).stored().lie_twice(|h| h.size = 10), "liar", "does not have the size", Surveyed),
        (zip().lie_twice(|header| header.crc ^= 1), "index.html", "is damaged", Unpacking),
        (zip().stored().lie(|r| r.data[0] ^= 1), "index.html", "is damaged", Unpacking),
        (zip().lie(|r| r.data.fill(0xff)), "index.html", "is damaged", Unpacking),
        // Half of the packed bytes, and then its end is missing.
        (zip().file("liar", &text).lie_twice(|h| h.packed /= 2), "liar", "is damaged", Unpacking),
    ]);
}

/// A small lie about something endless must not fill the disk before it is found out.
#[test]
fn nothing_is_written_past_a_declared_size() {
    for size in [0, 10, 100_000] {
        let archive = ZipBuilder::new().file("liar", "text ".repeat(1 << 20)).lie_twice(|header| header.size = size);
        let world = World::with(&archive.build());
        let mut furthest = 0;
        let progress = &mut |done, _total| furthest = done;
        unpack(&world.archive(), &world.stage(), &Bounds::default(), progress).unwrap_err();
        assert!(furthest <= size && fs::metadata(world.stage().join("liar")).unwrap().len() <= size, "{size}");
    }
}

#[test]
fn entries_that_share_bytes() {
    let content = "<html>".repeat(100);
    let same = ZipBuilder::new().file("one", &content).file("two", &content).lie(|record| {
        (record.is_written, record.offset, record.local.name) = (false, Some(0), b"one".to_vec());
    });
    // Fifield's: the local header of the next entry is quoted inside the packed data of the one before.
    let inner = ZipBuilder::new().file("inner", &content).stored().build();
    let inner = inner[..inner.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap()].to_vec();
    let quoted = ZipBuilder::new()
        .file("outer", &inner)
        .stored()
        .file("inner", &content)
        .stored()
        .lie(|record| (record.is_written, record.offset) = (false, Some(30 + 5)));
    let into_the_directory = zip().stored().lie_twice(|h| (h.size, h.packed) = (h.size + 60, h.packed + 60));
    refused(vec![
        (same, "two", "lies over the entry \"one\"", Unwritten),
        (quoted, "inner", "lies over the entry \"outer\"", Unwritten),
        (into_the_directory, "index.html", "is cut off", Unwritten),
    ]);
}

#[test]
fn what_cannot_be_read() {
    refused(vec![
        (zip().lie_twice(|header| header.flags |= 1), "index.html", "is encrypted", Surveyed),
        (zip().lie_twice(|header| header.flags |= 1 << 6), "index.html", "is encrypted", Surveyed),
        (zip().lie_twice(|header| header.flags |= 1 << 13), "index.html", "is encrypted", Surveyed),
        (zip().lie(|record| record.local.flags |= 1), "index.html", "is encrypted", Unwritten),
        (zip().lie_twice(|header| header.method = 99), "index.html", "the unknown method 99", Surveyed),
        (zip().lie_twice(|header| header.method = 12), "index.html", "the unknown method 12", Surveyed),
        (zip().lie(|record| record.local.method = 0), "index.html", "two ways by the archive (its packing", Unwritten),
        (
            zip().lie(|r| r.local.name = b"index.htm_".to_vec()),
            "index.html",
            "two ways by the archive (its name",
            Unwritten,
        ),
        (zip().lie(|r| r.local.name = b"../evil".to_vec()), "index.html", "(its name differs)", Unwritten),
        (zip().lie(|r| r.local.name = b"index.html/".to_vec()), "index.html", "(its name differs)", Unwritten),
        (zip().lie(|r| r.local.size = 1), "index.html", "(its size differs)", Unwritten),
        (zip().lie(|r| r.local.crc = 1), "index.html", "(its checksum differs)", Unwritten),
        (zip().lie(|record| record.offset = Some(5)), "index.html", "is not where", Unwritten),
        (zip().lie(|record| record.offset = Some(1 << 30)), "index.html", "is cut off", Unwritten),
        (zip().lie(|record| record.offset = Some(u64::MAX)).zip64(), "index.html", "is cut off", Unwritten),
        (zip().lie_at_the_end(|end| end.disk = 1), "archive.zip", "one part of an archive in several", Surveyed),
        (zip().lie_at_the_end(|end| end.first_disk = 1), "archive.zip", "one part of an archive", Surveyed),
        (zip().zip64().lie_at_the_end(|end| end.disks = 2), "archive.zip", "one part of an archive", Surveyed),
        (zip().lie_at_the_end(|end| end.entries = 2), "archive.zip", "declares 2 entries and has 1", Surveyed),
        (zip().file("hidden", "").lie_at_the_end(|end| end.entries = 1), "archive.zip", "has 2", Surveyed),
    ]);
}

/// Wherever it is cut off, it is refused; and where a byte is wrong, either it is refused or it did not matter.
#[test]
fn archives_that_are_cut_off_or_damaged() {
    let archive = zip().folder("assets").file("assets/app.js", "alert(1)").symlink("link", "index.html").build();
    let whole = World::with(&archive).unpack(&Bounds::default()).unwrap();
    for length in 0..archive.len() {
        let error = World::with(&archive[..length]).unpack(&Bounds::default()).unwrap_err().to_string();
        assert!(error.contains("archive.zip is not a whole zip archive ("), "{error}");
        assert!(error.contains("its end is missing") || error.contains("is cut off"), "{error}");
    }
    for at in 0..archive.len() {
        let mut damaged = archive.clone();
        damaged[at] ^= 0x10;
        let world = World::with(&damaged);
        if let Ok(contents) = world.unpack(&Bounds::default()) {
            // Permissions, a link's target in which nothing is checked but its letters, times and versions.
            assert_eq!(contents.files, whole.files, "byte {at}");
        }
    }
}

#[test]
fn special_permissions_are_dropped() {
    let archive = zip().file("suid", "").mode(0o6777).file("open", "").mode(0o666).file("shut", "").mode(0);
    let archive = archive
        .file("run", "")
        .mode(0o1751)
        .file("private", "")
        .mode(0o400)
        .folder("d")
        .mode(0o7777)
        .folder("shut-d")
        .mode(0)
        .build();
    let world = World::with(&archive);
    let contents = world.unpack(&Bounds::default()).unwrap();
    let modes = |path: &str| {
        let seen = fs::symlink_metadata(world.stage().join(path)).unwrap().permissions().mode() & 0o7777;
        let told = contents.entries.iter().find(|entry| entry.path == path).unwrap().mode;
        assert_eq!(seen, told, "{path}");
        seen
    };
    let names = ["suid", "open", "shut", "run", "private", "d", "shut-d"];
    assert_eq!(names.map(modes), [0o755, 0o644, 0o644, 0o751, 0o400, 0o755, 0o755]);
}

#[test]
fn a_stage_is_an_empty_folder_and_no_link_to_one() {
    let world = World::with(&zip().build());
    fs::write(world.stage().join("index.html"), "mine").unwrap();
    let error = world.unpack(&Bounds::default()).unwrap_err();
    assert!(matches!(error, ArchiveError::NotEmpty(_)), "{error}");
    assert_eq!(fs::read(world.stage().join("index.html")).unwrap(), b"mine");

    let link = world.dir.path().join("link");
    symlink("outside", &link).unwrap();
    let error = unpack(&world.archive(), &link, &Bounds::default(), &mut |_, _| ()).unwrap_err();
    assert!(error.to_string().contains("link could not be opened as a folder"), "{error}");
    assert!(unpack(&world.archive(), &world.dir.path().join("none"), &Bounds::default(), &mut |_, _| ()).is_err());
}

#[test]
fn one_member_is_read_without_the_rest() {
    let info = r#"{"version":"v1"}"#;
    let archive = zip().file("release_info.json", info).symlink("evil", "/etc").file("../x", "").folder("d");
    let world = World::with(&archive.build());
    let read = |name, limit| read_member(&world.archive(), name, limit);
    assert_eq!(read("release_info.json", 16).unwrap().as_deref(), Some(info.as_bytes()));
    assert_eq!(read("RELEASE_INFO.json", 16).unwrap(), None);
    for (name, limit, reason) in [
        ("release_info.json", 15, "has more than 15 bytes"),
        ("evil", 99, "no ordinary file"),
        ("d/", 9, "no ordinary file"),
    ] {
        let message = read(name, limit).unwrap_err().to_string();
        assert!(message.contains(name) && message.contains(reason), "{message}");
    }
    let twice = World::with(&zip().file("a", "1").file("a", "2").build());
    assert!(
        read_member(&twice.archive(), "a", 9).unwrap_err().to_string().contains("\"a\" of the archive is there twice")
    );
    let liar = World::with(&zip().file("a", "12345678").lie_twice(|header| header.size = 2).build());
    assert!(read_member(&liar.archive(), "a", 4).unwrap_err().to_string().contains("does not have the size"));
}
