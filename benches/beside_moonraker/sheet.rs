//! Numbers as a Markdown table, with columns for what was done by hand.

use std::fmt::Write as _;

use std::path::Path;
use std::time::{Duration, Instant};

/// Costs of a deed, one number for each time.
#[derive(Default)]
pub(crate) struct Tally {
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

impl Tally {
    /// Does it once. `cost` is the CPU time so far, in milliseconds.
    pub(crate) fn measure(&mut self, cost: impl Fn() -> f64, deed: impl FnOnce()) {
        let before = cost();
        let begun = Instant::now();
        deed();
        self.wall.push(begun.elapsed().as_secs_f64() * 1e3);
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
pub(crate) struct Sheet(String);

impl Sheet {
    /// With these columns.
    pub(crate) fn with_columns(columns: [&str; 4]) -> Self {
        Self(format!("| what | {} |\n|---|---|---|---|---|\n", columns.join(" | ")))
    }

    /// Wall and CPU time, in the order of the columns.
    pub(crate) fn costs(&mut self, what: &str, tallies: &[Tally]) {
        self.row(&format!("{what}: wall, ms"), tallies.iter().map(Tally::wall));
        self.row(&format!("{what}: CPU, ms"), tallies.iter().map(Tally::cpu));
    }

    /// A number of both.
    pub(crate) fn pair(&mut self, what: &str, numbers: [f64; 2]) {
        self.row(what, numbers.into_iter());
    }

    /// The table.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    fn row(&mut self, what: &str, numbers: impl Iterator<Item = f64>) {
        let mut cells: Vec<String> = numbers.map(|number| format!("{number:.1}")).collect();
        cells.resize(4, String::new());
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "| {what} | {} |", cells.join(" | "));
    }
}

/// CPU milliseconds of the programs so far. Source: proc(5), `cutime` and `cstime` of this process, in ticks of 10 ms.
pub(crate) fn children_cost() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("it runs");
    let after_name = stat.rsplit_once(')').expect("a name in brackets").1;
    let ticks: f64 = after_name.split_whitespace().skip(13).take(2).map(|t| t.parse::<f64>().expect("ticks")).sum();
    ticks * 10.0
}

/// What one of them left to be written is not for the next to wait for.
pub(crate) fn settle(folder: &Path) {
    rustix::fs::syncfs(std::fs::File::open(folder).expect("a folder")).expect("it can be written to disk");
    std::thread::sleep(Duration::from_millis(200));
}
