//! Upgrades of the system's packages to the exact versions of a plan: simulated again right before, downloaded, installed,
//! and judged by what dpkg says afterwards. What fails is finished forward as far as that goes; what cannot be finished is
//! brought to its version from before where that can be had, and said.
//! Refuses to: remove what the plan does not name; to change a package that the owner holds; and to call anything undone.

use std::collections::BTreeSet;

use refit_engine::ports::{Circumstance, StepError};
use refit_model::journal::Witness;
use refit_model::packages::{Database, PackageName, Simulation};
use refit_model::step::{SystemStep, size_in_words};
use refit_model::updater::system::{FAILED, PackageUpgrade};
use serde::{Deserialize, Serialize};

use super::Packages;
use super::apt::{Apt, Exactly, Setup};
use super::failure::Failure;
use super::mend;
use super::rights::{Means, NO_RIGHTS, no_right_to_repair};
use super::weigh::spelled;

const ALL_THERE: &str = "everything is installed already";

/// How it was before a step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Before {
    /// What was half installed.
    broken: BTreeSet<String>,
    /// What of the plan was there only because something else needs it.
    auto: BTreeSet<String>,
}

/// What is to be: the packages of a plan.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    packages: &'a [PackageUpgrade],
    remove: &'a [String],
}

impl Packages {
    /// Performs a step on the system's packages.
    ///
    /// # Errors
    /// With the words that the caller gets.
    pub(crate) async fn act_on_system(
        &self,
        step: &SystemStep,
        circumstance: &Circumstance,
    ) -> Result<Option<String>, StepError> {
        let apt = self.apt(FAILED, circumstance.tell.clone(), Some(circumstance.run));
        let setup = apt.setup().await.ok_or_else(|| apt.failed("this machine has no apt"))?;
        if circumstance.again {
            apt.wait_for_what_is_left().await;
        }
        let Some(means) = apt.means().await else {
            // What is done already needs no rights.
            let database = apt.database(&setup).await.map_err(|failure| unknown(&apt, &failure))?;
            return done_already(step, &setup, &database).ok_or_else(|| apt.failed(NO_RIGHTS)).map(Some);
        };
        let scene = Scene { apt: &apt, setup: &setup, means };
        let before = noted(circumstance);
        match step {
            SystemStep::Mend => scene.mend().await,
            SystemStep::Download { packages, remove } => scene.download(Wanted { packages, remove }).await,
            SystemStep::Install { packages, remove } => {
                let wanted = Wanted { packages, remove };
                let done = scene.install(wanted, || self.faults.reach("system_install.installed")).await;
                // Whatever became of it.
                scene.mark(&before).await;
                done
            }
        }
    }

    /// How it is before the step.
    pub(crate) async fn system_witness(&self, step: &SystemStep) -> Option<Witness> {
        match step {
            SystemStep::Mend | SystemStep::Download { .. } => None,
            SystemStep::Install { packages, .. } => {
                let apt = self.apt(FAILED, std::sync::Arc::new(|_| {}), None);
                let database = apt.database(&apt.setup().await?).await.ok()?;
                let known: BTreeSet<String> = apt.marked_auto().await.ok()?.into_iter().collect();
                let auto = packages.iter().map(|package| &package.name).filter(|name| known.contains(*name));
                serde_json::to_value(Before { broken: names_of(&database), auto: auto.cloned().collect() }).ok()
            }
        }
    }

    /// Takes back `Undo::SystemSettle`, as far as that is possible: nothing stays half installed.
    ///
    /// # Errors
    /// When something does all the same.
    pub(crate) async fn settle_system(&self, circumstance: &Circumstance) -> Result<(), StepError> {
        let apt = self.apt(FAILED, circumstance.tell.clone(), Some(circumstance.run));
        let Some(setup) = apt.setup().await else { return Ok(()) };
        apt.wait_for_what_is_left().await;
        let before = noted(circumstance);
        let database = apt.database(&setup).await.map_err(|failure| unknown(&apt, &failure))?;
        if names_of(&database).is_subset(&before.broken) {
            return Ok(());
        }
        let Some(means) = apt.means().await else {
            return Err(apt.failed(&no_right_to_repair()));
        };
        let database = mend::forward(&apt, &setup, means).await.map_err(|failure| unknown(&apt, &failure))?;
        Scene { apt: &apt, setup: &setup, means }.mark(&before).await;
        let broken: Vec<String> = names_of(&database).difference(&before.broken).cloned().collect();
        if broken.is_empty() { Ok(()) } else { Err(apt.failed(&half_installed(&broken))) }
    }
}

