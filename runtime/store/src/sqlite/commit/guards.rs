//! The guards of a commit: what is stored now, as far as the writes depend on it.

use std::collections::HashMap;

use mainspring_engine::ids::{Namespace, RunId, WorkflowId};
use mainspring_engine::transition::{Transition, Write};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Script, pieces};
use crate::StoreError;
use crate::sqlite::sql;

/// What a row of the script's answers tells: its first column. The others are a
/// run, a number, and two texts or nothing.
const VERSION: i64 = 0;
const CURRENT: i64 = 1;
const STAMP: i64 = 2;

/// What is stored now, as far as the guards ask.
#[derive(Default)]
pub(super) struct Stored {
    versions: HashMap<RunId, u64>,
    current: HashMap<(Namespace, WorkflowId), RunId>,
    stamps: HashMap<(RunId, i64), u64>,
}

/// Asks for everything that the guards need.
pub(super) fn push(script: &mut Script, writes: &[Write]) {
    let mut runs = Vec::new();
    let mut currents = Vec::new();
    let mut activities = Vec::new();
    for write in writes {
        match write {
            Write::Transition(transition) => {
                runs.extend(transition.runs.iter().map(|run| run.row.run_id));
                currents.extend(&transition.current);
            }
            Write::Activities { writes, .. } => activities.extend(
                writes
                    .iter()
                    .map(|write| (write.row.run_id, write.row.scheduled_event_id)),
            ),
        }
    }
    for piece in pieces(&runs) {
        script.push(format!(
            "SELECT {VERSION}, run_id, version, NULL, NULL FROM runs WHERE run_id IN ("
        ));
        let mut list = script.separated(", ");
        for run_id in piece {
            list.push_bind(run_id.as_bytes().as_slice());
        }
        script.push(");");
    }
    for piece in pieces(&currents) {
        script.push(format!(
            "SELECT {CURRENT}, run_id, 0, namespace, workflow_id FROM current_runs \
             WHERE (namespace, workflow_id) IN ("
        ));
        script.push_values(piece, |mut row, current| {
            row.push_bind(current.key.namespace.as_str())
                .push_bind(current.key.workflow_id.as_str());
        });
        script.push(");");
    }
    for piece in pieces(&activities) {
        script.push(format!(
            "SELECT {STAMP}, run_id, stamp, scheduled_event_id, NULL FROM activities \
             WHERE (run_id, scheduled_event_id) IN ("
        ));
        sql::push_keys(script, piece);
        script.push(");");
    }
}

impl Stored {
    /// Reads the answers.
    pub(super) fn of(rows: &[SqliteRow]) -> Result<Self, StoreError> {
        let mut stored = Self::default();
        for row in rows {
            let what: i64 = row.try_get(0)?;
            let run_id = sql::run_id(row, "run_id")?;
            let number: i64 = row.try_get(2)?;
            let number = u64::try_from(number).unwrap_or(0);
            match what {
                VERSION => drop(stored.versions.insert(run_id, number)),
                CURRENT => {
                    let (namespace, workflow_id): (String, String) =
                        (row.try_get(3)?, row.try_get(4)?);
                    let place = (namespace.into(), workflow_id.into());
                    stored.current.insert(place, run_id);
                }
                STAMP => drop(stored.stamps.insert((run_id, row.try_get(3)?), number)),
                _ => {
                    return Err(StoreError::Corrupt {
                        what: "guard",
                        reason: format!("{what} is unknown"),
                    });
                }
            }
        }
        Ok(stored)
    }

    /// Whether a write's guards hold.
    pub(super) fn allows(&self, write: &Write) -> bool {
        match write {
            Write::Transition(Transition { runs, current }) => {
                let versions_hold = runs.iter().all(|run| {
                    let stored = self.versions.get(&run.row.run_id).copied().unwrap_or(0);
                    stored + 1 == run.row.version
                });
                let current_holds = current.as_ref().is_none_or(|current| {
                    let key = &current.key;
                    let place = (key.namespace.clone(), key.workflow_id.clone());
                    self.current.get(&place).copied() == current.replaces
                });
                versions_hold && current_holds
            }
            Write::Activities { writes, .. } => writes.iter().all(|write| {
                let key = (write.row.run_id, write.row.scheduled_event_id);
                let stored = self.stamps.get(&key);
                stored.is_some_and(|stamp| stamp + 1 == write.row.stamp)
            }),
        }
    }
}
