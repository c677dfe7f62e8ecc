//! Where releases are published: `repo` as a name or as an address, and `[refit forge HOST]`, which says what kind of
//! forge a host is and with which token it is asked.
//!
//! Refuses to read a token's file; it only says which one.

use std::fmt;
use std::path::PathBuf;

use super::merge::Config;
use super::problem::Severity;
use super::section::{Fault, Findings, Outcome, Reader};
use crate::updater::release::{ForgeKind, Source};

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text that must not be shown.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text, for whom it is meant.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Where a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// In the configuration itself.
    Text(Secret),
    /// In a file that nobody else may read.
    File(PathBuf),
}

/// One host, as the owner described it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeSettings {
    /// Its name, lower case, with its port when it is not the usual one.
    pub host: String,
    /// What it speaks; none when only its name can tell.
    pub kind: Option<ForgeKind>,
    /// The API's address, without a slash at its end; none for the usual place.
    pub api_url: Option<String>,
    /// With which token it is asked.
    pub token: Option<TokenSource>,
}

/// The host of projects that are named without one.
pub const GITHUB: &str = "github.com";

/// What the hosts are that everybody knows.
const KNOWN: &[(&str, ForgeKind)] = &[
    (GITHUB, ForgeKind::Github),
    ("codeberg.org", ForgeKind::Forgejo),
    ("gitea.com", ForgeKind::Forgejo),
    ("gitlab.com", ForgeKind::Gitlab),
];

const KINDS: &[(&str, ForgeKind)] = &[
    ("github", ForgeKind::Github),
    ("forgejo", ForgeKind::Forgejo),
    ("gitea", ForgeKind::Forgejo),
    ("gitlab", ForgeKind::Gitlab),
];

/// Reads every `[refit forge HOST]`. What cannot be used is told and left out.
pub(super) fn read(config: &Config, findings: &mut Findings) -> (Vec<ForgeSettings>, Vec<(String, Outcome)>) {
    let (mut forges, mut outcomes) = (Vec::new(), Vec::new());
    for section in &config.sections {
        let Some(host) = section.name.strip_prefix("refit forge ") else { continue };
        let mut reader = Reader::new(section);
        match one(&mut reader, host.trim()) {
            Ok(forge) => forges.push(forge),
            Err(fault) => {
                let problem = reader.problem(fault.option.as_deref(), Severity::Error, &fault.message);
                findings.warn(&fault.message, problem.with_remedy(fault.remedy));
            }
        }
        for option in ["kind", "api_url", "token", "token_file"] {
            reader.text(option);
        }
        outcomes.push((section.name.clone(), reader.outcome(false)));
    }
    (forges, outcomes)
}

fn one(reader: &mut Reader<'_>, host: &str) -> Result<ForgeSettings, Fault> {
    let label = reader.label().to_owned();
    if !is_host(host) {
        let message = format!("[{label}]: '{host}' is not the name of a host");
        return Err(Fault {
            option: None,
            message,
            parsing: false,
            remedy: Some("write [refit forge codeberg.org]".to_owned()),
        });
    }
    let kind = match reader.text("kind") {
        Some(word) => Some(kind_of(word).ok_or_else(|| {
            let message = format!("[{label}]: There is no kind of forge '{word}'");
            Fault::new("kind", message).with_remedy("the kinds are github, forgejo, gitea and gitlab")
        })?),
        None => None,
    };
    let api_url = reader.text("api_url").map(|text| address(&label, "api_url", text)).transpose()?;
    Ok(ForgeSettings { host: host.to_ascii_lowercase(), kind, api_url, token: token(reader, "token", "token_file") })
}

/// A token of two options, of which the text counts more.
pub(super) fn token(reader: &mut Reader<'_>, text: &str, file: &str) -> Option<TokenSource> {
    let filled = |value: &&str| !value.is_empty();
    let path = reader.text(file).filter(filled).map(|path| TokenSource::File(PathBuf::from(path)));
    reader.text(text).filter(filled).map(|token| TokenSource::Text(Secret::new(token))).or(path)
}

/// An address of an API: `https`, or `http` where the owner says so himself.
///
/// # Errors
/// When it is none.
pub(super) fn address(label: &str, option: &str, text: &str) -> Result<String, Fault> {
    let text = text.trim_end_matches('/');
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split('/').next().unwrap_or_default());
    if host.is_some_and(is_host) && text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '?' | '#')) {
        return Ok(text.to_owned());
    }
    let message = format!("[{label}]: Value for option '{option}' is not the address of an API");
    Err(Fault::new(option, message).with_remedy("write an address such as https://git.example.org/api/v1"))
}

fn kind_of(word: &str) -> Option<ForgeKind> {
    KINDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, kind)| *kind)
}

/// Letters, digits, dots, hyphens and a port.
fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    !name.is_empty()
        && !name.starts_with(['-', '.'])
        && name.chars().all(letter)
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

