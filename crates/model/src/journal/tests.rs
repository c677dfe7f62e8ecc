//! The journal's function against random runs that crash, recover, crash in the recovery …

use proptest::prelude::*;

use super::*;
use crate::name::UpdaterName;
use crate::plan::Action;
use crate::request::Door;
use crate::step::{GitStep, Phase, PlannedStep, Step, Undo};

/// What a script of faults says about the next thing that is tried.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Well,
    Fails,
    /// The power goes before the result is written.
    Cut,
}

struct Cut;

/// A machine in one number per step: whether its effect is there. A step that was cut may have had its effect or not.
struct World {
    record: RunRecord,
    effects: Vec<bool>,
    fates: std::vec::IntoIter<(Fate, bool)>,
}

impl World {
    fn append(&mut self, entry: Entry) {
        let state = self.record.state().unwrap();
        apply(state, &entry, self.record.plan.steps.len()).unwrap();
        let seq = u32::try_from(self.record.entries.len()).unwrap();
        self.record.entries.push(Stamped { seq, at: f64::from(seq), entry });
    }

    /// Tries something that sets a step's effect; true when it went well.
    fn attempt(&mut self, step: usize, effect: bool) -> Result<bool, Cut> {
        let (fate, took) = self.fates.next().unwrap_or((Fate::Well, true));
        match fate {
            Fate::Well => self.effects[step] = effect,
            Fate::Fails | Fate::Cut if took => self.effects[step] = effect,
            Fate::Fails | Fate::Cut => {}
        }
        if fate == Fate::Cut { Err(Cut) } else { Ok(fate == Fate::Well) }
    }

    fn forward(&mut self, from: usize) -> Result<bool, Cut> {
        for step in from..self.effects.len() {
            self.append(Entry::Intent { step, witness: None });
            if self.attempt(step, true)? {
                self.append(Entry::Done { step, note: None, output: None });
            } else {
                self.append(Entry::Failed { step, error: "failed".to_owned(), output: None });
                return Ok(false);
            }
        }
        self.append(Entry::Ended { outcome: Outcome::Finished });
        Ok(true)
    }

    /// False when an undo failed.
    fn back(&mut self) -> Result<bool, Cut> {
        loop {
            match self.record.state().unwrap() {
                RunState::Ready { .. } | RunState::Performing { .. } => {
                    self.append(Entry::TakenBack { reason: "cut".to_owned() });
                }
                RunState::TakingBack { below: 0, reason } => {
                    self.append(Entry::Ended { outcome: Outcome::Undone { error: reason } });
                }
                RunState::TakingBack { below, .. } => self.append(Entry::UndoIntent { step: below - 1 }),
                RunState::Undoing { step, .. } => {
                    if !self.attempt(step, false)? {
                        return Ok(false);
                    }
                    self.append(Entry::Undone { step, after: None });
                }
                RunState::Ended(_) => return Ok(true),
            }
        }
    }

    fn recover(&mut self) -> Result<(), Cut> {
        loop {
            match owes(&self.record).unwrap() {
                Owes::Nothing => return Ok(()),
                Owes::GiveUp => {
                    self.append(Entry::Ended { outcome: Outcome::NeedsAttention { error: "enough".to_owned() } });
                }
                Owes::Forward { from } => {
                    self.begin_attempt();
                    if !self.forward(from)? {
                        self.back()?;
                    }
                }
                Owes::Back { .. } => {
                    self.begin_attempt();
                    if let RunState::Undoing { step, .. } = self.record.state().unwrap() {
                        self.append(Entry::UndoIntent { step });
                    }
                    self.back()?;
                }
            }
        }
    }

    fn begin_attempt(&mut self) {
        let number = self.record.attempts() + 1;
        self.append(Entry::Attempt { number, boot_id: format!("boot {number}") });
    }
}

fn record(preparation: usize, asks: bool, switch: usize) -> RunRecord {
    let step = |step, phase| PlannedStep { step, undo: Undo::Nothing, phase, announce: Vec::new() };
    let work = || {
        Step::Git(GitStep::Verify {
            repo: crate::step::RepoRef { updater: UpdaterName::new("app").unwrap(), path: "/app".into() },
            expect: None,
        })
    };
    let mut steps: Vec<_> = (0..preparation).map(|_| step(work(), Phase::Preparation)).collect();
    steps.extend(asks.then(|| step(Step::CheckPrinter, Phase::Switch)));
    steps.extend((0..switch).map(|_| step(work(), Phase::Switch)));
    RunRecord {
        id: RunId(1),
        caller: Caller { door: Door::Http, connection: None, who: String::new() },
        plan: Plan {
            updater: UpdaterName::new("app").unwrap(),
            action: Action::Upgrade,
            from: "v1".to_owned(),
            to: "v2".to_owned(),
            opening: Vec::new(),
            steps,
            closing: String::new(),
            notes: Vec::new(),
        },
        began: 0.0,
        boot_id: "boot 0".to_owned(),
        entries: Vec::new(),
    }
}

