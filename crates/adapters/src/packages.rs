//! The hand for OS packages: finds out which are missing and has apt install them. Until packages come through the
//! system's own service, apt-get does it, with the guards of RELIABILITY.md §4.5.
//! Refuses to: decide what is done; to remove a package that it did not bring; to answer a question of a package for the
//! owner (their configuration files stay); and to take an exit code for a proof.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use refit_engine::ports::{Circumstance, StepError, Tell};
use refit_model::dependencies::PackageSurvey;
use refit_model::journal::Witness;
use refit_model::name::RunId;
use refit_model::step::{PackageList, PackageStep};

use crate::command::Surroundings;
use crate::content::Contents;
use crate::fault::FaultPlan;
use crate::packagekit::PackageKit;
use crate::root_helper::RootHelper;

mod apt;
mod errand;
mod failure;
mod kit;
mod lists;
mod mend;
mod offers;
mod rights;
mod survey;
mod take;
mod unit;
mod upgrade;
mod weigh;

use apt::Apt;

/// What the binary decides.
#[derive(Debug, Clone)]
pub struct PackageRules {
    /// What apt and dpkg inherit: where another root is asked for (`APT_CONFIG`, `DPKG_ROOT`), they know by themselves.
    pub surroundings: Surroundings,
    /// `MOONRAKER_EXCLUDED_PKGS`: packages that are never asked for, between commas or blanks.
    pub excluded: Option<String>,
    /// `MOONRAKER_VENDOR`: what conditions know as the vendor; none to find out.
    pub vendor: Option<String>,
    /// Where os-release(5) is looked for, the first first.
    pub os_release: Vec<PathBuf>,
    /// Is there on images by Raspberry Pi.
    pub rpi_issue: PathBuf,
    /// Is there where systemd runs the machine.
    pub runtime: PathBuf,
    /// Where the units that apt works in print to, each into a file of its own. Gone with the next boot.
    pub unit_logs: PathBuf,
    /// This process may do all by itself.
    pub is_root: bool,
    /// Does it where this process may not.
    pub helper: RootHelper,
    /// How long another package manager is waited for.
    pub patience: Duration,
    /// Does the work where it is there, in place of apt-get.
    pub packagekit: Option<PackageKit>,
}

impl PackageRules {
    /// The usual places.
    #[must_use]
    pub fn usual(surroundings: Surroundings) -> Self {
        Self {
            surroundings,
            excluded: None,
            vendor: None,
            os_release: vec!["/etc/os-release".into(), "/usr/lib/os-release".into()],
            rpi_issue: "/etc/rpi-issue".into(),
            runtime: "/run/systemd/system".into(),
            unit_logs: "/run".into(),
            is_root: rustix::process::geteuid().is_root(),
            helper: RootHelper::usual(),
            patience: Duration::from_secs(300),
            packagekit: None,
        }
    }

    /// The same, with PackageKit before apt-get where it is there. It knows no other root than the machine's own: where
    /// apt and dpkg are told to look after another one, it is left out.
    #[must_use]
    pub fn through(self, kit: PackageKit) -> Self {
        let elsewhere = |name: &str| ["APT_CONFIG", "DPKG_ROOT", "DPKG_ADMINDIR"].contains(&name);
        let other_root = self.surroundings.passed_on.iter().any(|(name, _)| name.to_str().is_some_and(elsewhere));
        let packagekit = (!other_root).then(|| kit.patient(self.patience));
        Self { packagekit, ..self }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Packages {
    rules: PackageRules,
    faults: FaultPlan,
    /// Names the units that apt runs in apart.
    count: Arc<AtomicU32>,
}

impl Packages {
    /// With its rules.
    #[must_use]
    pub fn new(rules: PackageRules) -> Self {
        Self { rules, faults: FaultPlan::none(), count: Arc::default() }
    }

    /// The same, killed where `faults` says.
    #[must_use]
    pub fn with_faults(mut self, faults: FaultPlan) -> Self {
        if let Some(folder) = faults.systemd() {
            self.rules.runtime = folder.to_owned();
            self.rules.unit_logs = folder.to_owned();
        }
        Self { faults, ..self }
    }

    /// Which of the listed packages are missing, and what would come with them. `list` is none where the wished version
    /// cannot be read yet, `now` is that of the version in use. Asks no network.
    pub async fn survey(
        &self,
        contents: &Contents<'_>,
        list: Option<&PackageList>,
        now: &PackageList,
    ) -> PackageSurvey {
        self.look(contents, list, now).await
    }

    /// Takes back `Undo::PackagesRemoveAdded`.
    ///
    /// # Errors
    /// When the package manager cannot be run, or packages are left half installed.
    pub async fn remove_added(&self, circumstance: &Circumstance) -> Result<(), StepError> {
        let apt = self.apt("System packages", circumstance.tell.clone(), Some(circumstance.run));
        mend::remove_added(&apt, circumstance).await
    }

    /// Performs a step.
    ///
    /// # Errors
    /// With the words that the caller gets.
    pub async fn act(
        &self,
        step: &PackageStep,
        contents: &Contents<'_>,
        circumstance: &Circumstance,
    ) -> Result<Option<String>, StepError> {
        match step {
            PackageStep::Fetch { title, list, .. } => {
                let apt = self.apt(title, circumstance.tell.clone(), Some(circumstance.run));
                let listed = self.listed(contents, list).await.map_err(|why| apt.failed(&why))?;
                take::fetch(&apt, &listed, &known(list)).await
            }
            PackageStep::Install { title, list, .. } => {
                let apt = self.apt(title, circumstance.tell.clone(), Some(circumstance.run));
                let listed = self.listed(contents, list).await.map_err(|why| apt.failed(&why))?;
                take::install(&apt, &listed, &known(list), circumstance, &self.faults).await
            }
        }
    }

    /// What recovery will need to know: which packages an installation would add.
    pub async fn witness(&self, step: &PackageStep, contents: &Contents<'_>) -> Option<Witness> {
        match step {
            PackageStep::Fetch { .. } => None,
            PackageStep::Install { title, list, .. } => {
                let apt = self.apt(title, Arc::new(|_| {}), None);
                let listed = self.listed(contents, list).await.ok()?;
                take::witness(&apt, &listed, &known(list)).await
            }
        }
    }

    fn apt<'a>(&'a self, title: &'a str, tell: Tell, run: Option<RunId>) -> Apt<'a> {
        Apt { rules: &self.rules, count: &self.count, title, tell, run }
    }
}

fn known(list: &PackageList) -> BTreeSet<String> {
    list.known.iter().cloned().collect()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests read PATH and build packages")]
#[path = "packages_tests.rs"]
mod tests;
