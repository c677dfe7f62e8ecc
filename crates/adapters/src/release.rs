//! The hand for software that ships as releases: looks at folders and forges, and does the steps of their plans.
//! Refuses to: decide what is done, and to unpack or run what was not verified.
//!
//! | file | what it is |
//! |---|---|
//! | [`installed`] | what a folder says of itself |
//! | [`shipped`] | the list of what a release shipped |
//! | [`slot`] | what one step leaves for the next |
//! | [`stage`] | the next version beside the one in use |
//! | [`carry`] | the owner's files |
//! | [`exchange`] | the switch |
//! | `preview` | what a release would change |
//! | [`previous`] | versions that are kept |

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use refit_engine::ports::{Circumstance, StepError, Tell};
use refit_model::plan::Action;
use refit_model::settings::Channel;
use refit_model::step::{KeptPlace, OldFolder, ReleaseRef, WantedRelease};
use refit_model::updater::release::{
    Difference, ReleaseFacts, ReleaseKind, ReleaseSpec, ReleaseSurvey, RemoteRelease, Source, Verify, Wish, assess,
    checksum_assets, choose_asset, effective_source, installed_version,
};

use crate::archive::Bounds;
use crate::command::{Command, Ended, Limits, Surroundings};
use crate::disk;
use crate::download::{Downloads, Wanted};
use crate::fault::FaultPlan;
use crate::forge::Forges;
use crate::git::hand::off_the_loop;
use crate::git::keep;
use crate::tree::{self, Sides, TreeError};

pub mod carry;
pub mod exchange;
pub mod installed;
mod preview;
pub mod previous;
pub mod shipped;
pub mod slot;
pub mod stage;

use carry::Carry;
use shipped::Shipped;
use slot::{Downloaded, Slot};

/// How a new program is tried.
const PROBE: Limits =
    Limits { total: Some(Duration::from_secs(20)), stall: None, grace: Duration::from_secs(2), stdout: 64 * 1024 };

/// What a zip unpacks to at most, near enough for the question whether there is room.
const UNPACKED: u64 = 4;

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
    forges: Forges,
    downloads: Downloads,
}

impl Releases {
    /// With its forges.
    #[must_use]
    pub fn new(rules: ReleaseRules, forges: Forges) -> Self {
        let downloads = Downloads::new(rules.downloads.clone());
        Self { rules, forges, downloads }
    }

    /// Looks at the folder.
    pub async fn look(&self, spec: &ReleaseSpec, before: &ReleaseFacts) -> ReleaseFacts {
        let (kind, path) = (spec.kind, spec.path.clone());
        let home = self.rules.surroundings.home.clone();
        let seen = off_the_loop(move || {
            let real = real_path(&path).unwrap_or_else(|| path.clone());
            let seen = installed::look(kind, &path, &home);
            let shipped = Shipped::read(&real);
            Ok((seen, shipped, previous::list(&real), keep::kept(&real)))
        });
        let mut facts = ReleaseFacts { survey: None, ..before.clone() };
        // It is only lost with the process.
        let Ok((seen, shipped, previous, kept)) = seen.await else { return facts };
        let version = installed_version(spec.kind, &seen).map(str::to_owned);
        facts.verified =
            shipped.filter(|shipped| Some(&shipped.version) == version.as_ref()).map(|shipped| shipped.verified);
        facts.rollback = facts.rollback.or_else(|| version.clone());
        facts.last_version = version.or(facts.last_version);
        facts.installed = seen;
        facts.previous = previous;
        facts.kept = kept;
        facts
    }

    /// Looks, and asks the forge; what was known of it stays when it cannot be asked (CONTRACT §8 row 13).
    pub async fn refresh(&self, spec: &ReleaseSpec, before: &ReleaseFacts, now: i64) -> ReleaseFacts {
        let mut facts = self.look(spec, before).await;
        facts.last_refresh = now;
        facts.config_hash.clone_from(&spec.config_hash);
        self.ask(spec, &mut facts, now).await;
        facts
    }

