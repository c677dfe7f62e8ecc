use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::dependencies::{DependencySurvey, NodeSurvey, PackageChange, PackageSurvey};
use crate::environment::{
    Change, EnvironmentFacts, EnvironmentPoint, EnvironmentSpec, EnvironmentState, EnvironmentSurvey,
};
use crate::health::HealthSpec;
use crate::name::CommitId;
use crate::step::{Beginning, EnvironmentStep, GitTarget, Ground, HealthStep, RepoRef, Sick, Want};

struct Case {
    dependencies: Dependencies,
    facts: DependencyFacts,
    survey: DependencySurvey,
    action: Action,
    occasion: Occasion,
    content: Content,
}

impl Case {
    fn new(action: Action) -> Self {
        let environment = EnvironmentSpec {
            folder: "/home/pi/app-env".into(),
            pip_environment: Vec::new(),
            venv_args: None,
            keep_previous: 1,
        };
        let sound = EnvironmentFacts {
            state: EnvironmentState::Sound,
            freeze: vec!["one==1".to_owned(), "pip==25".to_owned()],
            ..EnvironmentFacts::default()
        };
        Self {
            dependencies: Dependencies {
                environment: Some(environment),
                requirements: Some("requirements.txt".into()),
                system_dependencies: Some("system.json".into()),
                install_script: None,
                node: true,
                services: vec!["app".to_owned()],
                keep_previous: 1,
                health: Default::default(),
            },
            facts: DependencyFacts { environment: Some(sound), node_rollback: None },
            survey: DependencySurvey {
                environment: Some(EnvironmentSurvey { known: true, ..EnvironmentSurvey::default() }),
                packages: Some(PackageSurvey { known: true, ..PackageSurvey::default() }),
                node: Some(NodeSurvey { known: true, ..NodeSurvey::default() }),
                service_manager: Some("systemd".to_owned()),
                units: Vec::new(),
            },
            action,
            occasion: Occasion {
                now: 1_775_124_930,
                mark: "r1".to_owned(),
                application: "app".to_owned(),
                ..Occasion::default()
            },
            content: Content::Commit {
                repo: RepoRef { updater: UpdaterName::new("app").unwrap(), path: "/home/pi/app".into() },
                to: GitTarget::Commit(CommitId::new(&"b".repeat(40)).unwrap()),
            },
        }
    }

    fn environment(&mut self) -> &mut EnvironmentSurvey {
        self.survey.environment.as_mut().unwrap()
    }

    fn packages(&mut self) -> &mut PackageSurvey {
        self.survey.packages.as_mut().unwrap()
    }

    fn arranged(&self) -> Result<Arranged, Refusal> {
        arrange(&Subject {
            name: &UpdaterName::new("app").unwrap(),
            title: "Git Repo app".to_owned(),
            home: Some(Path::new("/home/pi/app")),
            dependencies: &self.dependencies,
            facts: &self.facts,
            survey: &self.survey,
            occasion: &self.occasion,
            action: self.action,
            version: "v1-0",
            content: Some(self.content.clone()),
            package: None,
            is_front_end: false,
        })
    }

    fn words(&self) -> String {
        words(&self.arranged().unwrap())
    }
}

fn changed() -> Change {
    Change {
        name: "two".to_owned(),
        from: None,
        to: Some("2.0".to_owned()),
        bytes: Some(2048),
        builds: true,
        why: "requirements.txt line 1".to_owned(),
    }
}

/// `prepare | early | watch | with | after`, a word for each step.
fn words(arranged: &Arranged) -> String {
    let parts = [&arranged.prepare, &arranged.early, &arranged.watch, &arranged.with, &arranged.after];
    parts.map(|steps| steps.iter().map(word).collect::<Vec<_>>().join(" ")).join(" | ")
}

