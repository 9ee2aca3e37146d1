//! What of a run becomes due by itself, ordered by time, so that a step of a run
//! with thousands of open operations costs no look at each of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::time::Timestamp;

/// The next deadline of each open activity and timer, by the event that began it.
#[derive(Clone, Debug, Default)]
pub(super) struct Deadlines {
    by_time: BTreeSet<(Timestamp, i64)>,
    by_event: BTreeMap<i64, Timestamp>,
}

impl Deadlines {
    /// Sets the one deadline of an operation; `None` removes it.
    pub(super) fn set(&mut self, event_id: i64, at: Option<Timestamp>) {
        let old = match at {
            Some(at) => self.by_event.insert(event_id, at),
            None => self.by_event.remove(&event_id),
        };
        if old == at {
            return;
        }
        if let Some(old) = old {
            self.by_time.remove(&(old, event_id));
        }
        if let Some(at) = at {
            self.by_time.insert((at, event_id));
        }
    }

    /// The earliest.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// The operations that are due at `now`: in the order in which they became
    /// due, then in which they were started.
    pub(super) fn due(&self, now: Timestamp) -> Vec<i64> {
        self.by_time
            .range(..=(now, i64::MAX))
            .map(|(_, event_id)| *event_id)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn due_operations_come_by_time_then_by_start() {
        let mut deadlines = Deadlines::default();
        for (event_id, seconds) in [(5, 30), (6, 10), (7, 30), (8, 40)] {
            deadlines.set(event_id, Some(at(seconds)));
        }
        assert_eq!(deadlines.first(), Some(at(10)));
        assert_eq!(deadlines.due(at(30)), [6, 5, 7]);
        assert!(deadlines.due(at(9)).is_empty());
    }

    #[test]
    fn a_moved_or_removed_deadline_leaves_nothing_behind() {
        let mut deadlines = Deadlines::default();
        deadlines.set(5, Some(at(10)));
        deadlines.set(5, Some(at(20)));
        deadlines.set(5, Some(at(20)));
        assert_eq!(deadlines.due(at(20)), [5]);
        deadlines.set(5, None);
        deadlines.set(6, None);
        assert_eq!(deadlines.first(), None);
    }
}
