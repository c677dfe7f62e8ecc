//! What is to be known of software that ships as releases: its folder, its forge, and what an action needs besides.
//! Refuses to: change anything but what it lays down for a preview, and takes away again.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use refit_model::dependencies::DependencySurvey;
use refit_model::plan::Action;
use refit_model::updater::release::{
    Asset, Difference, ReleaseFacts, ReleaseKind, ReleaseSpec, ReleaseSurvey, RemoteRelease, Source, Wish, assess,
    choose_asset, effective_source, installed_version,
};
use rustix::fs::{Access, access};

use super::shipped::Shipped;
use super::{Releases, blocking, installed, preview, previous};
use crate::archive::{self, Listed};
use crate::git::hand::off_the_loop;
use crate::git::keep;

impl Releases {
    /// Looks at the folder.
    pub async fn look(&self, spec: &ReleaseSpec, before: &ReleaseFacts) -> ReleaseFacts {
        let (kind, path) = (spec.kind, spec.path.clone());
        let home = self.rules.surroundings.home.clone();
        let seen = off_the_loop(move || {
            let real = real_path(&path).unwrap_or_else(|| path.clone());
            let seen = installed::look(kind, &path, &home);
            let shipped = Shipped::read(&real);
            Ok((seen, shipped, previous::list(&real), keep::kept(&real)))
        });
        let mut facts = ReleaseFacts { survey: None, ..before.clone() };
        // It is only lost with the process.
        let Ok((seen, shipped, previous, kept)) = seen.await else { return facts };
        let version = installed_version(spec.kind, &seen).map(str::to_owned);
        facts.verified =
            shipped.filter(|shipped| Some(&shipped.version) == version.as_ref()).map(|shipped| shipped.verified);
        facts.installed = seen;
        if facts.rollback.is_none() && assess(spec, &facts).is_valid {
            facts.rollback = version.clone();
        }
        facts.last_version = version.or(facts.last_version);
        facts.previous = previous;
        facts.kept = kept;
        facts
    }

    /// Looks, and asks the forge; what was known of it stays when it cannot be asked (CONTRACT §8 row 13).
    pub async fn refresh(&self, spec: &ReleaseSpec, before: &ReleaseFacts, now: i64) -> ReleaseFacts {
        let mut facts = self.look(spec, before).await;
        facts.last_refresh = now;
        if facts.config_hash != spec.common.config_hash {
            // Another section may ask another project: nothing of the old answers is believed.
            facts.remote = RemoteRelease::default();
            facts.config_hash.clone_from(&spec.common.config_hash);
        }
        self.ask(spec, &mut facts, now).await;
        facts
    }

    /// Nobody is asked about what is not validly installed (observed in Moonraker).
    async fn ask(&self, spec: &ReleaseSpec, facts: &mut ReleaseFacts, now: i64) {
        if !assess(spec, facts).is_valid {
            return;
        }
        let source = effective_source(spec, &facts.installed);
        let version = installed_version(spec.kind, &facts.installed);
        facts.remote = self.forges.newest(&source, spec.common.channel, version, &facts.remote, now).await;
    }

    /// Looks more closely, for a plan.
    pub async fn survey(&self, spec: &ReleaseSpec, before: &ReleaseFacts, action: Action, now: i64) -> ReleaseFacts {
        let mut facts = self.look(spec, before).await;
        if action == Action::Upgrade && facts.remote.release.is_none() {
            // What is offered was never told: now is the moment to ask (observed in Moonraker).
            self.ask(spec, &mut facts, now).await;
        }
        let version = installed_version(spec.kind, &facts.installed).map(str::to_owned);
        let (path, rollback) = (spec.path.clone(), facts.rollback.clone().unwrap_or_default());
        let home = self.rules.surroundings.home.clone();
        let survey = off_the_loop(move || {
            let real_path = real_path(&path);
            let real = real_path.as_deref().unwrap_or(&path);
            let shipped = Shipped::read(real).filter(|list| version.as_ref().is_none_or(|told| *told == list.version));
            let known = shipped.as_ref().is_some_and(|shipped| !shipped.leaves.is_empty());
            let wrong = match (&shipped, action) {
                (Some(shipped), Action::SoftRecovery) => shipped.wrong(real)?,
                (
                    _,
                    Action::Upgrade | Action::SoftRecovery | Action::HardRecovery | Action::Rollback | Action::Restart,
                ) => Vec::new(),
            };
            let sound_previous = (action == Action::Rollback).then(|| previous::sound(real, &rollback)).flatten();
            let fixed = fixed(real, &home);
            let dependencies = DependencySurvey::default();
            Ok(ReleaseSurvey {
                shipped_known: known,
                wrong,
                sound_previous,
                fixed,
                real_path,
                difference: None,
                dependencies,
            })
        });
        facts.survey = survey.await.inspect_err(|error| tracing::warn!(%error, "not surveyed")).ok();
        facts
    }

