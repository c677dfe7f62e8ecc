//! The choice is pip's: indexes are made up, and the real pip is asked what it would install.

use std::collections::BTreeMap;

use refit_model::settings::Channel;
use refit_testkit::index::PackageIndex;
use refit_testkit::wheels::{Sdist, Wheel};

use crate::lab::Lab;

const PROJECTS: usize = 40;
const VERSIONS: [&str; 14] = [
    "0.9",
    "1.0",
    "1.0.0",
    "1.0.1",
    "1.1a1",
    "1.1rc1",
    "1.1",
    "1.1.post1",
    "1.2.dev1",
    "1.2",
    "1!0.5",
    "1.10",
    "2.0b2",
    "1.0.1+local",
];
const TAGS: [&str; 8] = [
    "py3-none-any",
    "py2.py3-none-any",
    "cp311-none-any",
    "py3-none-win32",
    "cp311-cp311-win_amd64",
    "py2-none-any",
    "cp39-abi3-linux_x86_64",
    "py311-none-any",
];

/// Numbers that look thrown, the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        // Knuth's MMIX.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

fn publish(index: &PackageIndex, name: &str, dice: &mut Dice) {
    for _ in 0..=dice.below(6) {
        let version = VERSIONS[dice.below(VERSIONS.len())];
        let mut wheel = Wheel::new(name, version).tag(TAGS[dice.below(TAGS.len())]);
        if dice.one_in(4) {
            wheel = wheel.requires_python([">=3.99", "<3", ">=3.8", "!=3.11.*", "nonsense"][dice.below(5)]);
        }
        if dice.one_in(6) {
            wheel = wheel.build_tag(["1", "2", "10"][dice.below(3)]);
        }
        index.publish(wheel.build());
        if dice.one_in(5) {
            index.yank(name, version, ["", "broken"][dice.below(2)]);
        }
    }
    // Each is built for its metadata, which takes time.
    if dice.one_in(8) {
        index.publish(Sdist::new(name, VERSIONS[dice.below(VERSIONS.len())]).build());
    }
}

/// File by project, of what pip would install.
fn pips(lab: &Lab, names: &[String], pre: bool) -> BTreeMap<String, String> {
    let mut arguments = vec!["install", "--dry-run", "--no-deps", "--quiet", "--report", "-", "-U"];
    arguments.extend(pre.then_some("--pre"));
    arguments.extend(names.iter().map(String::as_str));
    let said = lab.venv.pip(Some(&lab.index), &arguments);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let report: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    let item = |item: &serde_json::Value| {
        let url = item["download_info"]["url"].as_str().unwrap().replace("%2B", "+");
        (item["metadata"]["name"].as_str().unwrap().to_owned(), url.rsplit('/').next().unwrap().replace("%21", "!"))
    };
    report["install"].as_array().unwrap().iter().map(item).collect()
}

#[tokio::test]
async fn made_up_indexes_are_judged_as_pip_judges_them() {
    let lab = Lab::new();
    let mut dice = Dice(20_261_127);
    let names: Vec<String> = (0..PROJECTS).map(|number| format!("project{number}")).collect();
    for name in &names {
        publish(&lab.index, name, &mut dice);
        lab.install(name, ["0.1", "1.0", "1.0.1", "1.1rc1", "1.2.dev1"][dice.below(5)]);
    }
    let mut installs = 0;
    for (channel, pre) in [(Channel::Stable, false), (Channel::Beta, true)] {
        let pips = pips(&lab, &names, pre);
        for name in &names {
            let facts = lab.refresh(name, channel).await;
            let judged = lab.assess(name, channel, &facts);
            let ours = facts.remote.offer.clone().filter(|_| judged.update_available).and_then(|offer| offer.file);
            let what = format!("{name} {channel:?}, {} installed: {:?}", judged.full_version_string, facts.remote);
            assert_eq!(ours.as_ref(), pips.get(name), "{what}");
        }
        installs += pips.len();
    }
    // The table tells something.
    assert!((20..2 * PROJECTS).contains(&installs), "{installs}");
}
