//! Settings of a repository itself that would make git run code (RELIABILITY.md §5, row 7): found by reading its
//! configuration and hooks before the first git command, switched off or refused, and named.
//!
//! What a repository brings along is not trusted: its `config`, its `config.worktree`, files that these include, its
//! hooks. The owner's own configuration (`~/.gitconfig`) and the machine's are: a filter that the owner installed there
//! (Git LFS) runs. Attributes alone run nothing; they only name filters, so it is the filters' commands that count.
//! Attributes stay in force (no `GIT_ATTR_SOURCE`): without them a repository with `text=auto` looks modified, and each
//! local filter is switched off by its name. Files are never written through a filter that is switched off: updates of
//! such a repository are refused.
//! Refuses to: run git.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use refit_model::updater::git::Hazard;
use thiserror::Error;

use super::config::{self, Entry};
use super::layout::{Layout, read_small};

/// Includes nested deeper than this are git's own error.
const DEPTH: u8 = 10;

/// What git is about to do in the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Look, without a network and without changing anything.
    Read,
    /// Change refs, index and work tree, without a network.
    Write,
    /// Speak with a remote: changes refs and objects only.
    Fetch,
}

/// Git is not run for this purpose because of a setting.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("git is not run in {path}: the setting {key} of the repository itself would run code or redirect git; remove it with 'git config --unset-all'", path = .path.display())]
pub struct HazardError {
    /// The repository.
    pub path: PathBuf,
    /// The setting.
    pub key: String,
}

/// What was found in one repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// Everything that would run code, for the owner.
    pub hazards: Vec<Hazard>,
    /// `key=value`, for `git -c`, that switch off what can be switched off.
    pub overrides: Vec<String>,
    /// The files that were read, for the fingerprint; also those that were not there.
    pub files: Vec<PathBuf>,
    /// The variables of the repository, in order: `config`, then `config.worktree`, includes in their place.
    pub entries: Vec<Entry>,
    /// A file that git cannot read either, by name and line.
    pub broken: Option<PathBuf>,
    /// Something is included on a condition that only git can judge.
    pub conditional: bool,
    no_read: Option<String>,
    no_write: Option<String>,
    no_fetch: Option<String>,
}

/// What is done about a setting.
enum Treatment {
    /// Harmless, or not used by anything that is run here.
    None,
    /// The fixed prefix or environment of every command has it switched off.
    Off,
    /// Switched off by setting it to nothing.
    Empty,
    /// Reads: switched off. Writes: refused, since files would be written in a form that their owner does not use.
    Filter,
    /// Cannot be switched off one by one: no network command is run.
    NoFetch,
    /// Nothing is run at all.
    Nothing,
}

impl Scan {
    /// Reads the configuration and the hooks of a repository.
    #[must_use]
    pub fn of(layout: &Layout, home: &Path) -> Self {
        let mut scan = Self::default();
        if !layout.has_git() {
            return scan;
        }
        scan.read(&layout.common_dir.join("config"), home, DEPTH);
        scan.read(&layout.git_dir.join("config.worktree"), home, DEPTH);
        let mut seen = BTreeSet::new();
        for entry in std::mem::take(&mut scan.entries) {
            scan.judge(&entry, layout, &mut seen);
            scan.entries.push(entry);
        }
        scan.hooks(&layout.common_dir.join("hooks"));
        scan
    }

    /// Whether git may be run for a purpose.
    ///
    /// # Errors
    /// [`HazardError`] naming the setting that speaks against it.
    pub fn allows(&self, layout: &Layout, purpose: Purpose) -> Result<(), HazardError> {
        let against = match purpose {
            Purpose::Read => self.no_read.as_ref(),
            Purpose::Write => self.no_read.as_ref().or(self.no_write.as_ref()),
            Purpose::Fetch => self.no_read.as_ref().or(self.no_fetch.as_ref()),
        };
        against.map_or(Ok(()), |key| Err(HazardError { path: layout.work.clone(), key: key.clone() }))
    }

    /// Reads one file and what it includes, in git's order.
    pub(super) fn read(&mut self, file: &Path, home: &Path, depth: u8) {
        self.files.push(file.to_owned());
        let Some(bytes) = read_small(file) else { return };
        let Ok(entries) = config::parse(&bytes) else {
            self.broken.get_or_insert_with(|| file.to_owned());
            return;
        };
        for entry in entries {
            let include = entry.name == "path" && matches!(entry.section.as_str(), "include" | "includeif");
            let target = include.then(|| included(file, home, &entry.text()));
            self.conditional |= entry.section == "includeif";
            self.entries.push(entry);
            if let Some(target) = target.filter(|_| depth > 0) {
                // A condition is taken for met: rather one hazard too many.
                self.read(&target, home, depth - 1);
            }
        }
    }

