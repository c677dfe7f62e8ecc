//! The remote half of the facts, from the references that are here since the last fetch: what is offered, how far
//! behind, by which commits (CONTRACT §3.2.1, §3.2.2, §3.2.4).
//!
//! The usual case takes two commands beside `git status`: one describes HEAD and what is offered, one lists the commits
//! between. More are asked for tags among those, for versions without a tag, pins, and the channels stable and beta.
//! Refuses to: use a network.

use std::collections::HashMap;

use refit_model::name::CommitId;
use refit_model::settings::Channel;
use refit_model::updater::git::{CommitBehind, GitFacts, GitSpec, LocalFacts, RemoteFacts, current_version};
use refit_model::version::Version;

use super::ask::Ask;
use super::local::Local;
use super::parse::{self, Logged, Tag};

/// Commits that are listed without a tag.
const UNTAGGED: usize = 30;
/// Commits that are looked at.
const LISTED: usize = 100;
const MAX_COUNT: &str = "--max-count=100";
/// Tags that are looked at.
const MAX_TAGS: &str = "--count=100";

/// Compares HEAD with what is offered. Fills the version of HEAD in `local`, which is described in the same command.
pub(super) async fn judge(ask: &mut Ask<'_>, spec: &GitSpec, local: &mut Local, before: &RemoteFacts) -> RemoteFacts {
    let Some(place) = Place::of(&local.facts) else { return before.clone() };
    let mut remote = RemoteFacts { last_good: before.last_good, error: before.error.clone(), ..RemoteFacts::default() };
    remote.upstream = ask.reference(&place.tracking()).await;
    let mut between = None;
    let apart = match &remote.upstream {
        Some(upstream) if spec.common.channel == Channel::Dev && spec.pinned_commit.is_none() => {
            if place.counted(local).is_none() {
                // They have to be listed anyway, and then they are counted as well.
                between = place.between(ask, upstream).await;
            }
            match &between {
                Some(listed) => Some((0, u64::try_from(listed.len()).unwrap_or(u64::MAX))),
                None => place.apart(ask, local, upstream).await,
            }
        }
        Some(upstream) => place.apart(ask, local, upstream).await,
        None => {
            place.complain(ask, spec, local.facts.detached);
            None
        }
    };
    remote.diverged = !local.facts.detached && apart.is_some_and(|(ahead, _)| ahead > 0);
    let mut judge = Judge { ask, place, tags: None, between };
    match (&spec.pinned_commit, spec.common.channel) {
        (Some(pin), _) => judge.pinned(pin, local, &mut remote).await,
        (None, Channel::Dev) => judge.dev(apart, local, &mut remote).await,
        (None, Channel::Stable | Channel::Beta) => judge.tagged(spec.common.channel, local, &mut remote).await,
    }
    judge.commits_behind(&mut remote).await;
    remote
}

/// Where HEAD stands, and what it follows.
struct Place {
    head: CommitId,
    alias: String,
    branch: String,
}

impl Place {
    fn of(facts: &LocalFacts) -> Option<Self> {
        facts.remote_url.as_ref().filter(|_| facts.repo_detected)?;
        Some(Self { head: facts.head.clone()?, alias: facts.remote_alias.clone()?, branch: facts.branch.clone()? })
    }

    /// Built from the branch's own name, not from what it tracks, as in Moonraker.
    fn tracking(&self) -> String {
        format!("refs/remotes/{}/{}", self.alias, self.branch)
    }

    /// What `git status` counted, when it counted to this upstream.
    fn counted(&self, local: &Local) -> Option<(u64, u64)> {
        let short = format!("{}/{}", self.alias, self.branch);
        local.status.ahead_behind.filter(|_| local.status.upstream.as_deref() == Some(&short))
    }

    /// The commits that the upstream has more, when HEAD has none of its own and they are few enough to be listed.
    async fn between(&self, ask: &mut Ask<'_>, upstream: &CommitId) -> Option<Vec<Logged>> {
        let listed = log(ask, &format!("{}...{upstream}", self.head)).await?;
        let is_whole = listed.len() < LISTED && !listed.iter().any(|logged| logged.left);
        is_whole.then_some(listed)
    }

