//! What PackageKit does in apt-get's place, where it has the rights: lists, downloads, installations, upgrades. What there is
//! to do was found out from apt before, which needs no rights; PackageKit simulates it once more before it begins.
//! Refuses to: remove what nobody agreed to, and to repair (its rule gives no right to; see docs/service.md).

use std::collections::BTreeSet;

use refit_model::packages::{Ailing, PackageName, ailing};
use refit_model::updater::system::Provider;

use super::apt::Apt;
use super::failure::Failure;
use super::rights::{Means, REPAIR};
use super::weigh::{FINISH_FIRST, spelled};
use crate::packagekit::{Change, ChangeKind, Deed, Fault, PackageId, PackageKit, Resolved};

/// How far it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Downloads.
    Download,
    /// Installs.
    Install,
}

/// Packages may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Removals {
    /// None.
    Refused,
    /// Those that the owner agreed to, which the plan was compared with.
    Agreed,
}

/// What a repair is answered with where only PackageKit has rights.
pub(super) fn no_repair() -> Failure {
    Failure::said("Refit may install packages here, through PackageKit, but not repair or remove them").then(REPAIR)
}

impl Apt<'_> {
    /// PackageKit, where it is what has the rights.
    pub(super) fn kit(&self, means: Means) -> Option<&PackageKit> {
        self.rules.packagekit.as_ref().filter(|_| means == Means::PackageKit)
    }

    /// Who does the work here.
    pub(super) async fn provider(&self) -> Provider {
        let mut warning = None;
        if let Some(kit) = &self.rules.packagekit
            && let Ok(version) = kit.version().await
        {
            // A hole in it is one, whoever does the work.
            warning = version.warning("/".as_ref());
            if kit.is_usable().await {
                return Provider { name: "packagekit".to_owned(), version: Some(version.to_string()), warning };
            }
        }
        Provider { name: "apt".to_owned(), version: self.version().await, warning }
    }

    /// Fetches the lists, and says of which sources that was not possible: apt's words for it come through PackageKit
    /// without the letter in front that tells them apart.
    pub(super) async fn kit_lists(&self, kit: &PackageKit) -> Result<Vec<Ailing>, Failure> {
        let fault = match Box::pin(kit.refresh(true, &self.tell)).await {
            Ok(()) => return Ok(Vec::new()),
            Err(fault) => fault,
        };
        let seen = match &fault {
            Fault::Said { said } => ailing(b"", lettered(&said.details).as_bytes()),
            _ => Vec::new(),
        };
        if seen.is_empty() { Err(failure(&fault)) } else { Ok(seen) }
    }

    /// New packages, by their names.
    pub(super) async fn kit_install(
        &self,
        kit: &PackageKit,
        names: &[PackageName],
        extent: Extent,
    ) -> Result<(), Failure> {
        let wanted: Vec<Wanted<'_>> = names.iter().map(|name| Wanted { name: name.as_str(), version: None }).collect();
        Box::pin(self.kit_does(kit, Deed::Install, &wanted, extent, Removals::Refused)).await
    }

    /// Other versions of what is installed (`name=version`).
    pub(super) async fn kit_update(
        &self,
        kit: &PackageKit,
        wanted: &[String],
        extent: Extent,
        removals: Removals,
    ) -> Result<(), Failure> {
        let wanted: Vec<Wanted<'_>> = wanted.iter().filter_map(|one| Wanted::exactly(one)).collect();
        Box::pin(self.kit_does(kit, Deed::Update, &wanted, extent, removals)).await
    }

    /// Waits for what a daemon that died left at work, in units of its own and in PackageKit. Whether that is there at all
    /// others find out.
    pub(super) async fn wait_for_what_is_left(&self) {
        self.wait_for_units().await;
        if let Some(kit) = &self.rules.packagekit
            && let Err(fault) = Box::pin(kit.settle(&self.tell)).await
            && !matches!(fault, Fault::NoBus(_) | Fault::NotThere(_))
        {
            self.say(&format!("Whether PackageKit is still at work could not be seen ({fault})"));
        }
    }

    async fn kit_does(
        &self,
        kit: &PackageKit,
        deed: Deed,
        wanted: &[Wanted<'_>],
        extent: Extent,
        removals: Removals,
    ) -> Result<(), Failure> {
        // PackageKit takes dpkg's open journal for a lock and waits for nobody.
        if self.setup().await.is_some_and(|setup| Apt::has_open_journal(&setup)) {
            return Err(Failure::said("an earlier installation was cut off").then(FINISH_FIRST));
        }
        let failed = |fault: Fault| failure(&fault);
        let bare: BTreeSet<&str> = wanted.iter().map(|one| one.bare()).collect();
        let names: Vec<&str> = bare.into_iter().collect();
        let found = kit.resolve(&names).await.map_err(failed)?;
        let ids: Vec<PackageId> = wanted.iter().map(|one| one.among(&found)).collect::<Result<_, _>>()?;
        match extent {
            Extent::Download => kit.download(deed, &ids, &self.tell).await.map_err(failed),
            Extent::Install => {
                let changes = kit.simulate(deed, &ids).await.map_err(failed)?;
                if let Some(why) = objection(&changes, removals) {
                    return Err(Failure::said(why));
                }
                kit.change(deed, &ids, &|_| {}, &self.tell).await.map(drop).map_err(failed)
            }
        }
    }
}

