//! Releases: both update the same front end from the same host, and beside them the same is done by hand (curl, sha256sum,
//! unzip), turn by turn, in a network in which api.github.com is the pretend release host.
//!
//! | file | what it is |
//! |---|---|
//! | [`network`] | that network |
//! | [`project`] | what is published, installed and configured |
//! | [`by_hand`] | the same without an update manager |
//! | [`watch`] | for how long a folder is missing or mixed |
//!
//! Refuses to pass or fail anything: it tells what was measured.

mod by_hand;
mod network;
mod project;
mod watch;

use std::path::{Path, PathBuf};

use refit_testkit::moonraker::Installation;

use crate::sheet::{Sheet, Tally, children_cost, settle};
use crate::subject::{Kind, Place, Subject};
use by_hand::ByHand;
use network::Network;
use project::Project;

/// The front end that is updated: files, and bytes when unpacked.
const FRONT_END: (usize, usize) = (1500, 30 << 20);

/// One of three times the size, for the question whether memory grows with it.
const LARGER: (usize, usize) = (1500, 90 << 20);

/// Updates that are timed, and those that are watched: watching takes a processor for itself.
const TIMED: usize = 5;
const WATCHED: usize = 3;

/// Updaters whose refresh finds nothing new, and how often.
const QUIET: usize = 10;
const REFRESHES: usize = 10;

/// Measures, and prints the table: in a program of its own, this one started again, in a network of its own.
pub(crate) fn run() {
    network::enter();
}

/// Whether this is that program.
pub(crate) fn is_inside() -> bool {
    network::is_inside()
}

/// What it does.
pub(crate) fn measure(installation: Installation, refit: PathBuf) {
    let kinds = [Kind::Moonraker(installation), Kind::Refit(refit)];
    let network = Network::new();
    let mut sheet = Sheet::with_columns(["Moonraker 0.11.0", "Refit", "by hand", "by hand, synced"]);
    updates(&kinds, &network, &mut sheet);
    refreshes(&kinds, &network, &mut sheet);
    println!("\n{}", sheet.text());
}

/// Both of them, Moonraker first, each on a folder of its own.
struct Sides([Subject; 2]);

impl Sides {
    fn start(kinds: &[Kind; 2], network: &Network, first: &str, sections: impl Fn(&Path) -> String) -> Self {
        Self(kinds.each_ref().map(|kind| {
            let root = network.folder().join(first).join(kind.name());
            let software = root.join("software");
            std::fs::create_dir_all(&software).expect("a folder");
            let environment = vec![("SSL_CERT_FILE", network.ca().into())];
            Subject::start_in(kind, &Place { sections: sections(&software), root, environment, first }).0
        }))
    }

    fn moonraker(&self) -> &Subject {
        &self.0[0]
    }

    fn refit(&self) -> &Subject {
        &self.0[1]
    }

    fn forget_peaks(&self) {
        self.0.iter().for_each(Subject::forget_peak);
    }

    fn peaks(&self) -> [f64; 2] {
        self.0.each_ref().map(Subject::peak_mib)
    }
}

fn updates(kinds: &[Kind; 2], network: &Network, sheet: &mut Sheet) {
    let mut project = Project::new(network.host(), "front-end", FRONT_END);
    let mut larger = Project::new(network.host(), "larger", LARGER);
    let archive = project.publish() as f64 / f64::from(1 << 20);
    larger.publish();
    let sides = Sides::start(kinds, network, project.name, |software| {
        format!("[refit]\nkeep_previous: 20\n\n{}{}", project.install(software), larger.install(software))
    });
    let tallies = timed(&mut project, &sides, network);
    let what = format!("update of {} files, {} MiB, archive {archive:.1} MiB", FRONT_END.0, FRONT_END.1 >> 20);
    sheet.costs(&what, &tallies);
    sheet.pair("the same: peak memory, MiB", sides.peaks());
    sheet.pair("the same: the folder is missing or mixed, ms", watched(&mut project, &sides, network));
    sides.0.iter().for_each(|side| follow(side, &mut larger));
    sides.forget_peaks();
    sides.0.iter().for_each(|side| follow(side, &mut larger));
    sheet.pair("update of three times the size: peak memory, MiB", sides.peaks());
}

