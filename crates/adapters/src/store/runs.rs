//! Runs and their entries: the journal and, once they have ended, the history.

use refit_model::journal::{Entry, RunRecord, Stamped};
use refit_model::name::{RunId, UpdaterName};
use refit_model::plan::Plan;
use refit_model::request::Caller;
use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Nobody reads further back in one question.
const MOST: usize = 1000;

const COLUMNS: &str = "SELECT runs.id, runs.caller, runs.plan, runs.began, runs.boot_id FROM runs";

/// Writes a new run down.
pub(super) fn begin(
    connection: &mut Connection,
    plan: &Plan,
    caller: &Caller,
    boot_id: &str,
    at: f64,
) -> Result<RunId, Error> {
    connection.execute(
        "INSERT INTO runs (updater, caller, plan, began, boot_id) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![plan.updater.as_str(), text(caller)?, text(plan)?, at, boot_id],
    )?;
    Ok(RunId(connection.last_insert_rowid()))
}

/// Writes an entry down, behind the others.
pub(super) fn append(connection: &mut Connection, run: RunId, at: f64, entry: &Entry) -> Result<(), Error> {
    let transaction = connection.transaction()?;
    transaction.execute(
        "INSERT INTO entries (run, seq, at, entry)
         SELECT ?1, coalesce(max(seq) + 1, 0), ?2, ?3 FROM entries WHERE run = ?1",
        params![run.0, at, text(entry)?],
    )?;
    if let Entry::Ended { .. } = entry {
        transaction.execute("UPDATE runs SET ended = 1 WHERE id = ?1", [run.0])?;
    }
    transaction.commit()
}

/// Runs without an end, oldest first. One that cannot be read is an error: it must not be forgotten.
pub(super) fn unfinished(connection: &Connection) -> Result<Vec<RunRecord>, Error> {
    let mut statement = connection.prepare_cached(&format!("{COLUMNS} WHERE ended = 0 ORDER BY id"))?;
    let heads = statement.query_map([], head)?.collect::<Result<Vec<_>, _>>()?;
    heads.into_iter().map(|head| complete(connection, head?)).collect()
}

/// Ended runs, oldest first, that are newer than the facts of their updater.
pub(super) fn unaccounted(connection: &Connection) -> Result<Vec<RunRecord>, Error> {
    let mut statement = connection.prepare_cached(&format!(
        "{COLUMNS} JOIN facts ON facts.updater = runs.updater AND runs.id > facts.run WHERE ended = 1 ORDER BY runs.id"
    ))?;
    let heads = statement.query_map([], head)?.collect::<Result<Vec<_>, _>>()?;
    Ok(readable(connection, heads))
}

/// All runs, newest first; those that cannot be read are left out.
pub(super) fn history(
    connection: &Connection,
    updater: Option<&UpdaterName>,
    limit: usize,
) -> Result<Vec<RunRecord>, Error> {
    let mut statement =
        connection.prepare_cached(&format!("{COLUMNS} WHERE ?1 IS NULL OR updater = ?1 ORDER BY id DESC LIMIT ?2"))?;
    let limit = i64::try_from(limit.min(MOST)).unwrap_or(i64::MAX);
    let heads =
        statement.query_map(params![updater.map(UpdaterName::as_str), limit], head)?.collect::<Result<Vec<_>, _>>()?;
    Ok(readable(connection, heads))
}

/// Forgets the oldest ended runs.
pub(super) fn prune(connection: &mut Connection, keep: u32) -> Result<(), Error> {
    let oldest: Option<i64> = connection
        .query_row("SELECT id FROM runs WHERE ended = 1 ORDER BY id DESC LIMIT 1 OFFSET ?1", [keep], |row| row.get(0))
        .optional()?;
    match oldest {
        Some(oldest) => connection.execute("DELETE FROM runs WHERE ended = 1 AND id <= ?1", [oldest]).map(|_| ()),
        None => Ok(()),
    }
}

/// The row of a run; its inner result tells whether what it holds can be read.
fn head(row: &Row<'_>) -> Result<Result<RunRecord, Error>, Error> {
    let (id, began, boot_id) = (row.get(0)?, row.get(3)?, row.get(4)?);
    let (caller, plan): (String, String) = (row.get(1)?, row.get(2)?);
    Ok(value(1, &caller).and_then(|caller| {
        Ok(RunRecord { id: RunId(id), caller, plan: value(2, &plan)?, began, boot_id, entries: Vec::new() })
    }))
}

fn complete(connection: &Connection, mut run: RunRecord) -> Result<RunRecord, Error> {
    let mut statement = connection.prepare_cached("SELECT seq, at, entry FROM entries WHERE run = ?1 ORDER BY seq")?;
    let entries = statement.query_map([run.id.0], |row| {
        let entry: String = row.get(2)?;
        Ok(Stamped { seq: row.get(0)?, at: row.get(1)?, entry: value(2, &entry)? })
    })?;
    run.entries = entries.collect::<Result<Vec<_>, _>>()?;
    Ok(run)
}

fn readable(connection: &Connection, heads: Vec<Result<RunRecord, Error>>) -> Vec<RunRecord> {
    let complete = heads.into_iter().map(|head| head.and_then(|run| complete(connection, run)));
    complete
        .filter_map(|run| {
            run.inspect_err(|error| tracing::warn!(%error, "a run of the history cannot be read and is left out")).ok()
        })
        .collect()
}

pub(super) fn text(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::ToSqlConversionFailure(error.into()))
}

pub(super) fn value<T: DeserializeOwned>(column: usize, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::FromSqlConversionFailure(column, Type::Text, error.into()))
}
