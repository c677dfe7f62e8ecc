//! `refit rescue`: repairs one piece of software without a running Refit, from the configuration alone.
//!
//! The same engine, journal and hands as the daemon's, for one action; refuses to work beside a daemon, which has the
//! state folder locked.

use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use refit_adapters::clock::WallClock;
use refit_adapters::fault::FaultPlan;
use refit_adapters::store::Store;
use refit_engine::handle::RequestError;
use refit_engine::ports::Journal as _;
use refit_engine::rescue::{self, Rescued};
use refit_engine::run::Notice;
use refit_model::event::display_line;
use refit_model::journal::{Outcome, RunRecord};
use refit_model::name::UpdaterName;
use refit_model::plan::Action;
use refit_model::printer::Printer;
use refit_model::request::{Caller, Door};
use refit_model::updater::Spec;
use serde_json::json;
use tokio::sync::watch;
use tracing::Level;

use super::door::unescaped;
use super::exit::{Exit, Stop};
use super::face::Face;
use super::places::Places;
use crate::wire_up::remembered::Remembered;
use crate::wire_up::{self, Outside, hands, specs};

/// Repairs.
///
/// # Errors
/// When the configuration cannot be used, a daemon runs, the name is not known, or the repair failed.
pub fn run(outside: &Outside, face: &Face, places: &Places, name: &str, hard: bool, verbose: u8) -> Result<Exit, Stop> {
    wire_up::log(verbose, Level::WARN);
    let runtime = wire_up::runtime()?;
    runtime.block_on(repair(outside, face, places, name, hard))
}

async fn repair(outside: &Outside, face: &Face, places: &Places, name: &str, hard: bool) -> Result<Exit, Stop> {
    let settings = wire_up::settings(places)?;
    whose(places, name)?;
    let (store, warnings) = hands::store(places, &settings).map_err(|stop| beside_a_daemon(stop, name, hard))?;
    for warning in warnings {
        face.remark(&warning);
    }
    // Nobody is asked whether the printer prints: klippy may be what is broken.
    let (_publish, printer) = watch::channel(Printer::default());
    let machine = hands::machine(outside, places, &settings, FaultPlan::none(), printer).await?;
    let remembered = Remembered::load(&store).await;
    let specs = specs::build(&settings, &remembered.whereabouts(places, false, settings.refit.keep_previous)).specs;
    let spec = find(&specs, name)?;
    if let Spec::Absent(absent) = spec {
        let looked = absent.looked_for.join("; ");
        return Err(Stop::new(Exit::Refused, format!("{name} is not on this machine: {looked}. Nothing was changed.")));
    }
    let action = if hard { Action::HardRecovery } else { Action::SoftRecovery };
    let caller = Caller { door: Door::Rescue, connection: None, who: "refit rescue".to_owned() };
    let shown = *face;
    let hear = Arc::new(move |line| tell(&shown, line));
    let rescued = rescue::act((&machine, &store, &WallClock), spec, action, &caller, hear).await;
    Ok(end(face, &store, spec.name(), rescued).await)
}

/// What root makes in the owner's folders, the owner's Refit could not change any more.
fn whose(places: &Places, name: &str) -> Result<(), Stop> {
    let owner = std::fs::metadata(&places.data).map(|seen| seen.uid()).unwrap_or_default();
    if owner == 0 || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let data = places.data.display();
    Err(Stop::new(
        Exit::Refused,
        format!(
            "{data} belongs to another user, who could not change any more what root repairs there. Nothing was changed.\n\
             Do it as that user: sudo --set-home --user='#{owner}' refit rescue {name} --data-path {data}"
        ),
    ))
}

fn beside_a_daemon(stop: Stop, name: &str, hard: bool) -> Stop {
    if stop.exit != Exit::Refused {
        return stop;
    }
    let hard = if hard { " --hard" } else { "" };
    Stop::new(stop.exit, format!("{}.\nAsk it with `refit recover {name}{hard}`.", stop.message))
}

fn find<'a>(specs: &'a [Spec], name: &str) -> Result<&'a Spec, Stop> {
    specs.iter().find(|spec| spec.name().as_str() == name).ok_or_else(|| {
        let known: Vec<&str> = specs.iter().map(|spec| spec.name().as_str()).collect();
        Stop::new(
            Exit::Refused,
            format!("The configuration has no '{name}' that Refit could repair. It has: {}.", known.join(", ")),
        )
    })
}

/// The daemon's lines, without a daemon.
fn tell(face: &Face, notice: Notice) {
    let line = match notice {
        Notice::Say(line) => line,
        Notice::Line(line) => unescaped(&display_line(&line)),
        Notice::At(_) | Notice::Parting | Notice::Leaving(_) => return,
    };
    if !face.json && !line.is_empty() {
        face.line(&line);
    }
}

/// How it ended, told to people or programs.
async fn end(face: &Face, store: &Store, name: &UpdaterName, rescued: Result<Rescued, RequestError>) -> Exit {
    let (exit, outcome, message) = match rescued {
        Ok(Rescued { changed: true, message, .. }) => (Exit::Fine, "finished", message),
        Ok(Rescued { changed: false, message, .. }) => (Exit::Fine, "nothing_to_do", message),
        Err(error) => {
            let exit = judge(store, name, &error).await;
            (exit, exit.word(), format!("{error}\n{}", state(exit)))
        }
    };
    if face.json {
        let result = json!({ "name": name, "outcome": outcome, "message": message });
        face.value(&json!({ "exit": exit.word(), "results": [result] }));
    } else if exit == Exit::Fine {
        face.line(&format!("{name}: {message}"));
    } else {
        face.error(&format!("The rescue of {name} failed: {message}"));
    }
    exit
}

async fn judge(store: &Store, name: &UpdaterName, error: &RequestError) -> Exit {
    match error {
        RequestError::Refused(_) => Exit::Refused,
        RequestError::Journal(_) => Exit::Unexpected,
        RequestError::Failed { .. } => {
            let newest = store.history(Some(name), 1).await.unwrap_or_default();
            match newest.first().and_then(RunRecord::outcome) {
                Some(Outcome::NeedsAttention { .. }) => Exit::NeedsAttention,
                Some(Outcome::Undone { .. } | Outcome::Finished) | None => Exit::FailedAndUndone,
            }
        }
    }
}

fn state(exit: Exit) -> &'static str {
    match exit {
        Exit::Refused => "Nothing was changed.",
        Exit::FailedAndUndone => "What was begun was taken back: everything is as it was before.",
        Exit::Fine
        | Exit::Unexpected
        | Exit::Usage
        | Exit::Unreachable
        | Exit::BadConfiguration
        | Exit::NeedsAttention
        | Exit::UpdatesAvailable => "It is not known to be as it was before; look at the software.",
    }
}
