//! Durable state behind one trait.
//!
//! [`Store`] speaks the domain's words: commit these writes, read this history,
//! which runs are due. SQLite implements it ([`sqlite::SqliteStore`]); a second
//! implementation passes the same tests (the feature `suite`). It decides nothing:
//! it writes what the engine says, guards it by versions, and answers by index.

pub mod components;
pub mod namespaces;
pub mod search_attributes;
pub mod sqlite;
#[cfg(feature = "suite")]
#[allow(clippy::unwrap_used)] // It is a test, in a place where others can call it.
pub mod suite;
pub mod visibility;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use mainspring_engine::ids::{Namespace, RunId, TaskQueue, WorkflowKey};
use mainspring_engine::time::Timestamp;
use mainspring_engine::transition::{ActivityRow, EventBatch, OutboxRow, RunImage, Write};

use components::ComponentStore;
use namespaces::NamespaceStore;
use search_attributes::SearchAttributeStore;
use visibility::VisibilityStore;

/// A boxed future, so that the trait can be used behind `dyn`.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// What can go wrong between us and the disk.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing of the call was applied, or (for a commit) nobody knows whether
    /// it was: read the truth back before going on.
    #[error("the database did not answer: {reason}")]
    Unavailable {
        /// The database's own words.
        reason: String,
    },
    /// The disk is full or the file is read-only: nothing may be assumed of a commit.
    #[error(
        "the database cannot be written ({reason}); free disk space, or make the file and its \
         file system writable: the server goes on then by itself"
    )]
    ReadOnly {
        /// The database's own words.
        reason: String,
    },
    /// The file is damaged where it was read: nothing was applied.
    #[error(
        "the database is damaged ({reason}); stop the server, check its disk, and restore the \
         file from a backup"
    )]
    Damaged {
        /// The database's own words.
        reason: String,
    },
    /// Another server has this database open.
    #[error("another server has the database {path} open; stop it, or use another file")]
    Locked {
        /// The file.
        path: String,
    },
    /// A list or a count would look at more rows than it may.
    #[error("the filter would look at more than {rows_examined} runs")]
    TooManyRows {
        /// How many it may.
        rows_examined: usize,
    },
    /// A stored value cannot be read back.
    #[error("the stored {what} cannot be read: {reason}")]
    Corrupt {
        /// Which value.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// The file is no database of ours, or of a newer version.
    #[error("cannot open the database {path}: {reason}")]
    Open {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
}

/// What became of one write of a commit. A conflict fails that write alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// Durable.
    Applied,
    /// A guard (run version, current run, stamp, stage) did not hold: nothing
    /// of this write was applied.
    Conflict,
}

/// A run that must be looked at by a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueRun {
    /// When.
    pub wake_at: Timestamp,
    /// Whose mailbox.
    pub key: WorkflowKey,
    /// Which run.
    pub run_id: RunId,
}

/// A run that is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedRun {
    /// When it closed.
    pub closed_at: Timestamp,
    /// Whose run it is.
    pub key: WorkflowKey,
    /// The run.
    pub run_id: RunId,
}

/// A task that waits in a queue for a poller.
#[derive(Clone, Debug, PartialEq)]
pub struct QueuedTask {
    /// Whose activity.
    pub key: WorkflowKey,
    /// The pending activity.
    pub activity: ActivityRow,
}

/// A place in a task queue's order: after this time and row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueuePosition {
    /// When the task was queued.
    pub queued_at: Timestamp,
    /// The run.
    pub run_id: RunId,
    /// The activity in it.
    pub scheduled_event_id: i64,
}

/// Which events of a history to read. Batches come back whole, so the first and
/// the last one may hold events beyond the range; the caller cuts.
#[derive(Clone, Copy, Debug)]
pub struct HistoryRange {
    /// The first event wanted, from 1.
    pub from_event_id: i64,
    /// The last event wanted, inclusive.
    pub to_event_id: i64,
    /// Stop after this many bytes (at least one batch is read).
    pub max_bytes: usize,
    /// Newest batch first.
    pub reverse: bool,
}

/// Durable state. Every read is served by an index; anything that scans is a bug.
pub trait Store:
    ComponentStore + NamespaceStore + SearchAttributeStore + VisibilityStore + fmt::Debug + Send + Sync
{
    /// Commits the writes in one durable transaction and answers one outcome for
    /// each, in order. Writes of one call never touch the same run or activity
    /// twice. On an error nothing may be assumed.
    fn commit<'a>(&'a self, writes: &'a [Write]) -> StoreFuture<'a, Vec<WriteOutcome>>;

    /// The latest run of a workflow ID.
    fn current_run<'a>(&'a self, key: &'a WorkflowKey) -> StoreFuture<'a, Option<RunId>>;

    /// The rows of a run of this workflow ID; `None` if there is no such run.
    fn load_run<'a>(
        &'a self,
        key: &'a WorkflowKey,
        run_id: RunId,
    ) -> StoreFuture<'a, Option<RunImage>>;

    /// One pending activity.
    fn load_activity(
        &self,
        run_id: RunId,
        scheduled_event_id: i64,
    ) -> StoreFuture<'_, Option<ActivityRow>>;

    /// The event that holds the outcome of an update of this run, if it has one.
    fn completed_update<'a>(
        &'a self,
        run_id: RunId,
        update_id: &'a str,
    ) -> StoreFuture<'a, Option<i64>>;

    /// Whether the run has taken a message with this request ID.
    fn has_request_id<'a>(&'a self, run_id: RunId, request_id: &'a str) -> StoreFuture<'a, bool>;

    /// Stored batches that overlap the range, in the asked order.
    fn read_history(&self, run_id: RunId, range: HistoryRange) -> StoreFuture<'_, Vec<EventBatch>>;

    /// One letter.
    fn load_letter(&self, run_id: RunId, event_id: i64) -> StoreFuture<'_, Option<OutboxRow>>;

    /// Letters that are on their way (not those held), by run and event, after the
    /// given place, at most `limit`.
    fn letters(&self, after: Option<(RunId, i64)>, limit: usize)
    -> StoreFuture<'_, Vec<OutboxRow>>;

    /// Open runs with `wake_at` up to `until`, earliest first, after the given
    /// place, at most `limit`.
    fn due_runs(
        &self,
        until: Timestamp,
        after: Option<(Timestamp, RunId)>,
        limit: usize,
    ) -> StoreFuture<'_, Vec<DueRun>>;

    /// The closed runs of a namespace that closed first, in that order.
    fn oldest_closed_runs<'a>(
        &'a self,
        namespace: &'a Namespace,
        limit: usize,
    ) -> StoreFuture<'a, Vec<ClosedRun>>;

    /// Deleted runs of which something is left to delete, at most `limit`.
    fn remains(&self, limit: usize) -> StoreFuture<'_, Vec<RunId>>;

    /// Tasks that wait in a queue, oldest first, after the given place.
    fn queued_tasks<'a>(
        &'a self,
        namespace: &'a Namespace,
        queue: &'a TaskQueue,
        after: Option<QueuePosition>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<QueuedTask>>;

    /// How many tasks wait in a queue, counted up to `at_most`.
    fn count_queued_tasks<'a>(
        &'a self,
        namespace: &'a Namespace,
        queue: &'a TaskQueue,
        at_most: usize,
    ) -> StoreFuture<'a, usize>;

    /// Waits for what is under way and closes the files; later calls fail.
    fn close(&self) -> StoreFuture<'_, ()>;
}
