use super::*;
use crate::name::UpdaterName;
use crate::updater::system::{Interrupted, SystemSurvey, WithRemovals};

fn planned(action: Action, facts: &SystemFacts, change: impl FnOnce(&mut Occasion)) -> Result<Verdict, Refusal> {
    let name = UpdaterName::new("system").unwrap();
    let spec = SystemSpec { name, packagekit: true, refresh_interval_hours: 168, config_hash: String::new() };
    let mut occasion =
        Occasion { now: 0, mark: "m".to_owned(), application: "system".to_owned(), ..Occasion::default() };
    change(&mut occasion);
    plan(action, &spec, facts, &occasion)
}

fn done(verdict: Result<Verdict, Refusal>) -> Plan {
    match verdict.unwrap() {
        Verdict::Do(plan) => *plan,
        Verdict::Nothing(why) => panic!("nothing: {why}"),
    }
}

fn package(name: &str) -> PackageUpgrade {
    PackageUpgrade {
        name: name.to_owned(),
        from: Some("1".to_owned()),
        to: "2".to_owned(),
        bytes: Some(2048),
        security: false,
    }
}

fn steps(plan: &Plan) -> Vec<(&'static str, Phase)> {
    let name = |step: &Step| match step {
        Step::CheckPrinter => "printer",
        Step::System(SystemStep::Mend) => "mend",
        Step::System(SystemStep::Download { .. }) => "download",
        Step::System(SystemStep::Install { .. }) => "install",
        other => panic!("{other:?}"),
    };
    plan.steps.iter().map(|planned| (name(&planned.step), planned.phase)).collect()
}

fn removing() -> WithRemovals {
    WithRemovals { packages: vec![package("app"), package("needs")], remove: vec!["old".to_owned()] }
}

#[test]
fn downloads_come_before_the_printer_is_asked() {
    let facts = SystemFacts { offered: vec![package("app"), package("linux-image-6")], ..Default::default() };
    let plan = done(planned(Action::Upgrade, &facts, |_| {}));
    assert_eq!(
        steps(&plan),
        [("download", Phase::Preparation), ("printer", Phase::Switch), ("install", Phase::Switch)]
    );
    assert_eq!(
        (plan.opening, plan.closing.as_str()),
        (vec!["Updating packages...".to_owned()], "Package update finished...")
    );
    assert_eq!((plan.from.as_str(), plan.to.as_str()), ("2 packages as installed", "their new versions"));
    assert!(plan.notes[0].starts_with("To have linux-image-6 in use, restart the machine"), "{:?}", plan.notes);
    assert_eq!(plan.steps[0].step.describe(), "download 2 system packages, 4 KiB");
    assert_eq!(plan.steps[2].undo, Undo::SystemSettle);
}

#[test]
fn what_was_cut_off_is_finished_first_and_its_turn_is_never_given_up() {
    let interrupted = vec![Interrupted { name: "lib".to_owned(), status: "iHR".to_owned() }];
    let facts = SystemFacts { offered: vec![package("app")], interrupted, ..Default::default() };
    let plan = done(planned(Action::Upgrade, &facts, |_| {}));
    let names: Vec<_> = steps(&plan).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["printer", "mend", "download", "printer", "install"]);
    assert_eq!((plan.switch_begins(), plan.turn_begins()), (0, 1));
    for action in [Action::SoftRecovery, Action::HardRecovery] {
        let plan = done(planned(action, &facts, |_| {}));
        assert_eq!(steps(&plan).last(), Some(&("mend", Phase::Switch)));
        assert_eq!(plan.from, "half installed: lib");
    }
    let sound = SystemFacts::default();
    assert!(
        matches!(planned(Action::HardRecovery, &sound, |_| {}), Ok(Verdict::Nothing(why)) if why.contains("repair"))
    );
}

#[test]
fn packages_go_by_consent_alone() {
    let facts = SystemFacts {
        offered: vec![package("app")],
        kept_back: vec![package("needs")],
        with_removals: Some(removing()),
        ..Default::default()
    };
    let removes = |plan: &Plan| match &plan.steps.last().unwrap().step {
        Step::System(SystemStep::Install { packages, remove }) => (packages.len(), remove.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(removes(&done(planned(Action::Upgrade, &facts, |_| {}))), (1, Vec::new()));
    let agreed = done(planned(Action::Upgrade, &facts, |occasion| occasion.consent = true));
    assert_eq!(removes(&agreed), (2, vec!["old".to_owned()]));
    assert_eq!(agreed.notes, ["Removed with your consent: old"]);
    // Nothing is left but what would remove: who asked by name is refused, an update of everything goes on.
    let rest = SystemFacts { offered: Vec::new(), ..facts };
    let refused = planned(Action::Upgrade, &rest, |_| {}).unwrap_err().to_string();
    assert!(refused.contains("needs 1 -> 2. Their upgrade would remove old"), "{refused}");
    let verdict = planned(Action::Upgrade, &rest, |occasion| occasion.full = true).unwrap();
    assert!(matches!(verdict, Verdict::Nothing(why) if why.contains("would remove old")));
}

#[test]
fn what_cannot_be_done_is_refused_in_words() {
    let refused = |facts: SystemFacts, action| planned(action, &facts, |_| {}).unwrap_err().to_string();
    let unseen = SystemFacts { unseen: Some("this machine has no apt".to_owned()), ..Default::default() };
    assert_eq!(refused(unseen, Action::Upgrade), "Error updating system packages: this machine has no apt");
    let survey = Some(SystemSurvey { refused: Some("no right".to_owned()) });
    let without = SystemFacts { offered: vec![package("app")], survey, ..Default::default() };
    assert_eq!(refused(without.clone(), Action::Upgrade), "Error updating system packages: no right");
    // Where nothing is to be done, no right is missing.
    let idle = SystemFacts { offered: Vec::new(), ..without };
    for action in [Action::Upgrade, Action::SoftRecovery] {
        assert!(matches!(planned(action, &idle, |_| {}), Ok(Verdict::Nothing(_))), "{action:?}");
    }
    assert_eq!(refused(SystemFacts::default(), Action::Rollback), "Rollback not available for system");
    assert_eq!(
        planned(Action::Upgrade, &SystemFacts::default(), |_| {}),
        Ok(Verdict::Nothing("The system's packages are up to date".to_owned()))
    );
}
