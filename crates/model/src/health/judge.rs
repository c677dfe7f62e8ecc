//! (before, now) -> as well, worse, or not as well yet.
//!
//! Never worse where nothing changed, and what is worse stays worse when more of it fails; both are held by tests.

use std::collections::BTreeMap;
use std::time::Duration;

use super::words::{list, one_line};
use super::{DeclaredSeen, FrontEndSeen, MoonrakerSeen, PrinterSeen, Seen, UnitSeen, UnitState};
use crate::printer::KlippyState;

/// Which start of each unit was running when the watching began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Starts(BTreeMap<String, UnitSeen>);

impl Starts {
    /// Remembers the first start that is seen of each. True when one was seen that was not there before.
    pub fn note(&mut self, units: &BTreeMap<String, UnitSeen>) -> bool {
        let mut any = false;
        for (name, unit) in units.iter().filter(|(_, unit)| unit.state == UnitState::Up) {
            if !self.0.contains_key(name) {
                self.0.insert(name.clone(), unit.clone());
                any = true;
            }
        }
        any
    }

    /// Whether one of them was started since the baseline was recorded: it has to settle.
    #[must_use]
    pub fn any_new(&self, before: &Seen) -> bool {
        self.0.iter().any(|(name, now)| before.units.get(name).is_none_or(|before| before.invocation != now.invocation))
    }
}

/// When it is asked.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// How long it is being watched.
    pub waited: Duration,
    /// How long the outside may take until it is as well as before; a declared check says so itself.
    pub patience: Duration,
    /// Something was started a moment ago: only a crash is believed.
    pub settling: bool,
    /// The machine booted since the baseline was recorded: what may not have been started yet is waited for.
    pub rebooted: bool,
    /// The first start seen of each unit.
    pub starts: &'a Starts,
}

/// The judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As well as before.
    AsBefore {
        /// What is well, in words: `Klipper is ready`; empty when nothing was asked.
        well: String,
        /// What was sick before and is still, in words; none when nothing is.
        still: Option<String>,
    },
    /// Not decided yet: look again.
    NotYet,
    /// Worse than before, in words.
    Worse(String),
}

/// What is said of one thing.
enum Finding {
    Well(String),
    /// It is well, which goes without saying where something that stands on it is well.
    Runs(String),
    /// A declared check passes.
    Passes(String),
    Still(String),
    NotYet {
        words: String,
        patience: Duration,
    },
    Worse(String),
    /// A process died: nothing will make it well again.
    Crashed(String),
}

/// Judges what is seen now by what was seen before.
#[must_use]
pub fn judge(before: &Seen, now: &Seen, moment: Moment<'_>) -> Verdict {
    let findings: Vec<Finding> = findings(before, now, moment);
    let crashed = |finding: &Finding| matches!(finding, Finding::Crashed(_));
    if moment.settling && !findings.iter().any(crashed) {
        return Verdict::NotYet;
    }
    let (mut well, mut runs, mut passes) = (vec![], vec![], vec![]);
    let (mut still, mut worse, mut open) = (vec![], vec![], false);
    for finding in findings {
        match finding {
            Finding::Well(words) => well.push(words),
            Finding::Runs(words) => runs.push(words),
            Finding::Passes(check) => passes.push(check),
            Finding::Still(words) => still.push(words),
            Finding::Worse(words) | Finding::Crashed(words) => worse.push(words),
            Finding::NotYet { words, patience } if moment.waited >= patience => worse.push(words),
            Finding::NotYet { .. } => open = true,
        }
    }
    if !worse.is_empty() {
        return Verdict::Worse(worse.join("; "));
    }
    if open {
        return Verdict::NotYet;
    }
    let mut well = if well.is_empty() { runs } else { well };
    match passes.as_slice() {
        [] => {}
        [check] => well.push(format!("the check '{check}' passes")),
        several => well.push(format!("the {} declared checks pass", several.len())),
    }
    Verdict::AsBefore { well: list(&well), still: (!still.is_empty()).then(|| still.join("; ")) }
}

