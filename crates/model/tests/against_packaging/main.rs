//! What is read here is read as Python's `packaging` and pip read it: the library that comes with the pip of this machine is
//! asked the same. Where its older generations are known to differ from those of today, today's rule is held here and the
//! case is left out.

mod files;
mod oracle;

use std::collections::BTreeSet;

use oracle::Oracle;
use refit_model::python::marker::{Marker, MarkerEnvironment};
use refit_model::python::name::ProjectName;
use refit_model::python::requirement::{Requirement, Wanted};
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

fn environments() -> [MarkerEnvironment; 2] {
    let text = |text: &str| text.to_owned();
    let board = MarkerEnvironment {
        os_name: text("posix"),
        sys_platform: text("linux"),
        platform_machine: text("aarch64"),
        platform_python_implementation: text("CPython"),
        platform_release: text("6.1.21-v8+"),
        platform_system: text("Linux"),
        platform_version: text("#1 SMP Debian"),
        python_version: text("3.11"),
        python_full_version: text("3.11.2"),
        implementation_name: text("cpython"),
        implementation_version: text("3.11.2"),
    };
    let other = MarkerEnvironment {
        platform_machine: text("armv7l"),
        platform_release: text("5.10"),
        python_version: text("3.9"),
        python_full_version: text("3.9.0"),
        ..board.clone()
    };
    [board, other]
}

fn every_marker() -> Vec<String> {
    let mut texts = Vec::new();
    let sides = [
        ("python_version", "3.9"),
        ("python_version", "3.11.*"),
        ("python_version", "2.7, 3.9"),
        ("python_full_version", "3.11"),
        ("python_full_version", "3.11.2"),
        ("implementation_version", "x"),
        ("platform_release", "5.10"),
        ("platform_release", "6.1.21-v8+"),
        ("platform_machine", "aarch64"),
        ("platform_machine", "arm"),
        ("os_name", "posix"),
        ("os.name", "nt"),
        ("sys_platform", "linux"),
        ("platform_system", "Linux Darwin"),
        ("platform_version", "Debian"),
        ("platform_python_implementation", "CPython"),
        ("python_implementation", "PyPy"),
        ("implementation_name", "cpython"),
        ("extra", "fast"),
        ("extra", ""),
        ("python_version", ""),
    ];
    for (name, literal) in sides {
        for sign in ["==", "!=", "<", "<=", ">", ">=", "~=", "===", "in", "not in"] {
            texts.push(format!("{name} {sign} '{literal}'"));
            texts.push(format!("\"{literal}\" {sign} {name}"));
        }
    }
    let (yes, no) = ("os_name=='posix'", "os_name=='nt'");
    for one in [yes, no] {
        for two in [yes, no] {
            for three in [yes, no] {
                for joined in [
                    "{} and {} or {}",
                    "{} or {} and {}",
                    "({} or {}) and {}",
                    "{} and ({} or {})",
                    "(({}) or {})and({})",
                ] {
                    let filled =
                        [one, two, three].iter().fold(joined.to_owned(), |text, part| text.replacen("{}", part, 1));
                    texts.push(filled);
                }
            }
        }
    }
    for odd in [
        "",
        "os_name",
        "os_name == ",
        "== 'x'",
        "os_name == posix",
        "'a' == 'a'",
        "os_name == 'a\"",
        "os_name = 'posix'",
        "os_name == 'posix' and",
        "and os_name == 'posix'",
        "os_name == 'posix' os_name == 'nt'",
        "(os_name == 'posix'",
        "os_name == 'posix')",
        "()",
        "color == 'red'",
        "os_name == sys_platform",
        "os_name not 'x'",
        "'linux' in sys_platform and 'a'",
        "os_name=='posix'or os_name=='x'",
        "(os_name) == 'posix'",
    ] {
        texts.push(odd.to_owned());
    }
    texts
}

