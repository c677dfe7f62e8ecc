//! The public JSON shape of the `system` entry (CONTRACT §3.5): four fields, and what Refit adds.
//! Refuses to: decide anything; a shape says what the model says.

use refit_model::updater::system::{Interrupted, Lists, PackageUpgrade, Provider, SystemAssessment};
use serde::Serialize;

use super::hold::Holding;

/// The entry.
#[derive(Serialize)]
pub(super) struct SystemEntry<'a> {
    name: &'a str,
    configured_type: &'static str,
    package_count: usize,
    package_list: &'a [String],
    refit: SystemExtras<'a>,
}

/// What Refit adds. Times are seconds since 1970, sizes bytes.
#[derive(Serialize)]
struct SystemExtras<'a> {
    /// 0: nobody has looked yet. Null: looked at, and the lists were not fetched by Refit yet.
    last_refresh: Option<i64>,
    provider: Option<&'a Provider>,
    /// What an upgrade would bring, with new packages that these need.
    packages: &'a [PackageUpgrade],
    /// To download, as far as it is known.
    size: u64,
    held_packages: &'a [PackageUpgrade],
    kept_back: &'a [PackageUpgrade],
    /// What the upgrade of those that are kept back would remove; it takes consent.
    would_remove: &'a [String],
    lists: &'a Lists,
    end_of_life: Option<&'a str>,
    interrupted: &'a [Interrupted],
    reboot_required: bool,
    /// The packages that ask for it, where they are known.
    reboot_packages: &'a [String],
    warnings: &'a [String],
    #[serde(flatten)]
    holding: Holding<'a>,
}

impl<'a> From<(&'a SystemAssessment, Holding<'a>)> for SystemEntry<'a> {
    fn from((system, holding): (&'a SystemAssessment, Holding<'a>)) -> Self {
        let reboot = system.reboot.as_ref();
        Self {
            name: system.name.as_str(),
            configured_type: "system",
            package_count: system.package_list.len(),
            package_list: &system.package_list,
            refit: SystemExtras {
                last_refresh: Some(system.last_refresh).filter(|at| *at != 0 || !system.seen),
                provider: system.provider.as_ref(),
                packages: &system.packages,
                size: system.packages.iter().filter_map(|package| package.bytes).sum(),
                held_packages: &system.held,
                kept_back: &system.kept_back,
                would_remove: &system.would_remove,
                lists: &system.lists,
                end_of_life: system.end_of_life.as_deref(),
                interrupted: &system.interrupted,
                reboot_required: reboot.is_some(),
                reboot_packages: reboot.map(|reboot| reboot.packages.as_slice()).unwrap_or_default(),
                warnings: &system.warnings,
                holding,
            },
        }
    }
}
