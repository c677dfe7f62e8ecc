//! Markers and requirements.

use std::collections::BTreeSet;

use refit_model::python::marker::{Marker, MarkerEnvironment};
use refit_model::python::name::ProjectName;
use refit_model::python::requirement::{Requirement, Wanted};
use serde_json::json;

use crate::TODAY;
use crate::oracle::Oracle;

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
