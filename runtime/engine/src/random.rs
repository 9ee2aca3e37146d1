//! Randomness for workflow code: equal in replay (WF-05).

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha12Rng;
use sha2::{Digest as _, Sha256};

/// A stream of random numbers for one workflow task.
#[derive(Clone, Debug)]
pub struct RandomStream(ChaCha12Rng);

impl RandomStream {
    /// The stream of the task that this WorkflowTaskScheduled event began. One
    /// more draw in a task shifts nothing in a later one.
    pub fn of_task(original_run_id: &str, scheduled_event_id: i64) -> Self {
        Self::seeded(b"task", original_run_id, scheduled_event_id)
    }

    /// A stream for reads, whose draws leave no trace.
    pub fn of_read(original_run_id: &str) -> Self {
        Self::seeded(b"read", original_run_id, 0)
    }

    fn seeded(purpose: &[u8; 4], run_id: &str, number: i64) -> Self {
        let mut hash = Sha256::new();
        hash.update(purpose);
        hash.update(number.to_le_bytes());
        hash.update(run_id.as_bytes());
        Self(ChaCha12Rng::from_seed(hash.finalize().into()))
    }

    /// Sixty-four bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Fills a buffer.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

/// The seed that libraries with a stream of their own start from.
pub fn seed_of_run(original_run_id: &str) -> u64 {
    RandomStream::seeded(b"seed", original_run_id, 0).next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_draws_the_same_again_and_others_draw_otherwise() {
        let draw = |run, task| RandomStream::of_task(run, task).next_u64();
        assert_eq!(draw("a", 2), draw("a", 2));
        assert_ne!(draw("a", 2), draw("a", 5));
        assert_ne!(draw("a", 2), draw("b", 2));
        assert_ne!(draw("a", 0), RandomStream::of_read("a").next_u64());
    }
}