/// Where the work is done.
struct Scene<'a> {
    apt: &'a Apt<'a>,
    setup: &'a Setup,
    means: Means,
}

impl Scene<'_> {
    /// Finishes what was cut off before.
    async fn mend(&self) -> Result<Option<String>, StepError> {
        let database = self.database().await?;
        let before = names_of(&database);
        if let Some(done) = done_already(&SystemStep::Mend, self.setup, &database) {
            return Ok(Some(done));
        }
        self.apt.say("An installation of system packages was cut off; finishing it");
        let after = mend::forward(self.apt, self.setup, self.means).await.map_err(|failure| self.unknown(&failure))?;
        let broken: Vec<String> = names_of(&after).into_iter().collect();
        if broken.is_empty() {
            let names = spelled(before.iter().map(String::as_str));
            return Ok(Some(format!("finished: {}", if names.is_empty() { "dpkg's journal" } else { &names })));
        }
        Err(self.apt.failed(&half_installed(&broken)))
    }

    async fn download(&self, wanted: Wanted<'_>) -> Result<Option<String>, StepError> {
        let database = self.database().await?;
        let names = wanted.names(&wanted.lacking(&database));
        if names.is_empty() {
            return Ok(Some(ALL_THERE.to_owned()));
        }
        let first = match self.objection(wanted, &names).await? {
            None => self.apt.download_exactly(self.means, wanted.manner(), &names).await,
            Some(why) => Err(Failure::said(why)),
        };
        if let Err(failure) = first {
            if failure.locked {
                return Err(self.apt.failed(&failure.why));
            }
            // What the lists name is gone when a newer version took its place.
            self.apt.say(&format!("{}; fetching the lists of packages again", failure.why));
            self.apt.fetch_lists(self.means).await.map_err(|failure| self.not_downloaded(&failure))?;
            if let Some(why) = self.objection(wanted, &names).await? {
                return Err(self
                    .apt
                    .failed(&format!("{why}. Nothing was changed; look again and update: refit refresh system")));
            }
            let again = self.apt.download_exactly(self.means, wanted.manner(), &names).await;
            again.map_err(|failure| self.not_downloaded(&failure))?;
        }
        let bytes = wanted.packages.iter().filter_map(|package| package.bytes).sum();
        Ok(Some(format!("downloaded: {} packages, {}", wanted.packages.len(), size_in_words(bytes))))
    }

    async fn install(&self, wanted: Wanted<'_>, installed: impl FnOnce()) -> Result<Option<String>, StepError> {
        let mut database = self.database().await?;
        let before = names_of(&database);
        if !before.is_empty() || Apt::has_open_journal(self.setup) {
            self.apt.say("An installation of system packages was cut off; finishing it first");
            database =
                mend::forward(self.apt, self.setup, self.means).await.map_err(|failure| self.unknown(&failure))?;
        }
        let names = wanted.names(&wanted.lacking(&database));
        if names.is_empty() {
            return self.verdict(wanted, None).await;
        }
        if let Some(why) = self.objection(wanted, &names).await? {
            return Err(self.apt.failed(&format!("{why}. Look again and update: refit refresh system")));
        }
        let done = self.apt.install_exactly(self.means, wanted.manner(), &names).await;
        installed();
        self.verdict(wanted, done.err()).await
    }

    /// Its exit code tells of anything that any package did; what counts is what is there now.
    async fn verdict(&self, wanted: Wanted<'_>, failure: Option<Failure>) -> Result<Option<String>, StepError> {
        if let Some(failure) = failure.as_ref().filter(|failure| failure.locked) {
            return Err(self.apt.failed(&failure.why));
        }
        let database = self.database().await?;
        if wanted.is_whole(&database) {
            return Ok(Some(wanted.installed()));
        }
        let failure = failure.unwrap_or_else(|| Failure::said("apt-get did not say why"));
        let why = &failure.why;
        self.apt.say(&format!("{why}; finishing what can be finished"));
        let database =
            mend::forward(self.apt, self.setup, self.means).await.map_err(|failure| self.unknown(&failure))?;
        let put_back = self.put_back(wanted, &names_of(&database)).await?;
        let database = self.go_on(wanted, &put_back).await?;
        if wanted.is_whole(&database) {
            return Ok(Some(format!("{}; finished after it was cut off ({why})", wanted.installed())));
        }
        Err(self.apt.failed(&standing(wanted, &failure.in_full(), &put_back, &database)))
    }

    /// Brings what cannot be finished to its version from before, where that can be had. Says what came back.
    async fn put_back(&self, wanted: Wanted<'_>, broken: &BTreeSet<String>) -> Result<Vec<String>, StepError> {
        let ours = wanted.packages.iter().filter(|package| broken.contains(&package.name));
        let back: Vec<String> =
            ours.filter_map(|package| Some(format!("{}={}", package.name, package.from.as_ref()?))).collect();
        if back.is_empty() || !self.can_be_put_back(&back).await {
            return Ok(Vec::new());
        }
        self.apt.say(&format!("Putting back the version from before: {}", back.join(", ")));
        // What fails of this the database tells.
        let _tried = self.apt.install_exactly(self.means, Exactly::PutBack, &back).await;
        let still = names_of(&self.database().await?);
        Ok(broken.difference(&still).cloned().collect())
    }

    /// Installs what was not begun because of what failed; nothing beside a package that is half installed.
    async fn go_on(&self, wanted: Wanted<'_>, put_back: &[String]) -> Result<Database, StepError> {
        let database = self.database().await?;
        let mut lacking = wanted.lacking(&database);
        lacking.retain(|package| !put_back.contains(&package.name));
        let names = wanted.names(&lacking);
        if names.is_empty() || !names_of(&database).is_empty() || self.objection(wanted, &names).await?.is_some() {
            return Ok(database);
        }
        // What fails of this the database tells.
        let _tried = self.apt.install_exactly(self.means, wanted.manner(), &names).await;
        self.database().await
    }

    /// Nothing but these would change.
    async fn can_be_put_back(&self, back: &[String]) -> bool {
        let Ok(plan) = self.apt.simulate_exactly(Exactly::PutBack, back).await else { return false };
        let ours = |name: &str, version: &str| back.iter().any(|one| *one == format!("{name}={version}"));
        plan.errors.is_empty()
            && plan.remove.is_empty()
            && plan.install.iter().all(|planned| ours(&planned.name, &planned.version))
    }

    /// Why the plan cannot be carried out as it is.
    async fn objection(&self, wanted: Wanted<'_>, names: &[String]) -> Result<Option<String>, StepError> {
        let plan = self.apt.simulate_exactly(wanted.manner(), names).await.map_err(|failure| self.unknown(&failure))?;
        Ok(differs(wanted, &plan))
    }

    /// What came for others only is known as that again. Loss is bearable: it is not cleaned up by itself then.
    async fn mark(&self, before: &Before) {
        let names: Vec<&str> = before.auto.iter().map(String::as_str).collect();
        if !names.is_empty()
            && let Err(failure) = self.apt.mark_auto(self.means, &names).await
        {
            tracing::warn!("packages that came for others only are taken for wanted: {}", failure.why);
        }
    }

    async fn database(&self) -> Result<Database, StepError> {
        self.apt.database(self.setup).await.map_err(|failure| self.unknown(&failure))
    }

    fn unknown(&self, failure: &Failure) -> StepError {
        unknown(self.apt, failure)
    }

    fn not_downloaded(&self, failure: &Failure) -> StepError {
        let (why, next) = (&failure.why, failure.after_download());
        self.apt.failed(&format!("the packages could not be downloaded ({why}). Nothing was changed. {next}"))
    }
}

