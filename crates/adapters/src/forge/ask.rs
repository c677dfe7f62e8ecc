//! One request: its headers, its redirects one by one, its answer with a bound.
//! Refuses to: follow a redirect to where the first request would not have been allowed, or with the token to another host;
//! wait for an answer that does not end.

use std::ops::Range;

use refit_model::updater::release::{ForgeKind, Source};
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION, RANGE,
};
use reqwest::{Certificate, Client, NoProxy, Proxy, Response, StatusCode, Url};
use thiserror::Error;
use tokio::time::timeout;

use super::{ForgeError, ForgeOptions, Forges, WHOLE_ANSWER};
use crate::git::remote::words;

/// Redirects of one request.
const HOPS: usize = 5;
/// Bytes of the longest answer of an API.
const LONGEST_ANSWER: usize = 8 * 1024 * 1024;

/// Why an address is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Refused {
    #[error("its address is not encrypted (https)")]
    Insecure,
    #[error("its address holds a user or a password")]
    Credentials,
    #[error("its address names no host")]
    NoHost,
}

/// An answer of an API.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Only read where the status says that it is what was asked for.
    pub(super) body: Vec<u8>,
}

/// HTTPS, or plain HTTP where the owner configured the API itself so.
///
/// # Errors
/// [`Refused`].
pub(crate) fn may_be_asked(source: &Source, url: &Url) -> Result<(), Refused> {
    let plain = Url::parse(&source.api).is_ok_and(|api| api.scheme() == "http");
    match url.scheme() {
        "https" => {}
        "http" if plain => {}
        _ => return Err(Refused::Insecure),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refused::Credentials);
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(Refused::NoHost);
    }
    Ok(())
}

/// Reads an answer to its end.
///
/// # Errors
/// In words, with the host.
async fn read(mut response: Response, longest: usize, host: &str) -> Result<Vec<u8>, ForgeError> {
    let mut answer = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if answer.len() + chunk.len() <= longest => answer.extend_from_slice(&chunk),
            Ok(Some(_)) => {
                let why = format!("it is longer than {longest} bytes");
                return Err(ForgeError::NotUnderstood { host: host.to_owned(), why });
            }
            Ok(None) => return Ok(answer),
            Err(error) => return Err(ForgeError::Unreachable(words::of_http(&error.without_url(), host))),
        }
    }
}

