//! One question to one package index: the page of a project, if it changed.
//! Refuses to: follow a redirect to where the index itself could not have been asked, or with the login to another host;
//! wait for an answer that does not end.

use std::time::Duration;

use refit_model::python::choose::IndexFile;
use refit_model::python::name::ProjectName;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
};
use reqwest::{Client, Response, StatusCode, Url};
use thiserror::Error;
use tokio::time::timeout;

use super::page::{self, PageError};
use super::pip_conf::Index;
use crate::forge::limit;
use crate::git::remote::words;

/// Redirects of one question.
const HOPS: usize = 5;
/// Bytes of the longest page; those of projects with thousands of files have a few million.
const LONGEST_PAGE: usize = 32 * 1024 * 1024;
/// A question and its answer end within so many times the patience for one byte.
const WHOLE_ANSWER: u32 = 4;

/// JSON rather than HTML, which every index has.
const FORMS: &str =
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01";
const JSON: &str = "application/vnd.pypi.simple.v1+json";

/// What an index said.
#[derive(Debug)]
pub(super) enum Said {
    /// The same as last time.
    Same,
    /// It knows no such project.
    Unknown,
    /// Its files of the project.
    Files {
        /// In its order.
        files: Vec<IndexFile>,
        /// Sent again next time, see [`Question::known`]; empty when the index gives nothing of the kind.
        validator: String,
    },
}

/// Why an index said nothing. The texts are for people, and hold no login.
#[derive(Debug, Error)]
pub(super) enum IndexError {
    /// The network, the host or its certificate; in words.
    #[error("{0}")]
    Unreachable(String),
    /// A status that says no, a redirect or an address that is not followed; in words.
    #[error("{0}")]
    Refused(String),
    /// The index asks for a pause.
    #[error("{host}: the package index asks for a pause: too many requests")]
    Limited {
        /// Its host.
        host: String,
        /// Seconds since 1970 before which it is not to be asked.
        until: i64,
    },
    /// An answer that is none.
    #[error("{host}: the answer of the package index is not understood: {why}")]
    NotUnderstood {
        /// Its host.
        host: String,
        /// What is wrong.
        why: PageError,
    },
}

/// The question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) client: &'a Client,
    pub(super) patience: Duration,
    pub(super) index: &'a Index,
    pub(super) project: &'a ProjectName,
    /// The validator of the answer that is known: an entity tag, or a date.
    pub(super) known: Option<&'a str>,
    /// Seconds since 1970.
    pub(super) now: i64,
}

impl Question<'_> {
    /// Asks.
    ///
    /// # Errors
    /// [`IndexError`].
    pub(super) async fn ask(&self) -> Result<Said, IndexError> {
        let page = self.index.page(self.project);
        let whole = timeout(self.patience.saturating_mul(WHOLE_ANSWER), self.asked(&page)).await;
        whole.unwrap_or_else(|_| Err(IndexError::Unreachable(format!("{}: the answer took too long", host(&page)))))
    }

    async fn asked(&self, page: &Url) -> Result<Said, IndexError> {
        if !self.index.may_be_asked() {
            let host = host(page);
            return Err(IndexError::Refused(format!(
                "{host}: is not asked, because its address is not encrypted (https); pip passes over it too, unless \
                 {host} is among its trusted hosts"
            )));
        }
        let (response, at) = self.get(page).await?;
        match response.status() {
            StatusCode::OK => self.read(response, &at).await,
            StatusCode::NOT_MODIFIED if self.known.is_some() => Ok(Said::Same),
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Said::Unknown),
            status => Err(self.denied(status, response.headers(), &at)),
        }
    }

    async fn get(&self, page: &Url) -> Result<(Response, Url), IndexError> {
        let mut at = page.clone();
        for _ in 0..=HOPS {
            let name = host(&at);
            let mut request = self.client.get(at.clone()).headers(self.headers());
            if let Some(login) = self.index.login.as_ref().filter(|_| at.origin() == page.origin()) {
                request = request.header(AUTHORIZATION, basic(&login.user, login.password.reveal()));
            }
            let response = request.send().await;
            let response =
                response.map_err(|error| IndexError::Unreachable(words::of_http(&error.without_url(), &name)))?;
            let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
            let Some(location) = response.headers().get(LOCATION).filter(|_| is_redirect) else {
                return Ok((response, at));
            };
            let next = location.to_str().ok().and_then(|text| at.join(text).ok());
            at = next.ok_or_else(|| IndexError::Refused(format!("{name}: redirects to an address that is none")))?;
            let is_fine = at.scheme() == "https" || (at.scheme() == "http" && page.scheme() == "http");
            if !is_fine {
                let to = host(&at);
                let what = format!("{name}: a redirect to {to} is not followed, because it is not encrypted (https)");
                return Err(IndexError::Refused(what));
            }
        }
        let name = host(page);
        Err(IndexError::Refused(format!("{name}: more than {HOPS} redirects in a row; the server is set up wrong")))
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(FORMS));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let known = self.known.and_then(|known| Some((known, HeaderValue::from_str(known).ok()?)));
        if let Some((text, value)) = known {
            let is_tag = text.starts_with('"') || text.starts_with("W/");
            headers.insert(if is_tag { IF_NONE_MATCH } else { IF_MODIFIED_SINCE }, value);
        }
        headers
    }

    async fn read(&self, mut response: Response, at: &Url) -> Result<Said, IndexError> {
        let host = host(at);
        let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let kind = header(CONTENT_TYPE).unwrap_or_default();
        let is_json = kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(JSON));
        let validator = header(ETAG).or(header(LAST_MODIFIED)).unwrap_or_default().to_owned();
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= LONGEST_PAGE => body.extend_from_slice(&chunk),
                Ok(Some(_)) => {
                    let what = format!("{host}: the answer of the package index is longer than {LONGEST_PAGE} bytes");
                    return Err(IndexError::Refused(what));
                }
                Ok(None) => break,
                Err(error) => return Err(IndexError::Unreachable(words::of_http(&error.without_url(), &host))),
            }
        }
        let files = if is_json { page::json(&body, at) } else { page::html(&body, at) };
        let files = files.map_err(|why| IndexError::NotUnderstood { host, why })?;
        Ok(Said::Files { files, validator })
    }

    fn denied(&self, status: StatusCode, headers: &HeaderMap, at: &Url) -> IndexError {
        let host = host(at);
        if let Some(until) = limit::until(status, headers, self.now) {
            return IndexError::Limited { host, until };
        }
        let what = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if self.index.login.is_some() => {
                "the user or the password was not accepted; correct it in pip's configuration or in ~/.netrc".to_owned()
            }
            StatusCode::UNAUTHORIZED => {
                "the package index asks for a user and a password; write them into ~/.netrc".to_owned()
            }
            StatusCode::FORBIDDEN => "the package index forbids it".to_owned(),
            status if status.is_server_error() => {
                let code = status.as_u16();
                format!("the package index has a fault of its own (status {code}); try again in a while")
            }
            status => format!("an answer of the package index that is not understood (status {})", status.as_u16()),
        };
        IndexError::Refused(format!("{host}: {what}"))
    }
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

fn basic(user: &str, password: &str) -> HeaderValue {
    let text = format!("Basic {}", data_encoding::BASE64.encode(format!("{user}:{password}").as_bytes()));
    let mut value = HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}
