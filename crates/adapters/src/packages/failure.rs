//! Why apt, dpkg, PackageKit or the root helper did not do as they were asked, and what to do about it: in words for people.

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// What happened, the one line that matters.
    pub(super) why: String,
    /// What to do next, a sentence without its full stop; none where that is not known.
    pub(super) next: Option<String>,
    /// Another process has the lock.
    pub(super) locked: bool,
}

impl Failure {
    /// This happened.
    pub(super) fn said(why: impl Into<String>) -> Self {
        Self { why: why.into(), next: None, locked: false }
    }

    /// The same, with what to do next.
    pub(super) fn then(self, next: impl Into<String>) -> Self {
        Self { next: Some(next.into()), ..self }
    }

    /// What happened, and what to do next where that is known.
    pub(super) fn in_full(&self) -> String {
        match &self.next {
            Some(next) => format!("{}. {next}", self.why.trim_end_matches('.')),
            None => self.why.clone(),
        }
    }

    /// What to do after a download that came to nothing.
    pub(super) fn after_download(&self) -> &str {
        match &self.next {
            Some(next) => next,
            None if self.why.contains("free space") => {
                "Free some space, with sudo apt-get clean to begin with, then try again"
            }
            None => "Look at the network, then try again",
        }
    }
}