/// Where the releases of a `repo` are, which is a name (`OWNER/NAME`, on GitHub) or an address (`https://HOST/OWNER/NAME`).
///
/// # Errors
/// In words for the option `repo`, with the remedy.
pub(super) fn source(repo: &str, label: &str, forges: &[ForgeSettings], github_api: &str) -> Result<Source, Fault> {
    let remedy = "write 'repo: OWNER/NAME' as in the address of the project on GitHub, or its whole address";
    let refuse = |why: String| Fault::new("repo", why).with_remedy(remedy);
    let not_a_name = || refuse(format!("[{label}]: Value for option 'repo' is not the name of a repository: {repo}"));
    let (host, path) = match repo.split_once("://") {
        Some(("https" | "http", rest)) => rest.split_once('/').ok_or_else(not_a_name)?,
        Some(_) => return Err(not_a_name()),
        None => (GITHUB, repo),
    };
    let path = path.trim_matches('/');
    let path = if host == GITHUB && !repo.contains("://") { path } else { path.strip_suffix(".git").unwrap_or(path) };
    if !is_host(host) {
        return Err(not_a_name());
    }
    let host = host.to_ascii_lowercase();
    let described = forges.iter().find(|forge| forge.host == host);
    let known = KNOWN.iter().find(|(name, _)| *name == host).map(|(_, kind)| *kind);
    let Some(forge) = described.and_then(|forge| forge.kind).or(known) else {
        let message = format!("[{label}]: What kind of forge is {host}?");
        let remedy = format!("add a section [refit forge {host}] with 'kind: forgejo', 'gitlab' or 'github'");
        return Err(Fault::new("repo", message).with_remedy(remedy));
    };
    // Only GitLab has groups within groups.
    let cut = if forge == ForgeKind::Gitlab { path.rsplit_once('/') } else { path.split_once('/') };
    let Some((owner, name)) = cut else {
        return Err(refuse("not enough values to unpack (expected 2, got 1)".to_owned()));
    };
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    if path.contains("..") || !path.chars().all(letter) {
        return Err(not_a_name());
    }
    let api = described.and_then(|forge| forge.api_url.clone()).unwrap_or_else(|| match (forge, host.as_str()) {
        (ForgeKind::Github, GITHUB) => github_api.to_owned(),
        (ForgeKind::Github, host) => format!("https://{host}/api/v3"),
        (ForgeKind::Forgejo, host) => format!("https://{host}/api/v1"),
        (ForgeKind::Gitlab, host) => format!("https://{host}/api/v4"),
    });
    Ok(Source { forge, host, api, owner: owner.to_owned(), repo: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forge(host: &str, kind: Option<ForgeKind>, api_url: Option<&str>) -> ForgeSettings {
        ForgeSettings { host: host.to_owned(), kind, api_url: api_url.map(str::to_owned), token: None }
    }

    fn told(repo: &str) -> Result<Source, String> {
        let forges = [
            forge("git.example.org", Some(ForgeKind::Forgejo), None),
            forge("gitlab.com", None, Some("https://mirror.lan/api")),
        ];
        source(repo, "update_manager app", &forges, "https://api.github.com")
            .map_err(|fault| format!("{} ({})", fault.message, fault.remedy.unwrap_or_default()))
    }

    fn of(forge: ForgeKind, host: &str, api: &str, owner: &str, repo: &str) -> Source {
        let own = str::to_owned;
        Source { forge, host: own(host), api: own(api), owner: own(owner), repo: own(repo) }
    }

    #[test]
    fn a_repository_is_a_name_or_an_address() {
        let github = of(ForgeKind::Github, "github.com", "https://api.github.com", "mainsail-crew", "mainsail");
        assert_eq!(told("mainsail-crew/mainsail"), Ok(github.clone()));
        assert_eq!(told("https://github.com/mainsail-crew/mainsail/"), Ok(github.clone()));
        assert_eq!(told("https://GitHub.com/mainsail-crew/mainsail.git"), Ok(github));
        assert_eq!(
            told("https://codeberg.org/o/r"),
            Ok(of(ForgeKind::Forgejo, "codeberg.org", "https://codeberg.org/api/v1", "o", "r"))
        );
        assert_eq!(
            told("https://git.example.org/o/r"),
            Ok(of(ForgeKind::Forgejo, "git.example.org", "https://git.example.org/api/v1", "o", "r"))
        );
        assert_eq!(
            told("https://gitlab.com/group/inner/r"),
            Ok(of(ForgeKind::Gitlab, "gitlab.com", "https://mirror.lan/api", "group/inner", "r"))
        );
    }

    #[test]
    fn what_is_neither_is_refused_with_what_to_write() {
        for (repo, part) in [
            ("mainsail", "not enough values to unpack (expected 2, got 1)"),
            ("https://unknown.org/o/r", "add a section [refit forge unknown.org]"),
            ("ftp://github.com/o/r", "is not the name of a repository"),
            ("o/../r", "is not the name of a repository"),
            ("https://-x/o/r", "is not the name of a repository"),
            ("o/r?x", "is not the name of a repository"),
        ] {
            let error = told(repo).unwrap_err();
            assert!(error.contains(part), "{repo}: {error}");
        }
    }

    #[test]
    fn a_secret_does_not_show() {
        assert_eq!(format!("{:?}", TokenSource::Text(Secret::new("ghp_hidden"))), "Text(Secret)");
    }

    #[test]
    fn an_address_of_an_api_is_one() {
        for good in ["https://git.example.org/api/v1/", "http://127.0.0.1:8080/api"] {
            assert_eq!(address("s", "o", good).unwrap(), good.trim_end_matches('/'));
        }
        for bad in ["git.example.org", "ftp://x", "https://", "https://x/?y", "https://a b", "https://u@x/"] {
            assert!(address("s", "o", bad).is_err(), "{bad}");
        }
    }
}
