//! What dpkg says is installed.
//! Refuses to: run dpkg-query, or to take an exit code for an answer (RELIABILITY.md §0, finding 5).

use std::collections::BTreeMap;

use super::PackageName;

/// One package that dpkg knows of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Its name.
    pub name: String,
    /// Its architecture; `all` where it fits any.
    pub architecture: String,
    /// Its version; empty where only its configuration is left.
    pub version: String,
    /// `Status-Abbrev`: what is wished, what is, and whether it must be installed anew: `ii `, `iHR`.
    pub status: [u8; 3],
    /// What it stands for besides.
    pub provides: Vec<String>,
}

impl Installed {
    /// Its files are there and its own programs have run.
    #[must_use]
    pub fn is_there(&self) -> bool {
        matches!(self.status, [_, b'i' | b't' | b'W', third] if third != b'R')
    }

    /// An installation of it was cut off.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        matches!(self.status, [_, b'H' | b'U' | b'F' | b'W' | b't', _] | [_, _, b'R'])
    }

    /// It must be unpacked again before anything else can be done with it.
    #[must_use]
    pub fn needs_reinstallation(&self) -> bool {
        matches!(self.status, [_, b'H', _] | [_, _, b'R'])
    }

    /// The owner had it held.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.status.first() == Some(&b'h')
    }

    /// Only its configuration is there, from a time when it was installed.
    #[must_use]
    pub fn is_only_configuration(&self) -> bool {
        self.status.get(1) == Some(&b'c')
    }

    /// `name`, and `name:arch` where two architectures of it could be meant.
    #[must_use]
    pub fn full_name(&self, native: &str) -> String {
        if self.architecture == native || self.architecture == "all" {
            self.name.clone()
        } else {
            format!("{}:{}", self.name, self.architecture)
        }
    }
}

/// All that dpkg knows of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Database {
    packages: BTreeMap<String, Vec<Installed>>,
    provided: BTreeMap<String, Vec<String>>,
    native: String,
}

impl Database {
    /// What `dpkg-query` is asked for, one package a line.
    pub const FORMAT: &str = "${db:Status-Abbrev}\\t${Package}\\t${Architecture}\\t${Version}\\t${Provides}\\n";

    /// From its answer. `native` is the architecture of this machine. Lines of another form are passed by.
    #[must_use]
    pub fn parse(answer: &[u8], native: &str) -> Self {
        let mut seen = Self { native: native.to_owned(), ..Self::default() };
        for line in String::from_utf8_lossy(answer).lines() {
            let mut fields = line.split('\t');
            let (Some(status), Some(name), Some(architecture), Some(version)) =
                (fields.next(), fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            let Ok(status) = <[u8; 3]>::try_from(status.as_bytes()) else { continue };
            let provides: Vec<String> = fields
                .next()
                .unwrap_or_default()
                .split(',')
                .filter_map(|one| Some(one.split(['(', ':']).next()?.trim().to_owned()))
                .filter(|one| !one.is_empty())
                .collect();
            let package = Installed {
                name: name.to_owned(),
                architecture: architecture.to_owned(),
                version: version.to_owned(),
                status,
                provides,
            };
            if package.is_there() {
                for one in &package.provides {
                    seen.provided.entry(one.clone()).or_default().push(package.name.clone());
                }
            }
            seen.packages.entry(package.name.clone()).or_default().push(package);
        }
        seen
    }

    /// What is known of a package by its name.
    #[must_use]
    pub fn get(&self, name: &PackageName) -> Option<&Installed> {
        let all = self.packages.get(name.bare())?;
        let fits = |one: &&Installed| match name.architecture() {
            None | Some("native") => one.architecture == self.native || one.architecture == "all",
            Some("any") => true,
            Some(architecture) => one.architecture == architecture || one.architecture == "all",
        };
        all.iter().find(fits)
    }

    /// It is installed, or another that stands for it is.
    #[must_use]
    pub fn has(&self, name: &PackageName) -> bool {
        self.get(name).is_some_and(Installed::is_there)
            || (name.architecture().is_none() && self.provided.contains_key(name.bare()))
    }

    /// The packages whose installation was cut off.
    #[must_use]
    pub fn broken(&self) -> Vec<&Installed> {
        self.all().filter(|package| package.is_broken()).collect()
    }

    /// Everything.
    pub fn all(&self) -> impl Iterator<Item = &Installed> {
        self.packages.values().flatten()
    }

    /// The architecture of this machine.
    #[must_use]
    pub fn native(&self) -> &str {
        &self.native
    }
}
