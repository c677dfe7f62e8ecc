//! What apt-get says: of an installation that it only simulates (`apt-get -s`), and when it does not do as it is asked.
//! Refuses to: run it.

use std::collections::BTreeMap;

/// A package that a simulation would install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its name, with `:arch` where apt writes one.
    pub name: String,
    /// The version that it replaces; none for a package that is not there.
    pub from: Option<String>,
    /// The version that would come.
    pub version: String,
    /// Where it comes from, as apt writes it: `Debian-Security:12/stable-security`.
    pub origin: String,
}

impl Planned {
    /// It comes from where holes in the system's security are mended.
    #[must_use]
    pub fn is_security(&self) -> bool {
        self.origin.to_ascii_lowercase().contains("security")
    }
}

/// A package that a simulation would remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Its name.
    pub name: String,
}

/// What a simulation says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Simulation {
    /// What would be installed or upgraded, in apt's order.
    pub install: Vec<Planned>,
    /// What would go.
    pub remove: Vec<Removed>,
    /// Names that no source knows, or that have no version to be had.
    pub not_found: Vec<String>,
    /// Lines about what does not fit together: `needs-newer : Depends: base (>= 1.1) but 1.0 is to be installed`.
    pub unmet: Vec<String>,
    /// Packages that the owner had held, and that would change all the same.
    pub held: Vec<String>,
    /// Packages that an upgrade leaves as they are, those that the owner had held among them.
    pub kept_back: Vec<String>,
    /// Its errors, without their `E:`.
    pub errors: Vec<String>,
}

impl Simulation {
    /// From both outputs of `apt-get -s`.
    #[must_use]
    pub fn parse(stdout: &[u8], stderr: &[u8]) -> Self {
        let mut seen = Self::default();
        let mut heading = Heading::Other;
        for line in String::from_utf8_lossy(stdout).lines().chain(String::from_utf8_lossy(stderr).lines()) {
            match (heading, line.strip_prefix(' ')) {
                (Heading::Unmet, Some(below)) => {
                    seen.unmet.push(below.split_whitespace().collect::<Vec<_>>().join(" "))
                }
                (Heading::Held, Some(below)) => seen.held.extend(below.split_whitespace().map(str::to_owned)),
                (Heading::KeptBack, Some(below)) => {
                    seen.kept_back.extend(below.split_whitespace().map(str::to_owned));
                }
                (Heading::Other, _) | (Heading::Unmet | Heading::Held | Heading::KeptBack, None) => {
                    heading = Heading::of(line.trim_end())
                }
            }
            if let Some(rest) = line.strip_prefix("Inst ") {
                seen.install.extend(planned(rest));
            } else if let Some(rest) = line.strip_prefix("Remv ").or_else(|| line.strip_prefix("Purg ")) {
                seen.remove.extend(rest.split_whitespace().next().map(|name| Removed { name: name.to_owned() }));
            } else if let Some(error) = line.strip_prefix("E: ") {
                seen.error(error);
            } else if let Some(name) = regex_for(line) {
                // An old apt takes an unknown name for a pattern: that is no answer.
                seen.missing(name);
            }
        }
        seen
    }

    fn error(&mut self, text: &str) {
        let quoted = |text: &str| text.split('\'').nth(1).map(str::to_owned);
        if let Some(name) = text.strip_prefix("Unable to locate package ") {
            self.missing(name.trim());
        } else if text.contains("has no installation candidate")
            && let Some(name) = quoted(text)
        {
            self.missing(&name);
        } else if !text.starts_with("Couldn't find any package by ") {
            self.errors.push(text.trim().to_owned());
        }
    }

    fn missing(&mut self, name: &str) {
        if !self.not_found.iter().any(|known| known == name) {
            self.not_found.push(name.to_owned());
        }
    }

    /// The names of what would be installed and is not there yet.
    pub fn added(&self) -> impl Iterator<Item = &Planned> {
        self.install.iter().filter(|planned| planned.from.is_none())
    }
}

/// What lines that are set in are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heading {
    Unmet,
    Held,
    KeptBack,
    Other,
}

impl Heading {
    fn of(line: &str) -> Self {
        match line {
            "The following packages have unmet dependencies:" => Self::Unmet,
            "The following held packages will be changed:" => Self::Held,
            "The following packages have been kept back:" => Self::KeptBack,
            _ => Self::Other,
        }
    }
}

/// `name [old] (new Source [arch])`; the old version is there when it is an upgrade.
fn planned(rest: &str) -> Option<Planned> {
    let (name, rest) = rest.split_once(' ')?;
    let (before, rest) = rest.split_once('(')?;
    let version = rest.split([' ', ')']).next().filter(|version| !version.is_empty())?;
    let origin = rest.strip_prefix(version).and_then(|rest| rest.split([')', '[']).next()).unwrap_or_default().trim();
    let from = before.trim().strip_prefix('[').and_then(|old| old.split([' ', ']']).next());
    Some(Planned {
        name: name.to_owned(),
        from: from.map(str::to_owned),
        version: version.to_owned(),
        origin: origin.to_owned(),
    })
}

