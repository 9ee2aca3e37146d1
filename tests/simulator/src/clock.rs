//! Virtual time, and random numbers that a seed repeats.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use mainspring_engine::time::Timestamp;
use mainspring_server::outside::{Clock, Entropy};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::Instant;

/// The paused clock of the runtime, moved to a time of day. It advances to the next
/// timer when nobody has anything to do.
#[derive(Clone, Copy, Debug)]
pub struct VirtualClock {
    base: Timestamp,
    began: Instant,
}

impl VirtualClock {
    /// A clock that shows `base` now.
    pub fn at(base: Timestamp) -> Self {
        let began = Instant::now();
        Self { base, began }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.base + self.began.elapsed()
    }

    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let clock = *self;
        Box::pin(async move {
            loop {
                let left = at.since(clock.now());
                if left.is_zero() {
                    return;
                }
                // Timers of the runtime count whole milliseconds.
                tokio::time::sleep(left.max(Duration::from_millis(1))).await;
            }
        })
    }
}

/// Random numbers from a seed.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<StdRng>);

impl SeededEntropy {
    /// The numbers of this seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn next_u64(&self) -> u64 {
        self.0.lock().random()
    }
}