impl Wanted<'_> {
    fn is_whole(self, database: &Database) -> bool {
        self.lacking(database).is_empty() && names_of(database).is_empty()
    }

    /// Not there in the version of the plan; what somebody else changed meanwhile is not asked for.
    fn lacking(self, database: &Database) -> Vec<PackageUpgrade> {
        let lacks = |package: &&PackageUpgrade| {
            let Ok(name) = PackageName::new(&package.name) else { return false };
            match (database.get(&name), &package.from) {
                (Some(known), _) if !known.is_there() => true,
                (Some(known), Some(from)) => known.version == *from && known.version != package.to,
                (Some(_), None) => false,
                (None, _) => true,
            }
        };
        self.packages.iter().filter(lacks).cloned().collect()
    }

    fn installed(self) -> String {
        let names = self.packages.iter().map(PackageUpgrade::words).collect::<Vec<_>>();
        format!("installed: {}", names.join(", "))
    }

    fn manner(self) -> Exactly {
        if self.remove.is_empty() { Exactly::Upgrade } else { Exactly::UpgradeAndRemove }
    }

    /// What apt is asked for. What is new comes by itself, so that apt knows that nobody asked for it.
    fn names(self, lacking: &[PackageUpgrade]) -> Vec<String> {
        let upgraded = lacking.iter().filter(|package| package.from.is_some() && is_plain(package));
        upgraded.map(|package| format!("{}={}", package.name, package.to)).collect()
    }
}

