//! Which release is the newest, and which of its files is the one to install.
//! Refuses to: guess between several files; it says which ones there are.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Asset, Release, ReleaseKind};
use crate::name::UpdaterName;
use crate::settings::Channel;
use crate::version::Version;

/// The file to install, and why it is that one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The file.
    pub asset: Asset,
    /// In words for people, after the file's name: `named by release_info.json`.
    pub why: String,
}

/// What decides between the files of a release.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The section's name.
    pub updater: &'a UpdaterName,
    /// Which type.
    pub kind: ReleaseKind,
    /// `asset_name` of the installed `release_info.json`.
    pub named: Option<&'a str>,
    /// This machine's architecture as Rust names it.
    pub machine: &'a str,
}

/// Why there is nothing to install.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("release {tag} has no file that fits: {why}")]
pub struct NoAsset {
    tag: String,
    why: String,
}

/// Chooses the file of a release: the one that the installed `release_info.json` names, else `NAME.zip` with the
/// section's name, else the only zip; an executable with one file for each architecture takes this machine's.
///
/// # Errors
/// [`NoAsset`] when none or several fit, with the names of those that there are.
pub fn choose_asset(wish: &Wish<'_>, release: &Release) -> Result<Choice, NoAsset> {
    let chosen = |asset: &Asset, why: String| Ok(Choice { asset: asset.clone(), why });
    let by_name = |name: &str| release.assets.iter().find(|asset| asset.name == name);
    if let Some(asset) = wish.named.and_then(by_name) {
        return chosen(asset, "named by release_info.json".to_owned());
    }
    match wish.kind {
        ReleaseKind::Web | ReleaseKind::Zip => {
            let own = format!("{}.zip", wish.updater);
            if let Some(asset) = by_name(&own) {
                return chosen(asset, "named like the updater".to_owned());
            }
            let mut zips = release.assets.iter().filter(|asset| asset.name.to_ascii_lowercase().ends_with(".zip"));
            match (zips.next(), zips.next()) {
                (Some(only), None) => chosen(only, "the only zip of the release".to_owned()),
                (Some(_), Some(_)) => Err(none(release, "several zips, and none is named by release_info.json")),
                (None, _) => Err(none(release, "no zip")),
            }
        }
        ReleaseKind::Executable => {
            let mut fit = release.assets.iter().filter(|asset| is_for(&asset.name, wish.machine));
            match (fit.next(), fit.next()) {
                (Some(only), None) => chosen(only, format!("the one for this machine ({})", wish.machine)),
                (Some(_), Some(_)) => Err(none(release, &format!("several for this machine ({})", wish.machine))),
                (None, _) => Err(none(release, &format!("none for this machine ({})", wish.machine))),
            }
        }
    }
}

fn none(release: &Release, why: &str) -> NoAsset {
    let names: Vec<&str> = release.assets.iter().take(10).map(|asset| asset.name.as_str()).collect();
    let listed = if names.is_empty() { "it has no files".to_owned() } else { names.join(", ") };
    NoAsset { tag: release.tag.clone(), why: format!("{why} ({listed})") }
}

/// Whether a file's name says that it runs on an architecture. Names of things beside a program do not count.
fn is_for(name: &str, machine: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let beside = [".sha256", ".sha256sum", ".minisig", ".sig", ".asc", ".txt", ".json", ".zip", ".gz", ".xz", ".exe"];
    if beside.iter().any(|ending| name.ends_with(ending)) || name.contains("windows") || name.contains("darwin") {
        return false;
    }
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let any = |known: &[&str]| words.iter().any(|word| known.contains(word));
    match machine {
        "aarch64" => any(&["aarch64", "arm64", "armv8"]),
        "arm" => any(&["arm", "armhf", "armv6", "armv6l", "armv7", "armv7l", "armv7hf", "rpi"]),
        // `x86_64` falls apart into two words.
        "x86_64" => any(&["amd64", "x64"]) || name.contains("x86_64") || name.contains("x86-64"),
        other => any(&[other]),
    }
}

/// Published checksum files that may speak of an asset, the more specific first.
pub fn checksum_assets<'a>(release: &'a Release, asset: &str) -> Vec<&'a Asset> {
    let own = [format!("{asset}.sha256"), format!("{asset}.sha256sum"), format!("{asset}.sha256.txt")];
    let common = ["sha256sums", "sha256sums.txt", "sha256sum.txt", "checksums.txt", "checksums.sha256", "sha256.txt"];
    let named = |name: &str| release.assets.iter().find(|other| other.name.eq_ignore_ascii_case(name));
    own.iter().map(String::as_str).chain(common).filter_map(named).collect()
}

/// The newest of several releases by version order, for a channel. What has no version comes after all that have one, in
/// the forge's order, which is newest first.
#[must_use]
pub fn newest(channel: Channel, releases: Vec<Release>) -> Option<Release> {
    let fits = |release: &Release| match channel {
        Channel::Stable => !release.prerelease,
        Channel::Beta | Channel::Dev => true,
    };
    let mut best: Option<Release> = None;
    for release in releases.into_iter().filter(fits) {
        let better = match &best {
            None => true,
            Some(best) => match (version(&release), version(best)) {
                (Some(new), Some(old)) => new > old,
                (Some(_), None) => true,
                (None, _) => false,
            },
        };
        if better {
            best = Some(release);
        }
    }
    best
}

/// Whether a release is what an installed version says of itself.
pub(super) fn is_same(installed: &str, release: &Release) -> bool {
    release.name.as_deref() == Some(installed) || release.tag == installed
}

/// Whether a release is worth installing over a version: another one, and not an older one as far as numbers tell.
#[must_use]
pub fn is_newer(installed: &str, release: &Release) -> bool {
    if is_same(installed, release) {
        return false;
    }
    match (Version::of_tag(installed), version(release)) {
        (Some(old), Some(new)) => new.partial_cmp(&old) == Some(Ordering::Greater),
        (None, _) | (_, None) => true,
    }
}

fn version(release: &Release) -> Option<Version> {
    Version::of_tag(&release.tag).or_else(|| release.name.as_deref().and_then(Version::of_tag))
}

#[cfg(test)]
#[path = "choose_tests.rs"]
mod tests;
