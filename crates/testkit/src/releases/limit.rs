//! GitHub's rate limit: who asks, and how often they still may.

use std::collections::HashMap;

/// What is left of a limit. Nothing renews it but the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Requests an hour.
    pub limit: u64,
    /// Requests that are left of them.
    pub remaining: u64,
    /// When they are renewed, in seconds since 1970.
    pub reset_at: u64,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// Somebody without a token.
    Anonymous,
    /// The owner of a token that is known.
    Known(String),
    /// Somebody with a token that is not.
    Stranger,
}

/// The limits of all who ask, and thereby the known tokens.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) anonymous: Limit,
    pub(super) tokens: HashMap<String, Limit>,
}

impl Limits {
    pub(super) fn new(reset_at: u64) -> Self {
        Self { anonymous: Limit { limit: 5000, remaining: 5000, reset_at }, tokens: HashMap::new() }
    }

    /// Who has this token.
    pub(super) fn asker(&self, token: Option<&str>) -> Asker {
        match token {
            None => Asker::Anonymous,
            Some(token) if self.tokens.contains_key(token) => Asker::Known(token.to_owned()),
            Some(_) => Asker::Stranger,
        }
    }

    /// What this asker has left. Strangers share with the anonymous.
    pub(super) fn of(&mut self, asker: &Asker) -> &mut Limit {
        match asker {
            Asker::Known(token) => self.tokens.get_mut(token).unwrap_or(&mut self.anonymous),
            Asker::Anonymous | Asker::Stranger => &mut self.anonymous,
        }
    }
}

impl Limit {
    /// The headers that tell of it.
    pub(super) fn headers(&self) -> Vec<(&'static str, String)> {
        vec![
            ("X-RateLimit-Limit", self.limit.to_string()),
            ("X-RateLimit-Remaining", self.remaining.to_string()),
            ("X-RateLimit-Reset", self.reset_at.to_string()),
            ("X-RateLimit-Used", self.limit.saturating_sub(self.remaining).to_string()),
            ("X-RateLimit-Resource", "core".to_owned()),
        ]
    }
}
