//! One repository in the hands of a step: builds its git commands, runs them, and turns their ends into the words that
//! the caller gets.
//! Refuses to: know what any step is about.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use refit_engine::ports::{StepError, Tell};
use refit_model::name::{CommitId, UpdaterName};
use refit_model::step::RepoRef;

use super::hazard::Purpose;
use super::{Git, Repo};
use crate::command::{Command, CommandError, Limits, Outcome};
use crate::disk;
use crate::fault::FaultPlan;
use crate::tree::TreeError;

/// Work on the disk alone: says nothing while it runs, and an old card is slow.
const SILENT: Limits =
    Limits { total: Some(Duration::from_secs(1800)), stall: None, grace: Duration::from_secs(10), ..Limits::QUICK };
/// With less room than this, in bytes, a disk counts as full.
const FULL: u64 = 64 * 1024;
/// Paths of a whole work tree.
const LISTING: Limits = Limits { stdout: 256 * 1024 * 1024, ..SILENT };

/// A repository, its owner's name, and who listens.
pub struct Hand<'a> {
    /// The installed git.
    pub git: &'a Git,
    /// The repository as it was when it was opened; see [`Hand::reopen`].
    pub repo: Repo,
    /// Whose it is, for messages.
    pub updater: UpdaterName,
    /// Where git's output goes.
    pub tell: Tell,
    /// Where tests have this process killed.
    pub faults: FaultPlan,
}

impl<'a> Hand<'a> {
    /// Looks at a repository from its files alone.
    #[must_use]
    pub fn open(git: &'a Git, repo: &RepoRef, tell: Tell, faults: FaultPlan) -> Self {
        Self { git, repo: git.open(&repo.path), updater: repo.updater.clone(), tell, faults }
    }

    /// Looks again, after the files of `.git` were changed.
    pub fn reopen(&mut self) {
        self.repo = self.git.open(&self.repo.layout.work);
    }

    /// The work tree.
    #[must_use]
    pub fn work(&self) -> &Path {
        &self.repo.layout.work
    }

    /// A file of the repository's own folder.
    #[must_use]
    pub fn git_file(&self, name: &str) -> std::path::PathBuf {
        self.repo.layout.git_dir.join(name)
    }

    /// Asks something that changes nothing, and hands back how it ended.
    ///
    /// # Errors
    /// When git cannot be run here.
    pub async fn ask<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Result<Outcome, StepError> {
        self.run(self.command(Purpose::Read)?.args(args).limits(LISTING)).await
    }

    /// Asks something that must have an answer.
    ///
    /// # Errors
    /// When git cannot be run here or says no.
    pub async fn answer<A: AsRef<OsStr>>(
        &self,
        what: &str,
        args: impl IntoIterator<Item = A>,
    ) -> Result<Vec<u8>, StepError> {
        let outcome = self.ask(args).await?;
        self.require(outcome, what).map(|outcome| outcome.stdout)
    }

    /// Changes refs, index or work tree.
    ///
    /// # Errors
    /// When git cannot be run here or fails; `what` is what it was to do.
    pub async fn write<A: AsRef<OsStr>>(&self, what: &str, args: impl IntoIterator<Item = A>) -> Result<(), StepError> {
        let outcome = self.run(self.command(Purpose::Write)?.args(args).limits(SILENT)).await?;
        self.require(outcome, what).map(drop)
    }

    /// The commit that a revision stands for; none when there is none.
    ///
    /// # Errors
    /// When git cannot be run here.
    pub async fn commit(&self, revision: &str) -> Result<Option<CommitId>, StepError> {
        let revision = format!("{revision}^{{commit}}");
        let outcome = self.ask(["rev-parse", "--quiet", "--verify", "--end-of-options", &revision]).await?;
        let told = String::from_utf8_lossy(&outcome.stdout);
        Ok(told.lines().next_back().and_then(|line| CommitId::new(line.trim()).ok()).filter(|_| outcome.success()))
    }