fn findings(before: &Seen, now: &Seen, moment: Moment<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, before) in &before.units {
        findings.push(unit(name, before, now.units.get(name), moment));
    }
    if let (Some(before), Some(now)) = (&before.printer, &now.printer) {
        findings.push(printer(before, now, moment));
    }
    if let (Some(before), Some(now)) = (&before.moonraker, &now.moonraker) {
        findings.extend(moonraker(before, now, moment));
    }
    if let (Some(before), Some(now)) = (&before.front_end, &now.front_end) {
        findings.extend(front_end(before, now));
    }
    for (check, now) in &now.declared {
        findings.extend(before.declared.get(check).map(|before| declared(check, before, now)));
    }
    findings
}

fn unit(name: &str, before: &UnitSeen, now: Option<&UnitSeen>, moment: Moment<'_>) -> Finding {
    let Some(now) = now else {
        return match before.state {
            UnitState::Up => Finding::Crashed(format!("there is no service {name} any more")),
            UnitState::Coming | UnitState::Idle | UnitState::Down => {
                Finding::Still(format!("the service {name} did not run before either"))
            }
        };
    };
    if before.state != UnitState::Up {
        return match now.state {
            UnitState::Up => Finding::Runs(format!("the service {name} runs")),
            UnitState::Coming | UnitState::Idle | UnitState::Down => {
                Finding::Still(format!("the service {name} does not run ({}), as before", now.words))
            }
        };
    }
    let start = moment.starts.0.get(name);
    let is_another = start.is_some_and(|start| start.invocation != now.invocation || now.restarts > start.restarts);
    match now.state {
        UnitState::Up if is_another => Finding::Crashed(format!("the service {name} crashes and is started again")),
        UnitState::Up => Finding::Runs(format!("the service {name} runs")),
        UnitState::Coming => Finding::NotYet {
            words: format!("the service {name} is still being started ({})", now.words),
            patience: moment.patience,
        },
        UnitState::Idle if moment.rebooted && start.is_none() => {
            Finding::NotYet { words: format!("the service {name} was not started"), patience: moment.patience }
        }
        UnitState::Idle => Finding::Crashed(format!("the service {name} ended ({})", now.words)),
        UnitState::Down => Finding::Crashed(format!("the service {name} crashed ({})", now.words)),
    }
}

/// How well a state is: another one of the same rank is no worse.
pub(super) fn rank(state: KlippyState) -> u8 {
    match state {
        KlippyState::Disconnected => 0,
        KlippyState::Startup | KlippyState::Error | KlippyState::Shutdown => 1,
        KlippyState::Ready => 2,
    }
}

fn printer(before: &PrinterSeen, now: &PrinterSeen, moment: Moment<'_>) -> Finding {
    let was = match before.state {
        KlippyState::Ready => "it was ready before",
        KlippyState::Startup | KlippyState::Error | KlippyState::Shutdown | KlippyState::Disconnected => {
            "it answered before"
        }
    };
    let is_worse = rank(now.state) < rank(before.state);
    match now.state {
        KlippyState::Ready => Finding::Well("Klipper is ready".to_owned()),
        KlippyState::Disconnected if is_worse => Finding::NotYet {
            words: format!("Klipper did not answer on its socket after the restart ({was})"),
            patience: moment.patience,
        },
        KlippyState::Startup if is_worse => Finding::NotYet {
            words: format!("Klipper was still starting when the time for it was over ({was})"),
            patience: moment.patience,
        },
        state @ (KlippyState::Error | KlippyState::Shutdown) if is_worse => {
            Finding::Worse(match now.message.as_str() {
                "" => format!("after the restart Klipper reported the state '{}' ({was})", state.as_str()),
                message => format!("after the restart Klipper reported '{message}' ({was})"),
            })
        }
        KlippyState::Disconnected => Finding::Still("Klipper does not answer on its socket, as before".to_owned()),
        state @ (KlippyState::Startup | KlippyState::Error | KlippyState::Shutdown) => {
            let message = if now.message.is_empty() { state.as_str() } else { &now.message };
            Finding::Still(format!("Klipper was not ready before either, and reports '{message}'"))
        }
    }
}

