//! The API key: 32 hexadecimal digits in a file that only the owner can read, made when there is none.
//! Refuses to: print the key; only `access.get_api_key` shows it, to who is already let in.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use subtle::ConstantTimeEq;
use thiserror::Error;

/// Why there is no key.
#[derive(Debug, Error)]
#[error("the API key file {file} could not be {deed}: look at its permissions, and whether the disk is full")]
pub struct KeyError {
    file: PathBuf,
    deed: &'static str,
    #[source]
    cause: std::io::Error,
}

/// The key and its file.
pub struct ApiKey {
    file: PathBuf,
    text: RwLock<String>,
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKey").field("file", &self.file).finish_non_exhaustive()
    }
}

impl ApiKey {
    /// Reads the key; makes one when the file is absent or holds none.
    ///
    /// # Errors
    /// [`KeyError`] when the file can be neither read nor written.
    pub fn load(file: PathBuf) -> Result<Self, KeyError> {
        let text = match std::fs::read_to_string(&file) {
            Ok(text) if is_key(text.trim()) => text.trim().to_owned(),
            // A power cut can leave the file empty; no key is lost that anybody could still use.
            Ok(_) => made(&file)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => made(&file)?,
            Err(cause) => return Err(KeyError { file, deed: "read", cause }),
        };
        Ok(Self { file, text: RwLock::new(text) })
    }

    /// The key.
    #[must_use]
    pub fn text(&self) -> String {
        self.text.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key's file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Replaces the key; the old one opens nothing any more.
    ///
    /// # Errors
    /// [`KeyError`] when it cannot be written; the old one stays.
    pub fn replace(&self) -> Result<String, KeyError> {
        let text = made(&self.file)?;
        text.clone_into(&mut self.text.write().unwrap_or_else(PoisonError::into_inner));
        Ok(text)
    }

    /// Compares in constant time.
    #[must_use]
    pub fn is(&self, shown: &str) -> bool {
        self.text.read().unwrap_or_else(PoisonError::into_inner).as_bytes().ct_eq(shown.as_bytes()).into()
    }
}

/// Bytes nobody can guess.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The kernel's generator fails only on kernels that lack the call; a guessable key would be worse than none.
    getrandom::fill(&mut bytes).expect("the kernel has a random number generator");
    bytes
}

fn is_key(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn made(file: &Path) -> Result<String, KeyError> {
    let text = data_encoding::HEXLOWER.encode(&random::<16>());
    let stage = file.with_extension("new");
    let write = || {
        let mut staged =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&stage)?;
        staged.write_all(text.as_bytes())?;
        staged.sync_all()?;
        std::fs::rename(&stage, file)
    };
    write().map_err(|cause| KeyError { file: file.to_owned(), deed: "written", cause })?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_outlives_a_restart_and_is_the_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("api_key");
        let key = ApiKey::load(file.clone()).unwrap();
        let first = key.text();
        assert!(is_key(&first) && key.is(&first) && !key.is("") && !key.is(&first.to_uppercase()));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(ApiKey::load(file.clone()).unwrap().text(), first);
        let second = key.replace().unwrap();
        assert!(key.is(&second) && !key.is(&first));
        assert_eq!(ApiKey::load(file.clone()).unwrap().text(), second);
        std::fs::write(&file, "").unwrap();
        assert!(is_key(&ApiKey::load(file).unwrap().text()));
    }

    #[test]
    fn a_key_that_cannot_be_kept_is_an_error() {
        let error = ApiKey::load(PathBuf::from("/proc/none/api_key")).unwrap_err();
        assert!(error.to_string().contains("/proc/none/api_key"));
    }
}
