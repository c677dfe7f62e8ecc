//! How pip is configured for one environment, read as pip reads it: files of the machine, the user and the environment,
//! each overriding the one before, and variables that override them all.
//! Refuses to: understand everything. What decides which file pip would take, and is not understood here, is named, and
//! the question is pip's.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use refit_model::python::name::ProjectName;
use refit_model::settings::forge::Secret;
use reqwest::Url;

use super::installed::read;
use super::netrc::{self, Login};
use super::page::unquoted;

mod file;

/// Where configuration may lie.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// `HOME`.
    pub home: &'a Path,
    /// `/etc`.
    pub machine: &'a Path,
    /// The environment's folder.
    pub environment: &'a Path,
}

/// What decides which file pip would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipSettings {
    /// The indexes, in pip's order. None of them when pip's own default is the first: its address is pip's to tell.
    pub indexes: Vec<Index>,
    /// `index-url` is configured; else pip's default comes before [`Self::indexes`].
    pub replaces_default: bool,
    /// Pre-releases are wished for.
    pub pre: bool,
    /// An older wheel rather than newer sources.
    pub prefer_binary: bool,
    /// Wheels may be taken.
    pub binaries: bool,
    /// Sources may be taken.
    pub sources: bool,
    /// A proxy of pip's own.
    pub proxy: Option<Secret>,
    /// A file of certificates that are believed instead of the system's.
    pub certificates: Option<PathBuf>,
    /// An option that only pip can judge, by its name.
    pub left_to_pip: Option<String>,
}

/// A package index.
#[derive(Clone, PartialEq, Eq)]
pub struct Index {
    /// Its address, without a login.
    pub url: Url,
    /// Who one is there.
    pub login: Option<Login>,
    /// The owner trusts it although it is not encrypted.
    pub is_trusted: bool,
}

/// Without the login.
impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({})", self.url)
    }
}

/// Options that change nothing about which file is taken.
const HARMLESS: &[&str] = &[
    "break-system-packages",
    "build-constraint",
    "cache-dir",
    "check-build-dependencies",
    "compile",
    "config-file",
    "config-setting",
    "config-settings",
    "debug",
    "default-timeout",
    "disable-pip-version-check",
    "exists-action",
    "force-reinstall",
    "format",
    "global-option",
    "log",
    "log-file",
    "no-build-isolation",
    "no-cache-dir",
    "no-clean",
    "no-color",
    "no-compile",
    "no-input",
    "no-python-version-warning",
    "no-use-pep517",
    "no-warn-conflicts",
    "no-warn-script-location",
    "progress-bar",
    "quiet",
    "require-virtualenv",
    "resume-retries",
    "retries",
    "root-user-action",
    "src",
    "timeout",
    "upgrade",
    "upgrade-strategy",
    "use-deprecated",
    "use-feature",
    "use-pep517",
    "verbose",
];

/// Reads the configuration. `variables` are those of pip's surroundings; of two of a name, the last counts.
#[must_use]
pub fn pip_settings(places: Places<'_>, variables: &[(String, String)], project: &ProjectName) -> PipSettings {
    let variables: BTreeMap<&str, &str> =
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut gathered = Gathered::default();
    for path in files(places, &variables) {
        gathered.file(&path);
    }
    let mut options = std::mem::take(&mut gathered.global);
    options.append(&mut gathered.install);
    let own =
        variables.iter().filter_map(|(name, value)| Some((normal(name.strip_prefix("PIP_")?), (*value).to_owned())));
    options.extend(own.filter(|(_, value)| !value.is_empty()));
    let netrc = netrc_text(places.home, &variables);
    let mut settings = Reader { options, left: gathered.left }.settings(project, netrc.as_deref());
    settings.left_to_pip = settings.left_to_pip.map(|option| shown(&option));
    settings
}

