//! The rows of a world's disk: what a write does to them, and what must never be in
//! them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mainspring_engine::ids::{RunId, WorkflowKey};
use mainspring_engine::transition::{
    ActivityRow, ChildRow, EventBatch, LetterStage, OutboxRow, RunChange, RunImage, RunRow,
    TakenLetter, TimerRow, Transition, VisibilityRow, Write,
};
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;

/// The rows of a world.
#[derive(Debug, Default)]
pub struct Rows {
    /// Runs.
    pub runs: BTreeMap<RunId, RunRow>,
    /// The latest run of each workflow ID.
    pub current: HashMap<WorkflowKey, RunId>,
    /// Histories.
    pub history: BTreeMap<RunId, Vec<EventBatch>>,
    /// Pending activities.
    pub activities: BTreeMap<(RunId, i64), (WorkflowKey, ActivityRow)>,
    /// Open timers.
    pub timers: BTreeMap<(RunId, i64), TimerRow>,
    /// Open children.
    pub children: BTreeMap<(RunId, i64), ChildRow>,
    /// Letters without an answer.
    pub outbox: BTreeMap<(RunId, i64), OutboxRow>,
    pub(crate) request_ids: BTreeSet<(RunId, String)>,
    pub(crate) completed_updates: BTreeMap<(RunId, String), i64>,
    pub(crate) visibility: BTreeMap<RunId, VisibilityRow>,
}

impl Rows {
    /// Whether a write may be written.
    pub(crate) fn guards_hold(&self, write: &Write) -> bool {
        match write {
            Write::Delete { key, run_id } => self.runs.get(run_id).is_some_and(|row| {
                row.key == *key && row.status != WorkflowExecutionStatus::Running
            }),
            // A run is deleted whole.
            Write::DeleteRemains { .. } => false,
            Write::Transition(Transition {
                runs,
                current,
                taken,
            }) => {
                let letters = taken.iter().all(|letter| {
                    let stored = self.outbox.get(&(letter.run_id, letter.event_id));
                    stored.is_some_and(|stored| stored.stage == letter.stage)
                });
                let versions = runs.iter().all(|run| {
                    let stored = self.runs.get(&run.row.run_id).map_or(0, |row| row.version);
                    stored + 1 == run.row.version
                });
                versions
                    && letters
                    && current.as_ref().is_none_or(|current| {
                        self.current.get(&current.key).copied() == current.replaces
                    })
            }
            Write::Activities { writes, .. } => writes.iter().all(|write| {
                let place = (write.row.run_id, write.row.scheduled_event_id);
                let stored = self.activities.get(&place);
                stored.is_some_and(|(_, row)| row.stamp + 1 == write.row.stamp)
            }),
        }
    }

    /// Writes it; an error says what must not be.
    pub(crate) fn write(&mut self, write: &Write) -> Result<(), String> {
        match write {
            Write::Activities { key, writes } => {
                for write in writes {
                    let row = &write.row;
                    let place = (row.run_id, row.scheduled_event_id);
                    self.activities.insert(place, (key.clone(), row.clone()));
                    if let Some(at) = write.wake_at
                        && let Some(run) = self.runs.get_mut(&row.run_id)
                        && run.wake_at.is_none_or(|wake_at| wake_at > at)
                    {
                        run.wake_at = Some(at);
                    }
                }
                Ok(())
            }
            Write::Delete { key, run_id } => {
                self.delete(key, *run_id);
                Ok(())
            }
            Write::DeleteRemains { .. } => Ok(()),
            Write::Transition(transition) => {
                for letter in &transition.taken {
                    self.take_letter(letter);
                }
                if let Some(current) = &transition.current {
                    self.current.insert(current.key.clone(), current.run_id);
                }
                for run in &transition.runs {
                    self.write_run(run)?;
                }
                let mut keys = transition.runs.iter().map(|run| &run.row.key);
                keys.try_for_each(|key| self.one_is_open(key))
            }
        }
    }

