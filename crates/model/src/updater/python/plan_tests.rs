use super::super::testing::*;
use super::*;
use crate::environment::{EnvironmentPoint, EnvironmentState, EnvironmentSurvey};
use crate::step::{EnvironmentStep, Want};
use crate::updater::python::PythonSurvey;

fn occasion() -> Occasion {
    Occasion { now: 1, mark: "m".to_owned(), application: "tool".to_owned(), ..Occasion::default() }
}

fn planned(action: Action, facts: &PythonFacts) -> Verdict {
    let mut facts = facts.clone();
    let mut survey = PythonSurvey::default();
    survey.dependencies.environment = Some(EnvironmentSurvey { known: true, ..EnvironmentSurvey::default() });
    survey.dependencies.service_manager = Some("systemd".to_owned());
    facts.survey.get_or_insert(survey);
    plan(action, &spec(), &facts, &occasion()).unwrap()
}

fn nothing(action: Action, facts: &PythonFacts) -> String {
    match planned(action, facts) {
        Verdict::Nothing(why) => why,
        Verdict::Do(plan) => panic!("{plan:?}"),
    }
}

fn done(action: Action, facts: &PythonFacts) -> Plan {
    match planned(action, facts) {
        Verdict::Do(plan) => *plan,
        Verdict::Nothing(why) => panic!("{why}"),
    }
}

/// What is told before pip works, without the title.
fn told_before_pip(plan: &Plan) -> &str {
    let told = plan.steps.iter().find_map(|step| match &step.step {
        Step::Environment(EnvironmentStep::Install { says, .. }) => Some(says.as_str()),
        _ => None,
    });
    told.unwrap_or_else(|| panic!("{:#?}", plan.steps))
}

/// What pip is asked for.
fn asked(plan: &Plan) -> String {
    let asked = plan.steps.iter().find_map(|step| match &step.step {
        Step::Environment(EnvironmentStep::Install { want: Want::Package { requirement, .. }, .. }) => {
            Some(requirement)
        }
        _ => None,
    });
    asked.unwrap_or_else(|| panic!("{:#?}", plan.steps)).clone()
}

#[test]
fn an_upgrade_asks_for_what_is_offered_and_tells_the_documented_words() {
    let plan = done(Action::Upgrade, &facts("1.0.0", Some("1.1.0")));
    assert_eq!(asked(&plan), "my-tool==1.1.0");
    assert_eq!((plan.from.as_str(), plan.to.as_str()), ("1.0.0", "1.1.0"));
    // The steps tell of pip themselves.
    assert_eq!(plan.opening, Vec::<String>::new());
    assert_eq!(told_before_pip(&plan), "Updating Python Package tool from PIP...");
    assert_eq!(plan.closing, "Python Package tool: Update Finished...");
    let told: Vec<_> = plan.steps.iter().flat_map(|step| &step.announce).collect();
    assert_eq!(told, ["Python Package tool: Restarting service tool..."]);
    // Whatever else is switched, the printer is asked first.
    assert_eq!(plan.step(plan.switch_begins()), Some(&Step::CheckPrinter));
}

#[test]
fn a_repository_on_github_is_asked_for_the_very_release_or_commit() {
    let with = |offer: Offer| {
        let mut facts = from_github("1.0.0");
        facts.remote.offer = Some(offer);
        done(Action::Upgrade, &facts)
    };
    let plan = with(tag("v1.1.0"));
    assert_eq!(asked(&plan), "my-tool @ git+https://github.com/own/rep@v1.1.0");
    assert_eq!(told_before_pip(&plan), "Updating Python Package tool from GITHUB...");
    let sha = "0123456789012345678901234567890123456789";
    let plan =
        with(Offer { version: "v1.0.1.dev1+g01234567".to_owned(), commit: Some(sha.to_owned()), ..Offer::default() });
    assert_eq!(asked(&plan), format!("my-tool @ git+https://github.com/own/rep@{sha}"));
    assert_eq!(plan.to, "v1.0.1-1");
}

#[test]
fn extras_are_asked_for_as_well() {
    let mut spec = spec();
    spec.extras = vec!["a".to_owned(), "b".to_owned()];
    let Verdict::Do(plan) = plan(Action::Upgrade, &spec, &facts("1.0.0", Some("1.1.0")), &occasion()).unwrap() else {
        panic!("nothing to do")
    };
    assert_eq!(asked(&plan), "my-tool[a,b]==1.1.0");
}

#[test]
fn an_upgrade_without_an_offer_says_why() {
    let mut current = facts("1.1.0", Some("1.1.0"));
    assert_eq!(nothing(Action::Upgrade, &current), "Python Package tool: already up to date");
    current.remote.passed_by = Some("1.5 needs Python >=3.12".to_owned());
    assert_eq!(nothing(Action::Upgrade, &current), "Python Package tool: already up to date (1.5 needs Python >=3.12)");
    assert_eq!(nothing(Action::Upgrade, &facts("1.0", None)), "Python Package tool: already up to date");
    let mut never = facts("1.0", None);
    never.remote.last_good = None;
    assert_eq!(nothing(Action::Upgrade, &never), "Python Package tool: nothing is offered; refresh first");
    never.remote.error = Some("x: it is down".to_owned());
    let refused = plan(Action::Upgrade, &spec(), &never, &occasion()).unwrap_err();
    let words = "Python Package tool: updates could not be looked for: x: it is down";
    assert_eq!(refused, Refusal::Unfit(words.to_owned()));
    let mut file = facts("1.0", Some("1.1"));
    file.installed.as_mut().unwrap().direct_url = Some(serde_json::json!({}));
    assert!(nothing(Action::Upgrade, &file).contains("installed from source other than"));
}

