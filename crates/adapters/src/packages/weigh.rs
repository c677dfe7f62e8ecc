//! What would happen if the missing packages were installed, and whether that may be.
//! Refuses to: install anything.

use std::collections::BTreeSet;

use refit_model::packages::{Database, PackageName, Simulation};

use super::apt::Apt;
use super::failure::Failure;

/// What to do about an installation that was cut off.
pub(super) const FINISH_FIRST: &str = "Finish it first: refit recover system. Then try again";

/// The judgement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Weighed {
    /// What apt is to be asked for.
    pub(super) ask: Vec<PackageName>,
    /// What would come.
    pub(super) plan: Simulation,
    /// Newly listed, and no source knows them.
    pub(super) not_found: Vec<PackageName>,
    /// Not to be had, but listed by the version before already.
    pub(super) unavailable: Vec<PackageName>,
    /// Why what is asked for may not be installed, and what to do.
    pub(super) refused: Option<String>,
}

/// Listed and not installed.
pub(super) fn missing(listed: &[PackageName], database: &Database) -> Vec<PackageName> {
    listed.iter().filter(|name| !database.has(name)).cloned().collect()
}

/// Asks apt what it would do. What `known` lists the software ran without before, so that it stands in no way.
pub(super) async fn weigh(
    apt: &Apt<'_>,
    missing: Vec<PackageName>,
    known: &BTreeSet<String>,
    database: &Database,
) -> Result<Weighed, Failure> {
    let mut weighed = Weighed { ask: missing, ..Weighed::default() };
    // Each round gives up at least one name.
    while !weighed.ask.is_empty() {
        let plan = apt.simulate("install", &weighed.ask).await?;
        let (lost, ask): (Vec<_>, Vec<_>) = weighed.ask.iter().cloned().partition(|name| is_lost(&plan, name));
        if !lost.is_empty() {
            for name in lost {
                let place =
                    if known.contains(name.as_str()) { &mut weighed.unavailable } else { &mut weighed.not_found };
                place.push(name);
            }
            weighed.ask = ask;
            continue;
        }
        let Some(why) = objection(&plan, &weighed.ask, database) else {
            weighed.plan = plan;
            break;
        };
        let (old, new): (Vec<_>, Vec<_>) = weighed.ask.iter().cloned().partition(|name| known.contains(name.as_str()));
        if old.is_empty() {
            weighed.refused = Some(why);
            weighed.plan = plan;
            break;
        }
        weighed.unavailable.extend(old);
        weighed.ask = new;
    }
    Ok(weighed)
}

fn is_lost(plan: &Simulation, name: &PackageName) -> bool {
    plan.not_found.iter().any(|lost| lost == name.as_str())
}

/// Why it may not be, with what to do next.
fn objection(plan: &Simulation, ask: &[PackageName], database: &Database) -> Option<String> {
    let names = spelled(ask.iter().map(PackageName::as_str));
    let by_hand = format!("sudo apt-get install {}", names.replace(", ", " "));
    if !plan.remove.is_empty() {
        let gone = spelled(plan.remove.iter().map(|one| one.name.as_str()));
        return Some(format!(
            "installing the system packages {names} would remove {gone}. Nothing was changed; to do it all the same, \
             type: {by_hand}"
        ));
    }
    let unmet = plan.unmet.first().map(String::as_str);
    let first = unmet.or(plan.errors.first().map(String::as_str)).or(plan.not_found.first().map(String::as_str))?;
    let broken: Vec<String> = database.broken().iter().map(|one| one.full_name(database.native())).collect();
    if !broken.is_empty() {
        // What is half installed stands in apt's way, whatever it says then.
        return Some(cut_off(&format!(" of {}", spelled(broken.iter().map(String::as_str)))));
    }
    let words: BTreeSet<&str> = plan.unmet.iter().flat_map(|line| line.split_whitespace()).collect();
    let named = database.all().filter(|one| one.is_held() && words.contains(one.name.as_str()));
    let held: BTreeSet<&str> = named.map(|one| one.name.as_str()).chain(plan.held.iter().map(String::as_str)).collect();
    if held.is_empty() {
        return Some(format!(
            "the system packages {names} cannot be installed ({first}). Nothing was changed; for the whole story, type: \
             {by_hand}"
        ));
    }
    let held = held.into_iter().collect::<Vec<_>>().join(" ");
    Some(format!(
        "the system packages {names} cannot be installed while {held} is held at its version ({first}). Nothing was \
         changed; to let it change, type: sudo apt-mark unhold {held}"
    ))
}

/// Why nothing can be installed beside what is half installed, and what to do.
pub(super) fn cut_off(of: &str) -> String {
    format!("an earlier installation{of} was cut off. Nothing was changed. {FINISH_FIRST}")
}

/// `a, b and c` would need care on the command line; `a, b, c`.
pub(super) fn spelled<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

impl Weighed {
    /// Why nothing may be installed, in words: new names that nobody knows come first.
    pub(super) fn objection(&self) -> Option<String> {
        if self.not_found.is_empty() {
            return self.refused.clone();
        }
        let names = spelled(self.not_found.iter().map(PackageName::as_str));
        Some(format!(
            "this version needs the system packages {names}, which no package source of this machine has. Nothing was \
             changed; look at the sources in /etc/apt, then type: sudo apt-get update"
        ))
    }

    /// What is passed by, in words.
    pub(super) fn passed_by(&self) -> Option<String> {
        if self.unavailable.is_empty() {
            return None;
        }
        let names = spelled(self.unavailable.iter().map(PackageName::as_str));
        Some(format!(
            "The system packages {names} cannot be had; the version before listed them too, and they are passed by"
        ))
    }
}

/// Why no package can be installed here.
pub(super) fn without_rights(ask: &[PackageName]) -> String {
    let names = ask.iter().map(PackageName::as_str).collect::<Vec<_>>().join(" ");
    format!(
        "this version needs system packages that Refit has no right to install. Type this, then update again: sudo \
         apt-get install {names}"
    )
}
