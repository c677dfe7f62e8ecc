use super::super::{Installed, testing::*};
use super::*;
use crate::environment::{EnvironmentFacts, EnvironmentSpec, EnvironmentState};
use crate::step::HealthStep;

fn facts(version: &str, offered: &str) -> ReleaseFacts {
    let mut facts = ReleaseFacts {
        last_refresh: 1,
        installed: Installed {
            place: Place::Folder,
            info: Some(info(version)),
            asset_is_there: true,
            ..Installed::default()
        },
        survey: Some(ReleaseSurvey { shipped_known: true, ..ReleaseSurvey::default() }),
        ..ReleaseFacts::default()
    };
    facts.remote.release = Some(release(offered));
    facts
}

fn told(action: Action, spec: &ReleaseSpec, facts: &ReleaseFacts) -> Result<Verdict, String> {
    let occasion =
        Occasion { now: 1_775_124_930, mark: "r1".to_owned(), application: "app".to_owned(), ..Occasion::default() };
    plan(action, spec, facts, &occasion).map_err(|refusal| refusal.to_string())
}

fn planned(action: Action, spec: &ReleaseSpec, facts: &ReleaseFacts) -> Plan {
    match told(action, spec, facts).unwrap() {
        Verdict::Do(plan) => *plan,
        Verdict::Nothing(why) => panic!("nothing to do: {why}"),
    }
}

fn words(plan: &Plan) -> Vec<&'static str> {
    let word = |planned: &PlannedStep| match &planned.step {
        Step::CheckPrinter => "printer",
        Step::Release(ReleaseStep::Download { .. }) => "download",
        Step::Release(ReleaseStep::Unpack { share: true, .. }) => "unpack",
        Step::Release(ReleaseStep::Unpack { share: false, .. }) => "unpack afresh",
        Step::Release(ReleaseStep::StageKept { .. }) => "kept",
        Step::Release(ReleaseStep::Learn { .. }) => "learn",
        Step::Release(ReleaseStep::CarryOver { kept: Some(_), .. }) => "carry",
        Step::Release(ReleaseStep::CarryOver { kept: None, .. }) => "carry all",
        Step::Release(ReleaseStep::Probe { .. }) => "probe",
        Step::Release(ReleaseStep::Exchange { old: OldFolder::Previous { .. }, .. }) => "exchange",
        Step::Release(ReleaseStep::Exchange { old: OldFolder::Kept(_), .. }) => "exchange, keep",
        Step::Release(ReleaseStep::Verify { .. }) => "verify",
        Step::Release(ReleaseStep::Prune { .. }) => "prune",
        Step::Health(HealthStep::Record { .. }) => "record",
        Step::Health(HealthStep::Check { .. }) => "health",
        other => panic!("not of a release: {other:?}"),
    };
    plan.steps.iter().map(word).collect()
}

#[test]
fn an_upgrade_prepares_everything_before_the_switch() {
    let plan = planned(Action::Upgrade, &spec(ReleaseKind::Web), &facts("v1", "v2"));
    assert_eq!(plan.opening, ["Web Client app: Updating..."]);
    assert_eq!(plan.closing, "Web Client app: Update Finished...");
    assert_eq!((plan.from.as_str(), plan.to.as_str()), ("v1", "v2"));
    assert_eq!(
        words(&plan),
        ["download", "unpack", "carry", "printer", "record", "exchange", "verify", "health", "prune"]
    );
    assert_eq!(plan.switch_begins(), 3);
    let announced: Vec<&str> =
        plan.steps.iter().flat_map(|planned| planned.announce.iter().map(String::as_str)).collect();
    assert_eq!(
        announced,
        [
            "Web Client app: Downloading Release...",
            "Web Client app: Download Complete, extracting release to '/home/pi/app'"
        ]
    );
    let Step::Release(ReleaseStep::Exchange { stage, old: OldFolder::Previous { folder, version }, .. }) =
        &plan.steps[5].step
    else {
        panic!("no exchange")
    };
    assert_eq!(stage.to_str(), Some("/home/pi/.app.refit-new-r1"));
    assert_eq!(folder.to_str(), Some("/home/pi/.app.refit-previous/20260402T101530Z-v1"));
    assert_eq!(version, "v1");
}

#[test]
fn an_executable_is_tried_and_needs_no_list() {
    let mut facts = facts("v1", "v2");
    facts.survey = None;
    let plan = planned(Action::Upgrade, &spec(ReleaseKind::Executable), &facts);
    assert_eq!(words(&plan), ["download", "unpack", "probe", "carry", "printer", "exchange", "verify", "prune"]);
}

