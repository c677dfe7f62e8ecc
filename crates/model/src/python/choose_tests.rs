use super::*;

/// A file from its name and what is said of it: `python>=3.12`, `yanked`, `yanked:reason`.
fn file(text: &str) -> IndexFile {
    let mut words = text.split_whitespace();
    let filename = words.next().unwrap().to_owned();
    let said: Vec<_> = words.collect();
    let after = |prefix: &str| said.iter().find_map(|word| word.strip_prefix(prefix)).map(str::to_owned);
    IndexFile {
        url: format!("https://host/{filename}"),
        filename,
        hashes: BTreeMap::new(),
        requires_python: after("python"),
        yanked: after("yanked").map(|reason| reason.trim_start_matches(':').to_owned()),
        size: None,
        core_metadata: false,
        upload_time: None,
    }
}

/// The chosen file (`*` when it is built) and why the newest is not it; the wish is in words before the specifiers.
fn chosen(wish: &str, files: &[&str]) -> String {
    let files: Vec<_> = files.iter().map(|text| file(text)).collect();
    let project = ProjectName::new("foo").unwrap();
    let tags = ["cp311-cp311-linux_armv7l", "cp311-abi3-linux_armv7l", "py3-none-any"].map(str::to_owned);
    let has = |word: &str| wish.split_whitespace().any(|other| other == word);
    let specifiers: String = wish.split_whitespace().filter(|word| !word.chars().all(char::is_alphabetic)).collect();
    let wish = Wish {
        project: &project,
        specifiers: &specifiers.parse().unwrap(),
        pre: has("pre"),
        python_full_version: "3.11.2+",
        tags: &tags,
        binaries: !has("source"),
        sources: !has("binary"),
        prefer_binary: has("prefer"),
    };
    let choice = choose(&wish, &files);
    let file = choice.chosen.map(|chosen| chosen.file.filename.clone() + if chosen.builds { "*" } else { "" });
    let newest = choice.newest_any.map(|newest| format!("; {newest}"));
    file.unwrap_or_else(|| "nothing".to_owned()) + &newest.unwrap_or_default()
}

#[test]
fn the_newest_that_fits_is_chosen() {
    let any = "foo-1.0-py3-none-any.whl";
    for (wish, files, want) in [
        ("", &[][..], "nothing"),
        ("", &[any, "foo-0.9.tar.gz", "foo-0.10.tar.gz"], any),
        ("", &["foo-1.10.tar.gz", "foo-1.9-py3-none-any.whl"], "foo-1.10.tar.gz*"),
        (
            "prefer",
            &["foo-1.10.tar.gz", "foo-1.9-py3-none-any.whl"],
            "foo-1.9-py3-none-any.whl; 1.10 has no wheel, and wheels are preferred",
        ),
        (
            "binary",
            &["foo-1.10.tar.gz", any],
            "foo-1.0-py3-none-any.whl; 1.10 has no file for this machine and its Python",
        ),
        ("source", &["foo-0.9.tar.gz", any], "foo-0.9.tar.gz*; 1.0 has no file for this machine and its Python"),
        // A wheel rather than sources, the better tag, the higher build.
        ("", &["foo-1.0.tar.gz", any, "Foo-1.0-cp311-abi3-linux_armv7l.whl"], "Foo-1.0-cp311-abi3-linux_armv7l.whl"),
        ("", &["foo-1.0-10-py3-none-any.whl", "foo-1.0-9-py3-none-any.whl", any], "foo-1.0-10-py3-none-any.whl"),
        (
            "",
            &["foo-1.0-cp311-cp311-win_amd64.linux_armv7l.whl", any],
            "foo-1.0-cp311-cp311-win_amd64.linux_armv7l.whl",
        ),
        ("", &["foo-1.0-cp312-cp312-linux_armv7l.whl"], "nothing; 1.0 has no file for this machine and its Python"),
        // What belongs to another project, or is no release.
        ("", &["bar-2.0-py3-none-any.whl", "foo-extras-2.0.tar.gz", "foo-2.0.exe", "foo-x.tar.gz", any], any),
        ("<1", &[any, "foo-0.9.tar.gz"], "foo-0.9.tar.gz*; 1.0 is not among <1"),
    ] {
        assert_eq!(chosen(wish, files), want, "{wish} {files:?}");
    }
}

#[test]
fn what_is_for_another_python_is_passed_over() {
    let files = [
        "foo-1.5-py3-none-any.whl python>=3.12",
        "foo-1.5.tar.gz python>=3.12",
        "foo-1.4-py3-none-any.whl python>=3.11.2",
    ];
    assert_eq!(chosen("", &files), "foo-1.4-py3-none-any.whl; 1.5 needs Python >=3.12");
    assert_eq!(chosen(">=1.5", &files), "nothing; 1.5 needs Python >=3.12");
    assert_eq!(chosen("", &["foo-1.0-py3-none-any.whl python3"]), "foo-1.0-py3-none-any.whl");
}

#[test]
fn pre_releases_only_when_wished_for_named_or_alone() {
    let files = ["foo-1.0.tar.gz", "foo-1.1rc1.tar.gz", "foo-2.0.dev1.tar.gz"];
    assert_eq!(chosen("", &files), "foo-1.0.tar.gz*");
    assert_eq!(chosen("pre", &files), "foo-2.0.dev1.tar.gz*");
    assert_eq!(chosen("<=1.1rc1", &files), "foo-1.1rc1.tar.gz*; 2.0.dev1 is not among <=1.1rc1");
    assert_eq!(chosen(">1.0", &files), "foo-2.0.dev1.tar.gz*");
    assert_eq!(chosen("", &files[1..]), "foo-2.0.dev1.tar.gz*");
}

#[test]
fn what_was_taken_back_needs_an_exact_pin() {
    let files = ["foo-1.0.tar.gz", "foo-1.1.tar.gz yanked:breaks"];
    assert_eq!(chosen("", &files), "foo-1.0.tar.gz*; 1.1 was taken back by its authors: breaks");
    assert_eq!(chosen("==1.1", &files), "foo-1.1.tar.gz*");
    assert_eq!(chosen("===1.1", &files), "foo-1.1.tar.gz*");
    assert_eq!(chosen("==1.1.*", &files), "nothing; 1.1 was taken back by its authors: breaks");
    assert_eq!(chosen(">1.0", &["foo-1.1.tar.gz yanked"]), "nothing; 1.1 was taken back by its authors");
    assert_eq!(chosen("==1.1", &["foo-1.1.tar.gz", "foo-1.1-py3-none-any.whl yanked"]), "foo-1.1.tar.gz*");
}
