//! Bringing code back by replay: the recorded history is handed out again, task
//! by task, and every command is checked against what was recorded.

use std::collections::VecDeque;

use mainspring_engine::guest::TaskFailure;
use mainspring_engine::history;
use mainspring_engine::ids::{RunId, WorkflowKey};
use mainspring_engine::replay::{Cutter, RecordedTask, Tail, compare};
use mainspring_engine::session::{RunEnd, RunFacts};
use mainspring_sandbox::{Component, Instance, Progress};
use mainspring_store::HistoryRange;
use temporalio_protos::temporal::api::enums::v1::WorkflowTaskFailedCause;

use super::guest::instantiate;
use crate::core::Core;
use crate::error::ServerError;

/// Bytes of history read at once.
const PAGE_BYTES: usize = 1024 * 1024;

/// A replay under way.
pub(super) struct Rebuild {
    component: Component,
    key: WorkflowKey,
    run_id: RunId,
    instance: Option<Instance>,
    cutter: Cutter,
    tasks: VecDeque<RecordedTask>,
    /// The task that the code is at work on.
    current: Option<RecordedTask>,
    /// The code has been given the current task.
    begun: bool,
    used_a_slice: bool,
}

/// Code that has heard all of its history.
pub(super) struct Rebuilt {
    pub(super) instance: Instance,
    pub(super) component: Component,
    pub(super) tail: Tail,
}

/// How far a replay came.
pub(super) enum RebuildProgress {
    /// Its slice is used up.
    More,
    /// There is no room for an instance at the moment.
    Crowded,
    /// At the end.
    Done(Box<Rebuilt>),
    /// The code trapped or wants something else than history has.
    Failed(TaskFailure),
    /// The history cannot be read at the moment.
    Unreadable(ServerError),
}

enum TaskProgress {
    Done,
    OutOfSlice,
    Failed(TaskFailure),
}

impl Rebuild {
    pub(super) fn new(component: Component, key: WorkflowKey, run_id: RunId) -> Self {
        Self {
            component,
            key,
            run_id,
            instance: None,
            cutter: Cutter::default(),
            tasks: VecDeque::new(),
            current: None,
            begun: false,
            used_a_slice: false,
        }
    }

    /// Whether it needs more than one slice.
    pub(super) fn has_used_a_slice(&self) -> bool {
        self.used_a_slice
    }

    /// Replays for about one slice. `last_event_id` is where history ends.
    pub(super) async fn go_on(&mut self, core: &Core, last_event_id: i64) -> RebuildProgress {
        let slice_ends = std::time::Instant::now() + core.limits.activation_slice;
        loop {
            if self.current.is_none() {
                self.current = self.tasks.pop_front();
            }
            if self.current.is_some() {
                match self.replay_task(core) {
                    TaskProgress::Done if std::time::Instant::now() < slice_ends => {}
                    TaskProgress::Done | TaskProgress::OutOfSlice => {
                        self.used_a_slice = true;
                        return RebuildProgress::More;
                    }
                    TaskProgress::Failed(failure) => return RebuildProgress::Failed(failure),
                }
                continue;
            }
            if self.cutter.last_event_id() < last_event_id {
                match self.read_page(core, last_event_id).await {
                    Ok(true) => continue,
                    Ok(false) => return RebuildProgress::Crowded,
                    Err(error) => return RebuildProgress::Unreadable(error),
                }
            }
            if let Some(task) = self.cutter.take_complete() {
                self.tasks.push_back(task);
                continue;
            }
            return match self.instance.take() {
                Some(instance) => RebuildProgress::Done(Box::new(Rebuilt {
                    instance,
                    component: self.component.clone(),
                    tail: std::mem::take(&mut self.cutter).into_tail(),
                })),
                None => RebuildProgress::Failed(broken("it is empty".to_owned())),
            };
        }
    }

    /// Reads the next page; `Ok(false)`: no room for an instance.
    async fn read_page(&mut self, core: &Core, to_event_id: i64) -> Result<bool, ServerError> {
        let from_event_id = self.cutter.last_event_id() + 1;
        let range = HistoryRange {
            from_event_id,
            to_event_id,
            max_bytes: PAGE_BYTES,
            reverse: false,
        };
        let batches = core.store.read_history(self.run_id, range).await?;
        if batches.is_empty() {
            return Err(ServerError::Internal(format!(
                "the history of run {} ends before event {from_event_id}",
                self.run_id
            )));
        }
        for batch in batches {
            let events = history::decode(&batch)
                .map_err(|error| ServerError::Internal(error.to_string()))?;
            for event in events {
                if event.event_id < from_event_id || event.event_id > to_event_id {
                    continue;
                }
                if event.event_id == 1 && self.instance.is_none() {
                    let facts = RunFacts::from_first_event(self.key.clone(), self.run_id, &event)
                        .ok_or_else(|| {
                        ServerError::Internal(format!(
                            "the history of run {} does not begin with its start",
                            self.run_id
                        ))
                    })?;
                    match instantiate(&self.component, facts, &core.limits) {
                        Ok(instance) => self.instance = Some(instance),
                        Err(()) => return Ok(false),
                    }
                }
                let task = self
                    .cutter
                    .push(event)
                    .map_err(|error| ServerError::Internal(error.to_string()))?;
                self.tasks.extend(task);
            }
        }
        Ok(true)
    }

    fn replay_task(&mut self, core: &Core) -> TaskProgress {
        let (Some(instance), Some(task)) = (&mut self.instance, &mut self.current) else {
            return TaskProgress::Failed(broken("it has a task before its start".to_owned()));
        };
        if !std::mem::replace(&mut self.begun, true) {
            instance.session().begin_task(task.input.clone());
        }
        let end = match instance.advance(core.limits.activation_slice) {
            Progress::OutOfSlice => return TaskProgress::OutOfSlice,
            Progress::Fault(fault) => return TaskProgress::Failed(fault.failure),
            Progress::Idle => None,
            Progress::Ended(end) => Some(end),
        };
        let checked = check(instance, task, end, &self.component);
        self.current = None;
        self.begun = false;
        match checked {
            Ok(()) => TaskProgress::Done,
            Err(failure) => TaskProgress::Failed(failure),
        }
    }
}

/// Compares what the code wants with what was recorded.
fn check(
    instance: &Instance,
    task: &RecordedTask,
    end: Option<RunEnd>,
    component: &Component,
) -> Result<(), TaskFailure> {
    let mut session = instance.session();
    let output = session.finish_task(end);
    let same_component = task.digest == component.digest().to_string();
    compare(&output.commands, &task.commands, same_component).map_err(|divergence| {
        TaskFailure {
            cause: WorkflowTaskFailedCause::NonDeterministicError,
            message: format!(
                "the workflow's code does not fit its history after event {}: {}",
                task.completed_event_id, divergence.summary
            ),
            details: divergence.diff,
        }
    })?;
    session.observe(&task.commands);
    Ok(())
}

fn broken(what: String) -> TaskFailure {
    TaskFailure {
        cause: WorkflowTaskFailedCause::NonDeterministicError,
        message: format!("the history cannot be replayed: {what}"),
        details: String::new(),
    }
}
