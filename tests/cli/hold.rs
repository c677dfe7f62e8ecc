//! What is held back or skipped, from the configuration and from the command line, over a restart of the daemon.

use super::lab::{Lab, PATIENCE, head};

#[test]
fn what_is_held_back_is_passed_by_until_it_is_let_go() {
    let mut lab = Lab::new();
    let (remote, work) = lab.add("app");
    let (fixed, kept) = lab.add_with("fixed", "hold: true\n");
    for remote in [&remote, &fixed] {
        remote.history(1, "More");
    }
    let (before, kept_at) = (head(&work), head(&kept));
    let checked = lab.refit(&["check"]).says("fixed is held back when everything is updated: [update_manager fixed], ");
    assert!(!checked.out.contains("Unparsed"), "{checked:?}");
    let mut daemon = lab.daemon();

    lab.refit(&["hold", "app"]).ended(0).says("`refit upgrade --all` passes it by");
    lab.refit(&["hold", "nobody"]).ended(5).complains("Updater nobody not available");
    lab.refit(&["status"]).ended(0).says("app: held back").says("fixed: held back by the configuration");
    lab.refit(&["plan"]).ended(0).says("app is held back; passed by").says("fixed is held back; passed by");
    let told = lab.refit(&["upgrade", "--all"]).ended(0).says("fixed is held back; passed by");
    assert_eq!((head(&work), head(&kept)), (before.clone(), kept_at), "{told:?}");
    lab.refit(&["unhold", "fixed"]).ended(5).complains("[update_manager fixed]").complains("moonraker.conf:");

    daemon.stop(PATIENCE);
    let _daemon = lab.daemon();
    lab.refit(&["upgrade", "--all"]).ended(0).says("app is held back; passed by");
    assert_eq!(head(&work), before);
    let let_go = lab.refit(&["unhold", "app", "--json"]).ended(0).json();
    assert!(let_go["held"].is_null());
    lab.refit(&["upgrade", "--all"]).ended(0);
    assert_eq!(head(&work), remote.rev("master"));
    lab.refit(&["upgrade", "fixed"]).ended(0);
    assert_eq!(head(&kept), fixed.rev("master"));
}

#[test]
fn a_skipped_version_takes_consent_and_the_next_one_does_not() {
    let mut lab = Lab::new();
    let (remote, work) = lab.add("app");
    remote.history(1, "More");
    let before = head(&work);
    let _daemon = lab.daemon();
    lab.refit(&["skip", "app"]).ended(0).says("app skips version v1.0.0-1");
    lab.refit(&["status"]).ended(0).says("app: skips version v1.0.0-1");
    lab.refit(&["upgrade", "--all"]).ended(0).says("app is to skip version v1.0.0-1; passed by");
    lab.refit(&["upgrade", "app"]).ended(5).complains("refit upgrade app --consent").complains("Nothing was changed.");
    lab.refit(&["plan", "app"]).ended(5).says("--consent");
    lab.refit(&["plan", "app", "--consent"]).ended(0).says("app: upgrade");
    lab.refit(&["plan", "--consent"]).ended(2);
    lab.refit(&["skip", "app", "v9"]).ended(5).complains("app offers v1.0.0-1, not v9");
    assert_eq!(head(&work), before);
    lab.refit(&["upgrade", "app", "--consent"]).ended(0);
    assert_eq!(head(&work), remote.rev("master"));

    remote.history(1, "Still more");
    lab.refit(&["refresh", "app"]).ended(0);
    let skipped = lab.refit(&["skip", "app", "--json"]).ended(0).json();
    assert_eq!(skipped["skipped"], "v1.0.0-2");
    remote.history(1, "And more");
    lab.refit(&["refresh", "app"]).ended(0);
    let status = lab.refit(&["status", "--json"]).ended(0).json();
    assert!(status["version_info"]["app"]["refit"]["skipped"].is_null(), "another version is offered");
    lab.refit(&["upgrade", "--all"]).ended(0);
    assert_eq!(head(&work), remote.rev("master"));
    let full = &lab.refit(&["status", "--json"]).json()["refit"]["full"];
    assert!(full["done"].as_array().is_some_and(|done| done.contains(&"app".into())), "{full}");
}
