//! Stages: a copy of the environment in use, or a new one, as a folder beside it. A stage that is there is complete, and on
//! disk.
//! Refuses to: touch the environment in use.

use std::fs;
use std::path::{Path, PathBuf};

use refit_engine::ports::StepError;
use refit_model::python::needs::{Need, needs};
use refit_model::python::requirements_file::{Entry, Line, Place as LinePlace, RelativePath};
use refit_model::step::{Beginning, Want};

use super::asked::Asked;
use super::copy::{self, CopyError};
use super::hand::Hand;
use super::install::in_words;
use super::layout::{self, OWN};
use super::{fresh, installed};
use crate::content::Contents;
use crate::git::keep;
use crate::tree::{self, TreeError};

/// What the stage began as, for the case that it has to be made again.
const BEGINNING: &str = "beginning.json";

/// Performs `EnvironmentStep::Stage`.
///
/// # Errors
/// When the requirements cannot be read, or there is no room.
pub async fn stage(
    hand: &Hand<'_>,
    stage: &Path,
    from: &Beginning,
    want: &Want,
    contents: &Contents<'_>,
) -> Result<Option<String>, StepError> {
    if stage.is_dir() {
        return Ok(Some("it is prepared already".to_owned()));
    }
    let is_copy = matches!(from, Beginning::Copy);
    if is_copy && let Some(why) = nothing_to_do(hand, want, contents).await? {
        hand.say(&why);
        return Ok(Some(why));
    }
    let this = stage.to_owned();
    for kept in hand.off_the_loop(move || take_in(&this)).await? {
        hand.note(&format!("what an earlier run left is kept as {}", kept.display()));
    }
    make(hand, stage, from).await?;
    Ok(Some(if is_copy { "a copy beside it" } else { "a new environment beside it" }.to_owned()))
}

/// Why no stage is needed; none when one is.
async fn nothing_to_do(hand: &Hand<'_>, want: &Want, contents: &Contents<'_>) -> Result<Option<String>, StepError> {
    match want {
        Want::Requirements { again: true, .. } | Want::Package { again: true, .. } => Ok(None),
        Want::Requirements { content, file, damaged, again: false } => {
            let Some(asked) = Asked::read(contents, content, file).await? else {
                return Ok(Some(format!("there is no {} in this version; no packages are needed", file.display())));
            };
            let lacks = lacking(hand, hand.live(), &asked).await?;
            let whole = damaged.is_empty() && installed::damaged(hand.live()).is_empty();
            let is_there = lacks.is_empty() && whole && !asked.says.options.needs_pip;
            if !lacks.is_empty() {
                // What these need in turn is told by the installation.
                let lacks: Vec<String> = lacks.iter().map(in_words).collect();
                hand.note(&format!("Python packages that change: {}", lacks.join("; ")));
            }
            Ok(is_there.then(|| format!("everything that {} asks for is installed", file.display())))
        }
        Want::Package { requirement, again: false, .. } => {
            let line = line_of(hand, requirement)?;
            let interpreter = hand.interpreter(hand.live()).await?;
            let there = installed::read(hand.live(), &interpreter.system_sites);
            let lacks = needs(&[line], &[], &there, &interpreter.markers);
            Ok(lacks.is_empty().then(|| format!("{requirement} is installed")))
        }
        Want::Exactly { install, remove } => {
            let freeze = installed::freeze(hand.live());
            let gone = |project: &String| {
                !freeze.iter().filter_map(|line| installed::project_of(line)).any(|name| name.as_str() == project)
            };
            let is_there = install.iter().all(|line| freeze.contains(line)) && remove.iter().all(gone);
            Ok(is_there.then(|| "the packages are those from before".to_owned()))
        }
    }
}

/// What an environment lacks of what is asked for.
///
/// # Errors
/// When its interpreter does not answer.
pub async fn lacking(hand: &Hand<'_>, folder: &Path, asked: &Asked) -> Result<Vec<Need>, StepError> {
    let interpreter = hand.interpreter(folder).await?;
    let there = installed::read(folder, &interpreter.system_sites);
    Ok(needs(&asked.says.lines, &asked.says.constraints, &there, &interpreter.markers))
}

