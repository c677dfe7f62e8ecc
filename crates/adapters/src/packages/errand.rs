//! What the root helper has apt do, the same programs with the same guards, for a request instead of a step; and how a
//! step asks it.
//! Refuses to: remove a package, to install what nobody signed, and to go below the version that is installed.

use std::sync::{Arc, Mutex, PoisonError};

use refit_engine::ports::Tell;
use refit_model::packages::{Ailing, Simulation, ailing};

use super::Packages;
use super::apt::{Apt, Exactly, FETCHING, INSTALL_OPTIONS, INSTALLING};
use super::failure::Failure;
use super::mend;
use super::rights::{Means, Rights};
use super::weigh::spelled;
use crate::command::Limits;
use crate::root_helper::{HelperError, Request, Wanted};

/// The helper is root.
const OWN: Means = Means::Own(Rights::Root);
/// Whatever the machine's own settings say.
const SIGNED: [&str; 14] = [
    "-o",
    "APT::Get::AllowUnauthenticated=false",
    "-o",
    "APT::Get::Force-Yes=false",
    "-o",
    "APT::Get::allow-downgrades=false",
    "-o",
    "APT::Get::allow-change-held-packages=false",
    "-o",
    "APT::Get::allow-remove-essential=false",
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
    pub async fn lists(&self, tell: Tell) -> Result<(), HelperError> {
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
        // Who asks for a version asks for an upgrade, and for no package to be wanted for its own sake.
        let exact = || wanted.iter().filter(|one| one.version().is_some()).map(|one| one.name().as_str());
        let marked = apt.marked_auto().await.map_err(failed)?;
        let marked: Vec<&str> = exact().filter(|name| marked.iter().any(|auto| auto == name)).collect();
        let done = had(&apt, "install", INSTALLING, &options(wanted, &[]), &words(wanted)).await;
        if !marked.is_empty() {
            let restored = apt.mark_auto(OWN, &marked).await.map_err(failed);
            return done.and(restored);
        }
        done
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
        let database = mend::forward(&apt, &setup, OWN).await.map_err(failed)?;
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
    pub(super) async fn ask_helper(&self, deed: &str, packages: Vec<Wanted>) -> Result<(), Failure> {
        let request = match deed {
            "update" => Request::Lists {},
            "download" => Request::Download { packages },
            "install" => Request::Install { packages },
            "configure" | "reinstall" | "fix" => Request::Mend {},
            // What keeps its version keeps its mark: the helper sees to it.
            "mark" => return Ok(()),
            other => return Err(Failure::said(format!("the root helper does not {other} packages"))),
        };
        self.rules.helper.ask(&request, &self.lines()).await.map_err(of_helper)
    }

    /// Has it fetch the lists, and says of which sources that was not possible: the lines of apt tell, which ends well where
    /// a source was merely out of reach.
    pub(super) async fn helper_lists(&self) -> Result<Vec<Ailing>, Failure> {
        let heard = Arc::new(Mutex::new(String::new()));
        let (ear, tell) = (Arc::clone(&heard), self.lines());
        let listen: Tell = Arc::new(move |line: &str| {
            if line.starts_with("E: ") || line.starts_with("W: ") {
                let mut heard = ear.lock().unwrap_or_else(PoisonError::into_inner);
                heard.push_str(line);
                heard.push('\n');
            }
            tell(line);
        });
        let asked = self.rules.helper.ask(&Request::Lists {}, &listen).await;
        let seen = ailing(heard.lock().unwrap_or_else(PoisonError::into_inner).as_bytes(), b"");
        match asked {
            Err(HelperError::Failed { locked: false, .. }) if !seen.is_empty() => Ok(seen),
            Err(error) => Err(of_helper(error)),
            Ok(()) => Ok(seen),
        }
    }

    /// The same for exact versions (`name=version`).
    pub(super) async fn ask_helper_exactly(
        &self,
        deed: &str,
        manner: Exactly,
        wanted: &[String],
    ) -> Result<(), Failure> {
        match manner {
            Exactly::Upgrade => {}
            Exactly::UpgradeAndRemove => {
                let why = Failure::said("the root helper removes no packages");
                return Err(why.then("Type: sudo apt-get dist-upgrade, which shows what it would remove and asks"));
            }
            Exactly::PutBack => return Err(Failure::said("the root helper puts no older version back")),
        }
        let packages: Result<Vec<_>, _> = wanted.iter().map(|word| Wanted::new(word)).collect();
        self.ask_helper(deed, packages.map_err(|bad| Failure::said(bad.to_string()))?).await
    }
}

fn of_helper(error: HelperError) -> Failure {
    match error {
        HelperError::Failed { why, locked } => Failure { locked, ..Failure::said(why) },
        HelperError::Refused(_) => Failure::said(error.to_string()).then("Look again and update: refit refresh system"),
        HelperError::Silent(why) => Failure::said(format!("the root helper does not answer ({why})"))
            .then("To see why, type: sudo journalctl -u 'refit-root@*' -e"),
    }
}

async fn had(apt: &Apt<'_>, deed: &str, limits: Limits, options: &[&str], words: &[String]) -> Result<(), HelperError> {
    let all: Vec<&str> = options.iter().copied().chain(words.iter().map(String::as_str)).collect();
    apt.have(OWN, deed, limits, "apt-get", &all, &[]).await.map_err(failed)
}

/// What it would do, before it does it.
async fn weigh(apt: &Apt<'_>, wanted: &[Wanted]) -> Result<(), HelperError> {
    let words = words(wanted);
    let words: Vec<&str> = ["install"].into_iter().chain(words.iter().map(String::as_str)).collect();
    let plan = if wanted.is_empty() { apt.simulate_upgrade(false).await } else { apt.simulated(&words).await };
    let plan = plan.map_err(failed)?;
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
    HelperError::Failed { why: failure.in_full(), locked: failure.locked }
}
