//! The numbers of releases as a Markdown table, with columns for what was done by hand.

use std::fmt::Write as _;

use super::time;

/// Costs of a deed, one number for each time.
#[derive(Default)]
pub(super) struct Tally {
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

impl Tally {
    /// Does it once. `cost` is the CPU time so far, in milliseconds.
    pub(super) fn measure(&mut self, cost: impl Fn() -> f64, deed: impl FnOnce()) {
        let before = cost();
        self.wall.push(time(deed).as_secs_f64() * 1e3);
        self.cpu.push(cost() - before);
    }

    /// The median.
    fn wall(&self) -> f64 {
        let mut sorted = self.wall.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// The mean: one measure is not finer than 10 ms.
    fn cpu(&self) -> f64 {
        self.cpu.iter().sum::<f64>() / self.cpu.len() as f64
    }
}

/// The table so far.
pub(super) struct Sheet(String);

impl Default for Sheet {
    fn default() -> Self {
        Self("| what | Moonraker 0.11.0 | Refit | by hand | by hand, synced |\n|---|---|---|---|---|\n".to_owned())
    }
}

impl Sheet {
    /// Wall and CPU time, in the order of the columns.
    pub(super) fn costs(&mut self, what: &str, tallies: &[Tally]) {
        self.row(&format!("{what}: wall, ms"), tallies.iter().map(Tally::wall));
        self.row(&format!("{what}: CPU, ms"), tallies.iter().map(Tally::cpu));
    }

    /// A number of both.
    pub(super) fn pair(&mut self, what: &str, numbers: [f64; 2]) {
        self.row(what, numbers.into_iter());
    }

    /// The table.
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    fn row(&mut self, what: &str, numbers: impl Iterator<Item = f64>) {
        let mut cells: Vec<String> = numbers.map(|number| format!("{number:.1}")).collect();
        cells.resize(4, String::new());
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "| {what} | {} |", cells.join(" | "));
    }
}
