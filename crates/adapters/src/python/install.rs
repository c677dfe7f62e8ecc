//! Runs pip: what a version asks for, one package, or exactly what was there before.
//! Refuses to: use what an installation that was cut left behind; the stage is made again first.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use refit_engine::ports::{Circumstance, StepError};
use refit_model::python::installed::Installed;
use refit_model::python::needs::Need;
use refit_model::python::requirement::{Requirement, Wanted};
use refit_model::python::version;
use refit_model::step::{Beginning, Content, Ground, Want};

use super::asked::Asked;
use super::hand::Hand;
use super::installed::project_of;
use super::layout::OWN;
use super::namespace::{Place, Shown};
use super::pip::{ASKED, Pip, Said, without_logins};
use super::verdict::Kind;
use super::{copy, installed, stage};
use crate::content::{self, Contents};
use crate::tree::{self, Sides, Stage, TreeError};

/// The oldest pip that can say what it would do (`--dry-run`, `--report`).
const OLDEST_PIP: &str = "22.2";

/// Performs `EnvironmentStep::Install`. None where there is no stage: nothing is to be done.
///
/// # Errors
/// With why pip failed.
pub async fn install(
    hand: &Hand<'_>,
    ground: &Ground,
    (want, says, freeze): (&Want, &str, &[String]),
    contents: &Contents<'_>,
    circumstance: &Circumstance,
) -> Result<Option<String>, StepError> {
    if !is_needed(hand, ground) {
        return Ok(None);
    }
    begin(hand, ground, circumstance).await?;
    let job = Job { hand, ground, contents, says };
    let done = job.work(want, freeze).await;
    hand.faults.reach("environment_install.installed");
    job.tidy().await?;
    let told = done?;
    let (target, before) = (hand.target(ground).to_owned(), hand.before(ground).to_owned());
    let changes = hand.off_the_loop(move || {
        tree::sync_file_system(&target)?;
        Ok(installed::changes(&before, &target))
    });
    let changes = changes.await?;
    if changes.is_empty() {
        return Ok(Some(told));
    }
    let changes = changes.join(", ");
    hand.note(&format!("Python packages: {changes}"));
    Ok(Some(format!("{told}: {changes}")))
}

/// There is a stage, or the one that there was has taken its place already.
#[must_use]
pub fn is_needed(hand: &Hand<'_>, ground: &Ground) -> bool {
    let in_place = match ground {
        Ground::Stage(_) => false,
        Ground::InPlace { .. } => is_fresh(hand.live()),
    };
    ground.stage().is_dir() || in_place
}

fn is_fresh(folder: &Path) -> bool {
    stage::beginning(folder).is_some_and(|from| matches!(from, Beginning::Fresh { .. }))
}

/// Brings the folder that pip will change to where it was before pip changed it.
async fn begin(hand: &Hand<'_>, ground: &Ground, circumstance: &Circumstance) -> Result<(), StepError> {
    match ground {
        Ground::Stage(stage) if circumstance.again => stage::make_again(hand, stage).await,
        Ground::Stage(_) => Ok(()),
        Ground::InPlace { snapshot } => {
            let (live, snapshot, again) = (hand.live().to_owned(), snapshot.clone(), circumstance.again);
            if is_fresh(&snapshot) {
                return hand.off_the_loop(move || take_its_place(&live, &snapshot)).await;
            }
            if again && snapshot.is_dir() && !is_fresh(&live) {
                return hand.off_the_loop(move || start_over(&live, &snapshot)).await;
            }
            Ok(())
        }
    }
}

/// A new environment takes the place of the old one, which becomes the copy from before.
fn take_its_place(live: &Path, snapshot: &Path) -> Result<(), TreeError> {
    let aside = beside(snapshot, ".aside");
    let sides = tree::sides(live, snapshot)?;
    tree::exchange(live, Stage::at(snapshot)?.sync()?, &aside, sides)?;
    if tree::identity(&aside)?.is_some() {
        fs::rename(&aside, snapshot).map_err(TreeError::io("renamed", &aside))?;
    }
    tree::sync_parent(live)
}