    /// Nobody is asked about what is not validly installed (observed in Moonraker).
    async fn ask(&self, spec: &ReleaseSpec, facts: &mut ReleaseFacts, now: i64) {
        if !assess(spec, facts).is_valid {
            return;
        }
        let source = effective_source(spec, &facts.installed);
        let version = installed_version(spec.kind, &facts.installed);
        facts.remote = self.forges.newest(&source, spec.channel, version, &facts.remote, now).await;
    }

    /// Looks more closely, for a plan.
    pub async fn survey(&self, spec: &ReleaseSpec, before: &ReleaseFacts, action: Action, now: i64) -> ReleaseFacts {
        let mut facts = self.look(spec, before).await;
        if action == Action::Upgrade && facts.remote.release.is_none() {
            // What is offered was never told: now is the moment to ask (observed in Moonraker).
            self.ask(spec, &mut facts, now).await;
        }
        let version = installed_version(spec.kind, &facts.installed).map(str::to_owned);
        let (path, rollback) = (spec.path.clone(), facts.rollback.clone().unwrap_or_default());
        let home = self.rules.surroundings.home.clone();
        let survey = off_the_loop(move || {
            let real_path = real_path(&path);
            let real = real_path.as_deref().unwrap_or(&path);
            let shipped = Shipped::read(real).filter(|list| version.as_ref().is_none_or(|told| *told == list.version));
            let known = shipped.as_ref().is_some_and(|shipped| !shipped.leaves.is_empty());
            let wrong = match (&shipped, action) {
                (Some(shipped), Action::SoftRecovery) => shipped.wrong(real)?,
                (_, Action::Upgrade | Action::SoftRecovery | Action::HardRecovery | Action::Rollback) => Vec::new(),
            };
            let sound_previous = (action == Action::Rollback).then(|| previous::sound(real, &rollback)).flatten();
            let fixed = fixed(real, &home);
            Ok(ReleaseSurvey { shipped_known: known, wrong, sound_previous, fixed, real_path, difference: None })
        });
        facts.survey = survey.await.inspect_err(|error| tracing::warn!(%error, "not surveyed")).ok();
        facts
    }

    /// The same as [`Releases::survey`], and what an upgrade would change: the end of the archive is asked for, unless it
    /// is here already.
    pub async fn preview(&self, spec: &ReleaseSpec, before: &ReleaseFacts, action: Action, now: i64) -> ReleaseFacts {
        let mut facts = self.survey(spec, before, action, now).await;
        if action == Action::Upgrade && spec.kind != ReleaseKind::Executable {
            let difference = self.difference(spec, &facts).await;
            if let Some(survey) = &mut facts.survey {
                survey.difference = difference;
            }
        }
        facts
    }

    async fn difference(&self, spec: &ReleaseSpec, facts: &ReleaseFacts) -> Option<Difference> {
        let asset = assess(spec, facts).choice?.ok()?.asset;
        let size = asset.size.filter(|size| *size > 0)?;
        let held = asset.sha256.as_ref().map(|sha256| self.rules.downloads.join(sha256)).filter(|file| file.is_file());
        let laid_out = self.rules.downloads.join(format!("preview-{}", spec.config_hash));
        let file = match held {
            Some(file) => file,
            None => {
                let source = effective_source(spec, &facts.installed);
                let url = reqwest::Url::parse(&asset.url).ok()?;
                let wanted = usize::try_from(preview::TAIL.min(size)).ok()?;
                let tail = self.forges.tail(&source, &url, wanted).await;
                let tail = tail.inspect_err(|error| tracing::debug!(%error, "no preview")).ok()?;
                let file = laid_out.clone();
                let written = off_the_loop(move || preview::lay_out(&file, size, &tail));
                written.await.ok().map(|()| laid_out.clone())?
            }
        };
        let (live, bounds) = (spec.path.clone(), self.rules.bounds);
        let version = installed_version(spec.kind, &facts.installed).map(str::to_owned);
        let compared = off_the_loop(move || {
            let shipped = Shipped::read(&live)
                .filter(|list| !list.leaves.is_empty() && version.as_ref().is_none_or(|told| *told == list.version));
            let difference = preview::difference(&file, &live, shipped.as_ref(), &bounds);
            // Another preview may have taken it away already.
            let _gone = std::fs::remove_file(&laid_out);
            Ok(difference)
        });
        compared.await.ok().flatten()
    }

