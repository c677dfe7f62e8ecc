//! The shapes of Refit's own methods: `refit.plan` (what would be done), `refit.history` (what was done) and `refit.services`
//! (what is restarted).
//! Refuses to: leave anything out that a person needs to judge a run.

use refit_engine::handle::{Planned, Restarted};
use refit_model::journal::{Entry, Outcome, RunRecord};
use refit_model::plan::{Action, Plan, Verdict};
use refit_model::request::Door;
use refit_model::step::{Phase, Step, Undo};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// `refit.plan`: one entry per updater concerned.
#[derive(Serialize)]
pub struct Plans<'a> {
    plans: Vec<PlanEntry<'a>>,
}

#[derive(Serialize)]
struct PlanEntry<'a> {
    name: &'a str,
    /// `do`, `nothing` or `refused`.
    verdict: &'static str,
    /// Why nothing is to be done, or why it is refused.
    reason: Option<String>,
    plan: Option<PlanShape<'a>>,
}

#[derive(Serialize)]
struct PlanShape<'a> {
    action: Action,
    from: &'a str,
    to: &'a str,
    steps: Vec<StepShape<'a>>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct StepShape<'a> {
    phase: Phase,
    /// One sentence for people.
    describe: String,
    /// The step itself, without what may hold a login.
    detail: Step,
    /// How it is taken back.
    undo: &'a Undo,
}

impl<'a> From<&'a [Planned]> for Plans<'a> {
    fn from(planned: &'a [Planned]) -> Self {
        Self { plans: planned.iter().map(PlanEntry::from).collect() }
    }
}

impl<'a> From<&'a Planned> for PlanEntry<'a> {
    fn from(planned: &'a Planned) -> Self {
        let (verdict, reason, plan) = match &planned.verdict {
            Ok(Verdict::Do(plan)) => ("do", None, Some(PlanShape::from(&**plan))),
            Ok(Verdict::Nothing(reason)) => ("nothing", Some(reason.clone()), None),
            Err(refusal) => ("refused", Some(refusal.to_string()), None),
        };
        Self { name: &planned.updater, verdict, reason, plan }
    }
}

impl<'a> From<&'a Plan> for PlanShape<'a> {
    fn from(plan: &'a Plan) -> Self {
        let step = |planned: &'a refit_model::step::PlannedStep| StepShape {
            phase: planned.phase,
            describe: planned.step.describe(),
            detail: planned.step.shown(),
            undo: &planned.undo,
        };
        Self {
            action: plan.action,
            from: &plan.from,
            to: &plan.to,
            steps: plan.steps.iter().map(step).collect(),
            notes: &plan.notes,
        }
    }
}

/// `refit.services`: by updater, what the configuration names and the services that really run it.
#[must_use]
pub fn services(restarted: &[Restarted]) -> Value {
    let named = |(asked, units): &(String, Vec<String>)| (asked.clone(), units.clone().into());
    let all =
        restarted.iter().map(|one| (one.updater.clone(), one.services.iter().map(named).collect::<Map<_, _>>().into()));
    json!({ "services": all.collect::<Map<_, _>>() })
}

/// `refit.history`: the newest run first.
#[derive(Serialize)]
pub struct History<'a> {
    runs: Vec<RunShape<'a>>,
}

#[derive(Serialize)]
struct RunShape<'a> {
    run: i64,
    name: &'a str,
    action: Action,
    from: &'a str,
    to: &'a str,
    caller: CallerShape<'a>,
    /// Seconds since 1970.
    began: f64,
    ended: Option<f64>,
    /// `running`, `finished`, `undone` or `needs_attention`.
    outcome: &'static str,
    error: Option<&'a str>,
    /// How often recovery tried.
    attempts: u32,
    notes: &'a [String],
    steps: Vec<StepRecord<'a>>,
}

#[derive(Serialize)]
struct CallerShape<'a> {
    door: Door,
    who: &'a str,
}

#[derive(Serialize)]
struct StepRecord<'a> {
    phase: Phase,
    describe: String,
    /// `waiting`, `begun`, `done`, `failed`, `undoing` or `undone`.
    state: &'static str,
    began: Option<f64>,
    /// Of the last thing that happened to it.
    ended: Option<f64>,
    note: Option<&'a str>,
    error: Option<&'a str>,
    /// What its programs printed: the beginning and the end, a line each.
    output: Option<&'a str>,
}

impl<'a> From<&'a [RunRecord]> for History<'a> {
    fn from(runs: &'a [RunRecord]) -> Self {
        Self { runs: runs.iter().map(RunShape::from).collect() }
    }
}

impl<'a> From<&'a RunRecord> for RunShape<'a> {
    fn from(record: &'a RunRecord) -> Self {
        let mut shape = Self {
            run: record.id.0,
            name: record.plan.updater.as_str(),
            action: record.plan.action,
            from: &record.plan.from,
            to: &record.plan.to,
            caller: CallerShape { door: record.caller.door, who: &record.caller.who },
            began: record.began,
            ended: None,
            outcome: "running",
            error: None,
            attempts: record.attempts(),
            notes: &record.plan.notes,
            steps: record.plan.steps.iter().map(StepRecord::waiting).collect(),
        };
        for stamped in &record.entries {
            shape.take(stamped.at, &stamped.entry);
        }
        shape
    }
}

impl<'a> RunShape<'a> {
    fn take(&mut self, at: f64, entry: &'a Entry) {
        match entry {
            Entry::Attempt { .. } => {}
            Entry::TakenBack { reason } => self.error = Some(reason),
            Entry::Intent { step, .. } => self.step(*step, |s| {
                s.state = "begun";
                s.began = s.began.or(Some(at));
            }),
            Entry::Done { step, note, output } => self.step(*step, |s| {
                s.state = "done";
                s.ended = Some(at);
                s.note = note.as_deref();
                s.output = output.as_deref();
            }),
            Entry::Failed { step, error, output } => self.step(*step, |s| {
                s.state = "failed";
                s.ended = Some(at);
                s.error = Some(error);
                s.output = output.as_deref();
            }),
            Entry::UndoIntent { step } => self.step(*step, |s| s.state = "undoing"),
            Entry::Undone { step, after } => self.step(*step, |s| {
                s.state = "undone";
                s.ended = Some(at);
                s.note = after.as_ref().map(|after| after.words.as_str()).or(s.note);
            }),
            Entry::Ended { outcome } => {
                self.ended = Some(at);
                (self.outcome, self.error) = match outcome {
                    Outcome::Finished => ("finished", None),
                    Outcome::Undone { error } => ("undone", Some(error.as_str())),
                    Outcome::NeedsAttention { error } => ("needs_attention", Some(error.as_str())),
                };
            }
        }
    }

    fn step(&mut self, index: usize, change: impl FnOnce(&mut StepRecord<'a>)) {
        if let Some(step) = self.steps.get_mut(index) {
            change(step);
        }
    }
}

impl StepRecord<'_> {
    fn waiting(planned: &refit_model::step::PlannedStep) -> Self {
        Self {
            phase: planned.phase,
            describe: planned.step.describe(),
            state: "waiting",
            began: None,
            ended: None,
            note: None,
            error: None,
            output: None,
        }
    }
}