/// `Note, selecting 'libfoo1-2' for regex 'libfoo1.2'`.
fn regex_for(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("Note, selecting '")?;
    let (_, pattern) = rest.split_once("' for ")?;
    let (kind, rest) = pattern.split_once(" '")?;
    matches!(kind, "regex" | "glob" | "task").then(|| rest.trim_end_matches('\''))
}

/// The sizes that `apt-cache show` tells, by name and version.
#[must_use]
pub fn sizes(answer: &[u8]) -> BTreeMap<(String, String), u64> {
    let text = String::from_utf8_lossy(answer);
    let mut sizes = BTreeMap::new();
    for stanza in text.split("\n\n") {
        let field = |name: &str| {
            stanza
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(|value| value.trim().to_owned()))
        };
        if let (Some(name), Some(version), Some(size)) = (field("Package"), field("Version"), field("Size"))
            && let Ok(size) = size.parse()
        {
            sizes.insert((name, version), size);
        }
    }
    sizes
}

/// The installed version, where there is one, and the one that could be had, by name: from `apt-cache policy`.
#[must_use]
pub fn policies(answer: &[u8]) -> BTreeMap<String, (Option<String>, String)> {
    let text = String::from_utf8_lossy(answer);
    let (mut seen, mut about, mut installed) = (BTreeMap::new(), None, None);
    for line in text.lines() {
        if let Some(name) = line.strip_suffix(':').filter(|name| !name.starts_with(' ')) {
            (about, installed) = (Some(name.to_owned()), None);
        } else if let Some(version) = line.trim().strip_prefix("Installed: ") {
            installed = Some(version.to_owned()).filter(|version| version != "(none)");
        } else if let (Some(version), Some(name)) = (line.trim().strip_prefix("Candidate: "), about.take()) {
            seen.insert(name, (installed.take(), version.to_owned()));
        }
    }
    seen
}

/// Why apt or dpkg did not do as they were asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Another process has the lock.
    Locked {
        /// Its number, where it is told.
        process: Option<u32>,
        /// Its name, where it is told.
        program: Option<String>,
    },
    /// Something else: the one line that matters.
    Said(String),
}

/// The one line that matters in what apt-get or dpkg said; none when nothing of what they said is an error.
#[must_use]
pub fn trouble(stdout: &[u8], stderr: &[u8]) -> Option<Trouble> {
    let (stdout, stderr) = (String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr));
    // apt shows dpkg's output through a terminal of its own: lines end as they do there.
    let lines: Vec<&str> = stdout.lines().chain(stderr.lines()).map(str::trim_end).collect();
    if let Some(locked) = lines.iter().find_map(|line| locked(line)) {
        return Some(locked);
    }
    let of_a_package = lines.iter().enumerate().find_map(|(index, line)| {
        let about = line.strip_prefix("dpkg: error processing ")?;
        let why = lines.get(index + 1).filter(|next| next.starts_with(' ')).map(|next| next.trim());
        let about = about.trim_end_matches(':').trim_start_matches("package ").trim_start_matches("archive ");
        let about = about.split(" (").next().unwrap_or(about);
        Some(format!("{about}: {}", why.unwrap_or("dpkg could not process it")))
    });
    let of_apt = lines.iter().filter_map(|line| line.strip_prefix("E: "));
    let telling = of_apt.clone().find(|line| !is_empty_talk(line)).map(str::to_owned);
    let of_dpkg = lines.iter().find_map(|line| line.strip_prefix("dpkg: error: ")).map(str::to_owned);
    let said = of_a_package.or(telling).or(of_dpkg).or_else(|| of_apt.clone().next().map(str::to_owned))?;
    Some(Trouble::Said(super::said(&said)))
}

/// Says that something failed, where another line says what.
fn is_empty_talk(line: &str) -> bool {
    ["Sub-process ", "Unable to fetch some archives", "Write error", "Some index files failed to download"]
        .iter()
        .any(|start| line.starts_with(start))
}

/// `Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 1234 (apt-get)`, and dpkg's own words.
fn locked(line: &str) -> Option<Trouble> {
    let digits = |text: &str| text.split(|c: char| !c.is_ascii_digit()).next().and_then(|text| text.parse().ok());
    if let Some((_, holder)) = line.split_once("was locked by another process") {
        let process = holder.split_once("pid ").and_then(|(_, rest)| digits(rest));
        return Some(Trouble::Locked { process, program: None });
    }
    let is_lock = line.contains("Could not get lock") || line.contains("Unable to acquire the dpkg frontend lock");
    if !is_lock {
        return None;
    }
    let holder = line.split_once("held by process ").map(|(_, holder)| holder);
    let program = holder.and_then(|holder| holder.split_once('(')?.1.split_once(')').map(|(name, _)| name.to_owned()));
    Some(Trouble::Locked { process: holder.and_then(digits), program })
}
