use proptest::prelude::*;

use super::*;

fn name(text: &str) -> UpdaterName {
    UpdaterName::new(text).unwrap()
}

fn hold() -> HoldRequest {
    HoldRequest::Hold { name: "app".to_owned() }
}

fn unhold() -> HoldRequest {
    HoldRequest::Unhold { name: "app".to_owned() }
}

fn skip(version: Option<&str>) -> HoldRequest {
    HoldRequest::Skip { name: "app".to_owned(), version: version.map(str::to_owned) }
}

#[test]
fn what_the_configuration_holds_is_let_go_there() {
    let place = "[update_manager app], moonraker.conf:7".to_owned();
    let mut holds = Holds::new([(name("app"), place)], Asked::default());
    assert_eq!(holds.held(&name("app")), Some(HeldBy::Configuration));
    let refused = holds.change(&name("app"), &unhold(), "1", Offer::Unknown).unwrap_err();
    assert!(refused.to_string().contains("[update_manager app], moonraker.conf:7"), "{refused}");
    assert_eq!(holds.passing(&name("app"), Offer::Version("2")), Some(Passing::Held));
    assert_eq!(holds.passing(&name("other"), Offer::Version("2")), None);
}

#[test]
fn only_what_is_offered_can_be_skipped() {
    let mut holds = Holds::default();
    let app = name("app");
    for (asked, offer, told) in [
        (skip(None), Offer::Nothing, "refit refresh app"),
        (skip(None), Offer::Unknown, "refit skip app VERSION"),
        (skip(Some("1")), Offer::Version("2"), "refit hold app"),
        (skip(Some("3")), Offer::Version("2"), "app offers 2, not 3"),
    ] {
        let refused = holds.change(&app, &asked, "1", offer).unwrap_err().to_string();
        assert!(refused.contains(told), "{refused}");
        assert_eq!(holds, Holds::default());
    }
    holds.change(&app, &skip(Some("3")), "1", Offer::Nothing).unwrap();
    assert_eq!(holds.skipped(&app), Some("3"));
    holds.change(&app, &skip(None), "1", Offer::Version("2")).unwrap();
    assert_eq!(holds.skipped(&app), Some("2"));
    assert!(holds.consented(&app, "2", false).unwrap_err().to_string().contains("--consent"));
    assert!(holds.consented(&app, "2", true).is_ok() && holds.consented(&app, "3", false).is_ok());
}

#[derive(Debug, Clone)]
enum Deed {
    Ask(HoldRequest),
    /// It offers this version, or nothing is known; versions only go forward in the world, but may come back.
    Offer(Option<u8>),
    Install(u8),
}

fn deed() -> impl Strategy<Value = Deed> {
    let version = || 0..4_u8;
    prop_oneof![
        1 => Just(Deed::Ask(hold())),
        1 => Just(Deed::Ask(unhold())),
        2 => prop::option::of(version()).prop_map(|version| {
            let version = version.map(|version| version.to_string());
            Deed::Ask(HoldRequest::Skip { name: "app".to_owned(), version })
        }),
        3 => prop::option::of(version()).prop_map(Deed::Offer),
        1 => version().prop_map(Deed::Install),
    ]
}

proptest! {
    /// Held until let go; a skipped version is passed by while it is what is offered, and never again once it was not;
    /// what is kept and read again is the same.
    #[test]
    fn what_is_passed_by_is_what_the_owner_said(configured: bool, deeds in prop::collection::vec(deed(), 0..40)) {
        let app = name("app");
        let configured_places = configured.then(|| (app.clone(), "a place".to_owned()));
        let mut holds = Holds::new(configured_places.clone(), Asked::default());
        let (mut installed, mut offered) = ("0".to_owned(), None::<String>);
        let (mut held, mut skipped) = (false, None::<String>);
        for deed in deeds {
            let offer = |offered: &Option<String>, installed: &str| match offered {
                None => None,
                Some(version) if version == installed => Some(None),
                Some(version) => Some(Some(version.clone())),
            };
            match deed {
                Deed::Ask(asked) => {
                    let now = offer(&offered, &installed);
                    let now = match &now {
                        None => Offer::Unknown,
                        Some(None) => Offer::Nothing,
                        Some(Some(version)) => Offer::Version(version),
                    };
                    let done = holds.change(&app, &asked, &installed, now).is_ok();
                    match asked {
                        HoldRequest::Hold { .. } => held = true,
                        HoldRequest::Unhold { .. } if done => (held, skipped) = (false, None),
                        HoldRequest::Unhold { .. } => prop_assert!(configured),
                        HoldRequest::Skip { version, .. } if done => {
                            let version = version.or(match now {
                                Offer::Version(version) => Some(version.to_owned()),
                                Offer::Unknown | Offer::Nothing | Offer::Several => None,
                            });
                            prop_assert!(version.is_some() && version.as_deref() != Some(installed.as_str()));
                            skipped = version;
                        }
                        HoldRequest::Skip { .. } => {}
                    }
                }
                Deed::Offer(version) => offered = version.map(|version| version.to_string()),
                Deed::Install(version) => installed = version.to_string(),
            }
            let now = offer(&offered, &installed);
            let now = match &now {
                None => Offer::Unknown,
                Some(None) => Offer::Nothing,
                Some(Some(version)) => Offer::Version(version),
            };
            let before = skipped.clone();
            if skipped.as_deref() == Some(installed.as_str())
                || matches!(now, Offer::Version(version) if skipped.as_deref() != Some(version))
            {
                skipped = None;
            }
            prop_assert_eq!(holds.lapse(&app, &installed, now), before != skipped);
            prop_assert!(!holds.lapse(&app, &installed, now), "it ends once");
            prop_assert_eq!(holds.skipped(&app), skipped.as_deref());
            let expected = if held || configured {
                Some(Passing::Held)
            } else {
                skipped.clone().filter(|version| now == Offer::Version(version)).map(Passing::Skipped)
            };
            prop_assert_eq!(holds.passing(&app, now), expected);
            prop_assert_eq!(holds.passing(&name("other"), now), None);
            let kept = holds.asked().to_text().unwrap();
            prop_assert_eq!(&Holds::new(configured_places.clone(), Asked::from_text(&kept).unwrap()), &holds);
        }
    }
}

#[test]
fn packages_have_no_version_in_common() {
    let (mut holds, system) = (Holds::default(), name("system"));
    let skip = HoldRequest::Skip { name: "system".to_owned(), version: Some("2".to_owned()) };
    let refused = holds.change(&system, &skip, "?", Offer::Several).unwrap_err().to_string();
    assert!(refused.contains("sudo apt-mark hold PACKAGE") && refused.contains("refit hold system"), "{refused}");
    holds.change(&system, &HoldRequest::Hold { name: "system".to_owned() }, "?", Offer::Several).unwrap();
    assert_eq!(holds.passing(&system, Offer::Several), Some(Passing::Held));
}
