//! `[refit]`: the options that Moonraker does not have.
//!
//! Refuses unknown names: a misspelt option here is an error that names the nearest known one.

use std::path::PathBuf;

use super::authorization::TrustedClient;
use super::forge::{self, ForgeSettings, TokenSource};
use super::problem::Severity;
use super::section::{Findings, Reader};
use super::server::{ask, number};
use super::value;

/// A way to reach a remote repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `https://`
    Https,
    /// `http://`
    Http,
    /// `ssh://` and `user@host:path`
    Ssh,
    /// `git://`
    Git,
    /// `file://` and plain paths
    File,
}

impl Protocol {
    /// The word in the configuration and in git's `GIT_ALLOW_PROTOCOL`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::Ssh => "ssh",
            Self::Git => "git",
            Self::File => "file",
        }
    }
}

/// `[refit]`, with its defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefitSettings {
    /// Host to bind, when it is not that of `[server]`.
    pub host: Option<String>,
    /// Port to bind, when it is not that of `[server]`.
    pub port: Option<u16>,
    /// Whose `X-Real-Ip` and `X-Forwarded-*` headers are believed: addresses and networks, never names.
    pub trusted_proxies: Vec<TrustedClient>,
    /// How many past runs are kept.
    pub keep_history: u32,
    /// How many repositories of one remote host are asked at the same time.
    pub max_refresh_per_host: u32,
    /// The git to run: a name to be found on the path, or an absolute path.
    pub git_path: PathBuf,
    /// The protocols that git may use. An updater whose configured `origin` is a file may use that one besides.
    pub allow_protocols: Vec<Protocol>,
    /// With which token GitHub is asked.
    pub github_token: Option<TokenSource>,
    /// GitHub's API, without a slash at its end.
    pub github_api_url: String,
    /// The proxy for releases, when it is not that of the environment.
    pub proxy: Option<String>,
    /// How many previous versions of software that ships as releases are kept, of each.
    pub keep_previous: u32,
    /// What an archive may hold at most.
    pub archive: ArchiveBounds,
    /// Days for which downloads are kept.
    pub keep_downloads_days: u32,
    /// MiB of downloads that are kept.
    pub keep_downloads_mib: u32,
    /// The sections `[refit forge HOST]`.
    pub forges: Vec<ForgeSettings>,
}

/// What an archive may hold at most: a larger one is refused before anything is unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveBounds {
    /// Files and folders.
    pub files: u32,
    /// MiB when unpacked.
    pub mib: u32,
    /// How many times larger an entry is than what it was packed to.
    pub ratio: u32,
}

const OPTIONS: &[&str] = &[
    "host",
    "port",
    "trusted_proxies",
    "keep_history",
    "max_refresh_per_host",
    "git_path",
    "allow_protocols",
    "github_token",
    "github_token_file",
    "github_api_url",
    "proxy",
    "keep_previous",
    "max_archive_files",
    "max_archive_mib",
    "max_archive_ratio",
    "keep_downloads_days",
    "keep_downloads_mib",
];

const PROTOCOLS: &[Protocol] = &[Protocol::Https, Protocol::Http, Protocol::Ssh, Protocol::Git, Protocol::File];

impl Default for RefitSettings {
    fn default() -> Self {
        Self {
            host: None,
            port: None,
            trusted_proxies: Vec::new(),
            keep_history: 200,
            max_refresh_per_host: 2,
            git_path: PathBuf::from("git"),
            allow_protocols: vec![Protocol::Https, Protocol::Http, Protocol::Ssh],
            github_token: None,
            github_api_url: "https://api.github.com".to_owned(),
            proxy: None,
            keep_previous: 2,
            archive: ArchiveBounds { files: 20_000, mib: 2048, ratio: 200 },
            keep_downloads_days: 30,
            keep_downloads_mib: 512,
            forges: Vec::new(),
        }
    }
}

impl Protocol {
    /// How git would reach this URL; `None` for a transport that Refit never uses, such as `ext::`.
    #[must_use]
    pub fn of(url: &str) -> Option<Self> {
        if let Some((scheme, _)) = url.split_once("://") {
            return match scheme.to_ascii_lowercase().as_str() {
                "https" => Some(Self::Https),
                "http" => Some(Self::Http),
                "ssh" | "git+ssh" | "ssh+git" => Some(Self::Ssh),
                "git" => Some(Self::Git),
                "file" => Some(Self::File),
                _ => None,
            };
        }
        // git's own rule: `host:path` is ssh unless a slash comes before the colon; `word::rest` is a remote helper.
        match url.split_once(':') {
            Some((host, _)) if host.contains('/') => Some(Self::File),
            Some((_, rest)) if rest.starts_with(':') => None,
            Some((host, _)) if !host.is_empty() => Some(Self::Ssh),
            Some(_) | None => Some(Self::File),
        }
    }
}

impl RefitSettings {
    /// The protocols that git may use for an updater: the allowed ones, and `file` for one whose own origin is a file.
    #[must_use]
    pub fn protocols_for(&self, origin: &str) -> Vec<Protocol> {
        let mut allowed = self.allow_protocols.clone();
        if Protocol::of(origin) == Some(Protocol::File) && !allowed.contains(&Protocol::File) {
            allowed.push(Protocol::File);
        }
        allowed
    }
}

