//! What apt would upgrade: by its own simulation, without rights and without a network.
//! Refuses to: change anything but the lists of packages, and these only when asked to.

use std::collections::BTreeMap;
use std::sync::Arc;

use refit_engine::ports::Tell;
use refit_model::packages::{Ailing, Database, Distribution, Planned, Simulation};
use refit_model::updater::system::{Interrupted, PackageUpgrade, Provider, WithRemovals};

use super::Packages;
use super::apt::{Apt, Setup};
use super::failure::Failure;
use super::rights::{NO_RIGHTS, no_right_to_repair};

/// What is offered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Offers {
    pub(crate) provider: Provider,
    pub(crate) offered: Vec<PackageUpgrade>,
    pub(crate) with_removals: Option<WithRemovals>,
    pub(crate) held: Vec<PackageUpgrade>,
    pub(crate) kept_back: Vec<PackageUpgrade>,
    pub(crate) interrupted: Vec<Interrupted>,
}

impl Packages {
    /// Looks.
    ///
    /// # Errors
    /// In words, when there is no apt, or it does not say.
    pub(crate) async fn offers(&self) -> Result<Offers, String> {
        let apt = self.apt("", Arc::new(|_| {}), None);
        let Some(setup) = apt.setup().await else { return Err("this machine has no apt".to_owned()) };
        let provider = apt.provider().await;
        let offers = Offers { provider, ..Offers::default() };
        offers.ask(&apt, &setup).await.map_err(|failure| {
            format!("what is installed could not be looked at ({}); try: sudo dpkg --audit", failure.why)
        })
    }

    /// Fetches the lists of packages; which sources could not be used.
    ///
    /// # Errors
    /// In words.
    pub(crate) async fn fetch_lists(&self, tell: Tell) -> Result<Vec<Ailing>, String> {
        let apt = self.apt("", tell, None);
        if apt.setup().await.is_none() {
            return Err("this machine has no apt".to_owned());
        }
        let Some(means) = apt.means().await else {
            let next = "Type: sudo apt-get update. To see how it gets the right, type: refit doctor";
            return Err(format!("Refit has no right to fetch them. {next}"));
        };
        apt.fetch_lists(means).await.map_err(|failure| failure.in_full())
    }

    /// Why Refit can change no package here, with what to do instead; none when it can. `cut` when something is half
    /// installed, which is finished before anything else.
    pub(crate) async fn without_means(&self, cut: bool) -> Option<String> {
        let apt = self.apt("", Arc::new(|_| {}), None);
        apt.means().await.is_none().then(|| if cut { no_right_to_repair() } else { NO_RIGHTS.to_owned() })
    }

    /// What this machine runs.
    pub(crate) fn here(&self) -> Distribution {
        self.distribution()
    }
}

impl Offers {
    async fn ask(mut self, apt: &Apt<'_>, setup: &Setup) -> Result<Self, Failure> {
        let database = apt.database(setup).await?;
        self.interrupted = interrupted(&database, setup);
        let safe = apt.simulate_upgrade(false).await?;
        if let Some(why) = safe.errors.first() {
            // What is half installed stands in apt's way, and is finished first.
            return if self.interrupted.is_empty() { Err(Failure::said(why)) } else { Ok(self) };
        }
        let mut plan = safe.clone();
        if !safe.kept_back.is_empty() {
            let whole = apt.simulate_upgrade(true).await?;
            if whole.errors.is_empty() && !whole.remove.is_empty() {
                let remove = whole.remove.iter().map(|one| one.name.clone()).collect();
                self.with_removals = Some(WithRemovals { packages: priced(apt, &whole).await, remove });
            } else if whole.errors.is_empty() {
                plan = Simulation { kept_back: whole.kept_back.clone(), ..whole };
            }
        }
        self.offered = priced(apt, &plan).await;
        let left = candidates(apt, &plan.kept_back).await;
        let is_held = |one: &PackageUpgrade| {
            refit_model::packages::PackageName::new(&one.name)
                .is_ok_and(|name| database.get(&name).is_some_and(|known| known.is_held()))
        };
        (self.held, self.kept_back) = left.into_iter().partition(is_held);
        Ok(self)
    }
}

fn interrupted(database: &Database, setup: &Setup) -> Vec<Interrupted> {
    let broken = database.broken().into_iter();
    let mut all: Vec<Interrupted> = broken
        .map(|one| Interrupted {
            name: one.full_name(database.native()),
            status: String::from_utf8_lossy(&one.status).trim_end().to_owned(),
        })
        .collect();
    if all.is_empty() && Apt::has_open_journal(setup) {
        all.push(Interrupted { name: "dpkg".to_owned(), status: "journal".to_owned() });
    }
    all
}

/// With what is to be downloaded of each.
async fn priced(apt: &Apt<'_>, plan: &Simulation) -> Vec<PackageUpgrade> {
    let sizes = apt.sizes(plan).await;
    let one = |planned: &Planned| {
        let bare = planned.name.split(':').next().unwrap_or(&planned.name).to_owned();
        PackageUpgrade {
            name: planned.name.clone(),
            from: planned.from.clone(),
            to: planned.version.clone(),
            bytes: sizes.get(&(bare, planned.version.clone())).copied(),
            security: planned.is_security(),
        }
    };
    plan.install.iter().map(one).collect()
}

/// The versions of what is left as it is.
async fn candidates(apt: &Apt<'_>, names: &[String]) -> Vec<PackageUpgrade> {
    if names.is_empty() {
        return Vec::new();
    }
    let versions: BTreeMap<String, (Option<String>, String)> = apt.candidates(names).await;
    let one = |name: &String| {
        let (from, to) = versions.get(name).cloned().unwrap_or_else(|| (None, "?".to_owned()));
        PackageUpgrade { name: name.clone(), from, to, bytes: None, security: false }
    };
    names.iter().map(one).collect()
}
