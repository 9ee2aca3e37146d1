//! When running code gives way to others.
//!
//! On a server a clock ticks ([`ticker`](crate::ticker)). In a simulation no time
//! passes while code runs, and whatever happens has to happen again alike: there code
//! gives way at places that are drawn.

use std::future::poll_fn;
use std::task::Poll;

use mainspring_engine::ids::RunId;

/// When running code gives way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// About once a millisecond.
    #[default]
    Ticks,
    /// Where it begins or ends to wait, at one such place of a few, drawn from the ID
    /// of its run; nothing stops it in between.
    Drawn,
}

/// One place of so many is one where code gives way.
const PLACES: u64 = 3;

/// The places where one instance gives way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pauses {
    /// The state of the draws; `None`: it never gives way by itself.
    state: Option<u64>,
}

impl Pauses {
    pub(crate) fn none() -> Self {
        Self { state: None }
    }

    pub(crate) fn of_run(pace: Pace, run_id: RunId) -> Self {
        let bytes = run_id.to_string().into_bytes();
        let seed = bytes.iter().fold(0_u64, |seed, byte| {
            seed.wrapping_mul(31).wrapping_add(u64::from(*byte))
        });
        Self {
            state: (pace == Pace::Drawn).then_some(seed),
        }
    }

    /// Waits for the next poll, if this is a place to give way at.
    pub(crate) async fn give_way(&mut self) {
        if !self.is_here() {
            return;
        }
        let mut polled = false;
        poll_fn(|_| match std::mem::replace(&mut polled, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }

    /// Whether the next place is one.
    fn is_here(&mut self) -> bool {
        let Some(state) = &mut self.state else {
            return false;
        };
        // A step of a congruential generator; its upper bits are the random ones.
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33).is_multiple_of(PLACES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(pace: Pace, run_id: &str) -> Vec<bool> {
        let run_id = RunId::parse(run_id).expect("a run ID");
        let mut pauses = Pauses::of_run(pace, run_id);
        (0..300).map(|_| pauses.is_here()).collect()
    }

    #[test]
    fn a_run_gives_way_at_its_own_places_and_at_the_same_ones_each_time() {
        let (one, other) = (
            "01a3185c-52a5-73f2-a72d-8c176b7fd573",
            "01a3185c-52a5-73f2-a72d-8c176b7fd574",
        );
        let drawn = places(Pace::Drawn, one);
        assert_eq!(drawn, places(Pace::Drawn, one));
        assert_ne!(drawn, places(Pace::Drawn, other));
        let pauses = drawn.iter().filter(|is_here| **is_here).count();
        assert!((50..150).contains(&pauses), "{pauses} of 300");
        assert!(!places(Pace::Ticks, one).contains(&true));
    }
}
