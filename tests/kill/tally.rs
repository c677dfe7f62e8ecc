//! What was counted, and the end of every sweep: not one broken.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::oracle::Side;

#[derive(Default)]
pub struct Tally {
    kinds: BTreeMap<String, [usize; 2]>,
    broken: Vec<String>,
}

impl Tally {
    /// Counts one run. `what` says exactly which, `kind` under which heading it is counted.
    pub fn count(&mut self, kind: &str, what: &str, verdict: Result<Side, String>) {
        let counts = self.kinds.entry(kind.to_owned()).or_default();
        match verdict {
            Ok(Side::Old) => counts[0] += 1,
            Ok(Side::New) => counts[1] += 1,
            Err(complaints) => self.broken.push(format!("{kind}, {what}: {complaints}")),
        }
    }

    /// Prints the counts.
    ///
    /// # Panics
    /// When one run was broken, or when there was none at all.
    pub fn close(self, title: &str) {
        Self::close_all(vec![(title, self)]);
    }

    /// Prints the counts of all of them.
    ///
    /// # Panics
    /// As [`close`](Self::close), after all are printed.
    pub fn close_all(all: Vec<(&str, Self)>) {
        let complaints: Vec<String> = all.into_iter().filter_map(|(title, tally)| tally.complaint(title)).collect();
        assert!(complaints.is_empty(), "{}", complaints.join("\n===\n"));
    }

    fn complaint(self, title: &str) -> Option<String> {
        let mut text = String::new();
        let mut sum = [0; 2];
        for (kind, [old, new]) in &self.kinds {
            let _ = writeln!(text, "  {kind}: {old} old, {new} new");
            sum[0] += old;
            sum[1] += new;
        }
        let broken = self.broken.len();
        println!("{title}: {} old, {} new, {broken} broken\n{text}", sum[0], sum[1]);
        if broken > 0 {
            return Some(format!("{title}: {broken} broken:\n{}", self.broken.join("\n---\n")));
        }
        (sum[0] + sum[1] == 0).then(|| format!("{title}: nothing was tried"))
    }
}

/// How many times as many runs as usual are wanted.
pub fn times() -> usize {
    std::env::var("REFIT_KILL_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(1).max(1)
}

/// The seed of everything random.
pub fn seed() -> u64 {
    std::env::var("REFIT_KILL_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_123)
}

/// Every so manyth of these, so that about `wanted` (times [`times`]) are left, from first to last.
pub fn sample<T>(all: Vec<T>, wanted: usize) -> Vec<T> {
    let wanted = wanted * times();
    let count = all.len();
    all.into_iter()
        .enumerate()
        .filter(|(at, _)| count <= wanted || at * wanted / count != (at + 1) * wanted / count)
        .map(|(_, one)| one)
        .collect()
}