#[test]
fn what_another_updater_installed_is_looked_up_first() {
    let mut facts = facts("v1", "v2");
    facts.survey = None;
    assert_eq!(words(&planned(Action::Upgrade, &spec(ReleaseKind::Zip), &facts))[0], "learn");
}

#[test]
fn files_that_change_are_noted_and_what_is_not_known_is_said() {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let difference = Difference { added: list(&["new"]), changed: list(&["a", "b"]), removed: list(&["old"]) };
    let mut facts = facts("v1", "v2");
    let survey = ReleaseSurvey { shipped_known: true, difference: Some(difference), ..ReleaseSurvey::default() };
    facts.survey = Some(survey.clone());
    let web = spec(ReleaseKind::Web);
    let notes = planned(Action::Upgrade, &web, &facts).notes;
    assert_eq!(notes, ["Added (1): new", "Changed (2): a, b", "Removed (1): old"]);
    let difference = Some(Difference { added: list(&["new"]), ..Difference::default() });
    facts.survey = Some(ReleaseSurvey { shipped_known: false, difference, ..survey });
    let notes = planned(Action::Upgrade, &web, &facts).notes;
    assert_eq!(notes[0], "Added (1): new");
    assert!(notes[1].starts_with("Which files go is known only when it was looked up what version v1 shipped"));
}

#[test]
fn nothing_to_do_and_refusals_in_the_documented_words() {
    let web = spec(ReleaseKind::Web);
    let nothing = |facts: &ReleaseFacts| match told(Action::Upgrade, &web, facts).unwrap() {
        Verdict::Nothing(why) => why,
        Verdict::Do(plan) => panic!("{plan:?}"),
    };
    assert_eq!(nothing(&facts("v2", "v2")), "Web Client app: already up to date");
    assert!(nothing(&facts("v3", "v2")).contains("v3 is installed, and the newest release, v2, is not newer"));
    let mut broken = facts("v1", "v2");
    broken.installed.info = None;
    assert_eq!(
        told(Action::Upgrade, &web, &broken).unwrap_err(),
        "Web Client app: Invalid install detected, aborting update"
    );
    let mut unknown = facts("v1", "v2");
    unknown.remote.release = None;
    assert_eq!(told(Action::Upgrade, &web, &unknown).unwrap_err(), "Web Client app: Unable to locate update");
    let mut fixed = facts("v1", "v2");
    fixed.survey = Some(ReleaseSurvey { fixed: Some("it is a mount point".to_owned()), ..ReleaseSurvey::default() });
    assert!(told(Action::Upgrade, &web, &fixed).unwrap_err().contains("mount point"));
}

#[test]
fn a_rollback_goes_to_what_is_kept_or_downloads_it() {
    let web = spec(ReleaseKind::Web);
    let mut facts = facts("v2", "v2");
    facts.rollback = Some("v2".to_owned());
    assert_eq!(
        told(Action::Rollback, &web, &facts),
        Ok(Verdict::Nothing("Web Client app: Rollback not performed".to_owned()))
    );
    facts.rollback = Some("v1".to_owned());
    let plan = planned(Action::Rollback, &web, &facts);
    assert_eq!(
        words(&plan),
        ["download", "unpack", "carry", "printer", "record", "exchange", "verify", "health", "prune"]
    );
    assert_eq!((plan.to.as_str(), plan.closing.as_str()), ("v1", "Web Client app: Rollback Complete"));
    let survey =
        ReleaseSurvey { shipped_known: true, sound_previous: Some("/kept".into()), ..ReleaseSurvey::default() };
    facts.survey = Some(survey);
    assert_eq!(words(&planned(Action::Rollback, &web, &facts))[0], "kept");
    facts.installed = Installed { place: Place::Folder, ..Installed::default() };
    facts.rollback = None;
    assert_eq!(told(Action::Rollback, &web, &facts).unwrap_err(), "Incomplete Rollback Data");
}

