use std::path::PathBuf;

use proptest::prelude::*;

use super::super::{Hazard, LocalFacts, RemoteFacts, RollbackPoint, Survey, after_run};
use super::*;
use crate::name::UpdaterName;
use crate::settings::Channel;
use crate::updater::Common;

fn commit(digit: char) -> CommitId {
    CommitId::new(&digit.to_string().repeat(40)).expect("40 digits")
}

fn spec() -> GitSpec {
    GitSpec {
        common: Common::usual(UpdaterName::new("my app").expect("a name"), Channel::Dev),
        path: PathBuf::from("/home/pi/app"),
        origin: "https://example.org/own/app.git".to_owned(),
        moved_origin: None,
        primary_branch: BranchName::new("master").expect("a branch"),
        pinned_commit: None,
    }
}

/// A clean clone, one commit behind.
fn behind() -> GitFacts {
    GitFacts {
        local: LocalFacts {
            kind: RepoKind::Repo,
            repo_detected: true,
            head: Some(commit('a')),
            branch: Some("master".to_owned()),
            remote_alias: Some("origin".to_owned()),
            remote_url: Some("https://example.org/own/app.git".to_owned()),
            recovery_url: Some("https://example.org/own/app.git".to_owned()),
            describe: Some("v1.0.0-0-gaaaaaaaa".to_owned()),
            ..LocalFacts::default()
        },
        remote: RemoteFacts {
            last_good: Some(1),
            upstream: Some(commit('b')),
            offered: Some(commit('b')),
            describe: Some("v1.0.0-1-gbbbbbbbb".to_owned()),
            behind_count: 1,
            ..RemoteFacts::default()
        },
        survey: Some(Survey { target: Some(commit('b')), target_complete: true, ..Survey::default() }),
        ..GitFacts::default()
    }
}

fn occasion() -> Occasion {
    Occasion { now: 1_775_124_930, mark: "r/1".to_owned(), application: "app".to_owned(), ..Occasion::default() }
}

fn planned(action: Action, spec: &GitSpec, facts: &GitFacts) -> Plan {
    match plan(action, spec, facts, &occasion()) {
        Ok(Verdict::Do(plan)) => *plan,
        other => panic!("no plan: {other:?}"),
    }
}

fn words(plan: &Plan) -> Vec<&'static str> {
    plan.steps
        .iter()
        .map(|planned| match &planned.step {
            Step::CheckPrinter => "printer",
            Step::Git(GitStep::Fetch { .. }) => "fetch",
            Step::Git(GitStep::Heal { .. }) => "heal",
            Step::Git(GitStep::KeepAside { .. }) => "keep",
            Step::Git(GitStep::Switch { .. }) => "switch",
            Step::Git(GitStep::Verify { .. }) => "verify",
            Step::Git(GitStep::Clone { .. }) => "clone",
            Step::Git(GitStep::CarryOver { .. }) => "carry",
            Step::Git(GitStep::Exchange { .. }) => "exchange",
            Step::Release(_) => "of a release",
            Step::Environment(_) => "environment",
            Step::Packages(_) => "packages",
            Step::Node(_) => "node",
            Step::Service(_) => "service",
            Step::Health(_) => "health",
            Step::System(_) => "system",
        })
        .collect()
}

#[test]
fn an_upgrade_says_the_documented_words_and_records_where_it_came_from() {
    let plan = planned(Action::Upgrade, &spec(), &behind());
    assert_eq!(plan.opening, ["Updating Application my app...", "Git Repo my app: Updating Repo..."]);
    assert_eq!(plan.closing, "Git Repo my app: Update Finished...");
    assert_eq!(words(&plan), ["fetch", "keep", "printer", "switch", "verify"]);
    assert_eq!((plan.from.as_str(), plan.to.as_str()), ("v1.0.0-0", "v1.0.0-1"));
    let after = after_run(&plan, &behind(), GitFacts::default());
    let back = RollbackPoint {
        commit: commit('a'),
        branch: "master".to_owned(),
        detached: false,
        version: "v1.0.0-0".to_owned(),
    };
    assert_eq!(after.rollback, Some(back));
}

