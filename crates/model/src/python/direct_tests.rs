use super::*;

fn parts(text: &str) -> Option<[String; 5]> {
    let reference = DirectReference::parse(text)?;
    let text = |part: Option<String>| part.unwrap_or_default();
    let name = reference.name.map(String::from);
    Some([text(reference.vcs), reference.url, text(reference.revision), text(reference.subdirectory), text(name)])
}

#[test]
fn urls_are_taken_apart_as_pip_does() {
    for (text, want) in [
        ("git+https://host/a.git", ["git", "https://host/a.git", "", "", ""]),
        ("git+https://host/a.git@v1.0#egg=A_b", ["git", "https://host/a.git", "v1.0", "", "a-b"]),
        ("git+ssh://git@host/a.git@x/y#egg=a[b]&subdirectory=c", ["git", "ssh://git@host/a.git", "x/y", "c", "a"]),
        ("git+https://user:pass@host", ["git", "https://user:pass@host", "", "", ""]),
        ("hg+file:///srv/a@", ["hg", "file:///srv/a", "", "", ""]),
        (
            "https://host/x/Foo_Bar-1.0-py3-none-any.whl#sha256=00",
            ["", "https://host/x/Foo_Bar-1.0-py3-none-any.whl", "", "", "foo-bar"],
        ),
        ("https://host/archive/main.zip#egg=foo", ["", "https://host/archive/main.zip", "", "", "foo"]),
        ("file:///srv/a@1", ["", "file:///srv/a@1", "", "", ""]),
    ] {
        assert_eq!(parts(text), Some(want.map(str::to_owned)), "{text}");
    }
    for text in
        ["foo", "./foo", "git://host/a.git", "git+rsync://host/a", "c:\\x", "foo @ https://host/a", "foo+https://x"]
    {
        assert_eq!(parts(text), None, "{text}");
    }
}

const COMMIT: &str = "0123456789012345678901234567890123456789";

fn from_git(requested: Option<&str>) -> DirectUrl {
    let requested = requested.map_or_else(String::new, |revision| format!(r#","requested_revision":"{revision}""#));
    let vcs = format!(r#"{{"vcs":"git","commit_id":"{COMMIT}"{requested}}}"#);
    DirectUrl::parse(format!(r#"{{"url":"https://host/a.git","vcs_info":{vcs}}}"#).as_bytes()).unwrap()
}

#[test]
fn the_source_of_an_installation_is_recognised() {
    let installed = from_git(Some("v1.0"));
    for (text, want) in [
        ("git+https://host/a.git@v1.0", true),
        ("git+https://token@HOST/a.git/@v1.0#egg=a", true),
        ("git+https://host/a.git@0123456", true),
        ("git+https://host/a.git@012345", false),
        ("git+https://host/a.git@v1.1", false),
        ("git+https://host/a.git", false),
        ("git+https://host/b.git@v1.0", false),
        ("git+https://host/a.git@v1.0#subdirectory=x", false),
        ("hg+https://host/a.git@v1.0", false),
        ("https://host/a.git", false),
    ] {
        assert_eq!(DirectReference::parse(text).unwrap().is_source_of(&installed), want, "{text}");
    }
    assert!(DirectReference::parse("git+https://host/a.git").unwrap().is_source_of(&from_git(None)));
    let numbered = br#"{"url":"https://host/a","vcs_info":{"vcs":"svn","commit_id":"12"}}"#;
    let numbered = DirectUrl::parse(numbered).unwrap();
    assert!(DirectReference::parse("svn+https://host/a@12").unwrap().is_source_of(&numbered));
    assert!(!DirectReference::parse("svn+https://host/a@1").unwrap().is_source_of(&numbered));
}

#[test]
fn records_are_read() {
    let archive =
        |info: &str| DirectUrl::parse(format!(r#"{{"url":"https://host/a.zip","archive_info":{info}}}"#).as_bytes());
    let hashes = |info: &str| match archive(info).unwrap().kind {
        DirectKind::Archive { hashes } => hashes.join(" "),
        kind => panic!("{kind:?}"),
    };
    assert_eq!(hashes(r#"{"hash":"sha256=00"}"#), "sha256=00");
    assert_eq!(hashes(r#"{"hash":"sha256=00","hashes":{"sha256":"00","md5":"1"}}"#), "md5=1 sha256=00");
    assert_eq!(hashes("{}"), "");
    let folder =
        DirectUrl::parse(br#"{"url":"file:///srv/a","dir_info":{"editable":true},"subdirectory":"b"}"#).unwrap();
    assert_eq!((folder.kind, folder.subdirectory.as_deref()), (DirectKind::Folder { is_editable: true }, Some("b")));
    for text in [
        "",
        "{}",
        "[]",
        r#"{"url":"x"}"#,
        r#"{"url":"x","dir_info":{},"archive_info":{}}"#,
        r#"{"url":1,"dir_info":{}}"#,
    ] {
        assert_eq!(DirectUrl::parse(text.as_bytes()), None, "{text}");
    }
}