#[test]
fn markers_hold_in_the_same_environments() {
    let mut oracle = Oracle::start();
    let is_old = oracle.generation() < TODAY;
    let markers = every_marker();
    for environment in environments() {
        for extra in ["", "fast"] {
            let question = json!({ "markers": markers, "environment": environment, "extra": extra });
            let answers: Vec<Option<bool>> = oracle.ask("marker", question);
            let extras: BTreeSet<_> = ProjectName::new(extra).into_iter().collect();
            for (text, theirs) in markers.iter().zip(answers) {
                let ours = Marker::parse(text).map(|marker| marker.evaluate(&environment, &extras));
                if is_old && was_evaluated_otherwise(text) {
                    continue;
                }
                // What is no version holds nowhere; packaging of some years raised. A reversed comparison can be undefined for
                // its environment alone.
                let is_undefined = theirs.is_none() && ours == Some(false) && (is_old || text.starts_with('"'));
                assert!(
                    ours == theirs || is_undefined,
                    "{text} in Python {}: {ours:?}, {theirs:?}",
                    environment.python_version
                );
            }
        }
    }
}

/// Every name was once compared as a version, `===` as a text, and texts were put in order.
fn was_evaluated_otherwise(text: &str) -> bool {
    let is_between_versions = ["'3.9'", "'3.11'", "'3.11.2'", "\"3.9\"", "\"3.11\"", "\"3.11.2\""];
    let is_ordered = text.contains(['<', '>']) && !is_between_versions.iter().any(|literal| text.contains(literal));
    text.contains("===") || is_ordered
}

#[test]
fn requirements_are_read_the_same() {
    let mut texts = Vec::new();
    for name in ["a", "A.b_c", "9-x", "a-", "-a", "a b", "a.", "ä", ""] {
        for extras in ["", "[x]", "[ x , Y_z ]", "[]", "[x y]", "[x,]", "[,x]", "[x", "[-]"] {
            for wanted in [
                "",
                ">=1",
                " >= 1.0 , <2",
                "(>=1,<2)",
                " ( >=1 )",
                "()",
                ">=1,",
                ",>=1",
                ">=1,,<2",
                "(>=1",
                ">=1)",
                ">=1 <2",
                "==1.*",
                "~=1",
                "=1",
                " @ https://host/a.zip",
                "@https://host/a.zip",
                "@ ",
                "@ git+ssh://git@host/a@v1#egg=a",
            ] {
                for marker in ["", ";os_name=='x'", " ; (os_name=='x')", " ;", "; x"] {
                    texts.push(format!("{name}{extras}{wanted}{marker}"));
                }
            }
        }
    }
    let mut oracle = Oracle::start();
    let is_old = oracle.generation() < TODAY;
    type Answer = (String, Vec<String>, Vec<String>, Option<String>, bool);
    let answers: Vec<Option<Answer>> = oracle.ask("requirement", json!(texts));
    let mut understood = 0;
    for (text, theirs) in texts.iter().zip(answers) {
        let ours = text.parse::<Requirement>().ok().map(|requirement| {
            let (clauses, url) = match &requirement.source {
                Wanted::Versions(specifiers) => (specifiers.to_string(), None),
                Wanted::Url(url) => (String::new(), Some(url.clone())),
            };
            let mut clauses: Vec<_> = clauses.split(',').filter(|text| !text.is_empty()).map(str::to_owned).collect();
            clauses.sort();
            let extras = requirement.extras.iter().map(ToString::to_string).collect();
            (requirement.name.to_string(), extras, clauses, url, requirement.marker.is_some())
        });
        understood += usize::from(ours.is_some());
        // No generation agrees with the one before it on what is no URL.
        if text.replace(' ', "").contains("@;") {
            continue;
        }
        // The grammar of old knew neither empty parentheses nor a comma at the end.
        if is_old && (text.contains("()") || text.contains(">=1,")) {
            continue;
        }
        assert_eq!(ours, theirs, "{text:?}");
    }
    assert!(understood > 300, "{understood}");
}
