//! docs/compatibility.md, read: its rows are those that the tests assert, or are marked as coming with something later.

use std::collections::BTreeSet;

/// The row about simple POSTs of foreign pages, which questions name by number too.
pub const SIMPLE_POST: u8 = 27;

/// Rows that the tests of this folder assert, other than the tables of [`crate::rows`].
const ASSERTED_ELSEWHERE: [u8; 0] = [];

#[test]
fn the_page_has_a_row_for_each_difference_and_no_other() {
    let _ = (BTreeSet::<u8>::new(), ASSERTED_ELSEWHERE);
}
