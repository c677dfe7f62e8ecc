//! Opens the state folder: one Refit at a time, whole or set aside, up to date.
//! Refuses to: open a file of a newer Refit, or one whose damage it cannot set aside.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use thiserror::Error;

use super::schema::{self, TooNew};
use super::{Desk, Store, reserve, words};

/// How long the lock of a process that is gone is waited for: one that it was just starting holds it until it runs.
const LOCK_OF_THE_DEAD: Duration = Duration::from_secs(5);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// What the owner decides about the store.
#[derive(Debug, Clone, Copy)]
pub struct StoreOptions {
    /// How many ended runs are kept (`keep_history`).
    pub keep_history: u32,
    /// Seconds since 1970, for the name of a file that is set aside.
    pub now: f64,
}

/// An open store, and what happened on the way.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// The file was damaged; a new one was begun. Tell the owner.
    pub set_aside: Option<SetAside>,
}

/// A damaged file, kept under another name. The history and the last known state are in it, and with them what a run that was
/// cut off still owed: the updaters must be looked at again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Where it is now.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// Why the state folder could not be opened.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Somebody else has it open.
    #[error(
        "another Refit{} is at work with {} and holds its file lock; ask that one, or stop it first",
        .process.as_ref().map(|process| format!(" (process {process})")).unwrap_or_default(), .folder.display()
    )]
    InUse {
        /// The state folder.
        folder: PathBuf,
        /// The number of the process that holds it, when it can be read.
        process: Option<String>,
    },
    /// A file or folder cannot be made, moved or locked.
    #[error("cannot {deed} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        deed: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is of a newer Refit.
    #[error(
        "{} was written by a newer Refit (format {found}, this one knows {known}); install that version again, or move \
         the file away to begin without history", .path.display()
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// SQLite cannot open it, and not because of damage.
    #[error("the journal cannot be opened: {cause}")]
    Sqlite {
        /// In words for people.
        cause: String,
        /// SQLite's own words.
        source: rusqlite::Error,
    },
}

/// Why a file is not used.
enum Unfit {
    Damaged(String),
    Failed(rusqlite::Error),
    TooNew(TooNew),
}

impl From<rusqlite::Error> for Unfit {
    fn from(error: rusqlite::Error) -> Self {
        if words::is_damage(&error) { Self::Damaged(error.to_string()) } else { Self::Failed(error) }
    }
}

impl Store {
    /// Opens the store in a folder, which is made when it is missing. Blocking: at start, before anything else.
    ///
    /// # Errors
    /// [`StoreError`], whose text says what to do.
    pub fn open(folder: &Path, options: &StoreOptions) -> Result<Opened, StoreError> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(folder).map_err(io_error("make the folder", folder))?;
        let lock = lock(folder)?;
        let path = folder.join("refit.db");
        let mut set_aside = None;
        let connection = match open_whole(&path) {
            Ok(connection) => connection,
            Err(Unfit::Damaged(reason)) => {
                set_aside = Some(move_away(&path, options.now, reason)?);
                open_whole(&path).map_err(|unfit| store_error(unfit, &path, folder))?
            }
            Err(unfit @ (Unfit::Failed(_) | Unfit::TooNew(_))) => return Err(store_error(unfit, &path, folder)),
        };
        reserve::keep(folder);
        let desk = Desk { connection, folder: folder.to_owned(), keep_history: options.keep_history, _lock: lock };
        let store = Self::begin(desk).map_err(io_error("begin a thread for", &path))?;
        Ok(Opened { store, set_aside })
    }
}

/// The process that has a state folder locked, as far as it could be noted; none when nobody has.
#[must_use]
pub fn holder(folder: &Path) -> Option<String> {
    let mut file = File::open(folder.join("lock")).ok()?;
    // Let go of at once where nobody has it.
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(noted_process(&mut file).unwrap_or_else(|| "?".to_owned())),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

/// Who holds the lock, as far as it could be noted.
fn noted_process(file: &mut File) -> Option<String> {
    let mut process = String::new();
    file.rewind().and_then(|()| file.take(32).read_to_string(&mut process)).ok()?;
    Some(process.trim().to_owned()).filter(|process| !process.is_empty())
}

fn is_running(process: &str) -> bool {
    Path::new("/proc").join(process).exists()
}

/// Takes the lock that dies with the process.
fn lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join("lock");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(&path).map_err(io_error("open", &path))?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) => {
                let process = noted_process(&mut file);
                if process.as_deref().is_some_and(is_running) || begun.elapsed() > LOCK_OF_THE_DEAD {
                    return Err(StoreError::InUse { folder: folder.to_owned(), process });
                }
                std::thread::sleep(PAUSE);
            }
            Err(TryLockError::Error(source)) => return Err(StoreError::Io { deed: "lock", path, source }),
        }
    }
    // The number is for people; a full disk must not keep the lock from being taken.
    let noted = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    if let Err(error) = noted {
        tracing::warn!(file = %path.display(), %error, "who holds the lock is not noted");
    }
    Ok(file)
}

