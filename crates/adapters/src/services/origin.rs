//! Which service a process belongs to, and which instances of klipper and moonraker run from a checkout: the services that
//! are really to be restarted when `klipper` or `moonraker` is asked for.
//! Refuses to: restart, and to name a service by anything but its whole name.

use std::path::{Path, PathBuf};

use refit_model::settings::services::is_instance;

use super::deed::Found;
use super::name::of_file;

/// What is looked for in the names of services: the whole name is judged by [`is_instance`].
pub(super) fn patterns(asked: &str) -> [String; 3] {
    [format!("{asked}.service"), format!("{asked}-*.service"), format!("{asked}_*.service")]
}

/// The service of a process, as its control group tells: systemd gives each its own. None for what belongs to no service of
/// the system: a login, a container, a service of the user's own systemd.
pub(crate) fn unit_of(pid: u32) -> Option<String> {
    let groups = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/cgroup"));
    unit_in(&groups(pid).ok()?, &groups(1).unwrap_or_default())
}

/// See [`unit_of`]. The texts are those of `/proc/PID/cgroup` (cgroups(7)), of the process and of the first one: in a container
/// all groups may lie below one of the host's. systemd has its own in the unified hierarchy (`0::/path`), or in an old one
/// of its name (`1:name=systemd:/path`); where there are both, only one tells.
fn unit_in(groups: &str, first: &str) -> Option<String> {
    ["", "name=systemd"].into_iter().find_map(|hierarchy| {
        let top = group_in(first, hierarchy).unwrap_or_default();
        let top = top.strip_suffix("/init.scope").unwrap_or(top).trim_end_matches('/');
        let path = group_in(groups, hierarchy)?.strip_prefix(top).filter(|rest| rest.starts_with('/'))?;
        let below_slices = path.split('/').find(|part| !part.is_empty() && !part.ends_with(".slice"))?;
        // Names that could be taken for files of the kernel's get an underscore from systemd.
        let unit = of_file(below_slices.strip_prefix('_').unwrap_or(below_slices))?;
        let ends_there = path.split('/').filter(|part| part.ends_with(".service")).count() == 1;
        ends_there.then(|| unit.to_owned())
    })
}

fn group_in<'a>(groups: &'a str, hierarchy: &str) -> Option<&'a str> {
    let mut paths = groups.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
    paths.find(|(controllers, _)| *controllers == hierarchy).map(|(_, path)| path)
}

/// What tells where a process runs from: the words of its command line that are paths. None where we may not look.
pub(super) fn paths_of(pid: u32) -> Vec<String> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
    words.filter(|word| word.starts_with('/')).collect()
}

/// Software as it lies on the disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checkout {
    /// Its folder.
    pub(crate) home: Option<PathBuf>,
    /// Its Python environment.
    pub(crate) environment: Option<PathBuf>,
}

impl Checkout {
    fn holds(&self, path: &str) -> bool {
        let places = [&self.home, &self.environment];
        let below = |path: &Path| places.into_iter().flatten().any(|place| path.starts_with(place));
        let path = Path::new(path);
        path.is_absolute() && (below(path) || folder_of(path).is_some_and(|real| below(&real)))
    }

    /// With the links on the way resolved.
    pub(crate) fn resolved(self) -> Self {
        let real = |place: Option<PathBuf>| place.map(|place| place.canonicalize().unwrap_or(place));
        Self { home: real(self.home), environment: real(self.environment) }
    }
}

/// A path with the links of its folder resolved: the last part may be one that leads elsewhere, as `bin/python` does.
fn folder_of(path: &Path) -> Option<PathBuf> {
    let folder = path.parent()?.canonicalize().ok()?;
    Some(folder.join(path.file_name()?))
}

/// The units to restart when `asked` is asked for: those that run from the checkout and are in use, and the one that
/// answers on the printer's socket. `asked` itself when nothing better is known.
pub(super) fn choose(asked: &str, found: &[Found], checkout: &Checkout, peer: Option<&str>) -> Vec<String> {
    let ours = |found: &&Found| {
        is_instance_of(asked, &found.unit) && (found.paths.iter().any(|path| checkout.holds(path)) || is(peer, found))
    };
    let ours: Vec<&Found> = found.iter().filter(ours).collect();
    let in_use: Vec<String> = ours.iter().filter(|one| one.in_use).map(|one| one.unit.clone()).collect();
    if !in_use.is_empty() {
        return in_use;
    }
    if ours.is_empty() || ours.iter().any(|one| one.unit == asked) {
        return vec![asked.to_owned()];
    }
    ours.into_iter().map(|one| one.unit.clone()).collect()
}

fn is(peer: Option<&str>, found: &Found) -> bool {
    peer == Some(found.unit.as_str())
}

/// An instance of klipper is none of moonraker; and whole names only (CONTRACT §8 row 7).
fn is_instance_of(asked: &str, unit: &str) -> bool {
    let rest = unit.strip_prefix(asked);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_'])) && is_instance(unit)
}

#[cfg(test)]
#[path = "origin_tests.rs"]
mod tests;