#[test]
fn an_upgrade_decides_from_the_last_refreshed_state() {
    let mut facts = behind();
    facts.remote.offered = facts.local.head.clone();
    assert!(matches!(plan(Action::Upgrade, &spec(), &facts, &occasion()), Ok(Verdict::Nothing(_))));
    facts.local.dirty = true;
    let refused = plan(Action::Upgrade, &spec(), &facts, &occasion());
    assert_eq!(refused, Err(Refusal::Unfit("Update aborted, repo not valid".to_owned())));
}

#[test]
fn an_upgrade_after_a_network_error_asks_the_remote_again_or_fails_with_that_error() {
    let mut facts = behind();
    facts.remote.error = Some("example.org could not be found".to_owned());
    let plan_of = planned(Action::Upgrade, &spec(), &facts);
    assert!(matches!(plan_of.steps[0].step, Step::Git(GitStep::Fetch { ask: true, .. })));
    facts.remote.offered = None;
    let refused = plan(Action::Upgrade, &spec(), &facts, &occasion());
    assert!(matches!(&refused, Err(Refusal::Unfit(text)) if text.contains("could not be found")), "{refused:?}");
}

#[test]
fn a_rollback_goes_to_the_recorded_commit_and_nowhere_else() {
    let mut facts = behind();
    let nothing = plan(Action::Rollback, &spec(), &facts, &occasion());
    assert_eq!(nothing, Ok(Verdict::Nothing("Git Repo my app: Rollback not performed".to_owned())));
    facts.local.head = None;
    assert_eq!(plan(Action::Rollback, &spec(), &facts, &occasion()), Err(Refusal::IncompleteRollback));
    facts.local.head = Some(commit('a'));
    let upstream = facts.remote.upstream.take();
    assert_eq!(assess(&spec(), &facts).rollback_version, "?");
    assert_eq!(plan(Action::Rollback, &spec(), &facts, &occasion()), Err(Refusal::IncompleteRollback));
    facts.remote.upstream = upstream;
    facts.local.head = Some(commit('b'));
    let point =
        RollbackPoint { commit: commit('a'), branch: "dev".to_owned(), detached: false, version: "v1".to_owned() };
    facts.rollback = Some(point.clone());
    let plan = planned(Action::Rollback, &spec(), &facts);
    assert_eq!(plan.closing, "Git Repo my app: Rollback Complete");
    assert!(plan.opening.is_empty());
    let dev = BranchName::new("dev").expect("a branch");
    assert!(plan.steps.iter().any(|s| matches!(&s.step,
        Step::Git(GitStep::Switch { head: Head::Branch(branch), to: GitTarget::Commit(to), .. }) if *branch == dev && *to == commit('a'))));
    assert_eq!(after_run(&plan, &facts, GitFacts::default()).rollback, Some(point));
}

#[test]
fn a_soft_recovery_mends_and_fetches_again_what_was_damaged() {
    let mut facts = behind();
    let whole = planned(Action::SoftRecovery, &spec(), &facts);
    assert_eq!(words(&whole), ["fetch", "keep", "printer", "switch", "verify"]);
    assert!(matches!(whole.steps[0].step, Step::Git(GitStep::Fetch { refetch: false, ask: false, .. })));
    assert_eq!(
        whole.opening,
        ["Git Repo my app: Attempting Repo Recovery...", "Git Repo my app: Resetting Git Repo..."]
    );
    assert_eq!(after_run(&whole, &facts, facts.clone()).rollback, None);
    facts.remote.last_good = None;
    let unasked = planned(Action::SoftRecovery, &spec(), &facts);
    assert_eq!(words(&unasked), ["fetch", "keep", "printer", "switch", "fetch", "verify"]);
    facts.remote.last_good = Some(1);
    facts.local.damage = vec![
        Damage::BrokenPack { file: "objects/pack/tmp_pack_x".to_owned() },
        Damage::StaleLock { file: "index.lock".to_owned() },
    ];
    let swept = planned(Action::SoftRecovery, &spec(), &facts);
    assert_eq!(words(&swept), words(&whole), "what every write sweeps is not mended");
    facts.local.damage = vec![Damage::EmptyObject { file: "objects/ab/cd".to_owned() }];
    let mended = planned(Action::SoftRecovery, &spec(), &facts);
    assert_eq!(words(&mended), ["heal", "fetch", "keep", "printer", "switch", "verify"]);
    assert!(matches!(mended.steps[1].step, Step::Git(GitStep::Fetch { refetch: true, ask: true, .. })));
}