    /// Performs `Step::ReleaseDownload`.
    ///
    /// # Errors
    /// When it cannot be had, or is not what it should be.
    pub async fn download(
        &self,
        release: &ReleaseRef,
        wanted: &WantedRelease,
        verify: &Verify,
        label: &str,
        tell: &Tell,
    ) -> Result<Option<String>, StepError> {
        let says = Words(release);
        let file = self.locate(release, &release.source, wanted, verify).await?;
        self.require_room(release, file.size).map_err(|error| says.failed(&error.to_string()))?;
        let wanted = Wanted {
            source: &release.source,
            asset: &file.asset,
            checksums: &file.checksums,
            signature: file.signature.as_ref(),
            verify,
        };
        let report = |progress: crate::download::Progress| {
            let (done, total) = (progress.done, progress.total.unwrap_or(progress.done));
            let percent = (done.saturating_mul(100) + total / 2).checked_div(total).unwrap_or(100);
            tell(&format!("Downloading {label}: {} KiB / {} KiB [{percent}%]", done / 1024, total / 1024));
        };
        let got = self.downloads.fetch(&self.forges, &wanted, &report).await;
        let got = got.map_err(|error| says.failed(&error.to_string()))?;
        let note = format!("{} of release {}, verified by {}", file.asset.name, file.tag, got.verified);
        let (slot, asset) = (self.slot(release), file.asset.name.clone());
        let downloaded = Downloaded { version: file.version, tag: file.tag, asset, got };
        off_the_loop(move || slot.put(&downloaded)).await.map_err(|error| says.on_disk(&error))?;
        Ok(Some(note))
    }

    /// Performs `Step::ReleaseLearn`: what cannot be learned is carried over, and the note says so.
    ///
    /// # Errors
    /// None but a disk that cannot be written.
    pub async fn learn(
        &self,
        release: &ReleaseRef,
        version: &str,
        machine: &str,
        verify: &Verify,
    ) -> Result<Option<String>, StepError> {
        let wanted = WantedRelease::Tagged { version: version.to_owned(), machine: machine.to_owned() };
        let learned = self.learned(release, &wanted, version, verify).await;
        let shipped = match learned {
            Ok(shipped) => shipped,
            Err(error) => {
                return Ok(Some(format!(
                    "which files version {version} shipped could not be learned ({}): what the new version does not \
                     have stays",
                    error.message
                )));
            }
        };
        let slot = self.slot(release);
        off_the_loop(move || slot.learn(&shipped)).await.map_err(|error| Words(release).on_disk(&error))?;
        Ok(None)
    }

    async fn learned(
        &self,
        release: &ReleaseRef,
        wanted: &WantedRelease,
        version: &str,
        verify: &Verify,
    ) -> Result<Shipped, StepError> {
        let says = Words(release);
        let file = self.locate(release, &release.source, wanted, verify).await?;
        self.require_room(release, file.size).map_err(|error| says.failed(&error.to_string()))?;
        let asked = Wanted {
            source: &release.source,
            asset: &file.asset,
            checksums: &file.checksums,
            signature: file.signature.as_ref(),
            verify,
        };
        let got = self.downloads.fetch(&self.forges, &asked, &|_| {}).await;
        let got = got.map_err(|error| says.failed(&error.to_string()))?;
        let downloaded = Downloaded { version: file.version, tag: file.tag, asset: file.asset.name, got };
        let aside = self.rules.downloads.join(format!("learn-{}", release.slot));
        let (bounds, version) = (self.rules.bounds, version.to_owned());
        let learned = blocking(move || stage::learn(&downloaded, &version, &aside, &bounds)).await;
        learned.map_err(|error| says.failed(&error))
    }

