//! What the settings need to know of the file system, as a port: the model itself does no IO.
//!
//! Refuses to interpret anything: a source hands out text and answers questions about paths.

use std::path::{Path, PathBuf};

/// The file system as the configuration sees it. Real in `refit-adapters`, a map in tests.
pub trait ConfigSource {
    /// The text of a file. The error says why in a person's words, without the path.
    ///
    /// # Errors
    /// When the file cannot be opened, is not UTF-8, or is larger than the source is willing to read.
    fn read(&self, path: &Path) -> Result<String, String>;

    /// The existing files that match a pattern of `*`, `?`, `[…]` and `**`, in any order. An absolute pattern only.
    ///
    /// # Errors
    /// When the pattern is malformed.
    fn glob(&self, pattern: &str) -> Result<Vec<PathBuf>, String>;

    /// `~` expanded, made absolute, `.` and `..` and symbolic links resolved as far as the path exists.
    fn resolve(&self, path: &Path) -> PathBuf;

    /// Is there something at this path, after following symbolic links?
    fn exists(&self, path: &Path) -> bool;

    /// Is it a folder?
    fn is_dir(&self, path: &Path) -> bool;

    /// Is it a symbolic link that leads to nothing?
    fn is_dangling(&self, path: &Path) -> bool;

    /// Is it a file that may be executed?
    fn is_executable(&self, path: &Path) -> bool;
}
