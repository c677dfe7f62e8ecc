//! A file as a web server hands it out: whole or a range of it, with what a client needs to go on after a broken
//! connection (RFC 9110, sections 13 and 14).
//!
//! Refuses several ranges at once, as Azure's storage does: it answers with everything.

use std::sync::Arc;

use hyper::body::Bytes;

use super::release::Asset;
use super::sha256_hex;
use super::shelf::Published;
use crate::loopback::{Answer, Question};

/// Answers with this file. `place` is where it is counted, `owner/repo/tag/file`.
pub(super) fn file(question: &Question, known: &Published, asset: &Asset, place: String) -> Answer {
    let salt = if question.other_etags { "other" } else { "" };
    let etag = sha256_hex(format!("{}{}{salt}", sha256_hex(&asset.bytes), known.time()).as_bytes());
    let etag = format!("\"0x{}\"", etag[..15].to_uppercase());
    let dated = known.http_date();
    let describe = |answer: Answer| {
        let disposition = format!("attachment; filename={}", asset.name);
        answer
            .with("Content-Type", asset.content_type.as_str())
            .with("Content-Disposition", disposition)
            .with("ETag", etag.as_str())
            .with("Last-Modified", dated.as_str())
            .with("Accept-Ranges", "bytes")
    };
    if question.has(&etag) {
        return describe(Answer::new(304, ""));
    }
    let whole = Bytes::from_owner(Arc::clone(&asset.bytes));
    let same = question.header("if-range").is_none_or(|known| known == etag || known == dated);
    let mut answer = match question.header("range").filter(|_| same).and_then(|range| asked(range, whole.len())) {
        None => describe(Answer::new(200, whole)),
        Some(Ok((from, to))) => {
            let span = format!("bytes {from}-{to}/{}", whole.len());
            describe(Answer::new(206, whole.slice(from..=to))).with("Content-Range", span)
        }
        Some(Err(Unsatisfiable)) => {
            return Answer::new(416, "").with("Content-Range", format!("bytes */{}", whole.len()));
        }
    };
    answer.asset = Some(place);
    answer
}

struct Unsatisfiable;

/// The first and the last byte of a range; none when the header is to be ignored.
fn asked(range: &str, length: usize) -> Option<Result<(usize, usize), Unsatisfiable>> {
    let (first, last) = range.strip_prefix("bytes=")?.trim().split_once('-')?;
    let range = match (first, last) {
        ("", suffix) => {
            let suffix: usize = suffix.parse().ok()?;
            (length.saturating_sub(suffix), if suffix == 0 { None } else { length.checked_sub(1) })
        }
        (first, "") => (first.parse().ok()?, length.checked_sub(1)),
        (first, last) => {
            let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
            if last < first {
                return None;
            }
            (first, length.checked_sub(1).map(|end| end.min(last)))
        }
    };
    Some(match range {
        (first, Some(last)) if first <= last => Ok((first, last)),
        _ => Err(Unsatisfiable),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_understood() {
        let span = |range| asked(range, 10).map(Result::ok);
        assert_eq!(span("bytes=2-4"), Some(Some((2, 4))));
        assert_eq!(span("bytes=2-"), Some(Some((2, 9))));
        assert_eq!(span("bytes=2-99"), Some(Some((2, 9))));
        assert_eq!(span("bytes=-3"), Some(Some((7, 9))));
        assert_eq!(span("bytes=10-"), Some(None));
        assert_eq!(span("bytes=-0"), Some(None));
        assert_eq!(asked("bytes=0-", 0).map(Result::ok), Some(None));
        for ignored in ["bytes=4-2", "bytes=0-1,3-4", "lines=1-2", "bytes=x-"] {
            assert_eq!(span(ignored), None, "{ignored}");
        }
    }
}
