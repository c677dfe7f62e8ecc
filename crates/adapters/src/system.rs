//! The hand for the packages of the operating system: what is offered, what the machine says of itself, and the steps of an
//! upgrade. Who does the work is chosen here: apt (`packages`) by its command line.
//! Refuses to: decide what is done; to restart the machine; and to lose what was known when the network fails.

use std::path::PathBuf;
use std::sync::Arc;

use refit_engine::ports::{Circumstance, StepError, Tell};
use refit_model::journal::Witness;
use refit_model::packages::{Ailing, complaint, end_of_life};
use refit_model::step::SystemStep;
use refit_model::updater::system::{Reboot, SystemFacts, SystemSpec, SystemSurvey};

use crate::packages::Packages;

/// Where the machine tells about itself.
#[derive(Debug, Clone)]
pub struct SystemRules {
    /// Is there when the machine asks to be restarted; beside it, with `.pkgs`, the packages that ask for it.
    pub reboot_required: PathBuf,
    /// The running kernel's release.
    pub kernel: PathBuf,
    /// Holds a folder for each kernel that is installed.
    pub modules: PathBuf,
}

impl SystemRules {
    /// The usual places.
    #[must_use]
    pub fn usual() -> Self {
        Self {
            reboot_required: "/run/reboot-required".into(),
            kernel: "/proc/sys/kernel/osrelease".into(),
            modules: "/lib/modules".into(),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct SystemPackages {
    rules: SystemRules,
    apt: Arc<Packages>,
    boot: String,
}

impl SystemPackages {
    /// With its rules, the hand that does the work, and the boot that the machine is in.
    #[must_use]
    pub fn new(rules: SystemRules, apt: Arc<Packages>, boot: String) -> Self {
        Self { rules, apt, boot }
    }

    /// Looks at this machine. What was seen before stays where it cannot be looked at.
    pub async fn look(&self, spec: &SystemSpec, before: &SystemFacts) -> SystemFacts {
        let mut facts = SystemFacts {
            config_hash: spec.config_hash.clone(),
            reboot: self.reboot(),
            boot: self.boot.clone(),
            survey: None,
            unseen: None,
            ..before.clone()
        };
        facts.awaits_reboot = facts.awaits_reboot.filter(|waiting| waiting.boot == self.boot);
        match self.apt.offers().await {
            Ok(offers) => {
                facts.provider = Some(offers.provider);
                facts.offered = offers.offered;
                facts.with_removals = offers.with_removals;
                facts.held = offers.held;
                facts.kept_back = offers.kept_back;
                facts.interrupted = offers.interrupted;
            }
            Err(why) => facts.unseen = Some(why),
        }
        facts
    }

    /// Fetches the lists of packages, then looks. What was known of them stays when that fails.
    pub async fn refresh(&self, spec: &SystemSpec, before: &SystemFacts, now: i64, tell: Tell) -> SystemFacts {
        let fetched = self.apt.fetch_lists(tell).await;
        let mut facts = SystemFacts { last_refresh: now, ..before.clone() };
        match fetched {
            Ok(ailing) => self.judge(&mut facts, &ailing, now),
            Err(why) => {
                facts.lists.error = Some(why);
                facts.lists.failed_at = Some(now);
            }
        }
        self.look(spec, &facts).await
    }

    /// Which sources could be used.
    fn judge(&self, facts: &mut SystemFacts, ailing: &[Ailing], now: i64) {
        let here = self.apt.here();
        facts.end_of_life = end_of_life(ailing, &here);
        facts.lists.error = complaint(ailing, &here);
        match facts.lists.error {
            None => {
                facts.lists.last_good = Some(now);
                facts.lists.failed_at = None;
            }
            Some(_) => facts.lists.failed_at = Some(now),
        }
    }

    /// Looks as closely as planning needs. Asks no network.
    pub async fn survey(&self, spec: &SystemSpec, before: &SystemFacts) -> SystemFacts {
        let mut facts = self.look(spec, before).await;
        facts.survey = Some(SystemSurvey { refused: self.apt.without_means(!facts.interrupted.is_empty()).await });
        facts
    }

    /// Performs a step.
    ///
    /// # Errors
    /// With the words that the caller gets.
    pub async fn act(&self, step: &SystemStep, circumstance: &Circumstance) -> Result<Option<String>, StepError> {
        self.apt.act_on_system(step, circumstance).await
    }

    /// Takes back `Undo::SystemSettle`: forward, since there is no way back.
    ///
    /// # Errors
    /// When something stays half installed.
    pub async fn settle(&self, circumstance: &Circumstance) -> Result<(), StepError> {
        self.apt.settle_system(circumstance).await
    }

    /// What recovery will need to know.
    pub async fn witness(&self, step: &SystemStep) -> Option<Witness> {
        self.apt.system_witness(step).await
    }

    /// What the machine says itself: by the flag that Debian's packages set, or by a kernel whose modules are gone, since
    /// not every distribution sets it.
    fn reboot(&self) -> Option<Reboot> {
        let flag = &self.rules.reboot_required;
        if flag.exists() {
            let mut list = flag.clone().into_os_string();
            list.push(".pkgs");
            let listed = std::fs::read_to_string(PathBuf::from(list)).unwrap_or_default();
            let mut packages: Vec<String> = Vec::new();
            for name in listed.lines().map(str::trim).filter(|name| !name.is_empty()) {
                if !packages.iter().any(|known| known == name) {
                    packages.push(name.to_owned());
                }
            }
            return Some(Reboot { packages });
        }
        let kernel = std::fs::read_to_string(&self.rules.kernel).ok()?;
        let any = std::fs::read_dir(&self.rules.modules).ok()?.flatten().any(|entry| entry.path().is_dir());
        let gone = any && !self.rules.modules.join(kernel.trim()).exists();
        gone.then(|| Reboot { packages: vec![format!("kernel (the modules of {} are gone)", kernel.trim())] })
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests read PATH and build packages")]
#[path = "system_tests.rs"]
mod tests;
