//! What can be wrong with a host of files, as data, and which requests meet it.

use std::time::Duration;

/// What the host does instead of answering properly. Byte counts are of the answer's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Promises the whole body, and closes the connection properly after so many bytes.
    CutAfter(u64),
    /// Promises the whole body, and falls silent after so many bytes until
    /// [`release`](super::Traffic::release); with 0 before the answer's first line.
    StallAfter(u64),
    /// Resets the connection (RST) before the answer's first line.
    Reset,
    /// Promises the whole body, and resets the connection (RST) after so many bytes. What the client had not read by
    /// then may be lost to it.
    ResetAfter(u64),
    /// Answers with this status, these headers and this body. Redirects to anywhere are made of it.
    Status(u16, Vec<(String, String)>, String),
    /// Answers a range with 206 and another one, which begins at 0 and says so in `Content-Range`.
    WrongRange,
    /// Answers a range with 200 and everything.
    IgnoreRange,
    /// The same bytes under another entity tag, as after they were uploaded again.
    ChangedEtag,
    /// As many bytes as ought to come, and some of them wrong.
    WrongBytes,
    /// The first so many bytes, as though they were all: the length says so too.
    Truncated(u64),
    /// The whole body without a word on its length.
    NoLength,
    /// Without a word on its length: the body, and after it spaces that never end.
    Endless,
    /// Answers 200 with the page of a captive portal.
    NotJson,
    /// Waits so long before every [`CHUNK`] bytes.
    SlowPerChunk(Duration),
    /// Sends so many bytes a second.
    BytesPerSecond(u64),
}

/// How many bytes of a body go out at once.
pub const CHUNK: usize = 16 * 1024;

/// A fault and the requests that meet it.
#[derive(Clone, Debug)]
pub struct Rule {
    fault: Fault,
    part: String,
    first: usize,
    last: usize,
    seen: usize,
}

impl Fault {
    /// Answers with this status and nothing else.
    pub fn status(status: u16) -> Self {
        Self::Status(status, Vec::new(), String::new())
    }

    /// 503, with the seconds after which one may try again.
    pub fn unavailable(retry_after: u32) -> Self {
        Self::Status(503, vec![("Retry-After".to_owned(), retry_after.to_string())], String::new())
    }

    /// Redirects to this URL.
    pub fn redirect(to: &str) -> Self {
        Self::Status(302, vec![("Location".to_owned(), to.to_owned())], String::new())
    }

    /// GitHub's answer to too much in a short time, with or without the seconds after which one may try again.
    pub fn secondary_limit(retry_after: Option<u32>) -> Self {
        let body = r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again.","documentation_url":"https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits","status":"429"}"#;
        let mut headers = vec![("Content-Type".to_owned(), "application/json; charset=utf-8".to_owned())];
        headers.extend(retry_after.map(|seconds| ("Retry-After".to_owned(), seconds.to_string())));
        Self::Status(429, headers, body.to_owned())
    }

    /// Only for requests whose path and query contain `part`.
    pub fn on(self, part: &str) -> Rule {
        Rule { part: part.to_owned(), ..self.into() }
    }
}

impl Rule {
    /// Only the `n`th request that fits, counted from 1 and from now.
    #[must_use]
    pub fn nth(mut self, n: usize) -> Self {
        (self.first, self.last) = (n, n);
        self
    }

    /// Only the first so many requests that fit.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        (self.first, self.last) = (1, times);
        self
    }

    /// Only the first request that fits.
    #[must_use]
    pub fn once(self) -> Self {
        self.nth(1)
    }

    /// Counts a request if it fits, and says what it meets.
    pub(crate) fn meet(&mut self, target: &str) -> Option<Fault> {
        if !target.contains(&self.part) {
            return None;
        }
        self.seen += 1;
        (self.first..=self.last).contains(&self.seen).then(|| self.fault.clone())
    }
}

impl From<Fault> for Rule {
    /// For every request.
    fn from(fault: Fault) -> Self {
        Self { fault, part: String::new(), first: 1, last: usize::MAX, seen: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_counts_what_fits() {
        let mut rule = Fault::Reset.on("latest").nth(2);
        let met: Vec<bool> =
            ["/latest", "/else", "/latest", "/latest"].iter().map(|target| rule.meet(target).is_some()).collect();
        assert_eq!(met, [false, false, true, false]);
        assert_eq!(Fault::Reset.on("x").once().meet("/y"), None);
    }
}
