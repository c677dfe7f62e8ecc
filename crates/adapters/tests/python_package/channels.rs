//! What an index offers, by channel, interpreter and machine, and how it is shown.

use refit_model::settings::Channel;
use refit_testkit::index::{Formats, Links, PackageIndex};
use refit_testkit::wheels::{Sdist, Wheel};

use crate::lab::{Lab, NOW, offered};

/// Publishes one project for each case.
fn publish(index: &PackageIndex) {
    let wheel = |name: &str, version: &str| index.publish(Wheel::new(name, version).build());
    wheel("current", "1.0.0");
    wheel("offered", "1.0.0");
    wheel("offered", "1.1.0");
    wheel("candidate", "1.0.0");
    wheel("candidate", "1.1.0rc1");
    wheel("only-pre", "1.1.0b1");
    wheel("only-pre", "1.1.0b2");
    wheel("yanked", "1.0.0");
    wheel("yanked", "1.1.0");
    index.yank("yanked", "1.1.0", "it ate the bed mesh");
    wheel("python", "1.1.0");
    index.publish(Wheel::new("python", "1.2.0").requires_python(">=3.99").build());
    wheel("machine", "1.1.0");
    index.publish(Wheel::new("machine", "1.2.0").tag("cp311-cp311-win_amd64").build());
    index.publish(Sdist::new("source", "1.1.0").build());
    wheel("older", "0.9.0");
    wheel("calendar", "2026.01.3");
    wheel("post", "1.0.0.post2");
    index.publish(Wheel::new("build", "1.1.0").build());
    index.publish(Wheel::new("build", "1.1.0").build_tag("2").build());
}

