//! What a cut installation left: first finished, as dpkg does best (RELIABILITY.md §4.5), then taken away again where that
//! is asked for.
//! Refuses to: remove what was there before, or what something else needs by now.

use std::collections::BTreeSet;

use refit_engine::ports::{Circumstance, StepError};
use refit_model::packages::{Database, Installed, PackageName, Simulation};

use super::apt::{Apt, Setup};
use super::failure::Failure;
use super::rights::{Means, REPAIR};
use super::take::Before;
use super::weigh::spelled;

/// Finishes what is half installed, as far as that goes; says how it stands then.
pub(super) async fn forward(apt: &Apt<'_>, setup: &Setup, means: Means) -> Result<Database, Failure> {
    // What fails of this the database tells.
    pass_by_unless_locked(apt.configure(means).await)?;
    let half: Vec<PackageName> = {
        let database = apt.database(setup).await?;
        let all = database.broken();
        let half = all.iter().filter(|one| one.needs_reinstallation());
        half.filter_map(|one| PackageName::new(&one.full_name(database.native())).ok()).collect()
    };
    if !half.is_empty() {
        apt.say(&format!("Installing again what was cut off: {}", spelled(half.iter().map(PackageName::as_str))));
        pass_by_unless_locked(apt.reinstall(means, &half).await)?;
    }
    let database = apt.database(setup).await?;
    if database.broken().is_empty() {
        return Ok(database);
    }
    pass_by_unless_locked(apt.fix(means).await)?;
    apt.database(setup).await
}

fn pass_by_unless_locked(done: Result<(), Failure>) -> Result<(), Failure> {
    match done {
        Err(failure) if failure.locked => Err(failure),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Takes an installation back, whether it was done, cut or never begun.
pub(super) async fn remove_added(apt: &Apt<'_>, circumstance: &Circumstance) -> Result<(), StepError> {
    // Without a note nothing was missing, and nothing was installed.
    let noted = circumstance.witness.clone().and_then(|noted| serde_json::from_value::<Before>(noted).ok());
    let Some(before) = noted else { return Ok(()) };
    let Some(setup) = apt.setup().await else { return Ok(()) };
    apt.wait_for_what_is_left().await;
    let not_looked =
        |failure: Failure| apt.failed(&format!("the system's packages could not be looked at ({})", failure.why));
    let mut database = apt.database(&setup).await.map_err(not_looked)?;
    let untouched = before.added.iter().all(|name| !is_left(&database, name))
        && database.broken().iter().all(|one| before.broken.contains(&one.full_name(database.native())));
    if untouched {
        return Ok(());
    }
    let Some(means) = apt.means().await else {
        let left = before.added.iter().filter(|name| is_left(&database, name)).map(PackageName::as_str);
        let left = left.collect::<Vec<_>>().join(" ");
        return Err(apt.failed(&format!(
            "the packages that this update had brought stay: Refit has no right any more to remove them. Type: sudo apt-get \
             remove {left}"
        )));
    };
    database = forward(apt, &setup, means).await.map_err(not_looked)?;
    let added: Vec<PackageName> = before.added.iter().filter(|name| is_left(&database, name)).cloned().collect();
    if !added.is_empty() {
        let halves = added.iter().filter_map(|name| database.get(name)).any(Installed::needs_reinstallation);
        take_off(apt, means, &added, &before, halves).await.map_err(not_looked)?;
        database = apt.database(&setup).await.map_err(not_looked)?;
    }
    let broken = database.broken().into_iter().map(|one| one.full_name(database.native()));
    let broken: BTreeSet<String> = broken.filter(|name| !before.broken.contains(name)).collect();
    if broken.is_empty() {
        return Ok(());
    }
    Err(apt.failed(&format!(
        "the packages {} are half installed and could not be repaired. {REPAIR}",
        spelled(broken.iter().map(String::as_str))
    )))
}

/// Removes exactly these, where nothing else has come to need them; else says that they stay.
async fn take_off(
    apt: &Apt<'_>,
    means: Means,
    added: &[PackageName],
    before: &Before,
    halves: bool,
) -> Result<(), Failure> {
    let names = spelled(added.iter().map(PackageName::as_str));
    if apt.rights(means).await.is_err() {
        let who = if means == Means::Helper { "the root helper" } else { "PackageKit" };
        apt.say(&format!(
            "The system packages {names} stay installed: {who} lets Refit install packages, and not remove them"
        ));
        return Ok(());
    }
    if halves {
        // apt does nothing at all beside a package that it cannot unpack again; dpkg looks after dependencies as well.
        apt.say(&format!("Removing the system packages that were cut off and cannot be had again: {names}"));
        pass_by_unless_locked(apt.force_off(means, added).await)?;
    } else {
        let plan = apt.simulate("remove", added).await?;
        if let Some(why) = keeps(&plan, added) {
            apt.say(&format!("The system packages {names} stay installed: {why}"));
            return Ok(());
        }
        apt.say(&format!("Removing the system packages that were added: {names}"));
        pass_by_unless_locked(apt.remove(means, added).await)?;
    }
    let clean: Vec<PackageName> = added.iter().filter(|name| !before.configured.contains(name)).cloned().collect();
    if !clean.is_empty() {
        pass_by_unless_locked(apt.purge(means, &clean).await)?;
    }
    Ok(())
}

/// Why they cannot go without anything else going or coming.
fn keeps(plan: &Simulation, added: &[PackageName]) -> Option<String> {
    let ours = |name: &str| added.iter().any(|one| one.as_str() == name);
    let others = plan.remove.iter().map(|one| one.name.as_str()).filter(|name| !ours(name));
    let others = spelled(others.chain(plan.install.iter().map(|one| one.name.as_str())));
    if others.is_empty() {
        return plan.errors.first().cloned();
    }
    Some(format!("something else needs them by now ({others})"))
}

/// Something of it is on the disk, and more than its configuration.
fn is_left(database: &Database, name: &PackageName) -> bool {
    database.get(name).is_some_and(|one| !one.is_only_configuration() && one.status.get(1) != Some(&b'n'))
}
