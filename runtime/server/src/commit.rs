//! The commit pipeline: writes of many mailboxes become one durable transaction.
//!
//! There is no delay built in: the pipeline takes what is waiting, commits it,
//! and takes what has come in meanwhile. So a lone write pays one commit, and
//! under load a commit is shared by as many writes as arrived during the last.

use std::sync::Arc;

use mainspring_engine::transition::Write;
use mainspring_store::{Store, StoreError, WriteOutcome};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Writes in one transaction, at most. Bounds the memory of a commit and the
/// wait of its first write.
const LARGEST_COMMIT: usize = 256;

/// Why a write is not known to be durable.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// A guard did not hold: the state in memory is not that on disk.
    #[error("the stored state changed under this write")]
    Conflict,
    /// The store failed; whether it was applied must be read back.
    #[error("{0}")]
    Store(String),
    /// The server is shutting down; nothing was applied.
    #[error("the server is shutting down")]
    Closed,
}

type Answer = oneshot::Sender<Result<(), CommitError>>;

/// The way into the pipeline. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Committer {
    queue: mpsc::Sender<(Write, Answer)>,
    end: CancellationToken,
}

impl Committer {
    /// Starts the pipeline over a store, with room for `queue` waiting writes.
    /// The task ends with [`Committer::close`].
    pub fn start(store: Arc<dyn Store>, queue: usize) -> (Self, tokio::task::JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(queue);
        let end = CancellationToken::new();
        let pipeline = run(store, receiver, end.clone());
        let runtime = Handle::current();
        let task = match runtime.runtime_flavor() {
            // A single thread, as simulations use, has no other to give.
            RuntimeFlavor::CurrentThread => runtime.spawn(pipeline),
            // A thread of its own: everybody waits for a commit, so it must not queue
            // behind everybody on the way.
            _ => runtime
                .clone()
                .spawn_blocking(move || runtime.block_on(pipeline)),
        };
        (Self { queue: sender, end }, task)
    }

    /// Ends the pipeline once nothing is waiting; later writes are refused.
    pub fn close(&self) {
        self.end.cancel();
    }

    /// Returns once the write is durable, or why it is not. Waits where the
    /// pipeline is full: that is how a slow disk slows the mailboxes down.
    pub async fn commit(&self, write: Write) -> Result<(), CommitError> {
        let (answer, outcome) = oneshot::channel();
        if self.queue.send((write, answer)).await.is_err() {
            return Err(CommitError::Closed);
        }
        outcome.await.unwrap_or(Err(CommitError::Closed))
    }
}

/// Until the end, when nothing is waiting.
async fn run(
    store: Arc<dyn Store>,
    mut queue: mpsc::Receiver<(Write, Answer)>,
    end: CancellationToken,
) {
    let mut waiting = Vec::with_capacity(LARGEST_COMMIT);
    loop {
        let taken = tokio::select! {
            biased;
            taken = queue.recv_many(&mut waiting, LARGEST_COMMIT) => taken,
            () = end.cancelled() => 0,
        };
        if taken == 0 {
            return;
        }
        let (writes, answers): (Vec<Write>, Vec<Answer>) = waiting.drain(..).unzip();
        match store.commit(&writes).await {
            Ok(outcomes) => answer_each(answers, outcomes),
            Err(error) => answer_all(answers, &error),
        }
    }
}

fn answer_each(answers: Vec<Answer>, outcomes: Vec<WriteOutcome>) {
    debug_assert_eq!(answers.len(), outcomes.len());
    for (answer, outcome) in answers.into_iter().zip(outcomes) {
        // A caller that is gone dropped its state; nobody is left to tell.
        let _ = answer.send(match outcome {
            WriteOutcome::Applied => Ok(()),
            WriteOutcome::Conflict => Err(CommitError::Conflict),
        });
    }
}

fn answer_all(answers: Vec<Answer>, error: &StoreError) {
    tracing::error!(%error, writes = answers.len(), "a commit failed");
    for answer in answers {
        let _ = answer.send(Err(CommitError::Store(error.to_string())));
    }
}
