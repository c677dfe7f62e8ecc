//! Errors as the transports say them: one HTTP status each, and from it the code of JSON-RPC (CONTRACT §1.2, §1.7).
//! Refuses to: know how an answer is framed. There is no traceback (CONTRACT §8 row 10).

use refit_engine::handle::RequestError;
use refit_model::refusal::RefusalKind;
use thiserror::Error;

use crate::arguments::ArgumentError;

/// Why a request has no result.
#[derive(Debug, Clone, Error)]
pub enum Fault {
    /// The arguments are no good.
    #[error(transparent)]
    Argument(#[from] ArgumentError),
    /// The engine refused, or the work failed.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// No or a wrong credential.
    #[error("Unauthorized")]
    Unauthorized,
    /// `server.connection.identify` with a wrong key.
    #[error("Invalid API Key")]
    InvalidApiKey,
    /// `server.connection.identify` with a key although keys are switched off.
    #[error("API Key authentication is disabled")]
    ApiKeyDisabled,
    /// `server.connection.identify` with a token: nobody can log in here, so every token is somebody else's.
    #[error("Failed to decode JWT: this server issues no tokens")]
    ForeignToken,
    /// `server.connection.identify` for the second time.
    #[error("Connection already identified: {0}")]
    AlreadyIdentified(String),
    /// `server.connection.identify` with a type outside the closed set.
    #[error("Invalid Client Type: {0}")]
    InvalidClientType(String),
    /// Two agents of one name.
    #[error("Agent '{0}' already registered and connected'")]
    AgentTaken(String),
    /// A one-shot token is bound to an address, and this caller has none. The other server's text is empty.
    #[error("")]
    NoAddress,
    /// No printer has been seen yet, so its methods do not exist.
    #[error("Method not found")]
    NoPrinter,
    /// The printer was seen and is gone.
    #[error("Klippy Host not connected")]
    PrinterGone,
    /// A page of another origin asks with nothing but its user's address (see `origin`).
    #[error("Cross origin request not allowed: add the page's origin to cors_domains, or send an API key")]
    CrossOrigin,
    /// A connection has too many requests waiting.
    #[error("Too many requests of this connection are waiting, ask again when some are answered")]
    TooManyWaiting,
    /// The answers of one batch grow without bound.
    #[error("The answers of this batch are too large, ask for the rest in another one")]
    BatchTooLarge,
    /// The new API key could not be written.
    #[error("The API key could not be kept in {0}")]
    KeyNotKept(String),
}

impl Fault {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Argument(ArgumentError::QueryEncoding) => 500,
            Self::Argument(
                ArgumentError::Missing(_)
                | ArgumentError::NotBoolean { .. }
                | ArgumentError::NotCount { .. }
                | ArgumentError::NotAChoice { .. }
                | ArgumentError::BodyNotAnObject(_)
                | ArgumentError::BodyNotAForm
                | ArgumentError::BodyNotMultipart
                | ArgumentError::BodyType,
            ) => 400,
            Self::Request(RequestError::Refused(refusal)) => match refusal.kind() {
                RefusalKind::Busy => 503,
                RefusalKind::BadRequest => 400,
                RefusalKind::NotFound => 404,
                RefusalKind::Failed => 500,
            },
            Self::Request(RequestError::Failed { command_failed: true, .. } | RequestError::Journal(_)) => 500,
            Self::Request(RequestError::Failed { command_failed: false, .. }) => 400,
            Self::Unauthorized | Self::InvalidApiKey | Self::ApiKeyDisabled | Self::ForeignToken => 401,
            Self::AlreadyIdentified(_) | Self::InvalidClientType(_) | Self::AgentTaken(_) => 400,
            Self::NoAddress | Self::KeyNotKept(_) => 500,
            Self::NoPrinter => 404,
            Self::PrinterGone | Self::TooManyWaiting => 503,
            Self::CrossOrigin => 403,
            Self::BatchTooLarge => 413,
        }
    }

    /// The code of a JSON-RPC error: 404 and 401 have their own, all else is the HTTP status.
    #[must_use]
    pub fn code(&self) -> i64 {
        match self.status() {
            404 => -32601,
            401 => -32602,
            status => i64::from(status),
        }
    }

    /// The reason phrase, and the `message` of the body that goes with it.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            // Said without a reason of their own, so the status's phrase shows.
            Self::Argument(ArgumentError::QueryEncoding) | Self::NoAddress => "Internal Server Error".to_owned(),
            Self::NoPrinter => "Not Found".to_owned(),
            Self::Unauthorized | Self::InvalidApiKey | Self::ApiKeyDisabled | Self::ForeignToken => {
                "Unauthorized".to_owned()
            }
            Self::Argument(_)
            | Self::Request(_)
            | Self::AlreadyIdentified(_)
            | Self::InvalidClientType(_)
            | Self::AgentTaken(_)
            | Self::PrinterGone
            | Self::CrossOrigin
            | Self::TooManyWaiting
            | Self::BatchTooLarge
            | Self::KeyNotKept(_) => fit_for_status_line(&self.to_string()),
        }
    }
}

/// A reason phrase cannot hold everything: with `<`, a control character or a character above U+00FF it is `Unknown`,
/// in the status line and in the body (CONTRACT §1.2).
#[must_use]
pub fn fit_for_status_line(text: &str) -> String {
    let fits = |c: char| matches!(c, '\t' | ' '..='~' | '\u{80}'..='\u{ff}') && c != '<';
    if !text.is_empty() && text.chars().all(fits) { text.to_owned() } else { "Unknown".to_owned() }
}

#[cfg(test)]
mod tests {
    use refit_model::refusal::Refusal;

    use super::*;

    #[test]
    fn statuses_and_codes_are_the_documented_ones() {
        let refused = |refusal| Fault::from(RequestError::Refused(refusal));
        for (fault, status, code) in [
            (refused(Refusal::UpdateWhilePrinting), 503, 503),
            (refused(Refusal::RecoverWhilePrinting), 400, 400),
            (refused(Refusal::NotAvailable("zz".to_owned())), 404, -32601),
            (refused(Refusal::NotRegistered("zz".to_owned())), 400, 400),
            (Fault::Unauthorized, 401, -32602),
            (Fault::Argument(ArgumentError::Missing("name")), 400, 400),
            (Fault::NoAddress, 500, 500),
        ] {
            assert_eq!((fault.status(), fault.code()), (status, code), "{fault}");
        }
    }

    #[test]
    fn a_status_line_takes_what_it_can_hold() {
        for fine in ["Updater  not available", "a\tb", "é", "a\u{80}b", "a>b", "a&\"'b"] {
            assert_eq!(fit_for_status_line(fine), fine);
        }
        for unfit in ["", "<b>", "a\nb", "€", "😀", "a\u{7f}b", "a\u{1}b"] {
            assert_eq!(fit_for_status_line(unfit), "Unknown", "{unfit:?}");
        }
    }
}
