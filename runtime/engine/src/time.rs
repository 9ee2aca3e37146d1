//! Time as the engine knows it: always given from outside, never read.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use prost_wkt_types::Timestamp as WireTimestamp;

/// A point in time, in nanoseconds since 1970-01-01T00:00:00Z (good until 2262).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The latest time there is; stands for "never" where a time is required.
    pub const MAX: Timestamp = Timestamp(i64::MAX);
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Timestamp = Timestamp(0);

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// From a wire timestamp; times out of range become the nearest in range.
    pub fn from_wire(wire: &WireTimestamp) -> Self {
        let nanos = i128::from(wire.seconds) * 1_000_000_000 + i128::from(wire.nanos);
        Self(nanos.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
    }

    /// As the wire carries it.
    pub fn to_wire(self) -> WireTimestamp {
        WireTimestamp {
            seconds: self.0.div_euclid(1_000_000_000),
            nanos: self.0.rem_euclid(1_000_000_000) as i32,
        }
    }

    /// Without the part below a microsecond: the precision of lists.
    pub const fn whole_micros(self) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(1_000)))
    }

    /// How long it is from `earlier` to here; zero if it is not earlier.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;

    /// Saturates at `MAX`: a timeout of a million years never fires.
    fn add(self, duration: Duration) -> Timestamp {
        let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_add(nanos))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Timestamp;

    fn sub(self, duration: Duration) -> Timestamp {
        let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_sub(nanos))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ns", self.0)
    }
}

/// A wire duration as ours: `None` for absent, zero or negative, which all mean
/// "not set" in Temporal's API.
pub fn set_duration(wire: Option<&prost_wkt_types::Duration>) -> Option<Duration> {
    let wire = wire?;
    let nanos = i128::from(wire.seconds) * 1_000_000_000 + i128::from(wire.nanos);
    u64::try_from(nanos)
        .ok()
        .filter(|nanos| *nanos > 0)
        .map(Duration::from_nanos)
}

/// A duration as the wire carries it.
pub fn wire_duration(duration: Duration) -> prost_wkt_types::Duration {
    prost_wkt_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: duration.subsec_nanos() as i32,
    }
}
