//! The outbox: letters between runs, delivered after the commit that sends them.
//!
//! A letter goes from memory into the receiver's mailbox, and its answer back into
//! the sender's. Whoever cannot deal with it (a full mailbox, a commit that failed,
//! a panic) drops it; a dropped letter is read again from its row after a while,
//! which says how far it has come (see `mainspring_engine::letter`), and goes on
//! from there. Nothing asks the store while nothing was dropped.
//!
//! Letters beyond a limit are left on disk and read back when there is room.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;

use mainspring_engine::ids::{RunId, WorkflowKey};
use mainspring_engine::letter::{Answer, Body, Letter};
use mainspring_engine::time::Timestamp;
use mainspring_engine::transition::{LetterStage, OutboxRow, TakenLetter};
use mainspring_store::{Store, StoreError};
use parking_lot::Mutex;
use prost::Message as _;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::core::Core;
use crate::mailbox::message::Message;
use crate::outside::Clock;

/// The first repetition of a delivery comes after this long, the next after twice
/// that, and so on.
const FIRST_RETRY: Duration = Duration::from_millis(50);
/// The longest wait between two deliveries.
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// Letters read from the store at once.
const PAGE: usize = 500;

/// Names a letter: the run that sent it, and the event in it.
type LetterId = (RunId, i64);

/// The letters that are on their way. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Outbox {
    shared: Arc<Shared>,
}

struct Shared {
    core: Weak<Core>,
    limit: usize,
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Default)]
struct Inner {
    /// Letters in somebody's hands or waiting for their next delivery.
    in_memory: HashMap<LetterId, InMemory>,
    retries: BTreeMap<(Timestamp, LetterId), u32>,
    /// Some letters are on disk alone.
    behind: bool,
}

/// A letter in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
struct InMemory {
    /// The delivery that is at work on it: an older one counts no more.
    number: u64,
    retry_at: Option<Timestamp>,
}

/// A letter in somebody's hands. Dropped without [`Delivery::settle`], it comes
/// again later.
pub(crate) struct Delivery {
    outbox: Outbox,
    row: OutboxRow,
    letter: Letter,
    number: u64,
    attempts: u32,
    settled: bool,
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (run_id, event_id) = self.id();
        write!(f, "Delivery({run_id}, {event_id}, {:?})", self.row.stage)
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").finish_non_exhaustive()
    }
}

impl Outbox {
    /// An outbox that holds so many letters in memory. The rows of an earlier
    /// process are read by [`Outbox::run`].
    pub(crate) fn new(core: Weak<Core>, limit: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                core,
                limit,
                inner: Mutex::new(Inner {
                    behind: true,
                    ..Inner::default()
                }),
                changed: Notify::new(),
            }),
        }
    }

    /// Sends letters off that were committed just now.
    pub(crate) fn send(&self, rows: Vec<OutboxRow>) {
        for row in rows {
            if row.stage == LetterStage::Held {
                continue;
            }
            let id = (row.run_id, row.event_id);
            let number = {
                let mut inner = self.shared.inner.lock();
                let is_known = inner.in_memory.contains_key(&id);
                if !is_known && inner.in_memory.len() >= self.shared.limit {
                    inner.behind = true;
                    continue;
                }
                inner.take_over(id)
            };
            self.deliver(row, number, 0);
        }
    }

    /// Nobody knows whether a commit has sent letters: those on disk are read.
    pub(crate) fn look_again(&self) {
        self.shared.inner.lock().behind = true;
        self.shared.changed.notify_one();
    }

    /// Puts a letter into the mailbox that it goes to next.
    fn deliver(&self, row: OutboxRow, number: u64, attempts: u32) {
        let letter = match Letter::read(&row) {
            Ok(letter) => letter,
            Err(error) => {
                let (run_id, event_id) = (row.run_id, row.event_id);
                tracing::error!(%run_id, event_id, %error, "a stored letter cannot be read");
                return;
            }
        };
        let to = row.to.clone();
        let delivery = Delivery {
            outbox: self.clone(),
            row,
            letter,
            number,
            attempts,
            settled: false,
        };
        self.post(&to, delivery);
    }

    fn post(&self, to: &WorkflowKey, delivery: Delivery) {
        let core = self.shared.core.upgrade();
        // A shutdown waits for the mailboxes: what is on its way stays in its row.
        if let Some(core) = core.filter(|core| !core.stop.is_cancelled()) {
            // Where the mailbox is full the letter comes back, is dropped, and so
            // delivered again later.
            drop(core.post(to, Message::Letter(Box::new(delivery))));
        }
    }

    /// A delivery came to nothing: once more, later.
    fn retry(&self, id: LetterId, number: u64, attempts: u32) {
        let Some(core) = self.shared.core.upgrade() else {
            return;
        };
        let wait = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(attempts));
        let at = core.clock.now() + wait.min(LONGEST_RETRY);
        let mut inner = self.shared.inner.lock();
        let Some(known) = inner.in_memory.get_mut(&id) else {
            return;
        };
        if known.number != number || known.retry_at.is_some() {
            return;
        }
        known.retry_at = Some(at);
        inner.retries.insert((at, id), attempts + 1);
        drop(inner);
        self.shared.changed.notify_one();
    }

    fn settled(&self, id: LetterId, number: u64) {
        let mut inner = self.shared.inner.lock();
        if inner
            .in_memory
            .get(&id)
            .is_some_and(|known| known.number == number)
        {
            inner.in_memory.remove(&id);
        }
        let has_room = inner.behind && inner.in_memory.len() <= self.shared.limit / 2;
        drop(inner);
        if has_room {
            self.shared.changed.notify_one();
        }
    }

    fn is_current(&self, id: LetterId, number: u64) -> bool {
        let inner = self.shared.inner.lock();
        inner
            .in_memory
            .get(&id)
            .is_some_and(|known| known.number == number)
    }

    /// Delivers what was dropped and what is on disk alone, until `stop`.
    pub(crate) async fn run(
        self,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
    ) {
        loop {
            let mut next = self.next_retry();
            if let Err(error) = self.work(&*store, clock.now()).await {
                tracing::warn!(%error, "cannot read letters between runs; trying again");
                next = Some(clock.now() + LONGEST_RETRY.min(Duration::from_millis(500)));
            } else if next.is_some() {
                next = self.next_retry();
            }
            let wake = async {
                match next {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.shared.changed.notified() => {}
                () = wake => {}
            }
        }
    }

    fn next_retry(&self) -> Option<Timestamp> {
        let inner = self.shared.inner.lock();
        inner.retries.first_key_value().map(|((at, _), _)| *at)
    }

    async fn work(&self, store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
        while let Some((id, number, attempts)) = self.take_due(now) {
            match store.load_letter(id.0, id.1).await {
                Ok(Some(row)) => self.deliver(row, number, attempts),
                // Both sides have dealt with it after all.
                Ok(None) => self.settled(id, number),
                Err(error) => {
                    self.retry(id, number, attempts);
                    return Err(error);
                }
            }
        }
        self.catch_up(store).await
    }

    fn take_due(&self, now: Timestamp) -> Option<(LetterId, u64, u32)> {
        let mut inner = self.shared.inner.lock();
        let ((at, id), _) = inner.retries.first_key_value()?;
        if *at > now {
            return None;
        }
        let (at, id) = (*at, *id);
        let attempts = inner.retries.remove(&(at, id))?;
        let known = inner.in_memory.get_mut(&id)?;
        known.retry_at = None;
        Some((id, known.number, attempts))
    }

    /// Reads what is on disk alone, as far as there is room.
    async fn catch_up(&self, store: &dyn Store) -> Result<(), StoreError> {
        {
            let mut inner = self.shared.inner.lock();
            if !inner.behind || inner.in_memory.len() > self.shared.limit / 2 {
                return Ok(());
            }
            inner.behind = false;
        }
        let mut after = None;
        loop {
            let page = match store.letters(after, PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    self.shared.inner.lock().behind = true;
                    return Err(error);
                }
            };
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some((last.run_id, last.event_id));
            for row in page {
                let id = (row.run_id, row.event_id);
                let number = {
                    let mut inner = self.shared.inner.lock();
                    if inner.in_memory.contains_key(&id) {
                        continue;
                    }
                    if inner.in_memory.len() >= self.shared.limit {
                        inner.behind = true;
                        return Ok(());
                    }
                    inner.take_over(id)
                };
                self.deliver(row, number, 0);
            }
        }
    }
}