/// In the order in which the later overrides.
fn files(places: Places<'_>, variables: &BTreeMap<&str, &str>) -> Vec<PathBuf> {
    let variable = |name: &str| variables.get(name).copied().filter(|value| !value.is_empty());
    let own = variable("PIP_CONFIG_FILE").map(PathBuf::from);
    if own.as_deref() == Some(Path::new("/dev/null")) {
        return Vec::new();
    }
    let folders = variable("XDG_CONFIG_DIRS").map_or_else(
        || vec![places.machine.join("xdg")],
        |folders| folders.split(':').filter(|folder| !folder.is_empty()).map(PathBuf::from).collect(),
    );
    let mut files: Vec<PathBuf> = folders.into_iter().map(|folder| folder.join("pip/pip.conf")).collect();
    files.push(places.machine.join("pip.conf"));
    // One's own file takes the place of the user's.
    if !own.as_ref().is_some_and(|file| file.exists()) {
        let config = variable("XDG_CONFIG_HOME").map_or_else(|| places.home.join(".config"), PathBuf::from);
        files.extend([places.home.join(".pip/pip.conf"), config.join("pip/pip.conf")]);
    }
    files.push(places.environment.join("pip.conf"));
    files.extend(own);
    files
}

fn netrc_text(home: &Path, variables: &BTreeMap<&str, &str>) -> Option<String> {
    let named = variables.get("NETRC").filter(|value| !value.is_empty()).map(PathBuf::from);
    let usual = [home.join(".netrc"), home.join("_netrc")];
    let bytes = match named {
        Some(file) => read(&file),
        None => usual.iter().find_map(|file| read(file)),
    };
    bytes.and_then(|bytes| String::from_utf8(bytes).ok())
}

#[derive(Default)]
struct Gathered {
    global: BTreeMap<String, String>,
    install: BTreeMap<String, String>,
    left: Option<String>,
}

impl Gathered {
    fn file(&mut self, path: &Path) {
        let Some(bytes) = read(path) else { return };
        let Some(told) = file::parse(&String::from_utf8_lossy(&bytes)) else {
            self.left = Some(path.display().to_string());
            return;
        };
        for (section, name, value) in told {
            let options = match section.as_str() {
                "global" => &mut self.global,
                "install" => &mut self.install,
                // What stands here stands in every section.
                "DEFAULT" => {
                    self.left = Some(path.display().to_string());
                    return;
                }
                _ => continue,
            };
            if !value.is_empty() {
                options.insert(normal(&name), value);
            }
        }
    }
}

/// `PIP_INDEX_URL` without what it begins with, and `--index-url`, are `index-url`.
fn normal(name: &str) -> String {
    let name = name.to_lowercase().replace('_', "-");
    name.strip_prefix("--").map(str::to_owned).unwrap_or(name)
}

/// The name of an option, which somebody wrote.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(60).collect()
}

struct Reader {
    options: BTreeMap<String, String>,
    left: Option<String>,
}

impl Reader {
    fn settings(mut self, project: &ProjectName, netrc: Option<&str>) -> PipSettings {
        let trusted = self.words("trusted-host");
        let (pre, prefer_binary) = (self.flag("pre"), self.flag("prefer-binary"));
        let (binaries, sources) = self.formats(project);
        let proxy = self.take("proxy").map(|proxy| Secret::new(&proxy));
        let certificates = self.take("cert").map(PathBuf::from);
        for option in ["no-index", "require-hashes"] {
            if self.flag(option) {
                self.leave(option);
            }
        }
        if self.take("keyring-provider").is_some_and(|provider| provider != "disabled" && provider != "auto") {
            self.leave("keyring-provider");
        }
        let first = self.take("index-url").or_else(|| self.take("pypi-url"));
        let replaces_default = first.is_some();
        let mut indexes: Vec<Index> = Vec::new();
        for (option, text) in first
            .map(|text| ("index-url", text))
            .into_iter()
            .chain(self.words("extra-index-url").into_iter().map(|text| ("extra-index-url", text)))
        {
            match index(&text, &trusted, netrc) {
                Some(index) if indexes.iter().any(|known| known.url == index.url) => {}
                Some(index) => indexes.push(index),
                None => self.leave(option),
            }
        }
        if let Some(unknown) = self.options.keys().find(|name| !HARMLESS.contains(&name.as_str())).cloned() {
            self.leave(&unknown);
        }
        PipSettings {
            indexes,
            replaces_default,
            pre,
            prefer_binary,
            binaries,
            sources,
            proxy,
            certificates,
            left_to_pip: self.left,
        }
    }

