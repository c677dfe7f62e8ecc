//! What a finished run means for the facts: the version that a rollback goes back to (CONTRACT §2.8).

use super::PythonFacts;
use super::source::commit;
use crate::dependencies;
use crate::plan::{Action, Plan};

/// The facts to keep after a finished run. An upgrade records where it came from; a rollback and a recovery leave what is
/// recorded.
#[must_use]
pub fn after_run(plan: &Plan, before: &PythonFacts, mut after: PythonFacts) -> PythonFacts {
    let was = before.installed.as_ref().and_then(|installed| installed.version.clone());
    after.rollback = match plan.action {
        Action::Upgrade => was.or_else(|| before.rollback.clone()),
        Action::SoftRecovery | Action::HardRecovery | Action::Rollback | Action::Restart => before.rollback.clone(),
    };
    after.dependencies = dependencies::after_run(plan, &before.dependencies, after.dependencies);
    learn_version(&mut after);
    let works =
        |facts: &PythonFacts| facts.dependencies.environment.as_ref().is_some_and(|seen| seen.state.is_usable());
    if works(&after) && !works(before) {
        // Its Python could not be asked what fits it; now it can.
        after.remote.error = None;
    }
    after.survey = None;
    after
}

/// What version a commit is shows once it is installed; before, it is made up.
pub fn learn_version(facts: &mut PythonFacts) {
    let Some(installed) = &facts.installed else { return };
    let (Some(version), Some(offer)) = (&installed.version, &mut facts.remote.offer) else { return };
    if offer.commit.is_some() && commit(installed) == offer.commit.as_deref() {
        offer.version.clone_from(version);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::updater::python::{InstalledPackage, Offer};

    fn facts(commit: &str) -> PythonFacts {
        let direct = json!({"url": "https://github.com/own/tool", "vcs_info": {"vcs": "git", "commit_id": commit}});
        let installed = InstalledPackage {
            version: Some("1.2.0.dev1".to_owned()),
            direct_url: Some(direct),
            ..InstalledPackage::default()
        };
        let offer =
            Offer { version: "v1.0.1.dev1+gabc".to_owned(), commit: Some("abc".to_owned()), ..Offer::default() };
        let mut facts = PythonFacts { installed: Some(installed), ..PythonFacts::default() };
        facts.remote.offer = Some(offer);
        facts
    }

    #[test]
    fn the_version_of_a_commit_is_known_when_it_is_installed() {
        for (commit, version) in [("abc", "1.2.0.dev1"), ("def", "v1.0.1.dev1+gabc")] {
            let mut facts = facts(commit);
            learn_version(&mut facts);
            assert_eq!(facts.remote.offer.unwrap().version, version, "{commit}");
        }
    }
}