fn word(planned: &PlannedStep) -> &'static str {
    match &planned.step {
        Step::CheckPrinter => "printer",
        Step::Environment(step) => match step {
            EnvironmentStep::Stage { from: Beginning::Copy, .. } => "copy",
            EnvironmentStep::Stage { from: Beginning::Fresh { .. }, .. } => "fresh",
            EnvironmentStep::Install { want: Want::Exactly { .. }, .. } => "exactly",
            EnvironmentStep::Install { .. } => "pip",
            EnvironmentStep::Check { .. } => "check",
            EnvironmentStep::Exchange { .. } => "exchange",
            EnvironmentStep::KeepSnapshot { .. } => "snapshot",
            EnvironmentStep::Prune { .. } => "prune",
        },
        Step::Packages(PackageStep::Fetch { .. }) => "fetch",
        Step::Packages(PackageStep::Install { .. }) => "apt",
        Step::Node(NodeStep::Stage { .. }) => "npm",
        Step::Node(NodeStep::Exchange { .. }) => "modules",
        Step::Node(NodeStep::Prune { .. }) => "prune",
        Step::Service(ServiceStep::Observe { .. }) => "observe",
        Step::Service(ServiceStep::Restart { own: true, .. }) => "refit",
        Step::Service(ServiceStep::Restart { .. }) => "restart",
        Step::Service(ServiceStep::Postpone { .. }) => "postpone",
        Step::Health(HealthStep::Record { .. }) => "record",
        Step::Health(HealthStep::Check { sick: Sick::TakeBack, .. }) => "health",
        Step::Health(HealthStep::Check { sick: Sick::Tell, .. }) => "told",
        other => panic!("not of a dependency: {other:?}"),
    }
}

#[test]
fn what_needs_nothing_is_only_restarted() {
    assert_eq!(Case::new(Action::Upgrade).words(), " |  | record observe |  | restart health");
    let mut without = Case::new(Action::Upgrade);
    without.survey.service_manager = None;
    let arranged = without.arranged().unwrap();
    assert_eq!(words(&arranged), " |  |  |  | ");
    assert!(arranged.notes.iter().any(|note| note.contains("sudo systemctl restart app")), "{:?}", arranged.notes);
}

/// What is asked is what the update can make sick, and what its owner declared; before all else, and taken back after it.
#[test]
fn health_is_asked_of_what_may_become_sick() {
    let watched = |case: &Case| {
        let mut arranged = case.arranged().unwrap();
        let first = arranged.watch.swap_remove(0);
        match first.step {
            Step::Health(HealthStep::Record { watched, .. }) => {
                assert_eq!(first.undo, Undo::HealthAgain { watched: watched.clone() });
                Some(watched)
            }
            _other => None,
        }
    };
    let mut case = Case::new(Action::Upgrade);
    assert_eq!(watched(&case), Some(Watched { units: vec!["app".to_owned()], ..Watched::default() }));
    case.dependencies.services = vec!["klipper-2".to_owned(), "moonraker".to_owned()];
    let both = watched(&case).unwrap();
    assert!(both.printer && both.moonraker);
    // Nothing is restarted in its own run: the run that pays for it asks.
    case.occasion.full = true;
    assert_eq!(case.arranged().unwrap().watch, []);
    case.occasion.full = false;
    case.dependencies.health = HealthSpec::parse(&["url http://host/".to_owned()], Some(3), false).unwrap();
    let declared = watched(&case).unwrap();
    assert_eq!((declared.units.len(), declared.printer, declared.declared[0].patience), (2, true, 3));
    case.dependencies.health = HealthSpec::parse(&["none".to_owned()], None, false).unwrap();
    assert_eq!(watched(&case), None);
}

#[test]
fn an_environment_is_prepared_beside_and_exchanged_with_the_software() {
    let mut case = Case::new(Action::Upgrade);
    case.environment().changes = vec![changed()];
    let arranged = case.arranged().unwrap();
    assert_eq!(words(&arranged), "copy pip check |  | record observe | exchange | restart health prune");
    assert_eq!(
        arranged.notes,
        [
            "Python packages: two 2.0, new (2 KiB)",
            "Compiled on this machine, because there is no ready-made package for it: two. That may take long",
        ]
    );
    let Step::Environment(EnvironmentStep::Install { says, .. }) = &arranged.prepare[1].step else { panic!() };
    assert_eq!(says, "Updating python packages...");
    assert_eq!(arranged.after[0].announce, ["Git Repo app: Restarting service app..."]);
    let back = &arranged.with[0].undo;
    let stage = Path::new("/home/pi/.app-env.refit-new-r1");
    assert!(matches!(back, Undo::ReleaseExchangeBack { stage: at, old, .. }
        if at == stage && old.folder().starts_with("/home/pi/.app-env.refit-previous")));
}

