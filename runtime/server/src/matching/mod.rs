//! Task dispatch: activity tasks meet the polls that wait for them.
//!
//! A new task is offered before its commit ([`Matching::reserve`]): if a poll
//! waits, "started by this worker" is part of the same commit and a server crash
//! never hands the attempt out twice. A task that finds no poll is remembered
//! after its commit ([`Matching::add_task`]) and meets the next one; the pair is
//! then confirmed by the mailbox of its workflow ID.

pub mod poller;
pub mod queue;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mainspring_engine::ids::{Namespace, TaskQueue};
use mainspring_engine::limits::Limits;
use mainspring_store::{QueuedTask, Store};
use parking_lot::Mutex;

use self::poller::{Reserved, poll_pair};
use self::queue::{Match, Queue, TaskHint, Wanted};
use crate::error::ServerError;
use crate::outside::Clock;
use crate::request::{PollActivity, PollerInfo, TaskQueueDescription};
use crate::task::ActivityTask;

/// Tasks read from disk at once.
const PAGE: usize = 200;
/// When a task that could not be handed out is looked at again.
const SECOND_LOOK: Duration = Duration::from_millis(200);
/// Tasks counted for a description, at most.
const BACKLOG_COUNTED: usize = 100_000;
/// Queues kept before idle ones are forgotten.
const QUEUES_BEFORE_SWEEP: usize = 1_000;

type QueueKey = (Namespace, TaskQueue);
type SharedQueue = Arc<Mutex<Queue>>;

/// Sends a pair to the mailbox of its workflow ID; gives it back where the
/// mailbox has no room.
pub type Confirm = Arc<dyn Fn(Match) -> Result<(), Box<Match>> + Send + Sync>;

/// All activity task queues. Cheap to clone.
#[derive(Clone)]
pub struct Matching {
    shared: Arc<Shared>,
}

struct Shared {
    queues: Mutex<HashMap<QueueKey, SharedQueue>>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    limits: Arc<Limits>,
    confirm: Confirm,
}

impl std::fmt::Debug for Matching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Matching").finish_non_exhaustive()
    }
}

