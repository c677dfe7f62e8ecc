use super::*;

fn contains(specifiers: &str, version: &str) -> bool {
    specifiers.parse::<Specifiers>().unwrap().contains(&parse(version).unwrap())
}

#[test]
fn clauses_are_judged_as_packaging_judges_them() {
    for (specifiers, inside, outside) in [
        ("", "0 1.0 1!5.0.dev1+x", ""),
        ("==1.0", "1.0 1 1.0.0 1.0+x", "1.0.1 1.0.post1 1.0rc1 1!1.0"),
        ("==1.0+x", "1.0+x 1+X", "1.0 1.0+y"),
        ("!=1.0", "1.1", "1 1.0+x"),
        ("==1.0.*", "1 1.0.9 1rc1 1.0+x 1.0.post1", "1.1 1!1.0"),
        ("==1.0.1.*", "1.0.1", "1 1.0"),
        ("!=1.0.*", "1.1", "1.0.5+x"),
        (">=1.0", "1.0 1.0+x 1.0.post1 2", "1.0rc1 1.0.dev1"),
        ("<=1.0", "1.0+x 0.9 1.0rc1", "1.0.post1"),
        (">1.0", "1.0.1 1.1.dev1 1!0.5", "1.0 1.0.post1 1.0+x"),
        (">1.0a1", "1.0a2 1.0 1.0.post1", "1.0a1.post1"),
        (">1.0.post1", "1.0.post2 1.0.post2+x 1.1", "1.0.post1 1.0.post1+x"),
        ("<1.0", "0.9 0.9.dev1 0.9.post9", "1.0 1.0.dev1 1.0rc1 1.0+x"),
        ("<1.0rc1", "1.0a1 1.0.dev1", "1.0rc1"),
        ("<1.0.post1", "1.0 1.0.dev1", "1.0.post1"),
        ("~=2.2", "2.2 2.9 2.2.post3", "2.1 3.0 2.2rc1 1!2.2"),
        ("~=2.2.0", "2.2 2.2.9", "2.3"),
        ("~=2.2.post3", "2.3 2.2.post3", "2.2 3"),
        ("===1.0", "1.0", "1 1.0.0 1.0+x"),
        (">=1.0, <2 , !=1.5", "1.0 1.9", "1.5 2 0.9"),
    ] {
        for version in inside.split_whitespace() {
            assert!(contains(specifiers, version), "{version} is not in {specifiers}");
        }
        for version in outside.split_whitespace() {
            assert!(!contains(specifiers, version), "{version} is in {specifiers}");
        }
    }
}

#[test]
fn what_is_no_specifier_is_refused() {
    for text in [
        "1.0",
        ">=",
        "=>1",
        "=1.0",
        "~=1",
        ">=1.*",
        ">=1.0+x",
        "==1.0rc1.*",
        "==1.0+x.*",
        ">=1 <2",
        ">=2004d",
        "==1 .*",
    ] {
        assert!(text.parse::<Specifiers>().is_err(), "{text:?} was taken for a specifier");
    }
}

#[test]
fn pre_releases_only_when_wished_for_named_or_alone() {
    for (specifiers, offered, pre, want) in [
        ("", "1.0 2.0rc1", false, "1.0"),
        ("", "1.0 2.0rc1", true, "1.0 2.0rc1"),
        ("", "1.0.dev1 2.0rc1", false, "1.0.dev1 2.0rc1"),
        (">=1.0", "1.0 2.0rc1", false, "1.0"),
        (">=1.0rc1", "1.0 2.0rc1", false, "1.0 2.0rc1"),
        ("!=1.0rc1", "1.0 2.0rc1", false, "1.0"),
        (">1.0", "1.0 2.0rc1", false, "2.0rc1"),
        ("==3", "1.0 2.0rc1", true, ""),
    ] {
        let offered: Vec<_> = offered.split_whitespace().map(|text| parse(text).unwrap()).collect();
        let selected = specifiers.parse::<Specifiers>().unwrap();
        let selected: Vec<_> = selected.select(&offered, pre).into_iter().map(ToString::to_string).collect();
        assert_eq!(selected.join(" "), want, "{specifiers}");
    }
}

#[test]
fn pins_are_exact() {
    for (text, want) in
        [("==1.0", true), (">=1,==1.0", true), ("===x", true), ("==1.*", false), ("~=1.0", false), ("", false)]
    {
        assert_eq!(text.parse::<Specifiers>().unwrap().is_pinned(), want, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn specifiers_are_read_back_as_they_were_written(text in "((~=|===?|!=|[<>]=?) ?v?[0-9.]{1,5}(a1|\\.\\*|\\+x)?,?){0,3}|\\PC*") {
        if let Ok(specifiers) = text.parse::<Specifiers>() {
            proptest::prop_assert_eq!(specifiers.to_string().parse::<Specifiers>().unwrap(), specifiers);
        }
    }
}