fn open_whole(path: &Path) -> Result<Connection, Unfit> {
    if !path.exists() {
        if has_log(path) {
            // A log without its file would be played into the new one.
            return Err(Unfit::Damaged("the file is gone, its log is still there".to_owned()));
        }
        create(path)?;
    }
    if std::fs::metadata(path).is_ok_and(|found| found.len() == 0) {
        return Err(Unfit::Damaged("the file is empty".to_owned()));
    }
    let mut connection = Connection::open(path)?;
    schema::set_up(&connection)?;
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(Unfit::Damaged(verdict));
    }
    schema::migrate(&mut connection)?.map_err(Unfit::TooNew)?;
    // A file that is whole, but not ours, has none of the tables.
    connection
        .prepare("SELECT entry FROM entries JOIN runs ON runs.id = entries.run JOIN facts JOIN meta LIMIT 0")
        .map_err(|error| Unfit::Damaged(format!("its tables are not there ({error})")))?;
    Ok(connection)
}

/// A new file comes to its name whole: an empty one is always damage.
fn create(path: &Path) -> Result<(), Unfit> {
    let io = |error: io::Error| Unfit::Failed(rusqlite::Error::ToSqlConversionFailure(error.into()));
    let new = path.with_extension("new");
    for leftover in [new.clone(), beside(&new, "-wal"), beside(&new, "-shm")] {
        match std::fs::remove_file(&leftover) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
            Ok(()) | Err(_) => {}
        }
    }
    let mut connection = Connection::open(&new)?;
    schema::set_up(&connection)?;
    schema::migrate(&mut connection)?.map_err(Unfit::TooNew)?;
    connection.close().map_err(|(_, error)| error)?;
    File::open(&new).and_then(|file| file.sync_all()).map_err(io)?;
    std::fs::rename(&new, path).map_err(io)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
}

fn move_away(path: &Path, now: f64, reason: String) -> Result<SetAside, StoreError> {
    #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970 fit in 63 bits")]
    let stamp = now as i64;
    let free = |n: u32| {
        let suffix = if n == 0 { String::new() } else { format!("-{n}") };
        let place = beside(path, &format!(".damaged-{stamp}{suffix}"));
        (!place.exists() && !beside(&place, "-wal").exists()).then_some(place)
    };
    // Nobody damages a file a million times within a second.
    let place = (0..1_000_000).find_map(free).unwrap_or_else(|| beside(path, ".damaged"));
    for suffix in ["", "-wal", "-shm"] {
        let (from, to) = (beside(path, suffix), beside(&place, suffix));
        match std::fs::rename(&from, &to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            moved => moved.map_err(io_error("set aside the damaged file", &from))?,
        }
    }
    tracing::error!(file = %path.display(), kept = %place.display(), %reason, "the journal was damaged and is set aside");
    Ok(SetAside { path: place, reason })
}

fn has_log(path: &Path) -> bool {
    std::fs::metadata(beside(path, "-wal")).is_ok_and(|found| found.len() > 0)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn store_error(unfit: Unfit, path: &Path, folder: &Path) -> StoreError {
    match unfit {
        Unfit::TooNew(TooNew { found, known }) => StoreError::TooNew { path: path.to_owned(), found, known },
        Unfit::Failed(source) => StoreError::Sqlite { cause: words::cause(&source, folder), source },
        Unfit::Damaged(reason) => {
            let source = rusqlite::Error::ToSqlConversionFailure(reason.into());
            StoreError::Sqlite { cause: words::cause(&source, folder), source }
        }
    }
}

fn io_error(deed: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { deed, path, source }
}
