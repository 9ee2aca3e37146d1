//! Single rows by their key, looked up on the thread of the caller: the way to the
//! driver's thread and back takes several times as long as the look itself.

use std::path::PathBuf;

use mainspring_engine::ids::{RunId, WorkflowKey};
use mainspring_engine::time::Timestamp;
use mainspring_engine::transition::{ActivityRow, EventBatch};
use parking_lot::Mutex;
use rusqlite::{Connection, params};

use super::connection::{Access, Sql, connect};
use super::{READERS, closed};
use crate::StoreError;

/// Connections that look rows up. As many as callers look at the same moment; a few
/// are kept.
#[derive(Debug)]
pub(super) struct Lookups {
    path: PathBuf,
    /// `None` once closed.
    idle: Mutex<Option<Vec<Connection>>>,
}

impl Lookups {
    /// Lookups in a database whose tables are there.
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            idle: Mutex::new(Some(Vec::new())),
        }
    }

    /// The latest run of a workflow ID.
    pub(super) fn current_run(&self, key: &WorkflowKey) -> Result<Option<RunId>, StoreError> {
        let found: Option<[u8; 16]> = self.look(|sql| {
            sql.first(
                "SELECT run_id FROM current_runs WHERE namespace = ? AND workflow_id = ?",
                params![key.namespace.as_str(), key.workflow_id.as_str()],
                |row| row.get(0),
            )
        })?;
        Ok(found.and_then(|bytes| RunId::from_slice(&bytes)))
    }

    /// One pending activity.
    pub(super) fn activity(
        &self,
        run_id: RunId,
        scheduled_event_id: i64,
    ) -> Result<Option<ActivityRow>, StoreError> {
        self.look(|sql| {
            sql.first(
                "SELECT task_queue, queued_at, stamp, state FROM activities \
                 WHERE run_id = ? AND scheduled_event_id = ?",
                params![run_id.as_bytes(), scheduled_event_id],
                |row| {
                    let task_queue: String = row.get(0)?;
                    let queued_at: Option<i64> = row.get(1)?;
                    let stamp: i64 = row.get(2)?;
                    Ok(ActivityRow {
                        run_id,
                        scheduled_event_id,
                        task_queue: task_queue.into(),
                        queued_at: queued_at.map(Timestamp::from_nanos),
                        stamp: u64::try_from(stamp).unwrap_or(0),
                        state: row.get(3)?,
                    })
                },
            )
        })
    }

    /// Whether the run has taken a message with this request ID.
    pub(super) fn has_request_id(
        &self,
        run_id: RunId,
        request_id: &str,
    ) -> Result<bool, StoreError> {
        let found: Option<i64> = self.look(|sql| {
            sql.first(
                "SELECT 1 FROM request_ids WHERE run_id = ? AND request_id = ?",
                params![run_id.as_bytes(), request_id],
                |row| row.get(0),
            )
        })?;
        Ok(found.is_some())
    }

    /// The event that holds the outcome of an update.
    pub(super) fn completed_update(
        &self,
        run_id: RunId,
        update_id: &str,
    ) -> Result<Option<i64>, StoreError> {
        self.look(|sql| {
            sql.first(
                "SELECT completed_event_id FROM completed_updates \
                 WHERE run_id = ? AND update_id = ?",
                params![run_id.as_bytes(), update_id],
                |row| row.get(0),
            )
        })
    }

    /// The batch that holds an event.
    pub(super) fn batch_of(
        &self,
        run_id: RunId,
        event_id: i64,
    ) -> Result<Option<EventBatch>, StoreError> {
        let found = self.look(|sql| {
            sql.first(
                "SELECT first_event_id, last_event_id, events FROM history \
                 WHERE run_id = ? AND first_event_id <= ? ORDER BY first_event_id DESC LIMIT 1",
                params![run_id.as_bytes(), event_id],
                |row| {
                    Ok(EventBatch {
                        run_id,
                        first_event_id: row.get(0)?,
                        last_event_id: row.get(1)?,
                        bytes: row.get(2)?,
                    })
                },
            )
        })?;
        Ok(found.filter(|batch| batch.last_event_id >= event_id))
    }

    /// Looks with a connection of its own; after an error it is not used again.
    fn look<T>(
        &self,
        work: impl FnOnce(&Sql<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = match &mut *self.idle.lock() {
            Some(idle) => idle.pop(),
            None => return Err(closed()),
        };
        let connection = match idle {
            Some(connection) => connection,
            None => connect(&self.path, Access::Read)?,
        };
        let found = work(&Sql::on(&connection))?;
        if let Some(idle) = &mut *self.idle.lock()
            && idle.len() < READERS as usize
        {
            idle.push(connection);
        }
        Ok(found)
    }

    /// Later calls fail.
    pub(super) fn close(&self) {
        self.idle.lock().take();
    }
}
