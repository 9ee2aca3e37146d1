//! Alarms: one per open run, the time by which it must be looked at.
//!
//! A run's timers, timeouts and retries are its own affair; the earliest of them
//! is its `wake_at`, committed with every transition. This service holds those
//! that are near in memory, sleeps until the first, and wakes mailboxes. It asks
//! the store once per window and never polls in between.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use mainspring_engine::ids::WorkflowKey;
use mainspring_engine::time::Timestamp;
use mainspring_store::Store;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::outside::Clock;

/// How far ahead alarms are held in memory.
const WINDOW: Duration = Duration::from_secs(3_600);
/// How long before the window ends the next one is read.
const WINDOW_MARGIN: Duration = Duration::from_secs(60);
/// Alarms read from the store at once.
const PAGE: usize = 1_000;
/// Alarms held in memory; more of them make the window shorter.
const LARGEST_WINDOW: usize = 200_000;
/// How long to wait after the store failed, or a mailbox was full.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// The alarms that are near. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Alarms {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    near: Mutex<Near>,
    earlier: Notify,
}

#[derive(Debug, Default)]
struct Near {
    by_time: BTreeSet<(Timestamp, WorkflowKey)>,
    by_key: HashMap<WorkflowKey, Timestamp>,
    /// Alarms before this time are all in memory.
    horizon: Timestamp,
}

impl Near {
    fn set(&mut self, key: WorkflowKey, at: Option<Timestamp>) {
        if let Some(old) = self.by_key.remove(&key) {
            self.by_time.remove(&(old, key.clone()));
        }
        if let Some(at) = at.filter(|at| *at < self.horizon) {
            self.by_key.insert(key.clone(), at);
            self.by_time.insert((at, key));
        }
    }

    fn first(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(at, _)| *at)
    }

    fn take_due(&mut self, now: Timestamp) -> Option<WorkflowKey> {
        if self.first()? > now {
            return None;
        }
        let (_, key) = self.by_time.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }
}

impl Default for Alarms {
    fn default() -> Self {
        Self {
            shared: Arc::new(Shared {
                near: Mutex::new(Near::default()),
                earlier: Notify::new(),
            }),
        }
    }
}

impl Alarms {
    /// Sets the one alarm of a workflow ID; `None` removes it. Called after each
    /// commit with what was committed.
    pub fn set(&self, key: &WorkflowKey, at: Option<Timestamp>) {
        let mut near = self.shared.near.lock();
        let first_before = near.first();
        near.set(key.clone(), at);
        let is_earlier = match (near.first(), first_before) {
            (Some(first), Some(before)) => first < before,
            (Some(_), None) => true,
            _ => false,
        };
        drop(near);
        if is_earlier {
            self.shared.earlier.notify_one();
        }
    }

    /// Sets the alarm of a workflow ID to `at` unless an earlier one is set: for
    /// writes that know of one deadline and not of the others.
    pub fn lower(&self, key: &WorkflowKey, at: Timestamp) {
        let earlier = self.shared.near.lock().by_key.get(key).copied();
        if earlier.is_none_or(|earlier| at < earlier) {
            self.set(key, Some(at));
        }
    }

    /// Wakes runs as they become due, until `stop`. `wake` is false where the
    /// mailbox has no room; the alarm is then tried again.
    pub async fn run(
        self,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
        wake: impl Fn(&WorkflowKey) -> bool,
    ) {
        loop {
            let now = clock.now();
            let mut next = self.horizon_refill_time();
            if next <= now {
                if let Err(error) = self.read_window(&*store, now).await {
                    tracing::warn!(%error, "cannot read the alarms that are due; trying again");
                    next = now + RETRY_AFTER;
                } else {
                    next = self.horizon_refill_time();
                }
            }
            self.ring(clock.now(), &wake);
            if let Some(first) = self.shared.near.lock().first() {
                next = next.min(first);
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.shared.earlier.notified() => {}
                () = clock.sleep_until(next) => {}
            }
        }
    }

    fn horizon_refill_time(&self) -> Timestamp {
        self.shared.near.lock().horizon - WINDOW_MARGIN
    }

    fn ring(&self, now: Timestamp, wake: &impl Fn(&WorkflowKey) -> bool) {
        loop {
            let Some(key) = self.shared.near.lock().take_due(now) else {
                return;
            };
            if !wake(&key) {
                self.set(&key, Some(now + RETRY_AFTER));
            }
        }
    }

    /// Reads the alarms of the next window. The horizon moves first, so that a
    /// commit during the read puts its alarm in memory; an alarm that the read
    /// brings although a commit has just moved it wakes a run too early, which
    /// costs a look and changes nothing.
    async fn read_window(
        &self,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<(), mainspring_store::StoreError> {
        let until = now + WINDOW;
        let old_horizon = std::mem::replace(&mut self.shared.near.lock().horizon, until);
        let mut after = None;
        let mut read = 0;
        loop {
            let page = match store.due_runs(until, after, PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    self.shared.near.lock().horizon = old_horizon;
                    return Err(error);
                }
            };
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some((last.wake_at, last.run_id));
            read += page.len();
            let full_page = page.len() == PAGE;
            let last_at = last.wake_at;
            let mut near = self.shared.near.lock();
            for due in page {
                if !near.by_key.contains_key(&due.key) {
                    near.set(due.key, Some(due.wake_at));
                }
            }
            if !full_page {
                return Ok(());
            }
            if read >= LARGEST_WINDOW && last_at > now + WINDOW_MARGIN {
                near.horizon = last_at;
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> WorkflowKey {
        WorkflowKey {
            namespace: "default".into(),
            workflow_id: id.into(),
        }
    }

    #[test]
    fn a_later_alarm_replaces_the_earlier_one_of_the_same_run() {
        let alarms = Alarms::default();
        alarms.shared.near.lock().horizon = Timestamp::MAX;
        alarms.set(&key("a"), Some(Timestamp::from_nanos(10)));
        alarms.set(&key("b"), Some(Timestamp::from_nanos(20)));
        alarms.set(&key("a"), Some(Timestamp::from_nanos(30)));
        let rung = Mutex::new(Vec::new());
        alarms.ring(Timestamp::from_nanos(25), &|key: &WorkflowKey| {
            rung.lock().push(key.workflow_id.to_string());
            true
        });
        assert_eq!(*rung.lock(), ["b"]);
        assert_eq!(
            alarms.shared.near.lock().first(),
            Some(Timestamp::from_nanos(30))
        );
    }

    #[test]
    fn an_alarm_whose_mailbox_is_full_rings_again() {
        let alarms = Alarms::default();
        alarms.shared.near.lock().horizon = Timestamp::MAX;
        alarms.set(&key("a"), Some(Timestamp::from_nanos(10)));
        alarms.ring(Timestamp::from_nanos(10), &|_: &WorkflowKey| false);
        assert_eq!(
            alarms.shared.near.lock().first(),
            Some(Timestamp::from_nanos(10) + RETRY_AFTER)
        );
    }

    #[test]
    fn alarms_beyond_the_horizon_stay_on_disk() {
        let alarms = Alarms::default();
        alarms.shared.near.lock().horizon = Timestamp::from_nanos(100);
        alarms.set(&key("a"), Some(Timestamp::from_nanos(100)));
        assert_eq!(alarms.shared.near.lock().first(), None);
    }
}