impl Forges {
    /// Asks an API. The rest of an answer that is no success is left unread.
    pub(super) async fn ask(&self, source: &Source, url: &Url, etag: Option<&str>) -> Result<Answer, ForgeError> {
        let mut headers = HeaderMap::new();
        match source.forge {
            ForgeKind::Github => {
                headers.insert(ACCEPT, HeaderValue::from_static("application/vnd.github+json"));
                let version = HeaderName::from_static("x-github-api-version");
                headers.insert(version, HeaderValue::from_static("2022-11-28"));
            }
            ForgeKind::Forgejo | ForgeKind::Gitlab => {
                headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
            }
        }
        if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            headers.insert(IF_NONE_MATCH, etag);
        }
        self.whole(source, url, headers, LONGEST_ANSWER).await
    }

    /// A short file, whole.
    ///
    /// # Errors
    /// [`ForgeError`], also for a status that says no.
    pub(crate) async fn small(&self, source: &Source, url: &Url, longest: usize) -> Result<Vec<u8>, ForgeError> {
        let answer = self.whole(source, url, HeaderMap::new(), longest).await?;
        match answer.status {
            StatusCode::OK => Ok(answer.body),
            status => Err(denied(source, url, status, self.token(source).is_some())),
        }
    }

    /// The last bytes of a file.
    ///
    /// # Errors
    /// [`ForgeError`], also where the server gives no part of a file.
    pub(crate) async fn tail(&self, source: &Source, url: &Url, bytes: usize) -> Result<Vec<u8>, ForgeError> {
        self.ranged(source, url, &format!("bytes=-{bytes}"), bytes).await
    }

    /// Bytes from the middle of a file.
    ///
    /// # Errors
    /// As [`Self::tail`].
    pub(crate) async fn part(&self, source: &Source, url: &Url, part: Range<u64>) -> Result<Vec<u8>, ForgeError> {
        let bytes = usize::try_from(part.end.saturating_sub(part.start)).unwrap_or(usize::MAX);
        self.ranged(source, url, &format!("bytes={}-{}", part.start, part.end.saturating_sub(1)), bytes).await
    }

    async fn ranged(&self, source: &Source, url: &Url, range: &str, bytes: usize) -> Result<Vec<u8>, ForgeError> {
        let host = url.host_str().unwrap_or_default();
        let headers = HeaderValue::from_str(range).into_iter().map(|range| (RANGE, range)).collect();
        let asked = async {
            let response = self.get(source, url, headers).await?;
            match response.status() {
                StatusCode::PARTIAL_CONTENT => read(response, bytes, host).await,
                StatusCode::OK => Err(ForgeError::Refused(format!("{host}: gives no parts of files"))),
                status => Err(denied(source, url, status, self.has_token(source))),
            }
        };
        let in_time = timeout(self.patience(), asked).await;
        in_time.unwrap_or_else(|_| Err(ForgeError::Unreachable(format!("{host}: the answer took too long"))))
    }

    async fn whole(
        &self,
        source: &Source,
        url: &Url,
        headers: HeaderMap,
        longest: usize,
    ) -> Result<Answer, ForgeError> {
        let host = url.host_str().unwrap_or_default();
        let asked = async {
            let response = self.get(source, url, headers).await?;
            let (status, headers) = (response.status(), response.headers().clone());
            let body = if status == StatusCode::OK { read(response, longest, host).await? } else { Vec::new() };
            Ok(Answer { status, headers, body })
        };
        let in_time = timeout(self.patience().saturating_mul(WHOLE_ANSWER), asked).await;
        in_time.unwrap_or_else(|_| Err(ForgeError::Unreachable(format!("{host}: the answer took too long"))))
    }

    /// One GET and its redirects: the answer that is none, with its body still to be read.
    ///
    /// # Errors
    /// [`ForgeError::Unreachable`] and [`ForgeError::Refused`] only; every status but a redirect is an answer.
    pub(crate) async fn get(&self, source: &Source, url: &Url, headers: HeaderMap) -> Result<Response, ForgeError> {
        let client = self.client()?;
        let mut at = url.clone();
        for _ in 0..=HOPS {
            let host = at.host_str().unwrap_or_default().to_owned();
            may_be_asked(source, &at).map_err(|why| refused(&host, url, &at, why))?;
            let mut request = client.get(at.clone()).header(ACCEPT_ENCODING, "identity").headers(headers.clone());
            if let Some((name, secret)) = self.credentials(source, &at) {
                request = request.header(name, secret);
            }
            let response = request.send().await.map_err(|error| self.unreachable(error, &host))?;
            let location = response.headers().get(LOCATION).filter(|_| is_redirect(response.status()));
            let Some(location) = location else { return Ok(response) };
            let next = location.to_str().ok().and_then(|text| at.join(text).ok());
            at = next.ok_or_else(|| ForgeError::Refused(format!("{host}: redirects to an address that is none")))?;
        }
        let host = url.host_str().unwrap_or_default();
        Err(ForgeError::Refused(format!("{host}: more than {HOPS} redirects in a row; the server is set up wrong")))
    }

    pub(crate) fn has_token(&self, source: &Source) -> bool {
        self.token(source).is_some()
    }

    /// What shows who asks; only for the API's own host, at its own port and in its own scheme.
    fn credentials(&self, source: &Source, at: &Url) -> Option<(HeaderName, HeaderValue)> {
        let own = Url::parse(&source.api).is_ok_and(|api| api.origin() == at.origin());
        let token = self.token(source).filter(|_| own)?.reveal();
        let (name, value) = match source.forge {
            ForgeKind::Github => (AUTHORIZATION, format!("Bearer {token}")),
            ForgeKind::Forgejo => (AUTHORIZATION, format!("token {token}")),
            ForgeKind::Gitlab => (HeaderName::from_static("private-token"), token.to_owned()),
        };
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    }

    /// The client of all forges, which whoever else asks the web may use as well.
    pub(crate) fn client(&self) -> Result<&Client, ForgeError> {
        let made = self.client.get_or_init(|| client(&self.options, None));
        made.as_ref().map_err(|words| ForgeError::Refused(words.clone()))
    }

    /// A client of its own for whom another proxy is configured, or other certificates (PEM) than the system's.
    pub(crate) fn other_client(
        &self,
        proxy: Option<String>,
        certificates: Option<&[u8]>,
    ) -> Result<Client, ForgeError> {
        let proxy = proxy.or_else(|| self.options.proxy.clone());
        let options = ForgeOptions { proxy, ..self.options.clone() };
        client(&options, certificates).map_err(ForgeError::Refused)
    }

    fn unreachable(&self, error: reqwest::Error, host: &str) -> ForgeError {
        // The address may hold a signature that is as good as a token for a while.
        let mut told = words::of_http(&error.without_url(), host);
        let proxied = |(name, value): &(String, String)| !name.eq_ignore_ascii_case("no_proxy") && !value.is_empty();
        if self.options.proxy.is_some() || self.options.environment_proxies.iter().any(proxied) {
            told.push_str("; a proxy is configured: is it right?");
        }
        ForgeError::Unreachable(told)
    }
}

