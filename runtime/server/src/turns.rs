//! Long work takes turns.
//!
//! Workflow code shares the threads with everything else. An activation or a replay
//! that ends within its first slice never comes here. What needs more (code that
//! loops, a long history), and code whose last task failed, goes on slice by slice, and
//! only so many at a time that one processor is left to the others: a step of another
//! run waits for a slice at most, and not for one of each run that is at long work.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::core::Options;
use crate::outside::Clock;

/// The turns of a server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Turns {
    free: Arc<Semaphore>,
    takes: Duration,
    clock: Arc<dyn Clock>,
}

/// A turn; the next one has it when this is dropped.
pub type Turn = OwnedSemaphorePermit;

impl Turns {
    /// As many as there are processors, but one, unless the options say otherwise.
    pub fn new(options: &Options, clock: Arc<dyn Clock>) -> Self {
        let turns = options.turns.unwrap_or_else(|| {
            let processors = std::thread::available_parallelism().map_or(1, usize::from);
            processors.saturating_sub(1)
        });
        Self {
            free: Arc::new(Semaphore::new(turns.max(1))),
            takes: options.turn_takes,
            clock,
        }
    }

    /// Waits for a turn; first come, first served.
    pub fn wait(&self) -> BoxFuture<'static, Result<Turn, AcquireError>> {
        let turn = self.free.clone().acquire_owned();
        if self.takes.is_zero() {
            return turn.boxed();
        }
        let (clock, takes) = (self.clock.clone(), self.takes);
        async move {
            let turn = turn.await?;
            clock.sleep_until(clock.now() + takes).await;
            Ok(turn)
        }
        .boxed()
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
    use crate::outside::SystemClock;

    #[tokio::test]
    async fn a_place_in_the_line_outlives_a_wait_that_was_given_up() {
        let options = Options {
            turns: Some(1),
            ..Options::default()
        };
        let turns = Turns::new(&options, Arc::new(SystemClock));
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