    fn judge(&mut self, entry: &Entry, layout: &Layout, seen: &mut BTreeSet<String>) {
        let mut key = entry.key();
        let mut treatment = treatment(entry, layout);
        let needs_override = matches!(treatment, Treatment::Empty | Treatment::Filter);
        if needs_override && entry.subsection.as_deref().is_some_and(|sub| !is_plain(sub)) {
            // `git -c` cannot name it.
            treatment = Treatment::Nothing;
        }
        key.retain(|c| !c.is_control());
        let refused = match treatment {
            Treatment::None => return,
            Treatment::Off => false,
            Treatment::Empty => {
                self.overrides.push(format!("{key}="));
                false
            }
            Treatment::Filter => {
                let filter = key.rsplit_once('.').map_or(key.as_str(), |(filter, _)| filter);
                self.overrides.push(format!("{key}="));
                self.overrides.push(format!("{filter}.required=false"));
                self.no_write.get_or_insert_with(|| key.clone());
                true
            }
            Treatment::NoFetch => {
                self.no_fetch.get_or_insert_with(|| key.clone());
                true
            }
            Treatment::Nothing => {
                self.no_read.get_or_insert_with(|| key.clone());
                true
            }
        };
        if seen.insert(key.clone()) {
            self.hazards.push(Hazard { key, refused });
        }
    }

    /// Hooks that git would run during anything that is done here. They are switched off; the owner should know.
    fn hooks(&mut self, folder: &Path) {
        const RUN_BY_UPDATES: [&str; 5] =
            ["post-checkout", "post-merge", "post-index-change", "reference-transaction", "pre-auto-gc"];
        for name in RUN_BY_UPDATES {
            let runs =
                fs::metadata(folder.join(name)).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
            if runs {
                self.hazards.push(Hazard { key: format!("hooks/{name}"), refused: false });
            }
        }
    }
}

/// Where an include leads (git-config(1), Includes).
fn included(file: &Path, home: &Path, target: &str) -> PathBuf {
    match target.strip_prefix("~/") {
        Some(below) => home.join(below),
        None => file.parent().unwrap_or(file).join(target),
    }
}

/// Can stand in a `git -c` argument before the equals sign.
fn is_plain(subsection: &[u8]) -> bool {
    subsection.iter().all(|b| b.is_ascii_graphic() && *b != b'=')
}

fn treatment(entry: &Entry, layout: &Layout) -> Treatment {
    let value = entry.text();
    match (entry.section.as_str(), entry.subsection.is_some(), entry.name.as_str()) {
        // A boolean switches git's own daemon on or off; anything else is a program.
        ("core", false, "fsmonitor") if is_boolean(entry) => Treatment::None,
        ("core", false, "fsmonitor" | "hookspath" | "sshcommand" | "askpass") => Treatment::Off,
        ("core", false, "gitproxy" | "alternaterefscommand") => Treatment::NoFetch,
        ("core", false, "worktree") if leads_elsewhere(layout, &value) => Treatment::Nothing,
        // Commands are run without signatures, external diffs and merges: named because the owner should know.
        ("gpg", _, "program") | ("diff", false, "external") => Treatment::Off,
        ("diff", true, "command" | "textconv") | ("merge", true, "driver") => Treatment::Off,
        ("filter", true, "clean" | "smudge" | "process") => Treatment::Filter,
        ("credential", _, "helper") if is_gits_own_helper(&value) => Treatment::None,
        ("credential", _, "helper") => Treatment::Empty,
        ("url", true, "insteadof") => Treatment::NoFetch,
        ("remote", true, "uploadpack" | "vcs") => Treatment::NoFetch,
        _ => Treatment::None,
    }
}

fn is_boolean(entry: &Entry) -> bool {
    let text = entry.text().to_ascii_lowercase();
    entry.value.is_none() || matches!(text.as_str(), "true" | "false" | "yes" | "no" | "on" | "off" | "0" | "1" | "")
}

/// The helpers that come with git, with nothing that the shell would look at twice.
fn is_gits_own_helper(value: &str) -> bool {
    let mut words = value.split(' ');
    let own = matches!(words.next(), Some("" | "store" | "cache"));
    own && words.all(|word| word.strip_prefix("--timeout=").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit())))
}