/// The entity tag of an answer; empty where it has none.
pub(super) fn etag(headers: &HeaderMap) -> String {
    headers.get(ETAG).and_then(|etag| etag.to_str().ok()).unwrap_or_default().to_owned()
}

/// A status that says no, in words.
pub(crate) fn denied(source: &Source, url: &Url, status: StatusCode, token: bool) -> ForgeError {
    let host = url.host_str().unwrap_or(&source.host);
    let what = match status {
        StatusCode::UNAUTHORIZED if token => {
            format!("the token for {} was not accepted; renew it or take it out of [refit]", source.host)
        }
        StatusCode::UNAUTHORIZED => format!("a token is asked for; give one for {} in [refit]", source.host),
        StatusCode::FORBIDDEN if token => "this is forbidden; may the token read this project?".to_owned(),
        StatusCode::FORBIDDEN => "this is forbidden; a private project needs a token in [refit]".to_owned(),
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            let project = format!("{}/{}", source.owner, source.repo);
            return ForgeError::Missing(format!("{host}: there is no such file of {project} (any more)"));
        }
        StatusCode::TOO_MANY_REQUESTS => "too many requests; try again in a while".to_owned(),
        status if status.is_server_error() => {
            format!("the release server has a fault of its own (status {}); try again in a while", status.as_u16())
        }
        status => format!("an answer that is not understood (status {})", status.as_u16()),
    };
    ForgeError::Denied(format!("{host}: {what}"))
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn refused(host: &str, first: &Url, at: &Url, why: Refused) -> ForgeError {
    let from = first.host_str().unwrap_or_default();
    let what = match host {
        _ if first == at => format!("{from}: is not asked"),
        "" => format!("{from}: a redirect is not followed"),
        host => format!("{from}: a redirect to {host} is not followed"),
    };
    ForgeError::Refused(format!("{what}, because {why}"))
}

fn client(options: &ForgeOptions, certificates: Option<&[u8]>) -> Result<Client, String> {
    // Another part of the process may have chosen the same already.
    let _chosen = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(&options.agent)
        .redirect(reqwest::redirect::Policy::none())
        // The environment was read by main; reqwest is not to read it again.
        .no_proxy()
        .connect_timeout(std::time::Duration::from_secs(10).min(options.patience))
        .read_timeout(options.patience)
        .pool_idle_timeout(std::time::Duration::from_secs(90));
    for proxy in proxies(options)? {
        builder = builder.proxy(proxy);
    }
    if let Some(pem) = certificates {
        let certificates = Certificate::from_pem_bundle(pem);
        builder = builder.tls_certs_only(certificates.map_err(|_| "the configured certificates are none".to_owned())?);
    }
    builder.build().map_err(|error| format!("no HTTP client can be made: {}", error.without_url()))
}

type MakeProxy = fn(Url) -> reqwest::Result<Proxy>;

/// The configured one for everything, else those of the environment; the first that fits a request counts.
fn proxies(options: &ForgeOptions) -> Result<Vec<Proxy>, String> {
    let named = |name: &str| {
        let mut pairs = options.environment_proxies.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        pairs.next().map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    };
    let without = named("no_proxy").and_then(NoProxy::from_string);
    let made = |name: &str, value: &str, make: MakeProxy| {
        let made = proxy_address(value).and_then(|url| make(url).ok());
        // Its address may hold a password, and is not shown.
        let made = made.ok_or_else(|| format!("the address in {name} is none of a proxy; write http://HOST:PORT"));
        made.map(|proxy| proxy.no_proxy(without.clone()))
    };
    if let Some(value) = options.proxy.as_deref().map(str::trim).filter(|value| !value.is_empty()) {
        return Ok(vec![made("the option proxy", value, Proxy::all)?]);
    }
    let kinds: [(&str, MakeProxy); 3] =
        [("http_proxy", Proxy::http), ("https_proxy", Proxy::https), ("all_proxy", Proxy::all)];
    kinds.into_iter().filter_map(|(name, make)| Some(made(name, named(name)?, make))).collect()
}

/// As curl reads it: plain HTTP where no scheme is written.
fn proxy_address(text: &str) -> Option<Url> {
    let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("http://{text}")) }.ok()?;
    let usable = matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty());
    usable.then_some(url)
}

#[cfg(test)]
#[path = "ask_tests.rs"]
mod tests;
