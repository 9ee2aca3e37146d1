//! Group commit: many writes, one transaction, one statement per table (and size).
//!
//! First the guards of all writes are looked up; a write whose guard does not hold
//! is left out whole, and the others go on. Then each table gets its rows.

use std::collections::{HashMap, HashSet};

use mainspring_engine::ids::{Namespace, RunId, WorkflowId, WorkflowKey};
use mainspring_engine::time::Timestamp;
use mainspring_engine::transition::{
    ActivityRow, CurrentRow, EventBatch, RunChange, RunRow, TimerRow, Transition,
    VisibilityRow, Write,
};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, QueryBuilder, Row as _, Sqlite};
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;

use super::sql::{self, pieces};
use crate::{StoreError, WriteOutcome};

/// Bytes that a row costs the log besides its blobs, roughly.
const ROW_BYTES: usize = 200;

/// What is stored now, as far as the guards ask.
#[derive(Default)]
struct Stored {
    versions: HashMap<RunId, u64>,
    current: HashMap<(Namespace, WorkflowId), RunId>,
    stamps: HashMap<(RunId, i64), u64>,
}

/// The rows that a commit writes, by table.
#[derive(Default)]
struct Rows<'a> {
    runs: Vec<&'a RunRow>,
    history: Vec<&'a EventBatch>,
    activities: Vec<(&'a WorkflowKey, &'a ActivityRow)>,
    closed_activities: Vec<(RunId, i64)>,
    timers: Vec<&'a TimerRow>,
    closed_timers: Vec<(RunId, i64)>,
    request_ids: Vec<(RunId, &'a str)>,
    current: Vec<&'a CurrentRow>,
    visibility: Vec<&'a VisibilityRow>,
    counts: HashMap<(&'a Namespace, i32), i64>,
    /// Runs that must be looked at by then, apart from those in `runs`.
    wake_by: HashMap<RunId, Timestamp>,
}

/// Commits the writes; answers the outcome of each and roughly how many bytes the
/// log grew by.
pub(super) async fn commit(
    connection: &mut SqliteConnection,
    writes: &[Write],
) -> Result<(Vec<WriteOutcome>, usize), StoreError> {
    debug_assert!(
        touch_no_run_twice(writes),
        "writes of a commit are disjoint"
    );
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    let stored = Stored::read(&mut tx, writes).await?;
    let mut rows = Rows::default();
    let outcomes: Vec<WriteOutcome> = writes
        .iter()
        .map(|write| {
            if !stored.allows(write) {
                return WriteOutcome::Conflict;
            }
            rows.add(write);
            WriteOutcome::Applied
        })
        .collect();
    let bytes = rows.bytes();
    rows.write(&mut tx).await?;
    tx.commit().await?;
    Ok((outcomes, bytes))
}

fn touch_no_run_twice(writes: &[Write]) -> bool {
    let mut seen = HashSet::new();
    writes.iter().all(|write| match write {
        Write::Transition(transition) => transition
            .runs
            .iter()
            .all(|run| seen.insert((run.row.run_id, 0))),
        Write::Activities { writes, .. } => writes
            .iter()
            .all(|write| seen.insert((write.row.run_id, write.row.scheduled_event_id))),
    })
}

impl Stored {
    async fn read(tx: &mut SqliteConnection, writes: &[Write]) -> Result<Self, StoreError> {
        let mut stored = Self::default();
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
            let mut query =
                QueryBuilder::<Sqlite>::new("SELECT run_id, version FROM runs WHERE run_id IN (");
            let mut list = query.separated(", ");
            for run_id in piece {
                list.push_bind(run_id.as_bytes().as_slice());
            }
            query.push(")");
            for row in query.build().fetch_all(&mut *tx).await? {
                let version: i64 = row.try_get("version")?;
                let run_id = sql::run_id(&row, "run_id")?;
                stored
                    .versions
                    .insert(run_id, u64::try_from(version).unwrap_or(0));
            }
        }
        for piece in pieces(&currents) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "SELECT namespace, workflow_id, run_id FROM current_runs \
                 WHERE (namespace, workflow_id) IN (",
            );
            query.push_values(piece, |mut row, current| {
                row.push_bind(current.key.namespace.as_str())
                    .push_bind(current.key.workflow_id.as_str());
            });
            query.push(")");
            for row in query.build().fetch_all(&mut *tx).await? {
                let namespace: String = row.try_get("namespace")?;
                let workflow_id: String = row.try_get("workflow_id")?;
                let run_id = sql::run_id(&row, "run_id")?;
                stored
                    .current
                    .insert((namespace.into(), workflow_id.into()), run_id);
            }
        }
        for piece in pieces(&activities) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "SELECT run_id, scheduled_event_id, stamp FROM activities \
                 WHERE (run_id, scheduled_event_id) IN (",
            );
            push_keys(&mut query, piece);
            query.push(")");
            for row in query.build().fetch_all(&mut *tx).await? {
                let stamp: i64 = row.try_get("stamp")?;
                let key = (
                    sql::run_id(&row, "run_id")?,
                    row.try_get("scheduled_event_id")?,
                );
                stored.stamps.insert(key, u64::try_from(stamp).unwrap_or(0));
            }
        }
        Ok(stored)
    }

    fn allows(&self, write: &Write) -> bool {
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

impl<'a> Rows<'a> {
    fn add(&mut self, write: &'a Write) {
        match write {
            Write::Activities { key, writes } => {
                for write in writes {
                    self.activities.push((key, &write.row));
                    if let Some(at) = write.wake_at {
                        let by = self.wake_by.entry(write.row.run_id).or_insert(at);
                        *by = at.min(*by);
                    }
                }
            }
            Write::Transition(transition) => {
                self.current.extend(&transition.current);
                for run in &transition.runs {
                    self.add_run(run);
                }
            }
        }
    }

    fn add_run(&mut self, run: &'a RunChange) {
        let run_id = run.row.run_id;
        self.runs.push(&run.row);
        self.history.extend(&run.events);
        self.activities
            .extend(run.activities.iter().map(|row| (&run.row.key, row)));
        self.closed_activities
            .extend(run.closed_activities.iter().map(|id| (run_id, *id)));
        self.timers.extend(&run.timers);
        self.closed_timers
            .extend(run.closed_timers.iter().map(|id| (run_id, *id)));
        self.request_ids
            .extend(run.request_ids.iter().map(|id| (run_id, id.as_str())));
        if let Some(visibility) = &run.visibility {
            let namespace = &visibility.key.namespace;
            let mut count = |status: WorkflowExecutionStatus, by: i64| {
                *self.counts.entry((namespace, status as i32)).or_default() += by;
            };
            count(visibility.status, 1);
            if run.row.version > 1 {
                // It was counted as running when it started.
                count(WorkflowExecutionStatus::Running, -1);
            }
            self.visibility.push(visibility);
        }
    }

    fn bytes(&self) -> usize {
        let blobs: usize = self.runs.iter().map(|row| row.state.len()).sum::<usize>()
            + self
                .history
                .iter()
                .map(|row| row.bytes.len())
                .sum::<usize>();
        let rows = self.runs.len()
            + self.history.len()
            + self.activities.len()
            + self.closed_activities.len()
            + self.timers.len()
            + self.visibility.len();
        blobs + rows * ROW_BYTES
    }

    async fn write(&self, tx: &mut SqliteConnection) -> Result<(), StoreError> {
        self.write_runs(tx).await?;
        self.write_history(tx).await?;
        self.write_activities(tx).await?;
        self.lower_wake_times(tx).await?;
        self.write_timers(tx).await?;
        delete(
            tx,
            "activities",
            "scheduled_event_id",
            &self.closed_activities,
        )
        .await?;
        delete(tx, "timers", "started_event_id", &self.closed_timers).await?;
        self.write_request_ids(tx).await?;
        self.write_current(tx).await?;
        self.write_visibility(tx).await?;
        self.write_counts(tx).await
    }

    async fn write_runs(&self, tx: &mut SqliteConnection) -> Result<(), StoreError> {
        for piece in pieces(&self.runs) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "INSERT INTO runs (run_id, namespace, workflow_id, digest, version, status, \
                 wake_at, state) ",
            );
            query.push_values(piece, |mut values, row| {
                values
                    .push_bind(row.run_id.as_bytes().as_slice())
                    .push_bind(row.key.namespace.as_str())
                    .push_bind(row.key.workflow_id.as_str())
                    .push_bind(row.digest.as_bytes().as_slice())
                    .push_bind(i64::try_from(row.version).unwrap_or(i64::MAX))
                    .push_bind(row.status as i32)
                    .push_bind(row.wake_at.map(|at| at.as_nanos()))
                    .push_bind(row.state.as_slice());
            });
            query.push(
                " ON CONFLICT (run_id) DO UPDATE SET digest = excluded.digest, \
                 version = excluded.version, status = excluded.status, \
                 wake_at = excluded.wake_at, state = excluded.state",
            );
            query.build().execute(&mut *tx).await?;
        }
        Ok(())
    }

    async fn write_history(&self, tx: &mut SqliteConnection) -> Result<(), StoreError> {
        for piece in pieces(&self.history) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "INSERT INTO history (run_id, first_event_id, last_event_id, events) ",
            );
            query.push_values(piece, |mut values, batch| {
                values
                    .push_bind(batch.run_id.as_bytes().as_slice())
                    .push_bind(batch.first_event_id)
                    .push_bind(batch.last_event_id)
                    .push_bind(batch.bytes.as_slice());
            });
            query.build().execute(&mut *tx).await?;
        }
        Ok(())
    }

    async fn write_activities(&self, tx: &mut SqliteConnection) -> Result<(), StoreError> {
        for piece in pieces(&self.activities) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "INSERT INTO activities (run_id, scheduled_event_id, namespace, workflow_id, \
                 task_queue, queued_at, stamp, state) ",
            );
            query.push_values(piece, |mut values, (key, activity)| {
                values
                    .push_bind(activity.run_id.as_bytes().as_slice())
                    .push_bind(activity.scheduled_event_id)
                    .push_bind(key.namespace.as_str())
                    .push_bind(key.workflow_id.as_str())
                    .push_bind(activity.task_queue.as_str())
                    .push_bind(activity.queued_at.map(|at| at.as_nanos()))
                    .push_bind(i64::try_from(activity.stamp).unwrap_or(i64::MAX))
                    .push_bind(activity.state.as_slice());
            });
            query.push(
                " ON CONFLICT (run_id, scheduled_event_id) DO UPDATE SET \
                 task_queue = excluded.task_queue, queued_at = excluded.queued_at, \
                 stamp = excluded.stamp, state = excluded.state",
            );
            query.build().execute(&mut *tx).await?;
        }
        Ok(())
    }

    /// For activities that were written alone: their run is looked at by then.
    async fn lower_wake_times(&self, tx: &mut SqliteConnection) -> Result<(), StoreError> {
        let wake_by: Vec<_> = self.wake_by.iter().collect();
        for piece in pieces(&wake_by) {
            let mut query =
                QueryBuilder::<Sqlite>::new("UPDATE runs SET wake_at = by_then.column2 FROM (");
            query.push_values(piece, |mut values, (run_id, at)| {
                values
                    .push_bind(run_id.as_bytes().as_slice())
                    .push_bind(at.as_nanos());
            });
            query.push(
                ") AS by_then WHERE runs.run_id = by_then.column1 \
                 AND (runs.wake_at IS NULL OR runs.wake_at > by_then.column2)",
            );
            query.build().execute(&mut *tx).await?;
        }
        Ok(())
    }

    async fn write_timers(&self, tx: &mut SqliteConnection) -> Result<(), StoreError> {
        for piece in pieces(&self.timers) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "INSERT INTO timers (run_id, started_event_id, timer_id, fire_at) ",
            );
            query.push_values(piece, |mut values, timer| {
                values
                    .push_bind(timer.run_id.as_bytes().as_slice())
                    .push_bind(timer.started_event_id)
                    .push_bind(timer.timer_id.as_str())
                    .push_bind(timer.fire_at.as_nanos());
            });
            query.build().execute(&mut *tx).await?;
        }
        Ok(())
    }

    async fn write_request_ids(&self, tx: &mut SqliteConnection) -> Result<(), StoreError> {
        for piece in pieces(&self.request_ids) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "INSERT OR IGNORE INTO request_ids (run_id, request_id) ",
            );
            query.push_values(piece, |mut values, (run_id, request_id)| {
                values
                    .push_bind(run_id.as_bytes().as_slice())
                    .push_bind(*request_id);
            });
            query.build().execute(&mut *tx).await?;
        }
        Ok(())
    }

    async fn write_current(&self, tx: &mut SqliteConnection) -> Result<(), StoreError> {
        for piece in pieces(&self.current) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "INSERT INTO current_runs (namespace, workflow_id, run_id) ",
            );
            query.push_values(piece, |mut values, current| {
                values
                    .push_bind(current.key.namespace.as_str())
                    .push_bind(current.key.workflow_id.as_str())
                    .push_bind(current.run_id.as_bytes().as_slice());
            });
            query.push(
                " ON CONFLICT (namespace, workflow_id) DO UPDATE SET run_id = excluded.run_id",
            );
            query.build().execute(&mut *tx).await?;
        }
        Ok(())
    }

    async fn write_visibility(&self, tx: &mut SqliteConnection) -> Result<(), StoreError> {
        for piece in pieces(&self.visibility) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "INSERT INTO visibility (run_id, namespace, workflow_id, workflow_type, \
                 task_queue, status, start_time, execution_time, close_time, history_length, \
                 history_size_bytes, first_run_id, memo, search_attributes) ",
            );
            query.push_values(piece, |mut values, row| {
                values
                    .push_bind(row.run_id.as_bytes().as_slice())
                    .push_bind(row.key.namespace.as_str())
                    .push_bind(row.key.workflow_id.as_str())
                    .push_bind(row.workflow_type.as_str())
                    .push_bind(row.task_queue.as_str())
                    .push_bind(row.status as i32)
                    .push_bind(row.start_time.as_nanos())
                    .push_bind(row.execution_time.as_nanos())
                    .push_bind(row.close_time.map(|at| at.as_nanos()))
                    .push_bind(row.history_length)
                    .push_bind(row.history_size_bytes)
                    .push_bind(row.first_run_id.as_bytes().as_slice())
                    .push_bind(row.memo.as_deref().unwrap_or_default())
                    .push_bind(row.search_attributes.as_deref().unwrap_or_default());
            });
            // What only the start knows stays as it is.
            query.push(
                " ON CONFLICT (run_id) DO UPDATE SET status = excluded.status, \
                 close_time = excluded.close_time, history_length = excluded.history_length, \
                 history_size_bytes = excluded.history_size_bytes",
            );
            query.build().execute(&mut *tx).await?;
        }
        Ok(())
    }

    async fn write_counts(&self, tx: &mut SqliteConnection) -> Result<(), StoreError> {
        let counts: Vec<_> = self.counts.iter().filter(|(_, by)| **by != 0).collect();
        for piece in pieces(&counts) {
            let mut query =
                QueryBuilder::<Sqlite>::new("INSERT INTO run_counts (namespace, status, runs) ");
            query.push_values(piece, |mut values, ((namespace, status), by)| {
                values
                    .push_bind(namespace.as_str())
                    .push_bind(*status)
                    .push_bind(**by);
            });
            query
                .push(" ON CONFLICT (namespace, status) DO UPDATE SET runs = runs + excluded.runs");
            query.build().execute(&mut *tx).await?;
        }
        Ok(())
    }
}

/// Deletes rows of a table by run and event.
async fn delete(
    tx: &mut SqliteConnection,
    table: &str,
    event_column: &str,
    keys: &[(RunId, i64)],
) -> Result<(), StoreError> {
    for piece in pieces(keys) {
        let mut query = QueryBuilder::<Sqlite>::new(format!(
            "DELETE FROM {table} WHERE (run_id, {event_column}) IN ("
        ));
        push_keys(&mut query, piece);
        query.push(")");
        query.build().execute(&mut *tx).await?;
    }
    Ok(())
}

fn push_keys(query: &mut QueryBuilder<Sqlite>, keys: &[(RunId, i64)]) {
    query.push_values(keys, |mut values, (run_id, event_id)| {
        values
            .push_bind(run_id.as_bytes().as_slice())
            .push_bind(*event_id);
    });
}