/// Reads `[refit]`. A value that cannot be used is replaced by its default and told.
pub(super) fn read(reader: &mut Reader<'_>, findings: &mut Findings) -> RefitSettings {
    let default = RefitSettings::default();
    let port = port(reader, findings);
    let per_host = number(reader, findings, "max_refresh_per_host", default.max_refresh_per_host);
    let settings = RefitSettings {
        host: reader.text("host").filter(|host| !host.is_empty()).map(str::to_owned),
        port,
        trusted_proxies: trusted_proxies(reader, findings),
        keep_history: number(reader, findings, "keep_history", default.keep_history),
        max_refresh_per_host: per_host.max(1),
        git_path: reader.text("git_path").filter(|path| !path.is_empty()).map_or(default.git_path, PathBuf::from),
        allow_protocols: allow_protocols(reader, findings, default.allow_protocols),
        github_token: forge::token(reader, "github_token", "github_token_file"),
        github_api_url: address(reader, findings, "github_api_url").unwrap_or(default.github_api_url),
        proxy: address(reader, findings, "proxy"),
        keep_previous: number(reader, findings, "keep_previous", default.keep_previous),
        archive: ArchiveBounds {
            files: number(reader, findings, "max_archive_files", default.archive.files),
            mib: number(reader, findings, "max_archive_mib", default.archive.mib),
            ratio: number(reader, findings, "max_archive_ratio", default.archive.ratio).max(1),
        },
        keep_downloads_days: number(reader, findings, "keep_downloads_days", default.keep_downloads_days),
        keep_downloads_mib: number(reader, findings, "keep_downloads_mib", default.keep_downloads_mib),
        forges: Vec::new(),
    };
    unknown(reader, findings);
    settings
}

/// Any free one is no port that a client could know.
fn port(reader: &mut Reader<'_>, findings: &mut Findings) -> Option<u16> {
    reader.text("port")?;
    let unusable = findings.problems.len();
    let port = Some(number(reader, findings, "port", 0_u16)).filter(|port| *port > 0);
    if port.is_none() && findings.problems.len() == unusable {
        let message = "[refit]: Option 'port: 0' is no port; Refit listens where it does without this option";
        let remedy = Some("write a number from 1 to 65535, or leave the option out".to_owned());
        let problem = reader.problem(Some("port"), Severity::Warning, message).with_remedy(remedy);
        findings.warn(message, problem);
    }
    port
}

fn address(reader: &mut Reader<'_>, findings: &mut Findings, option: &str) -> Option<String> {
    let text = reader.text(option).filter(|text| !text.is_empty())?;
    match forge::address("refit", option, text) {
        Ok(address) => Some(address),
        Err(fault) => {
            let problem = reader.problem(Some(option), Severity::Error, &fault.message);
            findings.warn(&fault.message, problem.with_remedy(fault.remedy));
            None
        }
    }
}

fn trusted_proxies(reader: &mut Reader<'_>, findings: &mut Findings) -> Vec<TrustedClient> {
    let mut proxies = Vec::new();
    for text in reader.lines("trusted_proxies") {
        match TrustedClient::address(&text) {
            Ok(proxy) => proxies.push(proxy),
            Err(_) => {
                let message = format!("[refit]: '{text}' in option 'trusted_proxies' is not an address or a network");
                let problem = reader.problem(Some("trusted_proxies"), Severity::Error, &message);
                let remedy = "write an address (127.0.0.1) or a network (10.0.0.0/8), one on each line";
                findings.warn(&message, problem.with_remedy(Some(remedy.to_owned())));
            }
        }
    }
    proxies
}

fn allow_protocols(reader: &mut Reader<'_>, findings: &mut Findings, default: Vec<Protocol>) -> Vec<Protocol> {
    let parse = |text: &str| {
        let mut allowed = Vec::new();
        for word in text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty()) {
            let known = PROTOCOLS.iter().find(|protocol| protocol.as_str() == word);
            allowed.push(*known.ok_or_else(|| format!("'{word}' is not one of https, http, ssh, git, file"))?);
        }
        Ok(allowed)
    };
    let read = reader.parsed("allow_protocols", parse);
    ask(reader, findings, read, None).unwrap_or(default)
}

fn unknown(reader: &mut Reader<'_>, findings: &mut Findings) {
    for option in &reader.section().options {
        let name = option.name.as_str();
        if OPTIONS.contains(&name) {
            continue;
        }
        reader.text(name);
        let nearest = OPTIONS.iter().min_by_key(|known| distance(name, known)).copied().unwrap_or_default();
        let message = format!("[refit]: There is no option '{name}'. Did you mean '{nearest}'?");
        let problem = reader.problem(Some(name), Severity::Error, &message);
        let remedy = format!("options of [refit]: {}", value::repr_list(OPTIONS));
        findings.warn(&message, problem.with_remedy(Some(remedy)));
    }
}

/// How many letters must be changed, added or removed to get from one word to the other. Only the first 40 count.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(40).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (at, from) in a.chars().take(40).enumerate() {
        let mut next = vec![at + 1];
        for ((to, above), diagonal) in b.iter().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or_default();
            let change = diagonal + usize::from(*to != from);
            next.push(change.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
#[path = "refit_tests.rs"]
mod tests;