#[test]
fn a_soft_recovery_needs_a_remote_for_the_primary_branch() {
    let mut facts = behind();
    facts.local.branch = Some("local".to_owned());
    let refused = plan(Action::SoftRecovery, &spec(), &facts, &occasion());
    let text = "Failed to find remote for primary branch 'master'".to_owned();
    assert_eq!(refused, Err(Refusal::Unfit(text)));
    facts.survey = Some(Survey { primary_remote: Some("fork".to_owned()), ..Survey::default() });
    let plan = planned(Action::SoftRecovery, &spec(), &facts);
    assert!(matches!(&plan.steps[0].step, Step::Git(GitStep::Fetch { remote, .. }) if remote == "fork"));
    // Of the branch that it goes to nobody has asked yet.
    assert_eq!(words(&plan), ["fetch", "keep", "printer", "switch", "fetch", "verify"]);
    facts.local.branch = Some("master".to_owned());
    assert_eq!(words(&planned(Action::SoftRecovery, &spec(), &facts)), words(&plan), "of another remote");
}

#[test]
fn a_hard_recovery_falls_back_on_the_configured_origin() {
    let mut facts = GitFacts::default();
    facts.local.damage = vec![Damage::MissingGitDir];
    let plan_of = planned(Action::HardRecovery, &spec(), &facts);
    assert_eq!(words(&plan_of), ["clone", "carry", "printer", "exchange", "verify"]);
    assert!(matches!(&plan_of.steps[0].step,
        Step::Git(GitStep::Clone { url, stage, .. }) if *url == spec().origin && stage.parent() == spec().path.parent()));
    assert!(plan_of.notes.iter().any(|note| note.contains("/home/pi/app.refit-kept/20260402T101530Z-my_app-r_1")));
    facts.local.kind = RepoKind::Inside;
    let refused = plan(Action::HardRecovery, &spec(), &facts, &occasion());
    assert_eq!(refused, Err(Refusal::Unfit("Recovery url has not been detected, clone aborted".to_owned())));
    facts.local.kind = RepoKind::Worktree;
    let refused = plan(Action::HardRecovery, &spec(), &facts, &occasion());
    let text = "Cannot clone git repo my app, it is a worktree of another git repo.".to_owned();
    assert_eq!(refused, Err(Refusal::Unfit(text)));
}

#[test]
fn a_repository_that_would_run_code_is_only_replaced() {
    let mut facts = behind();
    facts.local.hazards = vec![Hazard { key: "filter.x.clean".to_owned(), refused: true }];
    for action in [Action::Upgrade, Action::SoftRecovery, Action::Rollback] {
        let refused = plan(action, &spec(), &facts, &occasion());
        assert!(matches!(&refused, Err(Refusal::Unfit(text)) if text.contains("filter.x.clean")), "{refused:?}");
    }
    assert_eq!(words(&planned(Action::HardRecovery, &spec(), &facts))[0], "clone");
}

#[test]
fn what_is_left_to_do_by_hand_is_said() {
    let mut spec = spec();
    spec.common.dependencies.services = vec!["klipper".to_owned()];
    let mut facts = behind();
    facts.survey = Some(Survey {
        conflicts: (0..12).map(|n| format!("f{n}")).collect(),
        local_commits: vec![commit('a')],
        submodules: vec!["lib".to_owned()],
        ..Survey::default()
    });
    let notes = planned(Action::Upgrade, &spec, &facts).notes.join("\n");
    for part in [
        "Kept aside: 1 local commit, as refs/refit/kept/20260402T101530Z-my_app-r_1",
        "f9 and 2 more",
        "systemctl restart klipper",
        "of these submodules: lib. ",
        "git -C /home/pi/app submodule update",
    ] {
        assert!(notes.contains(part), "{notes}");
    }
}

