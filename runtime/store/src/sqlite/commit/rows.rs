//! The rows of a commit, by table, and the statements that write them.

use std::collections::HashMap;

use mainspring_engine::ids::{Namespace, RunId, WorkflowKey};
use mainspring_engine::time::Timestamp;
use mainspring_engine::transition::{
    ActivityRow, CurrentRow, EventBatch, RunChange, RunRow, TimerRow, VisibilityRow, Write,
};
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;

use super::{Script, pieces};
use crate::sqlite::sql;

/// Bytes that a row costs the log besides its blobs, roughly: the log holds whole
/// pages, and rows of one commit share some.
const ROW_BYTES: usize = 2_000;

/// The rows that a commit writes, by table.
#[derive(Default)]
pub(super) struct Rows<'a> {
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

impl<'a> Rows<'a> {
    /// Adds the rows of a write.
    pub(super) fn add(&mut self, write: &'a Write) {
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

    /// What they cost the log, roughly.
    pub(super) fn bytes(&self) -> usize {
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

    /// The statements that write them.
    pub(super) fn push(&self, script: &mut Script) {
        self.push_runs(script);
        self.push_history(script);
        self.push_activities(script);
        self.push_wake_times(script);
        self.push_timers(script);
        let activities = &self.closed_activities;
        push_delete(script, "activities", "scheduled_event_id", activities);
        push_delete(script, "timers", "started_event_id", &self.closed_timers);
        self.push_request_ids(script);
        self.push_current(script);
        self.push_visibility(script);
        self.push_counts(script);
    }

    /// Most steps leave a run open and on its component: those columns are not
    /// touched then, so that the index over them is not written either.
    fn push_runs(&self, script: &mut Script) {
        let (steps, others): (Vec<&RunRow>, Vec<&RunRow>) = self
            .runs
            .iter()
            .partition(|row| row.version > 1 && row.status == WorkflowExecutionStatus::Running);
        let whole = ", digest = excluded.digest, status = excluded.status";
        for (runs, more) in [(steps, ""), (others, whole)] {
            for piece in pieces(&runs) {
                script.push(
                    "INSERT INTO runs (run_id, namespace, workflow_id, digest, version, status, \
                     wake_at, state) ",
                );
                script.push_values(piece, |mut values, row| {
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
                script.push(format!(
                    " ON CONFLICT (run_id) DO UPDATE SET version = excluded.version, \
                     wake_at = excluded.wake_at, state = excluded.state{more};"
                ));
            }
        }
    }

    fn push_history(&self, script: &mut Script) {
        for piece in pieces(&self.history) {
            script.push("INSERT INTO history (run_id, first_event_id, last_event_id, events) ");
            script.push_values(piece, |mut values, batch| {
                values
                    .push_bind(batch.run_id.as_bytes().as_slice())
                    .push_bind(batch.first_event_id)
                    .push_bind(batch.last_event_id)
                    .push_bind(batch.bytes.as_slice());
            });
            script.push(";");
        }
    }

    fn push_activities(&self, script: &mut Script) {
        for piece in pieces(&self.activities) {
            script.push(
                "INSERT INTO activities (run_id, scheduled_event_id, namespace, workflow_id, \
                 task_queue, queued_at, stamp, state) ",
            );
            script.push_values(piece, |mut values, (key, activity)| {
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
            script.push(
                " ON CONFLICT (run_id, scheduled_event_id) DO UPDATE SET \
                 task_queue = excluded.task_queue, queued_at = excluded.queued_at, \
                 stamp = excluded.stamp, state = excluded.state",
            );
            script.push(";");
        }
    }

    /// For activities that were written alone: their run is looked at by then.
    fn push_wake_times(&self, script: &mut Script) {
        let wake_by: Vec<_> = self.wake_by.iter().collect();
        for piece in pieces(&wake_by) {
            script.push("UPDATE runs SET wake_at = by_then.column2 FROM (");
            script.push_values(piece, |mut values, (run_id, at)| {
                values
                    .push_bind(run_id.as_bytes().as_slice())
                    .push_bind(at.as_nanos());
            });
            script.push(
                ") AS by_then WHERE runs.run_id = by_then.column1 \
                 AND (runs.wake_at IS NULL OR runs.wake_at > by_then.column2)",
            );
            script.push(";");
        }
    }

    fn push_timers(&self, script: &mut Script) {
        for piece in pieces(&self.timers) {
            script.push("INSERT INTO timers (run_id, started_event_id, timer_id, fire_at) ");
            script.push_values(piece, |mut values, timer| {
                values
                    .push_bind(timer.run_id.as_bytes().as_slice())
                    .push_bind(timer.started_event_id)
                    .push_bind(timer.timer_id.as_str())
                    .push_bind(timer.fire_at.as_nanos());
            });
            script.push(";");
        }
    }

    fn push_request_ids(&self, script: &mut Script) {
        for piece in pieces(&self.request_ids) {
            script.push("INSERT OR IGNORE INTO request_ids (run_id, request_id) ");
            script.push_values(piece, |mut values, (run_id, request_id)| {
                values
                    .push_bind(run_id.as_bytes().as_slice())
                    .push_bind(*request_id);
            });
            script.push(";");
        }
    }

    fn push_current(&self, script: &mut Script) {
        for piece in pieces(&self.current) {
            script.push("INSERT INTO current_runs (namespace, workflow_id, run_id) ");
            script.push_values(piece, |mut values, current| {
                values
                    .push_bind(current.key.namespace.as_str())
                    .push_bind(current.key.workflow_id.as_str())
                    .push_bind(current.run_id.as_bytes().as_slice());
            });
            script.push(
                " ON CONFLICT (namespace, workflow_id) DO UPDATE SET run_id = excluded.run_id",
            );
            script.push(";");
        }
    }

    fn push_visibility(&self, script: &mut Script) {
        for piece in pieces(&self.visibility) {
            script.push(
                "INSERT INTO visibility (run_id, namespace, workflow_id, workflow_type, \
                 task_queue, status, start_time, execution_time, close_time, history_length, \
                 history_size_bytes, first_run_id, memo, search_attributes) ",
            );
            script.push_values(piece, |mut values, row| {
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
            script.push(
                " ON CONFLICT (run_id) DO UPDATE SET status = excluded.status, \
                 close_time = excluded.close_time, history_length = excluded.history_length, \
                 history_size_bytes = excluded.history_size_bytes",
            );
            script.push(";");
        }
    }

    fn push_counts(&self, script: &mut Script) {
        let counts: Vec<_> = self.counts.iter().filter(|(_, by)| **by != 0).collect();
        for piece in pieces(&counts) {
            script.push("INSERT INTO run_counts (namespace, status, runs) ");
            script.push_values(piece, |mut values, ((namespace, status), by)| {
                values
                    .push_bind(namespace.as_str())
                    .push_bind(*status)
                    .push_bind(**by);
            });
            script
                .push(" ON CONFLICT (namespace, status) DO UPDATE SET runs = runs + excluded.runs");
            script.push(";");
        }
    }
}

/// Deletes rows of a table by run and event.
fn push_delete(script: &mut Script, table: &str, event_column: &str, keys: &[(RunId, i64)]) {
    for piece in pieces(keys) {
        script.push(format!(
            "DELETE FROM {table} WHERE (run_id, {event_column}) IN ("
        ));
        sql::push_keys(script, piece);
        script.push(");");
    }
}
