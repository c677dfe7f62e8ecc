//! The allowed differences: rows of docs/compatibility.md, by number, with where each shows and what Refit does instead.

use crate::verdict::{Case, Gap, Row};

/// Rows that show in the state of a repository or in a call about one.
pub fn of_repositories() -> Vec<Row> {
    vec![
        Row { number: 25, covers: |_, gap| gap.field.ends_with(".refit"), holds: |_| Ok(()) },
        Row { number: 29, covers: |_, gap| gap.field == "lines", holds: |_| Ok(()) },
    ]
}