    /// Commits that only HEAD has, and that only the upstream has. `git status` often counted them already.
    async fn apart(&self, ask: &mut Ask<'_>, local: &Local, upstream: &CommitId) -> Option<(u64, u64)> {
        match self.counted(local) {
            Some(counts) => Some(counts),
            None => ask.apart(&self.head, upstream).await,
        }
    }

    /// The branch is not there at the remote: what Moonraker's commands print then, retries included.
    fn complain(&self, ask: &mut Ask<'_>, spec: &GitSpec, detached: bool) {
        let short = format!("{}/{}", self.alias, self.branch);
        if !detached {
            ask.complaints.extend(std::iter::repeat_n(format!("fatal: Not a valid object name {short}"), 3));
        }
        ask.complaints.push(if spec.common.channel == Channel::Dev && spec.pinned_commit.is_none() {
            format!(
                "fatal: ambiguous argument '{short}': unknown revision or path not in the working tree.\n\
                 Use '--' to separate paths from revisions, like this:\n\
                 'git <command> [<revision>...] -- [<file>...]'\n{short}"
            )
        } else {
            format!("fatal: malformed object name {short}")
        });
    }
}

struct Judge<'j, 'a> {
    ask: &'j mut Ask<'a>,
    place: Place,
    /// Tags that contain HEAD and are merged upstream, newest first; looked up once.
    tags: Option<Vec<Tag>>,
    /// The commits from HEAD to the upstream, where they were listed already.
    between: Option<Vec<Logged>>,
}

impl Judge<'_, '_> {
    async fn dev(&mut self, apart: Option<(u64, u64)>, local: &mut Local, remote: &mut RemoteFacts) {
        remote.offered.clone_from(&remote.upstream);
        remote.behind_count = apart.map_or(0, |(_, behind)| behind);
        self.describe(local, remote).await;
        self.counts(apart.is_some_and(|(ahead, _)| ahead == 0), local, remote).await;
    }

    /// The pin when it comes after HEAD, else HEAD itself.
    async fn pinned(&mut self, pin: &str, local: &mut Local, remote: &mut RemoteFacts) {
        let head = self.place.head.clone();
        let found = self.ask.commit(pin).await;
        remote.pin_exists = found.is_some();
        if found.is_none() {
            // The words of `git cat-file -e`, which Moonraker asks.
            self.ask.complaints.push(format!("fatal: Not a valid object name {pin}^{{commit}}"));
        }
        let apart = match &found {
            Some(found) if *found != head => self.ask.apart(&head, found).await,
            Some(_) | None => None,
        };
        remote.offered = Some(head);
        if let (Some(found), Some((0, behind))) = (found, apart) {
            remote.offered = Some(found);
            remote.behind_count = behind;
        }
        self.describe(local, remote).await;
        self.counts(true, local, remote).await;
    }

    /// The newest tag that the channel offers, when it is newer than HEAD; else HEAD itself.
    async fn tagged(&mut self, channel: Channel, local: &mut Local, remote: &mut RemoteFacts) {
        if remote.upstream.is_none() {
            return;
        }
        remote.offered = Some(self.place.head.clone());
        self.describe(local, remote).await;
        self.counts(true, local, remote).await;
        let tags = self.tags(remote).await;
        let Some((tag, version)) = newest(tags, channel) else { return };
        let facts = GitFacts { local: local.facts.clone(), ..GitFacts::default() };
        let range = format!("{}..{}", self.place.head, tag.commit);
        // Counted also for an older version that is not offered, as in Moonraker.
        remote.behind_count = self.ask.count(&range).await.unwrap_or(0);
        if current_version(&facts, Some(&version)).is_none_or(|current| version > current) {
            remote.offered = Some(tag.commit);
            // It contains HEAD, whose commits were counted.
            remote.commit_count = remote.commit_count.map(|count| count + remote.behind_count);
        }
        remote.offered_tag = Some(tag.name);
    }

    /// Describes HEAD and what is offered in one command.
    async fn describe(&mut self, local: &mut Local, remote: &mut RemoteFacts) {
        let head = self.place.head.as_str();
        let offered = remote.offered.as_ref().map(CommitId::as_str).filter(|offered| *offered != head);
        let args = ["describe", "--always", "--tags", "--long", "--abbrev=8", head].into_iter().chain(offered);
        let Some(printed) = self.ask.answer(args).await else { return };
        let printed = String::from_utf8_lossy(&printed);
        let mut lines = printed.lines().map(str::to_owned);
        local.facts.describe = lines.next();
        remote.describe = if offered.is_some() { lines.next() } else { local.facts.describe.clone() };
    }