    fn take(&mut self, name: &str) -> Option<String> {
        self.options.remove(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn leave(&mut self, option: &str) {
        self.left.get_or_insert_with(|| option.to_owned());
    }

    fn words(&mut self, name: &str) -> Vec<String> {
        self.take(name).map(|value| value.split_whitespace().map(str::to_owned).collect()).unwrap_or_default()
    }

    fn flag(&mut self, name: &str) -> bool {
        let Some(value) = self.take(name) else { return false };
        match value.to_ascii_lowercase().as_str() {
            "y" | "yes" | "t" | "true" | "on" | "1" => true,
            "n" | "no" | "f" | "false" | "off" | "0" => false,
            _ => {
                self.leave(name);
                false
            }
        }
    }

    /// Whether wheels and whether sources of this project may be taken.
    fn formats(&mut self, project: &ProjectName) -> (bool, bool) {
        let lists = ["no-binary", "only-binary"].map(|option| self.take(option));
        match lists {
            [None, None] => (true, true),
            [Some(list), None] => (!names(&list, project), true),
            [None, Some(list)] => (true, !names(&list, project)),
            // Which of the two was said last counts, name by name.
            [Some(_), Some(_)] => {
                self.leave("only-binary");
                (true, true)
            }
        }
    }
}

/// Whether a list of formats holds for a project: `:all:` begins anew, and so does `:none:`.
fn names(list: &str, project: &ProjectName) -> bool {
    let mut holds = false;
    for name in list.split(',').map(str::trim) {
        match name {
            ":all:" => holds = true,
            ":none:" => holds = false,
            name => holds |= ProjectName::new(name).is_ok_and(|name| name == *project),
        }
    }
    holds
}

/// None where only pip knows what to do with it.
fn index(text: &str, trusted: &[String], netrc: Option<&str>) -> Option<Index> {
    let mut url = Url::parse(text).ok()?;
    let is_plain = url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !is_plain || text.contains('$') {
        return None;
    }
    let host = url.host_str().filter(|host| !host.is_empty())?.to_owned();
    let with_port = format!("{host}:{}", url.port_or_known_default()?);
    let is_trusted = trusted.iter().any(|trusted| *trusted == host || *trusted == with_port);
    if is_trusted && url.scheme() == "https" {
        // Its certificate is not to be looked at, which only pip is told to do.
        return None;
    }
    let in_url = (!url.username().is_empty() || url.password().is_some()).then(|| Login {
        user: unquoted(url.username()),
        password: Secret::new(&unquoted(url.password().unwrap_or_default())),
    });
    // A user alone may still get a password from elsewhere.
    let has_password = url.password().is_some();
    let known = netrc.filter(|_| !has_password).and_then(|text| netrc::login(text, &host));
    let known = known.filter(|known| in_url.as_ref().is_none_or(|told| told.user == known.user));
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Some(Index { url, login: known.or(in_url), is_trusted })
}

impl Index {
    /// pip's default, in its own words.
    #[must_use]
    pub fn default_of_pip(text: &str) -> Option<Self> {
        index(text, &[], None)
    }

    /// Whether it may be asked: encrypted, on this machine, or trusted by its owner. pip passes over any other.
    #[must_use]
    pub fn may_be_asked(&self) -> bool {
        let is_here = || match self.url.host_str() {
            Some("localhost" | "[::1]") => true,
            Some(host) => host.starts_with("127."),
            None => false,
        };
        self.url.scheme() == "https" || self.is_trusted || is_here()
    }

    /// The page of a project.
    #[must_use]
    pub fn page(&self, project: &ProjectName) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(project.as_str()).push("");
        }
        url
    }
}

#[cfg(test)]
#[path = "pip_conf_tests.rs"]
mod tests;
