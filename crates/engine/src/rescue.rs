//! One action on one updater with no daemon running: the command line's way out when nothing else works.
//! Refuses to: run beside a daemon; the store's lock sees to that.

use std::sync::Arc;

use refit_model::plan::{Action, Verdict};
use refit_model::request::Caller;
use refit_model::updater::{Facts, Spec};
use tokio::sync::watch;

use crate::act::ActEnd;
use crate::handle::{Planned, RequestError};
use crate::ports::{Clock, Journal, Look, Machine};
use crate::recover::RecoveryReport;
use crate::run::{Hear, World};

/// What a rescue came to.
#[derive(Debug)]
pub struct Rescued {
    /// The runs that had been cut off and were settled first.
    pub recovery: RecoveryReport,
    /// What is known of the updater now.
    pub facts: Facts,
    /// The closing words; or that nothing was to be done, and why.
    pub message: String,
    /// Something was done.
    pub changed: bool,
}

/// Settles what is unfinished, then plans and runs one action. Everything is told to `hear` as it happens.
///
/// # Errors
/// [`RequestError`] with the documented text; the machine is as it was then.
pub async fn act<M: Machine, J: Journal, C: Clock>(
    outside: (&M, &J, &C),
    spec: &Spec,
    action: Action,
    caller: &Caller,
    hear: Hear,
) -> Result<Rescued, RequestError> {
    let (_keep, stop) = watch::channel(false);
    let world = World::unasked(outside, stop, hear);
    let known = outside.1.facts(spec.name()).await.unwrap_or_else(|| Facts::unseen(spec));
    let (recovery, acted) = world.act(spec, &known, action, caller).await;
    let (message, changed) = match acted.end {
        ActEnd::Nothing(why) => (why, false),
        ActEnd::Finished(plan) => (plan.closing, true),
        ActEnd::Refused(refusal) => return Err(refusal.into()),
        ActEnd::Failed(error) => return Err(error),
        ActEnd::NeedsAttention(_, message) => return Err(RequestError::Failed { message, command_failed: false }),
    };
    Ok(Rescued { recovery, facts: acted.facts, message, changed })
}

/// What [`act`] would do, step by step, without doing it.
pub async fn plan<M: Machine, J: Journal, C: Clock>(outside: (&M, &J, &C), spec: &Spec, action: Action) -> Planned {
    let (_keep, stop) = watch::channel(false);
    let hear: Hear = Arc::new(|_| {});
    let world = World::unasked(outside, stop, hear);
    let known = outside.1.facts(spec.name()).await.unwrap_or_else(|| Facts::unseen(spec));
    let (_, verdict): (_, Result<Verdict, _>) = world.survey(spec, &known, action, Look::Survey(action)).await;
    Planned { updater: spec.name().to_string(), verdict }
}