impl Matching {
    /// No queue yet; each is made on first use (WRK-02).
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        limits: Arc<Limits>,
        confirm: Confirm,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                queues: Mutex::default(),
                store,
                clock,
                limits,
                confirm,
            }),
        }
    }

    /// A poll for a task that is about to be committed, if one waits and no
    /// older task does. The caller delivers to it after the commit, or returns it.
    pub fn reserve(&self, namespace: &Namespace, queue: &TaskQueue) -> Option<Reserved> {
        self.queue(namespace, queue).lock().reserve()
    }

    /// A reserved poll whose task did not come about.
    pub fn return_poller(&self, namespace: &Namespace, queue: &TaskQueue, poller: Reserved) {
        let shared_queue = self.queue(namespace, queue);
        let wanted = shared_queue.lock().return_poller(poller.release());
        self.carry_out(namespace, queue, &shared_queue, wanted);
    }

    /// A task turned out not to wait any more: the poll that it met waits on.
    pub fn drop_task(&self, namespace: &Namespace, task: &TaskHint, poller: Reserved) {
        self.return_poller(namespace, &task.task_queue, poller);
    }

    /// A task could not be handed out just now: it stays on disk and is read
    /// again a little later, and the poll that it met waits on.
    pub fn give_up(&self, namespace: &Namespace, poller: Reserved, task: TaskHint) {
        let shared_queue = self.queue(namespace, &task.task_queue);
        shared_queue.lock().keep_poller(poller.release());
        self.look_again(task);
    }

    /// A task waits on disk, or may: its queue is read a little later.
    pub fn look_again(&self, task: TaskHint) {
        let namespace = task.key.namespace.clone();
        let shared_queue = self.queue(&namespace, &task.task_queue);
        shared_queue.lock().leave_on_disk();
        let this = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(SECOND_LOOK).await;
            let wanted = shared_queue.lock().settle();
            this.carry_out(&namespace, &task.task_queue, &shared_queue, wanted);
        });
    }

    /// A committed task without a poll.
    pub fn add_task(&self, task: TaskHint) {
        let (namespace, queue) = (&task.key.namespace.clone(), &task.task_queue.clone());
        let shared_queue = self.queue(namespace, queue);
        let limit = self.shared.limits.queue_tasks_in_memory;
        let wanted = shared_queue.lock().add_task(task, limit);
        self.carry_out(namespace, queue, &shared_queue, wanted);
    }

    /// Waits up to `wait` for a task.
    pub async fn poll(
        &self,
        poll: PollActivity,
        wait: Duration,
    ) -> Result<Option<ActivityTask>, ServerError> {
        let shared_queue = self.queue(&poll.namespace, &poll.task_queue);
        let (waiter, mut waiting) = poll_pair(poll.identity, poll.worker_instance_key);
        let limit = self.shared.limits.queue_pollers;
        let (admitted, wanted) = shared_queue.lock().add_poller(waiter, limit);
        if !admitted {
            return Err(ServerError::ResourceExhausted(format!(
                "task queue {} has {limit} waiting polls (limit queue-pollers); \
                 run fewer pollers per worker",
                poll.task_queue
            )));
        }
        self.carry_out(&poll.namespace, &poll.task_queue, &shared_queue, wanted);
        tokio::select! {
            biased;
            task = waiting.delivered() => return Ok(task),
            () = tokio::time::sleep(wait) => {}
        }
        Ok(waiting.run_out().await)
    }

    /// Remembers a poller for show.
    pub fn note_poller(&self, namespace: &Namespace, queue: &TaskQueue, identity: &str) {
        let now = self.shared.clock.now();
        self.queue(namespace, queue)
            .lock()
            .note_poller(identity, now);
    }

    /// Answers the waiting polls of a worker process with nothing.
    pub fn dismiss_worker(&self, worker_instance_key: &str) {
        for queue in self.all_queues() {
            queue.lock().dismiss(worker_instance_key);
        }
    }

    /// Answers all waiting polls with nothing.
    pub fn dismiss_all(&self) {
        for queue in self.all_queues() {
            queue.lock().dismiss_all();
        }
    }

    /// Who polled a queue lately.
    pub fn pollers(&self, namespace: &Namespace, queue: &TaskQueue) -> Vec<PollerInfo> {
        let now = self.shared.clock.now();
        self.queue(namespace, queue).lock().pollers(now)
    }

    /// What a description shows of an activity queue.
    pub async fn describe(
        &self,
        namespace: &Namespace,
        queue: &TaskQueue,
    ) -> Result<TaskQueueDescription, ServerError> {
        let store = &self.shared.store;
        let backlog_count = store
            .count_queued_tasks(namespace, queue, BACKLOG_COUNTED)
            .await?;
        let oldest = store.queued_tasks(namespace, queue, None, 1).await?;
        let now = self.shared.clock.now();
        let backlog_age = oldest
            .first()
            .and_then(|task| task.activity.queued_at)
            .map(|queued_at| now.since(queued_at))
            .unwrap_or_default();
        Ok(TaskQueueDescription {
            pollers: self.pollers(namespace, queue),
            backlog_count,
            backlog_age,
        })
    }

    fn queue(&self, namespace: &Namespace, queue: &TaskQueue) -> SharedQueue {
        let mut queues = self.shared.queues.lock();
        let key = (namespace.clone(), queue.clone());
        if let Some(queue) = queues.get(&key) {
            return queue.clone();
        }
        if queues.len() >= QUEUES_BEFORE_SWEEP && queues.len().is_multiple_of(QUEUES_BEFORE_SWEEP) {
            let now = self.shared.clock.now();
            // A queue that somebody else holds right now stays.
            queues.retain(|_, queue| Arc::strong_count(queue) > 1 || !queue.lock().is_idle(now));
        }
        queues.entry(key).or_default().clone()
    }

    fn all_queues(&self) -> Vec<SharedQueue> {
        self.shared.queues.lock().values().cloned().collect()
    }

    /// Does what a queue wants, outside its lock.
    fn carry_out(
        &self,
        namespace: &Namespace,
        queue: &TaskQueue,
        shared_queue: &SharedQueue,
        wanted: Wanted,
    ) {
        for pair in wanted.matches {
            if let Err(refused) = (self.shared.confirm)(pair) {
                let Match { poller, task } = *refused;
                tracing::debug!(key = %task.key, "a full mailbox delays a task");
                self.give_up(namespace, poller, task);
            }
        }
        if wanted.load {
            let (this, namespace, queue) = (self.clone(), namespace.clone(), queue.clone());
            let shared_queue = shared_queue.clone();
            tokio::spawn(async move { this.load(&namespace, &queue, &shared_queue).await });
        }
    }

    async fn load(&self, namespace: &Namespace, queue: &TaskQueue, shared_queue: &SharedQueue) {
        let read = self
            .shared
            .store
            .queued_tasks(namespace, queue, None, PAGE)
            .await;
        let wanted = match read {
            Ok(page) => {
                let full = page.len() == PAGE;
                let hints = page.into_iter().map(hint).collect();
                shared_queue.lock().loaded(hints, full)
            }
            Err(error) => {
                tracing::warn!(%queue, %error, "cannot read the tasks that wait on disk");
                shared_queue.lock().load_failed();
                return;
            }
        };
        self.carry_out(namespace, queue, shared_queue, wanted);
    }
}

fn hint(task: QueuedTask) -> TaskHint {
    TaskHint {
        key: task.key,
        task_queue: task.activity.task_queue,
        run_id: task.activity.run_id,
        scheduled_event_id: task.activity.scheduled_event_id,
        scheduled: None,
    }
}