#[test]
fn what_may_be_compiled_waits_for_the_system_packages() {
    let mut case = Case::new(Action::Upgrade);
    case.environment().changes = vec![changed()];
    case.packages().missing = vec![PackageChange { name: "libfoo".to_owned(), from: None, version: None, bytes: None }];
    let arranged = case.arranged().unwrap();
    assert_eq!(
        words(&arranged),
        "fetch | printer apt copy pip check | record observe | exchange | restart health prune"
    );
    assert!(arranged.early.iter().all(|planned| planned.phase == Phase::Switch));
    assert!(arranged.notes.contains(&"System packages that are installed: libfoo".to_owned()));
}

#[test]
fn system_packages_that_cannot_be_had_refuse_the_plan() {
    let mut case = Case::new(Action::Upgrade);
    case.packages().refused = Some("the package libnew does not exist".to_owned());
    assert_eq!(
        case.arranged().unwrap_err(),
        Refusal::Unfit("Git Repo app: the package libnew does not exist".to_owned())
    );
    // The version before needs nothing of it.
    case.action = Action::Rollback;
    assert!(case.arranged().is_ok());
    let mut case = Case::new(Action::Upgrade);
    case.packages().unavailable = vec!["python-dev".to_owned()];
    assert_eq!(case.words(), " |  | record observe |  | restart health");
    assert!(case.arranged().unwrap().notes[0].contains("no such package: python-dev"));
}

#[test]
fn where_nothing_can_be_prepared_beside_the_environment_is_put_back_from_a_copy() {
    let mut case = Case::new(Action::Upgrade);
    case.environment().changes = vec![changed()];
    case.environment().in_place = Some("this kernel shows nobody another folder".to_owned());
    let arranged = case.arranged().unwrap();
    assert_eq!(words(&arranged), "copy |  | record observe | pip check snapshot | restart health prune");
    assert!(matches!(arranged.with[0].undo, Undo::EnvironmentPutBack { .. }));
}

#[test]
fn an_environment_without_its_python_is_built_anew_from_its_freeze() {
    for action in [Action::Upgrade, Action::SoftRecovery, Action::HardRecovery] {
        let mut case = Case::new(action);
        let seen = case.facts.environment.as_mut().unwrap();
        seen.state = EnvironmentState::InterpreterGone { python: "/usr/bin/python3.9".into() };
        let arranged = case.arranged().unwrap();
        let after = if action == Action::Upgrade { "health" } else { "told" };
        assert_eq!(words(&arranged), format!("fresh pip check |  | record observe | exchange | restart {after} prune"));
        let Step::Environment(EnvironmentStep::Install { freeze, .. }) = &arranged.prepare[1].step else { panic!() };
        assert_eq!(freeze, &["one==1", "pip==25"]);
        let note = &arranged.notes[0];
        assert!(
            note.contains("/usr/bin/python3.9") && note.ends_with("It is built again with the same packages"),
            "{note}"
        );
    }
}

#[test]
fn asked_for_all_dependencies_everything_is_asked_again() {
    let mut case = Case::new(Action::SoftRecovery);
    case.occasion.update_deps = true;
    assert_eq!(case.words(), "copy pip check npm |  | record observe | exchange modules | restart told prune prune");
    case.action = Action::HardRecovery;
    assert!(case.words().starts_with("fresh pip check"));
}

