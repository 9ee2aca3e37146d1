//! An activity task on its way to a worker.

use std::sync::Arc;

use mainspring_engine::activity::StartedAttempt;
use mainspring_engine::ids::{RunId, WorkflowKey};
use temporalio_protos::temporal::api::history::v1::ActivityTaskScheduledEventAttributes;

/// What happens to a task that never reached the transport: it is given back to
/// its mailbox, which makes it wait for another poll under a new nonce.
pub type GiveBack = Box<dyn FnOnce() + Send>;

/// A started attempt, durable, for exactly one worker.
///
/// Call [`ActivityTask::handed_over`] when the response is about to be returned
/// to the transport. Dropped before that (the worker hung up), the task is given
/// back at once; afterwards only timeouts speak.
pub struct ActivityTask {
    /// Sent back with everything the worker says of it.
    pub token: Vec<u8>,
    /// Whose activity.
    pub key: WorkflowKey,
    /// The run.
    pub run_id: RunId,
    /// Type, ID, input, headers as they were scheduled.
    pub scheduled: Arc<ActivityTaskScheduledEventAttributes>,
    /// The attempt: its number, times, timeouts and the last heartbeat's details.
    pub attempt: StartedAttempt,
    give_back: Option<GiveBack>,
}

impl ActivityTask {
    /// Wraps a committed attempt.
    pub(crate) fn new(
        token: Vec<u8>,
        key: WorkflowKey,
        run_id: RunId,
        scheduled: Arc<ActivityTaskScheduledEventAttributes>,
        attempt: StartedAttempt,
        give_back: GiveBack,
    ) -> Self {
        Self {
            token,
            key,
            run_id,
            scheduled,
            attempt,
            give_back: Some(give_back),
        }
    }

    /// The worker will get it: no giving back from here on.
    pub fn handed_over(&mut self) {
        self.give_back = None;
    }
}

impl Drop for ActivityTask {
    fn drop(&mut self) {
        if let Some(give_back) = self.give_back.take() {
            give_back();
        }
    }
}

impl std::fmt::Debug for ActivityTask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActivityTask")
            .field("key", &self.key)
            .field("run_id", &self.run_id)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
