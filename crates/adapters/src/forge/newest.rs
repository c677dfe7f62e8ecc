//! Which release is the newest: the questions in their order, and what is made of the answers.
//!
//! [`RemoteRelease::etags`] remembers what the known release was made from. Its keys are the addresses asked; a fragment,
//! which no server sees, says what was made of the answer, so that an entity tag is never sent where "not modified" would
//! mean something else. An answer without an entity tag is remembered with an empty one.
//! Refuses to: keep a release that was the answer to another question.

use std::collections::BTreeMap;

use refit_engine::ports::Clock as _;
use refit_model::settings::Channel;
use refit_model::updater::release::{self, Release, RemoteRelease, Source};
use refit_model::version::Version;
use reqwest::{StatusCode, Url};

use super::ask::{self, Answer};
use super::{ForgeError, Forges, address, answer, limit};
use crate::clock::WallClock;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) source: &'a Source,
    pub(super) channel: Channel,
    pub(super) installed: Option<&'a str>,
    /// Seconds since 1970.
    pub(super) now: i64,
}

pub(super) async fn newest(forges: &Forges, question: Question<'_>, before: &RemoteRelease) -> RemoteRelease {
    let mut known = before.clone();
    question.forget_others(&mut known);
    // Another project of the same forge may have been told.
    known.not_before = known.not_before.max(forges.paused(question.source));
    if limit::in_force(known.not_before, question.now) {
        if known.error.is_none() {
            known.error = question
                .latest()
                .ok()
                .zip(known.not_before)
                .map(|(url, until)| limit::limited(question.source, url.as_str(), until).to_string());
        }
        return known;
    }
    known.not_before = None;
    let mut asking = Asking { forges, question, known: &mut known, made_from: BTreeMap::new() };
    match asking.look().await {
        Ok(release) => {
            known.etags = asking.made_from;
            known.release = Some(release);
            known.last_good = Some(question.now);
            known.error = None;
        }
        Err(error) => {
            if let ForgeError::Limited { until, .. } = &error {
                known.not_before = Some(*until);
                forges.pause(question.source, *until);
            }
            known.error = Some(error.to_string());
        }
    }
    known
}

pub(super) async fn tagged(forges: &Forges, source: &Source, version: &str) -> Result<Release, ForgeError> {
    let other = match version.strip_prefix('v') {
        Some(bare) => bare.to_owned(),
        None => format!("v{version}"),
    };
    let mut missing = None;
    let paused = forges.paused(source);
    for tag in [version, &other] {
        let url = address::tagged(source, tag)?;
        if let Some(until) = paused.filter(|_| limit::in_force(paused, WallClock.now() as i64)) {
            return Err(limit::limited(source, url.as_str(), until));
        }
        let answer = forges.ask(source, &url, None).await?;
        if answer.status == StatusCode::NOT_FOUND {
            let host = url.host_str().unwrap_or_default();
            missing.get_or_insert_with(|| {
                let project = format!("{}/{}", source.owner, source.repo);
                ForgeError::Missing(format!("{host}: {project} has no release {version} (any more)"))
            });
            continue;
        }
        let now = WallClock.now() as i64;
        let answer = success(forges, source, &url, answer, now)?;
        let told = answer::one(source, &answer.body).map_err(|error| not_understood(&url, &error))?;
        return told.filter(|release| release.tag == tag).ok_or_else(|| ForgeError::NotUnderstood {
            host: url.host_str().unwrap_or_default().to_owned(),
            why: format!("it is not about {tag}"),
        });
    }
    Err(missing.unwrap_or_else(|| ForgeError::Missing(format!("there is no release {version}"))))
}

/// The keys under which answers are remembered.
impl Question<'_> {
    fn latest(&self) -> Result<Url, ForgeError> {
        address::latest(self.source)
    }

    /// The latest release, and it is the one.
    fn key_latest(&self) -> Result<String, ForgeError> {
        Ok(self.latest()?.into())
    }

    /// The latest release, passed over for what the list holds.
    fn key_passed_over(&self) -> Result<String, ForgeError> {
        let mut url = self.latest()?;
        url.set_fragment(Some(&format!("passed-over:{}", self.installed.unwrap_or_default())));
        Ok(url.into())
    }

    /// The list, of which this channel's newest was taken.
    fn key_list(&self) -> Result<String, ForgeError> {
        let mut url = address::list(self.source)?;
        url.set_fragment(Some(self.channel.as_str()));
        Ok(url.into())
    }

    /// A release of another project or channel is not offered, whatever happens now.
    fn forget_others(&self, known: &mut RemoteRelease) {
        let stable = self.key_latest().ok().filter(|_| self.channel == Channel::Stable);
        let list = self.key_list().ok();
        let mine = |key: &String| {
            Some(key) == list.as_ref() || stable.as_ref().is_some_and(|url| key.split('#').next() == Some(url))
        };
        let any = known.etags.keys().any(mine);
        if !known.etags.is_empty() && !any {
            known.release = None;
            known.last_good = None;
            if !known.etags.keys().any(|key| key.starts_with(&self.source.api)) {
                known.not_before = None;
                known.rate = None;
            }
            known.etags.clear();
        }
    }
}

struct Asking<'a> {
    forges: &'a Forges,
    question: Question<'a>,
    known: &'a mut RemoteRelease,
    /// What becomes `etags` when all goes well.
    made_from: BTreeMap<String, String>,
}

