//! What can be wrong with a server, as data.

/// What git wants with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// `GET …/info/refs`: the capabilities, and with protocol 0 and 1 the refs.
    Discovery,
    /// `POST …/git-upload-pack` with protocol 2's `ls-refs`.
    LsRefs,
    /// `POST …/git-upload-pack` for objects.
    Fetch,
    /// Anything else, such as a plain GET of the repository's URL.
    Other,
}

/// What a server does instead of answering properly. Byte counts are of the answer's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers with this HTTP status and no body.
    Refuse(u16),
    /// Resets the connection (RST) after so many bytes; with 0 before the answer's first line.
    Reset {
        /// Bytes that still arrive.
        after: usize,
    },
    /// Falls silent after so many bytes until [`release`](super::Control::release); with 0 before the answer's first line.
    Stall {
        /// Bytes that still arrive.
        after: usize,
    },
    /// Answers properly, and slowly.
    SlowDrip {
        /// How slowly.
        bytes_per_second: usize,
    },
    /// Answers with status 200 and something untrue.
    Lie(Lie),
    /// Asks for this user and password.
    RequireBasicAuth {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// Moved permanently: answers 301 to this repository URL, with the rest of the path kept.
    Redirect(String),
}

/// Ways to lie with a straight face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Bytes that mean nothing.
    Garbage,
    /// The true answer with a first packet length that is no number.
    BadPktLines,
    /// The true answer, but every ref points to an object that does not exist.
    UnknownSha,
    /// The first half of the true answer, properly ended.
    TruncatedPack,
    /// Well-formed packets that never end: refs, or the progress of a pack that never comes.
    Endless,
}
