//! The parts of a server that its actors share.

use std::sync::{Arc, Weak};
use std::time::Duration;

use mainspring_engine::history;
use mainspring_engine::ids::{RunId, WorkflowKey};
use mainspring_engine::limits::Limits;
use mainspring_engine::session::RunFacts;
use mainspring_store::{HistoryRange, Store};
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::history::v1::{
    ActivityTaskScheduledEventAttributes, HistoryEvent,
};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use crate::alarm::Alarms;
use crate::commit::Committer;
use crate::components::Components;
use crate::error::ServerError;
use crate::mailbox::message::{Message, Reply};
use crate::mailbox::{Full, Mailboxes};
use crate::matching::Matching;
use crate::namespaces::Namespaces;
use crate::outbox::Outbox;
use crate::outside::{Clock, Entropy};
use crate::residents::Residents;
use crate::search_attributes::SearchAttributes;
use crate::turns::Turns;
use crate::watch::Watchers;

/// Bytes of history read at once.
const HISTORY_PAGE_BYTES: usize = 1024 * 1024;

/// How a server behaves besides its limits.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A test mode: drop every instance after each activation, so that every
    /// step replays its whole history. The histories must be the same.
    pub evict_after_each_activation: bool,
    /// How many go on with long work at once; `None`: as many as there are
    /// processors, but one.
    pub turns: Option<usize>,
    /// A test mode: so long does it take until it is the turn of long work, for a
    /// clock that stands still while code runs.
    pub turn_takes: Duration,
}

/// Everything that a server is made of.
pub(crate) struct Core {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) committer: Committer,
    pub(crate) mailboxes: Mailboxes,
    pub(crate) matching: Matching,
    pub(crate) alarms: Alarms,
    pub(crate) watchers: Watchers,
    pub(crate) outbox: Outbox,
    pub(crate) residents: Residents,
    pub(crate) turns: Turns,
    pub(crate) components: Components,
    pub(crate) namespaces: Namespaces,
    pub(crate) search_attributes: SearchAttributes,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) options: Options,
    /// A run was deleted, and may have left something behind.
    pub(crate) remains: Notify,
    pub(crate) stop: CancellationToken,
    /// Itself, for what outlives a call.
    pub(crate) this: Weak<Core>,
}

impl Core {
    /// Sends a message without waiting for an answer. False: the mailbox is full,
    /// or the server is gone.
    pub(crate) fn post(&self, key: &WorkflowKey, message: Message) -> Result<(), Full> {
        match self.this.upgrade() {
            Some(core) => core.mailboxes.send(&core, key, message),
            None => Err(Full(Box::new(message))),
        }
    }

    /// Sends a message and waits for its answer.
    pub(crate) async fn ask<T>(
        &self,
        key: &WorkflowKey,
        message: impl FnOnce(Reply<T>) -> Message,
    ) -> Result<T, ServerError> {
        if self.stop.is_cancelled() {
            return Err(shutting_down());
        }
        let (reply, answer) = oneshot::channel();
        if self.post(key, message(reply)).is_err() {
            return Err(self.mailbox_full(key));
        }
        // The way back is dropped only where the step that held it failed whole.
        answer.await.unwrap_or_else(|_| {
            Err(ServerError::Unavailable(
                "the request was not finished; nothing is known of its outcome, try again"
                    .to_owned(),
            ))
        })
    }
}

impl Core {
    /// What callers are told whose message finds no room.
    pub(crate) fn mailbox_full(&self, key: &WorkflowKey) -> ServerError {
        ServerError::ResourceExhausted(format!(
            "workflow {key} has {} messages waiting (limit mailbox-messages); \
             send to it more slowly",
            self.limits.mailbox_messages
        ))
    }
}

/// What callers are told from the first moment of a shutdown on.
pub(crate) fn shutting_down() -> ServerError {
    ServerError::Unavailable("the server is shutting down; try again".to_owned())
}

impl Core {
    /// What a run's first event says, with the user's words on it.
    pub(crate) async fn run_facts(
        &self,
        key: &WorkflowKey,
        run_id: RunId,
    ) -> Result<RunFacts, ServerError> {
        let event = self.read_event(run_id, 1).await?;
        let facts = RunFacts::from_first_event(key.clone(), run_id, &event);
        facts.ok_or_else(|| {
            ServerError::Internal(format!(
                "the history of run {run_id} does not begin with its start"
            ))
        })
    }

    /// The event that scheduled an activity.
    pub(crate) async fn scheduled_event(
        &self,
        run_id: RunId,
        event_id: i64,
    ) -> Result<Arc<ActivityTaskScheduledEventAttributes>, ServerError> {
        match self.read_event(run_id, event_id).await?.attributes {
            Some(Attributes::ActivityTaskScheduledEventAttributes(scheduled)) => {
                Ok(Arc::new(scheduled))
            }
            _ => Err(ServerError::Internal(format!(
                "event {event_id} of run {run_id} does not schedule an activity"
            ))),
        }
    }

    pub(crate) async fn read_event(
        &self,
        run_id: RunId,
        event_id: i64,
    ) -> Result<HistoryEvent, ServerError> {
        let events = self
            .read_events(run_id, event_id, event_id, 1, false)
            .await?;
        events.into_iter().next().ok_or_else(|| {
            ServerError::NotFound(format!("event {event_id} of run {run_id} is not there"))
        })
    }

    /// Events of a run in a range, at most `max_events`, in the asked order. All of them
    /// were there when the range was found: where one is missing the run is deleted.
    pub(crate) async fn read_events(
        &self,
        run_id: RunId,
        from_event_id: i64,
        to_event_id: i64,
        max_events: usize,
        reverse: bool,
    ) -> Result<Vec<HistoryEvent>, ServerError> {
        let mut events = Vec::new();
        let (mut from, mut to) = (from_event_id, to_event_id);
        while events.len() < max_events && from <= to {
            let range = HistoryRange {
                from_event_id: from,
                to_event_id: to,
                max_bytes: HISTORY_PAGE_BYTES,
                reverse,
            };
            let batches = self.store.read_history(run_id, range).await?;
            if batches.is_empty() {
                return Err(deleted_meanwhile(run_id));
            }
            for batch in batches {
                let is_next = if reverse {
                    batch.last_event_id >= to
                } else {
                    batch.first_event_id <= from
                };
                if !is_next {
                    return Err(deleted_meanwhile(run_id));
                }
                if reverse {
                    to = batch.first_event_id - 1;
                } else {
                    from = batch.last_event_id + 1;
                }
                let mut decoded = history::decode(&batch)
                    .map_err(|error| ServerError::Internal(error.to_string()))?;
                decoded.retain(|event| (from_event_id..=to_event_id).contains(&event.event_id));
                if reverse {
                    decoded.reverse();
                }
                events.extend(decoded);
            }
        }
        events.truncate(max_events);
        Ok(events)
    }
}

/// What a reader is told whose events are not all there.
fn deleted_meanwhile(run_id: RunId) -> ServerError {
    ServerError::NotFound(format!(
        "the history of run {run_id} is not all there: the run was deleted while it was read"
    ))
}
