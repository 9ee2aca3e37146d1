//! Which workflow IDs hold a live instance, and who must go: those that have been
//! idle for a while, and where there are too many, those that would go first.
//!
//! An instance is kept idle for a time, and the longer, the longer its history:
//! what a replay would cost is what keeping it saves. Code that has put itself to
//! sleep goes earlier: only its history keeps it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use mainspring_engine::ids::WorkflowKey;
use mainspring_engine::time::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::outside::Clock;

/// How much longer an instance is kept idle for each event of its history: about
/// a thousand times what replaying the event takes.
const KEPT_PER_EVENT: Duration = Duration::from_millis(3);

/// What an instance is kept for after its use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// A worker's report, or what a caller says next: it may be needed soon.
    Expectant,
    /// Nothing before a time that is further away than it would be kept idle.
    Asleep,
}

/// When an instance goes, and a number that tells equal times apart.
type Expiry = (Timestamp, u64);

/// The live instances by expiry. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Residents {
    inner: Arc<Mutex<Inner>>,
    came: Arc<Notify>,
    limit: usize,
    idle: Duration,
}

#[derive(Debug, Default)]
struct Inner {
    uses: u64,
    by_expiry: BTreeMap<Expiry, WorkflowKey>,
    by_key: HashMap<WorkflowKey, Expiry>,
}

impl Inner {
    fn remove(&mut self, key: &WorkflowKey) {
        if let Some(expiry) = self.by_key.remove(key) {
            self.by_expiry.remove(&expiry);
        }
    }

    fn take_first(&mut self) -> Option<WorkflowKey> {
        let (_, key) = self.by_expiry.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }

    fn first_expiry(&self) -> Option<Timestamp> {
        self.by_expiry.first_key_value().map(|((at, _), _)| *at)
    }
}

impl Residents {
    /// At most `limit` at once, each idle for `idle` at least.
    pub fn new(limit: usize, idle: Duration) -> Self {
        Self {
            inner: Arc::default(),
            came: Arc::default(),
            limit,
            idle,
        }
    }

    /// The workflow ID has used its instance just now. Returns who must go for
    /// it, if there are too many.
    #[must_use]
    pub fn touch(
        &self,
        key: &WorkflowKey,
        now: Timestamp,
        history_events: i64,
        rest: Rest,
    ) -> Option<WorkflowKey> {
        let events = u32::try_from(history_events).unwrap_or(u32::MAX);
        let idle = match rest {
            Rest::Expectant => self.idle,
            Rest::Asleep => Duration::ZERO,
        };
        let expires = now + idle + KEPT_PER_EVENT.saturating_mul(events);
        let mut inner = self.inner.lock();
        inner.remove(key);
        inner.uses += 1;
        let expiry = (expires, inner.uses);
        let is_first = inner.first_expiry().is_none_or(|first| expires < first);
        inner.by_key.insert(key.clone(), expiry);
        inner.by_expiry.insert(expiry, key.clone());
        if is_first {
            self.came.notify_one();
        }
        if inner.by_key.len() <= self.limit {
            return None;
        }
        inner.take_first()
    }

    /// The workflow ID holds no instance any more.
    pub fn remove(&self, key: &WorkflowKey) {
        self.inner.lock().remove(key);
    }

    /// Somebody who should go because there is no room for a new instance.
    #[must_use]
    pub fn first_to_go(&self) -> Option<WorkflowKey> {
        self.inner.lock().take_first()
    }

    /// How long an instance is kept idle, whatever its history.
    pub fn idle(&self) -> Duration {
        self.idle
    }

    /// Sends away who has been idle for long enough, until `stop`. Sleeps until the
    /// next one is due, or one comes that is due before it.
    pub async fn run(
        self,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
        evict: impl Fn(&WorkflowKey),
    ) {
        loop {
            let now = clock.now();
            while let Some(key) = self.take_expired(now) {
                evict(&key);
            }
            let next = self.inner.lock().first_expiry();
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.came.notified() => {}
                () = clock.sleep_until(next.unwrap_or(now)), if next.is_some() => {}
            }
        }
    }

    fn take_expired(&self, now: Timestamp) -> Option<WorkflowKey> {
        let mut inner = self.inner.lock();
        if inner.first_expiry()? > now {
            return None;
        }
        inner.take_first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(10);

    fn key(id: &str) -> WorkflowKey {
        WorkflowKey {
            namespace: "default".into(),
            workflow_id: id.into(),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let residents = Residents::new(2, IDLE);
        assert_eq!(residents.touch(&key("a"), at(1), 0, Rest::Expectant), None);
        assert_eq!(residents.touch(&key("b"), at(2), 0, Rest::Expectant), None);
        assert_eq!(residents.touch(&key("a"), at(3), 0, Rest::Expectant), None);
        assert_eq!(
            residents.touch(&key("c"), at(4), 0, Rest::Expectant),
            Some(key("b"))
        );
        residents.remove(&key("a"));
        assert_eq!(residents.first_to_go(), Some(key("c")));
        assert_eq!(residents.first_to_go(), None);
    }

    #[test]
    fn the_idle_go_when_their_time_is_over_and_long_histories_stay_longer() {
        let residents = Residents::new(10, IDLE);
        let expectant = Rest::Expectant;
        assert_eq!(
            residents.touch(&key("long"), at(0), 10_000, expectant),
            None
        );
        assert_eq!(residents.touch(&key("short"), at(1), 10, expectant), None);
        assert_eq!(residents.take_expired(at(11)), None);
        assert_eq!(residents.take_expired(at(12)), Some(key("short")));
        assert_eq!(residents.take_expired(at(39)), None);
        assert_eq!(residents.take_expired(at(40)), Some(key("long")));
    }
    #[test]
    fn the_sleeping_stay_only_as_long_as_their_history_is_worth() {
        let residents = Residents::new(10, IDLE);
        assert_eq!(
            residents.touch(&key("a"), at(0), 10_000, Rest::Asleep),
            None
        );
        assert_eq!(residents.touch(&key("b"), at(0), 10, Rest::Asleep), None);
        assert_eq!(residents.touch(&key("c"), at(0), 10, Rest::Asleep), None);
        assert_eq!(residents.touch(&key("c"), at(0), 10, Rest::Expectant), None);
        assert_eq!(residents.take_expired(at(1)), Some(key("b")));
        assert_eq!(residents.take_expired(at(10)), None);
        assert_eq!(residents.take_expired(at(11)), Some(key("c")));
        assert_eq!(residents.take_expired(at(29)), None);
        assert_eq!(residents.take_expired(at(30)), Some(key("a")));
    }

    #[tokio::test]
    async fn whoever_is_due_before_the_others_goes_before_them() {
        let residents = Residents::new(10, Duration::from_secs(3_600));
        let (evict, mut evicted) = tokio::sync::mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let running = tokio::spawn(residents.clone().run(
            Arc::new(crate::outside::SystemClock),
            stop.clone(),
            move |key: &WorkflowKey| {
                let _ = evict.send(key.clone());
            },
        ));
        let now = || crate::outside::SystemClock.now();
        assert_eq!(
            residents.touch(&key("idle"), now(), 0, Rest::Expectant),
            None
        );
        tokio::task::yield_now().await;
        assert_eq!(
            residents.touch(&key("asleep"), now(), 0, Rest::Asleep),
            None
        );
        let first = tokio::time::timeout(Duration::from_secs(60), evicted.recv()).await;
        assert_eq!(first, Ok(Some(key("asleep"))));
        stop.cancel();
        running.await.expect("it ends with the server");
    }
}
