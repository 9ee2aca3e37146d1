//! What the server takes from outside: time and randomness. A simulator gives
//! its own; the binary gives the machine's.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mainspring_engine::ids::RunId;
use mainspring_engine::time::Timestamp;
use rand::Rng;
use uuid::Uuid;

/// The time of day, and waiting for it.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Resolves at or after `at`.
    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// Random numbers for names that must not collide or be guessed. Workflow code
/// never sees them.
pub trait Entropy: fmt::Debug + Send + Sync {
    /// Sixty-four random bits.
    fn next_u64(&self) -> u64;

    /// A new run's ID: a UUIDv7 of this time, so that run IDs sort by start.
    fn run_id(&self, now: Timestamp) -> RunId {
        let millis = u64::try_from(now.as_nanos() / 1_000_000).unwrap_or(0);
        let mut random = [0; 10];
        random[..8].copy_from_slice(&self.next_u64().to_le_bytes());
        random[8..].copy_from_slice(&self.next_u64().to_le_bytes()[..2]);
        RunId::new(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// A random UUID.
    fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(
            (u128::from(self.next_u64()) << 64 | u128::from(self.next_u64())).to_le_bytes(),
        )
        .into_uuid()
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// The longest single wait; longer ones wake up and wait again, so that a clock
/// that was set forward is noticed within this time.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::EPOCH + since_epoch
    }

    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let clock = *self;
        Box::pin(async move {
            loop {
                let left = at.since(clock.now());
                if left.is_zero() {
                    return;
                }
                // Timers of the runtime have a resolution of 1 ms and may be early
                // by less than that against the wall clock: hence the loop.
                tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
            }
        })
    }
}

/// The machine's random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn next_u64(&self) -> u64 {
        rand::rng().random()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_sort_by_start() {
        let earlier = SystemEntropy.run_id(Timestamp::from_nanos(1_000_000_000_000_000_000));
        let later = SystemEntropy.run_id(Timestamp::from_nanos(1_000_000_000_001_000_000));
        assert!(earlier < later);
    }
}
