//! One request: note it, find its fault, ask for the proper answer, and hand it out.

use std::io;
use std::sync::Arc;

use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue, RANGE};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};

use super::asked::Noted;
use super::fault::CHUNK;
use super::pour::{self, Reply};
use super::question::{Answer, Question};
use super::{Fault, Traffic, lock};
use crate::wire::Line;

/// What a captive portal says.
const PORTAL: &str = "<!DOCTYPE html><html><body>Welcome! Please accept the terms of this network.</body></html>";

/// Answers one request, properly or as its fault wants it. An error ends the connection.
pub(crate) async fn answer(
    request: Request<Incoming>,
    traffic: Arc<Traffic>,
    line: Line,
    proper: impl FnOnce(&Question) -> Answer,
) -> io::Result<Response<Reply>> {
    let (parts, _) = request.into_parts();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let fault = traffic.meet(&target);
    let noted = Arc::new(Noted::new(&parts, &target));
    lock(&traffic.asked).push(Arc::clone(&noted));
    let fault = match fault {
        Some(Fault::Reset) => {
            line.cut();
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Some(Fault::StallAfter(0)) => {
            traffic.released().await;
            None
        }
        fault => fault,
    };
    let answer = bent(of(&parts, fault.as_ref(), proper), fault.as_ref());
    noted.answered(answer.status, answer.asset.as_ref());
    let (tap, reply) = pour::body(line, noted);
    let response = headed(&answer, fault.as_ref(), reply);
    if parts.method != Method::HEAD && answer.status != 304 {
        tokio::spawn(async move { pour::pour(tap, answer.body, fault, &traffic).await });
    }
    Ok(response)
}

/// The proper answer, as far as the fault lets the question arrive properly.
fn of(parts: &Parts, fault: Option<&Fault>, proper: impl FnOnce(&Question) -> Answer) -> Answer {
    let mut question = Question::new(&parts.uri, parts.headers.clone());
    match fault {
        Some(Fault::Status(status, headers, body)) => {
            let mut answer = Answer::new(*status, body.clone());
            answer.headers.clone_from(headers);
            return answer;
        }
        Some(Fault::NotJson) => return Answer::new(200, PORTAL).with("Content-Type", "text/html"),
        Some(Fault::ChangedEtag) => question.other_etags = true,
        Some(Fault::IgnoreRange) => {
            question.headers.remove(RANGE);
        }
        Some(Fault::WrongRange) if question.headers.contains_key(RANGE) => {
            question.headers.insert(RANGE, HeaderValue::from_static("bytes=0-"));
        }
        _ => {}
    }
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return Answer::message(405, "Method Not Allowed").with("Allow", "GET, HEAD");
    }
    proper(&question)
}

/// The answer with a wrong body where the fault wants it.
fn bent(mut answer: Answer, fault: Option<&Fault>) -> Answer {
    match fault {
        Some(Fault::WrongBytes) => {
            let mut wrong = answer.body.to_vec();
            wrong.iter_mut().step_by(CHUNK).for_each(|byte| *byte = !*byte);
            answer.body = Bytes::from(wrong);
        }
        Some(Fault::Truncated(length)) => {
            answer.body.truncate(usize::try_from(*length).unwrap_or(usize::MAX));
        }
        _ => {}
    }
    answer
}

/// The response with its first lines.
fn headed(answer: &Answer, fault: Option<&Fault>, reply: Reply) -> Response<Reply> {
    let mut response = Response::new(reply);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &answer.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header has a proper name");
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header's value is made of visible characters");
        response.headers_mut().append(name, value);
    }
    let told = !matches!(fault, Some(Fault::NoLength | Fault::Endless)) && answer.status != 304;
    if told && answer.header("content-length").is_none() {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(answer.body.len()));
    }
    response
}