    /// The commit that a configured pin stands for.
    ///
    /// # Errors
    /// When there is none.
    pub async fn pinned(&self, pin: &str) -> Result<CommitId, StepError> {
        let is_hex = pin.bytes().all(|byte| byte.is_ascii_hexdigit());
        let found = if is_hex { self.commit(pin).await? } else { None };
        found.ok_or_else(|| self.documented(&format!("Pinned Commit {pin} does not exist")))
    }

    /// Whether a commit is there with all its history that git has cared to look at.
    ///
    /// # Errors
    /// When git cannot be run here.
    pub async fn is_ancestor(&self, old: &CommitId, new: &CommitId) -> Result<bool, StepError> {
        let args = ["merge-base", "--is-ancestor", old.as_str(), new.as_str()];
        Ok(self.ask(args).await?.success())
    }

    /// A command for a purpose, up to the name of the subcommand.
    ///
    /// # Errors
    /// When a setting of the repository speaks against it.
    pub fn command(&self, purpose: Purpose) -> Result<Command, StepError> {
        self.git.at(&self.repo, purpose).map_err(|hazard| self.failed(&hazard.to_string()))
    }

    /// Runs a command.
    ///
    /// # Errors
    /// When it could not be run at all.
    pub async fn run(&self, command: Command) -> Result<Outcome, StepError> {
        command.run().await.map_err(|error| self.unrunnable(&error))
    }

    /// Passes a success on.
    ///
    /// # Errors
    /// With what was being done and why git says no.
    pub fn require(&self, outcome: Outcome, what: &str) -> Result<Outcome, StepError> {
        if outcome.success() {
            return Ok(outcome);
        }
        // git does not always say why it could not write.
        let is_full = disk::require_room(&self.repo.layout.git_dir, FULL).is_err();
        let next = if is_full { ". The disk is full; free some space and try again" } else { "" };
        let message = format!("Git Repo {}: {what} failed: {}{next}", self.updater, outcome.reason());
        Err(StepError { message, command_failed: true, printer_busy: false })
    }

    /// An error under the prefix that every message of a repository has.
    #[must_use]
    pub fn failed(&self, text: &str) -> StepError {
        StepError { message: self.says(text), command_failed: false, printer_busy: false }
    }

    /// An error whose documented text has no prefix (CONTRACT §2.12).
    #[must_use]
    pub fn documented(&self, text: &str) -> StepError {
        StepError { message: text.to_owned(), command_failed: false, printer_busy: false }
    }

    /// A failed deed on files, with its cause and what helps.
    #[must_use]
    pub fn on_disk(&self, error: &TreeError) -> StepError {
        self.failed(&error.to_string())
    }

    /// A message under that prefix.
    #[must_use]
    pub fn says(&self, text: &str) -> String {
        format!("Git Repo {}: {text}", self.updater)
    }

    fn unrunnable(&self, error: &CommandError) -> StepError {
        let cause = std::error::Error::source(error).map(|cause| format!(" ({cause})")).unwrap_or_default();
        StepError { message: self.says(&format!("{error}{cause}")), command_failed: true, printer_busy: false }
    }
}

/// Runs work that blocks on the disk where it cannot hold up anything else.
///
/// # Errors
/// What the work says; a panic in it is an error too.
pub async fn off_the_loop<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TreeError> + Send + 'static,
) -> Result<T, TreeError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(lost) => Err(TreeError::io("worked on", Path::new("the disk"))(std::io::Error::other(lost))),
    }
}

/// Splits git's `-z` output into paths.
pub fn paths(bytes: &[u8]) -> impl Iterator<Item = &Path> {
    use std::os::unix::ffi::OsStrExt as _;
    bytes.split(|byte| *byte == 0).filter(|item| !item.is_empty()).map(|item| Path::new(OsStr::from_bytes(item)))
}