#[test]
fn an_offer_from_before_the_index_went_down_can_still_be_installed() {
    let mut down = facts("1.0", Some("1.1"));
    down.remote.error = Some("x: it is down".to_owned());
    assert_eq!(asked(&done(Action::Upgrade, &down)), "my-tool==1.1");
}

#[test]
fn a_distribution_that_was_removed_is_installed_by_an_upgrade() {
    let gone = PythonFacts { missing: true, ..facts("1.1.0", Some("1.1.0")) };
    assert_eq!(asked(&done(Action::Upgrade, &gone)), "my-tool==1.1.0");
}

#[test]
fn a_rollback_goes_back_to_the_version_before() {
    let mut facts = facts("1.1.0", Some("1.1.0"));
    assert_eq!(nothing(Action::Rollback, &facts), "Python Package tool: there is no version from before to go back to");
    facts.rollback = Some("1.1.0".to_owned());
    assert_eq!(nothing(Action::Rollback, &facts), "Python Package tool: Rollback not performed");
    facts.rollback = Some("1.0.0".to_owned());
    let plan = done(Action::Rollback, &facts);
    assert_eq!((asked(&plan).as_str(), plan.to.as_str()), ("my-tool==1.0.0", "1.0.0"));
    assert_eq!(plan.closing, "Python Package tool: Update Finished...");
    let mut github = from_github("1.1.0");
    github.rollback = Some("1.0.0".to_owned());
    github.remote.offer = Some(tag("v1.1.0"));
    assert_eq!(asked(&done(Action::Rollback, &github)), "my-tool @ git+https://github.com/own/rep@v1.0.0");
}

#[test]
fn a_rollback_takes_back_every_distribution_where_it_is_known_which_changed() {
    let mut facts = facts("1.1.0", Some("1.1.0"));
    facts.rollback = Some("1.0.0".to_owned());
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let environment = facts.dependencies.environment.as_mut().unwrap();
    environment.freeze = lines(&["dep==2.0", "my-tool==1.1.0", "new==1"]);
    environment.rollback = Some(EnvironmentPoint {
        kept: "/home/pi/.env.refit-previous/1".into(),
        before: lines(&["dep==1.0", "my-tool==1.0.0"]),
        after: environment.freeze.clone(),
    });
    let plan = done(Action::Rollback, &facts);
    let want = plan.steps.iter().find_map(|step| match &step.step {
        Step::Environment(EnvironmentStep::Install { want, .. }) => Some(want.clone()),
        _ => None,
    });
    let (install, remove) = (lines(&["dep==1.0", "my-tool==1.0.0"]), lines(&["new"]));
    assert_eq!(want, Some(Want::Exactly { install, remove }));
}

#[test]
fn a_soft_recovery_has_nothing_to_do_where_every_file_is_sound() {
    let mut facts = facts("1.0.0", Some("1.1.0"));
    let words = "Python Package tool: every file of 1.0.0 is as it was installed, nothing to recover";
    assert_eq!(nothing(Action::SoftRecovery, &facts), words);
    facts.dependencies.environment.as_mut().unwrap().freeze = vec!["My_Tool==1.0.0".to_owned()];
    let mut survey = PythonSurvey::default();
    let damaged = vec!["my-tool==1.0.0".to_owned()];
    survey.dependencies.environment = Some(EnvironmentSurvey { known: true, damaged, ..EnvironmentSurvey::default() });
    facts.survey = Some(survey);
    let plan = done(Action::SoftRecovery, &facts);
    assert_eq!((asked(&plan).as_str(), plan.to.as_str()), ("my-tool==1.0.0", "1.0.0"));
    assert_eq!(plan.opening, overture(Action::SoftRecovery, &spec()));
    assert_eq!(plan.closing, "Python Package tool: Reinstall Complete");
}

#[test]
fn a_recovery_builds_what_was_there_and_else_what_is_offered() {
    let mut facts = facts("1.0.0", Some("1.1.0"));
    assert_eq!(asked(&done(Action::HardRecovery, &facts)), "my-tool==1.1.0");
    facts.dependencies.environment.as_mut().unwrap().freeze =
        vec!["my-tool-extras==3".to_owned(), format!("my-tool @ git+https://github.com/own/rep@{COMMIT}")];
    let frozen = format!("my-tool @ git+https://github.com/own/rep@{COMMIT}");
    assert_eq!(asked(&done(Action::HardRecovery, &facts)), frozen);
    facts.dependencies.environment.as_mut().unwrap().state = EnvironmentState::Missing;
    assert_eq!(asked(&done(Action::SoftRecovery, &facts)), frozen);
    facts.dependencies.environment.as_mut().unwrap().freeze.clear();
    facts.remote.offer = None;
    assert_eq!(asked(&done(Action::HardRecovery, &facts)), "my-tool");
}
