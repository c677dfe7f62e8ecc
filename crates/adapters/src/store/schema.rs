//! The tables, as a list of migrations that is only ever appended to. The file's `user_version` counts those applied.
//! Refuses to: go back; a file of a newer Refit is not opened.

use rusqlite::Connection;

/// One migration per entry; never change one that was released.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        updater TEXT NOT NULL,
        caller TEXT NOT NULL,
        plan TEXT NOT NULL,
        began REAL NOT NULL,
        boot_id TEXT NOT NULL,
        ended INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX runs_of_updater ON runs (updater, id);
    CREATE INDEX runs_unfinished ON runs (id) WHERE ended = 0;
    CREATE TABLE entries (
        run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        seq INTEGER NOT NULL,
        at REAL NOT NULL,
        entry TEXT NOT NULL,
        PRIMARY KEY (run, seq)
    ) WITHOUT ROWID, STRICT;
    CREATE TABLE facts (
        updater TEXT PRIMARY KEY,
        facts TEXT NOT NULL,
        -- The newest ended run of this updater that these facts know of.
        run INTEGER NOT NULL
    ) WITHOUT ROWID, STRICT;
"];

/// The file was written by a newer Refit.
pub(super) struct TooNew {
    pub(super) found: u32,
    pub(super) known: u32,
}

/// Sets the connection up: durable, and small in memory.
pub(super) fn set_up(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    // Before the log is used for the first time: its index is kept in memory then. In a mapped file it would be written to
    // where a full disk has no block for it, and the process would die of SIGBUS. Nobody else has the file open anyway.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // KiB, as a negative number.
    connection.pragma_update(None, "cache_size", -256)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Pages after which the log is written back; the log's space then stays, a second reserve for a full disk.
    connection.pragma_update(None, "wal_autocheckpoint", 128)?;
    connection.pragma_update(None, "journal_size_limit", 1024 * 1024)?;
    Ok(())
}

/// Brings the tables up to date.
pub(super) fn migrate(connection: &mut Connection) -> Result<Result<(), TooNew>, rusqlite::Error> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    if found > known {
        return Ok(Err(TooNew { found, known }));
    }
    for (number, migration) in (1_u32..).zip(MIGRATIONS).filter(|(number, _)| *number > found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(Ok(()))
}
