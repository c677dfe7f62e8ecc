//! Facts and remembered values. They are written without waiting for the disk: what a power cut takes is looked up again,
//! and cards live longer.

use refit_model::name::UpdaterName;
use refit_model::updater::Facts;
use rusqlite::{Connection, Error, OptionalExtension, params};

use super::runs::{text, value};

/// The facts of an updater; those of another version of Refit that cannot be read are none.
pub(super) fn load(connection: &Connection, updater: &UpdaterName) -> Result<Option<Facts>, Error> {
    let found: Option<String> = connection
        .prepare_cached("SELECT facts FROM facts WHERE updater = ?1")?
        .query_row([updater.as_str()], |row| row.get(0))
        .optional()?;
    found.map(|found| value(0, &found)).transpose()
}

/// Keeps the facts of an updater, and that they know of its newest ended run.
pub(super) fn keep(connection: &mut Connection, updater: &UpdaterName, facts: &Facts) -> Result<(), Error> {
    let facts = text(facts)?;
    relaxed(connection, |connection| {
        connection
            .prepare_cached(
                "INSERT INTO facts (updater, facts, run)
                 SELECT ?1, ?2, coalesce(max(id), 0) FROM runs WHERE updater = ?1 AND ended = 1
                 ON CONFLICT (updater) DO UPDATE SET facts = excluded.facts, run = excluded.run",
            )?
            .execute(params![updater.as_str(), facts])
            .map(|_| ())
    })
}

/// Forgets the facts of all updaters but these.
pub(super) fn prune(connection: &mut Connection, known: &[UpdaterName]) -> Result<(), Error> {
    let found = connection
        .prepare("SELECT updater FROM facts")?
        .query_map([], |row| row.get::<_, String>(0))?
        .collect::<Result<Vec<_>, _>>()?;
    for name in found.iter().filter(|name| !known.iter().any(|known| known.as_str() == *name)) {
        connection.execute("DELETE FROM facts WHERE updater = ?1", [name])?;
    }
    Ok(())
}

/// Keeps a value under a name.
pub(super) fn remember(connection: &Connection, key: &str, value: &str) -> Result<(), Error> {
    let sql = "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    connection.execute(sql, [key, value]).map(|_| ())
}

/// The value kept under a name.
pub(super) fn recall(connection: &Connection, key: &str) -> Result<Option<String>, Error> {
    connection.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional()
}

fn relaxed(connection: &mut Connection, write: impl FnOnce(&mut Connection) -> Result<(), Error>) -> Result<(), Error> {
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let written = write(connection);
    // Whatever came of it, the journal's writes wait for the disk again.
    connection.pragma_update(None, "synchronous", "FULL")?;
    written
}
