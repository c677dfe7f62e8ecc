//! What is read here is read as Python's `packaging` and pip read it: the library that comes with the pip of this machine is
//! asked the same. Where its older generations are known to differ from those of today, today's rule is held here and the
//! case is left out.

mod files;
mod oracle;
mod requirements;

use std::collections::BTreeSet;

use oracle::Oracle;
use refit_model::python::specifier::Specifiers;
use refit_model::python::version::{self, Version};
use serde_json::json;

/// The first generation whose answers are all those of today.
const TODAY: u64 = 26;

/// Versions from every part that one can have.
fn every_version() -> Vec<String> {
    let mut texts = Vec::new();
    for release in ["0", "1", "1.0", "1.0.0", "1.0.1", "1.1", "1.10", "2.0", "1!0.5"] {
        for suffix in
            ["", "a1", "b2", "rc1", ".post1", ".dev1", "a1.post1", "a1.dev1", ".post1.dev1", "+x", "+x.1", ".post2+x"]
        {
            texts.push(format!("{release}{suffix}"));
        }
    }
    texts
}

#[test]
fn versions_are_parsed_and_ordered() {
    let odd = [
        "",
        " 1.0 ",
        "v1.0",
        "V1",
        "1.0-alpha",
        "1.0_beta.2",
        "1.0c1",
        "1.0pre",
        "1.0-preview_3",
        "1.0-1",
        "1.0-r4",
        "1.0.rev",
        "1.0-post",
        "1.0dev",
        "1.0.DEV5",
        "1.0+Ubuntu-1",
        "1.0+1_2.a",
        "01.002",
        "1.0rc1.post2.dev3+4",
        "1..0",
        "1.",
        ".1",
        "1.0+",
        "1.0+a..b",
        "1.0.*",
        "1 .0",
        "1-",
        "1.0-",
        "1.0-a-",
        "1.0a1b2",
        "1.0dev1.post1",
        "2004d",
        "latest",
        "1!",
        "!1",
        "1!2!3",
        "1.0\n",
        "1,0",
        "1.0+é",
        "１.0",
        "1.0--1",
        "1.0.post.1",
        "1.0-1-1",
        "1.0.a.1",
        "20230101000000",
    ];
    let texts: Vec<String> = every_version().into_iter().chain(odd.map(str::to_owned)).collect();
    let answers: Vec<Option<(String, bool, usize)>> = Oracle::start().ask("versions", json!(texts));
    let parsed: Vec<Option<Version>> = texts.iter().map(|text| version::parse(text)).collect();
    let order: BTreeSet<&Version> = parsed.iter().flatten().collect();
    for ((text, parsed), answer) in texts.iter().zip(&parsed).zip(answers) {
        let place = |version: &Version| order.iter().position(|other| *other == version).unwrap();
        let ours = parsed.as_ref().map(|version| (version.to_string(), version.any_prerelease(), place(version)));
        assert_eq!(ours, answer, "{text:?}");
    }
}

#[test]
fn specifiers_contain_the_same_versions() {
    let mut oracle = Oracle::start();
    let is_old = oracle.generation() < TODAY;
    let versions: Vec<String> = every_version();
    let mut specifiers = vec![String::new()];
    for sign in ["==", "!=", "<=", ">=", "<", ">", "~=", "==="] {
        // A fifth of them: 5 is no divisor of 12, so that every suffix comes.
        specifiers.extend(versions.iter().step_by(5).map(|version| format!("{sign}{version}")));
    }
    for text in [
        "==1.*",
        "==1.0.*",
        "!=1.0.*",
        "==1.0.1.*",
        "==1!0.*",
        "==1.0.0.0.*",
        " >= 1.0 , <2 ",
        ">=1.0,,",
        ",",
        ">=1,!=1.1,!=1.0.*",
        "~=1.0.0.dev1",
        "===1.0,<2",
        ">=v1.0",
        "==1.0-1",
        ">=1.*",
        "~=1",
        ">= ",
        "=1",
        "=>1",
        "1.0",
        ">=1 <2",
        ">=2004d",
        "==1.0+x.*",
        "!=1.0.dev1",
        "<=1.0+x",
        "~=1.0+x",
        "== 1.0 .*",
        ">=1.0;",
        "==1.*.*",
        "===1.0 2",
        "<>1",
        "!1",
    ] {
        specifiers.push(text.to_owned());
    }
    let question = json!({ "specifiers": specifiers, "versions": versions });
    let answers: Vec<Option<Vec<bool>>> = oracle.ask("contains", question);
    let mut compared = 0;
    for (specifier, answer) in specifiers.iter().zip(answers) {
        let parsed = specifier.parse::<Specifiers>().ok();
        assert_eq!(parsed.is_some(), answer.is_some(), "{specifier:?}");
        let (Some(parsed), Some(answer)) = (parsed, answer) else { continue };
        for (version, theirs) in versions.iter().zip(answer) {
            if is_old && was_different(specifier, version) {
                continue;
            }
            compared += 1;
            assert_eq!(parsed.contains(&version::parse(version).unwrap()), theirs, "{specifier} {version}");
        }
    }
    assert!(compared > 10_000, "{compared}");
}

/// `<` and `>` once left out more than the version itself, and `==1.0.*` took a pre-release of 1 for none of 1.0.
fn was_different(specifier: &str, version: &str) -> bool {
    let is_strict = specifier.starts_with(['<', '>']) && !specifier.contains("=");
    let has_suffix = |text: &str| text.contains(|c: char| c.is_ascii_alphabetic());
    let has_prefix = specifier.contains(".*") || specifier.starts_with("~=");
    (is_strict && has_suffix(specifier) && has_suffix(version)) || (has_prefix && has_suffix(version))
}

#[test]
fn pre_releases_are_selected_by_the_same_rule() {
    let mut oracle = Oracle::start();
    let is_old = oracle.generation() < TODAY;
    let specifiers = [
        "",
        ">=1.0",
        ">=1.0rc1",
        "==1.1rc1",
        "!=1.1rc1",
        "~=1.0",
        "==1.*",
        "<=1.1rc1",
        "===1.1rc1",
        "<3,>=1.0.dev1",
        "==9",
    ];
    let offers: [&[&str]; 5] =
        [&["0.9", "1.0", "1.1rc1"], &["1.0", "1.1rc1", "1.2.dev1"], &["1.1rc1"], &["1.1rc1", "2.0a1"], &[]];
    for versions in offers {
        for pre in [false, true] {
            let question = json!({ "specifiers": specifiers, "versions": versions, "pre": pre });
            let answers: Vec<Vec<String>> = oracle.ask("select", question);
            for (specifier, theirs) in specifiers.iter().zip(answers) {
                let offered: Vec<_> = versions.iter().map(|text| version::parse(text).unwrap()).collect();
                let parsed: Specifiers = specifier.parse().unwrap();
                let ours: Vec<_> = parsed.select(&offered, pre).into_iter().map(ToString::to_string).collect();
                // With clauses, nothing came to mind when only pre-releases were left.
                let was_different = theirs.is_empty() && !specifier.is_empty();
                assert!(ours == theirs || is_old && was_different, "{specifier} of {versions:?}: {ours:?}, {theirs:?}");
            }
        }
    }
}
