//! Times and durations at the boundary: nanoseconds there, `std::time` here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Saturates at 584 years: what is longer never fires anyway.
pub(crate) fn to_ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

pub(crate) fn from_ns(nanoseconds: u64) -> Duration {
    Duration::from_nanos(nanoseconds)
}

pub(crate) fn time_from_ns(nanoseconds: i64) -> SystemTime {
    let distance = Duration::from_nanos(nanoseconds.unsigned_abs());
    if nanoseconds < 0 {
        UNIX_EPOCH - distance
    } else {
        UNIX_EPOCH + distance
    }
}
