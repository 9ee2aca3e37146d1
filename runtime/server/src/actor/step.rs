//! What a step has promised and not yet made true.

use mainspring_engine::activity::StartedAttempt;
use mainspring_engine::ids::{RunId, TaskQueue};
use mainspring_engine::time::Timestamp;
use mainspring_engine::transition::{ActivityWrite, RunChange, TakenLetter};
use std::sync::Arc;
use temporalio_protos::temporal::api::history::v1::ActivityTaskScheduledEventAttributes;

use super::deletes::Deletion;
use crate::commit::CommitError;
use crate::components::Pin;
use crate::error::ServerError;
use crate::mailbox::message::Reply;
use crate::matching::poller::Reserved;
use crate::matching::queue::TaskHint;

/// An answer that leaves after the commit.
type Answer = Box<dyn FnOnce(Result<(), CommitError>) + Send>;

/// A poll that was promised a task.
pub(super) struct Promised {
    pub(super) poller: Reserved,
    pub(super) task_queue: TaskQueue,
    pub(super) run_id: RunId,
    pub(super) attempt: StartedAttempt,
    pub(super) scheduled: Arc<ActivityTaskScheduledEventAttributes>,
}

/// One step under way.
#[derive(Default)]
pub(super) struct Step {
    answers: Vec<Answer>,
    /// Changes of runs that this step has replaced by a newer one.
    pub(super) replaced: Vec<RunChange>,
    /// Letters of other runs that this step has taken.
    pub(super) taken: Vec<TakenLetter>,
    /// Rows of pending activities that this step changed without the run.
    pub(super) activity_writes: Vec<ActivityWrite>,
    /// The first deadline of those rows.
    pub(super) wake_by: Option<Timestamp>,
    pub(super) promised: Vec<Promised>,
    /// Tasks that found no poll.
    pub(super) unmatched: Vec<TaskHint>,
    /// Runs that are deleted once the step is committed.
    pub(super) deletions: Vec<Deletion>,
    /// Versions that new runs of this step began on.
    pub(super) pins: Vec<Pin>,
    /// Runs that followed another in this step.
    pub(super) successors: usize,
    /// What was staged must not be committed, for this reason.
    pub(super) broken: Option<ServerError>,
}

impl Step {
    /// Answers with this, once what the step has recorded is durable.
    pub(super) fn answer<T: Send + 'static>(
        &mut self,
        reply: Reply<T>,
        answer: Result<T, ServerError>,
    ) {
        self.afterwards(move |committed| {
            // The caller may have hung up.
            let _ = reply.send(committed.and(answer));
        });
    }

    /// Does this once the step is durable, or is known not to be.
    pub(super) fn afterwards(
        &mut self,
        act: impl FnOnce(Result<(), ServerError>) + Send + 'static,
    ) {
        self.answers.push(Box::new(move |committed| {
            act(committed.map_err(|error| uncommitted(&error)));
        }));
    }

    /// Does this once the step is durable, and not where that is not known.
    pub(super) fn once_durable(&mut self, act: impl FnOnce() + Send + 'static) {
        self.answers.push(Box::new(move |committed| {
            if committed.is_ok() {
                act();
            }
        }));
    }

    /// Sends the answers off.
    pub(super) fn settle(&mut self, committed: Result<(), CommitError>) {
        for answer in self.answers.drain(..) {
            answer(committed.clone());
        }
    }
}

fn uncommitted(error: &CommitError) -> ServerError {
    ServerError::Unavailable(format!(
        "the request may not have been recorded ({error}); try again"
    ))
}
