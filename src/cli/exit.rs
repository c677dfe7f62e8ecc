//! How a command ended, as one table: the exit code, the word in `--json`, and what it means. docs/cli.md shows the same
//! table, which a test compares.
//!
//! The numbers are for scripts and never change their meaning.

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Done, or nothing to do.
    Fine,
    /// Something that should not happen.
    Unexpected,
    /// The command line was not understood.
    Usage,
    /// No daemon answers.
    Unreachable,
    /// The configuration cannot be used.
    BadConfiguration,
    /// Nothing was begun and nothing changed.
    Refused,
    /// The work failed, and everything is as it was before.
    FailedAndUndone,
    /// A person must look.
    NeedsAttention,
    /// `status --check`: an update is there.
    UpdatesAvailable,
}

impl Exit {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 9] = [
        Self::Fine,
        Self::Unexpected,
        Self::Usage,
        Self::Unreachable,
        Self::BadConfiguration,
        Self::Refused,
        Self::FailedAndUndone,
        Self::NeedsAttention,
        Self::UpdatesAvailable,
    ];

    /// The process's exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::BadConfiguration => 4,
            Self::Refused => 5,
            Self::FailedAndUndone => 6,
            Self::NeedsAttention => 7,
            Self::UpdatesAvailable => 10,
        }
    }

    /// The word for it in `--json`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Unexpected => "unexpected",
            Self::Usage => "usage",
            Self::Unreachable => "unreachable",
            Self::BadConfiguration => "bad_configuration",
            Self::Refused => "refused",
            Self::FailedAndUndone => "failed_and_undone",
            Self::NeedsAttention => "needs_attention",
            Self::UpdatesAvailable => "updates_available",
        }
    }

    /// What it means, for the table in the help.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Fine => "done, or nothing to do",
            Self::Unexpected => "something went wrong that should not",
            Self::Usage => "the command line was not understood",
            Self::Unreachable => "no Refit answers at the socket",
            Self::BadConfiguration => "the configuration cannot be used",
            Self::Refused => "refused: nothing was begun, nothing changed",
            Self::FailedAndUndone => "failed: everything is as it was before",
            Self::NeedsAttention => "a person must look",
            Self::UpdatesAvailable => "`status --check`: an update is there",
        }
    }

    /// Of several commands' ends, the one to tell: the most serious.
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        self.max(other)
    }
}

/// The table for the end of `refit --help`.
#[must_use]
pub fn table() -> String {
    let rows = Exit::ALL.map(|exit| format!("  {:>2}  {}\n", exit.code(), exit.meaning()));
    format!("Exit codes:\n{}", rows.concat())
}

/// Why a command ended early: how, and the message for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Stop {
    /// How it ended.
    pub exit: Exit,
    /// What happened, to what, and what to do next.
    pub message: String,
}

impl Stop {
    /// An end with its message.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_distinct_and_in_order() {
        assert!(Exit::ALL.windows(2).all(|pair| pair[0] < pair[1] && pair[0].code() < pair[1].code()));
    }

    #[test]
    fn the_manual_has_the_same_table() {
        let manual = include_str!("../../docs/cli.md");
        for exit in Exit::ALL {
            let row = format!("| {} | `{}` | {} |", exit.code(), exit.word(), exit.meaning());
            assert!(manual.contains(&row), "docs/cli.md lacks the row {row}");
        }
    }
}