fn fate() -> impl Strategy<Value = (Fate, bool)> {
    (prop_oneof![6 => Just(Fate::Well), 1 => Just(Fate::Fails), 2 => Just(Fate::Cut)], any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    /// Whatever fails and wherever the power goes, also in the recovery and in the recovery of the recovery: the run ends as
    /// finished with every effect, as undone with none, or in need of a person after three attempts and never before.
    #[test]
    fn a_run_settles_in_the_old_or_the_new_state(
        preparation in 0usize..4,
        asks in any::<bool>(),
        switch in 0usize..4,
        fates in prop::collection::vec(fate(), 0..24),
    ) {
        let record = record(preparation, asks, switch);
        let effects = vec![false; record.plan.steps.len()];
        let mut world = World { record, effects, fates: fates.into_iter() };
        let mut power = world.forward(0).and_then(|well| if well { Ok(true) } else { world.back() }).map(|_| ());
        loop {
            let before = world.record.attempts();
            if power.is_ok() && owes(&world.record) == Ok(Owes::Nothing) {
                break;
            }
            power = world.recover();
            prop_assert!(world.record.attempts() <= MOST_ATTEMPTS);
            prop_assert!(world.record.attempts() > before || before == MOST_ATTEMPTS);
        }
        match world.record.outcome() {
            Some(Outcome::Finished) => prop_assert!(world.effects.iter().all(|there| *there)),
            Some(Outcome::Undone { .. }) => prop_assert!(world.effects.iter().all(|there| !*there), "{:?}", world.effects),
            Some(Outcome::NeedsAttention { .. }) => prop_assert_eq!(world.record.attempts(), MOST_ATTEMPTS),
            None => prop_assert!(false, "the run did not end"),
        }
    }

    /// No order of entries makes the function panic, and an ended run takes none.
    #[test]
    fn nothing_follows_the_end(entries in prop::collection::vec(entry(), 0..30)) {
        let mut state = RunState::FRESH;
        for entry in entries {
            let ended = matches!(state, RunState::Ended(_));
            match apply(state.clone(), &entry, 3) {
                Ok(next) => {
                    prop_assert!(!ended, "{entry:?} followed the end");
                    state = next;
                }
                Err(_) => continue,
            }
        }
    }
}

fn entry() -> impl Strategy<Value = Entry> {
    let step = 0usize..5;
    prop_oneof![
        step.clone().prop_map(|step| Entry::Intent { step, witness: None }),
        step.clone().prop_map(|step| Entry::Done { step, note: None, output: None }),
        step.clone().prop_map(|step| Entry::Failed { step, error: "e".to_owned(), output: None }),
        Just(Entry::TakenBack { reason: "r".to_owned() }),
        step.clone().prop_map(|step| Entry::UndoIntent { step }),
        step.prop_map(|step| Entry::Undone { step, after: None }),
        Just(Entry::Attempt { number: 1, boot_id: "b".to_owned() }),
        Just(Entry::Ended { outcome: Outcome::Finished }),
        Just(Entry::Ended { outcome: Outcome::Undone { error: "e".to_owned() } }),
    ]
}

fn stamped(entries: &[Entry]) -> Vec<Stamped> {
    (0..).zip(entries).map(|(seq, entry)| Stamped { seq, at: 0.0, entry: entry.clone() }).collect()
}

#[test]
fn what_was_done_before_a_crash_is_undone_when_going_forward_again_fails() {
    let intent = |step| Entry::Intent { step, witness: None };
    let done = |step| Entry::Done { step, note: None, output: None };
    let mut run = record(1, true, 3);
    run.entries = stamped(&[intent(0), done(0), intent(1), done(1), intent(2), done(2), intent(3), done(3)]);
    assert_eq!(owes(&run), Ok(Owes::Forward { from: 2 }), "the printer is not asked again");
    let again = [Entry::Attempt { number: 1, boot_id: "b".to_owned() }, intent(2)];
    let failed = Entry::Failed { step: 2, error: "no".to_owned(), output: None };
    run.entries.extend(stamped(&again));
    run.entries.extend(stamped(&[failed]));
    assert_eq!(run.state(), Ok(RunState::TakingBack { below: 4, reason: "no".to_owned() }));
}

#[test]
fn a_run_cut_before_anything_in_use_was_touched_is_thrown_away() {
    let mut run = record(1, true, 1);
    for entries in [
        vec![],
        vec![Entry::Intent { step: 0, witness: None }],
        vec![
            Entry::Intent { step: 0, witness: None },
            Entry::Done { step: 0, note: None, output: None },
            Entry::Intent { step: 1, witness: None },
        ],
    ] {
        run.entries = stamped(&entries);
        assert!(matches!(owes(&run), Ok(Owes::Back { .. })), "{entries:?}");
    }
}

#[test]
fn the_first_witness_counts_and_the_boot_it_was_taken_in() {
    let mut run = record(0, false, 1);
    run.entries = stamped(&[
        Entry::Attempt { number: 1, boot_id: "boot 1".to_owned() },
        Entry::Intent { step: 0, witness: Some("first".into()) },
        Entry::Attempt { number: 2, boot_id: "boot 2".to_owned() },
        Entry::Intent { step: 0, witness: Some("second".into()) },
    ]);
    assert_eq!(run.begun(0), Some(Begun { witness: Some(&"first".into()), boot_id: "boot 1" }));
    assert_eq!(run.begun(1), None);
}
