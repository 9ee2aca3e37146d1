//! A run that is deleted, with all that is kept of it.
//!
//! The transaction that deletes it takes away all that lists and looks by ID can find.
//! The tables that grow with its history follow as far as one piece goes; where that is
//! not enough the run is noted among the remains in the same transaction, and later
//! ones take a piece each. So no commit is held up by the length of a history, and a
//! crash in between loses nothing but time.

use mainspring_engine::ids::{RunId, WorkflowKey};
use rusqlite::params;
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;

use crate::StoreError;
use crate::sqlite::connection::Sql;
use crate::sqlite::sql::limit;

/// Rows that one transaction deletes of the long tables, at most.
const PIECE_ROWS: usize = 500;
/// Bytes of history that one transaction deletes, at most, unless one row has more.
const PIECE_BYTES: i64 = 1024 * 1024;

/// The tables that have one row of a run, or few: a closed run has no activity, timer
/// or child left as a rule, and never more than it may have pending. What the run has
/// sent is on its way still, and goes when it has arrived.
const DELETE_AT_ONCE: [&str; 6] = [
    "DELETE FROM activities WHERE run_id = ?",
    "DELETE FROM timers WHERE run_id = ?",
    "DELETE FROM children WHERE run_id = ?",
    "DELETE FROM attribute_values WHERE of_run = ?",
    "DELETE FROM visibility WHERE run_id = ?",
    "DELETE FROM runs WHERE run_id = ?",
];

/// The tables beside the history that grow with a run.
const DELETE_SOME: [&str; 2] = [
    "DELETE FROM request_ids WHERE run_id = ?1 AND request_id IN \
     (SELECT request_id FROM request_ids WHERE run_id = ?1 LIMIT ?2)",
    "DELETE FROM completed_updates WHERE run_id = ?1 AND update_id IN \
     (SELECT update_id FROM completed_updates WHERE run_id = ?1 LIMIT ?2)",
];

/// How a closed run of this workflow ID ended; `None` where it is open or not there.
pub(super) fn closed_as(
    sql: &Sql<'_>,
    key: &WorkflowKey,
    run_id: RunId,
) -> Result<Option<i32>, StoreError> {
    let status: Option<i32> = sql.first(
        "SELECT status FROM runs WHERE run_id = ? AND namespace = ? AND workflow_id = ?",
        params![
            run_id.as_bytes(),
            key.namespace.as_str(),
            key.workflow_id.as_str()
        ],
        |row| row.get(0),
    )?;
    Ok(status.filter(|status| *status != WorkflowExecutionStatus::Running as i32))
}

/// Whether something is left of a deleted run.
pub(super) fn is_left(sql: &Sql<'_>, run_id: RunId) -> Result<bool, StoreError> {
    let found: Option<i64> = sql.first(
        "SELECT 1 FROM remains WHERE run_id = ?",
        params![run_id.as_bytes()],
        |row| row.get(0),
    )?;
    Ok(found.is_some())
}

/// Deletes a run.
pub(super) fn delete(sql: &Sql<'_>, key: &WorkflowKey, run_id: RunId) -> Result<(), StoreError> {
    sql.run(
        "DELETE FROM current_runs WHERE namespace = ? AND workflow_id = ? AND run_id = ?",
        params![
            key.namespace.as_str(),
            key.workflow_id.as_str(),
            run_id.as_bytes()
        ],
    )?;
    for statement in DELETE_AT_ONCE {
        sql.run(statement, params![run_id.as_bytes()])?;
    }
    if !delete_piece(sql, run_id)? {
        sql.run(
            "INSERT INTO remains (run_id) VALUES (?)",
            params![run_id.as_bytes()],
        )?;
    }
    Ok(())
}

/// Deletes the next piece of a deleted run.
pub(super) fn go_on(sql: &Sql<'_>, run_id: RunId) -> Result<(), StoreError> {
    if delete_piece(sql, run_id)? {
        sql.run(
            "DELETE FROM remains WHERE run_id = ?",
            params![run_id.as_bytes()],
        )?;
    }
    Ok(())
}

/// Deletes a piece of the long tables; whether nothing is left.
fn delete_piece(sql: &Sql<'_>, run_id: RunId) -> Result<bool, StoreError> {
    let (deleted, history_is_gone) = delete_events(sql, run_id)?;
    if !history_is_gone {
        return Ok(false);
    }
    let mut room = PIECE_ROWS - deleted;
    for statement in DELETE_SOME {
        let deleted = sql.run(statement, params![run_id.as_bytes(), limit(room)])?;
        if deleted == room {
            return Ok(false);
        }
        room -= deleted;
    }
    Ok(true)
}

/// Deletes the end of what is left of a history, so that whoever reads it from its
/// beginning at the same time misses nothing in the middle. How many rows, and whether
/// those were all.
fn delete_events(sql: &Sql<'_>, run_id: RunId) -> Result<(usize, bool), StoreError> {
    let last: Vec<(i64, i64)> = sql.all(
        "SELECT first_event_id, length(events) FROM history WHERE run_id = ? \
         ORDER BY first_event_id DESC LIMIT ?",
        params![run_id.as_bytes(), limit(PIECE_ROWS)],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let mut bytes = 0;
    let fits = |(n, (_, size)): &(usize, &(i64, i64))| {
        bytes += size;
        *n == 0 || bytes <= PIECE_BYTES
    };
    let piece = last.iter().enumerate().take_while(fits);
    let Some((_, (from, _))) = piece.last() else {
        return Ok((0, true));
    };
    let deleted = sql.run(
        "DELETE FROM history WHERE run_id = ? AND first_event_id >= ?",
        params![run_id.as_bytes(), from],
    )?;
    Ok((deleted, deleted < PIECE_ROWS && deleted == last.len()))
}
