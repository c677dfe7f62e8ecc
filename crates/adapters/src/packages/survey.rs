//! What planning must know of OS packages.
//! Refuses to: change anything, or to ask the network.

use std::collections::BTreeSet;

use refit_model::dependencies::{PackageChange, PackageSurvey};
use refit_model::packages::{Listed, PackageName};
use refit_model::step::PackageList;

use super::Packages;
use super::apt::Apt;
use super::failure::Failure;
use super::weigh::{missing, weigh, without_rights};
use crate::content::Contents;

impl Packages {
    /// See [`Packages::survey`].
    pub(super) async fn look(
        &self,
        contents: &Contents<'_>,
        list: Option<&PackageList>,
        now: &PackageList,
    ) -> PackageSurvey {
        let listed_now = self.listed(contents, now).await.map(|listed| listed.packages).unwrap_or_default();
        let listed_now: Vec<String> = listed_now.into_iter().map(String::from).collect();
        let mut seen = PackageSurvey { listed_now, ..PackageSurvey::default() };
        let Some(list) = list else { return seen };
        let listed = match self.listed(contents, list).await {
            Ok(listed) => listed,
            Err(why) => {
                seen.refused = Some(why);
                return seen;
            }
        };
        seen.known = true;
        seen.notes.clone_from(&listed.complaints);
        let known: BTreeSet<String> = seen.listed_now.iter().chain(&list.known).cloned().collect();
        let apt = self.apt("System packages", std::sync::Arc::new(|_| {}), None);
        if let Err(failure) = ask(&apt, &listed, &known, &mut seen).await {
            seen.known = false;
            seen.notes.push(format!("which system packages are missing could not be found out: {}", failure.why));
        }
        seen
    }
}

async fn ask(
    apt: &Apt<'_>,
    listed: &Listed,
    known: &BTreeSet<String>,
    seen: &mut PackageSurvey,
) -> Result<(), Failure> {
    if listed.packages.is_empty() {
        return Ok(());
    }
    let Some(setup) = apt.setup().await else {
        seen.unavailable = listed.packages.iter().map(PackageName::to_string).collect();
        seen.notes
            .push("this machine has no apt; whether the listed packages are installed is for you to see".to_owned());
        return Ok(());
    };
    let database = apt.database(&setup).await?;
    let missing = missing(&listed.packages, &database);
    if missing.is_empty() {
        return Ok(());
    }
    let weighed = weigh(apt, missing, known, &database).await?;
    let sizes = apt.sizes(&weighed.plan).await;
    seen.missing.extend(weighed.plan.install.iter().map(|one| {
        let bare = one.name.split(':').next().unwrap_or(&one.name).to_owned();
        PackageChange {
            name: one.name.clone(),
            from: one.from.clone(),
            version: Some(one.version.clone()),
            bytes: sizes.get(&(bare, one.version.clone())).copied(),
        }
    }));
    seen.unavailable = weighed.unavailable.iter().map(PackageName::to_string).collect();
    // Old lists do not know what is new; the step fetches them before it judges.
    let may_come = Apt::lists_are_old(&setup) && weighed.refused.is_none();
    if may_come {
        seen.missing.extend(weighed.not_found.iter().map(|name| PackageChange {
            name: name.to_string(),
            from: None,
            version: None,
            bytes: None,
        }));
    } else {
        seen.refused = weighed.objection();
    }
    let all: Vec<PackageName> = weighed.ask.iter().chain(&weighed.not_found).cloned().collect();
    if seen.refused.is_none() && !all.is_empty() && apt.means().await.is_none() {
        seen.refused = Some(without_rights(&all));
    }
    Ok(())
}
