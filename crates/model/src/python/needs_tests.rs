use super::super::requirements_file::{RelativePath, RequirementsFile};
use super::*;

/// Distributions from `name version: requirement, …`, and the URL that one came from after `<-`.
fn installed(texts: &[&str]) -> Installed {
    let parsed = texts.iter().map(|text| {
        let (text, url) = text.split_once(" <- ").unwrap_or((text, ""));
        let (head, requires) = text.split_once(':').unwrap_or((text, ""));
        let (name, version) = head.split_once(' ').unwrap();
        let requires: String = requires
            .split(',')
            .filter(|text| !text.trim().is_empty())
            .map(|text| format!("Requires-Dist: {text}\n"))
            .collect();
        let metadata = format!("Name: {name}\nVersion: {version}\n{requires}");
        let found = Distribution::parse(metadata.as_bytes(), Some(url.as_bytes())).unwrap();
        (found.name.clone(), found)
    });
    parsed.collect()
}

fn lacks(lines: &str, limits: &str, there: &[&str]) -> Vec<String> {
    let mut read = |path: &RelativePath| {
        Ok(if path.as_str() == "r" { format!("{lines}\n-c c") } else { limits.to_owned() }.into_bytes())
    };
    let file = RequirementsFile::load(&RelativePath::new("r").unwrap(), &mut read).unwrap();
    let environment = MarkerEnvironment { python_version: "3.11".to_owned(), ..MarkerEnvironment::default() };
    let shown = |need| match need {
        Need::Missing { name, want, by } => format!("no {name} {want} ({by})"),
        Need::Version { name, have, want, by } => format!("{name} {have} not {want} ({by})"),
        Need::NotThisSource { name, have, want, by } => format!("{name} from {have} not {want} ({by})"),
        Need::Unknown { text, by } => format!("? {text} ({by})"),
    };
    needs(&file.lines, &file.constraints, &installed(there), &environment).into_iter().map(shown).collect()
}

const NOTHING: [&str; 0] = [];

#[test]
fn nothing_is_lacking_when_all_is_there() {
    assert_eq!(lacks("", "", &[]), NOTHING);
    let there = ["A_b 1.5rc1: c>=1, d; python_version<'3'", "c 1.0", "e 2004d"];
    assert_eq!(lacks("a-B>=1,<2\nc\ne\nf; python_version<'3'", "c<2\nzzz==9", &there), NOTHING);
}

#[test]
fn what_is_lacking_is_said_with_who_asks() {
    assert_eq!(lacks("\na>=1\nb", "", &["b 1.0"]), ["no a >=1 (r line 2)"]);
    assert_eq!(lacks("a>=2", "", &["a 1.0"]), ["a 1.0 not >=2 (r line 1)"]);
    assert_eq!(lacks("a>=1", "", &["a 2004d"]), ["a 2004d not >=1 (r line 1)"]);
    assert_eq!(
        lacks("a", "", &["A.a 1", "a 1: B>=2, c", "b 1: c, zope (>dev)"]),
        ["b 1 not >=2 (a 1)", "no c  (a 1)", "no c  (b 1)", "? zope (>dev) (b 1)"]
    );
    assert_eq!(lacks("a", "b<1\nc<1", &["a 1: b", "b 1", "c 1"]), ["b 1 not <1 (c line 1)"]);
    assert_eq!(lacks("a b", "", &[]), ["? a b (r line 1)"]);
    // What nothing asks for is nobody's business.
    assert_eq!(lacks("a", "", &["a 1", "z 1: y"]), NOTHING);
}

