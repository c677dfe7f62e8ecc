//! Refit's own client of PackageKit, run inside the machine as the owner of the printer: this program, copied there, does
//! what one environment variable says, and prints what came of it.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use refit_adapters::bus::Bus;
use refit_adapters::packagekit::{Deed, Fault, PackageId, PackageKit};
use refit_engine::ports::Tell;
use serde_json::{Value, json};

/// What it is to do: `update lab-a lab-b`.
pub const ASK: &str = "REFIT_VM_ASK";
/// How many seconds it waits for a lock.
pub const PATIENCE: &str = "REFIT_VM_PATIENCE";
/// After how many seconds without a move it gives up.
pub const STALL: &str = "REFIT_VM_STALL";
/// Its test's name.
pub const NAME: &str = "packages::client::asked_inside_the_machine";
/// What a line with the path of a transaction, a line of progress and the answer begin with.
pub const NOTE: &str = "NOTE ";
pub const LINE: &str = "LINE ";
pub const ANSWER: &str = "ANSWER ";

#[test]
#[ignore = "runs inside a machine, for the tests of packages alone"]
fn asked_inside_the_machine() {
    // The harness has begun a line.
    say("", "");
    let asked = std::env::var(ASK).expect("what to do");
    let words: Vec<&str> = asked.split_whitespace().collect();
    let seconds = |name| std::env::var(name).ok().and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut kit = PackageKit::on(Bus::at(Bus::SYSTEM)).patient(seconds(PATIENCE).unwrap_or(Duration::from_secs(60)));
    if let Some(stall) = seconds(STALL) {
        kit = kit.stalled_after(stall);
    }
    let answer = match runtime.block_on(does(&kit, &words)) {
        Ok(value) => json!({"ok": value}),
        Err(fault) => json!({"error": fault.to_string(), "kind": kind(&fault)}),
    };
    say(ANSWER, &answer.to_string());
}

async fn does(kit: &PackageKit, words: &[&str]) -> Result<Value, Fault> {
    let tell: Tell = Arc::new(|line: &str| say(LINE, line));
    let done = match words {
        ["version"] => {
            let version = kit.version().await?;
            json!({"version": version.to_string(), "warning": version.warning("/".as_ref())})
        }
        ["refresh"] => json!(kit.refresh(true, &tell).await?),
        ["updates"] => {
            let updates = kit.updates().await?;
            json!(updates.iter().map(|one| format!("{} {:?}", one.id, one.kind)).collect::<Vec<_>>())
        }
        ["resolve", names @ ..] => {
            let found = kit.resolve(names).await?;
            json!(found.iter().map(|one| format!("{} {}", one.id, one.installed)).collect::<Vec<_>>())
        }
        ["simulate", deed, names @ ..] => {
            let (deed, ids) = wanted(kit, deed, names).await?;
            let changes = kit.simulate(deed, &ids).await?;
            json!(changes.iter().map(|one| format!("{:?} {}", one.kind, one.id)).collect::<Vec<_>>())
        }
        ["download", deed, names @ ..] => {
            let (deed, ids) = wanted(kit, deed, names).await?;
            json!(kit.download(deed, &ids, &tell).await?)
        }
        ["change", deed, names @ ..] => {
            let (deed, ids) = wanted(kit, deed, names).await?;
            json!(kit.change(deed, &ids, &|path| say(NOTE, path), &tell).await?.reboot)
        }
        ["attach", path] => json!(kit.attach(path, &tell).await?),
        ["settle"] => json!(kit.settle(&tell).await?),
        other => panic!("nobody knows how to {other:?}"),
    };
    Ok(done)
}

/// The packages of these names: what can be updated, or what is not installed.
async fn wanted(kit: &PackageKit, deed: &str, names: &[&str]) -> Result<(Deed, Vec<PackageId>), Fault> {
    if deed == "update" {
        let updates = kit.updates().await?.into_iter().filter(|one| names.contains(&one.name.as_str()));
        return Ok((Deed::Update, updates.map(|one| one.id).collect()));
    }
    let found = kit.resolve(names).await?.into_iter().filter(|one| !one.installed);
    Ok((Deed::Install, found.map(|one| one.id).collect()))
}

fn kind(fault: &Fault) -> &'static str {
    match fault {
        Fault::NoBus(_) => "no bus",
        Fault::NotThere(_) => "not there",
        Fault::Refused(_) => "refused",
        Fault::Locked { .. } => "locked",
        Fault::Said { said } if said.is_untrusted() => "untrusted",
        Fault::Said { .. } => "said",
        Fault::Ended(_) => "ended",
        Fault::Vanished => "vanished",
        Fault::Stalled(_) => "stalled",
        Fault::Bus(_) => "bus",
    }
}

fn say(what: &str, text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{what}{text}").and_then(|()| out.flush()).expect("somebody listens");
}
