//! Reads files of a version that is not in use yet: of a fetched commit, or of a prepared folder.
//! Refuses to: follow a path out of that version.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use refit_engine::ports::{StepError, Tell};
use refit_model::step::{Content, RepoRef};

use crate::command::Limits;
use crate::fault::FaultPlan;
use crate::git::Git;
use crate::git::hand::Hand;
use crate::git::hazard::Purpose;
use crate::git::switch;
use crate::tree;

/// The most that a file of a version may hold to be read: requirements and lists, not data.
const MOST: u64 = 16 * 1024 * 1024;

/// Reads them.
pub struct Contents<'a> {
    git: &'a Git,
    tell: Tell,
    faults: FaultPlan,
}

impl<'a> Contents<'a> {
    /// With the git that reads commits.
    #[must_use]
    pub fn new(git: &'a Git, tell: Tell, faults: FaultPlan) -> Self {
        Self { git, tell, faults }
    }

    /// A file's bytes; none when this version has no such file.
    ///
    /// # Errors
    /// When the commit or the file cannot be read, is too large, or the path leads out of the version.
    pub async fn read(&self, content: &Content, file: &Path) -> Result<Option<Vec<u8>>, StepError> {
        let file = inside(file)?;
        match content {
            Content::Commit { repo, to } => {
                let hand = self.hand(repo);
                let commit = switch::resolve(&hand, to).await?;
                let shown = file.to_string_lossy().into_owned();
                let listed =
                    hand.answer("looking for a file", ["ls-tree", "-z", commit.as_str(), "--", &shown]).await?;
                if listed.is_empty() {
                    return Ok(None);
                }
                let mut object = OsString::from(format!("{}:", commit.as_str()));
                object.push(&file);
                hand.answer("reading a file", [OsString::from("cat-file"), OsString::from("blob"), object])
                    .await
                    .map(Some)
            }
            // What is not there asks for nothing, which is not known of a stage that is gone.
            Content::Stage { stage, .. } if !stage.is_dir() => Err(StepError {
                message: format!("{} is gone, which was prepared; ask again", stage.display()),
                command_failed: false,
                printer_busy: false,
            }),
            Content::Stage { stage, .. } => read_file(&stage.join(&file)),
            Content::Live { path } => read_file(&path.join(&file)),
        }
    }

    /// Writes all files of a commit into a folder, as they will be when it is in use. Nothing of the repository changes. What is a
    /// folder already needs no writing.
    ///
    /// # Errors
    /// When the commit cannot be read, or the folder not written.
    pub async fn export(&self, content: &Content, to: &Path) -> Result<(), StepError> {
        let Content::Commit { repo, to: target } = content else { return Ok(()) };
        let hand = self.hand(repo);
        let commit = switch::resolve(&hand, target).await?;
        let made =
            tree::delete_stage(to).and_then(|()| std::fs::create_dir_all(to).map_err(tree::TreeError::io("made", to)));
        made.map_err(|error| hand.on_disk(&error))?;
        let mut prefix = OsString::from("--prefix=");
        prefix.push(to.join(""));
        let mut index = to.as_os_str().to_owned();
        index.push(".index");
        let index = PathBuf::from(index);
        for (what, args) in [
            ("reading a commit", vec![OsString::from("read-tree"), commit.as_str().into()]),
            ("writing its files", vec![OsString::from("checkout-index"), "--all".into(), prefix]),
        ] {
            let command = hand.command(Purpose::Write)?.env("GIT_INDEX_FILE", &index).args(args);
            let outcome = hand.run(command.limits(Limits::WORKING)).await?;
            hand.require(outcome, what)?;
        }
        let _stays = std::fs::remove_file(&index);
        Ok(())
    }

    fn hand(&self, repo: &RepoRef) -> Hand<'_> {
        Hand::open(self.git, repo, self.tell.clone(), self.faults.clone())
    }
}

/// Where the version's files will be when it is in use.
#[must_use]
pub fn live(content: &Content) -> &Path {
    match content {
        Content::Commit { repo, .. } => &repo.path,
        Content::Stage { live, .. } => live,
        Content::Live { path } => path,
    }
}

/// The path without dots; `a/../b` is `b`.
///
/// # Errors
/// When it leads out.
pub fn inside(file: &Path) -> Result<PathBuf, StepError> {
    let mut tidy = PathBuf::new();
    for part in file.components() {
        let fits = match part {
            Component::Normal(name) => {
                tidy.push(name);
                true
            }
            Component::CurDir => true,
            Component::ParentDir => tidy.pop(),
            Component::RootDir | Component::Prefix(_) => false,
        };
        if !fits {
            let message = format!("{} leads out of the software's folder; it is not read", file.display());
            return Err(StepError { message, command_failed: false, printer_busy: false });
        }
    }
    Ok(tidy)
}

fn read_file(path: &Path) -> Result<Option<Vec<u8>>, StepError> {
    let failed = |why: String| StepError {
        message: format!("{} cannot be read: {why}", path.display()),
        command_failed: false,
        printer_busy: false,
    };
    match std::fs::metadata(path) {
        Ok(seen) if seen.len() > MOST => Err(failed(format!("it is larger than {} MiB", MOST / 1024 / 1024))),
        Ok(_) => std::fs::read(path).map(Some).map_err(|error| failed(error.to_string())),
        Err(error) if tree::is_missing(&error) => Ok(None),
        Err(error) => Err(failed(error.to_string())),
    }
}
