//! The commit pipeline: writes of many mailboxes become one durable transaction.
//!
//! There is no fixed delay: the pipeline takes what is waiting, commits it, and
//! takes what has come in meanwhile. Where mailboxes are at work whose writes are
//! still on their way, it waits for them, but no longer than the last commit took.
//! So a lone write pays one commit and no wait, and under load commits are large:
//! a page that many writes touch is written once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mainspring_engine::transition::Write;
use mainspring_store::{Store, StoreError, WriteOutcome};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Writes in one transaction, at most. Bounds the memory of a commit and the
/// wait of its first write.
const LARGEST_COMMIT: usize = 256;

/// The longest wait for writes that are on their way.
const LONGEST_WAIT: Duration = Duration::from_millis(2);
/// Between two looks for them.
const LOOK_AGAIN: Duration = Duration::from_micros(50);

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
    /// Writes whose answer is not there yet.
    waiting: Arc<AtomicUsize>,
    end: CancellationToken,
}

impl Committer {
    /// Starts the pipeline over a store, with room for `queue` waiting writes.
    /// `at_work` counts the mailboxes at work, those that wait for a commit included
    /// and those whose code is at long work left out: a loop has nothing to write, and
    /// every commit would wait for it. The task ends with [`Committer::close`].
    pub fn start(
        store: Arc<dyn Store>,
        queue: usize,
        at_work: Arc<AtomicUsize>,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(queue);
        let end = CancellationToken::new();
        let waiting = Arc::new(AtomicUsize::new(0));
        let mut pipeline = Pipeline {
            store,
            queue: receiver,
            at_work,
            waiting: waiting.clone(),
            end: end.clone(),
            gathers: true,
        };
        let runtime = Handle::current();
        let task = match runtime.runtime_flavor() {
            // A single thread, as simulations use, has no other to give, and nobody
            // else would get ready while it waits.
            RuntimeFlavor::CurrentThread => {
                pipeline.gathers = false;
                runtime.spawn(pipeline.run())
            }
            // A thread of its own: everybody waits for a commit, so it must not queue
            // behind everybody on the way.
            _ => runtime
                .clone()
                .spawn_blocking(move || runtime.block_on(pipeline.run())),
        };
        let committer = Self {
            queue: sender,
            waiting,
            end,
        };
        (committer, task)
    }

    /// Ends the pipeline once nothing is waiting; later writes are refused.
    pub fn close(&self) {
        self.end.cancel();
    }

    /// Returns once the write is durable, or why it is not. Waits where the
    /// pipeline is full: that is how a slow disk slows the mailboxes down.
    pub async fn commit(&self, write: Write) -> Result<(), CommitError> {
        let (answer, outcome) = oneshot::channel();
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let outcome = match self.queue.send((write, answer)).await {
            Ok(()) => outcome.await.unwrap_or(Err(CommitError::Closed)),
            Err(_) => Err(CommitError::Closed),
        };
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        outcome
    }
}

/// What the pipeline's task works with.
struct Pipeline {
    store: Arc<dyn Store>,
    queue: mpsc::Receiver<(Write, Answer)>,
    at_work: Arc<AtomicUsize>,
    waiting: Arc<AtomicUsize>,
    end: CancellationToken,
    /// Whether it waits for writes that are on their way.
    gathers: bool,
}

impl Pipeline {
    /// Until the end, when nothing is waiting.
    async fn run(mut self) {
        let mut batch = Vec::with_capacity(LARGEST_COMMIT);
        let mut last_commit = Duration::ZERO;
        loop {
            let taken = tokio::select! {
                biased;
                taken = self.queue.recv_many(&mut batch, LARGEST_COMMIT) => taken,
                () = self.end.cancelled() => 0,
            };
            if taken == 0 {
                return;
            }
            if self.gathers {
                self.gather(&mut batch, last_commit.min(LONGEST_WAIT));
            }
            let began = Instant::now();
            let (writes, answers): (Vec<Write>, Vec<Answer>) = batch.drain(..).unzip();
            match self.store.commit(&writes).await {
                Ok(outcomes) => answer_each(answers, outcomes),
                Err(error) => answer_all(answers, &error),
            }
            last_commit = began.elapsed();
        }
    }

    /// Waits on this thread, which is the pipeline's own, until no write is on its
    /// way or the time is over.
    fn gather(&mut self, batch: &mut Vec<(Write, Answer)>, at_most: Duration) {
        let began = Instant::now();
        while self.is_awaited() && batch.len() < LARGEST_COMMIT && began.elapsed() < at_most {
            std::thread::sleep(LOOK_AGAIN);
            while batch.len() < LARGEST_COMMIT
                && let Ok(more) = self.queue.try_recv()
            {
                batch.push(more);
            }
        }
    }

    /// Whether a mailbox is at work that does not wait for a commit yet.
    fn is_awaited(&self) -> bool {
        self.at_work.load(Ordering::Acquire) > self.waiting.load(Ordering::Acquire)
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
