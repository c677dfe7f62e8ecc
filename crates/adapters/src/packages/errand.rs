//! What the root helper has apt do, the same programs with the same guards, for a request instead of a step; and how a
//! step asks it.
//! Refuses to: remove a package, to install what nobody signed, and to go below the version that is installed.

use std::sync::Arc;

use refit_engine::ports::Tell;
use refit_model::packages::{PackageName, Simulation};

use super::Packages;
use super::apt::{Apt, FETCHING, Failure, INSTALL_OPTIONS, INSTALLING, Means};
use super::mend;
use super::weigh::spelled;
use crate::command::Limits;
use crate::root_helper::{HelperError, Request, Wanted};

/// Whatever the machine's own settings say.
const SIGNED: [&str; 6] = [
    "-o",
    "APT::Get::AllowUnauthenticated=false",
    "-o",
    "Acquire::AllowInsecureRepositories=false",
    "-o",
    "Acquire::AllowDowngradeToInsecureRepositories=false",
];

impl Packages {
    /// Fetches the lists.
    ///
    /// # Errors
    /// [`HelperError::Failed`].
    pub async fn fetch_lists(&self, tell: Tell) -> Result<(), HelperError> {
        let apt = self.apt("", tell, None);
        had(&apt, "update", FETCHING, &[&["-q"], &SIGNED[..], &["update"]].concat(), &[]).await
    }

    /// Downloads what an installation will need; of none, what an upgrade of everything will.
    ///
    /// # Errors
    /// [`HelperError::Refused`] when it would remove something, or a list does not have it.
    pub async fn download_wanted(&self, wanted: &[Wanted], tell: Tell) -> Result<(), HelperError> {
        let apt = self.apt("", tell, None);
        weigh(&apt, wanted).await?;
        let kept = ["--download-only", "-o", "APT::Keep-Downloaded-Packages=true"];
        had(&apt, "download", FETCHING, &options(wanted, &kept), &words(wanted)).await
    }

    /// Installs, or upgrades; of none, upgrades everything.
    ///
    /// # Errors
    /// [`HelperError::Refused`] when it would remove something, or a list does not have it.
    pub async fn install_wanted(&self, wanted: &[Wanted], tell: Tell) -> Result<(), HelperError> {
        let apt = self.apt("", tell, None);
        weigh(&apt, wanted).await?;
        had(&apt, "install", INSTALLING, &options(wanted, &[]), &words(wanted)).await
    }

    /// Finishes what was cut off.
    ///
    /// # Errors
    /// [`HelperError::Failed`] with what is still broken.
    pub async fn mend(&self, tell: Tell) -> Result<(), HelperError> {
        let apt = self.apt("", Arc::clone(&tell), None);
        let Some(setup) = apt.setup().await else {
            return Err(HelperError::Refused("this machine has no apt".to_owned()));
        };
        let database = mend::forward(&apt, &setup, Means::Root).await.map_err(failed)?;
        let broken = database.broken();
        if broken.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = broken.iter().map(|one| one.full_name(database.native())).collect();
        let names = spelled(names.iter().map(String::as_str));
        Err(HelperError::Failed { why: format!("the packages {names} are still half installed"), locked: false })
    }
}

impl Apt<'_> {
    /// Asks the helper for what this process would have done with its own rights.
    pub(super) async fn ask_helper(&self, deed: &str, names: &[PackageName]) -> Result<(), Failure> {
        let packages = || names.iter().cloned().map(Wanted::from).collect();
        let request = match deed {
            "update" => Request::Lists {},
            "download" => Request::Download { packages: packages() },
            "install" => Request::Install { packages: packages() },
            "configure" | "reinstall" | "fix" => Request::Mend {},
            other => return Err(Failure { why: format!("the root helper does not {other} packages"), locked: false }),
        };
        self.rules.helper.ask(&request, &self.lines()).await.map_err(|error| match error {
            HelperError::Failed { why, locked } => Failure { why, locked },
            HelperError::Refused(_) | HelperError::Silent(_) => Failure { why: error.to_string(), locked: false },
        })
    }
}

async fn had(apt: &Apt<'_>, deed: &str, limits: Limits, options: &[&str], words: &[String]) -> Result<(), HelperError> {
    let all: Vec<&str> = options.iter().copied().chain(words.iter().map(String::as_str)).collect();
    apt.have(Means::Root, deed, limits, "apt-get", &all, &[]).await.map_err(failed)
}

/// What it would do, before it does it.
async fn weigh(apt: &Apt<'_>, wanted: &[Wanted]) -> Result<(), HelperError> {
    let verb = if wanted.is_empty() { "upgrade" } else { "install" };
    let plan = apt.simulate_words(verb, &words(wanted)).await.map_err(failed)?;
    match objection(&plan) {
        Some(why) => Err(HelperError::Refused(why)),
        None => Ok(()),
    }
}

fn objection(plan: &Simulation) -> Option<String> {
    if !plan.remove.is_empty() {
        let names = spelled(plan.remove.iter().map(|one| one.name.as_str()));
        return Some(format!("it would remove {names}"));
    }
    if !plan.not_found.is_empty() {
        return Some(format!("no list has {}", spelled(plan.not_found.iter().map(|name| name.as_str()))));
    }
    plan.errors.first().cloned()
}

fn options<'a>(wanted: &[Wanted], more: &[&'a str]) -> Vec<&'a str> {
    let verb: &[&str] = if wanted.is_empty() { &["--with-new-pkgs", "upgrade"] } else { &["install"] };
    [&["-y", "-q", "--no-remove"], &SIGNED[..], more, &INSTALL_OPTIONS, verb].concat()
}

fn words(wanted: &[Wanted]) -> Vec<String> {
    wanted.iter().map(Wanted::to_string).collect()
}

fn failed(failure: Failure) -> HelperError {
    HelperError::Failed { why: failure.why, locked: failure.locked }
}
