//! What a step has changed and not committed yet.

use std::collections::{BTreeMap, BTreeSet};

use temporalio_protos::temporal::api::history::v1::HistoryEvent;

use crate::search::{IndexedAttribute, Value};
use crate::transition::{CompletedUpdate, OutboxRow};

/// The changes of one step, by key; rows are made when they are taken out.
#[derive(Clone, Debug, Default)]
pub(super) struct Staged {
    pub(super) events: Vec<HistoryEvent>,
    /// Pending activities that are new or changed.
    pub(super) activities: BTreeSet<i64>,
    pub(super) closed_activities: Vec<i64>,
    /// Timers that are new.
    pub(super) timers: BTreeSet<i64>,
    pub(super) closed_timers: Vec<i64>,
    /// Children that are new or changed.
    pub(super) children: BTreeSet<i64>,
    pub(super) closed_children: Vec<i64>,
    /// Letters that are new or changed.
    pub(super) outbox: BTreeMap<i64, OutboxRow>,
    /// Letters whose answer was recorded.
    pub(super) delivered: Vec<i64>,
    pub(super) request_ids: Vec<String>,
    pub(super) completed_updates: Vec<CompletedUpdate>,
    pub(super) visibility: bool,
    /// Set by the start and by upserts: what lists show of the memo.
    pub(super) memo: Option<Vec<u8>>,
    /// Set by the start and by upserts: what lists show of search attributes.
    pub(super) search_attributes: Option<Vec<u8>>,
    /// What changes in the index of search attributes, by name.
    pub(super) indexed: BTreeMap<String, Vec<Value>>,
    /// The row changed although nothing else did (a task attempt was counted).
    pub(super) row: bool,
    /// Activities that began to wait for a worker in this step.
    pub(super) queued: BTreeSet<i64>,
}

impl Staged {
    pub(super) fn is_empty(&self) -> bool {
        self.activities.is_empty() && self.is_without_run()
    }

    /// Whether nothing but rows of pending activities changed.
    pub(super) fn is_activities_only(&self) -> bool {
        !self.activities.is_empty() && self.is_without_run()
    }

    fn is_without_run(&self) -> bool {
        self.events.is_empty()
            && self.closed_activities.is_empty()
            && self.timers.is_empty()
            && self.closed_timers.is_empty()
            && self.children.is_empty()
            && self.closed_children.is_empty()
            && self.outbox.is_empty()
            && self.delivered.is_empty()
            && self.request_ids.is_empty()
            && !self.visibility
            && !self.row
    }

    /// Search attributes changed: the last change of a name holds.
    pub(super) fn index(&mut self, attributes: Vec<IndexedAttribute>) {
        let pairs = attributes.into_iter().map(|a| (a.name, a.values));
        self.indexed.extend(pairs);
        self.visibility = true;
    }

    /// An activity closed: a row that this step made or changed is not written.
    pub(super) fn close_activity(&mut self, scheduled_event_id: i64) {
        self.activities.remove(&scheduled_event_id);
        self.queued.remove(&scheduled_event_id);
        self.closed_activities.push(scheduled_event_id);
    }

    /// A letter is new or another one than before.
    pub(super) fn add_letter(&mut self, row: OutboxRow) {
        // One that was dealt with in this very step may have made room for it.
        self.delivered.retain(|id| *id != row.event_id);
        self.outbox.insert(row.event_id, row);
    }

    /// A timer closed.
    pub(super) fn close_timer(&mut self, started_event_id: i64) {
        self.timers.remove(&started_event_id);
        self.closed_timers.push(started_event_id);
    }
}