impl Inner {
    /// A new delivery of a letter: what was under way with it counts no more.
    fn take_over(&mut self, id: LetterId) -> u64 {
        let known = self.in_memory.get(&id).copied();
        if let Some(at) = known.and_then(|known| known.retry_at) {
            self.retries.remove(&(at, id));
        }
        let number = known.map_or(1, |known| known.number + 1);
        let retry_at = None;
        self.in_memory.insert(id, InMemory { number, retry_at });
        number
    }
}

impl Delivery {
    /// The run that sent the letter, and its event.
    pub(crate) fn id(&self) -> (RunId, i64) {
        (self.row.run_id, self.row.event_id)
    }

    /// What it says.
    pub(crate) fn body(&self) -> Option<&Body> {
        self.letter.body.as_ref()
    }

    /// Who sent it.
    pub(crate) fn from(&self) -> WorkflowKey {
        self.letter.from(&self.row)
    }

    /// Whether no newer delivery has taken its place.
    pub(crate) fn is_current(&self) -> bool {
        self.outbox.is_current(self.id(), self.number)
    }

    /// The answer to it.
    pub(crate) fn answer_of(&self, outcome: Result<RunId, i32>) -> Answer {
        Answer::new(&self.letter, outcome)
    }

    /// What a commit says that takes the letter; with its answer if it wants one.
    pub(crate) fn taken(&self, answer: Option<&Answer>) -> TakenLetter {
        let back = |answer: &Answer| {
            let letter = Letter::new(&self.from(), Body::Answer(answer.clone()));
            (self.from(), letter.encode_to_vec().into())
        };
        TakenLetter {
            run_id: self.row.run_id,
            event_id: self.row.event_id,
            stage: self.row.stage,
            answer: answer.map(back),
        }
    }

    /// Carries the answer back to the sender. `stored`: its row says so.
    pub(crate) fn answer(mut self, answer: Answer, stored: bool) {
        let to = self.from();
        if stored {
            self.row.stage = LetterStage::Answered;
        }
        self.row.to = to.clone();
        self.letter = Letter::new(&to, Body::Answer(answer));
        self.outbox.clone().post(&to, self);
    }

    /// Both sides have dealt with it.
    pub(crate) fn settle(mut self) {
        self.settled = true;
        self.outbox.settled(self.id(), self.number);
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if !self.settled {
            self.outbox.retry(self.id(), self.number, self.attempts);
        }
    }
}