    /// Performs `Step::ReleaseUnpack`.
    ///
    /// # Errors
    /// When the archive is refused, is another project's, or cannot be written.
    pub async fn unpack(&self, release: &ReleaseRef, stage: &Path, share: bool) -> Result<Option<String>, StepError> {
        let says = Words(release);
        let Some(downloaded) = self.slot(release).downloaded() else {
            return Err(says.failed("what was downloaded is gone; ask again"));
        };
        let (subject, stage, bounds) = (release.clone(), stage.to_owned(), self.rules.bounds);
        let unpacked = blocking(move || stage::unpack(&subject, &downloaded, &stage, share, &bounds)).await;
        let shipped = unpacked.map_err(|error| says.failed(&error))?;
        Ok(Some(format!("version {}, {} files", shipped.version, shipped.leaves.len())))
    }

    /// Performs `Step::ReleaseStageKept`.
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

    /// Performs `Step::ReleaseCarryOver`.
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
        let carried = blocking(move || {
            let coming = Shipped::read(&stage).unwrap_or_default();
            let shipped = shipped_by(&live, &coming, kind, file.as_deref(), &slot);
            let carry = Carry { live: live.clone(), stage, persistent, shipped, coming, kept, linger };
            let found = carry.find().map_err(|error| error.to_string())?;
            disk::require_room(live.parent().unwrap_or(&live), found.bytes()).map_err(|error| error.to_string())?;
            carry.carry(&found).map_err(|error| error.to_string())
        });
        let gives_way = carried.await.map_err(|error| says.failed(&error))?;
        if gives_way.is_empty() || place.is_empty() {
            return Ok(None);
        }
        let note = format!("Kept aside in {place}: {}", gives_way.join(", "));
        tell(&says.says(&note));
        Ok(Some(note))
    }

    /// Performs `Step::ReleaseProbe`.
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

    /// Performs `Step::ReleaseExchange`.
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

    /// Performs `Step::ReleaseVerify`. After a power cut every byte is read.
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

    /// Performs `Step::ReleasePrune`.
    pub async fn prune(&self, release: &ReleaseRef, old: &OldFolder, keep: u32, now: f64) -> Option<String> {
        let (live, slot) = (release.path.clone(), self.slot(release));
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        let old = old.clone();
        let pruned = off_the_loop(move || {
            if let OldFolder::Previous { version, folder } = &old {
                previous::list_shipped(folder, version, slot.learned())?;
            }
            slot.forget()?;
            let installed = Shipped::read(&live).map(|shipped| shipped.version);
            previous::prune(&live, installed.as_deref(), keep)
        });
        let gone = pruned.await.unwrap_or_else(|error| {
            tracing::warn!(%error, updater = %release.updater, "old versions stay for now");
            Vec::new()
        });
        self.downloads.prune(self.rules.keep_days, self.rules.keep_bytes, now);
        (!gone.is_empty()).then(|| format!("no longer kept: {}", gone.join(", ")))
    }

    /// Performs `Undo::ReleaseForget`.
    ///
    /// # Errors
    /// When a file cannot be deleted.
    pub async fn forget(&self, slot: &str) -> Result<(), TreeError> {
        let (slot, aside) =
            (Slot::new(&self.rules.downloads, slot), self.rules.downloads.join(format!("learn-{slot}")));
        off_the_loop(move || {
            tree::delete_stage(&aside)?;
            slot.forget()
        })
        .await
    }

    fn slot(&self, release: &ReleaseRef) -> Slot {
        Slot::new(&self.rules.downloads, &release.slot)
    }

    /// Which file to download.
    async fn locate(
        &self,
        release: &ReleaseRef,
        source: &Source,
        wanted: &WantedRelease,
        verify: &Verify,
    ) -> Result<Located, StepError> {
        let says = Words(release);
        let (found, machine) = match wanted {
            WantedRelease::Offered { tag, version, asset, checksums, signature, why: _ } => {
                return Ok(Located {
                    tag: tag.clone(),
                    version: version.clone(),
                    size: asset.size,
                    asset: asset.clone(),
                    checksums: checksums.clone(),
                    signature: signature.as_deref().cloned(),
                });
            }
            WantedRelease::Tagged { version, machine } => {
                let found = self.forges.tagged(source, version).await;
                (found.map_err(|error| format!("Failed to retrieve release asset data: {error}")), machine)
            }
            WantedRelease::Newest { beta, machine } => {
                let channel = if *beta { Channel::Beta } else { Channel::Stable };
                let told = self.forges.newest(source, channel, None, &RemoteRelease::default(), 0).await;
                let why = || told.error.unwrap_or_else(|| "there is no release".to_owned());
                (told.release.ok_or_else(|| format!("Unable to locate update: {}", why())), machine)
            }
        };
        let found = found.map_err(|why| says.failed(&why))?;
        let wish = Wish { updater: &release.updater, kind: release.kind, named: release.file.as_deref(), machine };
        let choice = choose_asset(&wish, &found).map_err(|error| says.failed(&error.to_string()))?;
        let signature = match verify {
            Verify::Minisign { .. } => {
                let name = format!("{}.minisig", choice.asset.name);
                found.assets.iter().find(|asset| asset.name == name).cloned()
            }
            Verify::WhatThereIs | Verify::Digest | Verify::SizeOnly => None,
        };
        Ok(Located {
            version: found.name.clone().unwrap_or_else(|| found.tag.clone()),
            size: choice.asset.size,
            checksums: checksum_assets(&found, &choice.asset.name).into_iter().cloned().collect(),
            tag: found.tag,
            asset: choice.asset,
            signature,
        })
    }

    /// Room for the download and for what it unpacks to, together where both are on one disk; the previous version has
    /// its place already.
    fn require_room(&self, release: &ReleaseRef, size: Option<u64>) -> Result<(), disk::NoRoom> {
        let Some(size) = size else { return Ok(()) };
        let unpacked = match release.kind {
            ReleaseKind::Web | ReleaseKind::Zip => size.saturating_mul(UNPACKED),
            ReleaseKind::Executable => size,
        };
        let beside = release.path.parent().unwrap_or(&release.path);
        let device = |path: &Path| std::fs::metadata(path).map(|seen| seen.dev()).ok();
        if device(beside) == device(&self.rules.downloads) {
            return disk::require_room(beside, size.saturating_add(unpacked));
        }
        disk::require_room(&self.rules.downloads, size)?;
        disk::require_room(beside, unpacked)
    }
}

/// A file to download.
struct Located {
    tag: String,
    version: String,
    size: Option<u64>,
    asset: refit_model::updater::release::Asset,
    checksums: Vec<refit_model::updater::release::Asset>,
    signature: Option<refit_model::updater::release::Asset>,
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

/// Where a symbolic link leads; none for anything else.
fn real_path(path: &Path) -> Option<PathBuf> {
    let is_link = std::fs::symlink_metadata(path).is_ok_and(|seen| seen.is_symlink());
    is_link.then(|| std::fs::canonicalize(path).ok())?
}

/// Why a folder cannot be exchanged for another.
fn fixed(path: &Path, home: &Path) -> Option<String> {
    let why = if path.parent().is_none() || path == home || home.starts_with(path) {
        "it holds more than this software"
    } else {
        let device = |path: &Path| std::fs::metadata(path).map(|seen| seen.dev()).ok();
        if device(path) == device(path.parent()?) {
            return None;
        }
        "it is a mount point"
    };
    Some(format!(
        "{} cannot be replaced as a whole: {why}. Put the software into a folder of its own and change 'path'",
        path.display()
    ))
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
