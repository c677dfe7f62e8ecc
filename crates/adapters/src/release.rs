//! The hand for software that ships as releases: looks at folders and forges, and does the steps of their plans.
//! Refuses to: decide what is done, and to unpack or run what was not verified.
//!
//! | file | what it is |
//! |---|---|
//! | `look` | folders and forges, as the planner wants to know them |
//! | `fetch` | which file, and the download |
//! | [`installed`] | what a folder says of itself |
//! | [`shipped`] | the list of what a release shipped |
//! | [`slot`] | what one step leaves for the next |
//! | [`stage`] | the next version beside the one in use |
//! | [`carry`] | the owner's files |
//! | [`exchange`] | the switch |
//! | `preview` | what a release would change |
//! | [`glimpse`] | what a release depends on, before it is downloaded |
//! | [`previous`] | versions that are kept |

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use refit_engine::ports::{Circumstance, StepError, Tell};
use refit_model::step::{KeptPlace, OldFolder, ReleaseRef};
use refit_model::updater::release::ReleaseKind;

use crate::archive::Bounds;
use crate::command::{Command, Ended, Limits, Surroundings};
use crate::disk;
use crate::download::Downloads;
use crate::fault::FaultPlan;
use crate::forge::Forges;
use crate::git::hand::off_the_loop;
use crate::tree::{self, Sides, TreeError};

pub mod carry;
pub mod exchange;
mod fetch;
pub mod glimpse;
pub mod installed;
mod look;
mod preview;
pub mod previous;
pub mod shipped;
pub mod slot;
pub mod stage;

use carry::Carry;
use shipped::Shipped;
use slot::Slot;

/// How a new program is tried.
const PROBE: Limits =
    Limits { total: Some(Duration::from_secs(20)), grace: Duration::from_secs(2), stdout: 64 * 1024, ..Limits::QUICK };

/// What the owner and the binary decide.
#[derive(Debug, Clone)]
pub struct ReleaseRules {
    /// Downloads are kept here.
    pub downloads: PathBuf,
    /// What an archive may hold at most.
    pub bounds: Bounds,
    /// Days for which downloads are kept.
    pub keep_days: u32,
    /// Bytes of downloads that are kept.
    pub keep_bytes: u64,
    /// What a program that is tried inherits; its home may be a repository.
    pub surroundings: Surroundings,
}

/// See the module.
#[derive(Debug)]
pub struct Releases {
    rules: ReleaseRules,
    forges: Arc<Forges>,
    downloads: Downloads,
    /// Counts glimpses, each of which has a folder of its own.
    previews: AtomicU64,
    faults: FaultPlan,
}

impl Releases {
    /// With its forges, which others may share.
    #[must_use]
    pub fn new(rules: ReleaseRules, forges: impl Into<Arc<Forges>>) -> Self {
        let downloads = Downloads::new(rules.downloads.clone());
        Self { rules, forges: forges.into(), downloads, previews: AtomicU64::new(0), faults: FaultPlan::none() }
    }

    /// The same, killed where `faults` says.
    #[must_use]
    pub fn with_faults(self, faults: FaultPlan) -> Self {
        Self { faults, ..self }
    }

    /// Performs `ReleaseStep::Unpack`.
    ///
    /// # Errors
    /// When the archive is refused, is another project's, or cannot be written.
    pub async fn unpack(&self, release: &ReleaseRef, stage: &Path, share: bool) -> Result<Option<String>, StepError> {
        let says = Words(release);
        let Some(downloaded) = self.slot(release).downloaded() else {
            return Err(says.failed("what was downloaded is gone; ask again"));
        };
        let (subject, stage, share) = (release.clone(), stage.to_owned(), share.then(|| release.path.clone()));
        let (bounds, faults) = (self.rules.bounds, self.faults.clone());
        let unpacked =
            blocking(move || stage::unpack(&subject, &downloaded, &stage, share.as_deref(), &bounds, &faults)).await;
        let shipped = unpacked.map_err(|error| says.failed(&error))?;
        Ok(Some(format!("version {}, {} files", shipped.version, shipped.leaves.len())))
    }

    /// Performs `ReleaseStep::StageKept`.
    ///
    /// # Errors
    /// When the kept version has no list, or a file cannot be copied.
    pub async fn stage_kept(
        &self,
        release: &ReleaseRef,
        from: &Path,
        stage: &Path,
    ) -> Result<Option<String>, StepError> {
        let (subject, from, stage) = (release.clone(), from.to_owned(), stage.to_owned());
        let staged = blocking(move || stage::from_kept(&subject, &from, &stage)).await;
        staged.map(|_| None).map_err(|error| Words(release).failed(&error))
    }