/// What is asked for: `libfoo:armhf` in a version, or in any.
#[derive(Debug, Clone, Copy)]
struct Wanted<'a> {
    name: &'a str,
    version: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    fn exactly(text: &'a str) -> Option<Self> {
        text.split_once('=').map(|(name, version)| Self { name, version: Some(version) })
    }

    fn bare(self) -> &'a str {
        self.name.split(':').next().unwrap_or(self.name)
    }

    /// Which of those that were found it means.
    fn among(self, found: &[Resolved]) -> Result<PackageId, Failure> {
        let architecture = self.name.split_once(':').map(|(_, architecture)| architecture);
        let fits = |one: &&Resolved| {
            let id = &one.id;
            id.name() == self.bare()
                && !one.installed
                && self.version.is_none_or(|version| id.version() == version)
                && architecture.is_none_or(|wanted| [wanted, "all"].contains(&id.architecture()))
        };
        found.iter().find(fits).map(|one| one.id.clone()).ok_or_else(|| {
            let version = self.version.map(|version| format!(" {version}")).unwrap_or_default();
            Failure::said(format!("PackageKit does not offer {}{version}", self.name))
                .then("Have the lists fetched again: refit refresh system")
        })
    }
}

/// Why what would be done may not be done.
fn objection(changes: &[Change], removals: Removals) -> Option<String> {
    let of = |kind: ChangeKind| changes.iter().filter(move |change| change.kind == kind).map(|change| change.id.name());
    let (gone, strange, older) = (of(ChangeKind::Remove), of(ChangeKind::Untrusted), of(ChangeKind::Downgrade));
    let (gone, strange, older) = (spelled(gone), spelled(strange), spelled(older));
    if !gone.is_empty() && removals == Removals::Refused {
        Some(format!("this would remove {gone}, which nobody agreed to"))
    } else if !strange.is_empty() {
        Some(format!("{strange} comes from a source that nobody vouches for"))
    } else if !older.is_empty() {
        Some(format!("this would bring an older version of {older}"))
    } else {
        None
    }
}

/// With the letter that apt-get writes before an error.
fn lettered(details: &str) -> String {
    let bare = |line: &str| line.trim().trim_start_matches("E: ").trim_start_matches("W: ").to_owned();
    details.lines().map(|line| format!("E: {}\n", bare(line))).collect()
}

fn failure(fault: &Fault) -> Failure {
    let next = fault.next().map(str::to_owned);
    Failure { next, locked: matches!(fault, Fault::Locked { .. }), ..Failure::said(fault.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(id: &str, installed: bool) -> Resolved {
        Resolved { id: PackageId::new(id).unwrap(), installed }
    }

    #[test]
    fn the_version_and_the_architecture_that_are_asked_for_are_meant() {
        let found = [
            resolved("libfoo;1.0;arm64;installed:lab", true),
            resolved("libfoo;1.1;arm64;lab", false),
            resolved("libfoo;1.1;armhf;lab", false),
            resolved("tool;2.0;all;lab", false),
        ];
        let id = |text: &str| Wanted::exactly(text).unwrap().among(&found).map(|id| id.as_str().to_owned());
        assert_eq!(id("libfoo=1.1").unwrap(), "libfoo;1.1;arm64;lab");
        assert_eq!(id("libfoo:armhf=1.1").unwrap(), "libfoo;1.1;armhf;lab");
        assert_eq!(id("tool:armhf=2.0").unwrap(), "tool;2.0;all;lab");
        assert!(id("libfoo=1.0").unwrap_err().why.starts_with("PackageKit does not offer libfoo 1.0"));
        assert_eq!(Wanted { name: "tool", version: None }.among(&found).unwrap().version(), "2.0");
    }

    #[test]
    fn a_removal_needs_consent_and_strangers_are_refused() {
        let change = |kind| Change { id: PackageId::new("old;1.0;all;lab").unwrap(), kind };
        let (gone, new) = (change(ChangeKind::Remove), change(ChangeKind::Install));
        assert!(objection(&[new.clone(), gone.clone()], Removals::Refused).unwrap().contains("would remove old"));
        assert_eq!(objection(&[new, gone], Removals::Agreed), None);
        let strange = objection(&[change(ChangeKind::Untrusted)], Removals::Agreed);
        assert!(strange.unwrap().contains("nobody vouches for"));
        assert!(objection(&[change(ChangeKind::Downgrade)], Removals::Agreed).is_some());
    }
}
