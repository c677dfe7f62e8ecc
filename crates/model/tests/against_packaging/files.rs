//! Names of files, requirements files, and the file that pip would choose.

use std::collections::{BTreeMap, BTreeSet};

use refit_model::python::choose::{IndexFile, Wish, choose};
use refit_model::python::file_name::{WheelName, source_version};
use refit_model::python::name::ProjectName;
use refit_model::python::requirements_file::{Entry, RelativePath, RequirementsFile};
use serde_json::json;

use crate::oracle::Oracle;

#[test]
fn names_of_files_are_read_the_same() {
    let mut wheels = Vec::new();
    for name in ["foo", "Foo.Bar_x", "f__o", "", "9"] {
        for version in ["1.0", "1.0rc1.post2", "1.0+x", "x", ""] {
            for build in ["", "-1", "-20b_x", "-b1"] {
                for tags in
                    ["py3-none-any", "py2.py3-none-any", "CP39-abi3-manylinux_2_17_x.linux_x", "py3-any", "a-b-c-d"]
                {
                    wheels.push(format!("{name}-{version}{build}-{tags}.whl"));
                }
            }
        }
    }
    wheels.extend(["foo.whl", "foo-1.0-py3-none-any.zip", "foo-1.0-py3-none-any.whl.metadata"].map(str::to_owned));
    let mut oracle = Oracle::start();
    // The generations of old took an empty name, and a number for an interpreter.
    let is_old = |name: &str| name.ends_with("-py3-any.whl") && name.matches('-').count() == 4;
    wheels.retain(|name| !name.starts_with('-') && !is_old(name));
    type Answer = (String, String, Vec<serde_json::Value>, BTreeSet<String>);
    let answers: Vec<Option<Answer>> = oracle.ask("wheel", json!(wheels));
    for (name, theirs) in wheels.iter().zip(answers) {
        let ours = WheelName::parse(name).map(|wheel| {
            let build = wheel.build.map_or_else(Vec::new, |(number, rest)| vec![json!(number), json!(rest)]);
            (wheel.name.to_string(), wheel.version.to_string(), build, wheel.tags.into_iter().collect())
        });
        assert_eq!(ours, theirs, "{name}");
    }
    let sources = [
        "foo-1.0.tar.gz",
        "Foo_Bar-1.0.post1.zip",
        "foo-bar-2.tar.gz",
        "foo.tar.gz",
        "foo-x.tar.gz",
        "foo-1.0.exe",
        "foo-1.0rc1-1.zip",
    ];
    let answers: Vec<Option<(String, String)>> = oracle.ask("sdist", json!(sources));
    for (name, theirs) in sources.iter().zip(answers) {
        let Some((project, version)) = theirs else {
            let own = ProjectName::new("foo").unwrap();
            assert!(source_version(name, &own).is_none_or(|_| name.contains("rc1-1")), "{name}");
            continue;
        };
        let ours = source_version(name, &ProjectName::new(&project).unwrap()).map(|version| version.to_string());
        assert_eq!(ours, Some(version), "{name}");
    }
}

/// Requirements files, `r.txt` first.
const TABLE: &[&[(&str, &str)]] = &[
    &[("r.txt", "a\nb==1 # c\n# d\n\n e>=2 ; python_version > '3'  \n")],
    &[("r.txt", "a==1 \\\n  --hash=sha256:00 \\\n  --hash sha256:01\nb")],
    &[("r.txt", "a \\\n# comment\nb\\\nc\nd # e \\\nf\ng\\")],
    &[("r.txt", "a\\\\\nb\n \\\n\n#x\\\ny\n")],
    &[("r.txt", "-e .\n-e ./x[y]\n--editable=git+https://host/a.git#egg=a\n-egit+https://host/b@v1#egg=b\n")],
    &[(
        "r.txt",
        "git+https://host/a.git@v1#egg=a&subdirectory=b\nhttps://host/a.zip#sha256=00 # c\na @ https://host/a.zip ; os_name=='x'",
    )],
    &[("r.txt", "./a\n../b\na.whl\nc/d-1.0.tar.gz[x]\nfile:///srv/a")],
    &[(
        "r.txt",
        "--pre\n--index-url https://host/simple\n-i https://host/x --extra-index-url=https://host/y\n--no-binary=:all: a\nb",
    )],
    &[
        ("r.txt", "-r sub/s.txt\n-c c.txt\nz"),
        ("sub/s.txt", "s\n-r ../t.txt"),
        ("t.txt", "t"),
        ("c.txt", "z<2\n-r t.txt"),
    ],
    &[("r.txt", "a --config-settings=\"x=y z\"\nb --config-settings 'x=y'")],
    &[("r.txt", "a --hash=sha256:00 trailing\nb -")],
    &[("r.txt", "a\r\nb\rc\u{b}d\u{2028}e\u{85}f")],
    &[("r.txt", "\u{feff}a\nb")],
    &[(
        "r.txt",
        "a[x,y]>=1;extra=='z'\nB_c (>=1)\nd@https://h/x#y\n-f links\n--trusted-host h\n--require-hashes\n--prefer-binary",
    )],
    &[("r.txt", "a\n--unknown")],
    &[("r.txt", "a --hash='x")],
    &[("r.txt", "-e")],
    &[("r.txt", "--pre=1")],
];

