//! systemctl, where systemd cannot be asked over the bus or the bus denies us; and where that denies us too,
//! the root helper or `sudo -n`.
//! Refuses to: ask for a password.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;

use super::Standing;
use super::deed::{Deed, Found, LONGEST_DEED, Trouble, Wait};
use super::name::{file_of, of_file};
use crate::command::{Command, Limits, Outcome, Surroundings};
use crate::root_helper::{HelperError, RootHelper};

/// The job itself has its deadlines; this one is for a systemctl that hangs.
const DOING: Limits = Limits { total: Some(LONGEST_DEED), ..Limits::QUICK };
/// After so long without a refusal the root helper is at work. Shorter than those are waited for who wait for last words.
const GRANTED: Duration = Duration::from_secs(2);
const LISTING: Limits = Limits { total: Some(Duration::from_secs(30)), ..Limits::QUICK };

/// See the module.
#[derive(Debug)]
pub(super) struct Systemctl<'a> {
    pub(super) surroundings: &'a Surroundings,
}

impl Systemctl<'_> {
    /// There is such a program.
    pub(super) fn is_there(&self) -> bool {
        std::env::split_paths(&self.surroundings.path).any(|dir| dir.join("systemctl").is_file())
    }

    /// How these units stand.
    pub(super) async fn look(&self, units: &[String]) -> Result<BTreeMap<String, Standing>, Trouble> {
        const ASKED: &str = "Id,LoadState,ActiveState,SubState,Result,Type,InvocationID,NRestarts,ExecMainStatus";
        let files = units.iter().map(|unit| file_of(unit)).collect::<Result<Vec<_>, _>>()?;
        let outcome = self.run(Limits::QUICK, &["show", "-p", ASKED, "--"], &files).await?;
        if !outcome.success() {
            return Err(Trouble::Failed(outcome.reason().to_string()));
        }
        // One answer for each, in the order asked: an alias answers under another name.
        let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
        Ok(units.iter().cloned().zip(text.split("\n\n").map(standing)).collect())
    }

    /// Has something done to a unit, first as ourselves (polkit may let the owner's services be restarted), then through
    /// sudo.
    pub(super) async fn have(&self, deed: Deed, file: &str, wait: Wait) -> Result<(), Trouble> {
        match self.ask(Command::new("systemctl", self.surroundings), deed, file, wait).await? {
            outcome if outcome.success() => Ok(()),
            outcome if is_denied(&outcome) => self.have_as_root(deed, file, wait).await,
            outcome => Err(Trouble::Failed(first_line(&outcome))),
        }
    }

    /// The same where systemd has denied it to us already: by the root helper where it is switched on, else through sudo.
    pub(super) async fn have_as_root(&self, deed: Deed, file: &str, wait: Wait) -> Result<(), Trouble> {
        let (helper, unit) = (RootHelper::usual(), of_file(file).unwrap_or(file));
        let asked = helper.unit(deed.helpers_verb(), unit);
        let answered = match wait {
            Wait::UntilDone => asked.await,
            // It waits for the end of the one who asks. What it refuses, it refuses at once.
            Wait::Not => timeout(GRANTED, asked).await.unwrap_or(Some(Ok(()))),
        };
        match answered {
            Some(Ok(())) => return Ok(()),
            Some(Err(error @ HelperError::Failed { .. })) => return Err(Trouble::Failed(error.to_string())),
            Some(Err(HelperError::Refused(_) | HelperError::Silent(_))) | None => {}
        }
        let sudo = Command::new("sudo", self.surroundings).args(["-n", "systemctl"]);
        match self.ask(sudo, deed, file, wait).await {
            Ok(outcome) if outcome.success() => Ok(()),
            Ok(outcome) if !outcome.stderr_text().contains("sudo:") => Err(Trouble::Failed(first_line(&outcome))),
            Ok(_) | Err(_) => Err(Trouble::Denied),
        }
    }

    /// The services whose names match these patterns, loaded or not.
    pub(super) async fn find(&self, patterns: &[&str]) -> Result<Vec<Found>, Trouble> {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        let mut files = Vec::new();
        for list in ["list-units", "list-unit-files"] {
            let words = ["--no-legend", "--no-pager", "--plain", "--full", "--all", list, "--"];
            let outcome = self.run(LISTING, &words, &patterns).await?;
            let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
            let names = text.lines().filter_map(|line| line.split_whitespace().next());
            let known = |name: &&str| !name.contains("@.") && of_file(name).is_some_and(|unit| file_of(unit).is_ok());
            files.extend(names.filter(known).map(str::to_owned));
        }
        files.sort();
        files.dedup();
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let asked = ["show", "-p", "Id,LoadState,ActiveState,MainPID,WorkingDirectory,ExecStart", "--"];
        let outcome = self.run(LISTING, &asked, &files).await?;
        let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
        Ok(text.split("\n\n").filter_map(found).collect())
    }

    async fn ask(&self, program: Command, deed: Deed, file: &str, wait: Wait) -> Result<Outcome, Trouble> {
        let program = program.arg("--no-ask-password");
        let program = match wait {
            Wait::UntilDone => program,
            Wait::Not => program.arg("--no-block"),
        };
        let asked = program.args([deed.verb(), "--", file]).dir("/").limits(DOING).run().await;
        asked.map_err(|error| Trouble::Absent(error.to_string()))
    }

    async fn run(&self, limits: Limits, words: &[&str], files: &[String]) -> Result<Outcome, Trouble> {
        let command = Command::new("systemctl", self.surroundings).args(words).args(files).dir("/").limits(limits);
        command.run().await.map_err(|error| Trouble::Absent(error.to_string()))
    }
}

