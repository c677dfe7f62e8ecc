use super::*;

const SHA: &str = "007a7fb43b51c5f80bc76e41221a6edcf3cc1567";

#[test]
fn a_status_is_read_whole() {
    let z = "0000000000000000000000000000000000000000";
    let printed = format!(
        "# branch.oid {SHA}\0# branch.head feat/x\0# branch.upstream origin/feat/x\0# branch.ab +2 -13\0# stash 3\0\
         1 .M N... 100644 100644 100644 {z} {z} a b.py\0\
         2 R. N... 100644 100644 100644 {z} {z} R100 new name\0old name\0\
         u UU N... 100644 100644 100644 100644 {z} {z} {z} both\0\
         1 .M S..U 160000 160000 160000 {z} {z} sub\0? dir/\0? x\ny\0! ignored\0"
    );
    let read = status(printed.as_bytes()).unwrap();
    assert_eq!(read.oid.as_ref().map(CommitId::as_str), Some(SHA));
    assert_eq!((read.branch.as_deref(), read.upstream.as_deref()), (Some("feat/x"), Some("origin/feat/x")));
    assert_eq!(read.ahead_behind, Some((2, 13)));
    let changed: Vec<_> = read.changed.iter().map(|c| (&c.path[..], c.is_modified(), c.is_dirty())).collect();
    let want: [(&[u8], bool, bool); 4] =
        [(b"a b.py", true, true), (b"new name", false, true), (b"both", false, true), (b"sub", true, false)];
    assert_eq!(changed, want);
    assert_eq!(read.untracked, [&b"dir/"[..], b"x\ny"]);
    let unborn = status(b"# branch.oid (initial)\0# branch.head master\0").unwrap();
    assert_eq!((unborn.oid, unborn.branch.as_deref(), unborn.ahead_behind), (None, Some("master"), None));
    assert_eq!(status(b"# branch.head (detached)\0").unwrap().branch, None);
}

#[test]
fn what_is_no_status_is_refused() {
    for bad in [&b"x"[..], b"1 .M N...\0", b"1 .M N... 1 2 3 4 5 \0", b"2 R. N... 1 2 3 4 5 R1 new", b"9 x\0"] {
        assert!(status(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_log_is_read_record_by_record() {
    let printed =
        format!("{SHA}\0Ann\01700000660\0change 4\0\n body \n\x1c\0tag: v1.0, tag: x\0\0{SHA}\0\u{e9}\01\0\0\0\0\0");
    let read = log(printed.as_bytes()).unwrap();
    let seen: Vec<_> = read.iter().map(|l| (&*l.commit.author, l.commit.date, &*l.commit.message, l.tagged)).collect();
    assert_eq!(seen, [("Ann", 1_700_000_660, "body", true), ("\u{e9}", 1, "", false)]);
    assert_eq!(log(b""), Ok(vec![]));
    assert!(log(b"abc\0").is_err() && log(format!("{SHA}\0a\0b\0c\0d\0e\0\0").as_bytes()).is_err());
}

#[test]
fn tags_of_commits_are_read_in_order() {
    let printed =
        format!("commit {SHA} refs/tags/b\ntree {SHA} refs/tags/t\ncommit {SHA} refs/tags/a/x\ncommit x y\n\n");
    let names: Vec<_> = tags(printed.as_bytes()).into_iter().map(|tag| tag.name).collect();
    assert_eq!(names, ["b", "a/x"]);
}

#[test]
fn a_detached_head_says_where() {
    assert_eq!(detached_at(b"* (HEAD detached at origin/master)\n  master\n").as_deref(), Some("origin/master"));
    assert_eq!(detached_at(b"* (HEAD detached from v1.0)\n").as_deref(), Some("v1.0"));
    for none in [&b"* (no branch, rebasing master)\n"[..], b"* master\n", b"", b"* (HEAD detached at )\n", b"\xff"] {
        assert_eq!(detached_at(none), None);
    }
}

#[test]
fn numbers_are_read() {
    assert_eq!(left_right(b"3\t14\n"), Some((3, 14)));
    assert_eq!((left_right(b"3 14"), count(b" 7\n"), count(b"x")), (None, Some(7), None));
}

#[test]
fn paths_are_quoted_as_git_does() {
    for (path, want) in [
        (&b"plain/it's.py"[..], "plain/it's.py"),
        (b"sp ace.py", "\"sp ace.py\""),
        (b"a\"b\\c", "\"a\\\"b\\\\c\""),
        (b"\x07\t\n\x01\x7f", "\"\\a\\t\\n\\001\\177\""),
        ("\u{e9}.py".as_bytes(), "\"\\303\\251.py\""),
    ] {
        assert_eq!(quoted(path, true), want);
    }
    assert_eq!(quoted("\u{e9}".as_bytes(), false), "\u{e9}");
}

proptest::proptest! {
    #[test]
    fn no_output_panics(bytes: Vec<u8>, text in "[12u?!# RM.NSU0a-f\\x00\\n*()]*") {
        for bytes in [&bytes[..], text.as_bytes()] {
            let _ = (status(bytes), log(bytes), tags(bytes), detached_at(bytes), left_right(bytes), quoted(bytes, true));
        }
    }
}
