//! From the server's types to wire messages.

pub(crate) mod component;
pub(crate) mod describe;

use std::time::Duration;

use mainspring_engine::time::{Timestamp, wire_duration};
use prost_wkt_types as wkt;

pub(crate) fn time(time: Timestamp) -> Option<wkt::Timestamp> {
    Some(time.to_wire())
}

pub(crate) fn opt_time(time: Option<Timestamp>) -> Option<wkt::Timestamp> {
    time.map(Timestamp::to_wire)
}

pub(crate) fn opt_duration(duration: Option<Duration>) -> Option<wkt::Duration> {
    duration.map(wire_duration)
}