#[test]
fn soft_recovery_does_only_what_is_needed_and_hard_recovery_all() {
    let web = spec(ReleaseKind::Web);
    let mut facts = facts("v1", "v2");
    let verdict = told(Action::SoftRecovery, &web, &facts).unwrap();
    assert!(matches!(&verdict, Verdict::Nothing(why) if why.contains("nothing to recover")), "{verdict:?}");
    if let Some(survey) = &mut facts.survey {
        survey.wrong = vec!["index.html".to_owned()];
    }
    let plan = planned(Action::SoftRecovery, &web, &facts);
    assert_eq!(
        words(&plan),
        ["download", "unpack", "carry all", "printer", "record", "exchange, keep", "verify", "health", "prune"]
    );
    assert!(plan.notes.join("\n").contains("index.html"), "{:?}", plan.notes);
    assert_eq!(plan.to, "v1", "the installed version, not the newest");
    assert!(
        matches!(&plan.steps[0].step, Step::Release(ReleaseStep::Download { wanted: WantedRelease::Tagged { version, .. }, .. }) if version == "v1")
    );
    let plan = planned(Action::HardRecovery, &web, &facts);
    assert_eq!(words(&plan)[1], "unpack afresh");
    // Nobody knows what is installed: the newest.
    facts.installed.info = None;
    assert_eq!(planned(Action::HardRecovery, &web, &facts).to, "v2");
    let unknown = ReleaseFacts { remote: crate::updater::release::RemoteRelease::default(), ..facts.clone() };
    assert_eq!(planned(Action::HardRecovery, &web, &unknown).to, "?");
    // Not told any more, but remembered: the same again.
    let remembered = ReleaseFacts { last_version: Some("v1".to_owned()), ..facts.clone() };
    assert_eq!(planned(Action::HardRecovery, &web, &remembered).to, "v1");
    assert!(told(Action::SoftRecovery, &web, &facts).unwrap_err().contains("ask for a hard recovery"));
}

#[test]
fn a_recovery_mends_what_whole_software_depends_on() {
    let mut zip = spec(ReleaseKind::Zip);
    let mut facts = facts("v1", "v2");
    let again = Occasion { update_deps: true, ..Occasion::default() };
    let is_nothing = |spec: &ReleaseSpec, facts: &ReleaseFacts, occasion: &Occasion| {
        matches!(plan(Action::SoftRecovery, spec, facts, occasion), Ok(Verdict::Nothing(_)))
    };
    assert!(is_nothing(&zip, &facts, &again), "it depends on nothing");
    zip.common.dependencies.environment = Some(EnvironmentSpec {
        folder: "/home/pi/app-env".into(),
        pip_environment: Vec::new(),
        venv_args: None,
        keep_previous: 1,
    });
    let mut environment = EnvironmentFacts { state: EnvironmentState::Sound, ..EnvironmentFacts::default() };
    facts.dependencies.environment = Some(environment.clone());
    assert!(is_nothing(&zip, &facts, &Occasion::default()));
    assert!(!is_nothing(&zip, &facts, &again));
    environment.state = EnvironmentState::Missing;
    facts.dependencies.environment = Some(environment);
    assert!(!is_nothing(&zip, &facts, &Occasion::default()));
}

#[test]
fn a_signature_that_is_asked_for_must_be_there() {
    let mut signed = spec(ReleaseKind::Web);
    signed.verify = Verify::Minisign { key: "K".to_owned() };
    let mut facts = facts("v1", "v2");
    let plan = planned(Action::Upgrade, &signed, &facts);
    let Step::Release(ReleaseStep::Download { wanted: WantedRelease::Offered { signature, checksums, .. }, .. }) =
        &plan.steps[0].step
    else {
        panic!("no download")
    };
    assert_eq!(signature.as_ref().map(|asset| asset.name.as_str()), Some("app.zip.minisig"));
    assert_eq!(checksums.len(), 1);
    if let Some(release) = &mut facts.remote.release {
        release.assets.retain(|asset| asset.name != "app.zip.minisig");
    }
    assert!(told(Action::Upgrade, &signed, &facts).unwrap_err().contains("no signature app.zip.minisig"));
}

#[test]
fn every_step_of_a_plan_says_what_it_does() {
    let mut facts = facts("v1", "v2");
    facts.survey = None;
    for kind in [ReleaseKind::Web, ReleaseKind::Zip, ReleaseKind::Executable] {
        for action in [Action::Upgrade, Action::HardRecovery] {
            for planned in planned(action, &spec(kind), &facts).steps {
                assert!(planned.step.describe().len() > 10, "{planned:?}");
                let text = serde_json::to_string(&planned).unwrap();
                assert_eq!(serde_json::from_str::<PlannedStep>(&text).unwrap(), planned);
            }
        }
    }
}

#[test]
fn what_npm_may_write_to_is_not_shared_with_the_folder_in_use() {
    let mut spec = spec(ReleaseKind::Zip);
    assert!(words(&planned(Action::Upgrade, &spec, &facts("v1", "v2"))).contains(&"unpack"));
    spec.common.dependencies.node = true;
    assert!(words(&planned(Action::Upgrade, &spec, &facts("v1", "v2"))).contains(&"unpack afresh"));
}
