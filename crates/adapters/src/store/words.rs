//! What went wrong with the file, in words for people.

use std::path::Path;

use refit_engine::ports::JournalError;
use rusqlite::{Error, ErrorCode};

/// The engine's error for a failed deed.
pub(super) fn journal_error(deed: &'static str, error: &Error, folder: &Path) -> JournalError {
    tracing::error!(%deed, ?error, "the journal");
    JournalError { deed, cause: cause(error, folder) }
}

/// The file's content is not what SQLite wrote.
pub(super) fn is_damage(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// What happened and what to do next.
pub(super) fn cause(error: &Error, folder: &Path) -> String {
    let folder = folder.display();
    if let Error::FromSqlConversionFailure(_, _, why) = error {
        return format!(
            "this version of Refit cannot read what is written in {folder}/refit.db ({why}); install the version that wrote \
             it again, or move that file away to begin without history"
        );
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => format!("the disk of {folder} is full; free some space, then ask again"),
        Some(ErrorCode::ReadOnly) => format!("{folder} is read-only; make it writable, then ask again"),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            format!("a file in {folder} cannot be opened ({error}); check who owns it, and that the disk is not full")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("another program holds {folder}/refit.db; close it, then ask again")
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            format!("{folder}/refit.db is damaged; restart Refit, which sets it aside and begins a new one")
        }
        Some(ErrorCode::SystemIoFailure) => {
            format!("the disk of {folder} reported an error ({error}); check the disk and its free space")
        }
        _other => error.to_string(),
    }
}