/// What a cut installation left in the environment in use gives way to another copy of what was there before.
fn start_over(live: &Path, snapshot: &Path) -> Result<(), TreeError> {
    let again = snapshot.join(OWN).join("again");
    tree::delete_stage(&again)?;
    tree::make_parent(&again)?;
    copy::copy(snapshot, &again).map_err(|error| match error {
        copy::CopyError::Disk(error) => error,
        full @ (copy::CopyError::NoRoom(_) | copy::CopyError::NoFiles(_)) => {
            TreeError::io("copied", snapshot)(std::io::Error::other(full))
        }
    })?;
    let sides = Sides { live: tree::identity(live)?, stage: tree::identity(&again)? };
    let aside = beside(&again, ".aside");
    tree::exchange(live, Stage::at(&again)?.sync()?, &aside, sides)?;
    tree::delete_stage(&again)?;
    tree::delete_stage(&aside)
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

struct Job<'a, 'h> {
    hand: &'a Hand<'h>,
    ground: &'a Ground,
    contents: &'a Contents<'a>,
    /// What listeners are told once pip is known to be new enough.
    says: &'a str,
}

impl Job<'_, '_> {
    async fn work(&self, want: &Want, freeze: &[String]) -> Result<String, StepError> {
        match want {
            Want::Requirements { content, file, damaged, again: _ } => {
                self.requirements(content, file, damaged, freeze).await
            }
            Want::Package { requirement, name: _, damaged, again } => {
                self.repair(damaged).await?;
                self.package(requirement, *again, freeze).await
            }
            Want::Exactly { install, remove } => self.exactly(install, remove).await,
        }
    }

    /// Where this step keeps its files.
    fn own(&self) -> PathBuf {
        self.hand.own(self.ground)
    }

    fn target(&self) -> &Path {
        self.hand.target(self.ground)
    }

    /// Everything but what tells how the stage began.
    async fn tidy(&self) -> Result<(), StepError> {
        let own = self.own();
        let work =
            move || ["tmp", "empty", ASKED, "tree"].iter().try_for_each(|name| tree::delete_stage(&own.join(name)));
        self.hand.off_the_loop(work).await
    }

    async fn requirements(
        &self,
        content: &Content,
        file: &Path,
        damaged: &[String],
        freeze: &[String],
    ) -> Result<String, StepError> {
        let asked = Asked::read(self.contents, content, file).await?;
        let before = match &asked {
            Some(asked) => stage::lacking(self.hand, self.target(), asked).await?,
            None => Vec::new(),
        };
        self.new_enough().await?;
        self.repair(damaged).await?;
        if let Some(asked) = &asked {
            self.what_is_asked(content, asked, freeze).await?;
        }
        self.rest_of(freeze).await?;
        if let Some(asked) = &asked {
            self.require_all(asked, &before).await?;
        }
        Ok(format!("installed what {} asks for", file.display()))
    }

    /// What was found damaged before, and what is now.
    async fn repair(&self, damaged: &[String]) -> Result<(), StepError> {
        let here = installed::damaged(self.target());
        let damaged: BTreeSet<String> = damaged.iter().cloned().chain(here).collect();
        if damaged.is_empty() { Ok(()) } else { self.mend(damaged).await }
    }

    /// Installs what is damaged once more, in the same version.
    async fn mend(&self, damaged: BTreeSet<String>) -> Result<(), StepError> {
        let lines: Vec<String> = damaged.into_iter().collect();
        self.hand.say(&format!("installing again what is damaged: {}", lines.join(", ")));
        let pip = self.hand.pip(self.ground, Vec::new())?;
        // What is there is not uninstalled first: its list of files may be what is damaged.
        let arguments = ["--ignore-installed", "--no-deps", "-r"].map(std::ffi::OsString::from);
        let list = self.write(&pip, "damaged.txt", &lines)?;
        let said = pip.install(arguments.into_iter().chain([list.into_os_string()])).await;
        self.hand.require(said, "Installing damaged Python packages again", self.ground).map(drop)
    }

    async fn what_is_asked(&self, content: &Content, asked: &Asked, freeze: &[String]) -> Result<(), StepError> {
        let (shown, dir, _place) = self.tree(content, asked).await?;
        let mut pip = self.hand.pip(self.ground, shown)?;
        if let Some(dir) = dir {
            pip.dir = dir;
        }
        asked.write_to(&self.own().join(ASKED)).map_err(|error| self.hand.on_disk(&error))?;
        let list = pip.own.join(ASKED).join(&asked.file);
        let what = format!("Installing the Python packages of {}", asked.file.display());
        if !freeze.is_empty() {
            let bounds: Vec<String> = freeze.iter().filter(|line| line.contains("==")).cloned().collect();
            let bounds = self.write(&pip, "constraints.txt", &bounds)?;
            let said = self.hand.started(pip.install([Path::new("-r"), &list, Path::new("-c"), &bounds]).await)?;
            if said.success() {
                return Ok(());
            }
            let verdict = self.hand.judge(&said);
            match verdict.kind {
                // An old version may well not build for a newer Python.
                Kind::Unsatisfiable | Kind::Other => {}
                Kind::Network => return Err(self.hand.refused(&verdict, &what, self.ground)),
            }
            self.hand.say(&format!("the versions from before cannot all be had ({}); others are taken", verdict.why));
        }
        let said = pip.install([Path::new("-r"), &list]).await;
        self.hand.require(said, &what, self.ground).map(drop)
    }

    /// The version's own folder, for what is installed out of it: shown in its place, and what pip is started in.
    async fn tree(
        &self,
        content: &Content,
        asked: &Asked,
    ) -> Result<(Vec<Shown>, Option<PathBuf>, Option<Place>), StepError> {
        if !asked.needs_tree() {
            return Ok((Vec::new(), None, None));
        }
        let at = content::live(content).to_owned();
        let folder = match (self.ground, content) {
            (Ground::InPlace { .. }, _) | (Ground::Stage(_), Content::Live { .. }) => {
                return Ok((Vec::new(), Some(at), None));
            }
            (Ground::Stage(_), Content::Stage { stage, .. }) => stage.clone(),
            (Ground::Stage(_), Content::Commit { .. }) => {
                let tree = self.own().join("tree");
                self.contents.export(content, &tree).await?;
                tree
            }
        };
        // An environment that lies in the software's folder needs a place there.
        let below = self.hand.live().strip_prefix(&at).ok().map(|below| Place::make(&folder.join(below)));
        let place = below.transpose().map_err(|error| self.hand.on_disk(&error))?;
        Ok((vec![Shown { folder, at: at.clone() }], Some(at), place))
    }

    /// What the environment had besides, when it is built anew. What cannot be had any more is told, and no failure.
    async fn rest_of(&self, freeze: &[String]) -> Result<(), StepError> {
        let rest = self.missing(freeze);
        if rest.is_empty() || self.had(&rest).await? {
            return Ok(());
        }
        // One that cannot be had (`pkg-resources==0.0.0` of Debian, say) must not take all the others with it.
        let mut lost = Vec::new();
        for line in rest {
            // Another one may have brought it.
            let Some(name) = self.missing(std::slice::from_ref(&line)).iter().find_map(|line| project_of(line)) else {
                continue;
            };
            let same = self.had(std::slice::from_ref(&line)).await?;
            if !same && !self.had(&[name.as_str().to_owned()]).await? {
                lost.push(line);
            }
        }
        if !lost.is_empty() {
            self.hand.say(&format!("not installed again, since they cannot be had: {}", lost.join(", ")));
        }
        Ok(())
    }

    /// The lines of a freeze whose projects are not there.
    fn missing(&self, freeze: &[String]) -> Vec<String> {
        let there = installed::read(self.target(), &[]);
        let missing = |line: &&String| project_of(line).is_some_and(|name| !there.contains_key(&name));
        freeze.iter().filter(missing).cloned().collect()
    }

    /// Whether these could be installed beside what is there, none of which changes.
    ///
    /// # Errors
    /// When the network is not there: the same may work later.
    async fn had(&self, lines: &[String]) -> Result<bool, StepError> {
        let pip = self.hand.pip(self.ground, Vec::new())?;
        let there: Vec<String> =
            installed::freeze(self.target()).into_iter().filter(|line| line.contains("==")).collect();
        let (list, bounds) = (self.write(&pip, "rest.txt", lines)?, self.write(&pip, "there.txt", &there)?);
        let said = self.hand.started(pip.install([Path::new("-r"), &list, Path::new("-c"), &bounds]).await)?;
        if said.success() {
            return Ok(true);
        }
        let verdict = self.hand.judge(&said);
        match verdict.kind {
            Kind::Network => {
                Err(self.hand.refused(&verdict, "Installing the Python packages from before", self.ground))
            }
            Kind::Unsatisfiable | Kind::Other => Ok(false),
        }
    }

    /// pip said yes; the packages themselves must agree.
    async fn require_all(&self, asked: &Asked, before: &[Need]) -> Result<(), StepError> {
        let after = stage::lacking(self.hand, self.target(), asked).await?;
        let counts = |need: &&Need| match need {
            Need::Missing { .. } => true,
            Need::Version { .. } | Need::NotThisSource { .. } => !before.contains(need),
            Need::Unknown { .. } => false,
        };
        let elsewhere: Vec<_> = after.iter().filter(|need| matches!(need, Need::NotThisSource { .. })).collect();
        if !elsewhere.is_empty() {
            self.install_from(&elsewhere).await?;
            let after = stage::lacking(self.hand, self.target(), asked).await?;
            return self.satisfied(after.iter().find(counts));
        }
        self.satisfied(after.iter().find(counts))
    }

    fn satisfied(&self, lacks: Option<&Need>) -> Result<(), StepError> {
        let Some(lacks) = lacks else { return Ok(()) };
        let lacks = in_words(lacks);
        Err(self
            .hand
            .failed(&format!("pip said that it was done, and {lacks}. Nothing was changed; ask for a recovery")))
    }

    /// pip takes a version for the same wherever it comes from.
    async fn install_from(&self, needs: &[&Need]) -> Result<(), StepError> {
        let lines: Vec<String> = needs
            .iter()
            .filter_map(|need| match need {
                Need::NotThisSource { name, want, .. } if want.contains("://") => Some(format!("{name} @ {want}")),
                Need::NotThisSource { .. } | Need::Missing { .. } | Need::Version { .. } | Need::Unknown { .. } => None,
            })
            .collect();
        if lines.is_empty() { Ok(()) } else { self.exactly_these(&lines).await }
    }

    async fn package(&self, requirement: &str, again: bool, freeze: &[String]) -> Result<String, StepError> {
        let parsed: Requirement =
            requirement.parse().map_err(|error| self.hand.failed(&format!("{error}; look at the configuration")))?;
        self.new_enough().await?;
        let is_url = matches!(parsed.source, Wanted::Url(_));
        if again || is_url && installed::read(self.target(), &[]).contains_key(&parsed.name) {
            self.exactly_these(&[requirement.to_owned()]).await?;
        }
        let pip = self.hand.pip(self.ground, Vec::new())?;
        let what = format!("Installing {}", parsed.name);
        let list = self.write(&pip, "package.txt", &[requirement.to_owned()])?;
        let mut said = None;
        if !freeze.is_empty() {
            let other = |line: &&String| line.contains("==") && project_of(line).as_ref() != Some(&parsed.name);
            let bounds: Vec<String> = freeze.iter().filter(other).cloned().collect();
            let bounds = self.write(&pip, "constraints.txt", &bounds)?;
            let first = self.hand.started(pip.install([Path::new("-r"), &list, Path::new("-c"), &bounds]).await)?;
            said = Some(first).filter(Said::success);
        }
        if said.is_none() {
            let again = pip.install([Path::new("-r"), &list]).await;
            self.hand.require(again, &what, self.ground)?;
        }
        self.rest_of(freeze).await?;
        Ok(format!("installed {requirement}"))
    }

    async fn exactly(&self, install: &[String], remove: &[String]) -> Result<String, StepError> {
        if !install.is_empty() {
            self.exactly_these(install).await?;
        }
        let there = installed::read(self.target(), &[]);
        let gone: Vec<&String> = remove.iter().filter(|name| holds(&there, name)).collect();
        if !gone.is_empty() {
            let pip = self.hand.pip(self.ground, Vec::new())?;
            let said = pip.run(["uninstall", "-y"].into_iter().chain(gone.iter().map(|name| name.as_str()))).await;
            self.hand.require(said, "Removing Python packages", self.ground)?;
        }
        Ok(format!("put {} packages back, and removed {}", install.len(), gone.len()))
    }

    /// Without what they ask for in turn; what comes from a URL is installed though its version is there already.
    async fn exactly_these(&self, lines: &[String]) -> Result<(), StepError> {
        let pip = self.hand.pip(self.ground, Vec::new())?;
        let list = self.write(&pip, "exactly.txt", lines)?;
        let arguments = [Path::new("--force-reinstall"), Path::new("--no-deps"), Path::new("-r"), &list];
        let said = pip.install(arguments).await;
        self.hand.require(said, "Installing Python packages", self.ground).map(drop)
    }

    /// An old pip does not read what today's packages say of themselves. Where no newer one can be had, the old one does
    /// what it can.
    async fn new_enough(&self) -> Result<(), StepError> {
        self.hand.say("Checking pip version...");
        if self.is_new_enough() {
            self.hand.say("Pip version up to date");
            self.hand.say(self.says);
            return Ok(());
        }
        let has = self.pip_version().map_or_else(|| "?".to_owned(), |has| has.to_string());
        self.hand.say(&format!("Updating pip from version {has} to a newer one..."));
        let pip = self.hand.pip(self.ground, Vec::new())?;
        let said = self.hand.started(pip.install(["--upgrade", "pip"]).await)?;
        if !self.is_new_enough() {
            // An index without pip has nothing newer than what is there, and pip is content.
            let why = if said.success() { "the index has no newer one".to_owned() } else { self.hand.judge(&said).why };
            self.hand.say(&format!("pip stays as old as it is: {why}"));
        }
        self.hand.say(self.says);
        Ok(())
    }

    fn is_new_enough(&self) -> bool {
        self.pip_version().zip(version::parse(OLDEST_PIP)).is_some_and(|(has, oldest)| has >= oldest)
    }

    fn pip_version(&self) -> Option<version::Version> {
        let there = installed::read(self.target(), &[]);
        let pip = there.values().find(|found| found.name.as_str() == "pip");
        pip.and_then(|pip| version::parse(&pip.version))
    }

    /// Writes a list for pip. Answers where pip sees it.
    fn write(&self, pip: &Pip<'_>, name: &str, lines: &[String]) -> Result<PathBuf, StepError> {
        let file = self.own().join("tmp").join(name);
        fs::write(&file, lines.join("\n") + "\n")
            .map_err(|error| self.hand.on_disk(&TreeError::io("written", &file)(error)))?;
        Ok(pip.own.join("tmp").join(name))
    }
}

fn holds(there: &Installed, name: &str) -> bool {
    there.keys().any(|other| other.as_str() == name)
}

/// For people.
#[must_use]
pub fn in_words(need: &Need) -> String {
    without_logins(&match need {
        Need::Missing { name, by, .. } => format!("{name} is missing, which {by} asks for"),
        Need::Version { name, have, want, by } => format!("{name} is {have}, and {by} asks for {want}"),
        Need::NotThisSource { name, have, want, by } => format!("{name} is from {have}, and {by} asks for {want}"),
        Need::Unknown { text, by } => format!("{by} asks for {text}"),
    })
}
