//! Everything that is published, by repository, with the numbers and dates that a forge gives to it.

use jiff::{SignedDuration, Timestamp};

use super::release::{Asset, Release};

/// All repositories of the host.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    repos: Vec<Repo>,
    /// From `owner/repo` in lower case to where it is now.
    moved: Vec<(String, String)>,
    counted: u64,
}

/// One repository.
#[derive(Debug)]
pub(super) struct Repo {
    pub(super) id: u64,
    pub(super) owner: String,
    pub(super) name: String,
    releases: Vec<Published>,
    /// Name and newest commit of each branch; the first is the repository's own.
    branches: Vec<(String, String)>,
}

/// A release as it stands on the shelf.
#[derive(Clone, Debug)]
pub(super) struct Published {
    pub(super) id: u64,
    pub(super) at: Timestamp,
    pub(super) release: Release,
}

impl Shelf {
    /// Puts a release on the shelf; one of the same tag is replaced.
    pub(super) fn publish(&mut self, owner: &str, name: &str, release: Release) {
        let (id, repo) = self.made(owner, name);
        let next_day = repo.releases.iter().map(|known| known.at).max();
        let next_day = next_day.map_or(first_day(), |day| day + SignedDuration::from_hours(24));
        let at = match &release.published_at {
            Some(at) => at.parse().unwrap_or_else(|e| panic!("the release {} is dated {at}: {e}", release.tag)),
            None => next_day,
        };
        repo.releases.retain(|known| known.release.tag != release.tag);
        repo.releases.push(Published { id, at, release });
    }

    /// Puts a commit on top of a branch.
    pub(super) fn push(&mut self, owner: &str, name: &str, branch: &str, sha: &str) {
        let (_, repo) = self.made(owner, name);
        match repo.branches.iter_mut().find(|(known, _)| known == branch) {
            Some((_, newest)) => sha.clone_into(newest),
            None => repo.branches.push((branch.to_owned(), sha.to_owned())),
        }
    }

    /// A fresh number, and the repository, made where there is none.
    fn made(&mut self, owner: &str, name: &str) -> (u64, &mut Repo) {
        self.counted += 1;
        let id = self.counted * 1000;
        let at = self.repos.iter().position(|repo| repo.is(owner, name)).unwrap_or_else(|| {
            let (owner, name) = (owner.to_owned(), name.to_owned());
            self.repos.push(Repo { id, owner, name, releases: Vec::new(), branches: Vec::new() });
            self.repos.len() - 1
        });
        (id, &mut self.repos[at])
    }

    /// Takes a release away. True when there was one.
    pub(super) fn remove(&mut self, owner: &str, name: &str, tag: &str) -> bool {
        let Some(repo) = self.repos.iter_mut().find(|repo| repo.is(owner, name)) else {
            return false;
        };
        let before = repo.releases.len();
        repo.releases.retain(|known| known.release.tag != tag);
        repo.releases.len() < before
    }

    /// Takes every release of a repository away; the repository stays.
    pub(super) fn clear(&mut self, owner: &str, name: &str) {
        if let Some(repo) = self.repos.iter_mut().find(|repo| repo.is(owner, name)) {
            repo.releases.clear();
        }
    }

    /// From now on the repository has another name, and the old one leads to it.
    pub(super) fn rename(&mut self, old: (&str, &str), new: (&str, &str)) {
        if let Some(repo) = self.repos.iter_mut().find(|repo| repo.is(old.0, old.1)) {
            (repo.owner, repo.name) = (new.0.to_owned(), new.1.to_owned());
            self.moved.push((format!("{}/{}", old.0, old.1).to_lowercase(), format!("{}/{}", new.0, new.1)));
        }
    }

    pub(super) fn repo(&self, owner: &str, name: &str) -> Option<&Repo> {
        self.repos.iter().find(|repo| repo.is(owner, name))
    }

    pub(super) fn repo_by_id(&self, id: &str) -> Option<&Repo> {
        let id: u64 = id.parse().ok()?;
        self.repos.iter().find(|repo| repo.id == id)
    }

    /// The repository that had this name before.
    pub(super) fn moved(&self, owner: &str, name: &str) -> Option<&Repo> {
        let old = format!("{owner}/{name}").to_lowercase();
        let (_, new) = self.moved.iter().rfind(|(from, _)| *from == old)?;
        let (owner, name) = new.split_once('/')?;
        self.repo(owner, name)
    }
}

impl Repo {
    fn is(&self, owner: &str, name: &str) -> bool {
        self.owner.eq_ignore_ascii_case(owner) && self.name.eq_ignore_ascii_case(name)
    }

    /// What the anonymous see, newest first; of one instant the one that was published later.
    pub(super) fn public(&self) -> Vec<&Published> {
        let mut seen: Vec<&Published> = self.releases.iter().filter(|known| !known.release.draft).collect();
        seen.sort_by_key(|known| std::cmp::Reverse((known.at, known.id)));
        seen
    }

    /// The newest commit of a branch, or of the first one.
    pub(super) fn newest_commit(&self, branch: Option<&str>) -> Option<&str> {
        let mut branches = self.branches.iter();
        let found = branches.find(|(name, _)| branch.is_none_or(|branch| branch == name));
        found.map(|(_, sha)| sha.as_str())
    }

    /// The newest that is no pre-release.
    pub(super) fn latest(&self) -> Option<&Published> {
        self.public().into_iter().find(|known| !known.release.prerelease)
    }

    /// The public release of this tag.
    pub(super) fn tagged(&self, tag: &str) -> Option<&Published> {
        self.public().into_iter().find(|known| known.release.tag == tag)
    }

    /// A file by the number that [`Published::assets`] gives.
    pub(super) fn asset(&self, id: u64) -> Option<(&Published, &Asset)> {
        self.public().into_iter().find_map(|known| Some((known, known.assets().find(|(own, _)| *own == id)?.1)))
    }
}

impl Published {
    /// The files with their numbers.
    pub(super) fn assets(&self) -> impl Iterator<Item = (u64, &Asset)> {
        (self.id + 1..).zip(&self.release.assets)
    }

    /// `2026-01-01T00:00:00Z`.
    pub(super) fn time(&self) -> String {
        self.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// The date as HTTP writes it.
    pub(super) fn http_date(&self) -> String {
        self.at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }
}

/// When the first release of a repository is published, unless it says so itself: 2026 began.
fn first_day() -> Timestamp {
    Timestamp::from_second(1_767_225_600).unwrap_or_default()
}
