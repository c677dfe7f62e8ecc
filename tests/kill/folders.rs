//! The verdict on the folder of software that ships as releases: exactly the old or exactly the new files, the previous
//! version whole beside it, and nothing left over of the way there.

use std::fs;
use std::path::Path;
use std::time::Duration;

use refit_testkit::releases::Fault;
use refit_testkit::tree::Tree;
use refit_testkit::wait::try_wait;
use serde_json::{Value, json};

use crate::daemon::Daemon;
use crate::deeds::{Deed, is_ok};
use crate::host::Host;
use crate::oracle::{Side, files_below, lost, names, strays};
use crate::projects::{INFO, PERSISTENT, RECORD, UNTOUCHED, told_version, tree_of, version_of, wanted};

/// What speaks against this side being the whole truth about the folder, the versions kept and the kept place.
pub fn folder(host: &Host, deed: &Deed, side: Side) -> Vec<String> {
    let (live, place) = (host.software(deed.kind.name()), host.previous(deed.kind.name()));
    let previous = Tree::whole(&place);
    let mut wrong = Vec::new();
    match (side, deed.new.first()) {
        (Side::Old, _) => {
            wrong.extend(deed.old.diff(&Tree::whole(&live)));
            wrong.extend(deed.previous.diff(&previous).into_iter().map(|line| format!("kept versions: {line}")));
            if host.kept(deed.kind.name()).exists() {
                wrong.push(format!("left over: {:?}", files_below(&host.kept(deed.kind.name()))));
            }
        }
        (Side::New, None) => wrong.push("it was never said what is new".to_owned()),
        (Side::New, Some((version, tree))) => {
            wrong.extend(same_release(deed, tree, &live));
            wrong.extend(listed(deed, version, &live));
            if deed.kind.keeps_previous() {
                wrong.extend(kept_version(deed, &place));
            } else {
                wrong.extend(deed.previous.diff(&previous).into_iter().map(|line| format!("kept versions: {line}")));
            }
        }
    }
    wrong.extend(left_over(host));
    wrong
}

/// An executable's own `release_info.json` is Refit's work: what it tells counts.
fn same_release(deed: &Deed, wanted: &Tree, live: &Path) -> Vec<String> {
    let now = Tree::whole(live).without(&[RECORD]);
    if deed.kind.name() != "tool" {
        return wanted.diff(&now);
    }
    wanted.clone().without(&[INFO]).diff(&now.without(&[INFO]))
}

/// After a hard recovery of a run that was given up: some version, all of it, and nothing left over.
pub fn judge_again(host: &Host, deed: &Deed) -> Vec<String> {
    let live = host.software(deed.kind.name());
    let version = told_version(&live);
    let mut wrong: Vec<String> = listed(deed, &version, &live).into_iter().collect();
    let files = wanted(deed.kind, &version, &version, &deed.treasures);
    wrong.extend(same_release(deed, &tree_of(host, &files), &live));
    wrong.extend(left_over(host));
    wrong
}

/// The list in a folder: of this version, and of its files but the persistent ones.
fn listed(deed: &Deed, version: &str, folder: &Path) -> Option<String> {
    let list = list_of(folder);
    let mut shipped: Vec<String> = version_of(deed.kind.name(), version).into_keys().collect();
    shipped.retain(|path| !path.starts_with(PERSISTENT));
    let paths: Vec<String> = list["leaves"].as_object().into_iter().flatten().map(|(path, _)| path.clone()).collect();
    let told = told_version(folder);
    (list["version"] != version || told != version || paths != shipped)
        .then(|| format!("the folder tells {told}, and its list is {list}"))
}

fn list_of(folder: &Path) -> Value {
    fs::read(folder.join(RECORD)).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// The version that was replaced is the only one kept, as a whole, and has a list.
fn kept_version(deed: &Deed, place: &Path) -> Vec<String> {
    let versions = names(place);
    let [only] = versions.as_slice() else { return vec![format!("kept versions: {versions:?}")] };
    let folder = place.join(only);
    let mut wrong = deed.old.clone().without(&[RECORD]).diff(&Tree::whole(&folder).without(&[RECORD]));
    let list = list_of(&folder);
    let excused = deed.may_lack_list && list.is_null() && deed.old.get(RECORD).is_none();
    if list["version"] != deed.old_head.as_str() && !excused {
        wrong.push(format!("its list is {list}"));
    }
    wrong.into_iter().map(|line| format!("the kept version {only}: {line}")).collect()
}

/// What one step left for the next, and places without anything in them.
fn left_over(host: &Host) -> Vec<String> {
    let slots = names(&host.downloads());
    let is_left = |name: &String| {
        ["slot-", "learn-", "preview-"].iter().any(|start| name.starts_with(start)) || name.ends_with(".refit-part")
    };
    let mut found: Vec<String> =
        slots.into_iter().filter(is_left).map(|name| format!("stray: downloads/{name}")).collect();
    for name in crate::projects::PROJECTS {
        let places = [host.previous(name), host.kept(name)];
        let empty = places.iter().filter(|place| place.exists() && names(place).is_empty());
        found.extend(empty.map(|place| format!("stray: {} is empty", place.display())));
    }
    found
}

/// What the status says is what the folder is. It may be looking still.
pub fn shown(host: &Host, deed: &Deed, daemon: &mut Daemon) -> Option<String> {
    let told = told_version(&host.software(deed.kind.name()));
    let mut last = Value::Null;
    let same = try_wait(Duration::from_secs(10), || {
        last = daemon.entry(deed.kind.name());
        (last["version"] == told.as_str()).then_some(())
    });
    same.is_none().then(|| format!("the folder is {told:?}, and the status says {last}"))
}

/// After an upgrade: back to the version before it, where that is kept without asking anybody.
pub fn rollback_works(host: &Host, deed: &Deed, daemon: &mut Daemon) -> Result<(), String> {
    let name = deed.kind.name();
    let Some((version, _)) = deed.new.first() else { return Ok(()) };
    if deed.kind.rolls_back_offline() && !deed.may_lack_list {
        host.forge.fault(Fault::Reset);
    }
    let reply = daemon.ask("machine.update.rollback", json!({"name": name}));
    host.forge.heal();
    if !is_ok(&reply) {
        return Err(format!("the rollback afterwards fails: {reply:?}"));
    }
    // What gave way is kept aside still.
    let mut treasures = deed.treasures.clone();
    treasures.retain(|(path, _)| UNTOUCHED.contains(path) || path.starts_with(PERSISTENT));
    let expected = tree_of(host, &wanted(deed.kind, version, &deed.old_head, &treasures));
    let live = host.software(name);
    let mut wrong = same_release(deed, &expected, &live);
    wrong.extend(listed(deed, &deed.old_head, &live));
    wrong.extend(lost(host, deed));
    wrong.extend(strays(host));
    wrong.extend(left_over(host));
    if wrong.is_empty() { Ok(()) } else { Err(format!("after a rollback:\n  {}", wrong.join("\n  "))) }
}
