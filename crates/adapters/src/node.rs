//! The hand for Node packages: has npm install them beside those in use, and exchanges the two.
//! Refuses to: decide what is done; to let npm work in the folder in use; and to run scripts of software whose files are
//! not there yet.

use std::path::{Path, PathBuf};

use refit_engine::ports::{Circumstance, StepError};
use refit_model::dependencies::NodeSurvey;
use refit_model::journal::Witness;
use refit_model::node::{BadLock, LockFile, npm_trouble};
use refit_model::step::{Content, NodeStep, OldFolder};
use serde_json::Value;

use crate::command::{Command, CommandError, Limits, Surroundings};
use crate::content::{self, Contents};
use crate::fault::FaultPlan;
use crate::git::hand::off_the_loop;
use crate::git::keep::{self, Listing};
use crate::tree::{self, Sides, Stage, TreeError};

/// What npm leaves in the folder of what it installed.
const INSTALLED: &str = "node_modules/.package-lock.json";
const LOCK: &str = "package-lock.json";
const MANIFEST: &str = "package.json";
/// What npm reads beside the two: where packages come from.
const SETTINGS: &str = ".npmrc";

/// See the module.
#[derive(Debug)]
pub struct Npm {
    surroundings: Surroundings,
    faults: FaultPlan,
}

impl Npm {
    /// With what its programs inherit.
    #[must_use]
    pub fn new(surroundings: Surroundings) -> Self {
        Self { surroundings, faults: FaultPlan::none() }
    }

    /// The same, killed where `faults` says.
    #[must_use]
    pub fn with_faults(self, faults: FaultPlan) -> Self {
        Self { faults, ..self }
    }

    /// Whether the wished version has other Node packages than are installed in `home`, the software's folder. `wish` is
    /// none where it cannot be read yet; `previous` is the `node_modules` that was kept at the last upgrade.
    pub async fn survey(
        &self,
        contents: &Contents<'_>,
        wish: Option<&Content>,
        home: &Path,
        previous: Option<&Path>,
    ) -> NodeSurvey {
        let Some(wish) = wish else { return NodeSurvey::default() };
        let wanted = match contents.read(wish, Path::new(LOCK)).await {
            Ok(Some(bytes)) => LockFile::parse(&bytes),
            // A version without a lock file names no packages that could be installed.
            Ok(None) => return NodeSurvey { known: true, ..NodeSurvey::default() },
            Err(_) => return NodeSurvey::default(),
        };
        let Ok(wanted) = wanted else { return NodeSurvey::default() };
        let changes = installed(&home.join(INSTALLED)).map(|installed| wanted.changes_from(&installed));
        let sound_previous = previous.filter(|kept| {
            installed(&kept.join(".package-lock.json")).is_some_and(|kept| wanted.changes_from(&kept).is_empty())
        });
        NodeSurvey {
            known: true,
            needed: changes.as_ref().is_none_or(|changes| !changes.is_empty()),
            changes: changes.unwrap_or_else(|| wanted.changes_from(&LockFile::default())),
            sound_previous: sound_previous.map(Path::to_owned),
        }
    }

    /// Performs a step.
    ///
    /// # Errors
    /// With the words that the caller gets.
    pub async fn act(
        &self,
        step: &NodeStep,
        contents: &Contents<'_>,
        circumstance: &Circumstance,
    ) -> Result<Option<String>, StepError> {
        match step {
            NodeStep::Stage { title, content, stage, .. } => {
                let work = Work { npm: self, title, contents, content, stage };
                work.stage(circumstance).await
            }
            NodeStep::Exchange { updater, live, stage, old } => {
                let before = sides_of(circumstance);
                let (live, stage, old, faults) = (live.clone(), stage.clone(), old.clone(), self.faults.clone());
                let done = off_the_loop(move || exchange(&live, &stage, &old, before, &faults)).await;
                done.map_err(|error| failed(updater.as_str(), &error.to_string()))
            }
            NodeStep::Prune { kept, keep, .. } => {
                let (kept, keep) = (kept.clone(), usize::try_from(*keep).unwrap_or(usize::MAX));
                let is_packages = |folder: &Path| folder.is_dir();
                match off_the_loop(move || tree::prune_kept(&kept, keep, is_packages, || ())).await {
                    Ok(gone) if gone.is_empty() => Ok(None),
                    Ok(gone) => Ok(Some(format!("deleted {} folders of Node packages from before", gone.len()))),
                    // The update is done; the next one tries again.
                    Err(error) => Ok(Some(error.to_string())),
                }
            }
        }
    }

