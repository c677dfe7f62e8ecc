//! Asks remotes whether anything moved: one request for the tracked branch and the tags, and a fetch only when they
//! differ from what is here (RELIABILITY.md §6.2).
//! Refuses to: take a network error for damage, or to ask one host by more than a few at a time.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use refit_engine::ports::StepError;
use refit_model::name::BranchName;
use reqwest::Url;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::hand::Hand;
use super::hazard::Purpose;
use super::layout::Layout;
use super::{config, fetch, locks, switch};
use crate::command::Surroundings;

pub mod http;
pub mod pack;
pub mod pkt;
mod quick;
pub mod words;

use http::{Http, NoAnswer};
use pkt::RemoteRef;

/// A stall is cut off after so long without a byte; a slow answer that moves never is.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Nothing moved.
    Same,
    /// Something moved and was fetched.
    Fetched,
}

/// Everything that is shared by the checks of all repositories.
#[derive(Debug)]
pub struct Remotes {
    http: Http,
    per_host: usize,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Remotes {
    /// At most `per_host` questions to one host at the same time.
    #[must_use]
    pub fn new(git: super::GitVersion, per_host: usize) -> Self {
        Self::with_patience(git, per_host, PATIENCE)
    }

    /// `patience`: how long a host may send nothing in the middle of an answer.
    fn with_patience(git: super::GitVersion, per_host: usize, patience: Duration) -> Self {
        let agent = format!("git/{}.{} refit/{}", git.0, git.1, env!("CARGO_PKG_VERSION"));
        Self { http: Http::new(agent, patience), per_host: per_host.max(1), hosts: Mutex::default() }
    }

    /// Asks the remote of a repository, and fetches when the branch or a tag moved or is missing here.
    ///
    /// # Errors
    /// The network's error in words for people.
    pub async fn check(
        &self,
        hand: &Hand<'_>,
        remote: &str,
        url: &str,
        branch: &BranchName,
    ) -> Result<Seen, StepError> {
        let mut turn = self.turn(url).await;
        let there = self.refs(hand, remote, url, branch).await?;
        let here = local_refs(hand, remote, branch).await?;
        let head = format!("refs/heads/{}", branch.as_str());
        let tip = there.iter().find(|at| at.name == head).map(|at| at.id.as_str());
        let tracked = here.get(&fetch::tracking(remote, branch)).map(String::as_str);
        if tip == tracked {
            let new = |at: &&RemoteRef| at.name.starts_with("refs/tags/") && !here.contains_key(&at.name);
            let new: Vec<&RemoteRef> = there.iter().filter(new).collect();
            let comes = match fetch::tags(hand, remote) {
                fetch::Tags::None => false,
                fetch::Tags::All => !new.is_empty(),
                fetch::Tags::Followed => any_here(hand, &new).await?,
            };
            if !comes {
                return Ok(Seen::Same);
            }
        }
        locks::remove_stale(&hand.repo.layout).await.map_err(|error| hand.failed(&error.to_string()))?;
        if let Some(plain) = plain_url(hand, url) {
            let moved = quick::Moved { remote, branch, there: &there, here: &here };
            if tip != tracked && quick::fetch(hand, &self.http, &plain, &moved, turn.take()).await? {
                return Ok(Seen::Fetched);
            }
        }
        let _turn = match turn {
            Some(turn) => Some(turn),
            None => self.turn(url).await,
        };
        // A branch that is gone there goes here too: by the refspecs of the configuration, which prune it.
        let branch = tip.map(|_| branch);
        let wanted = fetch::Wanted { remote, branch, commit: None, refetch: false, ask: true };
        fetch::download(hand, wanted).await?;
        fetch::write_commit_graph(hand).await;
        switch::sync(hand).await?;
        Ok(Seen::Fetched)
    }

    /// Whether a plain GET of `url` is sent on to `official` (CONTRACT §3.2.3).
    pub async fn moved_to(&self, url: &str, official: &str) -> bool {
        let Some(from) = http_url(url) else { return false };
        let _turn = self.turn(url).await;
        self.http.leads_to(&from).await.iter().any(|hop| same_repository(hop.as_str(), official))
    }

    async fn refs(
        &self,
        hand: &Hand<'_>,
        remote: &str,
        url: &str,
        branch: &BranchName,
    ) -> Result<Vec<RemoteRef>, StepError> {
        if let Some(plain) = plain_url(hand, url) {
            match self.http.ls_refs(&plain, branch).await {
                Ok(refs) => return Ok(refs),
                Err(NoAnswer::Unreachable(why)) => return Err(hand.failed(&why)),
                Err(NoAnswer::AskGit) => {}
            }
        }
        let command = hand.command(Purpose::Fetch)?.args(["ls-remote", "--heads", "--tags", "--", remote]);
        let outcome = hand.run(fetch::patient(command)).await?;
        if outcome.success() {
            return Ok(pkt::read_ls_remote(&outcome.stdout));
        }
        for line in outcome.stderr_text().lines() {
            (hand.tell)(line);
        }
        let message = hand.says(&words::of_git(&outcome));
        Err(StepError { message, command_failed: true, printer_busy: false })
    }

    async fn turn(&self, url: &str) -> Option<OwnedSemaphorePermit> {
        let host = host_of(url);
        let semaphore = {
            let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(hosts.entry(host).or_insert_with(|| Arc::new(Semaphore::new(self.per_host))))
        };
        // It is never closed; without a permit the bound is lost, nothing else.
        semaphore.acquire_owned().await.ok()
    }
}

/// The URL, where the shared client may ask it in place of git.
fn plain_url(hand: &Hand<'_>, url: &str) -> Option<Url> {
    http_url(url).filter(|plain| is_allowed(hand, plain) && !needs_git(hand))
}

/// A URL that the shared client could ask: HTTP, without a user in it.
fn http_url(url: &str) -> Option<Url> {
    let url = Url::parse(url).ok()?;
    let plain = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    plain.then_some(url).filter(|url| url.query().is_none() && url.fragment().is_none())
}

/// Whether the owner lets remotes be reached like this. Where not, git says so.
fn is_allowed(hand: &Hand<'_>, url: &Url) -> bool {
    hand.git.protocols().iter().any(|protocol| protocol.as_str() == url.scheme())
}

/// The host of any kind of URL, for the bound; the whole text for what has none.
fn host_of(url: &str) -> String {
    match Url::parse(url) {
        Ok(url) => url.host_str().unwrap_or_default().to_owned(),
        // scp's way: user@host:path.
        Err(_) => url.split(':').next().unwrap_or(url).rsplit('@').next().unwrap_or(url).to_owned(),
    }
}

/// Same repository, whether or not `.git` is written at its end.
#[must_use]
pub fn same_repository(one: &str, other: &str) -> bool {
    let plain = |url: &str| url.trim_end_matches('/').trim_end_matches(".git").to_ascii_lowercase();
    plain(one) == plain(other)
}

/// Proxies, rewritten URLs, extra headers, client certificates: settings for HTTP that only git knows to honour, in the
/// environment, the machine's, the owner's or the repository's configuration.
fn needs_git(hand: &Hand<'_>) -> bool {
    let surroundings = hand.git.surroundings();
    let names_proxy = |name: &std::ffi::OsStr| {
        let name = name.to_string_lossy().to_ascii_lowercase();
        name.ends_with("_proxy") && name != "no_proxy"
    };
    if surroundings.passed_on.iter().any(|(name, value)| names_proxy(name) && !value.is_empty()) {
        return true;
    }
    hand.repo.scan.entries.iter().any(concerns_http)
        || owners_files(surroundings).iter().any(|file| says_something(file, concerns_http))
}

/// The machine's and the owner's configuration.
fn owners_files(surroundings: &Surroundings) -> [PathBuf; 3] {
    let xdg = surroundings.passed_on.iter().find(|(name, _)| name == "XDG_CONFIG_HOME");
    let xdg = xdg.map_or_else(|| surroundings.home.join(".config"), |(_, value)| value.into());
    [Path::new("/etc/gitconfig").to_owned(), surroundings.home.join(".gitconfig"), xdg.join("git/config")]
}

/// A file has a setting of this kind, or may have: it cannot be read, or includes others.
fn says_something(file: &Path, concerns: fn(&config::Entry) -> bool) -> bool {
    match fs::read(file) {
        Ok(bytes) => config::parse(&bytes).map_or(true, |entries| {
            entries.iter().any(|entry| concerns(entry) || entry.section.starts_with("include"))
        }),
        Err(_) => false,
    }
}

fn concerns_http(entry: &config::Entry) -> bool {
    match entry.section.as_str() {
        "http" | "https" | "url" => true,
        "remote" => entry.name.starts_with("proxy"),
        _ => false,
    }
}

/// Whether git would follow one of these tags: what they name is here.
async fn any_here(hand: &Hand<'_>, tags: &[&RemoteRef]) -> Result<bool, StepError> {
    // As many as a command line bears by far.
    for some in tags.chunks(500) {
        let args = ["rev-list", "--no-walk", "--ignore-missing", "--max-count=1"];
        let args = args.into_iter().chain(some.iter().map(|tag| tag.names.as_ref().unwrap_or(&tag.id).as_str()));
        if !hand.ask(args.chain(["--"])).await?.stdout.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The tags and the tracked branch as they are here, from the files; by git where the files are not the usual ones.
async fn local_refs(hand: &Hand<'_>, remote: &str, branch: &BranchName) -> Result<BTreeMap<String, String>, StepError> {
    let tracking = fetch::tracking(remote, branch);
    let layout = &hand.repo.layout;
    if !layout.common_dir.join("reftable").exists() {
        return Ok(refs_in_files(layout, &tracking));
    }
    let args = ["for-each-ref", "--format=%(objectname) %(refname)", "refs/tags", &tracking];
    let listed = hand.answer("listing the refs", args).await?;
    Ok(String::from_utf8_lossy(&listed).lines().filter_map(packed_line).collect())
}

fn refs_in_files(layout: &Layout, tracking: &str) -> BTreeMap<String, String> {
    let packed = fs::read(layout.common_dir.join("packed-refs")).unwrap_or_default();
    let mut refs: BTreeMap<String, String> = String::from_utf8_lossy(&packed).lines().filter_map(packed_line).collect();
    let mut loose = vec![layout.common_dir.join(tracking)];
    files_below(&layout.common_dir.join("refs/tags"), &mut loose);
    for file in loose {
        let name = file.strip_prefix(&layout.common_dir).ok().and_then(Path::to_str).map(str::to_owned);
        if let (Some(name), Ok(id)) = (name, fs::read_to_string(&file)) {
            refs.insert(name, id.trim().to_owned());
        }
    }
    refs
}

/// `<id> <name>`; not the header, and not the peeled lines (`^<id>`).
fn packed_line(line: &str) -> Option<(String, String)> {
    let (id, name) = line.split_once(' ')?;
    (name.starts_with("refs/") && !id.starts_with(['#', '^'])).then(|| (name.to_owned(), id.to_owned()))
}

fn files_below(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            files_below(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

#[cfg(test)]
#[path = "remote_tests.rs"]
mod tests;
