//! The newest commit of a branch, as GitHub's API tells it.
//! Refuses to: ask other forges; nothing that follows a branch there is looked after in this way.

use reqwest::StatusCode;
use serde::Deserialize;

use refit_model::updater::release::{RateLimit, Source};

use super::{ForgeError, Forges, address, ask, limit};

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct CommitQuestion<'a> {
    /// The repository.
    pub source: &'a Source,
    /// The branch; else the repository's own first one.
    pub branch: Option<&'a str>,
    /// The entity tag of the answer that is known.
    pub etag: Option<&'a str>,
    /// Not to be asked before, seconds since 1970.
    pub not_before: Option<i64>,
    /// Seconds since 1970.
    pub now: i64,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitSeen {
    /// Its full hash.
    pub sha: String,
    /// The address that was asked.
    pub address: String,
    /// Sent again next time; may be empty.
    pub etag: String,
}

/// What was told.
#[derive(Debug)]
pub struct CommitTold {
    /// The commit; none when it is the known one.
    pub answer: Result<Option<CommitSeen>, ForgeError>,
    /// The rate limit.
    pub rate: Option<RateLimit>,
    /// Not to be asked again before.
    pub not_before: Option<i64>,
}

#[derive(Deserialize)]
struct Listed {
    sha: String,
}

impl Forges {
    /// The newest commit of a branch.
    pub async fn newest_commit(&self, question: CommitQuestion<'_>) -> CommitTold {
        let paused = question.not_before.max(self.paused(question.source));
        let mut told = CommitTold { answer: Ok(None), rate: None, not_before: None };
        told.answer = self.commit(question, paused, &mut told.rate).await;
        if let Err(ForgeError::Limited { until, .. }) = &told.answer {
            told.not_before = Some(*until);
            self.pause(question.source, *until);
        }
        told
    }

    async fn commit(
        &self,
        question: CommitQuestion<'_>,
        paused: Option<i64>,
        rate: &mut Option<RateLimit>,
    ) -> Result<Option<CommitSeen>, ForgeError> {
        let CommitQuestion { source, branch, etag, now, .. } = question;
        let url = address::commits(source, branch)?;
        if let Some(until) = paused.filter(|_| limit::in_force(paused, now)) {
            return Err(limit::limited(source, url.as_str(), until));
        }
        let answer = self.ask(source, &url, etag).await?;
        *rate = limit::told(&answer.headers, now);
        let host = url.host_str().unwrap_or_default();
        match answer.status {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if etag.is_some() => return Ok(None),
            StatusCode::NOT_FOUND | StatusCode::CONFLICT => {
                let Source { owner, repo, .. } = source;
                let branch = branch.map_or_else(String::new, |branch| format!(", or no branch {branch} of it"));
                return Err(ForgeError::Missing(format!(
                    "{host}: there is no such repository as {owner}/{repo}{branch}"
                )));
            }
            status => {
                return Err(match limit::until(status, &answer.headers, now) {
                    Some(until) => limit::limited(source, url.as_str(), until),
                    None => ask::denied(source, &url, status, self.has_token(source)),
                });
            }
        }
        let not_understood = |why: String| ForgeError::NotUnderstood { host: host.to_owned(), why };
        let listed: Vec<Listed> =
            serde_json::from_slice(&answer.body).map_err(|error| not_understood(error.to_string()))?;
        let newest = listed.into_iter().next().map(|listed| listed.sha.to_ascii_lowercase());
        let is_sha = |sha: &String| sha.len() == 40 && sha.bytes().all(|byte| byte.is_ascii_hexdigit());
        let sha = newest.filter(is_sha).ok_or_else(|| not_understood("it names no commit".to_owned()))?;
        Ok(Some(CommitSeen { sha, address: url.clone().into(), etag: ask::etag(&answer.headers) }))
    }
}