    /// Performs `ReleaseStep::CarryOver`.
    ///
    /// # Errors
    /// When a file cannot be copied, or there is no room.
    pub async fn carry_over(
        &self,
        release: &ReleaseRef,
        stage: &Path,
        persistent: &[String],
        kept: Option<&KeptPlace>,
        tell: &Tell,
    ) -> Result<Option<String>, StepError> {
        let says = Words(release);
        let (live, stage, slot) = (release.path.clone(), stage.to_owned(), self.slot(release));
        let (persistent, kept, kind) = (persistent.to_vec(), kept.cloned(), release.kind);
        let (file, linger) = (release.file.clone(), release.kind == ReleaseKind::Web);
        let place = kept.as_ref().map(|kept| kept.folder.display().to_string()).unwrap_or_default();
        let faults = self.faults.clone();
        let carried = blocking(move || {
            let coming = Shipped::read(&stage).unwrap_or_default();
            let shipped = shipped_by(&live, &coming, kind, file.as_deref(), &slot);
            let carry = Carry { live: live.clone(), stage, persistent, shipped, coming, kept, linger, faults };
            let found = carry.find().map_err(|error| error.to_string())?;
            disk::require_room(live.parent().unwrap_or(&live), found.bytes()).map_err(|error| error.to_string())?;
            let carried = carry.carry(&found).and_then(|names| carry.account(&slot).map(|()| names));
            carried.map_err(|error| error.to_string())
        });
        let gives_way = carried.await.map_err(|error| says.failed(&error))?;
        if gives_way.is_empty() || place.is_empty() {
            return Ok(None);
        }
        let note = format!("Kept aside in {place}: {}", gives_way.join(", "));
        tell(&says.says(&note));
        Ok(Some(note))
    }

    /// Performs `ReleaseStep::Probe`.
    ///
    /// # Errors
    /// When the program does not start, or does not end well in time.
    pub async fn probe(
        &self,
        release: &ReleaseRef,
        stage: &Path,
        arguments: &[String],
    ) -> Result<Option<String>, StepError> {
        let says = Words(release);
        let name = release.file.as_deref().filter(|name| installed::is_plain(name));
        let Some(name) = name else { return Err(says.failed("which file to start is not known")) };
        let command = Command::new(stage.join(name), &self.rules.surroundings).args(arguments).dir(stage).limits(PROBE);
        let refuse =
            |why: &str| says.failed(&format!("the new program does not run on this machine, the old one stays: {why}"));
        let outcome = command.run().await.map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            refuse(&format!("{error} ({cause})"))
        })?;
        match outcome.ended {
            Ended::Exited(0) => {
                let said = String::from_utf8_lossy(&outcome.stdout);
                Ok(said.lines().next().map(|line| format!("it says: {}", line.trim())))
            }
            Ended::Exited(_) | Ended::Killed(_) | Ended::TimedOut(_) | Ended::Stalled(_) => {
                Err(refuse(&outcome.reason()))
            }
        }
    }

    /// Performs `ReleaseStep::Exchange`.
    ///
    /// # Errors
    /// When the folders are not those that the plan was made for, or the disk fails.
    pub async fn exchange(
        &self,
        release: &ReleaseRef,
        stage: &Path,
        old: &OldFolder,
        before: Option<Sides>,
        faults: &FaultPlan,
    ) -> Result<Option<String>, StepError> {
        let (subject, stage, old) = (release.clone(), stage.to_owned(), old.clone());
        let faults = faults.clone();
        let done = off_the_loop(move || exchange::exchange(&subject, &stage, &old, before, &faults)).await;
        done.map(Some).map_err(|error| Words(release).on_disk(&error))
    }

    /// Performs `ReleaseStep::Verify`. After a power cut every byte is read.
    ///
    /// # Errors
    /// When a file of the release is missing or wrong.
    pub async fn verify(&self, release: &ReleaseRef, circumstance: &Circumstance) -> Result<Option<String>, StepError> {
        let says = Words(release);
        let (live, closely) = (release.path.clone(), circumstance.rebooted);
        let wrong = off_the_loop(move || {
            let Some(shipped) = Shipped::read(&live) else { return Ok(vec![shipped::RECORD.to_owned()]) };
            if closely { shipped.wrong(&live) } else { Ok(shipped.missing(&live)) }
        });
        let wrong = wrong.await.map_err(|error| says.on_disk(&error))?;
        // The owner's persistent files may stand in the place of shipped ones.
        match wrong.first() {
            None => Ok(None),
            Some(first) => {
                let text = format!("{} files of the release are missing or wrong, the first is {first}", wrong.len());
                Err(says.failed(&text))
            }
        }
    }

    /// Performs `ReleaseStep::Prune`.
    pub async fn prune(&self, release: &ReleaseRef, old: &OldFolder, keep: u32, now: f64) -> Option<String> {
        let (live, slot) = (release.path.clone(), self.slot(release));
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        let (old, downloads, faults) = (old.clone(), self.rules.downloads.clone(), self.faults.clone());
        let pruned = off_the_loop(move || {
            // On a disk that became read-only each of them is tried.
            let listed = match &old {
                OldFolder::Previous { version, folder } => previous::list_shipped(folder, version, slot.learned()),
                OldFolder::Kept(_) => Ok(()),
            };
            faults.reach("release_prune.listed");
            Slot::forget_all(&downloads)?;
            listed?;
            let installed = Shipped::read(&live).map(|shipped| shipped.version);
            previous::prune(&live, installed.as_deref(), keep, &faults)
        });
        let gone = pruned.await.unwrap_or_else(|error| {
            tracing::warn!(%error, updater = %release.updater, "old versions stay for now");
            Vec::new()
        });
        let (downloads, days, bytes) =
            (Downloads::new(self.rules.downloads.clone()), self.rules.keep_days, self.rules.keep_bytes);
        // What is not deleted now is deleted by the next run.
        let _pruned = tokio::task::spawn_blocking(move || downloads.prune(days, bytes, now)).await;
        (!gone.is_empty()).then(|| format!("no longer kept: {}", gone.join(", ")))
    }

    /// Performs `Undo::ReleaseForget`.
    ///
    /// # Errors
    /// When a file cannot be deleted.
    pub async fn forget(&self, slot: &str) -> Result<(), TreeError> {
        let downloads = &self.rules.downloads;
        let (slot, aside) = (Slot::new(downloads, slot), Slot::aside(downloads, slot));
        off_the_loop(move || {
            tree::delete_stage(&aside)?;
            slot.forget()
        })
        .await
    }

    fn slot(&self, release: &ReleaseRef) -> Slot {
        Slot::new(&self.rules.downloads, &release.slot)
    }
}

