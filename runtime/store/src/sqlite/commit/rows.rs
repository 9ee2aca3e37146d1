//! The rows of a write, and the statements that write them.

use std::collections::HashMap;

use mainspring_engine::ids::{Namespace, RunId, WorkflowId, WorkflowKey};
use mainspring_engine::time::Timestamp;
use mainspring_engine::transition::{
    ActivityRow, ActivityWrite, ChildRow, CurrentRow, EventBatch, LetterStage, OutboxRow,
    RunChange, RunRow, TakenLetter, TimerRow, VisibilityRow, Write,
};
use rusqlite::params;
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;

use super::{attributes, deletes};
use crate::StoreError;
use crate::sqlite::connection::Sql;

type Written = Result<(), StoreError>;

/// Writes rows, and adds up what is written once for all of them.
pub(super) struct Rows<'a> {
    sql: &'a Sql<'a>,
    counts: HashMap<(&'a Namespace, i32), i64>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(sql: &'a Sql<'a>) -> Self {
        Self {
            sql,
            counts: HashMap::new(),
        }
    }

    /// Writes the rows of a write whose guards hold.
    pub(super) fn write(&mut self, write: &'a Write) -> Written {
        match write {
            Write::Activities { key, writes } => {
                for write in writes {
                    self.activity(key, &write.row)?;
                    self.wake_by(write)?;
                }
            }
            Write::Delete { key, run_id } => self.delete_run(key, *run_id)?,
            Write::DeleteRemains { run_id } => deletes::go_on(self.sql, *run_id)?,
            Write::Transition(transition) => {
                for letter in &transition.taken {
                    self.taken(letter)?;
                }
                if let Some(current) = &transition.current {
                    self.current(current)?;
                }
                for run in &transition.runs {
                    self.run_change(run)?;
                }
            }
        }
        Ok(())
    }

    /// Writes what was added up.
    pub(super) fn finish(self) -> Written {
        for ((namespace, status), by) in self.counts {
            if by != 0 {
                self.sql.run(
                    "INSERT INTO run_counts (namespace, status, runs) VALUES (?, ?, ?) \
                     ON CONFLICT (namespace, status) DO UPDATE SET runs = runs + excluded.runs",
                    params![namespace.as_str(), status, by],
                )?;
            }
        }
        Ok(())
    }

    fn run_change(&mut self, run: &'a RunChange) -> Written {
        let run_id = run.row.run_id;
        self.run(&run.row)?;
        if let Some(events) = &run.events {
            self.events(events)?;
        }
        for row in &run.activities {
            self.activity(&run.row.key, row)?;
        }
        for event_id in &run.closed_activities {
            self.delete(
                "DELETE FROM activities WHERE run_id = ? AND scheduled_event_id = ?",
                run_id,
                *event_id,
            )?;
        }
        for row in &run.timers {
            self.timer(row)?;
        }
        for event_id in &run.closed_timers {
            self.delete(
                "DELETE FROM timers WHERE run_id = ? AND started_event_id = ?",
                run_id,
                *event_id,
            )?;
        }
        for row in &run.children {
            self.child(row)?;
        }
        for event_id in &run.closed_children {
            self.delete(
                "DELETE FROM children WHERE run_id = ? AND initiated_event_id = ?",
                run_id,
                *event_id,
            )?;
        }
        for row in &run.outbox {
            self.letter(row)?;
        }
        for event_id in &run.delivered {
            self.delete(
                "DELETE FROM outbox WHERE run_id = ? AND event_id = ?",
                run_id,
                *event_id,
            )?;
        }
        for request_id in &run.request_ids {
            self.sql.run(
                "INSERT OR IGNORE INTO request_ids (run_id, request_id) VALUES (?, ?)",
                params![run_id.as_bytes(), request_id.as_str()],
            )?;
        }
        for update in &run.completed_updates {
            self.sql.run(
                "INSERT OR IGNORE INTO completed_updates (run_id, update_id, completed_event_id) \
                 VALUES (?, ?, ?)",
                params![
                    run_id.as_bytes(),
                    update.update_id.as_str(),
                    update.completed_event_id
                ],
            )?;
        }
        if let Some(row) = &run.visibility {
            self.visibility(row)?;
            let mut count = |status: WorkflowExecutionStatus, by: i64| {
                let place = (&row.key.namespace, status as i32);
                *self.counts.entry(place).or_default() += by;
            };
            count(row.status, 1);
            if run.row.version > 1 {
                // It was counted as running when it started.
                count(WorkflowExecutionStatus::Running, -1);
                attributes::update(self.sql, row)?;
            }
            attributes::index(self.sql, row)?;
        }
        Ok(())
    }

    /// Most steps leave a run open and on its component: those columns are not
    /// touched then, so that the index over them is not written either.
    fn run(&mut self, row: &RunRow) -> Written {
        let run_id = row.run_id.as_bytes();
        let version = i64::try_from(row.version).unwrap_or(i64::MAX);
        let wake_at = row.wake_at.map(Timestamp::as_nanos);
        if row.version > 1 && row.status == WorkflowExecutionStatus::Running {
            self.sql.run(
                "UPDATE runs SET version = ?2, wake_at = ?3, state = ?4 WHERE run_id = ?1",
                params![run_id, version, wake_at, row.state],
            )?;
            return Ok(());
        }
        self.sql.run(
            "INSERT INTO runs (run_id, version, wake_at, state, namespace, workflow_id, digest, \
             status) VALUES (?, ?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT (run_id) DO UPDATE SET version = excluded.version, \
             wake_at = excluded.wake_at, state = excluded.state, digest = excluded.digest, \
             status = excluded.status",
            params![
                run_id,
                version,
                wake_at,
                row.state,
                row.key.namespace.as_str(),
                row.key.workflow_id.as_str(),
                row.digest.as_bytes(),
                row.status as i32,
            ],
        )?;
        Ok(())
    }

    fn events(&mut self, batch: &EventBatch) -> Written {
        self.sql.run(
            "INSERT INTO history (run_id, first_event_id, last_event_id, events) \
             VALUES (?, ?, ?, ?)",
            params![
                batch.run_id.as_bytes(),
                batch.first_event_id,
                batch.last_event_id,
                batch.bytes,
            ],
        )?;
        Ok(())
    }

    fn activity(&mut self, key: &WorkflowKey, row: &ActivityRow) -> Written {
        self.sql.run(
            "INSERT INTO activities (run_id, scheduled_event_id, namespace, workflow_id, \
             task_queue, queued_at, stamp, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT (run_id, scheduled_event_id) DO UPDATE SET \
             task_queue = excluded.task_queue, queued_at = excluded.queued_at, \
             stamp = excluded.stamp, state = excluded.state",
            params![
                row.run_id.as_bytes(),
                row.scheduled_event_id,
                key.namespace.as_str(),
                key.workflow_id.as_str(),
                row.task_queue.as_str(),
                row.queued_at.map(Timestamp::as_nanos),
                i64::try_from(row.stamp).unwrap_or(i64::MAX),
                row.state,
            ],
        )?;
        Ok(())
    }

    /// An activity was written alone: its run is looked at by then.
    fn wake_by(&mut self, write: &ActivityWrite) -> Written {
        let Some(at) = write.wake_at else {
            return Ok(());
        };
        self.sql.run(
            "UPDATE runs SET wake_at = ?2 \
             WHERE run_id = ?1 AND (wake_at IS NULL OR wake_at > ?2)",
            params![write.row.run_id.as_bytes(), at.as_nanos()],
        )?;
        Ok(())
    }

    fn timer(&mut self, row: &TimerRow) -> Written {
        self.sql.run(
            "INSERT INTO timers (run_id, started_event_id, timer_id, fire_at) \
             VALUES (?, ?, ?, ?)",
            params![
                row.run_id.as_bytes(),
                row.started_event_id,
                row.timer_id.as_str(),
                row.fire_at.as_nanos(),
            ],
        )?;
        Ok(())
    }

    fn child(&mut self, row: &ChildRow) -> Written {
        self.sql.run(
            "INSERT INTO children (run_id, initiated_event_id, state) VALUES (?, ?, ?) \
             ON CONFLICT (run_id, initiated_event_id) DO UPDATE SET state = excluded.state",
            params![row.run_id.as_bytes(), row.initiated_event_id, row.state],
        )?;
        Ok(())
    }

    fn letter(&mut self, row: &OutboxRow) -> Written {
        self.sql.run(
            "INSERT INTO outbox (run_id, event_id, stage, namespace, workflow_id, letter) \
             VALUES (?, ?, ?, ?, ?, ?) \
             ON CONFLICT (run_id, event_id) DO UPDATE SET stage = excluded.stage, \
             namespace = excluded.namespace, workflow_id = excluded.workflow_id, \
             letter = excluded.letter",
            params![
                row.run_id.as_bytes(),
                row.event_id,
                row.stage as i64,
                row.to.namespace.as_str(),
                row.to.workflow_id.as_str(),
                &*row.letter,
            ],
        )?;
        Ok(())
    }

    /// A letter that was taken becomes its answer, or is gone.
    fn taken(&mut self, letter: &TakenLetter) -> Written {
        let Some((to, answer)) = &letter.answer else {
            return self.delete(
                "DELETE FROM outbox WHERE run_id = ? AND event_id = ?",
                letter.run_id,
                letter.event_id,
            );
        };
        self.letter(&OutboxRow {
            run_id: letter.run_id,
            event_id: letter.event_id,
            stage: LetterStage::Answered,
            to: to.clone(),
            letter: answer.clone(),
        })
    }

    fn delete_run(&mut self, key: &'a WorkflowKey, run_id: RunId) -> Written {
        if let Some(status) = deletes::closed_as(self.sql, key, run_id)? {
            *self.counts.entry((&key.namespace, status)).or_default() -= 1;
        }
        deletes::delete(self.sql, key, run_id)
    }

    /// Deletes a row by run and event.
    fn delete(&mut self, text: &'static str, run_id: RunId, event_id: i64) -> Written {
        self.sql.run(text, params![run_id.as_bytes(), event_id])?;
        Ok(())
    }

    fn current(&mut self, row: &CurrentRow) -> Written {
        self.sql.run(
            "INSERT INTO current_runs (namespace, workflow_id, run_id) VALUES (?, ?, ?) \
             ON CONFLICT (namespace, workflow_id) DO UPDATE SET run_id = excluded.run_id",
            params![
                row.key.namespace.as_str(),
                row.key.workflow_id.as_str(),
                row.run_id.as_bytes(),
            ],
        )?;
        Ok(())
    }

    /// What only the start knows stays as it is.
    fn visibility(&mut self, row: &VisibilityRow) -> Written {
        self.sql.run(
            "INSERT INTO visibility (run_id, namespace, workflow_id, workflow_type, \
             task_queue, status, start_time, execution_time, close_time, history_length, \
             history_size_bytes, first_run_id, parent_workflow_id, parent_run_id, \
             root_workflow_id, root_run_id, memo, search_attributes, problems) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT (run_id) DO UPDATE SET status = excluded.status, \
             close_time = excluded.close_time, history_length = excluded.history_length, \
             history_size_bytes = excluded.history_size_bytes, \
             problems = excluded.problems",
            params![
                row.run_id.as_bytes(),
                row.key.namespace.as_str(),
                row.key.workflow_id.as_str(),
                row.workflow_type.as_str(),
                row.task_queue.as_str(),
                row.status as i32,
                row.start_time.as_nanos(),
                row.execution_time.as_nanos(),
                row.close_time.map(Timestamp::as_nanos),
                row.history_length,
                row.history_size_bytes,
                row.first_run_id.as_bytes(),
                workflow_id(&row.parent),
                run_id(&row.parent),
                workflow_id(&row.root),
                run_id(&row.root),
                row.memo.as_deref().unwrap_or_default(),
                row.search_attributes.as_deref().unwrap_or_default(),
                lines(&row.problems),
            ],
        )?;
        Ok(())
    }
}

/// Another run that a row names, if it does.
type Relative = Option<(WorkflowId, RunId)>;

fn workflow_id(of: &Relative) -> Option<&str> {
    of.as_ref().map(|(workflow_id, _)| workflow_id.as_str())
}

fn run_id(of: &Relative) -> Option<String> {
    of.as_ref().map(|(_, run_id)| run_id.to_string())
}

/// Texts as the lines of one; `None` for none.
fn lines(texts: &[String]) -> Option<String> {
    (!texts.is_empty()).then(|| texts.join("\n"))
}
