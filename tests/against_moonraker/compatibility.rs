//! docs/compatibility.md, read: its rows are those that the tests of this folder assert, or say with what they come.

use std::collections::BTreeSet;
use std::path::Path;

use crate::{releases, rows};

/// The row about simple POSTs of foreign pages.
pub const SIMPLE_POST: u8 = 27;

/// The row about close frames.
pub const CLOSE_REASON: u8 = 36;

/// Rows that are asserted where they show, other than by the entries of [`crate::rows`].
const ASSERTED: [u8; 16] = [1, 2, 5, 6, 8, 9, 10, 19, 21, 24, 25, 26, SIMPLE_POST, 31, 33, CLOSE_REASON];

#[test]
fn the_page_has_a_row_for_each_difference_and_no_other() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/compatibility.md");
    let page = std::fs::read_to_string(&page).unwrap_or_else(|e| panic!("{}: {e}", page.display()));
    let rows = page.lines().filter_map(|line| {
        let number: u8 = line.strip_prefix("| ")?.split(' ').next()?.parse().ok()?;
        Some((number, line.contains("| comes with ")))
    });
    let rows: Vec<(u8, bool)> = rows.collect();
    let later = rows.iter().filter(|(_, later)| *later).count();
    let here: BTreeSet<u8> = rows.iter().filter(|(_, later)| !later).map(|(number, _)| *number).collect();
    assert_eq!(here.len() + later, rows.len(), "a number stands twice");
    assert_eq!(later, 4);
    let entries = rows::of_repositories().into_iter().chain(releases::rows::of_releases());
    let asserted: BTreeSet<u8> = entries.map(|row| row.number).chain(ASSERTED).collect();
    assert_eq!(here, asserted);
}
