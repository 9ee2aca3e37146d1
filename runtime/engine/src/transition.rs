//! What one durable commit holds, in the engine's words.
//!
//! The engine fills these in, the store writes them as they are. `state` fields
//! are the engine's own encoding and mean nothing to the store; every other
//! field is a column because something is looked up or guarded by it.

use std::sync::Arc;

use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;

use crate::ids::{Digest, RunId, TaskQueue, WorkflowId, WorkflowKey, WorkflowType};
use crate::search::IndexedAttribute;
use crate::time::Timestamp;

/// All that one step of one workflow ID changes: usually one run, two where a
/// start replaces a run that is open. Committed whole or not at all.
#[derive(Clone, Debug, Default)]
pub struct Transition {
    /// The runs that change.
    pub runs: Vec<RunChange>,
    /// Set when another run becomes the current one of the workflow ID.
    pub current: Option<CurrentRow>,
    /// Letters of other runs that this step has taken.
    pub taken: Vec<TakenLetter>,
}

/// What changes in one run.
#[derive(Clone, Debug)]
pub struct RunChange {
    /// The run's row as it is after the commit.
    pub row: RunRow,
    /// New events, if any.
    pub events: Option<EventBatch>,
    /// Pending activities that are new or changed.
    pub activities: Vec<ActivityRow>,
    /// Pending activities that closed, by their scheduled event.
    pub closed_activities: Vec<i64>,
    /// Timers that are new.
    pub timers: Vec<TimerRow>,
    /// Timers that fired or were cancelled, by their started event.
    pub closed_timers: Vec<i64>,
    /// Children that are new or changed.
    pub children: Vec<ChildRow>,
    /// Children that closed or never started, by their initiated event.
    pub closed_children: Vec<i64>,
    /// Letters to other runs that are new or changed.
    pub outbox: Vec<OutboxRow>,
    /// Letters whose answer this step records, by their event.
    pub delivered: Vec<i64>,
    /// Request IDs of messages taken, remembered as long as the run is kept
    /// (MSG-02).
    pub request_ids: Vec<String>,
    /// Updates that got their outcome, remembered as long as the run is kept
    /// (MSG-13).
    pub completed_updates: Vec<CompletedUpdate>,
    /// What lists and counts show. Set at the start and at the close, and in between
    /// only where the code changes it or the run becomes blocked or is not any more.
    pub visibility: Option<VisibilityRow>,
}

/// A run's own row.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// The run.
    pub run_id: RunId,
    /// Whose run it is.
    pub key: WorkflowKey,
    /// The component that its code comes from; written at the start and at the
    /// close, since a run stays on it.
    pub digest: Digest,
    /// Counts the commits of this run, from 1. A commit with version `n` is
    /// refused unless the stored version is `n - 1` (absent counts as 0).
    pub version: u64,
    /// Open or how it closed.
    pub status: WorkflowExecutionStatus,
    /// When the run must be looked at next even if nobody calls: the earliest
    /// of its timers, timeouts and retries. `EPOCH` where an activation is owed.
    /// `None`: never. Always `None` for a closed run.
    pub wake_at: Option<Timestamp>,
    /// The rest of the run's state, in the engine's encoding.
    pub state: Vec<u8>,
}

/// Consecutive events of one run as one stored value.
#[derive(Clone, Debug, PartialEq)]
pub struct EventBatch {
    /// The run.
    pub run_id: RunId,
    /// The first event's ID.
    pub first_event_id: i64,
    /// The last event's ID.
    pub last_event_id: i64,
    /// One format byte, then the events (see `history`).
    pub bytes: Vec<u8>,
}

/// A pending activity.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivityRow {
    /// The run.
    pub run_id: RunId,
    /// Its ActivityTaskScheduled event; the key within the run.
    pub scheduled_event_id: i64,
    /// Where its tasks go.
    pub task_queue: TaskQueue,
    /// Since when a task of it waits for a poller; `None` while it is started,
    /// backing off or otherwise not to be handed out.
    pub queued_at: Option<Timestamp>,
    /// Counts the writes of this row, from 1; guards row-only updates.
    pub stamp: u64,
    /// The rest, in the engine's encoding.
    pub state: Vec<u8>,
}

/// An open timer.
#[derive(Clone, Debug, PartialEq)]
pub struct TimerRow {
    /// The run.
    pub run_id: RunId,
    /// Its TimerStarted event; the key within the run.
    pub started_event_id: i64,
    /// Its ID.
    pub timer_id: String,
    /// When it is due.
    pub fire_at: Timestamp,
}

/// An update that has its outcome: the history has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedUpdate {
    /// Its ID, the key within the run.
    pub update_id: String,
    /// Its UpdateCompleted event.
    pub completed_event_id: i64,
}

/// A child that has not closed.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildRow {
    /// The parent's run.
    pub run_id: RunId,
    /// Its StartChildWorkflowExecutionInitiated event; the key within the run.
    pub initiated_event_id: i64,
    /// The rest, in the engine's encoding.
    pub state: Vec<u8>,
}

