//! The judgement on software that ships as releases, in the documented words (CONTRACT §3.3; what that leaves open was
//! observed on a running Moonraker 0.11.0). Pure: same spec and facts, same assessment.
//! Refuses to: offer anything; which release the channel offers is a fact that `adapters::release` looked up.

use super::choose::{self, is_newer};
use super::{ForgeKind, Installed, Place, ReleaseAssessment, ReleaseFacts, ReleaseKind, ReleaseSpec, Source, Wish};

/// What stands for a value that is not known.
const UNKNOWN: &str = "?";

/// Judges the facts of one of them.
#[must_use]
pub fn assess(spec: &ReleaseSpec, facts: &ReleaseFacts) -> ReleaseAssessment {
    let identity = Identity::of(spec, &facts.installed);
    let told = installed_version(spec.kind, &facts.installed).or(facts.last_version.as_deref());
    // The files of another updater say nothing of this one (observed).
    let version = told.filter(|_| !spec.reserved).unwrap_or(UNKNOWN);
    let release = facts.remote.release.clone();
    let wish = Wish {
        updater: &spec.common.name,
        kind: spec.kind,
        named: facts.installed.info.as_ref().and_then(|info| info.asset_name.as_deref()),
        machine: &spec.machine,
    };
    let choice = release.as_ref().map(|release| choose::choose_asset(&wish, release));
    let offers = release.as_ref().is_some_and(|release| is_newer(version, release));
    let fits = choice.as_ref().is_some_and(Result::is_ok);
    let complaint = spec.common.dependencies.complaint(&facts.dependencies);
    let anomalies: Vec<String> = identity.anomalies.into_iter().chain(complaint).collect();
    ReleaseAssessment {
        name: spec.common.name.clone(),
        kind: spec.kind,
        channel: spec.common.channel,
        channel_invalid: spec.common.channel_invalid,
        debug_enabled: spec.common.debug,
        is_valid: identity.is_valid,
        info_tags: spec.common.info_tags.clone(),
        owner: identity.owner,
        repo_name: identity.repo,
        version: version.to_owned(),
        remote_version: release.as_ref().map_or(Some(UNKNOWN.to_owned()), |release| release.name.clone()),
        rollback_version: facts.rollback.clone().unwrap_or_else(|| version.to_owned()),
        last_error: facts.remote.error.clone().unwrap_or_default(),
        warnings: identity.warnings,
        anomalies: if spec.common.report_anomalies { anomalies } else { Vec::new() },
        update_available: identity.is_valid && offers && fits,
        release,
        choice,
        verified: facts.verified.clone(),
        previous: facts.previous.clone(),
        kept: facts.kept.clone(),
        dependencies: facts.dependencies.clone(),
        last_good_answer: facts.remote.last_good,
        not_before: facts.remote.not_before,
        rate: facts.remote.rate.filter(|_| spec.source.forge == ForgeKind::Github),
        last_refresh: facts.last_refresh,
    }
}

/// Where the installed software's releases really come from: what its own `release_info.json` says counts more than
/// what is configured (CONTRACT §3.3).
#[must_use]
pub fn effective_source(spec: &ReleaseSpec, installed: &Installed) -> Source {
    let identity = Identity::of(spec, installed);
    Source { owner: identity.owner, repo: identity.repo, ..spec.source.clone() }
}

/// The version that the folder tells.
#[must_use]
pub fn installed_version(kind: ReleaseKind, installed: &Installed) -> Option<&str> {
    let told = installed.info.as_ref().map(|info| info.version.as_str());
    match kind {
        ReleaseKind::Web if !installed.info_is_broken => told.or(installed.dot_version.as_deref()),
        ReleaseKind::Web => None,
        ReleaseKind::Zip | ReleaseKind::Executable => told,
    }
}

/// Whose software the folder holds, and whether it can be updated.
struct Identity {
    owner: String,
    repo: String,
    is_valid: bool,
    warnings: Vec<String>,
    anomalies: Vec<String>,
}

impl Identity {
    fn of(spec: &ReleaseSpec, installed: &Installed) -> Self {
        let path = spec.path.display();
        let mut this = Self {
            owner: spec.source.owner.clone(),
            repo: spec.source.repo.clone(),
            is_valid: false,
            warnings: Vec::new(),
            anomalies: Vec::new(),
        };
        match &installed.place {
            Place::Folder | Place::InsideGit { .. } if spec.reserved => {
                this.warnings.push(format!("Location at option 'path: {path}' is not writable."));
            }
            Place::NotWritable => {
                this.warnings.push(format!("Location at option 'path: {path}' is not writable."));
            }
            Place::Missing | Place::NotAFolder => {
                this.warnings.push(format!("Location at option 'path: {path}' is not a directory."));
            }
            Place::InsideGit { found } => this.warnings.push(format!(
                "Location at option 'path: {path}' is within a git repo. Found .git folder at '{}'",
                found.display()
            )),
            Place::Folder => this.detect(spec, installed),
        }
        if !this.is_valid {
            this.warnings.push("Failed to validate installation".to_owned());
        }
        this
    }

    fn detect(&mut self, spec: &ReleaseSpec, installed: &Installed) {
        if let Some(info) = &installed.info {
            self.is_valid = self.asset_fits(spec.kind, info.asset_name.as_deref(), installed.asset_is_there);
            self.found(spec, &info.project_owner, &info.project_name);
            return;
        }
        // Front ends from before `release_info.json` are known by their manifest.
        let known = installed.manifest.as_deref().filter(|_| !installed.info_is_broken);
        let owner = match (spec.kind, known) {
            (ReleaseKind::Web, Some("mainsail")) => "mainsail-crew",
            (ReleaseKind::Web, Some("fluidd")) => "fluidd-core",
            (ReleaseKind::Web, Some(_) | None) | (ReleaseKind::Zip | ReleaseKind::Executable, _) => return,
        };
        let name = installed.manifest.clone().unwrap_or_default();
        self.is_valid = true;
        self.found(spec, owner, &name);
    }

    fn asset_fits(&mut self, kind: ReleaseKind, asset: Option<&str>, is_there: bool) -> bool {
        match (kind, asset) {
            (ReleaseKind::Web | ReleaseKind::Zip, _) => true,
            (ReleaseKind::Executable, None) => {
                self.warnings.push("Executable types require the 'asset_name' field in release_info.json".to_owned());
                false
            }
            (ReleaseKind::Executable, Some(file)) if !is_there => {
                self.warnings.push(format!("File {file} not found in configured path for executable type"));
                false
            }
            (ReleaseKind::Executable, Some(_)) => true,
        }
    }

    fn found(&mut self, spec: &ReleaseSpec, owner: &str, repo: &str) {
        let configured = format!("{}/{}", spec.source.owner, spec.source.repo);
        let detected = format!("{owner}/{repo}");
        // GitHub's names know no case; the configured spelling is shown then (observed).
        if configured.eq_ignore_ascii_case(&detected) {
            return;
        }
        self.anomalies.push(format!(
            "Value at option 'repo: {configured}' does not match detected repo '{detected}', falling back to detected \
             version."
        ));
        owner.clone_into(&mut self.owner);
        repo.clone_into(&mut self.repo);
    }
}

#[cfg(test)]
#[path = "assess_tests.rs"]
mod tests;