/// Nothing that apt-get would take for anything else than a name and a version.
fn is_plain(package: &PackageUpgrade) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'-' | b'~' | b':');
    PackageName::new(&package.name).is_ok() && !package.to.is_empty() && package.to.bytes().all(letter)
}

/// What a simulation would do that the plan does not name.
fn differs(wanted: Wanted<'_>, plan: &Simulation) -> Option<String> {
    let gone =
        plan.remove.iter().map(|one| one.name.as_str()).filter(|name| !wanted.remove.iter().any(|one| one == name));
    let gone = spelled(gone);
    if !gone.is_empty() {
        return Some(format!("this would remove {gone} by now, which the plan does not name"));
    }
    if !plan.held.is_empty() {
        return Some(format!("this would change {}, which you hold at its version", plan.held.join(", ")));
    }
    if let Some(why) = plan.unmet.first().or(plan.errors.first()) {
        return Some(format!("the package sources offer something else by now ({why})"));
    }
    let known = |name: &str, version: &str| wanted.packages.iter().any(|one| one.name == name && one.to == version);
    let other = plan.install.iter().find(|planned| !known(&planned.name, &planned.version))?;
    Some(format!("this would bring {} {} by now, which the plan does not name", other.name, other.version))
}

/// Why it failed, and how everything stands now.
fn standing(wanted: Wanted<'_>, why: &str, put_back: &[String], database: &Database) -> String {
    let broken: Vec<String> = names_of(database).into_iter().collect();
    let mut words = vec![why.trim_end_matches('.').to_owned()];
    if !put_back.is_empty() {
        words.push(format!("Put back to the version from before: {}", put_back.join(", ")));
    }
    if !broken.is_empty() {
        words.push(half_installed(&broken));
    }
    let all = wanted.packages.len();
    match all - wanted.lacking(database).len() {
        0 if words.len() == 1 => words.push("Nothing was changed".to_owned()),
        0 => words.push("Nothing else was changed".to_owned()),
        done => words.push(format!("{done} of {all} packages are upgraded, and stay so")),
    }
    words.join(". ")
}

/// What came of a step that has nothing left to do.
fn done_already(step: &SystemStep, setup: &Setup, database: &Database) -> Option<String> {
    match step {
        SystemStep::Mend => {
            let sound = names_of(database).is_empty() && !Apt::has_open_journal(setup);
            sound.then(|| "nothing is half installed any more".to_owned())
        }
        SystemStep::Download { packages, remove } => {
            let wanted = Wanted { packages, remove };
            wanted.names(&wanted.lacking(database)).is_empty().then(|| ALL_THERE.to_owned())
        }
        SystemStep::Install { packages, remove } => {
            let wanted = Wanted { packages, remove };
            wanted.is_whole(database).then(|| wanted.installed())
        }
    }
}

fn names_of(database: &Database) -> BTreeSet<String> {
    database.broken().iter().map(|one| one.full_name(database.native())).collect()
}

fn noted(circumstance: &Circumstance) -> Before {
    let noted = circumstance.witness.clone().and_then(|noted| serde_json::from_value(noted).ok());
    noted.unwrap_or_default()
}

fn half_installed(broken: &[String]) -> String {
    format!(
        "{} could not be finished and is half installed. To see why, type: sudo dpkg --configure -a",
        spelled(broken.iter().map(String::as_str))
    )
}

fn unknown(apt: &Apt<'_>, failure: &Failure) -> StepError {
    apt.failed(&format!("the system's packages could not be looked at ({}); try: sudo dpkg --audit", failure.why))
}
