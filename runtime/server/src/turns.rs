//! Long work takes turns.
//!
//! Workflow code shares the threads with everything else. An activation or a replay
//! that ends within its first slice never comes here. What needs more (code that
//! loops, a long history), and code whose last task failed, goes on slice by slice, and
//! only so many at a time that one processor is left to the others: a step of another
//! run waits for a slice at most, and not for one of each run that is at long work.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// The turns of a server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Turns {
    free: Arc<Semaphore>,
}

/// A turn; the next one has it when this is dropped.
pub type Turn = OwnedSemaphorePermit;

impl Turns {
    /// As many as there are processors, but one.
    pub fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self::of(processors.saturating_sub(1).max(1))
    }

    fn of(turns: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(turns)),
        }
    }

    /// Waits for a turn; first come, first served.
    pub fn wait(&self) -> BoxFuture<'static, Result<Turn, AcquireError>> {
        self.free.clone().acquire_owned().boxed()
    }
}

/// Where somebody at long work stands. It keeps its place while it does other things.
#[derive(Default)]
pub enum Place {
    /// Nowhere.
    #[default]
    Nowhere,
    /// In the line. Only ever reached through `&mut`: the lock lets it be shared as a
    /// value.
    Waiting(Mutex<BoxFuture<'static, Result<Turn, AcquireError>>>),
    /// It is its turn, for as long as it stands here.
    Turn(#[allow(dead_code, reason = "held, not read")] Turn),
}

impl Place {
    /// Whether it is its turn.
    pub fn is_turn(&self) -> bool {
        matches!(self, Place::Turn(_))
    }

    /// Waits until it is; may be dropped at any time without losing the place.
    pub async fn wait(&mut self, turns: &Turns) {
        if matches!(self, Place::Nowhere) {
            *self = Place::Waiting(Mutex::new(turns.wait()));
        }
        if let Place::Waiting(turn) = self {
            *self = match turn.get_mut().await {
                Ok(turn) => Place::Turn(turn),
                // Nobody closes the line.
                Err(_) => Place::Nowhere,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_place_in_the_line_outlives_a_wait_that_was_given_up() {
        let turns = Turns::of(1);
        let (mut first, mut second, mut third) =
            (Place::default(), Place::default(), Place::default());
        first.wait(&turns).await;
        assert!(first.is_turn());
        // Each looks once and does something else.
        assert!(second.wait(&turns).now_or_never().is_none());
        assert!(third.wait(&turns).now_or_never().is_none());
        first = Place::Nowhere;
        assert!(!first.is_turn());
        assert!(
            third.wait(&turns).now_or_never().is_none(),
            "second is first"
        );
        assert!(second.wait(&turns).now_or_never().is_some());
        drop(second);
        third.wait(&turns).await;
        assert!(third.is_turn());
    }
}