/// What an answer to a conditional request says.
enum Seen {
    Same,
    Fresh(Answer),
}

impl Asking<'_> {
    async fn look(&mut self) -> Result<Release, ForgeError> {
        match self.question.channel {
            Channel::Stable => self.stable().await,
            Channel::Beta | Channel::Dev => self.listed(None).await,
        }
    }

    async fn stable(&mut self) -> Result<Release, ForgeError> {
        let source = self.question.source;
        let (url, plain, passed) =
            (self.question.latest()?, self.question.key_latest()?, self.question.key_passed_over()?);
        let was_passed_over = self.known.etags.contains_key(&passed);
        let key = if was_passed_over { &passed } else { &plain };
        let latest = match self.conditional(&url, key).await? {
            Seen::Same if was_passed_over => return self.listed(None).await,
            Seen::Same => self.known.release.clone().ok_or_else(|| self.missing(&url))?,
            Seen::Fresh(answer) => {
                let etag = ask::etag(&answer.headers);
                self.made_from = BTreeMap::from([(plain.clone(), etag)]);
                let told = answer::one(source, &answer.body).map_err(|error| not_understood(&url, &error))?;
                told.ok_or_else(|| self.missing(&url))?
            }
        };
        if !latest.prerelease && !is_older(&latest, self.question.installed) {
            return Ok(latest);
        }
        if let Some(etag) = self.made_from.remove(&plain) {
            self.made_from.insert(passed, etag);
        }
        self.listed(Some(latest)).await
    }

    /// The newest of the list, and of what is known beside it.
    async fn listed(&mut self, beside: Option<Release>) -> Result<Release, ForgeError> {
        let (url, key) = (address::list(self.question.source)?, self.question.key_list()?);
        let answer = match self.conditional(&url, &key).await? {
            Seen::Same if beside.is_none() => {
                return self.known.release.clone().ok_or_else(|| self.missing(&url));
            }
            // The list is the same, but what it is compared with is not.
            Seen::Same => self.unconditional(&url, &key).await?,
            Seen::Fresh(answer) => answer,
        };
        let mut releases =
            answer::several(self.question.source, &answer.body).map_err(|error| not_understood(&url, &error))?;
        releases.extend(beside);
        release::newest(self.question.channel, releases).ok_or_else(|| self.missing(&url))
    }

    async fn conditional(&mut self, url: &Url, key: &str) -> Result<Seen, ForgeError> {
        let etag = self.known.release.as_ref().and(self.known.etags.get(key)).filter(|etag| !etag.is_empty()).cloned();
        let Some(etag) = etag else { return Ok(Seen::Fresh(self.unconditional(url, key).await?)) };
        let answer = self.forges.ask(self.question.source, url, Some(&etag)).await?;
        self.note_rate(&answer);
        if answer.status == StatusCode::NOT_MODIFIED {
            self.made_from.insert(key.to_owned(), etag);
            return Ok(Seen::Same);
        }
        Ok(Seen::Fresh(self.accepted(url, key, answer)?))
    }

    async fn unconditional(&mut self, url: &Url, key: &str) -> Result<Answer, ForgeError> {
        let answer = self.forges.ask(self.question.source, url, None).await?;
        self.note_rate(&answer);
        self.accepted(url, key, answer)
    }

    fn accepted(&mut self, url: &Url, key: &str, answer: Answer) -> Result<Answer, ForgeError> {
        if answer.status == StatusCode::NOT_FOUND {
            return Err(self.missing(url));
        }
        let answer = success(self.forges, self.question.source, url, answer, self.question.now)?;
        self.made_from.insert(key.to_owned(), ask::etag(&answer.headers));
        Ok(answer)
    }

    fn note_rate(&mut self, answer: &Answer) {
        if let Some(rate) = limit::told(&answer.headers, self.question.now) {
            self.known.rate = Some(rate);
        }
    }

    fn missing(&self, url: &Url) -> ForgeError {
        let Source { owner, repo, .. } = self.question.source;
        let host = url.host_str().unwrap_or_default();
        let hint = match self.question.channel {
            Channel::Stable => "is the option repo right? Pre-releases are on the channel beta",
            Channel::Beta | Channel::Dev => "is the option repo right?",
        };
        ForgeError::Missing(format!("{host}: {owner}/{repo} has no release, or there is no such project; {hint}"))
    }
}

fn success(forges: &Forges, source: &Source, url: &Url, answer: Answer, now: i64) -> Result<Answer, ForgeError> {
    if answer.status == StatusCode::OK {
        return Ok(answer);
    }
    match limit::until(answer.status, &answer.headers, now) {
        Some(until) => Err(limit::limited(source, url.as_str(), until)),
        None => Err(ask::denied(source, url, answer.status, forges.has_token(source))),
    }
}

fn not_understood(url: &Url, error: &serde_json::Error) -> ForgeError {
    ForgeError::NotUnderstood { host: url.host_str().unwrap_or_default().to_owned(), why: error.to_string() }
}

/// Lower than the installed version, as far as numbers tell.
fn is_older(release: &Release, installed: Option<&str>) -> bool {
    let version = |text: &str| Version::of_tag(text);
    let offered = version(&release.tag).or_else(|| release.name.as_deref().and_then(version));
    match (offered, installed.and_then(version)) {
        (Some(offered), Some(installed)) => offered < installed,
        (None, _) | (_, None) => false,
    }
}
