//! What plain git commands say, one by one.

use refit_model::settings::Channel;
use refit_model::updater::git::GitSpec;
use refit_testkit::git::Work;

#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) head: Option<String>,
    pub(super) describe: Option<String>,
    pub(super) modified: Vec<String>,
    pub(super) untracked: Vec<String>,
    pub(super) upstream: Option<String>,
    pub(super) diverged: bool,
    pub(super) offered: Option<String>,
    pub(super) offered_describe: Option<String>,
    pub(super) behind: u64,
    pub(super) listed: Vec<(String, String, String, Option<String>)>,
}

pub(super) fn look(work: &Work, spec: &GitSpec, offered: Option<&str>) -> Seen {
    let one = |args: &[&str]| Some(work.try_git(args)).filter(|ran| ran.ok()).map(|ran| ran.stdout.trim().to_owned());
    let status = work.try_git(&["status", "--porcelain"]).stdout;
    let lines = |code: fn(&str) -> bool| -> Vec<String> {
        let with = status.lines().filter(|line| line.get(..2).is_some_and(code));
        with.map(|line| line[3..].to_owned()).collect()
    };
    let upstream = one(&["rev-parse", "--verify", "--quiet", "refs/remotes/origin/master"]);
    let detached = one(&["symbolic-ref", "-q", "HEAD"]).is_none();
    let ancestor = work.try_git(&["merge-base", "--is-ancestor", "HEAD", "origin/master"]).ok();
    let head = one(&["rev-parse", "HEAD"]);
    let offered = match (&spec.pinned_commit, spec.common.channel) {
        (Some(pin), _) => {
            let found = one(&["rev-parse", "--verify", "--quiet", &format!("{pin}^{{commit}}")]);
            let after = work.try_git(&["merge-base", "--is-ancestor", "HEAD", pin]).ok();
            found.filter(|_| after).or(head.clone())
        }
        (None, Channel::Dev) => upstream.clone(),
        // Which tag wins is the model's judgement; what follows from it is compared.
        (None, Channel::Stable | Channel::Beta) => offered.map(str::to_owned),
    };
    let of = |name: &str| one(&["describe", name, "--always", "--tags", "--long", "--abbrev=8"]);
    let to = offered.clone().unwrap_or_default();
    let range = format!("HEAD..{to}");
    Seen {
        describe: one(&["describe", "--always", "--tags", "--long", "--dirty", "--abbrev=8"]),
        modified: lines(|code| code.trim() == "M"),
        untracked: lines(|code| code == "??"),
        diverged: !detached && !ancestor,
        offered_describe: offered.as_deref().and_then(of),
        behind: one(&["rev-list", &range, "--count"]).and_then(|n| n.parse().ok()).unwrap_or(0),
        listed: listed(work, &range),
        head,
        upstream,
        offered,
    }
}

fn listed(work: &Work, range: &str) -> Vec<(String, String, String, Option<String>)> {
    let tags = work.try_git(&[
        "for-each-ref",
        "--count=100",
        "--sort=-creatordate",
        "--contains=HEAD",
        "--merged=origin/master",
        "--format=%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end) %(refname:strip=2)",
        "refs/tags",
    ]);
    let mut names = std::collections::BTreeMap::new();
    for line in tags.stdout.lines() {
        let (sha, name) = line.split_once(' ').unwrap();
        names.insert(sha.to_owned(), name.to_owned());
    }
    let log = work.try_git(&["log", "--max-count=100", "--format=%H%x1d%s%x1d%b%x1e", range]).stdout;
    let records = log.split('\u{1e}').map(str::trim).filter(|record| !record.is_empty()).map(|record| {
        let mut fields = record.splitn(3, '\u{1d}').map(|field| field.trim().to_owned());
        let (sha, subject) = (fields.next().unwrap(), fields.next().unwrap_or_default());
        let tag = names.get(&sha).cloned();
        (sha, subject, fields.next().unwrap_or_default(), tag)
    });
    records.enumerate().filter(|(index, record)| *index < 30 || record.3.is_some()).map(|(_, record)| record).collect()
}
