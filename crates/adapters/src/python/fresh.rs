//! New environments, made by the machine's own Python.
//! Refuses to: install anything but what `venv` itself brings along.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use refit_engine::ports::StepError;

use super::hand::Hand;
use super::layout::{self, CONFIG};
use super::namespace::Shown;
use super::strays;
use crate::command::{Command, Limits};
use crate::disk;
use crate::tree::{self, TreeError};

/// What `venv` and its pip take on disk.
const ROOM: u64 = 64 * 1024 * 1024;

/// Makes one in the folder `part`, as if it lay where the environment in use is. `stage` is what it will be.
///
/// # Errors
/// When there is no Python, or it makes none.
pub async fn make(hand: &Hand<'_>, part: &Path, stage: &Path) -> Result<(), StepError> {
    let parent = part.parent().unwrap_or(part);
    disk::require_room(parent, ROOM).map_err(|error| hand.failed(&error.to_string()))?;
    tree::make_parent(part).map_err(|error| hand.on_disk(&error))?;
    fs::create_dir(part).map_err(|error| hand.on_disk(&TreeError::io("made", part)(error)))?;
    let python = machine_python(hand.live());
    let surroundings = &hand.rules.surroundings;
    let view;
    let (command, at) = if hand.in_place.is_none() {
        let shown = Shown { folder: part.to_owned(), at: hand.live().to_owned() };
        view = hand.view(vec![shown])?;
        (view.command(Path::new("/"), &python, surroundings), hand.live())
    } else {
        (Command::new(&python, surroundings), part)
    };
    hand.say(&format!("making a new environment with {}", python.display()));
    let limits = Limits { total: Some(std::time::Duration::from_secs(1800)), ..Limits::WORKING };
    let command = command.args(["-I", "-m", "venv"]).args(arguments(hand)).arg(at).env(strays::MARK, stage);
    let made = command.limits(limits).gentle().tell(hand.tell.clone()).run().await;
    let made = made.map_err(|error| hand.failed(&format!("no new Python environment could be made: {error}")))?;
    if !made.success() {
        let text = String::from_utf8_lossy(&made.stdout).into_owned() + &made.stderr_text();
        let help = if text.contains("ensurepip") {
            "; install the system package python3-venv, then try again".to_owned()
        } else {
            let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
            format!(" ({})", last.trim())
        };
        return Err(hand.failed(&format!("{} makes no new environment{help}", python.display())));
    }
    if at == part {
        let (part, live) = (part.to_owned(), hand.live().to_owned());
        hand.off_the_loop(move || rename_within(&part, &live)).await?;
    }
    Ok(())
}

/// The Python beside the one that the environment was made with, whatever its version is now; else the machine's.
fn machine_python(live: &Path) -> PathBuf {
    let beside = layout::setting(live, "home").map(|home| Path::new(&home).join("python3"));
    let works = |python: &PathBuf| fs::metadata(python).is_ok_and(|seen| seen.permissions().mode() & 0o111 != 0);
    beside.filter(works).unwrap_or_else(|| PathBuf::from("python3"))
}

/// As configured; else as the old one was made.
fn arguments(hand: &Hand<'_>) -> Vec<String> {
    match &hand.env.venv_args {
        Some(words) => words.split_whitespace().map(str::to_owned).collect(),
        None => layout::setting(hand.live(), "include-system-site-packages")
            .filter(|value| value.eq_ignore_ascii_case("true"))
            .map(|_| "--system-site-packages".to_owned())
            .into_iter()
            .collect(),
    }
}

/// Where it could not be made in its final place: what `venv` itself wrote names the place that it was made in.
fn rename_within(part: &Path, live: &Path) -> Result<(), TreeError> {
    let (old, new) = (part.display().to_string(), live.display().to_string());
    let bin = part.join("bin");
    let scripts = layout::names(&bin).into_iter().map(|name| bin.join(name));
    for file in scripts.chain([part.join(CONFIG)]) {
        let is_text = fs::symlink_metadata(&file).is_ok_and(|seen| seen.is_file());
        let Some(text) = is_text.then(|| fs::read_to_string(&file).ok()).flatten() else { continue };
        if text.contains(&old) {
            // Onto the file that is there, which keeps its mode.
            fs::write(&file, text.replace(&old, &new)).map_err(TreeError::io("written", &file))?;
        }
    }
    Ok(())
}
