use super::*;

fn board() -> MarkerEnvironment {
    let text = |text: &str| text.to_owned();
    MarkerEnvironment {
        os_name: text("posix"),
        sys_platform: text("linux"),
        platform_machine: text("aarch64"),
        platform_python_implementation: text("CPython"),
        platform_release: text("6.1.21-v8+"),
        platform_system: text("Linux"),
        platform_version: text("#1642 SMP PREEMPT"),
        python_version: text("3.11"),
        python_full_version: text("3.11.2"),
        implementation_name: text("cpython"),
        implementation_version: text("3.11.2"),
    }
}

fn holds(marker: &str, extras: &[&str]) -> bool {
    let extras = extras.iter().map(|extra| ProjectName::new(extra).unwrap()).collect();
    Marker::parse(marker).unwrap_or_else(|| panic!("{marker} is not read")).evaluate(&board(), &extras)
}

#[test]
fn comparisons_hold_or_do_not() {
    for (marker, want) in [
        ("python_version >= '3.8'", true),
        // As versions, not as texts.
        ("python_version >= '3.9'", true),
        ("python_version < \"3.9\"", false),
        ("'3.8' <= python_version", true),
        ("'3.12' in python_version", false),
        ("python_version in '3.10, 3.11'", true),
        ("python_version not in '2.7,3.5'", true),
        ("python_version ~= '3.5'", true),
        ("python_version == '3.*'", true),
        ("python_full_version === '3.11.2'", true),
        ("python_full_version === '3.11.2.0'", false),
        ("python_full_version != '3.11.2.0'", false),
        ("os.name=='posix'and sys.platform!='win32'", true),
        ("python_implementation == 'CPython'", true),
        ("platform_machine in 'x86_64 aarch64'", true),
        ("platform_machine == 'armv7l' or platform_machine == 'armv6l'", false),
        // No version: nothing that compares versions holds.
        ("platform_release >= '5.10'", false),
        ("platform_release >= '5.10-x'", false),
        ("platform_release >= '6.1.21-v8+'", true),
        ("'SMP' in platform_version", true),
        ("sys_platform < 'm'", false),
        ("os_name == sys_platform", false),
        ("extra == ''", true),
        ("extra == 'x'", false),
    ] {
        assert_eq!(holds(marker, &[]), want, "{marker}");
    }
}

#[test]
fn and_binds_closer_than_or() {
    for (marker, want) in [
        ("os_name == 'posix' or os_name == 'nt' and os_name == 'nt'", true),
        ("(os_name == 'posix' or os_name == 'nt') and os_name == 'nt'", false),
        ("((os_name == 'posix'))", true),
        ("os_name == 'nt' and os_name == 'nt' or os_name == 'posix'", true),
    ] {
        assert_eq!(holds(marker, &[]), want, "{marker}");
    }
}

#[test]
fn one_wished_extra_is_enough_and_spellings_do_not_matter() {
    assert!(holds("extra == 'Fast_Json'", &["other", "fast-json"]));
    assert!(!holds("extra == 'a' and extra == 'b'", &["a", "b"]));
    assert!(holds("python_version > '3' and extra == 'a'", &["a"]));
    assert!(holds("'A' == extra", &["a"]));
}

#[test]
fn a_python_between_two_releases_is_a_version() {
    let between = MarkerEnvironment { python_full_version: "3.13.0+".to_owned(), ..board() };
    let marker = Marker::parse("python_full_version >= '3.13'").unwrap();
    assert!(marker.evaluate(&between, &BTreeSet::new()));
    let candidate = MarkerEnvironment { python_full_version: "3.13.0rc1".to_owned(), ..board() };
    assert!(Marker::parse("python_full_version >= '3.12'").unwrap().evaluate(&candidate, &BTreeSet::new()));
}

#[test]
fn what_cannot_be_evaluated_is_not_a_marker() {
    for text in [
        "",
        "os_name",
        "os_name ==",
        "os_name == posix",
        "'a' == 'a'",
        "os_name = 'posix'",
        "os_name notin 'posix'",
        "os_name not  on 'posix'",
        "(os_name == 'posix'",
        "os_name == 'posix')",
        "os_name == 'posix' and",
        "os_name == 'posix' os_name == 'posix'",
        "os_name ~= '1.0'",
        "os_name === 'posix'",
        "python_version ~= '3'",
        "color == 'red'",
        "os_name == 'posix",
        "os_names == 'posix'",
    ] {
        assert_eq!(Marker::parse(text), None, "{text}");
    }
    let deep = format!("{}os_name == 'x'{}", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(Marker::parse(&deep), None);
}

/// Markers as they are written, mostly.
fn markers() -> impl proptest::strategy::Strategy<Value = String> {
    let comparison = "(python_version|os_name|extra) (==|<|>=|~=|in|not in) ['\"][0-9a-z.]{0,4}['\"]";
    proptest::string::string_regex(&format!("\\(?{comparison}( (and|or) \\(?{comparison}\\)?){{0,4}}\\)?|\\PC*"))
        .unwrap()
}

proptest::proptest! {
    #[test]
    fn markers_are_read_back_as_they_were_written(text in markers()) {
        if let Some(marker) = Marker::parse(&text) {
            proptest::prop_assert_eq!(Marker::parse(&marker.to_string()), Some(marker));
        }
    }
}
