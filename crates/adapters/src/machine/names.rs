//! What steps and undos are called, in the journal's words and those of [`crate::fault::POINTS`].
//! Refuses to: perform any of them.

use refit_model::step::{EnvironmentStep, GitTarget, Head, NodeStep, PackageStep, ServiceStep, Step, SystemStep, Undo};

/// As the journal names it, and the points of [`crate::fault::POINTS`].
#[must_use]
pub fn step_name(step: &Step) -> &'static str {
    match step {
        Step::CheckPrinter => "check_printer",
        Step::GitFetch { .. } => "git_fetch",
        Step::GitHeal { .. } => "git_heal",
        Step::GitKeepAside { .. } => "git_keep_aside",
        Step::GitSwitch { .. } => "git_switch",
        Step::GitVerify { .. } => "git_verify",
        Step::GitClone { .. } => "git_clone",
        Step::GitCarryOver { .. } => "git_carry_over",
        Step::FolderExchange { .. } => "folder_exchange",
        Step::ReleaseDownload { .. } => "release_download",
        Step::ReleaseUnpack { .. } => "release_unpack",
        Step::ReleaseStageKept { .. } => "release_stage_kept",
        Step::ReleaseLearn { .. } => "release_learn",
        Step::ReleaseCarryOver { .. } => "release_carry_over",
        Step::ReleaseProbe { .. } => "release_probe",
        Step::ReleaseExchange { .. } => "release_exchange",
        Step::ReleaseVerify { .. } => "release_verify",
        Step::ReleasePrune { .. } => "release_prune",
        Step::Environment(step) => match step {
            EnvironmentStep::Stage { .. } => "environment_stage",
            EnvironmentStep::Install { .. } => "environment_install",
            EnvironmentStep::Check { .. } => "environment_check",
            EnvironmentStep::Exchange { .. } => "environment_exchange",
            EnvironmentStep::KeepSnapshot { .. } => "environment_keep_snapshot",
            EnvironmentStep::Prune { .. } => "environment_prune",
        },
        Step::Packages(PackageStep::Fetch { .. }) => "packages_fetch",
        Step::Packages(PackageStep::Install { .. }) => "packages_install",
        Step::Node(NodeStep::Stage { .. }) => "node_stage",
        Step::Node(NodeStep::Exchange { .. }) => "node_exchange",
        Step::Node(NodeStep::Prune { .. }) => "node_prune",
        Step::Service(ServiceStep::Observe { .. }) => "service_observe",
        Step::Service(ServiceStep::Restart { .. }) => "service_restart",
        Step::Service(ServiceStep::Postpone { .. }) => "service_postpone",
        Step::System(SystemStep::Mend) => "system_mend",
        Step::System(SystemStep::Download { .. }) => "system_download",
        Step::System(SystemStep::Install { .. }) => "system_install",
    }
}

pub(super) fn undo_name(undo: &Undo) -> Option<&'static str> {
    match undo {
        // A single renaming: killed beside it is killed beside the journal's entry.
        Undo::Nothing | Undo::GitHealBack { .. } => None,
        Undo::GitSwitchBack { .. } => Some("git_switch_back"),
        Undo::GitPutBack { .. } => Some("git_put_back"),
        Undo::DeleteStage { .. } => Some("delete_stage"),
        Undo::FolderExchangeBack { .. } => Some("folder_exchange_back"),
        Undo::ReleaseExchangeBack { .. } => Some("release_exchange_back"),
        // Deletes what nobody uses: killed beside it is killed beside the journal's entry.
        Undo::ReleaseForget { .. } | Undo::ReleaseDropCopies { .. } => None,
        Undo::EnvironmentPutBack { .. } => Some("environment_put_back"),
        Undo::PackagesRemoveAdded { .. } => Some("packages_remove_added"),
        Undo::SystemSettle => Some("system_settle"),
        Undo::ServicesRestartAgain { .. } => Some("services_restart_again"),
    }
}

/// Where a switch pointed HEAD; `otherwise` for a step that is none.
pub(super) fn pointed<'a>(step: &'a Step, otherwise: &'a Head) -> &'a Head {
    match step {
        Step::GitSwitch { head, to: GitTarget::Commit(_) | GitTarget::FirstAncestorOf { .. }, .. } => head,
        Step::CheckPrinter
        | Step::GitFetch { .. }
        | Step::GitHeal { .. }
        | Step::GitKeepAside { .. }
        | Step::GitVerify { .. }
        | Step::GitClone { .. }
        | Step::GitCarryOver { .. }
        | Step::FolderExchange { .. }
        | Step::ReleaseDownload { .. }
        | Step::ReleaseUnpack { .. }
        | Step::ReleaseStageKept { .. }
        | Step::ReleaseLearn { .. }
        | Step::ReleaseCarryOver { .. }
        | Step::ReleaseProbe { .. }
        | Step::ReleaseExchange { .. }
        | Step::ReleaseVerify { .. }
        | Step::ReleasePrune { .. }
        | Step::Environment(_)
        | Step::Packages(_)
        | Step::Node(_)
        | Step::Service(_)
        | Step::System(_) => otherwise,
    }
}