#[test]
fn a_rollback_takes_back_what_the_upgrade_changed() {
    let mut case = Case::new(Action::Rollback);
    let seen = case.facts.environment.as_mut().unwrap();
    seen.freeze = ["five==5", "one==1", "Three_X==3", "two==2.5"].map(str::to_owned).to_vec();
    seen.rollback = Some(EnvironmentPoint {
        kept: "/home/pi/.app-env.refit-previous/a".into(),
        before: ["four==4", "one==1", "two==1"].map(str::to_owned).to_vec(),
        after: ["one==1", "Three_X==3", "-e file:///a#egg=six", "two==2"].map(str::to_owned).to_vec(),
    });
    // Somebody changed it since: what the upgrade changed is taken back, and `five` stays.
    let arranged = case.arranged().unwrap();
    assert_eq!(words(&arranged), "copy exactly check |  | record observe | exchange | restart told prune");
    let Step::Environment(EnvironmentStep::Install { want: Want::Exactly { install, remove }, .. }) =
        &arranged.prepare[1].step
    else {
        panic!()
    };
    assert_eq!(
        (install.as_slice(), remove.as_slice()),
        (&["four==4".to_owned(), "two==1".to_owned()][..], &["three-x".to_owned()][..])
    );
    // Nobody did: the old environment is put in place again, without a network.
    case.environment().sound_previous = Some("/home/pi/.app-env.refit-previous/a".into());
    let arranged = case.arranged().unwrap();
    assert_eq!(words(&arranged), "check |  | record observe | exchange | restart told prune");
    let Step::Environment(EnvironmentStep::Exchange { stage, .. }) = &arranged.with[0].step else { panic!() };
    assert_eq!(stage, Path::new("/home/pi/.app-env.refit-previous/a"));
}

#[test]
fn an_environment_inside_the_software_is_exchanged_after_it() {
    let mut case = Case::new(Action::Upgrade);
    case.environment().known = false;
    case.dependencies.environment.as_mut().unwrap().folder = "/home/pi/app/venv".into();
    case.content = Content::Stage { stage: "/home/pi/.app.refit-new-r1".into(), live: "/home/pi/app".into() };
    let arranged = case.arranged().unwrap();
    assert_eq!(words(&arranged), "copy pip check |  | record observe | exchange | restart health prune");
    let Step::Environment(EnvironmentStep::Install { ground, .. }) = &arranged.prepare[1].step else { panic!() };
    assert_eq!(ground, &Ground::Stage("/home/pi/.app-venv.refit-new-r1".into()));
    let Step::Environment(EnvironmentStep::Prune { kept, .. }) = &arranged.after[2].step else { panic!() };
    let place = crate::environment::kept_place(Some(Path::new("/home/pi/app")), Path::new("/home/pi/app/venv"));
    assert_eq!(kept, &place);
    // In place, the folder was exchanged before: its requirements are read where they are then.
    case.environment().in_place = Some("why".to_owned());
    let arranged = case.arranged().unwrap();
    let Step::Environment(EnvironmentStep::Install { want: Want::Requirements { content, .. }, .. }) =
        &arranged.with[0].step
    else {
        panic!()
    };
    assert_eq!(content, &Content::Live { path: "/home/pi/app".into() });
    // In a repository it goes by way of a folder that git does not see.
    let mut case = Case::new(Action::Upgrade);
    case.environment().changes = vec![changed()];
    case.dependencies.environment.as_mut().unwrap().folder = "/home/pi/app/venv".into();
    let Step::Environment(EnvironmentStep::Stage { stage, .. }) = &case.arranged().unwrap().prepare[0].step.clone()
    else {
        panic!()
    };
    assert_eq!(stage, Path::new("/home/pi/.app-venv.refit-new-r1"));
}

#[test]
fn in_an_update_of_everything_shared_services_wait_for_their_place() {
    let mut case = Case::new(Action::Upgrade);
    case.dependencies.services = ["klipper", "app", "moonraker"].map(str::to_owned).to_vec();
    assert_eq!(case.words(), " |  | record observe |  | restart restart restart health");
    case.occasion.full = true;
    assert_eq!(case.words(), " |  | record observe |  | postpone postpone restart health");
    let arranged = case.arranged().unwrap();
    assert_eq!(arranged.watch[1].undo, Undo::ServicesRestartAgain { units: vec!["app".to_owned()] });
    let said: Vec<&str> = arranged.after.iter().flat_map(|step| &step.announce).map(String::as_str).collect();
    assert_eq!(said[0], "Git Repo app: Service klipper restart postponed...");
    assert_eq!(said[2], "Git Repo app: Restarting service app...");
    // With nothing of its own there is nothing to watch.
    case.dependencies.services = vec!["klipper".to_owned()];
    assert_eq!(case.words(), " |  |  |  | postpone");
}