/// What the installed version shipped: by its own list, by what was learned, or by the new list when that is of the same
/// version. An executable ships two files.
fn shipped_by(live: &Path, coming: &Shipped, kind: ReleaseKind, file: Option<&str>, slot: &Slot) -> Option<Shipped> {
    let told = installed::look(kind, live, Path::new("/")).info.map(|info| info.version);
    let own = Shipped::read(live).filter(|shipped| told.as_ref().is_none_or(|told| *told == shipped.version));
    if let Some(shipped) = own.filter(|shipped| !shipped.leaves.is_empty()).or_else(|| slot.learned()) {
        return Some(shipped);
    }
    if told.as_ref() == Some(&coming.version) {
        return Some(coming.clone());
    }
    let ours = |name: &str| Some((name.to_owned(), leaf_of(&live.join(name))?));
    match kind {
        ReleaseKind::Executable => {
            let leaves = [file, Some(installed::INFO)].into_iter().flatten().filter_map(ours).collect();
            Some(Shipped { leaves, ..Shipped::default() })
        }
        ReleaseKind::Web | ReleaseKind::Zip => None,
    }
}

fn leaf_of(path: &Path) -> Option<shipped::Leaf> {
    let size = std::fs::symlink_metadata(path).ok().filter(std::fs::Metadata::is_file)?.len();
    Some(shipped::Leaf::File { sha256: shipped::digest(path).ok()?, size })
}

/// Runs work that blocks on the disk where it cannot hold up anything else; its error in words.
async fn blocking<T: Send + 'static, E: ToString + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, String> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(lost) => Err(format!("the work broke off: {lost}")),
    }
}

/// The prefix that every message of such an updater has.
struct Words<'a>(&'a ReleaseRef);

impl Words<'_> {
    fn says(&self, text: &str) -> String {
        format!("{} {}: {text}", self.0.kind.title(), self.0.updater)
    }

    fn failed(&self, text: &str) -> StepError {
        StepError { message: self.says(text), command_failed: false, printer_busy: false }
    }

    fn on_disk(&self, error: &TreeError) -> StepError {
        self.failed(&error.to_string())
    }
}