#[test]
fn requirements_files_are_read_the_same() {
    let mut oracle = Oracle::start();
    type Theirs = (String, bool, bool, String, Vec<String>);
    for files in TABLE {
        let files: BTreeMap<&str, &str> = files.iter().copied().collect();
        let theirs: Option<Vec<Theirs>> = oracle.ask("requirements_file", json!(files));
        let mut read = |path: &RelativePath| Ok(files[path.as_str()].as_bytes().to_owned());
        let ours = RequirementsFile::load(&RelativePath::new("r.txt").unwrap(), &mut read).unwrap();
        let Some(theirs) = theirs else {
            // pip before 23.1 knew fewer options.
            assert!(ours.options.needs_pip || files["r.txt"].contains("--config-settings"), "{files:?}");
            continue;
        };
        let (bounds, asked): (Vec<_>, Vec<_>) = theirs.into_iter().partition(|(_, is_constraint, ..)| *is_constraint);
        let ours_bounds: Vec<_> =
            ours.constraints.iter().map(|bound| (bound.at.to_string(), bound.requirement.clone())).collect();
        let bounds: Vec<_> = bounds.into_iter().map(|(at, _, _, text, _)| (at, text.parse().unwrap())).collect();
        assert_eq!(ours_bounds, bounds, "{files:?}");
        assert_eq!(ours.lines.len(), asked.len(), "{files:?}: {:?}", ours.lines);
        for (line, (at, _, is_editable, text, hashes)) in ours.lines.iter().zip(asked) {
            // Vertical white space ends a line for pip, and for no editor.
            if !files["r.txt"].contains('\u{b}') {
                assert_eq!(line.at.to_string(), at, "{files:?}");
            }
            compare(&line.entry, is_editable, &text, hashes);
        }
    }
}

fn compare(entry: &Entry, is_editable: bool, text: &str, theirs: Vec<String>) {
    assert_eq!(matches!(entry, Entry::Editable { .. }), is_editable, "{text}");
    match entry {
        Entry::Named { requirement, hashes } => {
            assert_eq!(*requirement, text.parse().unwrap(), "{text}");
            assert_eq!(*hashes, theirs, "{text}");
        }
        Entry::Editable { target, .. } => assert!(text.starts_with(target.as_str()), "{text}: {target}"),
        Entry::Direct { source, .. } => assert!(text.contains(&source.url), "{text}: {source:?}"),
        Entry::Local { path, .. } => assert!(text.starts_with(path.as_str()), "{text}: {path}"),
        Entry::NotUnderstood { text: ours } => assert_eq!(ours, text),
    }
}

/// Files of an index, with what is said of them.
fn index() -> Vec<IndexFile> {
    let mut files = Vec::new();
    let mut add = |filename: String, requires_python: Option<&str>, yanked: Option<&str>| {
        files.push(IndexFile {
            url: format!("https://host/{filename}"),
            filename,
            hashes: BTreeMap::new(),
            requires_python: requires_python.map(str::to_owned),
            yanked: yanked.map(str::to_owned),
            size: None,
            core_metadata: false,
            upload_time: None,
        });
    };
    for (version, python, yanked) in [
        ("0.9", None, None),
        ("1.0", Some(">=3.6"), None),
        ("1.1", Some("~=3.9"), None),
        ("1.2", None, Some("broken")),
        ("1.3", Some(">=3.12"), None),
        ("2.0rc1", None, None),
        ("2.0.dev3", None, None),
    ] {
        add(format!("foo-{version}.tar.gz"), python, yanked);
        add(format!("foo-{version}-py3-none-any.whl"), python, yanked);
        add(format!("foo-{version}-2-py3-none-any.whl"), python, yanked);
        add(format!("Foo-{version}-cp39-abi3-linux_armv7l.whl"), python, yanked);
        add(format!("foo-{version}-cp311-cp311-linux_armv7l.whl"), python, yanked);
    }
    add("foo-1.4.tar.gz".to_owned(), None, None);
    add("foo-1.5-cp311-cp311-win_amd64.whl".to_owned(), None, None);
    add("bar-3.0.tar.gz".to_owned(), None, None);
    add("foo-bar-3.0.tar.gz".to_owned(), None, None);
    add("foo-3.0.exe".to_owned(), None, None);
    add("foo-3.0-py3.whl".to_owned(), None, None);
    files
}

#[test]
fn the_same_file_is_chosen() {
    let mut oracle = Oracle::start();
    let files = index();
    let project = ProjectName::new("foo").unwrap();
    let python = [3, 11, 2];
    let tags: Vec<String> = oracle.ask("tags", json!({ "platform": "linux_armv7l", "python": python }));
    for specifiers in [
        "",
        "<1",
        "==1.2",
        "==1.2.*",
        ">=1.2,<1.3",
        "<1.4",
        "==1.1",
        ">=2.0rc1",
        "~=1.0",
        "==9",
        "==1.3",
        "===1.2",
        "<=2.0.dev3",
    ] {
        for pre in [false, true] {
            for prefer_binary in [false, true] {
                for formats in [&["binary", "source"][..], &["binary"], &["source"]] {
                    for start in [0, 6, 12] {
                        let offered = &files[start..];
                        let question = json!({ "files": offered, "platform": "linux_armv7l", "python": python, "formats": formats,
                            "specifiers": specifiers, "pre": pre, "prefer_binary": prefer_binary });
                        let theirs: Option<String> = oracle.ask("choose", question.clone());
                        let wish = Wish {
                            project: &project,
                            specifiers: &specifiers.parse().unwrap(),
                            pre,
                            python_full_version: "3.11.2",
                            tags: &tags,
                            binaries: formats.contains(&"binary"),
                            sources: formats.contains(&"source"),
                            prefer_binary,
                        };
                        let ours = choose(&wish, offered).chosen.map(|chosen| chosen.file.filename.clone());
                        assert_eq!(ours, theirs, "{specifiers} {pre} {prefer_binary} {formats:?} {start}");
                    }
                }
            }
        }
    }
}