/// A work tree that is not where the owner configured it: git would change files elsewhere.
fn leads_elsewhere(layout: &Layout, value: &str) -> bool {
    let target = fs::canonicalize(layout.git_dir.join(value));
    match (target, fs::canonicalize(&layout.work)) {
        (Ok(target), Ok(work)) => target != work,
        (Err(_), _) | (_, Err(_)) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refit_model::updater::git::RepoKind;

    fn scan(config: &str, more: &[(&str, &str)]) -> (Scan, Layout, tempfile::TempDir) {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join(".git/hooks")).unwrap();
        fs::write(place.path().join(".git/config"), config).unwrap();
        for (name, text) in more {
            fs::write(place.path().join(name), text).unwrap();
        }
        let layout = Layout::find(place.path());
        assert_eq!(layout.kind, RepoKind::Repo);
        (Scan::of(&layout, place.path()), layout, place)
    }

    fn keys(scan: &Scan) -> Vec<(&str, bool)> {
        scan.hazards.iter().map(|h| (h.key.as_str(), h.refused)).collect()
    }

    #[test]
    fn an_ordinary_repository_has_none() {
        let config = "[core]\n\tbare = false\n\tfsmonitor = true\n[remote \"origin\"]\n\turl = https://x/y\n\
                      [branch \"m\"]\n\tremote = origin\n[credential]\n\thelper = store\n\thelper = cache --timeout=60\n";
        let (scan, layout, _place) = scan(config, &[]);
        assert_eq!(keys(&scan), []);
        for purpose in [Purpose::Read, Purpose::Write, Purpose::Fetch] {
            assert_eq!(scan.allows(&layout, purpose), Ok(()));
        }
    }

    #[test]
    fn what_can_be_switched_off_is_and_is_named() {
        let config = "[core]\n\tfsmonitor = ./evil\n\thooksPath = h\n\tsshCommand = evil\n[credential]\n\thelper = !evil\n\
                      helper = \"store; evil\"\n[diff \"x\"]\n\ttextconv = evil\n";
        let (scan, layout, _place) = scan(config, &[]);
        let want = ["core.fsmonitor", "core.hookspath", "core.sshcommand", "credential.helper", "diff.x.textconv"];
        assert_eq!(keys(&scan), want.map(|key| (key, false)));
        assert_eq!(scan.overrides, ["credential.helper=", "credential.helper="]);
        assert_eq!(scan.allows(&layout, Purpose::Write), Ok(()));
    }

    #[test]
    fn a_filter_stops_writes_and_a_redirection_stops_fetches() {
        let (filter, layout, _place) = scan("[filter \"z.y\"]\n\tclean = evil\n", &[]);
        assert_eq!(keys(&filter), [("filter.z.y.clean", true)]);
        assert_eq!(filter.overrides, ["filter.z.y.clean=", "filter.z.y.required=false"]);
        assert!(filter.allows(&layout, Purpose::Read).is_ok() && filter.allows(&layout, Purpose::Write).is_err());
        let (url, layout, _place) = scan("[url \"ext::sh -c evil\"]\n\tinsteadOf = https://\n", &[]);
        assert!(url.allows(&layout, Purpose::Write).is_ok() && url.allows(&layout, Purpose::Fetch).is_err());
        let (odd, layout, _place) = scan("[filter \"a=b\"]\n\tclean = evil\n", &[]);
        assert!(odd.allows(&layout, Purpose::Read).is_err());
    }

    #[test]
    fn a_work_tree_elsewhere_stops_everything() {
        let (elsewhere, layout, _place) = scan("[core]\n\tworktree = /etc\n", &[]);
        assert!(elsewhere.allows(&layout, Purpose::Read).is_err());
        let (here, layout, _place) = scan("[core]\n\tworktree = ..\n", &[]);
        assert!(here.allows(&layout, Purpose::Read).is_ok());
    }

    #[test]
    fn included_files_and_hooks_are_looked_at() {
        let config = "[include]\n\tpath = ../inc\n[includeIf \"gitdir:/x\"]\n\tpath = ~/cond\n";
        let more = [("inc", "[core]\n\tsshCommand = a\n[include]\n\tpath = inc\n"), ("cond", "[core]\naskPass = b\n")];
        let (mut scan, layout, place) = scan(config, &more);
        assert_eq!(keys(&scan), [("core.sshcommand", false), ("core.askpass", false)]);
        assert!(scan.conditional);
        let hook = place.path().join(".git/hooks/post-merge");
        fs::write(&hook, "#!/bin/sh\n").unwrap();
        scan = Scan::of(&layout, place.path());
        assert_eq!(scan.hazards.len(), 2, "a hook that cannot be executed does not run");
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(keys(&Scan::of(&layout, place.path()))[2], ("hooks/post-merge", false));
    }
}
