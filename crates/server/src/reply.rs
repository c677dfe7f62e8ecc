//! An HTTP answer: status line, headers and body as clients know them (CONTRACT §1.2, §1.3).
//! Refuses to: know what it answers.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::ext::ReasonPhrase;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, CONNECTION, CONTENT_TYPE,
    ETAG, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_VERSION, SERVER, UPGRADE,
};
use hyper::{Response, StatusCode};
use serde::Serialize;

use crate::fault::Fault;
use crate::{json, wire, ws};

const JSON: &str = "application/json; charset=UTF-8";
const HTML: &str = "text/html; charset=UTF-8";

/// What a page's browser is told.
#[derive(Debug, Default)]
pub(crate) struct Cors {
    /// The page's origin, when it is allowed.
    pub(crate) origin: Option<String>,
    /// The request is an OPTIONS.
    pub(crate) preflight: bool,
    /// It asks whether a public page may reach a private network.
    pub(crate) private_network: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Reply {
    status: u16,
    reason: Option<String>,
    content_type: Option<&'static str>,
    pub(crate) body: Bytes,
    pub(crate) etag: Option<String>,
    extra: Vec<(HeaderName, String)>,
}

impl Reply {
    fn new(status: u16, content_type: Option<&'static str>, body: Bytes) -> Self {
        Self { status, reason: None, content_type, body, etag: None, extra: Vec::new() }
    }

    pub(crate) fn json(status: u16, body: Bytes) -> Self {
        Self::new(status, Some(JSON), body)
    }

    pub(crate) fn html(status: u16, body: &'static str) -> Self {
        Self::new(status, Some(HTML), Bytes::from_static(body.as_bytes()))
    }

    /// Neither type nor body.
    pub(crate) fn empty(status: u16) -> Self {
        Self::new(status, None, Bytes::new())
    }

    /// The end of a connection that cannot be understood.
    pub(crate) fn bare(status: u16) -> Self {
        Self { extra: vec![(CONNECTION, "close".to_owned())], ..Self::empty(status) }
    }

    pub(crate) fn html_error(status: u16, phrase: &str) -> Self {
        let page = format!("<html><title>{status}: {phrase}</title><body>{status}: {phrase}</body></html>");
        Self::new(status, Some(HTML), page.into())
    }

    /// The error envelope; the reason stands in the status line too.
    pub(crate) fn error(status: u16, reason: &str) -> Self {
        #[derive(Serialize)]
        struct Envelope<'a> {
            error: Inner<'a>,
        }
        #[derive(Serialize)]
        struct Inner<'a> {
            code: u16,
            message: &'a str,
        }
        let body = json::serialize(&Envelope { error: Inner { code: status, message: reason } });
        Self { reason: Some(reason.to_owned()), ..Self::json(status, body.into()) }
    }

    pub(crate) fn fault(fault: &Fault) -> Self {
        Self::error(fault.status(), &fault.reason())
    }

    pub(crate) fn handshake_refused(refused: ws::Refused) -> Self {
        let (status, body) = refused.answer();
        let mut reply = Self::html(status, body);
        match refused {
            ws::Refused::Version => reply.extra.push((SEC_WEBSOCKET_VERSION, "7, 8, 13".to_owned())),
            ws::Refused::NoUpgrade
            | ws::Refused::NoConnection
            | ws::Refused::ForeignOrigin
            | ws::Refused::NoKey
            | ws::Refused::Full => {}
        }
        reply
    }

    pub(crate) fn switching(accept: String) -> Self {
        let extra =
            vec![(UPGRADE, "websocket".to_owned()), (CONNECTION, "Upgrade".to_owned()), (SEC_WEBSOCKET_ACCEPT, accept)];
        Self { extra, ..Self::empty(101) }
    }

    /// What a browser shows at `/`.
    pub(crate) fn welcome() -> Self {
        let page = format!(
            "<html>\n<head><title>Refit {0}</title></head>\n<body>\n<h1>Refit {0}</h1>\n<p>This is the update manager of \
             a printer host. Open Mainsail, Fluidd or KlipperScreen, or run <code>refit status</code>.</p>\n\
             </body>\n</html>\n",
            wire::VERSION
        );
        Self::new(200, Some(HTML), page.into())
    }

    pub(crate) fn into_response(self, cors: &Cors) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // A phrase that does not fit was replaced before; without one the status's own is sent.
        if let Some(Ok(reason)) = self.reason.map(|reason| ReasonPhrase::try_from(reason.into_bytes())) {
            response.extensions_mut().insert(reason);
        }
        let headers = response.headers_mut();
        headers.insert(SERVER, HeaderValue::from_static(concat!("Refit/", env!("CARGO_PKG_VERSION"))));
        if let Some(content_type) = self.content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        let mut add = |name: HeaderName, value: &str| {
            // Every value is ASCII of ours, or came in as a header.
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        if let Some(origin) = &cors.origin {
            add(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            if cors.preflight {
                add(ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, DELETE, OPTIONS");
                add(
                    ACCESS_CONTROL_ALLOW_HEADERS,
                    "Origin, Accept, Content-Type, X-Requested-With, X-CRSF-Token, Authorization, X-Access-Token, \
                     X-Api-Key",
                );
                if cors.private_network {
                    add(HeaderName::from_static("access-control-allow-private-network"), "true");
                }
            }
        }
        for (name, value) in self.extra {
            add(name, &value);
        }
        if let Some(etag) = self.etag {
            add(ETAG, &etag);
        }
        response
    }
}
