//! The steps: what is missing is downloaded, then installed.
//! Refuses to: remove a package.

use std::collections::BTreeSet;

use refit_engine::ports::{Circumstance, StepError};
use refit_model::journal::Witness;
use refit_model::packages::{Database, Listed, PackageName};
use refit_model::step::size_in_words;
use serde::{Deserialize, Serialize};

use super::apt::{Apt, Setup};
use super::failure::Failure;
use super::mend;
use super::rights::{Means, no_right_to_repair};
use super::weigh::{Weighed, cut_off, missing, spelled, weigh, without_rights};
use crate::fault::FaultPlan;

/// What an installation would add, noted before it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Before {
    /// What would be new.
    pub(super) added: Vec<PackageName>,
    /// Of those, which had left their configuration from an earlier time.
    pub(super) configured: BTreeSet<PackageName>,
    /// What was half installed already.
    pub(super) broken: BTreeSet<String>,
}

const NO_APT: &str = "this machine has no apt; whether the listed packages are installed is for you to see";
const NOTHING: &str = "no system packages are missing";

pub(super) async fn fetch(
    apt: &Apt<'_>,
    listed: &Listed,
    known: &BTreeSet<String>,
) -> Result<Option<String>, StepError> {
    for complaint in &listed.complaints {
        apt.say(complaint);
    }
    let Some(setup) = apt.setup().await else { return Ok(Some(NO_APT.to_owned())) };
    let database = apt.database(&setup).await.map_err(|failure| unknown(apt, &failure))?;
    let lacking = missing(&listed.packages, &database);
    if lacking.is_empty() {
        return Ok(Some(NOTHING.to_owned()));
    }
    let Some(means) = apt.means().await else { return without_means(apt, lacking, known, &database).await };
    let weighed = weighed_freshly(apt, &setup, means, &lacking, known, &database).await?;
    if weighed.ask.is_empty() {
        return Ok(weighed.passed_by());
    }
    if Apt::has_open_journal(&setup) {
        return Err(apt.failed(&cut_off("")));
    }
    if let Err(first) = apt.download(means, &weighed.ask).await {
        if first.locked {
            return Err(apt.failed(&first.why));
        }
        // What the lists name is gone when a newer version took its place.
        apt.say(&format!("The download failed ({}); fetching the lists of packages again", first.why));
        let again = match apt.update(means).await {
            Ok(()) => apt.download(means, &weighed.ask).await,
            Err(failure) => Err(failure),
        };
        again.map_err(|failure| not_downloaded(apt, &failure))?;
    }
    let sizes = apt.sizes(&weighed.plan).await;
    let bytes = weighed.plan.install.iter().filter_map(|one| sizes.get(&(one.name.clone(), one.version.clone()))).sum();
    let names = weighed.plan.install.iter().map(|one| format!("{} {}", one.name, one.version)).collect::<Vec<_>>();
    Ok(Some(format!("ready to be installed: {} ({})", names.join(", "), size_in_words(bytes))))
}

pub(super) async fn install(
    apt: &Apt<'_>,
    listed: &Listed,
    known: &BTreeSet<String>,
    circumstance: &Circumstance,
    faults: &FaultPlan,
) -> Result<Option<String>, StepError> {
    let Some(setup) = apt.setup().await else { return Ok(Some(NO_APT.to_owned())) };
    if circumstance.again {
        apt.wait_for_what_is_left().await;
    }
    let mut database = apt.database(&setup).await.map_err(|failure| unknown(apt, &failure))?;
    let mut lacking = missing(&listed.packages, &database);
    let cut = circumstance.again && !database.broken().is_empty();
    if lacking.is_empty() && !cut {
        return Ok(Some(NOTHING.to_owned()));
    }
    if cut || !database.broken().is_empty() || Apt::has_open_journal(&setup) {
        apt.say("An installation of system packages was cut off; finishing it first");
        let means = apt.means().await.ok_or_else(|| apt.failed(&no_right_to_repair()))?;
        database = mend::forward(apt, &setup, means).await.map_err(|failure| unknown(apt, &failure))?;
        lacking = missing(&listed.packages, &database);
    }
    let before = names_of(&database);
    let weighed = weigh(apt, lacking, known, &database).await.map_err(|failure| unknown(apt, &failure))?;
    if let Some(why) = weighed.objection() {
        return Err(apt.failed(&why));
    }
    if let Some(words) = weighed.passed_by() {
        apt.say(&words);
    }
    if weighed.ask.is_empty() {
        return Ok(weighed.passed_by().or_else(|| Some(NOTHING.to_owned())));
    }
    let means = rights(apt, &weighed.ask).await?;
    apt.announce("Installing system dependencies...");
    apt.say("Resolving packages...");
    let done = apt.install(means, &weighed.ask).await;
    faults.reach("packages_install.installed");
    // Its exit code tells of anything that any package did; what counts is what is there now.
    let after = apt.database(&setup).await.map_err(|failure| unknown(apt, &failure))?;
    let lacking = missing(&weighed.ask, &after);
    let broken: Vec<String> = names_of(&after).difference(&before).cloned().collect();
    if lacking.is_empty() && broken.is_empty() {
        let names = weighed.plan.install.iter().map(|one| format!("{} {}", one.name, one.version));
        return Ok(Some(format!("installed: {}", names.collect::<Vec<_>>().join(", "))));
    }
    Err(not_installed(apt, done.err(), &lacking, &broken))
}

