//! What steps and undos are called, in the journal's words and those of [`crate::fault::POINTS`].
//! Refuses to: perform any of them.

use refit_model::step::{
    EnvironmentStep, GitStep, Head, HealthStep, NodeStep, PackageStep, ReleaseStep, ServiceStep, Step, SystemStep, Undo,
};

/// As the journal names it, and the points of [`crate::fault::POINTS`].
#[must_use]
pub fn step_name(step: &Step) -> &'static str {
    match step {
        Step::CheckPrinter => "check_printer",
        Step::Git(step) => match step {
            GitStep::Fetch { .. } => "git_fetch",
            GitStep::Heal { .. } => "git_heal",
            GitStep::KeepAside { .. } => "git_keep_aside",
            GitStep::Switch { .. } => "git_switch",
            GitStep::Verify { .. } => "git_verify",
            GitStep::Clone { .. } => "git_clone",
            GitStep::CarryOver { .. } => "git_carry_over",
            GitStep::Exchange { .. } => "folder_exchange",
        },
        Step::Release(step) => match step {
            ReleaseStep::Download { .. } => "release_download",
            ReleaseStep::Unpack { .. } => "release_unpack",
            ReleaseStep::StageKept { .. } => "release_stage_kept",
            ReleaseStep::Learn { .. } => "release_learn",
            ReleaseStep::CarryOver { .. } => "release_carry_over",
            ReleaseStep::Probe { .. } => "release_probe",
            ReleaseStep::Exchange { .. } => "release_exchange",
            ReleaseStep::Verify { .. } => "release_verify",
            ReleaseStep::Prune { .. } => "release_prune",
        },
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
        Step::Health(HealthStep::Record { .. }) => "health_record",
        Step::Health(HealthStep::Check { .. }) => "health_check",
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
        Undo::HealthAgain { .. } => Some("health_again"),
    }
}

/// Where a switch pointed HEAD; `otherwise` for a step that is none.
pub(super) fn pointed<'a>(step: &'a Step, otherwise: &'a Head) -> &'a Head {
    match step {
        Step::Git(GitStep::Switch { head, .. }) => head,
        _no_switch => otherwise,
    }
}