    /// The same as [`Releases::survey`], and what an upgrade would change: the end of the archive is asked for, unless it
    /// is here already.
    pub async fn preview(&self, spec: &ReleaseSpec, before: &ReleaseFacts, action: Action, now: i64) -> ReleaseFacts {
        let mut facts = self.survey(spec, before, action, now).await;
        if action == Action::Upgrade && spec.kind != ReleaseKind::Executable {
            let difference = self.difference(spec, &facts).await;
            if let Some(survey) = &mut facts.survey {
                survey.difference = difference;
            }
        }
        facts
    }

    async fn difference(&self, spec: &ReleaseSpec, facts: &ReleaseFacts) -> Option<Difference> {
        let asset = assess(spec, facts).choice?.ok()?.asset;
        let source = effective_source(spec, &facts.installed);
        let coming = self.listed(&source, &asset, &spec.common.config_hash).await?;
        let real = facts.survey.as_ref().and_then(|survey| survey.real_path.clone());
        let live = real.unwrap_or_else(|| spec.path.clone());
        let shipped = match Shipped::read(&live).filter(|shipped| !shipped.leaves.is_empty()) {
            Some(shipped) => shipped.leaves.into_keys().collect(),
            None => match self.listed_of_installed(spec, facts, &source).await {
                Some(listed) => listed,
                // What would be removed is not told then: a file may be the owner's.
                None => preview::already_there(&coming, &live),
            },
        };
        off_the_loop(move || Ok(preview::difference(&coming, &shipped, &live))).await.ok()
    }

    /// What the installed version shipped, where another updater installed it: the list of its release.
    async fn listed_of_installed(
        &self,
        spec: &ReleaseSpec,
        facts: &ReleaseFacts,
        source: &Source,
    ) -> Option<BTreeSet<String>> {
        let version = installed_version(spec.kind, &facts.installed)?;
        let named = facts.installed.info.as_ref().and_then(|info| info.asset_name.as_deref());
        let wish = Wish { updater: &spec.common.name, kind: spec.kind, named, machine: &spec.machine };
        let release = self.forges.tagged(source, version).await.ok()?;
        let asset = choose_asset(&wish, &release).ok()?.asset;
        let listed = self.listed(source, &asset, &spec.common.config_hash).await?;
        Some(listed.into_iter().map(|leaf| leaf.path).collect())
    }

    /// The file, where it was downloaded already: it is named by its hash.
    pub(super) fn held(&self, asset: &Asset) -> Option<PathBuf> {
        asset.sha256.as_ref().map(|sha256| self.rules.downloads.join(sha256)).filter(|file| file.is_file())
    }

    /// The list of an archive: of the file when it is here already, else of its end. None when it cannot be had.
    async fn listed(&self, source: &Source, asset: &Asset, name: &str) -> Option<Vec<Listed>> {
        let bounds = self.rules.bounds;
        if let Some(file) = self.held(asset) {
            return blocking(move || archive::survey(&file, &bounds)).await.ok().map(|survey| survey.leaves);
        }
        let size = asset.size.filter(|size| *size > 0)?;
        let url = reqwest::Url::parse(&asset.url).ok()?;
        let wanted = usize::try_from(preview::TAIL.min(size)).ok()?;
        let tail = self.forges.tail(source, &url, wanted).await;
        let tail = tail.inspect_err(|error| tracing::debug!(%error, "no preview")).ok()?;
        let file = self.rules.downloads.join(format!("preview-{name}"));
        let listed = blocking(move || preview::list(&file, size, &tail, &bounds)).await;
        listed.inspect_err(|error| tracing::debug!(%error, "no preview")).ok()
    }
}

/// Where a symbolic link leads; none for anything else.
fn real_path(path: &Path) -> Option<PathBuf> {
    let is_link = std::fs::symlink_metadata(path).is_ok_and(|seen| seen.is_symlink());
    is_link.then(|| std::fs::canonicalize(path).ok())?
}

/// Why a folder cannot be exchanged for another.
fn fixed(path: &Path, home: &Path) -> Option<String> {
    let why = if path.parent().is_none() || path == home || home.starts_with(path) {
        "it holds more than this software"
    } else {
        let (device, parent) = (|path: &Path| std::fs::metadata(path).map(|seen| seen.dev()).ok(), path.parent()?);
        if device(path) != device(parent) {
            "it is a mount point"
        } else if access(parent, Access::WRITE_OK).is_err() {
            "this user may not write into the folder that holds it"
        } else {
            return None;
        }
    };
    Some(format!(
        "{} cannot be replaced as a whole: {why}. Put the software into a folder of its own and change 'path'",
        path.display()
    ))
}
