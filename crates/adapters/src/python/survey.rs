//! Looks closely at an environment, for an action: what the wished version asks for, what is damaged, whether there is a way
//! back. A preview asks pip what it would do.
//! Refuses to: change anything.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use refit_model::environment::{Change, EnvironmentFacts, EnvironmentSurvey};
use refit_model::plan::Action;
use refit_model::python::installed::Installed;
use refit_model::python::needs::{Need, needs};
use refit_model::step::Content;

use super::asked::Asked;
use super::namespace::{Place, Shown, View};
use super::pip::{ASKED, Pip, without_logins};
use super::{EnvironmentRules, Wish, installed, interpreter, previous, report, seen, verdict};
use crate::content;
use crate::tree::{self, TreeError};

/// What is looked at.
pub struct Subject<'a> {
    /// What the binary decided.
    pub rules: &'a EnvironmentRules,
    /// The folder, links resolved.
    pub folder: PathBuf,
    /// Variables for pip.
    pub pip_environment: &'a [(String, String)],
    /// What was seen last.
    pub facts: &'a EnvironmentFacts,
    /// Why nothing can be prepared beside it.
    pub in_place: Option<String>,
    /// A package that would be asked for, where no requirements file is.
    pub package: Option<&'a str>,
}

/// Looks. Never fails: what cannot be told is not known.
pub async fn survey(subject: &Subject<'_>, wish: Option<Wish<'_>>, action: Action, preview: bool) -> EnvironmentSurvey {
    let folder = &subject.folder;
    let mut survey = EnvironmentSurvey { in_place: subject.in_place.clone(), ..EnvironmentSurvey::default() };
    if seen::complaint(folder).is_none() {
        survey.damaged = installed::damaged(folder);
    }
    survey.sound_previous = match action {
        Action::Rollback => previous::sound(folder, subject.facts),
        Action::Upgrade | Action::SoftRecovery | Action::HardRecovery | Action::Restart => None,
    };
    let Some(wish) = wish else {
        if let (true, Some(package)) = (preview, subject.package) {
            match previewed(subject, package).await {
                Ok(changes) => survey.changes = changes,
                Err(why) => survey.notes.push(not_told(&*why)),
            }
        }
        return survey;
    };
    let asked = match Asked::read(wish.contents, wish.content, wish.file).await {
        Ok(Some(asked)) => asked,
        Ok(None) => {
            survey.known = true;
            return survey;
        }
        Err(_) => return survey,
    };
    let said = interpreter::ask(folder, &subject.rules.interpreters(), &subject.rules.surroundings).await;
    let Ok(said) = said else { return survey };
    let there = installed::read(folder, &said.system_sites);
    let lacks = needs(&asked.says.lines, &asked.says.constraints, &there, &said.markers);
    survey.known = true;
    survey.changes = changes(&lacks, &there);
    if preview && (!survey.changes.is_empty() || asked.says.options.needs_pip) {
        match dry_run(subject, &wish, &asked).await {
            Ok(Some(told)) => survey.changes = join(survey.changes, report::changes(&told, &there)),
            Ok(None) => {}
            Err(why) => survey.notes.push(not_told(&*why)),
        }
    }
    survey
}

/// What an update would stumble over as well, most likely.
fn not_told(why: &(dyn std::error::Error + Send + Sync)) -> String {
    format!("pip does not tell what it would change: {why}")
}

/// One for each project; the first who asks is named.
fn changes(lacks: &[Need], there: &Installed) -> Vec<Change> {
    let mut changes: BTreeMap<String, Change> = BTreeMap::new();
    for need in lacks {
        let (name, want, by) = match need {
            Need::Missing { name, want, by }
            | Need::Version { name, want, by, .. }
            | Need::NotThisSource { name, want, by, .. } => (name.as_str(), want.as_str(), by),
            Need::Unknown { text, by } => (text.as_str(), "something that only pip can judge", by),
        };
        let from = there.iter().find(|(other, _)| other.as_str() == name).map(|(_, found)| found.version.clone());
        let exact = want.strip_prefix("==").filter(|version| !version.contains([',', '*', '=']));
        let why = match want {
            "" => format!("{by} asks for it"),
            want => format!("{by} asks for {}", without_logins(want)),
        };
        let change = Change {
            name: name.to_owned(),
            from,
            to: exact.map(|version| version.trim().to_owned()),
            bytes: None,
            builds: false,
            why,
        };
        changes.entry(name.to_owned()).or_insert(change);
    }
    changes.into_values().collect()
}

/// pip's answer, with the reasons that are known without it.
fn join(known: Vec<Change>, told: Vec<Change>) -> Vec<Change> {
    let why = |name: &str| known.iter().find(|change| change.name == name).map(|change| change.why.clone());
    told.into_iter().map(|change| Change { why: why(&change.name).unwrap_or(change.why), ..change }).collect()
}

