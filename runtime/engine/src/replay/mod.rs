//! Replay: a recorded history, cut into the workflow tasks that it was made of,
//! and the check that the code asks again for what it asked for then.

mod compare;
mod cut;

pub use self::compare::{Divergence, compare};
pub use self::cut::{BrokenHistory, Cutter, RecordedTask, Tail};