/// What an installation would add; none when nothing is missing.
pub(super) async fn witness(apt: &Apt<'_>, listed: &Listed, known: &BTreeSet<String>) -> Option<Witness> {
    let setup = apt.setup().await?;
    let database = apt.database(&setup).await.ok()?;
    let lacking = missing(&listed.packages, &database);
    if lacking.is_empty() {
        return None;
    }
    let weighed = weigh(apt, lacking, known, &database).await.ok()?;
    let added: Vec<PackageName> = weighed.plan.added().filter_map(|one| PackageName::new(&one.name).ok()).collect();
    let configured = added
        .iter()
        .filter(|name| database.get(name).is_some_and(|one| one.is_only_configuration()))
        .cloned()
        .collect();
    serde_json::to_value(Before { added, configured, broken: names_of(&database) }).ok()
}

/// Weighs with lists that are there and not old; fetches them once when they may be what is wrong.
async fn weighed_freshly(
    apt: &Apt<'_>,
    setup: &Setup,
    means: Means,
    lacking: &[PackageName],
    known: &BTreeSet<String>,
    database: &Database,
) -> Result<Weighed, StepError> {
    let ask = async || {
        let weighed = weigh(apt, lacking.to_vec(), known, database).await;
        weighed.map_err(|failure| unknown(apt, &failure))
    };
    let mut weighed = None;
    let why = if Apt::lists_are_old(setup) {
        Some("The lists of packages are missing or old; fetching them")
    } else {
        let first = ask().await?;
        let lost = !first.not_found.is_empty() || !first.unavailable.is_empty();
        weighed = Some(first);
        lost.then_some("Some packages are not in the lists; fetching the lists again")
    };
    if let Some(why) = why {
        apt.say(why);
        let updated = apt.update(means).await;
        let again = ask().await?;
        if let Err(failure) = updated {
            if again.objection().is_some() || failure.locked {
                return Err(apt.failed(&format!(
                    "the lists of packages could not be fetched ({}). Nothing was changed. {}",
                    failure.why,
                    failure.next.as_deref().unwrap_or("Look at the network and at /etc/apt, then try again")
                )));
            }
            apt.say(&format!(
                "The lists of packages could not be fetched ({}); going on with the old ones",
                failure.why
            ));
        }
        weighed = Some(again);
    }
    let weighed = weighed.unwrap_or_default();
    if let Some(words) = weighed.passed_by() {
        apt.say(&words);
    }
    match weighed.objection() {
        Some(why) => Err(apt.failed(&why)),
        None => Ok(weighed),
    }
}

/// What comes of a download where Refit may do nothing: no right is missing where nothing can be had.
async fn without_means(
    apt: &Apt<'_>,
    lacking: Vec<PackageName>,
    known: &BTreeSet<String>,
    database: &Database,
) -> Result<Option<String>, StepError> {
    let weighed = weigh(apt, lacking, known, database).await.map_err(|failure| unknown(apt, &failure))?;
    let wanted: Vec<PackageName> = weighed.ask.iter().chain(&weighed.not_found).cloned().collect();
    if wanted.is_empty() { Ok(weighed.passed_by()) } else { Err(apt.failed(&without_rights(&wanted))) }
}

async fn rights(apt: &Apt<'_>, lacking: &[PackageName]) -> Result<Means, StepError> {
    apt.means().await.ok_or_else(|| apt.failed(&without_rights(lacking)))
}

fn names_of(database: &Database) -> BTreeSet<String> {
    database.broken().iter().map(|one| one.full_name(database.native())).collect()
}

fn unknown(apt: &Apt<'_>, failure: &Failure) -> StepError {
    apt.failed(&format!("the system's packages could not be looked at ({}); try: sudo dpkg --audit", failure.why))
}

fn not_downloaded(apt: &Apt<'_>, failure: &Failure) -> StepError {
    let (why, next) = (&failure.why, failure.after_download());
    apt.failed(&format!("the system packages could not be downloaded ({why}). Nothing was changed. {next}"))
}

fn not_installed(apt: &Apt<'_>, failure: Option<Failure>, lacking: &[PackageName], broken: &[String]) -> StepError {
    let why = failure.as_ref().map_or("apt-get did not say why", |failure| failure.why.as_str());
    if failure.as_ref().is_some_and(|failure| failure.locked) {
        return apt.failed(why);
    }
    let names = if broken.is_empty() {
        spelled(lacking.iter().map(PackageName::as_str))
    } else {
        spelled(broken.iter().map(String::as_str))
    };
    apt.failed(&format!(
        "the system packages {names} could not be installed: {why}. To see it for yourself, type: sudo apt-get install {}",
        names.replace(", ", " ")
    ))
}
