//! One waiting poll, seen from both ends.
//!
//! The poll's own end waits; the queue's end is taken by whoever has a task for
//! it. Between "taken" and "delivered" lies a commit, and the poll may run out
//! meanwhile: the state below decides which of the two comes first.
//!
//! ```text
//! Waiting + reserve          -> Reserved        a task is being committed for it
//! Waiting + poll runs out    -> Left            the poll answers "nothing"
//! Reserved + poll runs out   -> Reserved        it waits the commit out
//! Reserved + release         -> Waiting         the commit failed: back in the queue
//! Reserved + deliver         -> (task sent)     if the caller is gone, given back
//! Left + anything            -> Left            skipped by the queue
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::task::ActivityTask;

const WAITING: u8 = 0;
const RESERVED: u8 = 1;
const LEFT: u8 = 2;

#[derive(Debug)]
struct Shared {
    state: AtomicU8,
    identity: String,
    worker_instance_key: String,
    delivery: Mutex<Option<oneshot::Sender<Option<ActivityTask>>>>,
}

/// The queue's end of a poll that may be reserved.
#[derive(Clone, Debug)]
pub struct Waiter {
    shared: Arc<Shared>,
}

/// A poll that belongs to whoever holds this: deliver a task or release it.
#[derive(Debug)]
pub struct Reserved {
    shared: Arc<Shared>,
}

/// The poll's own end.
#[derive(Debug)]
pub struct Waiting {
    shared: Arc<Shared>,
    delivery: oneshot::Receiver<Option<ActivityTask>>,
}

/// Makes the two ends of a poll.
pub fn poll_pair(identity: String, worker_instance_key: String) -> (Waiter, Waiting) {
    let (sender, delivery) = oneshot::channel();
    let shared = Arc::new(Shared {
        state: AtomicU8::new(WAITING),
        identity,
        worker_instance_key,
        delivery: Mutex::new(Some(sender)),
    });
    let waiter = Waiter {
        shared: shared.clone(),
    };
    (waiter, Waiting { shared, delivery })
}

impl Waiter {
    /// Takes the poll, unless it has left or somebody else has it.
    pub fn reserve(&self) -> Option<Reserved> {
        self.shared
            .state
            .compare_exchange(WAITING, RESERVED, Ordering::AcqRel, Ordering::Acquire)
            .ok()?;
        Some(Reserved {
            shared: self.shared.clone(),
        })
    }

    /// Whether nobody will ever need this end again.
    pub fn is_gone(&self) -> bool {
        self.shared.state.load(Ordering::Acquire) == LEFT
    }

    /// The worker process that polls; empty if it did not say.
    pub fn worker_instance_key(&self) -> &str {
        &self.shared.worker_instance_key
    }

    /// Answers the poll with nothing, if it still waits.
    pub fn dismiss(&self) {
        if self
            .shared
            .state
            .compare_exchange(WAITING, LEFT, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
            && let Some(sender) = self.shared.delivery.lock().take()
        {
            let _ = sender.send(None);
        }
    }
}

impl Reserved {
    /// Who polls.
    pub fn identity(&self) -> &str {
        &self.shared.identity
    }

    /// Hands the task over. If the caller is gone, the task's own guard gives it
    /// back.
    pub fn deliver(self, task: ActivityTask) {
        if let Some(sender) = self.shared.delivery.lock().take() {
            drop(sender.send(Some(task)));
        }
    }

    /// Back to waiting; the queue's end is returned for the queue to keep.
    pub fn release(self) -> Waiter {
        self.shared.state.store(WAITING, Ordering::Release);
        Waiter {
            shared: self.shared,
        }
    }
}

impl Waiting {
    /// Resolves when a task came or the queue dismissed the poll.
    pub async fn delivered(&mut self) -> Option<ActivityTask> {
        (&mut self.delivery).await.unwrap_or(None)
    }

    /// The poll has run out: leave, or wait for the task that is being committed
    /// for it at this moment.
    pub async fn run_out(mut self) -> Option<ActivityTask> {
        if self.leave() {
            return None;
        }
        self.delivered().await
    }

    fn leave(&self) -> bool {
        self.shared
            .state
            .compare_exchange(WAITING, LEFT, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.leave();
    }
}
