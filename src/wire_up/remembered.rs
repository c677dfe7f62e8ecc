//! What Refit remembers of klipper and moonraker from one run to the next: what klippy said of itself, and where
//! repositories were found. A repository that lost its `.git` is then damaged, not absent.
//!
//! Refuses to matter: what cannot be kept or read is found anew.

use std::path::PathBuf;

use refit_adapters::builtin::Whereabouts;
use refit_adapters::store::Store;
use refit_engine::ports::Journal as _;
use refit_model::printer::PrinterIdentity;
use refit_model::updater::Spec;

use crate::cli::places::Places;

/// The keys in the store.
const IDENTITY: &str = "klippy";
const REPOSITORIES: &str = "builtin_repositories";

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Remembered {
    /// What klippy said the last time it was there; without its `info`, which is of that time.
    pub identity: Option<PrinterIdentity>,
    /// Folders of klipper and moonraker that were repositories.
    pub repositories: Vec<PathBuf>,
}

impl Remembered {
    /// Reads it.
    pub async fn load(store: &Store) -> Self {
        let identity = store.recall(IDENTITY).await.and_then(|text| serde_json::from_str(&text).ok());
        let repositories = store.recall(REPOSITORIES).await.and_then(|text| serde_json::from_str(&text).ok());
        Self { identity, repositories: repositories.unwrap_or_default() }
    }

    /// Where to look for klipper and moonraker.
    #[must_use]
    pub fn whereabouts<'a>(&'a self, places: &'a Places, debug: bool, keep_previous: u32) -> Whereabouts<'a> {
        Whereabouts {
            home: &places.home,
            identity: self.identity.as_ref(),
            debug,
            keep_previous,
            known_repositories: &self.repositories,
        }
    }

    /// Keeps where the two were found now.
    pub async fn keep_repositories(&mut self, store: &Store, specs: &[Spec]) {
        let before = self.repositories.len();
        for spec in specs.iter().filter(|spec| matches!(spec.name().as_str(), "klipper" | "moonraker")) {
            if let Spec::Git(git) = spec
                && !self.repositories.contains(&git.path)
            {
                self.repositories.push(git.path.clone());
            }
        }
        if self.repositories.len() != before {
            keep(store, REPOSITORIES, &self.repositories).await;
        }
    }
}

/// Keeps what klippy said of itself.
pub async fn keep_identity(store: &Store, identity: &PrinterIdentity) {
    let bare = PrinterIdentity { info: serde_json::Map::new(), ..identity.clone() };
    keep(store, IDENTITY, &bare).await;
}

async fn keep<T: serde::Serialize>(store: &Store, key: &'static str, value: &T) {
    let kept = match serde_json::to_string(value) {
        Ok(text) => store.remember(key, &text).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = kept {
        tracing::warn!("where klipper and moonraker are is not remembered: {error}");
    }
}
