use super::super::{ReleaseInfo, testing::*};
use super::*;

fn installed(info: Option<ReleaseInfo>) -> ReleaseFacts {
    ReleaseFacts {
        last_refresh: 1,
        installed: Installed { place: Place::Folder, info, asset_is_there: true, ..Installed::default() },
        ..ReleaseFacts::default()
    }
}

#[test]
fn a_good_installation_is_valid_and_offers_what_is_newer() {
    let mut facts = installed(Some(info("v1.0.0")));
    let judged = assess(&spec(ReleaseKind::Web), &facts);
    assert!(judged.is_valid && !judged.update_available);
    assert_eq!((judged.version.as_str(), judged.remote_version.as_deref()), ("v1.0.0", Some("?")));
    assert_eq!(judged.rollback_version, "v1.0.0");
    assert_eq!(judged.warnings, Vec::<String>::new());
    facts.remote.release = Some(release("v1.1.0"));
    let judged = assess(&spec(ReleaseKind::Web), &facts);
    assert!(judged.update_available);
    assert_eq!(judged.remote_version.as_deref(), Some("v1.1.0"));
    facts.remote.release = Some(crate::updater::release::Release { name: None, ..release("v1.1.0") });
    assert_eq!(assess(&spec(ReleaseKind::Web), &facts).remote_version, None, "a release without a name");
}

#[test]
fn places_that_cannot_be_used_are_told_in_the_documented_words() {
    let warnings = |place: Place| {
        let facts = ReleaseFacts { installed: Installed { place, ..Installed::default() }, ..ReleaseFacts::default() };
        let judged = assess(&spec(ReleaseKind::Web), &facts);
        assert!(!judged.is_valid);
        judged.warnings
    };
    let last = "Failed to validate installation";
    assert_eq!(warnings(Place::NotWritable), ["Location at option 'path: /home/pi/app' is not writable.", last]);
    assert_eq!(warnings(Place::NotAFolder), ["Location at option 'path: /home/pi/app' is not a directory.", last]);
    assert_eq!(
        warnings(Place::InsideGit { found: "/home/pi/.git".into() }),
        ["Location at option 'path: /home/pi/app' is within a git repo. Found .git folder at '/home/pi/.git'", last]
    );
    assert_eq!(warnings(Place::Folder), [last]);
}

#[test]
fn another_project_in_the_folder_counts_more_than_the_configuration() {
    let mut spec = spec(ReleaseKind::Zip);
    let facts = installed(Some(ReleaseInfo { project_owner: "fork".to_owned(), ..info("v1") }));
    let judged = assess(&spec, &facts);
    assert!(judged.is_valid);
    assert_eq!((judged.owner.as_str(), judged.repo_name.as_str()), ("fork", "app"));
    let text =
        "Value at option 'repo: owner/app' does not match detected repo 'fork/app', falling back to detected version.";
    assert_eq!(judged.anomalies, [text]);
    assert_eq!(effective_source(&spec, &facts.installed).owner, "fork");
    spec.common.report_anomalies = false;
    assert_eq!(assess(&spec, &facts).anomalies, Vec::<String>::new());
}

#[test]
fn front_ends_from_before_are_known_by_their_manifest() {
    let mut facts = installed(None);
    facts.installed.manifest = Some("mainsail".to_owned());
    facts.installed.dot_version = Some("v2.0.0".to_owned());
    let judged = assess(&spec(ReleaseKind::Web), &facts);
    assert!(judged.is_valid);
    assert_eq!((judged.owner.as_str(), judged.repo_name.as_str()), ("mainsail-crew", "mainsail"));
    assert_eq!(judged.version, "v2.0.0");
    facts.installed.manifest = Some("another".to_owned());
    assert!(!assess(&spec(ReleaseKind::Web), &facts).is_valid);
}

#[test]
fn an_executable_must_be_where_it_says() {
    let mut facts = installed(Some(info("v1")));
    assert!(assess(&spec(ReleaseKind::Executable), &facts).is_valid);
    facts.installed.asset_is_there = false;
    let judged = assess(&spec(ReleaseKind::Executable), &facts);
    assert_eq!(judged.warnings[0], "File app.zip not found in configured path for executable type");
    facts.installed.info = Some(ReleaseInfo { asset_name: None, ..info("v1") });
    let judged = assess(&spec(ReleaseKind::Executable), &facts);
    assert_eq!(judged.warnings[0], "Executable types require the 'asset_name' field in release_info.json");
    assert!(!judged.is_valid);
}

#[test]
fn a_broken_release_info_hides_what_else_there_is() {
    let mut facts = installed(None);
    facts.installed.info_is_broken = true;
    facts.installed.dot_version = Some("v1".to_owned());
    facts.installed.manifest = Some("mainsail".to_owned());
    let judged = assess(&spec(ReleaseKind::Web), &facts);
    assert_eq!((judged.is_valid, judged.version.as_str()), (false, "?"));
    facts.last_version = Some("v0".to_owned());
    assert_eq!(assess(&spec(ReleaseKind::Web), &facts).version, "v0", "what was known last");
}

#[test]
fn names_know_no_case() {
    let facts = installed(Some(ReleaseInfo { project_owner: "OWNER".to_owned(), ..info("v1") }));
    let judged = assess(&spec(ReleaseKind::Web), &facts);
    assert_eq!((judged.owner.as_str(), judged.anomalies.len()), ("owner", 0));
}

#[test]
fn a_folder_of_another_updater_is_not_written_to() {
    let mut spec = spec(ReleaseKind::Web);
    spec.reserved = true;
    let judged = assess(&spec, &installed(Some(info("v1"))));
    assert_eq!(judged.warnings[0], "Location at option 'path: /home/pi/app' is not writable.");
    assert!(!judged.is_valid);
}