/// How far a letter has come (see [`crate::letter`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LetterStage {
    /// It waits for its child to start.
    Held = 0,
    /// On its way to the receiver.
    Sent = 1,
    /// Taken: the answer is on its way to the sender.
    Answered = 2,
    /// The sender has closed: what it asked for is taken back.
    Closing = 3,
}

impl LetterStage {
    /// Reads back what was stored.
    pub fn of_number(number: i64) -> Option<Self> {
        [Self::Held, Self::Sent, Self::Answered, Self::Closing]
            .into_iter()
            .find(|stage| *stage as i64 == number)
    }
}

/// A letter on its way from one run to another.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxRow {
    /// The run that sends it.
    pub run_id: RunId,
    /// Its event that the letter follows from; the key within the run.
    pub event_id: i64,
    /// How far it has come.
    pub stage: LetterStage,
    /// Whose mailbox it goes to.
    pub to: WorkflowKey,
    /// What it says, in the engine's encoding.
    pub letter: Arc<[u8]>,
}

/// A letter that a step has taken. The step is refused unless the letter is still
/// at this stage.
#[derive(Clone, Debug, PartialEq)]
pub struct TakenLetter {
    /// The run that sent it.
    pub run_id: RunId,
    /// Its event.
    pub event_id: i64,
    /// The stage that it was taken at.
    pub stage: LetterStage,
    /// The answer and where it goes to; `None`: the letter is gone.
    pub answer: Option<(WorkflowKey, Arc<[u8]>)>,
}

/// Which run of a workflow ID is the latest.
#[derive(Clone, Debug, PartialEq)]
pub struct CurrentRow {
    /// The workflow ID.
    pub key: WorkflowKey,
    /// Its latest run.
    pub run_id: RunId,
    /// The run that must be the latest until now; `None`: there must be none.
    pub replaces: Option<RunId>,
}

/// What lists and counts see of a run. Times are whole microseconds: what a list
/// tells is what a filter compares.
#[derive(Clone, Debug, PartialEq)]
pub struct VisibilityRow {
    /// The run.
    pub run_id: RunId,
    /// Whose run it is.
    pub key: WorkflowKey,
    /// Its type.
    pub workflow_type: WorkflowType,
    /// Its task queue.
    pub task_queue: TaskQueue,
    /// Open or how it closed.
    pub status: WorkflowExecutionStatus,
    /// When it started.
    pub start_time: Timestamp,
    /// When its first task could run (start plus delay).
    pub execution_time: Timestamp,
    /// When it closed.
    pub close_time: Option<Timestamp>,
    /// Events in the history; 0 while the run is open.
    pub history_length: i64,
    /// Bytes in the history; 0 while the run is open.
    pub history_size_bytes: i64,
    /// The first run of the chain.
    pub first_run_id: RunId,
    /// The run that started it, if one did.
    pub parent: Option<(WorkflowId, RunId)>,
    /// The top of the tree of runs that it is in; `None`: itself.
    pub root: Option<(WorkflowId, RunId)>,
    /// The memo, as a wire message; in a write, `None` leaves what is stored.
    pub memo: Option<Vec<u8>>,
    /// Custom search attributes, as a wire message; in a write, `None` leaves
    /// what is stored.
    pub search_attributes: Option<Vec<u8>>,
    /// Why the run is blocked, in the words of VIS-07; empty if it is not.
    pub problems: Vec<String>,
    /// In a write, the attributes that change in the index. A read leaves it empty.
    pub indexed: Vec<IndexedAttribute>,
}

/// A small write that touches one pending activity and neither history nor the
/// run's own state: a task that a poller took, a heartbeat, a task given back.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivityWrite {
    /// The row as it is after the commit; refused unless the stored stamp is
    /// `row.stamp - 1`.
    pub row: ActivityRow,
    /// The run must be looked at by then: lowers `RunRow::wake_at`, never
    /// raises it, and does not count as a version of the run.
    pub wake_at: Option<Timestamp>,
}

/// One item of a commit.
#[derive(Clone, Debug)]
pub enum Write {
    /// A step of a workflow ID.
    Transition(Transition),
    /// Pending activities of one workflow ID that changed and nothing else;
    /// written all or none.
    Activities {
        /// The workflow ID.
        key: WorkflowKey,
        /// The rows.
        writes: Vec<ActivityWrite>,
    },
    /// A closed run and all that is kept of it; refused while it is open. Nobody sees
    /// anything of it once this is written; what a long history leaves behind is
    /// deleted by [`Write::DeleteRemains`], piece by piece.
    Delete {
        /// The workflow ID.
        key: WorkflowKey,
        /// The run.
        run_id: RunId,
    },
    /// The next piece of what a deleted run has left behind; refused where nothing
    /// is left.
    DeleteRemains {
        /// The run.
        run_id: RunId,
    },
}

/// The image of a run that a restart reads: rows, not history.
#[derive(Clone, Debug)]
pub struct RunImage {
    /// The run's row.
    pub row: RunRow,
    /// Its pending activities, by scheduled event.
    pub activities: Vec<ActivityRow>,
    /// Its open timers, by started event.
    pub timers: Vec<TimerRow>,
    /// Its open children, by initiated event.
    pub children: Vec<ChildRow>,
    /// Its letters without an answer, by event.
    pub outbox: Vec<OutboxRow>,
}
