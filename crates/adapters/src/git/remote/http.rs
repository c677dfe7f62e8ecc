//! The one HTTP client of the process, and the three questions that are asked with it: `ls-refs` of a repository, a
//! small pack of it, and where a moved repository went.
//! Refuses to: follow redirects, send credentials, or use a proxy. What needs those is asked by git itself.

use std::sync::OnceLock;
use std::time::Duration;

use refit_model::name::{BranchName, CommitId};
use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use reqwest::{Client, Response, StatusCode, Url};

use super::pkt::{self, RemoteRef};
use super::{pack, words};

/// An answer longer than this is not the answer to what was asked.
const LONGEST_ANSWER: usize = 32 * 1024 * 1024;
/// A pack with more than a few months of a project is git's affair.
const LONGEST_PACK: usize = 2 * 1024 * 1024;
/// Hops of a moved repository.
const HOPS: usize = 5;

/// Made on first use and shared: connections are kept alive, so that the repositories of one host cost one handshake.
#[derive(Debug)]
pub struct Http {
    client: OnceLock<Option<Client>>,
    agent: String,
    patience: Duration,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// The host cannot be talked to: asking again by other means would take as long and fail alike.
    Unreachable(String),
    /// Something that git itself should be asked about: a redirect, credentials, another protocol.
    AskGit,
}

impl Http {
    /// A client that calls itself by this name (some hosts answer only to `git/…`), and that waits so long for the next
    /// byte.
    #[must_use]
    pub fn new(agent: String, patience: Duration) -> Self {
        Self { client: OnceLock::new(), agent, patience }
    }

    /// The branch and the tags of a repository, in one request.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn ls_refs(&self, url: &Url, branch: &BranchName) -> Result<Vec<RemoteRef>, NoAnswer> {
        let (response, host) = self.ask(url, pkt::ls_refs(branch, &self.agent)).await?;
        let answer = read(response, host, LONGEST_ANSWER).await?;
        let answer = answer.ok_or_else(|| NoAnswer::Unreachable(format!("{host}: the answer does not end")))?;
        pkt::read_refs(&answer).map_err(|_| NoAnswer::AskGit)
    }

    /// The objects that somebody lacks who has others, as a pack; only when it is a small one.
    ///
    /// # Errors
    /// [`NoAnswer`]; a large pack is left to git, which does not hold it in memory.
    pub async fn pack(&self, url: &Url, wants: &[&CommitId], haves: &[&CommitId]) -> Result<Vec<u8>, NoAnswer> {
        let (response, host) = self.ask(url, pack::question(wants, haves, &self.agent)).await?;
        let answer = read(response, host, LONGEST_PACK).await?.ok_or(NoAnswer::AskGit)?;
        pack::read(&answer).map_err(|_| NoAnswer::AskGit)
    }

    /// Asks git's service a question of protocol v2.
    async fn ask<'u>(&self, url: &'u Url, question: Vec<u8>) -> Result<(Response, &'u str), NoAnswer> {
        let client = self.client().ok_or(NoAnswer::AskGit)?;
        let service = format!("{}/git-upload-pack", url.as_str().trim_end_matches('/'));
        let host = url.host_str().unwrap_or_default();
        let response = client
            .post(service)
            .header("Git-Protocol", "version=2")
            .header(CONTENT_TYPE, "application/x-git-upload-pack-request")
            .header(ACCEPT, "application/x-git-upload-pack-result")
            .body(question)
            .send()
            .await
            .map_err(|error| NoAnswer::Unreachable(words::of_http(&error, host)))?;
        let is_git = response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes() == b"application/x-git-upload-pack-result");
        if response.status() != StatusCode::OK || !is_git {
            return Err(NoAnswer::AskGit);
        }
        Ok((response, host))
    }

    /// Where a plain GET of a URL leads, hop by hop; none when it leads nowhere else.
    pub async fn leads_to(&self, url: &Url) -> Vec<Url> {
        let mut hops: Vec<Url> = Vec::new();
        let Some(client) = self.client() else { return hops };
        let mut at = url.clone();
        while hops.len() < HOPS {
            let Ok(response) = client.get(at.clone()).send().await else { break };
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let next = location.and_then(|text| at.join(text).ok()).filter(|_| response.status().is_redirection());
            // A secure URL is not left for an insecure one.
            let Some(next) = next.filter(|next| next.scheme() == "https" || next.scheme() == at.scheme()) else {
                break;
            };
            hops.push(next.clone());
            at = next;
        }
        hops
    }

    fn client(&self) -> Option<&Client> {
        self.client
            .get_or_init(|| {
                // Another part of the process may have chosen the same already.
                let _chosen = rustls::crypto::ring::default_provider().install_default();
                let built = Client::builder()
                    .user_agent(&self.agent)
                    .redirect(reqwest::redirect::Policy::none())
                    .no_proxy()
                    .connect_timeout(Duration::from_secs(10))
                    .read_timeout(self.patience)
                    .pool_idle_timeout(Duration::from_secs(90))
                    .build();
                built.inspect_err(|error| tracing::warn!(%error, "no HTTP client; git is asked instead")).ok()
            })
            .as_ref()
    }
}

/// The whole answer; none when it is longer than this.
async fn read(mut response: Response, host: &str, most: usize) -> Result<Option<Vec<u8>>, NoAnswer> {
    let mut answer = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if answer.len() + chunk.len() <= most => answer.extend_from_slice(&chunk),
            Ok(Some(_)) => return Ok(None),
            Ok(None) => return Ok(Some(answer)),
            Err(error) => return Err(NoAnswer::Unreachable(words::of_http(&error, host))),
        }
    }
}
