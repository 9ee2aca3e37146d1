//! The simulator: thousands of seeded worlds in which everything goes wrong.
//!
//! A world is the real server (its mailboxes, dispatch, alarms, eviction, and the
//! real sandbox with real code) on a virtual clock and a model store, with clients
//! that repeat what was not answered and workers that die, answer twice or late. It
//! is drawn from a seed ([`plan`]), lived ([`world`]) through crashes at any write
//! ([`store`]), and judged ([`check`]): nothing acknowledged is lost, nothing is done
//! twice, everything due happens, and every history replays. A world that fails is
//! shrunk ([`shrink`]) to what it takes to fail.
//!
//! One world lives on one thread with paused time, so a seed repeats it.

mod chains;
pub mod check;
mod clients;
pub mod clock;
pub mod lab;
pub mod plan;
pub mod rows;
mod shown;
pub mod shrink;
pub mod store;
pub mod workers;
pub mod world;

use std::fmt;

/// What a world shows that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation(pub String);

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<String> for Violation {
    fn from(what: String) -> Self {
        Self(what)
    }
}
