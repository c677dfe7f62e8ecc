use proptest::prelude::*;

use super::*;

fn line(text: &str) -> Result<Request, BadRequest> {
    Request::parse(format!("{text}\n").as_bytes())
}

#[test]
fn what_can_be_asked_is_what_the_page_says() {
    let unit = || UnitName::new("klipper-1").unwrap();
    let packages = || vec![Wanted::new("git").unwrap(), Wanted::new("libc6:armhf=2:2.36-9+deb12u4~bpo").unwrap()];
    for (text, request) in [
        (r#"{"verb":"restart","unit":"klipper-1"}"#, Request::Restart { unit: unit() }),
        (r#"{"verb":"start","unit":"klipper-1"}"#, Request::Start { unit: unit() }),
        (r#"{"verb":"stop","unit":"klipper-1"}"#, Request::Stop { unit: unit() }),
        (r#"{"verb":"lists"}"#, Request::Lists {}),
        (r#"{"verb":"mend"}"#, Request::Mend {}),
        (
            r#"{"verb":"install","packages":["git","libc6:armhf=2:2.36-9+deb12u4~bpo"]}"#,
            Request::Install { packages: packages() },
        ),
        (r#"{"verb":"download","packages":[]}"#, Request::Download { packages: vec![] }),
    ] {
        assert_eq!(line(text).as_ref(), Ok(&request), "{text}");
        assert_eq!(request.to_line(), format!("{text}\n"));
    }
}

#[test]
fn nothing_else_is_a_request() {
    for text in [
        "",
        "restart klipper",
        r#"{"verb":"remove","packages":["git"]}"#,
        r#"{"verb":"restart"}"#,
        r#"{"verb":"restart","unit":"-x"}"#,
        r#"{"verb":"restart","unit":"../etc"}"#,
        r#"{"verb":"restart","unit":"a b"}"#,
        r#"{"verb":"restart","unit":"klipper","also":"foreign"}"#,
        r#"{"verb":"lists","option":"-o"}"#,
        r#"{"verb":"install"}"#,
        r#"{"verb":"install","packages":["-oAPT::Update::Pre-Invoke::=id"]}"#,
        r#"{"verb":"install","packages":["--allow-unauthenticated"]}"#,
        r#"{"verb":"install","packages":["git-"]}"#,
        r#"{"verb":"install","packages":["git:amd64-"]}"#,
        r#"{"verb":"install","packages":["git=1.0-"]}"#,
        r#"{"verb":"install","packages":["git=1.0+"]}"#,
        r#"{"verb":"install","packages":["git="]}"#,
        r#"{"verb":"install","packages":["git=-1"]}"#,
        r#"{"verb":"install","packages":["git=1 -o"]}"#,
        r#"{"verb":"install","packages":["git/unstable"]}"#,
        r#"{"verb":"install","packages":["./evil.deb"]}"#,
        r#"{"verb":"install","packages":["/tmp/evil.deb"]}"#,
        r#"{"verb":"install","packages":["g*"]}"#,
        r#"{"verb":"install","packages":"git"}"#,
        r#"{"verb":"mend"} {"verb":"mend"}"#,
        r#"[{"verb":"mend"}]"#,
    ] {
        assert!(matches!(line(text), Err(BadRequest::Nonsense(_))), "{text}: {:?}", line(text));
    }
    assert_eq!(Request::parse(br#"{"verb":"mend"}"#), Err(BadRequest::Cut));
    // What is refused stands in root's journal: nobody writes a second line there.
    let forged = line(r#"{"verb":"x\nasked: {\"verb\":\"mend\"}"}"#).unwrap_err().to_string();
    assert!(forged.contains("asked") && !forged.contains('\n'), "{forged}");
    assert_eq!(Request::parse(&[b' '; LONGEST + 1]), Err(BadRequest::TooLong));
    let many = vec!["\"git\""; MOST_PACKAGES + 1].join(",");
    assert_eq!(line(&format!(r#"{{"verb":"install","packages":[{many}]}}"#)), Err(BadRequest::TooMany));
}

proptest! {
    #[test]
    fn any_bytes_are_a_request_that_reads_the_same_again_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(request) = Request::parse(&bytes) {
            prop_assert_eq!(Request::parse(request.to_line().as_bytes()), Ok(request));
        }
    }

    #[test]
    fn what_names_a_package_is_no_option_no_file_and_no_order_to_remove(text in "[-a-z0-9+.~:=/ *]{0,12}") {
        if let Ok(wanted) = Wanted::new(&text) {
            let word = wanted.to_string();
            prop_assert_eq!(&word, &text);
            prop_assert!(word.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()), "{}", word);
            prop_assert!(!word.ends_with('-') && !word.contains(['/', ' ', '*']), "{}", word);
        }
    }

    #[test]
    fn what_names_a_unit_is_one_word_and_no_option(text in ".{0,12}") {
        if let Ok(unit) = UnitName::new(&text) {
            prop_assert!(!unit.file().starts_with(['-', '.']) && !unit.file().contains(['/', ' ', '\n', '*']), "{}", text);
        }
    }
}