/// What was declared is asked when the last of the services runs the new version, and by whoever restarts it.
#[test]
fn what_was_declared_waits_for_the_restart_that_was_put_off() {
    let lines = |text: &str| HealthSpec::parse(&[text.to_owned()], None, false).unwrap();
    let asked = |case: &Case| {
        let arranged = case.arranged().unwrap();
        let watched = |planned: &PlannedStep| match &planned.step {
            Step::Health(HealthStep::Record { watched, .. } | HealthStep::Check { watched, .. }) => {
                Some(watched.declared.iter().map(|declared| declared.check.to_string()).collect::<Vec<_>>().join(", "))
            }
            _other => None,
        };
        let of = |steps: &[PlannedStep]| steps.iter().find_map(watched);
        (of(&arranged.watch), of(&arranged.after))
    };
    let some = |text: &str| Some(text.to_owned());
    let mut case = Case::new(Action::Upgrade);
    case.dependencies.services = ["klipper", "app"].map(str::to_owned).to_vec();
    case.dependencies.health = lines("url http://one/");
    assert_eq!(asked(&case), (some("url http://one/"), some("url http://one/")));
    case.occasion.full = true;
    assert_eq!(asked(&case), (some("url http://one/"), some("")));
    assert_eq!(case.words(), " |  | record observe |  | postpone restart health");
    case.dependencies.services = vec!["klipper".to_owned()];
    assert_eq!(asked(&case), (some("url http://one/"), None));
    assert_eq!(case.words(), " |  | record |  | postpone");
    // Here is the place of those who wait, whatever is asked of itself.
    case.dependencies.services = vec!["app".to_owned()];
    case.occasion.declared = [lines("url http://two/").declared, lines("url http://one/").declared].concat();
    let both = some("url http://one/, url http://two/");
    assert_eq!(asked(&case), (both.clone(), both));
    case.dependencies.health = lines("none");
    case.occasion.declared = lines("url http://two/").declared;
    assert_eq!(asked(&case), (some("url http://two/"), some("url http://two/")));
}

#[test]
fn what_is_asked_for_is_what_really_runs() {
    let mut case = Case::new(Action::Upgrade);
    case.dependencies.services = ["klipper", "app", "moonraker"].map(str::to_owned).to_vec();
    let units = |units: &[&str]| units.iter().map(|unit| (*unit).to_owned()).collect::<Vec<_>>();
    case.survey.units = vec![
        ("klipper".to_owned(), units(&["klipper-1", "klipper_2"])),
        ("moonraker".to_owned(), units(&["moonraker", "klipper-1"])),
    ];
    let named = |case: &Case| -> Vec<String> {
        let arranged = case.arranged().unwrap();
        arranged.after.iter().map(|planned| planned.step.describe()).collect()
    };
    let restarts = ["klipper-1", "klipper_2", "app", "moonraker"].map(|unit| format!("restart the service {unit}"));
    assert_eq!(named(&case)[..4], restarts);
    case.occasion.full = true;
    let arranged = case.arranged().unwrap();
    assert_eq!(words(&arranged), " |  | record observe |  | postpone postpone postpone restart health");
    assert!(named(&case)[1].contains("leave the restart of the service klipper_2"), "{:?}", named(&case));
}