fn value(answer: &str, key: &str) -> String {
    let line = answer.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    line.unwrap_or_default().to_owned()
}

fn standing(answer: &str) -> Standing {
    Standing {
        load: value(answer, "LoadState"),
        active: value(answer, "ActiveState"),
        sub: value(answer, "SubState"),
        result: value(answer, "Result"),
        kind: value(answer, "Type"),
        invocation: value(answer, "InvocationID"),
        restarts: value(answer, "NRestarts"),
        status: value(answer, "ExecMainStatus").parse().ok(),
    }
}

/// What `show` tells of a service, in the order of its properties.
fn found(answer: &str) -> Option<Found> {
    if value(answer, "LoadState") != "loaded" {
        return None;
    }
    let folder = value(answer, "WorkingDirectory");
    let mut paths = vec![folder.trim_start_matches(['-', '!']).to_owned()];
    // `{ path=/usr/bin/x ; argv[]=/usr/bin/x a b ; ignore_errors=no ; … }`, a line for each.
    for line in answer.lines().filter_map(|line| line.strip_prefix("ExecStart=")) {
        let words = line.split_once("argv[]=").and_then(|(_, rest)| rest.split_once(" ; ignore_errors="));
        paths.extend(words.into_iter().flat_map(|(words, _)| words.split_whitespace()).map(str::to_owned));
    }
    Some(Found {
        unit: of_file(&value(answer, "Id"))?.to_owned(),
        in_use: value(answer, "ActiveState") != "inactive",
        paths,
        pid: value(answer, "MainPID").parse().ok().filter(|pid| *pid > 0),
    })
}

fn is_denied(outcome: &Outcome) -> bool {
    ["Access denied", "Interactive authentication required", "authentication required", "Permission denied"]
        .iter()
        .any(|words| outcome.stderr_text().contains(words))
}

fn first_line(outcome: &Outcome) -> String {
    let text = outcome.stderr_text();
    text.lines().next().map_or_else(|| outcome.ended.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_service_runs_from_is_read() {
        let answer = "Id=klipper-1.service\nLoadState=loaded\nActiveState=active\nMainPID=71\nWorkingDirectory=!/home/pi/klipper\n\
                      ExecStart={ path=/home/pi/klippy-env/bin/python ; argv[]=/home/pi/klippy-env/bin/python \
                      /home/pi/klipper/klippy/klippy.py -l x ; ignore_errors=no ; start_time=[n/a] ; pid=71 }";
        let seen = found(answer).unwrap();
        assert_eq!((seen.unit.as_str(), seen.in_use, seen.pid), ("klipper-1", true, Some(71)));
        assert_eq!(
            seen.paths,
            ["/home/pi/klipper", "/home/pi/klippy-env/bin/python", "/home/pi/klipper/klippy/klippy.py", "-l", "x"]
        );
        assert_eq!(found(&answer.replace("loaded", "not-found")), None);
        assert!(!found(&answer.replace("=active", "=inactive")).unwrap().in_use);
    }
}
