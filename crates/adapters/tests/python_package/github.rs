//! Applications installed from a repository on GitHub: its releases and its commits.

use std::fs;

use refit_model::name::BranchName;
use refit_model::settings::Channel;
use refit_model::updater::python::{PythonFacts, PythonSpec};
use refit_testkit::index::Fault;
use refit_testkit::releases::{Release, ReleaseHost};

use crate::lab::{Lab, NOW};

const INSTALLED: &str = "985c1d0b00000000000000000000000000000000";
const FIRST: &str = "1111111111111111111111111111111111111111";
const SECOND: &str = "2222222222222222222222222222222222222222";

struct World {
    lab: Lab,
    host: ReleaseHost,
}

impl World {
    fn new() -> Self {
        let (mut lab, host) = (Lab::new(), ReleaseHost::start());
        lab.github_api = host.github_api();
        let info = lab.install("tool", "1.0.0");
        let direct = format!(
            "{{\"url\": \"https://github.com/own/tool.git\", \"vcs_info\": {{\"vcs\": \"git\", \"commit_id\": \"{INSTALLED}\"}}}}"
        );
        fs::write(info.join("direct_url.json"), direct).unwrap();
        Self { lab, host }
    }

    async fn refresh(&self, spec: &PythonSpec, before: &PythonFacts) -> PythonFacts {
        self.lab.refresh_by(spec, before, NOW).await
    }

    /// Path and status of everything that was asked since the last time.
    fn asked(&self) -> Vec<(String, u16)> {
        let asked = self.host.requests().into_iter().map(|asked| (asked.path, asked.status)).collect();
        self.host.forget();
        asked
    }

    fn shown(&self, spec: &PythonSpec, facts: &PythonFacts) -> (String, String, bool) {
        let judged = refit_model::updater::python::assess(spec, facts);
        assert!(judged.is_valid);
        (judged.remote_version, judged.remote_hash, judged.update_available)
    }
}

fn told(remote: &str, hash: &str, is_newer: bool) -> (String, String, bool) {
    (remote.to_owned(), hash.to_owned(), is_newer)
}

#[tokio::test]
async fn releases_are_followed_by_their_tags() {
    let world = World::new();
    for release in
        [Release::new("v1.0.0"), Release::new("v1.1.0").named("Eleven"), Release::new("v1.2.0b1").prerelease()]
    {
        world.host.publish("own", "tool", release);
    }
    for (channel, tag) in [(Channel::Stable, "v1.1.0"), (Channel::Beta, "v1.2.0b1")] {
        let spec = world.lab.spec("tool", channel);
        let facts = world.refresh(&spec, &PythonFacts::default()).await;
        assert_eq!(world.shown(&spec, &facts), told(tag, "update-available", true), "{:?}", facts.remote);
        assert_eq!(facts.remote.last_good, Some(NOW));
        assert_eq!(world.asked().len(), 1);
        let again = world.refresh(&spec, &facts).await;
        assert_eq!((again.remote.offer, again.remote.error), (facts.remote.offer, None));
        assert_eq!(world.asked().into_iter().map(|(_, status)| status).collect::<Vec<_>>(), [304]);
    }
    // No Python was started, and no index asked.
    assert_eq!((world.lab.starts(), world.lab.index.requests().len()), (0, 0));
}

#[tokio::test]
async fn a_branch_is_followed_by_its_commits() {
    let world = World::new();
    world.host.push("own", "tool", "main", FIRST);
    world.host.push("own", "tool", "next", SECOND);
    let mut spec = world.lab.spec("tool", Channel::Dev);
    let facts = world.refresh(&spec, &PythonFacts::default()).await;
    assert_eq!(world.shown(&spec, &facts), told("v1.0.1-1", FIRST, true), "{:?}", facts.remote);
    assert_eq!(facts.remote.offer.as_ref().unwrap().version, "v1.0.1.dev1+g11111111");
    assert!(facts.remote.rate.is_some());
    assert_eq!(world.asked(), [("/api/repos/own/tool/commits?per_page=1".to_owned(), 200)]);
    let again = world.refresh(&spec, &facts).await;
    assert_eq!((world.asked()[0].1, &again.remote.offer), (304, &facts.remote.offer));
    // Another branch is another question.
    spec.primary_branch = Some(BranchName::new("next").unwrap());
    let next = world.refresh(&spec, &again).await;
    assert_eq!(world.shown(&spec, &next), told("v1.0.1-1", SECOND, true));
    assert_eq!(world.asked(), [("/api/repos/own/tool/commits?per_page=1&sha=next".to_owned(), 200)]);
    world.host.push("own", "tool", "next", INSTALLED);
    let current = world.refresh(&spec, &next).await;
    assert_eq!(world.shown(&spec, &current), told("1.0.0", INSTALLED, false));
}

#[tokio::test]
async fn what_github_does_not_tell_leaves_what_was_known() {
    let world = World::new();
    let stable = world.lab.spec("tool", Channel::Stable);
    let dev = world.lab.spec("tool", Channel::Dev);
    for spec in [&stable, &dev] {
        let facts = world.refresh(spec, &PythonFacts::default()).await;
        assert_eq!(world.shown(spec, &facts), told("?", "?", false));
        assert!(facts.remote.error.is_some_and(|error| error.contains("own/tool")));
    }
    world.host.publish("own", "tool", Release::new("v1.1.0"));
    world.host.push("own", "tool", "main", FIRST);
    for (spec, remote, hash) in [(&stable, "v1.1.0", "update-available"), (&dev, "v1.0.1-1", FIRST)] {
        let good = world.refresh(spec, &PythonFacts::default()).await;
        world.host.fault(Fault::status(500));
        let failed = world.lab.refresh_by(spec, &good, NOW + 1).await;
        world.host.heal();
        assert_eq!(world.shown(spec, &failed), told(remote, hash, true));
        assert_eq!((failed.remote.last_good, failed.last_refresh), (Some(NOW), NOW + 1));
        assert!(failed.remote.error.as_ref().is_some_and(|error| error.contains("status 500")), "{:?}", failed.remote);
        let healed = world.refresh(spec, &failed).await;
        assert_eq!(healed.remote.error, None);
        world.host.fault(Fault::secondary_limit(Some(60)));
        let limited = world.refresh(spec, &good).await;
        world.host.heal();
        assert_eq!(limited.remote.not_before, Some(NOW + 60));
        assert!(limited.remote.error.is_some_and(|error| error.starts_with("GitHub Rate Limit Reached\n")));
        assert_eq!(limited.remote.offer, good.remote.offer);
    }
    world.asked();
}
