//! One request for the bytes that are missing, and what came of it.
//! Refuses to: append bytes that are not the next ones of the same file; take more than were announced.

use bytes::Bytes;
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_RANGE, LAST_MODIFIED, RANGE,
};
use reqwest::{Response, StatusCode};
use tokio::sync::mpsc;

use super::part::{Origin, Part};
use super::progress::{Meter, Progress};
use super::transfer::{Order, anew, whole};
use super::{DownloadError, blocking, disk};
use crate::disk::require_room;
use crate::forge::{ForgeError, denied};
use crate::git::remote::words;

/// Chunks between the network and the disk.
const IN_BETWEEN: usize = 4;
/// Bytes of the largest file whose size nobody tells.
const LARGEST: u64 = 4 * 1024 * 1024 * 1024;

/// What came of an attempt that may be followed by another.
pub(super) enum Ended {
    /// The file is whole.
    Whole,
    /// It is not; why, in words.
    Broken(String),
}

/// What an answer is good for.
enum Judged {
    /// Its bytes are the next ones.
    Next,
    /// Its bytes are the first ones.
    First(Origin),
    /// It is another part of the file, or of another file: without what is there, all can be asked for.
    Another(String),
    /// Try again.
    Later(String),
}

pub(super) async fn attempt(
    order: &Order<'_>,
    part: Part,
    meter: &mut Meter<'_>,
) -> Result<(Part, Ended), DownloadError> {
    let failed = |source| DownloadError::Forge { name: order.asset.name.clone(), source };
    let response = match order.forges.get(order.source, &part.url, range(&part)).await {
        Ok(response) => response,
        Err(ForgeError::Unreachable(why)) => return Ok((part, Ended::Broken(why))),
        Err(error) => return Err(failed(error)),
    };
    match judge(order, &part, &response)? {
        Judged::Next => pour(order, part, response, meter).await,
        Judged::First(origin) => {
            let folder = part.folder.clone();
            let mut part = part;
            let part = blocking(&folder, move || part.begin(origin).map(|()| part)).await?;
            pour(order, part, response, meter).await
        }
        Judged::Another(why) => Ok((anew(part).await?, Ended::Broken(why))),
        Judged::Later(why) => Ok((part, Ended::Broken(why))),
    }
}

/// Asks for the rest, when what is there can be told to be of the same file.
fn range(part: &Part) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(validator) = part.origin.validator().filter(|_| part.len() > 0)
        && let Ok(validator) = HeaderValue::from_str(validator)
        && let Ok(range) = HeaderValue::from_str(&format!("bytes={}-", part.len()))
    {
        headers.insert(RANGE, range);
        headers.insert(IF_RANGE, validator);
    }
    headers
}

fn judge(order: &Order<'_>, part: &Part, response: &Response) -> Result<Judged, DownloadError> {
    let status = response.status();
    let host = part.url.host_str().unwrap_or_default();
    match status {
        StatusCode::OK => first(order, part, response),
        StatusCode::PARTIAL_CONTENT => {
            let told = text(response.headers(), &CONTENT_RANGE);
            match told.as_deref().and_then(content_range) {
                Some(got) if part.len() > 0 && got.continues(part.len(), whole(order, part)) => Ok(Judged::Next),
                Some(_) | None => Ok(Judged::Another(format!("{host}: another part was sent than the one asked for"))),
            }
        }
        StatusCode::RANGE_NOT_SATISFIABLE => Ok(Judged::Another(format!("{host}: the file became shorter"))),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            Ok(Judged::Later(format!("{host}: not now (status {})", status.as_u16())))
        }
        status => {
            let source = denied(order.source, &part.url, status, order.forges.has_token(order.source));
            if status.is_server_error() {
                return Ok(Judged::Later(source.to_string()));
            }
            Err(DownloadError::Forge { name: order.asset.name.clone(), source })
        }
    }
}

fn first(order: &Order<'_>, part: &Part, response: &Response) -> Result<Judged, DownloadError> {
    let name = || order.asset.name.clone();
    let headers = response.headers();
    if let Some(encoding) = text(headers, &CONTENT_ENCODING).filter(|encoding| encoding != "identity") {
        return Err(DownloadError::Unwanted { name: name(), why: format!("it is served as {encoding}, not as it is") });
    }
    let announced = response.content_length();
    if let (Some(announced), Some(size)) = (announced, order.asset.size)
        && announced != size
    {
        part.discard();
        let why = format!("{announced} bytes are served, and the release says {size}");
        return Err(DownloadError::Differs { name: name(), why });
    }
    // Whose release server tells no size is asked only now.
    if let Some(bytes) = announced {
        let room = require_room(&part.folder, bytes);
        room.map_err(|full| DownloadError::Unwanted { name: name(), why: full.to_string() })?;
    }
    Ok(Judged::First(Origin {
        etag: text(headers, &ETAG),
        last_modified: text(headers, &LAST_MODIFIED),
        total: announced,
    }))
}