    /// What recovery will need to know.
    pub async fn witness(&self, step: &NodeStep) -> Option<Witness> {
        match step {
            NodeStep::Stage { .. } | NodeStep::Prune { .. } => None,
            NodeStep::Exchange { live, stage, .. } => {
                // Where nothing was prepared nothing is exchanged, and nothing put back.
                let sides = tree::sides(live, stage).ok().filter(|sides| sides.stage.is_some())?;
                serde_json::to_value(sides).ok()
            }
        }
    }
}

/// What npm says is installed; none when it does not say so. npm writes it last.
fn installed(lock: &Path) -> Option<LockFile> {
    LockFile::parse(&std::fs::read(lock).ok()?).ok()
}

fn sides_of(circumstance: &Circumstance) -> Option<Sides> {
    serde_json::from_value(circumstance.witness.clone()?).ok()
}

fn failed(title: &str, text: &str) -> StepError {
    StepError { message: format!("{title}: {text}"), command_failed: false, printer_busy: false }
}

/// Puts the prepared packages in place; nothing where none were prepared.
fn exchange(
    live: &Path,
    stage: &Path,
    old: &OldFolder,
    before: Option<Sides>,
    faults: &FaultPlan,
) -> Result<Option<String>, TreeError> {
    let before = tree::noted(before, live, stage)?;
    if before.stage.is_none() {
        return Ok(Some("there are no Node packages".to_owned()));
    }
    if !tree::is_exchanged(live, before)? {
        tree::exchange(live, Stage::at(stage)?.sync()?, old.folder(), before)?;
    }
    tree::settle(live, stage, old.folder(), before, faults)?;
    // The folder that they were made in goes when nothing else is in it; an undo makes it again.
    if stage.ends_with("node_modules")
        && let Some(emptied) = stage.parent()
    {
        let _not_empty = std::fs::remove_dir(emptied);
    }
    if before.live.is_none() {
        return Ok(None);
    }
    match old {
        OldFolder::Previous { .. } => {}
        OldFolder::Kept(kept) => {
            let listing = Listing { from: live.to_owned(), whole_folder: true, ..Listing::default() };
            keep::write_listing(kept, &listing)?;
        }
    }
    Ok(Some(format!("the old Node packages are kept as {}", old.folder().display())))
}

/// The making of one stage.
struct Work<'a> {
    npm: &'a Npm,
    title: &'a str,
    contents: &'a Contents<'a>,
    content: &'a Content,
    stage: &'a Path,
}