/// Project, installed version, channel, offered, `remote_version`, newer, and what was passed over.
type Case = (&'static str, &'static str, Channel, &'static str, &'static str, bool, Option<&'static str>);

const CASES: &[Case] = &[
    ("current", "1.0.0", Channel::Stable, "1.0.0 current-1.0.0-py3-none-any.whl", "1.0.0", false, None),
    ("offered", "1.0.0", Channel::Stable, "1.1.0 offered-1.1.0-py3-none-any.whl", "1.1.0", true, None),
    ("offered", "1.0.0", Channel::Dev, "1.1.0 offered-1.1.0-py3-none-any.whl", "1.1.0", true, None),
    ("offered", "1.0.0", Channel::Beta, "1.1.0 offered-1.1.0-py3-none-any.whl", "1.1.0", true, None),
    ("candidate", "1.0.0", Channel::Stable, "1.0.0 candidate-1.0.0-py3-none-any.whl", "1.0.0", false, None),
    ("candidate", "1.0.0", Channel::Dev, "1.0.0 candidate-1.0.0-py3-none-any.whl", "1.0.0", false, None),
    ("candidate", "1.0.0", Channel::Beta, "1.1.0rc1 candidate-1.1.0rc1-py3-none-any.whl", "1.1.0rc1", true, None),
    ("only-pre", "1.1.0b1", Channel::Stable, "1.1.0b2 only_pre-1.1.0b2-py3-none-any.whl", "1.1.0b2", true, None),
    (
        "yanked",
        "1.0.0",
        Channel::Stable,
        "1.0.0 yanked-1.0.0-py3-none-any.whl",
        "1.0.0",
        false,
        Some("1.1.0 was taken back by its authors: it ate the bed mesh"),
    ),
    (
        "python",
        "1.0.0",
        Channel::Stable,
        "1.1.0 python-1.1.0-py3-none-any.whl",
        "1.1.0",
        true,
        Some("1.2.0 needs Python >=3.99"),
    ),
    (
        "machine",
        "1.1.0",
        Channel::Stable,
        "1.1.0 machine-1.1.0-py3-none-any.whl",
        "1.1.0",
        false,
        Some("1.2.0 has no file for this machine and its Python"),
    ),
    ("source", "1.0.0", Channel::Stable, "1.1.0 source-1.1.0.tar.gz", "1.1.0", true, None),
    ("older", "1.0.0", Channel::Stable, "0.9.0 older-0.9.0-py3-none-any.whl", "1.0.0", false, None),
    ("calendar", "2026.1.2", Channel::Stable, "2026.01.3 calendar-2026.01.3-py3-none-any.whl", "2026.01.3", true, None),
    ("post", "1.0.0", Channel::Stable, "1.0.0.post2 post-1.0.0.post2-py3-none-any.whl", "1.0.0.post2", true, None),
    ("build", "1.0.0", Channel::Stable, "1.1.0 build-1.1.0-2-py3-none-any.whl", "1.1.0", true, None),
];

#[tokio::test]
async fn every_state_of_an_index_is_told() {
    let lab = Lab::new();
    publish(&lab.index);
    for forms in [Formats::Both, Formats::HtmlOnly] {
        lab.index.formats(forms);
        lab.index.links(if forms == Formats::HtmlOnly { Links::Relative } else { Links::Absolute });
        for (name, installed, channel, offer, remote, is_newer, passed_by) in CASES {
            lab.install(&name.replace('-', "_"), installed);
            let facts = lab.refresh(name, *channel).await;
            let what = format!("{name} {channel:?} {forms:?}: {:?}", facts.remote);
            assert_eq!((facts.remote.error.as_deref(), offered(&facts).as_str()), (None, *offer), "{what}");
            assert_eq!(facts.remote.passed_by.as_deref(), *passed_by, "{what}");
            assert_eq!((facts.remote.last_good, facts.last_refresh), (Some(NOW), NOW), "{what}");
            let offered = facts.remote.offer.as_ref().unwrap();
            assert_eq!(
                (offered.builds, offered.bytes.is_some()),
                (*name == "source", forms == Formats::Both),
                "{what}"
            );
            let judged = lab.assess(name, *channel, &facts);
            assert_eq!((judged.version.as_str(), judged.remote_version.as_str()), (*installed, *remote), "{what}");
            assert_eq!((judged.update_available, judged.is_valid), (*is_newer, true), "{what}");
            assert_eq!(judged.remote_hash, if *is_newer { "update-available" } else { "not-specified" }, "{what}");
            assert_eq!((judged.warnings.len(), judged.anomalies.len()), (0, 0), "{judged:?}");
        }
    }
    // Once for all of it: what its Python is, and never pip.
    assert_eq!(lab.starts(), 1);
}

#[tokio::test]
async fn nothing_new_costs_nothing() {
    let mut lab = Lab::new();
    let extra = PackageIndex::start();
    lab.set("PIP_EXTRA_INDEX_URL", &extra.url());
    lab.install("tool", "1.0.0");
    lab.index.publish(Wheel::new("tool", "1.1.0").build());
    let first = lab.refresh("tool", Channel::Stable).await;
    assert_eq!(offered(&first), "1.1.0 tool-1.1.0-py3-none-any.whl");
    let (starts, extra_pages) = (lab.starts(), extra.pages_of("tool").len());
    lab.index.forget();
    extra.publish(Wheel::new("tool", "1.0.5").build());
    let second = lab.again("tool", Channel::Stable, &first).await;
    assert_eq!(offered(&second), offered(&first));
    // The extra index knew no such project, and now it does: the other must tell its own once more.
    assert_eq!(lab.index.pages_of("tool").iter().map(|asked| asked.status).collect::<Vec<_>>(), [304, 200]);
    assert_eq!(extra.pages_of("tool").len(), extra_pages + 1);
    lab.index.forget();
    extra.forget();
    let third = lab.again("tool", Channel::Stable, &second).await;
    for index in [&lab.index, &extra] {
        let asked = index.pages_of("tool");
        assert_eq!(asked.iter().map(|asked| (asked.status, asked.sent)).collect::<Vec<_>>(), [(304, 0)]);
    }
    assert_eq!((third.remote.clone(), third.remote.last_good), (second.remote, Some(NOW + 86_400)));
    assert_eq!(lab.starts(), starts);
}

#[tokio::test]
async fn another_question_is_asked_in_full() {
    let lab = Lab::new();
    lab.install("tool", "1.0.0");
    lab.index.publish(Wheel::new("tool", "1.1.0rc1").build());
    lab.index.publish(Wheel::new("tool", "1.0.0").build());
    let stable = lab.refresh("tool", Channel::Stable).await;
    let beta = lab.again("tool", Channel::Beta, &stable).await;
    assert_eq!(offered(&beta), "1.1.0rc1 tool-1.1.0rc1-py3-none-any.whl");
    // The same section, but its pip takes no wheels any more.
    let mut lab = lab;
    lab.set("PIP_NO_BINARY", ":all:");
    let none = lab.again("tool", Channel::Beta, &beta).await;
    assert_eq!((offered(&none).as_str(), none.remote.error.as_deref()), ("-", None));
    assert_eq!(lab.assess("tool", Channel::Beta, &none).remote_version, "1.0.0");
}

#[tokio::test]
async fn the_best_of_several_indexes_is_taken() {
    let mut lab = Lab::new();
    let extra = PackageIndex::start();
    lab.set("PIP_EXTRA_INDEX_URL", &format!("{} {}", extra.url(), lab.index.url()));
    lab.install("tool", "1.0.0");
    lab.index.publish(Sdist::new("tool", "1.1.0").build());
    extra.publish(Wheel::new("tool", "1.1.0").build());
    let facts = lab.refresh("tool", Channel::Stable).await;
    assert_eq!(offered(&facts), "1.1.0 tool-1.1.0-py3-none-any.whl");
    lab.index.publish(Sdist::new("tool", "1.2.0").build());
    let facts = lab.again("tool", Channel::Stable, &facts).await;
    assert_eq!(offered(&facts), "1.2.0 tool-1.2.0.tar.gz");
    assert!(facts.remote.offer.unwrap().builds);
}

#[tokio::test]
async fn what_was_installed_and_is_gone_is_missing() {
    let lab = Lab::new();
    let info = lab.install("tool", "1.0.0");
    lab.index.publish(Wheel::new("tool", "1.1.0").build());
    let facts = lab.refresh("tool", Channel::Stable).await;
    std::fs::remove_dir_all(info).unwrap();
    let gone = lab.again("tool", Channel::Stable, &facts).await;
    assert!(gone.missing);
    let judged = lab.assess("tool", Channel::Stable, &gone);
    assert_eq!((judged.version.as_str(), judged.is_valid), ("1.0.0", false));
    assert_eq!(judged.warnings, ["Failed to parse package info"]);
    assert_eq!(offered(&gone), offered(&facts));
    // Of another project nothing is remembered.
    let mut other = lab.spec("other", Channel::Stable);
    other.common.config_hash.push_str(" other");
    let never = lab.refresh_by(&other, &gone, NOW).await;
    assert_eq!((never.installed, never.missing, never.remote.offer), (None, true, None));
}
