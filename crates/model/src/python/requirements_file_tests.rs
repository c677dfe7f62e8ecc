use std::collections::BTreeMap;

use super::*;

fn load(files: &[(&str, &str)]) -> Result<RequirementsFile, RequirementsFileError> {
    let there: BTreeMap<&str, &str> = files.iter().copied().collect();
    let mut read = |path: &RelativePath| {
        let text = there.get(path.as_str()).ok_or_else(|| "no such file".to_owned());
        text.map(|text| text.as_bytes().to_owned())
    };
    RequirementsFile::load(&RelativePath::new(files[0].0).unwrap(), &mut read)
}

/// What a line was taken for, in few words.
fn shown(entry: &Entry) -> String {
    let marked = |marker: &Option<Marker>| marker.as_ref().map_or_else(String::new, |marker| format!(" if {marker}"));
    let list = |extras: &BTreeSet<ProjectName>| extras.iter().map(|extra| format!(" +{extra}")).collect::<String>();
    match entry {
        Entry::Named { requirement, hashes } => {
            format!("named {requirement} {}", hashes.join(" ")).trim_end().to_owned()
        }
        Entry::Editable { target, source, name, extras } => {
            let place = source.as_ref().map_or("local", |source| &source.url);
            let name = name.as_ref().map_or("?", ProjectName::as_str);
            format!("editable {target} {place} {name}{}", list(extras))
        }
        Entry::Direct { source, marker, .. } => format!("direct {}{}", source.url, marked(marker)),
        Entry::Local { path, extras, marker } => format!("local {path}{}{}", list(extras), marked(marker)),
        Entry::NotUnderstood { text } => format!("? {text}"),
    }
}

fn lines(text: &str) -> Vec<String> {
    let found = load(&[("requirements.txt", text)]).unwrap();
    found.lines.iter().map(|line| format!("{}: {}", line.at.line, shown(&line.entry))).collect()
}

#[test]
fn lines_are_told_apart() {
    for (line, want) in [
        ("tornado==6.1 # web", "named tornado==6.1"),
        ("a>=1;python_version>'3' # x", "named a>=1; python_version > \"3\""),
        ("a==1 --hash=sha256:00 --hash sha256:01", "named a==1 sha256:00 sha256:01"),
        ("a==1 --config-settings=\"--x=y z\" --global-option='-q'", "named a==1"),
        ("a @ https://host/a-1.0.tar.gz", "named a @ https://host/a-1.0.tar.gz"),
        ("a@git+https://host/a.git@v1#egg=a", "named a @ git+https://host/a.git@v1#egg=a"),
        ("git+https://host/a.git@v1#egg=a ; os_name=='nt'", "direct https://host/a.git if os_name == \"nt\""),
        ("https://host/a;b.zip", "direct https://host/a;b.zip"),
        ("file:///srv/a", "direct file:///srv/a"),
        ("./a[x, Y]; os_name=='nt'", "local ./a +x +y if os_name == \"nt\""),
        ("../a", "local ../a"),
        (".", "local ."),
        ("a/b", "local a/b"),
        ("a-1.0-py3-none-any.whl", "local a-1.0-py3-none-any.whl"),
        ("vendor/a.tar.gz[x]", "local vendor/a.tar.gz +x"),
        ("-e .", "editable . local ?"),
        ("-e./a[x]", "editable ./a local ? +x"),
        (
            "--editable=git+https://host/a.git#egg=B[x]",
            "editable git+https://host/a.git#egg=B[x] https://host/a.git b +x",
        ),
        ("-e a@git+https://host/a.git", "editable a@git+https://host/a.git https://host/a.git a"),
        ("-e a; os_name", "? -e a;"),
        ("a = 1", "? a = 1"),
        ("a>=2004d", "? a>=2004d"),
        ("a --unknown", "? a --unknown"),
        ("--pre=1", "? --pre=1"),
        ("-e", "? -e"),
        ("a --hash='x", "? a --hash='x"),
        ("a b", "? a b"),
        ("a; color=='red'", "? a; color=='red'"),
    ] {
        assert_eq!(lines(line), [format!("1: {want}")], "{line}");
    }
}

#[test]
fn lines_are_joined_and_comments_are_cut_off() {
    let text = "\u{feff}# head\n\na==1 \\\n    --hash=sha256:00 \\\n# in between\nb # tail \\\nc\\\n# end\n\r\nd#e\r\nhttps://h/a.zip#egg=a\nf \\";
    let want = ["3: named a==1 sha256:00", "6: named b", "10: ? d#e", "11: direct https://h/a.zip", "12: named f"];
    assert_eq!(lines(text), want);
}

#[test]
fn options_hold_for_all() {
    let text = "-i https://a\n--index-url=https://b\n--extra-index-url https://c\n-f links --pre\n--no-binary :all:\n--only-binary=x,y
--prefer-binary\n--no-index\n--require-hashes\n--trusted-host h\n--use-feature=x\n";
    let options = load(&[("r.txt", text)]).unwrap().options;
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let want = Options {
        needs_pip: false,
        index_url: Some("https://b".to_owned()),
        extra_index_urls: texts(&["https://c"]),
        no_index: true,
        find_links: texts(&["links"]),
        pre: true,
        prefer_binary: true,
        only_binary: texts(&["x,y"]),
        no_binary: texts(&[":all:"]),
        require_hashes: true,
        trusted_hosts: texts(&["h"]),
        features: texts(&["x"]),
    };
    assert_eq!(options, want);
}