impl Work<'_> {
    async fn stage(&self, circumstance: &Circumstance) -> Result<Option<String>, StepError> {
        let Some(bytes) = self.contents.read(self.content, Path::new(LOCK)).await? else {
            return Ok(Some(format!("this version has no {LOCK}, so it names no Node packages")));
        };
        let lock = LockFile::parse(&bytes).map_err(|bad| self.bad_lock(&bad))?;
        let whole = self.is_whole_tree();
        let mut notes = Vec::new();
        if !whole {
            notes.extend(self.write_files(&lock, bytes).await?);
        }
        (circumstance.tell)(&format!("{}: Updating Node Packages...", self.title));
        let there = installed(&content::live(self.content).join(INSTALLED)).unwrap_or_default();
        let changes = lock.changes_from(&there);
        if !changes.is_empty() {
            (circumstance.tell)(&format!("Node packages: {}", changes.join(", ")));
        }
        self.run(circumstance).await?;
        self.npm.faults.reach("node_stage.installed");
        if !whole {
            self.leave_packages_only().await?;
        }
        let stage = self.stage.to_owned();
        off_the_loop(move || tree::sync_file_system(&stage)).await.map_err(|error| self.failed(&error.to_string()))?;
        Ok((!notes.is_empty()).then(|| notes.join("; ")))
    }

    /// The prepared folder holds all files of the version, so that npm can work as it would in the folder in use.
    fn is_whole_tree(&self) -> bool {
        match self.content {
            Content::Stage { stage, .. } => stage == self.stage,
            Content::Commit { .. } | Content::Live { .. } => false,
        }
    }

    /// A stage of its own: what npm reads, and nothing else.
    async fn write_files(&self, lock: &LockFile, bytes: Vec<u8>) -> Result<Vec<String>, StepError> {
        let folders = lock.folders();
        if !folders.is_empty() {
            return Err(self.failed(&format!(
                "its Node packages {} are folders of the software itself, and cannot be installed beside it. Nothing was \
                 changed; set enable_node_updates: False for it, and run npm ci by hand",
                folders.join(", ")
            )));
        }
        let Some(manifest) = self.contents.read(self.content, Path::new(MANIFEST)).await? else {
            return Err(
                self.failed(&format!("this version has a {LOCK} and no {MANIFEST}; whoever makes it must mend it"))
            );
        };
        let (manifest, scripts) = self.without_scripts(&manifest)?;
        let mut files = vec![(PathBuf::from(LOCK), bytes), (PathBuf::from(MANIFEST), manifest)];
        for archive in lock.archives() {
            let place = content::inside(Path::new(archive))?;
            let Some(bytes) = self.contents.read(self.content, &place).await? else {
                return Err(self.failed(&format!("{LOCK} names {archive}, which this version does not have")));
            };
            files.push((place, bytes));
        }
        if let Some(bytes) = self.contents.read(self.content, Path::new(SETTINGS)).await? {
            files.push((SETTINGS.into(), bytes));
        }
        let stage = self.stage.to_owned();
        let written = off_the_loop(move || {
            // What a run left that was given up may be what was in use before.
            tree::left_over(&stage)?.iter().try_for_each(|left| tree::keep_left_over(left).map(drop))?;
            // Half of one, from before a crash, is none.
            tree::delete_stage(&stage)?;
            files.iter().try_for_each(|(name, bytes)| {
                let file = stage.join(name);
                tree::make_parent(&file)?;
                std::fs::write(&file, bytes).map_err(TreeError::io("written", &file))
            })
        });
        written.await.map_err(|error| self.failed(&error.to_string()))?;
        let note = format!("its own scripts are not run: {}", scripts.join(", "));
        Ok((!scripts.is_empty()).then_some(note).into_iter().collect())
    }

    /// The software's own scripts would look for files that are not there. Those of its packages run.
    fn without_scripts(&self, manifest: &[u8]) -> Result<(Vec<u8>, Vec<String>), StepError> {
        let bad = |why: &dyn std::fmt::Display| {
            self.failed(&format!(
                "{MANIFEST} of this version cannot be used ({why}); whoever makes the software must mend it"
            ))
        };
        let mut value: Value = serde_json::from_slice(manifest).map_err(|error| bad(&error))?;
        let Some(root) = value.as_object_mut() else { return Err(bad(&"it is not an object")) };
        let scripts = root.remove("scripts").and_then(|scripts| scripts.as_object().cloned()).unwrap_or_default();
        let of_an_installation =
            ["preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare"];
        let names = scripts.keys().filter(|name| of_an_installation.contains(&name.as_str())).cloned().collect();
        Ok((serde_json::to_vec(&value).map_err(|error| bad(&error))?, names))
    }

    async fn run(&self, circumstance: &Circumstance) -> Result<(), StepError> {
        let arguments = ["ci", "--omit=dev", "--no-audit", "--no-fund", "--no-progress", "--loglevel=notice"];
        let npm = Command::new("npm", &self.npm.surroundings)
            .args(arguments)
            .env("npm_config_update_notifier", "false")
            .dir(self.stage)
            .limits(Limits::WORKING)
            .gentle()
            .tell(circumstance.tell.clone());
        let outcome = npm.run().await.map_err(|error| match error {
            CommandError::Start { .. } => self.failed(
                "npm is not installed, and its Node packages need it. Nothing was changed; type: sudo apt-get install npm",
            ),
            CommandError::Watch { .. } | CommandError::Failed { .. } => self.failed(&error.to_string()),
        })?;
        if outcome.success() {
            return Ok(());
        }
        let why = npm_trouble(&outcome.stderr).unwrap_or_else(|| outcome.reason());
        Err(self.failed(&format!(
            "its Node packages could not be installed: {why}. Nothing was changed; if it is not the network, tell whoever \
             makes the software"
        )))
    }

    /// An exchange takes `node_modules` only. A version without packages leaves an empty folder.
    async fn leave_packages_only(&self) -> Result<(), StepError> {
        let stage = self.stage.to_owned();
        let done = off_the_loop(move || {
            let modules = stage.join("node_modules");
            std::fs::create_dir_all(&modules).map_err(TreeError::io("made", &modules))?;
            let entries = std::fs::read_dir(&stage).map_err(TreeError::io("read", &stage))?;
            for entry in entries.flatten().map(|entry| entry.path()).filter(|path| *path != modules) {
                let gone = if entry.is_dir() { std::fs::remove_dir_all(&entry) } else { std::fs::remove_file(&entry) };
                gone.map_err(TreeError::io("deleted", &entry))?;
            }
            Ok(())
        });
        done.await.map_err(|error| self.failed(&error.to_string()))
    }

    fn bad_lock(&self, bad: &BadLock) -> StepError {
        self.failed(&format!("{LOCK} of this version cannot be used: {bad}. Whoever makes the software must mend it"))
    }

    fn failed(&self, text: &str) -> StepError {
        failed(self.title, text)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests read PATH")]
#[path = "node_tests.rs"]
mod tests;