/// What installing a package would change, as pip tells.
async fn previewed(subject: &Subject<'_>, package: &str) -> Result<Vec<Change>, Trouble> {
    let own = preview_room(subject);
    let told = ask_about(subject, package, &own).await;
    let _stays = tree::delete_stage(&own);
    let Some(told) = told? else { return Ok(Vec::new()) };
    let said = interpreter::ask(&subject.folder, &subject.rules.interpreters(), &subject.rules.surroundings).await?;
    Ok(report::changes(&told, &installed::read(&subject.folder, &said.system_sites)))
}

async fn ask_about(subject: &Subject<'_>, package: &str, own: &Path) -> Asking {
    let pip = room_for_pip(subject, own)?;
    let list = own.join("tmp").join("package.txt");
    std::fs::write(&list, format!("{package}\n")).map_err(TreeError::io("written", &list))?;
    reported(&pip, &list, own).await
}

/// Why pip does not say.
type Trouble = Box<dyn std::error::Error + Send + Sync>;
/// pip's report, or none where it could not be asked.
type Asking = Result<Option<Vec<u8>>, Trouble>;

/// What pip would do, in its own words.
async fn dry_run(subject: &Subject<'_>, wish: &Wish<'_>, asked: &Asked) -> Asking {
    let own = preview_room(subject);
    let told = ask_pip(subject, wish, asked, &own).await;
    let _stays = tree::delete_stage(&own);
    told
}

/// A folder for each environment: two may be asked about at a time.
fn preview_room(subject: &Subject<'_>) -> PathBuf {
    let name = subject.folder.file_name().unwrap_or_default().to_string_lossy();
    subject.rules.state.join(format!("preview-{name}-{:x}", inode(&subject.folder)))
}

fn inode(folder: &Path) -> u64 {
    std::fs::metadata(folder).map_or(0, |seen| seen.ino())
}

/// pip, with a folder for what it needs on its way.
fn room_for_pip<'a>(subject: &'a Subject<'_>, own: &Path) -> Result<Pip<'a>, TreeError> {
    for folder in [own.join("tmp"), own.join("empty")] {
        tree::delete_stage(&folder)?;
        std::fs::create_dir_all(&folder).map_err(TreeError::io("made", &folder))?;
    }
    Ok(Pip {
        surroundings: &subject.rules.surroundings,
        folder: subject.folder.clone(),
        environment: subject.pip_environment,
        view: None,
        stage: own.to_owned(),
        own: own.to_owned(),
        outside: own.to_owned(),
        dir: own.join("empty"),
        tell: std::sync::Arc::new(|_: &str| {}),
    })
}

async fn reported(pip: &Pip<'_>, list: &Path, own: &Path) -> Asking {
    let file = own.join("tmp").join("report.json");
    let words = [Path::new("--dry-run"), Path::new("--quiet"), Path::new("--report"), &file, Path::new("-r"), list];
    let said = pip.install(words).await?;
    if said.success() {
        Ok(Some(std::fs::read(&file)?))
    } else {
        Err(verdict::judge(&said.lines, said.outcome.ended).why.into())
    }
}

async fn ask_pip(subject: &Subject<'_>, wish: &Wish<'_>, asked: &Asked, own: &Path) -> Asking {
    let mut pip = room_for_pip(subject, own)?;
    asked.write_to(&own.join(ASKED))?;
    let mut inside = None;
    if asked.needs_tree() {
        let at = content::live(wish.content).to_owned();
        let folder = match wish.content {
            Content::Commit { .. } => {
                wish.contents.export(wish.content, &own.join("tree")).await?;
                Some(own.join("tree"))
            }
            Content::Stage { stage, .. } => Some(stage.clone()),
            Content::Live { .. } => None,
        };
        let program = subject.rules.own_program.as_deref().filter(|_| subject.in_place.is_none());
        match (folder, program) {
            (Some(folder), Some(program)) => {
                let mut shown = vec![Shown { folder: folder.clone(), at: at.clone() }];
                if let Ok(below) = subject.folder.strip_prefix(&at) {
                    inside = Some(Place::make(&folder.join(below))?);
                    shown.push(Shown { folder: subject.folder.clone(), at: subject.folder.clone() });
                }
                pip.view = Some(View::new(program, shown)?);
            }
            (Some(_), None) => return Ok(None),
            (None, Some(_) | None) => {}
        }
        pip.dir = at;
    }
    let told = reported(&pip, &own.join(ASKED).join(&asked.file), own).await;
    drop((pip, inside));
    told
}