#[test]
fn extras_ask_for_more_and_circles_end() {
    let there = ["a 1: b; extra=='x', a[x]; extra=='all', c; extra=='y', a"];
    assert_eq!(lacks("a", "", &there), NOTHING);
    assert_eq!(lacks("a[x]", "", &there), ["no b  (a 1)"]);
    assert_eq!(lacks("a[All]", "", &there), ["no b  (a 1)"]);
    assert_eq!(lacks("a[x]\na[y]", "", &there), ["no b  (a 1)", "no c  (a 1)"]);
    // Once is enough, although its requirements are looked at for each extra.
    assert_eq!(lacks("a[x]\na[y]", "", &["a 1: q"]), ["no q  (a 1)"]);
    assert_eq!(lacks("d", "", &["d 1: a[y]", there[0]]), ["no c  (a 1)"]);
}

#[test]
fn sources_are_compared() {
    let git = r#"a 1: b <- {"url":"https://host/a.git","vcs_info":{"vcs":"git","commit_id":"0123456789","requested_revision":"v1"}}"#;
    let both = [git, "b 1"];
    assert_eq!(lacks("a @ git+https://host/a.git@v1", "", &both), NOTHING);
    assert_eq!(lacks("git+https://host/a.git@0123456#egg=a", "", &both), NOTHING);
    assert_eq!(lacks("git+https://host/a.git@v1", "", &both[..1]), ["no b  (a 1)"]);
    assert_eq!(lacks("git+https://host/a.git@v2", "", &both), ["? https://host/a.git (r line 1)"]);
    let moved = "a from https://host/a.git not git+https://host/a.git@v2 (r line 1)";
    assert_eq!(lacks("a @ git+https://host/a.git@v2", "", &both), [moved]);
    assert_eq!(lacks("a @ git+https://host/a.git", "", &["a 1"]), ["a from 1 not git+https://host/a.git (r line 1)"]);
    assert_eq!(lacks("git+https://host/a.git#egg=a", "", &["a 1"]), ["a from 1 not https://host/a.git (r line 1)"]);
    assert_eq!(lacks("git+https://host/a.git#egg=a", "", &[]), ["no a https://host/a.git (r line 1)"]);
    assert_eq!(
        lacks("a", "a @ https://host/a.zip", &both),
        ["a from https://host/a.git not https://host/a.zip (c line 1)"]
    );
    assert_eq!(lacks("a @ ./a", "", &both), ["? a @ ./a (r line 1)"]);
    // An index release is asked for: what came from a repository has a version as well.
    assert_eq!(lacks("a==1", "", &both), NOTHING);
}

#[test]
fn paths_are_compared_as_far_as_they_tell() {
    let editable = r#"a 1 <- {"url":"file:///home/pi/app/lib","dir_info":{"editable":true}}"#;
    assert_eq!(lacks("-e ./lib", "", &[editable]), NOTHING);
    assert_eq!(lacks("-e /home/pi/app/lib/", "", &[editable]), NOTHING);
    assert_eq!(lacks("-e git+https://host/a#egg=a", "", &[editable]), NOTHING);
    assert_eq!(lacks("-e ./other", "", &[editable]), ["? -e ./other (r line 1)"]);
    assert_eq!(lacks("-e git+https://host/a#egg=a", "", &[]), ["no a git+https://host/a#egg=a (r line 1)"]);
    assert_eq!(
        lacks("-e git+https://host/a#egg=a", "", &["a 1"]),
        ["a from 1 not git+https://host/a#egg=a (r line 1)"]
    );
    assert_eq!(lacks("./lib", "", &[editable]), ["? ./lib (r line 1)"]);
    let wheel = r#"a 1 <- {"url":"file:///home/pi/app/a-1-py3-none-any.whl","archive_info":{}}"#;
    assert_eq!(lacks("./a-1-py3-none-any.whl", "", &[wheel]), NOTHING);
    assert_eq!(lacks("./a-2-py3-none-any.whl", "", &[]), ["no a ./a-2-py3-none-any.whl (r line 1)"]);
    let other = "a from file:///home/pi/app/a-1-py3-none-any.whl not ./a-2-py3-none-any.whl (r line 1)";
    assert_eq!(lacks("./a-2-py3-none-any.whl", "", &[wheel]), [other]);
    assert_eq!(lacks("./a ; python_version<'3'", "", &[]), NOTHING);
}