#[test]
fn refit_itself_is_restarted_behind_all_others() {
    let mut case = Case::new(Action::Upgrade);
    case.dependencies.services = ["app", "klipper"].map(str::to_owned).to_vec();
    case.occasion.own = Some("app".to_owned());
    case.survey.node.as_mut().unwrap().needed = true;
    let arranged = case.arranged().unwrap();
    assert_eq!(words(&arranged), "npm |  | record observe | modules | restart health prune refit");
    // It is no witness of how well it runs itself.
    assert_eq!(arranged.watch[1].undo, Undo::ServicesRestartAgain { units: vec!["klipper".to_owned()] });
    case.occasion.full = true;
    assert_eq!(case.words(), "npm |  |  | modules | postpone postpone prune");
}

proptest! {
    /// Whatever has to be done: what is prepared leaves what is in use alone, every exchange has its way back, services
    /// are watched before anything changes, and nothing comes after what is only deleted.
    #[test]
    fn the_order_holds(
        action in prop::sample::select(vec![Action::Upgrade, Action::SoftRecovery, Action::HardRecovery, Action::Rollback]),
        (changes, known, in_place, update_deps) in any::<(bool, bool, bool, bool)>(),
        (missing, node, usable) in any::<(bool, bool, bool)>(),
    ) {
        let mut case = Case::new(action);
        case.occasion.update_deps = update_deps;
        case.environment().known = known;
        case.environment().changes = if changes { vec![changed()] } else { Vec::new() };
        case.environment().in_place = in_place.then(|| "why".to_owned());
        if missing {
            case.packages().missing = vec![PackageChange { name: "libfoo".to_owned(), from: None, version: None, bytes: None }];
        }
        case.survey.node.as_mut().unwrap().needed = node;
        if !usable {
            case.facts.environment.as_mut().unwrap().state = EnvironmentState::Missing;
        }
        let arranged = case.arranged().unwrap();
        prop_assert!(arranged.prepare.iter().all(|planned| planned.phase == Phase::Preparation));
        let rest = [&arranged.early, &arranged.watch, &arranged.with, &arranged.after];
        prop_assert!(rest.into_iter().flatten().all(|planned| planned.phase == Phase::Switch));
        // A run that is cut before the first that does is taken back, and nothing is prepared twice.
        prop_assert!(arranged.early.iter().all(|planned| !planned.step.touches_what_is_in_use()));
        prop_assert!(arranged.with.iter().all(|planned| planned.step.touches_what_is_in_use()));
        for planned in &arranged.with {
            let changes = matches!(word(planned), "exchange" | "modules" | "pip" | "exactly");
            prop_assert_eq!(changes, planned.undo != Undo::Nothing);
        }
        prop_assert_eq!(arranged.early.first().map(word), (!arranged.early.is_empty()).then_some("printer"));
        prop_assert_eq!(words(&arranged).contains("prune"), arranged.after.last().map(word) == Some("prune"));
        let stages: Vec<PathBuf> = arranged.prepare.iter().chain(&arranged.early).filter_map(|planned| {
            match &planned.undo { Undo::DeleteStage { stage } => Some(stage.clone()), _ => None }
        }).collect();
        prop_assert!(stages.iter().all(|stage| !stage.starts_with("/home/pi/app")));
    }
}

#[test]
fn every_package_is_named_and_what_is_not_known_yet_is_said() {
    let mut case = Case::new(Action::Upgrade);
    case.environment().changes = (0..30).map(|n| Change { name: format!("p{n}"), ..changed() }).collect();
    case.environment().notes = vec!["pip does not tell what it would change: why".to_owned()];
    let notes = case.arranged().unwrap().notes.join("\n");
    assert!((0..30).all(|n| notes.contains(&format!("p{n} 2.0, new"))), "{notes}");
    assert!(notes.contains("Python packages: pip does not tell"), "{notes}");
    let mut case = Case::new(Action::Upgrade);
    case.environment().known = false;
    case.packages().known = false;
    case.survey.node.as_mut().unwrap().known = false;
    let notes = case.arranged().unwrap().notes;
    let begins = ["Which System packages", "Which Python packages change", "Which Node packages change"];
    let begins = begins.map(|begin| begin.replace("System packages", "system packages are missing"));
    assert!(begins.iter().all(|begin| notes.iter().any(|note| note.starts_with(begin))), "{notes:?}");
}
