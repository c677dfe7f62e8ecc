//! pip, run for an environment: in the place where it will be, with the settings that the owner gave it, and with every line
//! that it says told as it comes.
//! Refuses to: be interpreted here; `verdict` does that.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use refit_engine::ports::Tell;

use super::namespace::View;
use super::{strays, verdict};
use crate::command::{Command, CommandError, Limits, Outcome, Surroundings};

/// So many lines are kept to find out why it failed.
const KEPT: usize = 2000;

/// Below Refit's own folder: the requirements, as pip reads them.
pub const ASKED: &str = "asked";
/// Everything that pip has to say, in the folder for temporary files.
const LOG: &str = "pip.log";
const UNSAID: &str = "Could not fetch URL";

/// Where pip works, and with what.
pub struct Pip<'a> {
    /// What it inherits.
    pub surroundings: &'a Surroundings,
    /// The environment's folder, as pip sees it.
    pub folder: PathBuf,
    /// Its variables, as configured.
    pub environment: &'a [(String, String)],
    /// What it sees in another place than everybody; none where it sees what everybody sees.
    pub view: Option<View<'a>>,
    /// The stage that it works for: a Refit that comes after this one knows by it whom to end.
    pub stage: PathBuf,
    /// Refit's own folder for this step, on the disk of the environment, as pip sees it.
    pub own: PathBuf,
    /// The same folder as everybody else sees it.
    pub outside: PathBuf,
    /// The folder it runs in. Nothing of it may be importable.
    pub dir: PathBuf,
    /// Who is told what it says.
    pub tell: Tell,
}

/// What it said, and how it ended.
#[derive(Debug)]
pub struct Said {
    /// How it ended.
    pub outcome: Outcome,
    /// The last lines of both streams, as they came.
    pub lines: Vec<String>,
}

impl Pip<'_> {
    /// `pip install` with these arguments.
    ///
    /// # Errors
    /// When it could not be started; a bad end is in the answer.
    pub async fn install<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<Said, CommandError> {
        let usual = ["install", "--no-warn-script-location", "--progress-bar", "off"];
        let words = usual.into_iter().map(OsString::from);
        let mut said = self.run(words.chain(arguments.into_iter().map(|word| word.as_ref().to_owned()))).await?;
        if !said.success()
            && let Some(missing) = verdict::not_found(&said.lines)
        {
            said.lines.extend(self.unsaid(&missing).await);
        }
        Ok(said)
    }

    /// That an index could not be asked is in pip's log alone: it goes on without it, and then misses what is there. A log
    /// from the start would keep what a build prints from being told, so the question is asked again.
    async fn unsaid(&self, missing: &str) -> Vec<String> {
        let asked = self.python(["-m", "pip", "install", "--dry-run", "--no-deps", "--no-input", "--log"]);
        let asked = asked.arg(self.own.join("tmp").join(LOG)).args(["--", missing]).limits(Limits::WORKING);
        if let Err(error) = asked.run().await {
            tracing::debug!(%error, "pip was not asked why it misses something");
        }
        let text = fs::read(self.outside.join("tmp").join(LOG)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        // A project that an index does not have is no trouble.
        let trouble = |line: &&str| line.contains(UNSAID) && !line.contains(" 404 ");
        text.lines().filter(trouble).take(10).map(str::to_owned).collect()
    }

    /// pip with these arguments.
    ///
    /// # Errors
    /// When it could not be started; a bad end is in the answer.
    pub async fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<Said, CommandError> {
        let command = self.python(["-m", "pip", "--require-virtualenv", "--no-input", "--disable-pip-version-check"]);
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let (kept, tell) = (Arc::clone(&lines), self.tell.clone());
        // Where a file lies for pip is of no interest to anybody.
        let private = format!("{}/", self.own.join(ASKED).display());
        let listen: Tell = Arc::new(move |line: &str| {
            let line = &without_logins(&line.replace(&private, ""));
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() >= KEPT {
                kept.pop_front();
            }
            kept.push_back(line.to_owned());
            tell(line);
        });
        let outcome = command.args(arguments).limits(Limits::WORKING).gentle().tell(listen).run().await?;
        let lines = lines.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect();
        Ok(Said { outcome, lines })
    }

    /// The environment's Python with these arguments.
    #[must_use]
    pub fn python<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let bin = self.folder.join("bin");
        let python = bin.join("python");
        let command = match &self.view {
            Some(view) => view.command(&self.dir, &python, self.surroundings),
            None => Command::new(&python, self.surroundings).dir(&self.dir),
        };
        let mut path = bin.into_os_string();
        path.push(":");
        path.push(&self.surroundings.path);
        let command = command
            .args(arguments)
            .env("PATH", path)
            .env("VIRTUAL_ENV", &self.folder)
            .env("PYTHONNOUSERSITE", "1")
            // Older ones do not know the option, and do not warn either.
            .env("PIP_ROOT_USER_ACTION", "ignore")
            .env(strays::MARK, &self.stage)
            .env("TMPDIR", self.own.join("tmp"));
        self.environment.iter().fold(command, |command, (name, value)| command.env(name, value))
    }
}

impl Said {
    /// It did what it was asked.
    #[must_use]
    pub fn success(&self) -> bool {
        self.outcome.success()
    }
}

/// What pip says, without the logins in addresses. It hides most passwords itself; an older one not all of them, and a
/// user's name may be a token.
#[must_use]
pub fn without_logins(line: &str) -> String {
    let word = |word: &str| match word.split_once("://") {
        Some((scheme, rest)) => match rest.split('/').next().and_then(|host| host.rsplit_once('@')) {
            Some((login, _)) => format!("{scheme}://{}", rest.get(login.len() + 1..).unwrap_or_default()),
            None => word.to_owned(),
        },
        None => word.to_owned(),
    };
    line.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_left_out_of_what_pip_says() {
        let told =
            without_logins("Could not fetch URL https://token:****@x/simple/a/: 401 at http://b@c and http://d/e@f");
        assert_eq!(told, "Could not fetch URL https://x/simple/a/: 401 at http://c and http://d/e@f");
    }
}