    fn write_run(&mut self, run: &RunChange) -> Result<(), String> {
        let run_id = run.row.run_id;
        let closed_before = self
            .runs
            .get(&run_id)
            .is_some_and(|row| row.status != WorkflowExecutionStatus::Running);
        self.runs.insert(run_id, run.row.clone());
        if let Some(events) = &run.events {
            let history = self.history.entry(run_id).or_default();
            let next = history.last().map_or(1, |batch| batch.last_event_id + 1);
            if events.first_event_id != next {
                let first = events.first_event_id;
                return Err(format!("run {run_id}: event {first} follows {}", next - 1));
            }
            if closed_before {
                return Err(format!("run {run_id}: events after its close"));
            }
            history.push(events.clone());
        }
        for row in &run.activities {
            let place = (run_id, row.scheduled_event_id);
            self.activities
                .insert(place, (run.row.key.clone(), row.clone()));
        }
        for event_id in &run.closed_activities {
            self.activities.remove(&(run_id, *event_id));
        }
        for row in &run.timers {
            self.timers
                .insert((run_id, row.started_event_id), row.clone());
        }
        for event_id in &run.closed_timers {
            self.timers.remove(&(run_id, *event_id));
        }
        for row in &run.children {
            let place = (run_id, row.initiated_event_id);
            self.children.insert(place, row.clone());
        }
        for event_id in &run.closed_children {
            self.children.remove(&(run_id, *event_id));
        }
        for row in &run.outbox {
            self.outbox.insert((row.run_id, row.event_id), row.clone());
        }
        for event_id in &run.delivered {
            self.outbox.remove(&(run_id, *event_id));
        }
        for request_id in &run.request_ids {
            self.request_ids.insert((run_id, request_id.clone()));
        }
        for update in &run.completed_updates {
            let place = (run_id, update.update_id.clone());
            let event_id = update.completed_event_id;
            self.completed_updates.insert(place, event_id);
        }
        if let Some(row) = &run.visibility {
            let mut row = row.clone();
            if let Some(old) = self.visibility.get(&run_id) {
                // What a write leaves out stays as it is.
                row.memo = row.memo.or_else(|| old.memo.clone());
                let attributes = old.search_attributes.clone();
                row.search_attributes = row.search_attributes.or(attributes);
            }
            self.visibility.insert(run_id, row);
        }
        Ok(())
    }

    fn take_letter(&mut self, letter: &TakenLetter) {
        let place = (letter.run_id, letter.event_id);
        match &letter.answer {
            None => drop(self.outbox.remove(&place)),
            Some((to, answer)) => {
                let row = OutboxRow {
                    run_id: letter.run_id,
                    event_id: letter.event_id,
                    stage: LetterStage::Answered,
                    to: to.clone(),
                    letter: answer.clone(),
                };
                self.outbox.insert(place, row);
            }
        }
    }

    fn delete(&mut self, key: &WorkflowKey, run_id: RunId) {
        self.runs.remove(&run_id);
        self.history.remove(&run_id);
        self.visibility.remove(&run_id);
        if self.current.get(key) == Some(&run_id) {
            self.current.remove(key);
        }
    }

    /// What a restart reads of a run.
    pub fn image(&self, row: &RunRow) -> RunImage {
        let of_run = (row.run_id, i64::MIN)..=(row.run_id, i64::MAX);
        let activities = self.activities.range(of_run.clone());
        let timers = self.timers.range(of_run.clone());
        let children = self.children.range(of_run.clone());
        let outbox = self.outbox.range(of_run);
        RunImage {
            row: row.clone(),
            activities: activities.map(|(_, (_, row))| row.clone()).collect(),
            timers: timers.map(|(_, row)| row.clone()).collect(),
            children: children.map(|(_, row)| row.clone()).collect(),
            outbox: outbox.map(|(_, row)| row.clone()).collect(),
        }
    }

    fn one_is_open(&self, key: &WorkflowKey) -> Result<(), String> {
        let open = self
            .runs
            .values()
            .filter(|row| row.key == *key && row.status == WorkflowExecutionStatus::Running)
            .count();
        if open > 1 {
            return Err(format!("workflow {key} has {open} open runs"));
        }
        Ok(())
    }
}
