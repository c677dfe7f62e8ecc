//! Why something cannot be had on this machine, as a value: a test decides whether that skips it or fails it.

use std::fmt;

/// What is missing, and what to do about it, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable(pub String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}