/// A requirement as a line of its own.
///
/// # Errors
/// When it is none.
pub fn line_of(hand: &Hand<'_>, requirement: &str) -> Result<Line, StepError> {
    let parsed = requirement.parse().map_err(|error| hand.failed(&format!("{error}")))?;
    let file = RelativePath::new("the configuration").map_err(|error| hand.failed(&error.to_string()))?;
    let entry = Entry::Named { requirement: parsed, hashes: Vec::new() };
    Ok(Line { at: LinePlace { file, line: 1 }, entry })
}

/// Makes the stage, which must not be there.
///
/// # Errors
/// When there is no room, or no Python.
pub async fn make(hand: &Hand<'_>, stage: &Path, from: &Beginning) -> Result<(), StepError> {
    let part = part_of(stage);
    let gone = part.clone();
    hand.off_the_loop(move || tree::delete_stage(&gone)).await?;
    let made = match from {
        Beginning::Copy => {
            let (live, to) = (hand.live().to_owned(), part.clone());
            let copied = tokio::task::spawn_blocking(move || copy::copy(&live, &to)).await;
            let copied = copied.unwrap_or_else(|lost| {
                Err(CopyError::Disk(TreeError::io("copied", hand.live())(std::io::Error::other(lost))))
            });
            copied.map_err(|error| hand.failed(&error.to_string()))
        }
        Beginning::Fresh { .. } => fresh::make(hand, &part, stage).await,
    };
    hand.faults.reach("environment_stage.copied");
    let (to, beginning) = (stage.to_owned(), from.clone());
    let finished = match made {
        Ok(()) => {
            let part = part.clone();
            hand.off_the_loop(move || finish(&part, &to, &beginning)).await
        }
        Err(error) => Err(error),
    };
    if finished.is_err() {
        // The next attempt deletes it as well.
        let _stays = hand.off_the_loop(move || tree::delete_stage(&part)).await;
    }
    finished
}

/// Makes it again, as it was made: what pip left half installed is not used.
///
/// # Errors
/// As [`make`].
pub async fn make_again(hand: &Hand<'_>, stage: &Path) -> Result<(), StepError> {
    let from = beginning(stage).unwrap_or(Beginning::Copy);
    let gone = stage.to_owned();
    hand.off_the_loop(move || tree::delete_stage(&gone)).await?;
    make(hand, stage, &from).await
}

/// What a stage began as.
#[must_use]
pub fn beginning(stage: &Path) -> Option<Beginning> {
    serde_json::from_slice(&fs::read(stage.join(OWN).join(BEGINNING)).ok()?).ok()
}

fn finish(part: &Path, stage: &Path, from: &Beginning) -> Result<(), TreeError> {
    let own = part.join(OWN);
    let file = own.join(BEGINNING);
    let bytes = serde_json::to_vec(from).map_err(|error| TreeError::io("written", &file)(error.into()))?;
    fs::create_dir_all(&own).map_err(TreeError::io("made", &own))?;
    fs::write(&file, bytes).map_err(TreeError::io("written", &file))?;
    tree::sync_file_system(part)?;
    fs::rename(part, stage).map_err(TreeError::io("renamed", part))?;
    tree::sync_parent(stage)
}

/// What it is called while it is made.
#[must_use]
pub fn part_of(stage: &Path) -> PathBuf {
    let mut part = stage.as_os_str().to_owned();
    part.push(tree::PART);
    part.into()
}

/// An environment that a run left when it was given up may be the one that was in use before: it is kept with the others
/// from before. What is none may be the owner's, and is kept like everything of his. Says where.
fn take_in(stage: &Path) -> Result<Vec<PathBuf>, TreeError> {
    let mut kept = Vec::new();
    for left in tree::left_over(stage)?.iter().filter(|left| left.join(layout::CONFIG).is_file()) {
        take_out_own(left)?;
        kept.push(tree::keep_left_over(left)?);
    }
    if let Some(folder) = tree::folder_of(stage) {
        keep::take_in_stages(&folder, stage)?;
    }
    Ok(kept)
}

/// Takes Refit's own folder out of an environment that is about to be used or kept.
///
/// # Errors
/// [`TreeError::Io`].
pub fn take_out_own(folder: &Path) -> Result<(), TreeError> {
    tree::delete_stage(&folder.join(OWN))
}
