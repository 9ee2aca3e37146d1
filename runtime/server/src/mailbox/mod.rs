//! Mailboxes: one per workflow ID that something is happening to.
//!
//! All that concerns a workflow ID goes through its mailbox, in order: starts,
//! messages, reports of workers, alarms. One task at a time works a mailbox off,
//! so no two steps of a workflow ID ever race. A mailbox without work is a few
//! rows in memory, or nothing at all.

pub mod message;

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt as _;
use mainspring_engine::ids::WorkflowKey;
use parking_lot::Mutex;
use tokio::sync::Notify;

use self::message::Message;
use crate::actor::Actor;
use crate::core::Core;

/// Locks that the map of mailboxes is split over.
const SHARDS: usize = 64;
/// Messages worked off in one step, at most: bounds a transition.
const LARGEST_STEP: usize = 100;

/// The mailbox has as many waiting messages as it may; carries the message back.
#[derive(Debug)]
pub struct Full(pub Box<Message>);

struct Mailbox {
    key: WorkflowKey,
    inner: Mutex<Inner>,
    /// A message came while the mailbox was worked off.
    came: Notify,
}

struct Inner {
    queue: VecDeque<Message>,
    /// A task works this mailbox off at the moment; it holds the actor.
    busy: bool,
    /// Removed from the map: senders look again.
    retired: bool,
    /// The actor between two pieces of work, if it has state worth keeping.
    actor: Option<Box<Actor>>,
}

/// All mailboxes. Cheap to clone.
#[derive(Clone)]
pub struct Mailboxes {
    shared: Arc<Shared>,
}

struct Shared {
    shards: Vec<Mutex<HashMap<WorkflowKey, Arc<Mailbox>>>>,
    hasher: RandomState,
    limit: usize,
    busy: AtomicUsize,
    /// Of the busy ones, those that may have something to write soon.
    at_work: Arc<AtomicUsize>,
    idle: Notify,
}

/// Counts a mailbox among those at work as long as it stands.
struct AtWork(Arc<AtomicUsize>);

impl AtWork {
    fn count(at_work: &Arc<AtomicUsize>) -> Self {
        at_work.fetch_add(1, Ordering::AcqRel);
        Self(at_work.clone())
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl std::fmt::Debug for Mailboxes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailboxes").finish_non_exhaustive()
    }
}

impl Mailboxes {
    /// No mailbox yet; each may hold `limit` waiting messages. `at_work` counts those
    /// that may have something to write soon: not those whose code is at long work.
    pub fn new(limit: usize, at_work: Arc<AtomicUsize>) -> Self {
        Self {
            shared: Arc::new(Shared {
                shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
                hasher: RandomState::new(),
                limit,
                busy: AtomicUsize::new(0),
                at_work,
                idle: Notify::new(),
            }),
        }
    }

    /// Puts a message into a mailbox and sees to it that somebody works it off.
    pub(crate) fn send(
        &self,
        core: &Arc<Core>,
        key: &WorkflowKey,
        message: Message,
    ) -> Result<(), Full> {
        loop {
            let mailbox = self.mailbox(key);
            let mut inner = mailbox.inner.lock();
            if inner.retired {
                continue;
            }
            if inner.queue.len() >= self.shared.limit {
                return Err(Full(Box::new(message)));
            }
            inner.queue.push_back(message);
            if !inner.busy {
                inner.busy = true;
                let actor = inner
                    .actor
                    .take()
                    .unwrap_or_else(|| Box::new(Actor::new(core.clone(), key.clone())));
                drop(inner);
                self.shared.busy.fetch_add(1, Ordering::AcqRel);
                tokio::spawn(work_off(core.clone(), mailbox, actor));
            } else {
                mailbox.came.notify_one();
            }
            return Ok(());
        }
    }

    /// Resolves when no mailbox has work. New messages keep it waiting.
    pub async fn quiet(&self) {
        loop {
            let idle = self.shared.idle.notified();
            if self.shared.busy.load(Ordering::Acquire) == 0 {
                return;
            }
            idle.await;
        }
    }

    /// Drops every actor that rests, and with it what it keeps in memory. Actors hold
    /// on to the server, so that it would never go otherwise.
    pub fn clear(&self) {
        for shard in &self.shared.shards {
            let mailboxes = std::mem::take(&mut *shard.lock());
            for mailbox in mailboxes.into_values() {
                let actor = mailbox.inner.lock().actor.take();
                drop(actor);
            }
        }
    }

    fn mailbox(&self, key: &WorkflowKey) -> Arc<Mailbox> {
        self.shard(key)
            .lock()
            .entry(key.clone())
            .or_insert_with(|| {
                Arc::new(Mailbox {
                    key: key.clone(),
                    inner: Mutex::new(Inner {
                        queue: VecDeque::new(),
                        busy: false,
                        retired: false,
                        actor: None,
                    }),
                    came: Notify::new(),
                })
            })
            .clone()
    }

    fn shard(&self, key: &WorkflowKey) -> &Mutex<HashMap<WorkflowKey, Arc<Mailbox>>> {
        let hash = self.shared.hasher.hash_one(key) as usize;
        &self.shared.shards[hash % SHARDS]
    }
}

/// Works a mailbox off until it is empty and its actor has nothing under way.
async fn work_off(core: Arc<Core>, mailbox: Arc<Mailbox>, mut actor: Box<Actor>) {
    let mailboxes = &core.mailboxes;
    let at_work = &mailboxes.shared.at_work;
    let mut counted = Some(AtWork::count(at_work));
    loop {
        let messages: Vec<Message> = {
            let mut inner = mailbox.inner.lock();
            if inner.queue.is_empty() && !actor.has_work() {
                inner.busy = false;
                if actor.is_worth_keeping() {
                    inner.actor = Some(actor);
                } else {
                    inner.retired = true;
                    mailboxes.shard(&mailbox.key).lock().remove(&mailbox.key);
                }
                break;
            }
            let count = inner.queue.len().min(LARGEST_STEP);
            inner.queue.drain(..count).collect()
        };
        if !messages.is_empty() {
            counted.get_or_insert_with(|| AtWork::count(at_work));
        }
        // A bug in a step must not take the mailbox with it: its callers hear that
        // the outcome is unknown, and the state is read back from disk.
        let step = AssertUnwindSafe(actor.step(messages)).catch_unwind().await;
        if step.is_err() {
            tracing::error!(key = %mailbox.key, "a step panicked; its state is read anew");
            core.residents.remove(&mailbox.key);
            actor = Box::new(Actor::new(core.clone(), mailbox.key.clone()));
        }
        // Nobody's commit waits for what long work may want to write some day.
        counted = match actor.is_at_long_work() {
            true => None,
            false => counted.or_else(|| Some(AtWork::count(at_work))),
        };
        // Long work waits for its turn, messages do not wait for it.
        tokio::select! {
            biased;
            () = mailbox.came.notified() => {}
            () = actor.turn() => {}
        }
    }
    if mailboxes.shared.busy.fetch_sub(1, Ordering::AcqRel) == 1 {
        mailboxes.shared.idle.notify_waiters();
    }
}