fn moonraker(before: &MoonrakerSeen, now: &MoonrakerSeen, moment: Moment<'_>) -> Vec<Finding> {
    let not_yet = |words: String| Finding::NotYet { words, patience: moment.patience };
    let answers = || Finding::Well("Moonraker answers".to_owned());
    let one = match (before, now) {
        (MoonrakerSeen::Gone { .. }, MoonrakerSeen::Gone { .. }) => {
            Finding::Still("Moonraker does not answer, as before".to_owned())
        }
        (MoonrakerSeen::Silent { .. } | MoonrakerSeen::Answers { .. }, MoonrakerSeen::Gone { why }) => {
            not_yet(format!("Moonraker does not answer any more ({why})"))
        }
        (MoonrakerSeen::Answers { .. }, MoonrakerSeen::Silent { status }) => {
            not_yet(format!("Moonraker answers with the status {status} (it told its state before)"))
        }
        (MoonrakerSeen::Gone { .. } | MoonrakerSeen::Silent { .. }, _) => answers(),
        (
            MoonrakerSeen::Answers { failed, warnings, websocket },
            MoonrakerSeen::Answers { failed: failed_now, warnings: warnings_now, websocket: websocket_now },
        ) => {
            let mut worse = Vec::new();
            let new: Vec<String> = failed_now.difference(failed).cloned().collect();
            if !new.is_empty() {
                worse.push(Finding::Worse(format!("Moonraker could not load {} (it could before)", list(&new))));
            }
            if *websocket && !websocket_now {
                worse.push(not_yet("Moonraker's WebSocket cannot be opened any more".to_owned()));
            }
            if !worse.is_empty() {
                return worse;
            }
            // A newer one warns of options that it will not take any more: that is no reason to stay with the old one.
            if warnings_now.len() > warnings.len() {
                let new = warnings_now.iter().find(|warning| !warnings.contains(warning));
                let new = new.or(warnings_now.last()).map(|text| one_line(text)).unwrap_or_default();
                Finding::Well(format!("Moonraker answers, and warns of more than before: '{new}'"))
            } else {
                answers()
            }
        }
    };
    vec![one]
}

fn front_end(before: &FrontEndSeen, now: &FrontEndSeen) -> Option<Finding> {
    match (before, now) {
        // Nothing was shown by it.
        (FrontEndSeen::NoIndex, FrontEndSeen::NoIndex) => None,
        (FrontEndSeen::Index { .. }, FrontEndSeen::NoIndex) => {
            Some(Finding::Worse("its page index.html is not there any more".to_owned()))
        }
        (FrontEndSeen::Index { missing: before }, FrontEndSeen::Index { missing }) if missing.len() > before.len() => {
            let new: Vec<String> = missing.difference(before).cloned().collect();
            Some(Finding::Worse(format!("its page index.html needs {}, which is not there", list(&new))))
        }
        (FrontEndSeen::NoIndex | FrontEndSeen::Index { .. }, FrontEndSeen::Index { missing }) => {
            Some(if missing.is_empty() {
                Finding::Well("its page is whole".to_owned())
            } else {
                let missing: Vec<String> = missing.iter().cloned().collect();
                Finding::Still(format!(
                    "its page index.html needs {}, which was not there before either",
                    list(&missing)
                ))
            })
        }
    }
}

fn declared(check: &str, before: &DeclaredSeen, now: &DeclaredSeen) -> Finding {
    match (before.well, now.well) {
        (_, true) => Finding::Passes(check.to_owned()),
        (false, false) => Finding::Still(format!("the check '{check}' fails as before: {}", now.words)),
        (true, false) => Finding::NotYet {
            words: format!("the check '{check}' fails: {} (it passed before)", now.words),
            patience: Duration::from_secs(u64::from(now.patience)),
        },
    }
}