    /// Counts all commits, where a version has to be guessed from them.
    async fn counts(&mut self, ahead_of_head: bool, local: &mut Local, remote: &mut RemoteFacts) {
        let is_version = |text: &Option<String>| text.as_deref().is_some_and(|text| Version::parse(text).is_some());
        if is_version(&local.facts.describe) {
            return;
        }
        local.facts.commit_count = self.ask.count(self.place.head.as_str()).await;
        if is_version(&remote.describe) {
            return;
        }
        remote.commit_count = match &remote.offered {
            // What comes after HEAD has all of its commits.
            Some(_) if ahead_of_head => local.facts.commit_count.map(|count| count + remote.behind_count),
            Some(offered) => self.ask.count(offered.as_str()).await,
            None => None,
        };
    }

    async fn tags(&mut self, remote: &RemoteFacts) -> &[Tag] {
        if self.tags.is_none() {
            let found = match &remote.upstream {
                // Nothing upstream contains a commit that only HEAD has.
                Some(upstream) if !remote.diverged => {
                    let contains = format!("--contains={}", self.place.head);
                    let merged = format!("--merged={upstream}");
                    let args = ["for-each-ref", MAX_TAGS, "--sort=-creatordate", &contains, &merged];
                    let args = args.into_iter().chain([parse::TAG_FORMAT, "refs/tags"]);
                    self.ask.answer(args).await.map(|printed| parse::tags(&printed)).unwrap_or_default()
                }
                Some(_) | None => Vec::new(),
            };
            self.tags = Some(found);
        }
        self.tags.as_deref().unwrap_or_default()
    }

    async fn commits_behind(&mut self, remote: &mut RemoteFacts) {
        let Some(offered) = remote.offered.clone().filter(|offered| *offered != self.place.head) else { return };
        if remote.behind_count == 0 || remote.upstream.is_none() {
            return;
        }
        let known = self.between.take().filter(|_| remote.upstream.as_ref() == Some(&offered));
        let logged = match known {
            Some(logged) => logged,
            None => {
                let Some(logged) = log(self.ask, &format!("{}..{offered}", self.place.head)).await else { return };
                logged
            }
        };
        let tags = if logged.iter().any(|l| l.tagged) { self.tags(remote).await } else { &[] };
        remote.commits_behind = listed(logged, tags);
    }
}

/// The newest commits of a range.
async fn log(ask: &mut Ask<'_>, range: &str) -> Option<Vec<Logged>> {
    let args = ["log", "-z", MAX_COUNT, parse::LOG_FORMAT, "--decorate=short", "--decorate-refs=refs/tags/"];
    let printed = ask.answer(args.into_iter().chain(["--no-mailmap", range, "--"])).await?;
    parse::log(&printed).map_err(|error| ask.complaints.push(error.to_string())).ok()
}

/// The rule of CONTRACT §3.2.4: the first thirty, and every tagged one. Of several tags at a commit the one that comes
/// last in the list counts (observed).
fn listed(logged: Vec<Logged>, tags: &[Tag]) -> Vec<CommitBehind> {
    let names: HashMap<&str, &str> = tags.iter().map(|tag| (tag.commit.as_str(), tag.name.as_str())).collect();
    let tagged = logged.into_iter().map(|l| {
        let tag = names.get(l.commit.sha.as_str()).map(|name| (*name).to_owned());
        CommitBehind { tag, ..l.commit }
    });
    tagged.enumerate().filter(|(index, commit)| *index < UNTAGGED || commit.tag.is_some()).map(|(_, c)| c).collect()
}

/// The first commit whose tag the channel offers, in the order of the list; of several tags at a commit the one that
/// comes last counts (observed).
fn newest(tags: &[Tag], channel: Channel) -> Option<(Tag, Version)> {
    let offers = |version: &Version| match channel {
        Channel::Stable => version.is_final(),
        Channel::Beta => !version.is_alpha(),
        Channel::Dev => false,
    };
    tags.iter().find_map(|first| {
        let tag = tags.iter().rfind(|tag| tag.commit == first.commit)?;
        let version = Version::of_tag(&tag.name).filter(offers)?;
        Some((tag.clone(), version))
    })
}
