//! Questions to git about one repository: what failed is remembered for `git_messages`, and the look goes on.
//! Refuses to: change anything.

use std::ffi::OsStr;

use refit_model::name::CommitId;

use super::hazard::Purpose;
use super::{Git, Repo, parse, refs};
use crate::command::Outcome;

/// One look at one repository.
pub(super) struct Ask<'a> {
    git: &'a Git,
    pub(super) repo: &'a Repo,
    /// What git said when it failed, as front ends show it.
    pub(super) complaints: Vec<String>,
}

impl<'a> Ask<'a> {
    pub(super) fn new(git: &'a Git, repo: &'a Repo) -> Self {
        Self { git, repo, complaints: Vec::new() }
    }

    /// Git's answer; none when it failed, which is remembered.
    pub(super) async fn answer<A: AsRef<OsStr>>(&mut self, args: impl IntoIterator<Item = A>) -> Option<Vec<u8>> {
        match self.run(args).await {
            Ok(outcome) if outcome.success() && !outcome.stdout_cut => Some(outcome.stdout),
            Ok(outcome) => {
                self.complaints.push(complaint(&outcome));
                None
            }
            Err(text) => {
                self.complaints.push(text);
                None
            }
        }
    }

    /// Git's answer where a failure is an answer as well, and nobody's business.
    pub(super) async fn probe<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Option<Outcome> {
        self.run(args).await.ok().filter(|outcome| !outcome.stdout_cut)
    }

    /// The commit that a full reference name points to.
    pub(super) async fn reference(&self, name: &str) -> Option<CommitId> {
        if refs::uses_files(&self.repo.scan.entries) {
            return refs::resolve(&self.repo.layout, name);
        }
        let outcome = self.probe(["rev-parse", "--verify", "--quiet", name]).await?;
        commit(&outcome)
    }

    /// The full id of a commit given by its beginning.
    pub(super) async fn commit(&self, digits: &str) -> Option<CommitId> {
        let revision = format!("{digits}^{{commit}}");
        commit(&self.probe(["rev-parse", "--verify", "--quiet", &revision]).await?)
    }

    /// How many commits only the one and only the other has.
    pub(super) async fn apart(&mut self, one: &CommitId, other: &CommitId) -> Option<(u64, u64)> {
        let range = format!("{one}...{other}");
        parse::left_right(&self.answer(["rev-list", "--left-right", "--count", &range]).await?)
    }

    /// How many commits a range or a commit has.
    pub(super) async fn count(&mut self, range: &str) -> Option<u64> {
        parse::count(&self.answer(["rev-list", "--count", range]).await?)
    }

    async fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Result<Outcome, String> {
        let command = self.git.at(self.repo, Purpose::Read).map_err(|hazard| hazard.to_string())?;
        command.args(args).run().await.map_err(|error| error.to_string())
    }
}

fn commit(outcome: &Outcome) -> Option<CommitId> {
    let text = std::str::from_utf8(&outcome.stdout).ok().filter(|_| outcome.success())?;
    CommitId::new(text.trim()).ok()
}

/// What git said on both streams; how it ended when it said nothing.
fn complaint(outcome: &Outcome) -> String {
    let said = [outcome.stderr_text(), String::from_utf8_lossy(&outcome.stdout).trim().to_owned()];
    // A failed command's answer is a few words at most; a broken-off one can be long.
    let said: Vec<&str> =
        said.iter().map(String::as_str).filter(|text| !text.is_empty() && text.len() < 4096).collect();
    if said.is_empty() { format!("git failed: {}", outcome.ended) } else { said.join("\n") }
}
