//! Facts to judgement. Pure.

use super::{PackageUpgrade, Reboot, SystemAssessment, SystemFacts, SystemSpec, named};

/// Judges.
#[must_use]
pub fn assess(spec: &SystemSpec, facts: &SystemFacts) -> SystemAssessment {
    let upgraded = facts.offered.iter().filter(|package| package.from.is_some());
    SystemAssessment {
        name: spec.name.clone(),
        package_list: upgraded.map(|package| package.name.clone()).collect(),
        seen: facts.provider.is_some() || facts.unseen.is_some(),
        last_refresh: facts.last_refresh,
        provider: facts.provider.clone(),
        packages: facts.offered.clone(),
        held: facts.held.clone(),
        kept_back: facts.kept_back.clone(),
        would_remove: facts.with_removals.as_ref().map(|all| all.remove.clone()).unwrap_or_default(),
        lists: facts.lists.clone(),
        end_of_life: facts.end_of_life.clone(),
        interrupted: facts.interrupted.clone(),
        reboot: reboot(facts),
        warnings: warnings(facts),
    }
}

/// What the machine says, and what the last upgrades changed in this boot.
fn reboot(facts: &SystemFacts) -> Option<Reboot> {
    let waiting = facts.awaits_reboot.as_ref().filter(|waiting| waiting.boot == facts.boot);
    let mut packages = facts.reboot.clone().map(|reboot| reboot.packages);
    if let Some(waiting) = waiting {
        let all = packages.get_or_insert_default();
        let new: Vec<String> = waiting.packages.iter().filter(|name| !all.contains(name)).cloned().collect();
        all.extend(new);
    }
    packages.map(|packages| Reboot { packages })
}

fn warnings(facts: &SystemFacts) -> Vec<String> {
    let mut warnings = Vec::new();
    warnings.extend(facts.unseen.clone());
    if !facts.interrupted.is_empty() {
        warnings.push(format!(
            "The installation of {} was cut off. Finish it: refit recover system",
            named(facts.interrupted.iter().map(|one| one.name.as_str()))
        ));
    }
    warnings.extend(facts.end_of_life.clone());
    warnings
        .extend(facts.lists.error.as_ref().map(|error| format!("The lists of packages are not up to date: {error}")));
    if let Some(reboot) = reboot(facts) {
        let why = named(reboot.packages.iter().map(String::as_str));
        let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
        warnings.push(format!("The machine has to be restarted before all that was upgraded is in use{why}"));
    }
    if !facts.held.is_empty() {
        warnings.push(format!("Held at their versions: {}", list(&facts.held)));
    }
    warnings.extend(kept_back(facts));
    warnings.extend(facts.provider.as_ref().and_then(|provider| provider.warning.clone()));
    warnings
}

/// What is kept back, and what it would take.
pub(super) fn kept_back(facts: &SystemFacts) -> Option<String> {
    if facts.kept_back.is_empty() {
        return None;
    }
    let kept = list(&facts.kept_back);
    Some(match &facts.with_removals {
        Some(all) => format!(
            "Kept back: {kept}. Their upgrade would remove {}; with consent it does: refit upgrade system --consent",
            named(all.remove.iter().map(String::as_str))
        ),
        None => format!("Kept back by the package manager for now: {kept}"),
    })
}

pub(super) fn list(packages: &[PackageUpgrade]) -> String {
    let words: Vec<String> = packages.iter().map(PackageUpgrade::words).collect();
    crate::plan::some_of(words.iter())
}

#[cfg(test)]
#[path = "assess_tests.rs"]
mod tests;