/// Streams the bytes of an answer to the disk. Memory holds a few chunks.
async fn pour(
    order: &Order<'_>,
    part: Part,
    mut response: Response,
    meter: &mut Meter<'_>,
) -> Result<(Part, Ended), DownloadError> {
    let total = whole(order, &part);
    let most = total.unwrap_or(LARGEST);
    let host = response.url().host_str().unwrap_or_default().to_owned();
    let (mut done, folder) = (part.len(), part.folder.clone());
    let (send, receive) = mpsc::channel(IN_BETWEEN);
    let writer = tokio::task::spawn_blocking(move || write_down(part, receive));
    let why = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if done + chunk.len() as u64 > most => break Err(()),
            Ok(Some(chunk)) => {
                done += chunk.len() as u64;
                // Closed when the disk refused: the writer says why.
                if send.send(chunk).await.is_err() {
                    break Ok(None);
                }
                meter.moved(Progress { done, total });
            }
            Ok(None) => break Ok(None),
            Err(error) => break Ok(Some(words::of_http(&error.without_url(), &host))),
        }
    };
    drop(send);
    let (part, written) = writer.await.map_err(|lost| disk(&folder)(std::io::Error::other(lost)))?;
    if let Err(error) = written {
        // A disk that it filled up is not left full.
        part.discard();
        return Err(error);
    }
    match why {
        Err(()) => {
            part.discard();
            let why = format!("more than {most} bytes are sent");
            Err(DownloadError::Differs { name: order.asset.name.clone(), why })
        }
        Ok(Some(why)) => Ok((part, Ended::Broken(why))),
        Ok(None) if total.is_some_and(|total| part.len() < total) => {
            Ok((part, Ended::Broken(format!("{host}: the connection was closed in the middle of the file"))))
        }
        Ok(None) => Ok((part, Ended::Whole)),
    }
}

fn write_down(mut part: Part, mut receive: mpsc::Receiver<Bytes>) -> (Part, Result<(), DownloadError>) {
    while let Some(chunk) = receive.blocking_recv() {
        if let Err(error) = part.write(&chunk) {
            return (part, Err(error));
        }
    }
    (part, Ok(()))
}

/// `bytes 5-9/10`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ContentRange {
    first: u64,
    last: u64,
    total: Option<u64>,
}

impl ContentRange {
    /// It is all that is missing of a file of which so many bytes are there.
    fn continues(self, have: u64, whole: Option<u64>) -> bool {
        let same = self.total.zip(whole).is_none_or(|(told, known)| told == known);
        let to_the_end = self.total.or(whole).is_none_or(|total| self.last.checked_add(1) == Some(total));
        self.first == have && self.first <= self.last && same && to_the_end
    }
}

fn content_range(text: &str) -> Option<ContentRange> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    Some(ContentRange { first: first.trim().parse().ok()?, last: last.trim().parse().ok()?, total })
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_rest_of_the_same_file_continues() {
        let continues = |text: &str, whole| content_range(text).is_some_and(|range| range.continues(5, whole));
        assert!(continues("bytes 5-9/10", Some(10)));
        assert!(continues("bytes 5-9/10", None));
        assert!(continues("bytes 5-9/*", Some(10)));
        for wrong in [
            "bytes 4-9/10",
            "bytes 6-9/10",
            "bytes 5-8/10",
            "bytes 5-10/11",
            "bytes 9-5/10",
            "bytes */10",
            "items 5-9/10",
            "",
            "bytes 5-9",
            "bytes 5-18446744073709551615/10",
            "bytes 5-99999999999999999999999/10",
        ] {
            assert!(!continues(wrong, Some(10)), "{wrong}");
        }
    }

    #[test]
    fn a_weak_entity_tag_does_not_show_that_a_file_is_the_same() {
        let mut origin = Origin { etag: Some("W/\"a\"".to_owned()), ..Origin::default() };
        assert_eq!(origin.validator(), None);
        origin.last_modified = Some("Fri, 15 Jan 2027 08:00:30 GMT".to_owned());
        assert_eq!(origin.validator(), origin.last_modified.as_deref());
        origin.etag = Some("\"a\"".to_owned());
        assert_eq!(origin.validator(), Some("\"a\""));
    }
}
