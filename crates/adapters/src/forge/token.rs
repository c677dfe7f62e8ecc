//! Tokens that forges know the owner by.
//! Refuses to: show one, in a debug output too; read one from a file that others can read.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Bytes of the longest token; those of GitHub have about 100.
const LONGEST: u64 = 4096;

/// A secret. Its only way out is the header of a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Why there is no token. No text holds any of it.
#[derive(Debug, Error)]
pub enum BadToken {
    /// The file cannot be read.
    #[error("the token file {path} cannot be read: {why}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// Not a plain file.
    #[error("the token file {path} is not a plain file", path = .path.display())]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// Anybody could have read it.
    #[error("the token file {path} can be read by others; run: chmod 600 {path}", path = .path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// No single word of printable characters.
    #[error("the token is no single word of letters, digits and signs; copy it again from the page that made it")]
    NoWord,
}

impl Token {
    /// Takes a token as it was configured; spaces around it are not part of it.
    ///
    /// # Errors
    /// [`BadToken::NoWord`].
    pub fn new(text: &str) -> Result<Self, BadToken> {
        let text = text.trim();
        let is_word = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_word { Ok(Self(text.to_owned())) } else { Err(BadToken::NoWord) }
    }

    /// Reads a token from a file of its owner's alone.
    ///
    /// # Errors
    /// [`BadToken`], with what to do about it.
    pub fn from_file(path: &Path) -> Result<Self, BadToken> {
        let unreadable = |error: std::io::Error| BadToken::Unreadable { path: path.to_owned(), why: error.to_string() };
        // A pipe would be waited for: looked at before it is opened, and again when it is open.
        let plain = |seen: &std::fs::Metadata| seen.is_file();
        if !plain(&std::fs::metadata(path).map_err(unreadable)?) {
            return Err(BadToken::NotAFile { path: path.to_owned() });
        }
        let file = File::open(path).map_err(unreadable)?;
        let seen = file.metadata().map_err(unreadable)?;
        if !plain(&seen) {
            return Err(BadToken::NotAFile { path: path.to_owned() });
        }
        if seen.mode() & 0o077 != 0 {
            return Err(BadToken::Open { path: path.to_owned() });
        }
        let mut text = Vec::new();
        file.take(LONGEST).read_to_end(&mut text).map_err(unreadable)?;
        Self::new(std::str::from_utf8(&text).map_err(|_| BadToken::NoWord)?)
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (dir, path)
    }

    #[test]
    fn a_file_of_the_owner_s_alone_is_read() {
        let (_dir, path) = file("  ghp_secret\n", 0o600);
        let token = Token::from_file(&path).unwrap();
        assert_eq!(token.reveal(), "ghp_secret");
        assert!(!format!("{token:?}").contains("secret"));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_remedy() {
        for mode in [0o640, 0o604, 0o660, 0o610] {
            let (_dir, path) = file("ghp_secret", mode);
            let refused = Token::from_file(&path).unwrap_err();
            let told = refused.to_string();
            assert!(told.ends_with(&format!("run: chmod 600 {}", path.display())), "{told}");
            assert!(!format!("{told}{refused:?}").contains("ghp"), "{told}");
        }
    }

    #[test]
    fn what_is_no_token_is_not_taken_and_not_shown() {
        for text in ["", " \n", "two words", "a\nsecond", "\u{e9}\u{e9}", "null\0"] {
            let (_dir, path) = file(text, 0o600);
            let refused = Token::from_file(&path).unwrap_err();
            assert!(matches!(refused, BadToken::NoWord), "{text:?}: {refused}");
        }
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Token::from_file(dir.path()), Err(BadToken::NotAFile { .. })));
        assert!(matches!(Token::from_file(&dir.path().join("x")), Err(BadToken::Unreadable { .. })));
    }
}