fn damages() -> impl Strategy<Value = Damage> {
    prop_oneof![
        Just(Damage::MissingGitDir),
        Just(Damage::BrokenIndex),
        Just(Damage::BrokenConfig),
        Just(Damage::BrokenHead),
        Just(Damage::BrokenCommitGraph),
        "[a-z]{1,8}".prop_map(|file| Damage::EmptyObject { file }),
        "[a-z]{1,8}".prop_map(|file| Damage::BrokenRef { file }),
        "(tmp_)?[a-z]{1,8}".prop_map(|file| Damage::BrokenPack { file }),
        "[a-z]{1,8}".prop_map(|file| Damage::StaleLock { file }),
    ]
}

prop_compose! {
    fn any_facts()(
        head in proptest::option::of("[ab]"),
        offered in proptest::option::of("[ab]"),
        branch in proptest::option::of(prop_oneof![Just("master".to_owned()), Just("?".to_owned()), "[-a-z]{1,6}"]),
        alias in proptest::option::of("[a-z?]{1,6}"),
        damage in proptest::collection::vec(damages(), 0..3),
        kind in prop_oneof![Just(RepoKind::None), Just(RepoKind::Repo), Just(RepoKind::Submodule), Just(RepoKind::Inside)],
        flags in any::<[bool; 5]>(),
        back in proptest::option::of("[ab]"),
    ) -> GitFacts {
        let [detached, dirty, corrupt, failed, refused] = flags;
        let one = |digit: String| commit(digit.chars().next().unwrap_or('a'));
        let mut facts = behind();
        facts.local.head = head.map(one);
        facts.remote.offered = offered.map(one);
        facts.local.branch = branch.clone();
        facts.local.remote_alias = alias;
        facts.local.damage = damage;
        facts.local.kind = kind;
        (facts.local.detached, facts.local.dirty, facts.local.corrupt) = (detached, dirty, corrupt);
        facts.remote.error = failed.then(|| "no route".to_owned());
        facts.local.hazards = if refused { vec![Hazard { key: "core.x".to_owned(), refused }] } else { Vec::new() };
        facts.rollback = back.map(|digit| RollbackPoint {
            commit: one(digit), branch: branch.unwrap_or_default(), detached, version: "v1".to_owned(),
        });
        facts
    }
}

proptest! {
    /// What holds of every plan, whatever was seen: preparation first; the printer is asked first in the switch; what
    /// gives way is kept before it does; the end is verified; everything that is made is a sibling of the repository.
    #[test]
    fn every_plan_keeps_the_rules(facts in any_facts()) {
        for action in [Action::Upgrade, Action::SoftRecovery, Action::HardRecovery, Action::Rollback] {
            let Ok(Verdict::Do(plan)) = plan(action, &spec(), &facts, &occasion()) else { continue };
            let begins = plan.switch_begins();
            prop_assert!(plan.steps[begins..].iter().all(|s| s.phase == Phase::Switch));
            prop_assert_eq!(plan.step(begins), Some(&Step::CheckPrinter));
            let ends_verified = matches!(plan.steps.last().map(|s| &s.step), Some(Step::Git(GitStep::Verify { .. })));
            prop_assert!(ends_verified);
            let order = words(&plan);
            let at = |word| order.iter().position(|w| *w == word);
            if let Some(switch) = at("switch") {
                prop_assert!(at("keep").is_some_and(|keep| keep + 2 == switch));
                prop_assert!(at("fetch") < Some(switch));
            }
            prop_assert_eq!(at("heal").unwrap_or(0), 0);
            for planned in &plan.steps {
                if let Step::Git(GitStep::Exchange { live, stage, kept, .. }) = &planned.step {
                    prop_assert_eq!(live.parent(), stage.parent());
                    prop_assert!(kept.folder.starts_with(live.parent().expect("a parent")));
                    prop_assert!(!kept.folder.starts_with(live));
                }
            }
            let told = plan.opening.iter().chain(plan.steps.iter().flat_map(|s| &s.announce)).chain([&plan.closing]);
            for message in told {
                prop_assert!(message.starts_with("Git Repo my app: ") || message == "Updating Application my app...");
            }
            prop_assert!(!facts.local.hazards.iter().any(|h| h.refused) || action == Action::HardRecovery);
        }
    }
}
