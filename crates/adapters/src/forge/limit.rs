//! A forge's rate limit: what its headers tell, and until when it is to be left alone.
//! Refuses to: believe in a pause of more than a day. A board whose clock is wrong would never ask again.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use refit_model::updater::release::{ForgeKind, RateLimit, Source};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::ForgeError;

/// Seconds of the longest pause.
const LONGEST: i64 = 24 * 60 * 60;
/// Seconds to wait where the forge does not tell how long.
const UNTOLD: i64 = 60;

/// What the headers of any answer tell; `now` is seconds since 1970.
pub(super) fn told(headers: &HeaderMap, now: i64) -> Option<RateLimit> {
    // GitHub and Forgejo's kin say x-ratelimit-…, GitLab leaves the x- out.
    let number = |name: &str| {
        let value = headers.get(format!("x-ratelimit-{name}")).or(headers.get(format!("ratelimit-{name}")))?;
        value.to_str().ok()?.trim().parse::<u64>().ok()
    };
    let (limit, remaining, reset) = (number("limit")?, number("remaining")?, number("reset")?);
    Some(RateLimit { limit, remaining, reset: reset as f64, at: now as f64 })
}

/// Until when the forge is to be left alone, when an answer says so: 403 or 429 with nothing left, or with a time to wait.
pub(crate) fn until(status: StatusCode, headers: &HeaderMap, now: i64) -> Option<i64> {
    let after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(|text| retry_after(text, now));
    let limit = told(headers, now).filter(|rate| rate.remaining == 0);
    let asked_to_wait = match status {
        StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::FORBIDDEN => after.is_some() || limit.is_some(),
        _ => false,
    };
    let reset = limit.map(|rate| rate.reset as i64);
    let until = after.into_iter().chain(reset).max().filter(|until| *until > now);
    asked_to_wait.then(|| until.unwrap_or_else(|| now.saturating_add(UNTOLD)))
}

/// Seconds, or a date.
fn retry_after(text: &str, now: i64) -> i64 {
    if let Ok(seconds) = text.trim().parse::<u32>() {
        return now.saturating_add(i64::from(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text.trim());
    date.map_or_else(|_| now.saturating_add(UNTOLD), |date| date.timestamp().as_second())
}

/// Whether a pause is still in force.
pub(crate) fn in_force(not_before: Option<i64>, now: i64) -> bool {
    not_before.is_some_and(|until| now < until && until.saturating_sub(now) <= LONGEST)
}

/// The pause in words; for GitHub those of CONTRACT §2.12.
pub(super) fn limited(source: &Source, asked: &str, until: i64) -> ForgeError {
    let when = ctime(until);
    let words = match source.forge {
        ForgeKind::Github => {
            format!("GitHub Rate Limit Reached\nRequest: {asked}\nLimit Reset Time: {when}")
        }
        ForgeKind::Forgejo | ForgeKind::Gitlab => format!(
            "{}: the release server asks for a pause until {when}: too many requests; a token raises the limit",
            source.host
        ),
    };
    ForgeError::Limited { words, until }
}

/// Local time as C and Python write it: `Fri Nov 27 11:08:09 2026`.
fn ctime(seconds: i64) -> String {
    let Ok(at) = Timestamp::from_second(seconds) else { return seconds.to_string() };
    at.to_zoned(TimeZone::system()).strftime("%a %b %e %H:%M:%S %Y").to_string()
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn a_limit_is_read_in_both_spellings() {
        for x in ["x-", ""] {
            let [limit, left, reset] = ["limit", "remaining", "reset"].map(|name| format!("{x}ratelimit-{name}"));
            let seen = headers(&[(&limit, "60"), (&left, "59"), (&reset, "1800000100")]);
            let rate = told(&seen, NOW).unwrap();
            assert_eq!((rate.limit, rate.remaining, rate.reset, rate.at), (60, 59, 1_800_000_100.0, 1_800_000_000.0));
        }
        assert_eq!(told(&headers(&[("x-ratelimit-limit", "60")]), NOW), None);
    }

    #[test]
    fn only_a_refusal_that_asks_for_a_pause_is_one() {
        let none_left = headers(&[
            ("x-ratelimit-limit", "60"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1800000100"),
        ]);
        assert_eq!(until(StatusCode::OK, &none_left, NOW), None);
        assert_eq!(until(StatusCode::FORBIDDEN, &none_left, NOW), Some(NOW + 100));
        assert_eq!(until(StatusCode::TOO_MANY_REQUESTS, &none_left, NOW), Some(NOW + 100));
        assert_eq!(until(StatusCode::FORBIDDEN, &HeaderMap::new(), NOW), None);
        assert_eq!(until(StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new(), NOW), Some(NOW + 60));
        assert_eq!(until(StatusCode::FORBIDDEN, &headers(&[("retry-after", "7")]), NOW), Some(NOW + 7));
        let date = headers(&[("retry-after", "Fri, 15 Jan 2027 08:00:30 GMT")]);
        assert_eq!(until(StatusCode::FORBIDDEN, &date, NOW), Some(NOW + 30));
        // A time that has passed is no pause, and asking at once would be no good either.
        assert_eq!(until(StatusCode::FORBIDDEN, &headers(&[("retry-after", "0")]), NOW), Some(NOW + 60));
    }

    #[test]
    fn a_pause_of_years_is_a_wrong_clock() {
        assert!(in_force(Some(NOW + 1), NOW));
        assert!(!in_force(Some(NOW), NOW));
        assert!(!in_force(Some(NOW + LONGEST + 1), NOW));
        assert!(!in_force(None, NOW));
    }

    #[test]
    fn a_time_is_written_as_c_writes_it() {
        let text = ctime(NOW);
        assert_eq!(text.len(), "Fri Nov 27 11:08:09 2026".len(), "{text}");
        assert!(text.ends_with(" 2027"), "{text}");
        let early = ctime(1_767_300_000); // the first days of 2026
        assert!(early.contains("Jan  "), "{early}");
    }
}
