//! The guards of a write: what must be stored for it to be right.

use mainspring_engine::transition::{
    ActivityWrite, CurrentRow, RunChange, TakenLetter, Transition, Write,
};
use rusqlite::params;

use super::deletes::{closed_as, is_left};
use crate::StoreError;
use crate::sqlite::connection::Sql;

/// Whether all guards of the write hold.
pub(super) fn hold(sql: &Sql<'_>, write: &Write) -> Result<bool, StoreError> {
    match write {
        Write::Transition(Transition {
            runs,
            current,
            taken,
        }) => {
            for letter in taken {
                if !is_at_stage(sql, letter)? {
                    return Ok(false);
                }
            }
            for run in runs {
                if !is_next_version(sql, run)? {
                    return Ok(false);
                }
            }
            match current {
                Some(current) => is_current(sql, current),
                None => Ok(true),
            }
        }
        Write::Delete { key, run_id } => Ok(closed_as(sql, key, *run_id)?.is_some()),
        Write::DeleteRemains { run_id } => is_left(sql, *run_id),
        Write::Activities { writes, .. } => {
            for write in writes {
                if !is_next_stamp(sql, write)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
    }
}

fn is_next_version(sql: &Sql<'_>, run: &RunChange) -> Result<bool, StoreError> {
    let run_id = run.row.run_id;
    let stored: Option<i64> = sql.first(
        "SELECT version FROM runs WHERE run_id = ?",
        params![run_id.as_bytes()],
        |row| row.get(0),
    )?;
    Ok(i64::try_from(run.row.version).is_ok_and(|version| stored.unwrap_or(0) + 1 == version))
}

fn is_current(sql: &Sql<'_>, current: &CurrentRow) -> Result<bool, StoreError> {
    let key = &current.key;
    let stored: Option<[u8; 16]> = sql.first(
        "SELECT run_id FROM current_runs WHERE namespace = ? AND workflow_id = ?",
        params![key.namespace.as_str(), key.workflow_id.as_str()],
        |row| row.get(0),
    )?;
    Ok(stored.as_ref() == current.replaces.as_ref().map(|run_id| run_id.as_bytes()))
}

fn is_next_stamp(sql: &Sql<'_>, write: &ActivityWrite) -> Result<bool, StoreError> {
    let row = &write.row;
    let stored: Option<i64> = sql.first(
        "SELECT stamp FROM activities WHERE run_id = ? AND scheduled_event_id = ?",
        params![row.run_id.as_bytes(), row.scheduled_event_id],
        |row| row.get(0),
    )?;
    Ok(stored.is_some_and(|stamp| i64::try_from(row.stamp) == Ok(stamp + 1)))
}

fn is_at_stage(sql: &Sql<'_>, letter: &TakenLetter) -> Result<bool, StoreError> {
    let stored: Option<i64> = sql.first(
        "SELECT stage FROM outbox WHERE run_id = ? AND event_id = ?",
        params![letter.run_id.as_bytes(), letter.event_id],
        |row| row.get(0),
    )?;
    Ok(stored == Some(letter.stage as i64))
}