#[test]
fn values_are_quoted_as_in_a_shell() {
    let text = r#"-f 'a\b "c"' -f "d\e\"f\\g" -f h\ i"j"''k"#;
    let links = load(&[("r.txt", text)]).unwrap().options.find_links;
    assert_eq!(links, [r#"a\b "c""#, r#"d\e"f\g"#, "h ijk"]);
}

#[test]
fn what_only_pip_can_tell_is_flagged() {
    for (text, want) in [
        ("a", false),
        ("a @ https://${TOKEN}@host/a.zip", true),
        ("a @ https://${token}@host/a.zip", false),
        ("a @ https://${}/a.zip", false),
        ("--unknown", true),
        ("a = 1", true),
        ("-r https://host/r.txt", true),
        ("-r ../r.txt", true),
        ("-r /etc/r.txt", true),
        ("-r r.txt", true),
    ] {
        assert_eq!(load(&[("r.txt", text)]).unwrap().options.needs_pip, want, "{text}");
    }
}

#[test]
fn included_files_are_relative_to_the_one_that_includes() {
    let found = load(&[
        ("scripts/r.txt", "-r sub/../more.txt\n-c ../limits.txt\nlast"),
        ("scripts/more.txt", "first\n-c../limits.txt"),
        ("limits.txt", "first<2\nurl @ https://host/a.zip\n-r scripts/inner.txt"),
        ("scripts/inner.txt", "inner"),
    ])
    .unwrap();
    let lines: Vec<_> = found.lines.iter().map(|line| format!("{}: {}", line.at, shown(&line.entry))).collect();
    let inner = "scripts/inner.txt line 1: named inner";
    assert_eq!(lines, ["scripts/more.txt line 1: named first", inner, inner, "scripts/r.txt line 3: named last"]);
    let bounds: Vec<_> = found.constraints.iter().map(|bound| format!("{}: {}", bound.at, bound.requirement)).collect();
    let limits = ["limits.txt line 1: first<2", "limits.txt line 2: url @ https://host/a.zip"];
    assert_eq!(bounds, [limits, limits].concat());
    let files: Vec<_> = found.files.iter().map(RelativePath::as_str).collect();
    assert_eq!(files, ["scripts/r.txt", "scripts/more.txt", "limits.txt", "scripts/inner.txt"]);
    assert!(!found.options.needs_pip);
    // A bound that is no requirement binds nothing here.
    assert!(load(&[("r.txt", "-c c.txt"), ("c.txt", "./a")]).unwrap().options.needs_pip);
}

#[test]
fn circles_end() {
    let found = load(&[("a.txt", "-r b.txt\nx"), ("b.txt", "-r ./a.txt\n-r b.txt")]).unwrap();
    let lines: Vec<_> = found.lines.iter().map(|line| shown(&line.entry)).collect();
    assert_eq!(lines, ["? -r ./a.txt", "? -r b.txt", "named x"]);
    let mut reads = 0;
    let mut grows = |path: &RelativePath| {
        reads += 1;
        let name = path.as_str();
        Ok(format!("-r {name}1\n-r {name}2").into_bytes())
    };
    let found = RequirementsFile::load(&RelativePath::new("r").unwrap(), &mut grows).unwrap();
    assert!(found.options.needs_pip && reads <= FILES);
    // Few files, but each is included twice by the one before it.
    reads = 0;
    let mut doubles = |path: &RelativePath| {
        reads += 1;
        let next = path.as_str().len() + 1;
        Ok(format!("-r {0}\n-r {0}", "r".repeat(next)).into_bytes())
    };
    let found = RequirementsFile::load(&RelativePath::new("r").unwrap(), &mut doubles).unwrap();
    assert!(found.options.needs_pip && reads <= FILES);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = load(&[("r.txt", "a\n-r more.txt")]).unwrap_err();
    let want = "could not read the requirements file more.txt that r.txt line 2 includes: no such file";
    assert_eq!(error.to_string(), want);
    let latin = RequirementsFile::load(&RelativePath::new("r.txt").unwrap(), &mut |_| Ok(vec![b'#', 0xe4]));
    assert_eq!(latin.unwrap_err().to_string(), "the requirements file r.txt is not UTF-8 text; save it as UTF-8");
}

#[test]
fn paths_stay_below_their_folder() {
    for (text, want) in [
        ("a//b/./c", Some("a/b/c")),
        ("a/../b", Some("b")),
        ("../b", None),
        ("/a", None),
        ("", None),
        (".", None),
        ("a/../..", None),
    ] {
        assert_eq!(RelativePath::new(text).ok().as_ref().map(RelativePath::as_str), want, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "((a|-r|-e|-c|--hash|#|\\\\|\n|;|=|\\[|\\]|'|\\.\\./| |\\$\\{X\\}|git\\+https://h/x@y){0,12}|\\PC*)") {
        let found = RequirementsFile::load(&RelativePath::new("r").unwrap(), &mut |_| Ok(text.clone().into_bytes()));
        proptest::prop_assert!(found.is_ok());
    }
}