/// A version comes out, and it is known.
fn hear_of_next(side: &Subject, project: &mut Project<'_>) {
    project.publish();
    side.refresh(Some(project.name));
}

/// An update that is not measured.
fn follow(side: &Subject, project: &mut Project<'_>) {
    hear_of_next(side, project);
    side.upgrade(project.name);
}

/// Updates by Moonraker, by Refit, by hand, and by hand and written to disk.
///
/// ext4 searches long for a free inode where many were deleted in the last minutes, which between two updates of a printer
/// they were not. So nothing is deleted before the last round of those that delete nothing in use: Refit keeps its previous
/// versions, and Moonraker, which empties the folder first, has its turns after them.
fn timed(project: &mut Project<'_>, sides: &Sides, network: &Network) -> [Tally; 4] {
    let by_hand = ByHand::new(network);
    let [mut moonraker, mut refit, mut plain, mut synced]: [Tally; 4] = Default::default();
    // In its first update Refit looks up what somebody else had installed.
    follow(sides.refit(), project);
    sides.refit().forget_peak();
    for _ in 0..TIMED {
        hear_of_next(sides.refit(), project);
        settle(network.folder());
        refit.measure(|| sides.refit().cost().milliseconds, || sides.refit().upgrade(project.name));
        for (tally, is_synced) in [(&mut plain, false), (&mut synced, true)] {
            settle(network.folder());
            tally.measure(children_cost, || by_hand.update(project, is_synced));
        }
    }
    follow(sides.moonraker(), project);
    sides.moonraker().forget_peak();
    for _ in 0..TIMED {
        hear_of_next(sides.moonraker(), project);
        settle(network.folder());
        moonraker.measure(|| sides.moonraker().cost().milliseconds, || sides.moonraker().upgrade(project.name));
    }
    [moonraker, refit, plain, synced]
}

/// Milliseconds of one update, on average.
fn watched(project: &mut Project<'_>, sides: &Sides, network: &Network) -> [f64; 2] {
    let mut bad = [0.0; 2];
    for _ in 0..WATCHED {
        for ((side, kind), bad) in sides.0.iter().zip(["moonraker", "refit"]).zip(&mut bad) {
            hear_of_next(side, project);
            settle(network.folder());
            let folder = network.folder().join(project.name).join(kind).join("software").join(project.name);
            let seen = watch::during(&folder, || side.upgrade(project.name));
            *bad += seen.as_secs_f64() * 1e3 / WATCHED as f64;
        }
    }
    bad
}

fn refreshes(kinds: &[Kind; 2], network: &Network, sheet: &mut Sheet) {
    let names: Vec<String> = (0..QUIET).map(|number| format!("quiet{number}")).collect();
    let mut projects: Vec<Project<'_>> =
        names.iter().map(|name| Project::new(network.host(), name, (6, 4096))).collect();
    for project in &mut projects {
        project.publish();
    }
    let sides = Sides::start(kinds, network, &names[0], |software| {
        projects.iter().map(|project| project.install(software)).collect()
    });
    sides.0.iter().for_each(|side| side.refresh(None));
    network.host().forget();
    let mut tallies: [[Tally; 2]; 2] = Default::default();
    for _ in 0..REFRESHES {
        for (side, [by_name, at_once]) in sides.0.iter().zip(&mut tallies) {
            let cost = || side.cost().milliseconds;
            by_name.measure(cost, || names.iter().for_each(|name| side.refresh(Some(name))));
            at_once.measure(cost, || side.refresh(None));
        }
    }
    // What was answered without a question to the host would be no refresh.
    let asked = network.host().requests().len();
    assert!(asked >= 4 * QUIET * REFRESHES, "only {asked} requests came");
    let [[moonraker_by_name, moonraker_at_once], [refit_by_name, refit_at_once]] = tallies;
    let what = format!("refresh of {QUIET}, nothing changed");
    sheet.costs(&format!("{what}, by name"), &[moonraker_by_name, refit_by_name]);
    sheet.costs(&format!("{what}, in one request"), &[moonraker_at_once, refit_at_once]);
}
