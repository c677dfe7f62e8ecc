//! Tags, the channels that follow them, and pins.

use super::{State, StateLab};
use crate::git::{Commit, EPOCH};

/// Where the dates of tags with dates of their own begin: a day after the seed.
const LATER: i64 = EPOCH + 86_400;

pub(super) const STATES: &[State] = &[
    State::new("tag-none", "no tag at all", |lab| {
        lab.remote.delete_tag("v0.1.0");
        lab.clone();
    }),
    State::new("tag-none-behind", "no tag at all, one behind", |lab| {
        lab.remote.delete_tag("v0.1.0");
        lab.clone();
        lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
    }),
    State::new("tag-annotated-at-head", "an annotated tag at HEAD", |lab| {
        lab.remote.annotate("v1.0.0", "One");
        lab.clone();
    }),
    State::new("tag-lightweight-at-head", "a lightweight tag at HEAD", |lab| {
        lab.remote.tag("v1.0.0");
        lab.clone();
    }),
    State::new("tag-both-kinds", "a lightweight and an annotated tag at HEAD", |lab| {
        lab.remote.tag("v1.0.1");
        lab.remote.annotate("v1.0.0", "One");
        lab.clone();
    }),
    State::new("tag-non-version", "the nearest tag is no version", |lab| {
        lab.remote.tag_at("release-1.0", "master~1");
        lab.remote.delete_tag("v0.1.0");
        lab.clone();
        lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
    }),
    State::new("tag-with-slash", "the nearest tag has a slash", |lab| {
        lab.remote.tag("release/1.0");
        lab.clone();
    }),
    State::new("tag-prerelease", "the nearest tag is a pre-release", |lab| {
        lab.remote.annotate("v1.2.0b1", "Beta");
        lab.clone();
    }),
    State::new("tag-prerelease-spelled", "pre-releases in long spellings, upstream ahead", |lab| {
        lab.remote.annotate("v1.2.0-beta.1", "Beta");
        lab.clone();
        lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
        lab.remote.annotate("v1.2.0-rc.2", "Candidate");
    }),
    State::new("tag-hex-like", "a tag that looks like a hash", |lab| {
        lab.remote.delete_tag("v0.1.0");
        lab.remote.tag("deadbeef");
        lab.clone();
    }),
    State::new("tag-hex-letter", "a tag that begins with a hex letter", |lab| {
        lab.remote.delete_tag("v0.1.0");
        lab.remote.tag("beta-one");
        lab.clone();
    }),
    State::new("tag-four-numbers", "a version of four numbers", |lab| {
        lab.remote.tag("v1.2.3.4");
        lab.clone();
    }),
    State::new("tag-unmerged", "a newer tag on a branch that is not merged", |lab| {
        lab.clone();
        let side = lab.remote.push("side", &Commit::new("Side").file("side.py", "side\n"));
        lab.remote.tag_at("v9.0.0", &side);
    }),
    State::new("tag-upstream-only", "no tag here, a version tag upstream", |lab| {
        lab.remote.delete_tag("v0.1.0");
        lab.clone();
        lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
        lab.remote.annotate("v1.3.0", "Release");
    }),
    State::new("tag-moved", "the remote moved a tag that is here", |lab| {
        lab.clone();
        lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
        let date = lab.world.tick();
        lab.remote.annotate_at("v0.1.0", "Again", "master", date);
    }),
    State::new("tag-local-only", "a tag that only exists here", |lab| {
        lab.clone().git(&["tag", "v5.0.0"]);
    }),
    State::new("hash-like-version", "no tag, and a hash whose first eight digits are decimal", |lab| {
        lab.remote.delete_tag("v0.1.0");
        let commits: Vec<Commit> = (0..400).map(|n| Commit::new("Try").file("n", n.to_string())).collect();
        let tries = lab.remote.push_all("tries", &commits);
        let found = tries.iter().find(|sha| sha[..8].bytes().all(|b| b.is_ascii_digit()));
        lab.remote.force("master", found.expect("one in 43 is"));
        lab.remote.delete_branch("tries");
        lab.clone();
    }),
    State::new("stable-candidate", "stable, a newer release ahead, and a commit beyond it", |lab| {
        channel(lab, "stable", &[("v1.1.0", 0)]);
    }),
    State::new("stable-two-candidates", "stable, two newer releases ahead", |lab| {
        channel(lab, "stable", &[("v1.1.0", 0), ("v1.2.0", 60)]);
    }),
    State::new("stable-no-candidate", "stable, untagged commits ahead", |lab| channel(lab, "stable", &[])),
    State::new("stable-only-prerelease", "stable, only pre-releases ahead", |lab| {
        channel(lab, "stable", &[("v1.1.0a1", 0), ("v1.1.0rc1", 60)]);
    }),
    State::new("stable-dates-against-versions", "stable, the higher version was tagged earlier", |lab| {
        channel(lab, "stable", &[("v2.0.0", 0), ("v1.9.0", 60)]);
    }),
    State::new("stable-older-candidate", "stable, the newest tag is a lower version than the current one", |lab| {
        channel(lab, "stable", &[("v0.9.0", 0)]);
    }),
    State::new("stable-never-tagged", "stable in a repository without tags", |lab| {
        lab.remote.delete_tag("v0.1.0");
        lab.clone();
        lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
        lab.option("channel", "stable");
    }),
    State::new("stable-ahead-of-tag", "stable, HEAD is past the newest release", |lab| {
        lab.clone();
        lab.option("channel", "stable");
    }),
    State::new("beta-candidate", "beta, a newer pre-release ahead", |lab| channel(lab, "beta", &[("v1.1.0b2", 0)])),
    State::new("beta-final-candidate", "beta, the newest is a final release", |lab| {
        channel(lab, "beta", &[("v1.1.0b2", 0), ("v1.1.0", 60)]);
    }),
    State::new("beta-only-alpha", "beta, only an alpha ahead", |lab| channel(lab, "beta", &[("v1.1.0a1", 0)])),
    State::new("pin-equal", "pinned to the current commit, while upstream is ahead", |lab| {
        let sha = pinned(lab).0;
        lab.option("pinned_commit", &sha);
    }),
    State::new("pin-ancestor", "pinned to an older commit", |lab| {
        pinned(lab);
        let sha = lab.work.rev("HEAD~1");
        lab.option("pinned_commit", &sha);
    }),
    State::new("pin-descendant", "pinned to a newer commit, not fetched yet", |lab| {
        let sha = pinned(lab).1;
        lab.option("pinned_commit", &sha);
    }),
    State::new("pin-descendant-fetched", "pinned to a newer commit that is here", |lab| {
        let sha = pinned(lab).1;
        lab.work.git(&["fetch", "--quiet", "origin"]);
        lab.option("pinned_commit", &sha);
    }),
    State::new("pin-abbreviated", "pinned to a newer commit by ten digits", |lab| {
        let sha = pinned(lab).1;
        lab.option("pinned_commit", &sha[..10]);
    }),
    State::new("pin-upper-case", "pinned to a newer commit in capitals", |lab| {
        let sha = pinned(lab).1;
        lab.option("pinned_commit", &sha.to_uppercase());
    }),
    State::new("pin-unknown", "pinned to a commit nobody has", |lab| {
        pinned(lab);
        lab.option("pinned_commit", "1111111111111111111111111111111111111111");
    }),
    State::new("pin-side-branch", "pinned to a commit of another branch", |lab| {
        lab.remote.force("side", "master~1");
        let side = lab.remote.push("side", &Commit::new("Side").file("side.py", "side\n"));
        pinned(lab);
        lab.option("pinned_commit", &side);
    }),
];

/// Here v1.0.0; ahead a commit for each tag, at its seconds after [`LATER`], and one without.
fn channel(lab: &mut StateLab, channel: &str, ahead: &[(&str, i64)]) {
    lab.remote.annotate("v1.0.0", "One");
    lab.clone();
    for (name, after) in ahead {
        lab.remote.commit(&[("app.py", name)], &format!("Prepare {name}"));
        lab.remote.annotate_at(name, "Release", "master", LATER + after);
    }
    lab.remote.commit(&[("app.py", "beyond\n")], "Beyond");
    lab.option("channel", channel);
}

/// A clone that is two behind: its commit, and the first of the two.
fn pinned(lab: &StateLab) -> (String, String) {
    let here = lab.clone().rev("HEAD");
    let ahead = lab.remote.history(2, "Ahead");
    (here, ahead[0].clone())
}
