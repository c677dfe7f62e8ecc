//! docs/compatibility.md, read: its rows are those that the tests of this folder assert.

use std::collections::BTreeSet;
use std::path::Path;

use crate::{applications, dependencies, releases, rows};

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
    let rows: Vec<u8> =
        page.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok()).collect();
    let here: BTreeSet<u8> = rows.iter().copied().collect();
    assert_eq!(here.len(), rows.len(), "a number stands twice");
    let entries = [
        rows::of_repositories(),
        releases::rows::of_releases(),
        applications::rows::of_entries(),
        applications::rows::of_journeys(),
        dependencies::rows::of_dependencies(),
    ];
    let entries = entries.into_iter().flatten();
    let asserted: BTreeSet<u8> = entries.map(|row| row.number).chain(ASSERTED).collect();
    assert_eq!(here, asserted);
}
