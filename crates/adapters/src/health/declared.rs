//! Asks what the owner declared: an address, a service, a program.
//! Refuses to: follow a redirect, or to have a shell read anything.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::time::Duration;

use refit_model::health::{Declared, DeclaredCheck, DeclaredSeen, UnitState, one_line};
use reqwest::header::CONTENT_TYPE;
use tokio::time::timeout;

use super::Health;
use crate::command::{Command, Limits, Outcome};
use crate::services::Services;

impl Health {
    /// Each check once, all at the same time.
    pub(super) async fn declared(&self, checks: &[Declared], services: &Services) -> BTreeMap<String, DeclaredSeen> {
        let asked = checks.iter().map(|declared| async {
            let seen = self.declared_one(declared, services).await;
            let (well, words) = seen.map_or_else(|why| (false, why), |()| (true, String::new()));
            (declared.check.to_string(), DeclaredSeen { well, words, patience: declared.patience })
        });
        futures_util::future::join_all(asked).await.into_iter().collect()
    }

    async fn declared_one(&self, declared: &Declared, services: &Services) -> Result<(), String> {
        let patience = Duration::from_secs(u64::from(declared.patience));
        match &declared.check {
            DeclaredCheck::Url { url, status, page } => {
                let asked = timeout(patience, self.url(url.as_str(), *status, *page)).await;
                asked.unwrap_or_else(|_| Err(format!("no answer within {} s", declared.patience)))
            }
            DeclaredCheck::Unit { unit } => {
                let units = self.units(&[unit.as_str().to_owned()], services).await;
                let units = units.ok_or_else(|| "the service manager could not be asked".to_owned())?;
                match units.get(unit.as_str()) {
                    Some(seen) if seen.state == UnitState::Up => Ok(()),
                    Some(seen) => Err(format!("it does not run ({})", seen.words)),
                    None => Err("there is no such service".to_owned()),
                }
            }
            DeclaredCheck::Command { program, arguments } => {
                let limits = Limits { total: Some(patience), ..Limits::QUICK };
                let command = Command::new(program.as_str(), &self.rules.surroundings).args(arguments);
                let dir = &self.rules.surroundings.home;
                match command.dir(dir).limits(limits).run().await {
                    Ok(outcome) if outcome.success() => Ok(()),
                    Ok(outcome) => Err(last_words(&outcome)),
                    Err(error) => Err(error.to_string()),
                }
            }
        }
    }

    async fn url(&self, url: &str, status: u16, page: bool) -> Result<(), String> {
        let client = self.client().map_err(Clone::clone)?;
        let response = client.get(url).send().await.map_err(|error| words_of(&error))?;
        if response.status().as_u16() != status {
            return Err(format!("it answered {}, not {status}", response.status().as_u16()));
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if page && !kind.to_ascii_lowercase().starts_with("text/html") {
            return Err(format!("it answered with '{}', not with a page", one_line(kind)));
        }
        Ok(())
    }
}

/// How it ended and what it said last.
fn last_words(outcome: &Outcome) -> String {
    let printed = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let errors = outcome.stderr_text();
    let last = [errors.as_str(), printed.trim()].into_iter().find_map(|text| text.lines().next_back());
    match last {
        Some(line) => format!("{} ({})", one_line(line), outcome.ended),
        None => outcome.ended.to_string(),
    }
}

/// Why nobody answered, as deep as it is known.
pub(super) fn words_of(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(std::error::Error::source) {
        cause = Some(deeper);
    }
    cause.map_or_else(|| "it could not be asked".to_owned(), |cause| one_line(&cause.to_string()))
}
