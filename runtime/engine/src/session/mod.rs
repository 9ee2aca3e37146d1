//! The conversation between one live instance of a workflow's code and its
//! history: the same live and in replay.
//!
//! The driver begins a task with its batch, the code hears it event by event and
//! starts operations, the driver finishes the task and gets the commands; then it
//! shows the session the events that those commands became ([`Session::observe`]),
//! fresh from the run or read from history. In a read phase (a query) the code
//! may look and answer, and nothing else.

mod children;
#[cfg(test)]
mod children_tests;
mod continuation;
mod deliver;
mod facts;
mod operations;
mod properties;
mod refusals;
mod sizes;
mod sleep;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod update_tests;
mod updates;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use temporalio_protos::temporal::api::common::v1::{Memo, Payloads, SearchAttributes};
use temporalio_protos::temporal::api::enums::v1::WorkflowTaskFailedCause;
use temporalio_protos::temporal::api::failure::v1::Failure;
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;

use self::children::Others;
pub use self::children::SignalRequest;
pub use self::continuation::ContinueRequest;
pub use self::facts::{RunFacts, Suggests, TaskInfo};
use self::operations::Operation;
pub use self::properties::Changes;
use self::updates::UpdateInHand;
use crate::guest::{Command, ContinueAsNew, GuestEvent, Handle, QueryAnswer, UpdateDelivery};
use crate::limits::Limits;
use crate::random::RandomStream;
use crate::time::Timestamp;

/// The version of the rules by which histories are replayed, recorded with every
/// completed task (WF-30).
pub const REPLAY_RULES: u32 = 1;

/// Random bytes drawn in one call, at most.
const LARGEST_DRAW: usize = 65_536;

/// A call that the code must not make, or a limit that it reached: the workflow
/// task fails (the query, in a read phase).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct GuestFault {
    /// The cause, as the history names it.
    pub cause: WorkflowTaskFailedCause,
    /// What was wrong and what to do.
    pub message: String,
}

impl GuestFault {
    pub(crate) fn new(cause: WorkflowTaskFailedCause, message: impl Into<String>) -> Self {
        Self {
            cause,
            message: message.into(),
        }
    }

    fn misuse(message: impl Into<String>) -> Self {
        Self::new(
            WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
            message,
        )
    }
}

/// How the code's `run` ended.
#[derive(Clone, Debug, PartialEq)]
pub enum RunEnd {
    /// With a result.
    Completed(Option<Payloads>),
    /// With a failure.
    Failed(Failure),
    /// Honouring a cancel request.
    Cancelled(Option<Payloads>),
    /// By going on as another run.
    ContinuedAsNew(Box<ContinueAsNew>),
}

/// One workflow task, as the driver hands it over.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskInput {
    /// Its WorkflowTaskScheduled event: seeds the random stream.
    pub scheduled_event_id: i64,
    /// The time of its WorkflowTaskStarted event: the workflow's clock.
    pub now: Timestamp,
    /// Recorded history is handed out again.
    pub replaying: bool,
    /// Every deliverable event recorded after the last completed task and before
    /// this one's Scheduled.
    pub batch: Vec<HistoryEvent>,
    /// Handed out behind the batch, if there is one.
    pub update: Option<UpdateDelivery>,
    /// What the code may ask of the task.
    pub info: TaskInfo,
}

/// What a finished task comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskOutput {
    /// In the order of the calls; a close command is the last.
    pub commands: Vec<Command>,
    /// Events of the batch that the code did not take before it ended.
    pub untaken: usize,
    /// Why the code did not accept the task's update. The commands then come from
    /// code that must be thrown away, if there are any.
    pub rejected: Option<Failure>,
}

#[derive(Clone, Debug, PartialEq)]
enum Phase {
    /// Waiting for the next task.
    Between,
    /// In a workflow task.
    Task,
    /// In a query with this ID.
    Query {
        id: String,
        answer: Option<QueryAnswer>,
    },
}

/// The conversation with one live instance.
#[derive(Debug)]
pub struct Session {
    facts: Arc<RunFacts>,
    limits: SessionLimits,
    phase: Phase,
    ended: bool,
    tainted: bool,
    must_rebuild: bool,
    next_handle: Handle,
    /// Operations without an answer.
    open: HashMap<Handle, Operation>,
    by_event: HashMap<i64, Handle>,
    activity_ids: HashSet<String>,
    /// What concerns other runs besides.
    others: Others,
    /// Operations of the task just finished whose events are not known yet.
    unobserved: VecDeque<Handle>,
    /// Answers known at once, before the next recorded event.
    local: VecDeque<GuestEvent>,
    batch: VecDeque<GuestEvent>,
    /// Timers of `wait`: the code does not know their handles.
    hidden: HashSet<Handle>,
    waiting: Option<Handle>,
    /// The timer of the sleep that the code is in.
    sleeping: Option<Handle>,
    /// The update of the task in hand.
    update: Option<UpdateInHand>,
    /// Updates accepted and not completed.
    open_updates: HashSet<String>,
    current_details: String,
    /// `None`: as at the start.
    memo: Option<Memo>,
    /// `None`: as at the start.
    search_attributes: Option<SearchAttributes>,
    commands: Vec<Command>,
    /// How the run continues, if the code has said so.
    continuation: Option<Box<ContinueAsNew>>,
    /// What the commands carry so far.
    task_bytes: usize,
    now: Timestamp,
    replaying: bool,
    info: TaskInfo,
    random: RandomStream,
    read_random: RandomStream,
    delivered: u64,
}

#[derive(Clone, Copy, Debug)]
struct SessionLimits {
    payload_bytes: usize,
    id_bytes: usize,
    pending_operations: usize,
    task_operations: usize,
    task_bytes: usize,
}

impl Session {
    /// A conversation that has not begun: the first task makes the code run.
    pub fn new(facts: Arc<RunFacts>, limits: &Limits) -> Self {
        let original_run_id = facts.started.original_execution_run_id.clone();
        Self {
            now: facts.start_time,
            facts,
            limits: SessionLimits {
                payload_bytes: limits.payload_bytes,
                id_bytes: limits.id_bytes,
                pending_operations: limits.pending_operations,
                task_operations: limits.task_operations,
                task_bytes: limits.task_bytes,
            },
            phase: Phase::Between,
            ended: false,
            tainted: false,
            must_rebuild: false,
            next_handle: 1,
            open: HashMap::new(),
            by_event: HashMap::new(),
            activity_ids: HashSet::new(),
            others: Others::default(),
            unobserved: VecDeque::new(),
            local: VecDeque::new(),
            batch: VecDeque::new(),
            hidden: HashSet::new(),
            waiting: None,
            sleeping: None,
            update: None,
            open_updates: HashSet::new(),
            current_details: String::new(),
            memo: None,
            search_attributes: None,
            commands: Vec::new(),
            continuation: None,
            task_bytes: 0,
            replaying: false,
            info: TaskInfo::default(),
            random: RandomStream::of_task(&original_run_id, 0),
            read_random: RandomStream::of_read(&original_run_id),
            delivered: 0,
        }
    }

    // ---- the driver's side ------------------------------------------------

    /// Begins a task. All results in the batch count as known from here on, so
    /// cancelling what they answer is a no-op.
    pub fn begin_task(&mut self, task: TaskInput) {
        self.phase = Phase::Task;
        self.task_bytes = 0;
        self.now = task.now;
        self.replaying = task.replaying;
        self.info = task.info;
        self.random = RandomStream::of_task(
            &self.facts.started.original_execution_run_id,
            task.scheduled_event_id,
        );
        for event in &task.batch {
            if let Some(event) = self.deliverable(event) {
                self.batch.push_back(event);
            }
        }
        if let Some(update) = task.update {
            self.bring_update(update);
        }
    }

    /// Finishes the task. `end`: the code's `run` returned.
    pub fn finish_task(&mut self, end: Option<RunEnd>) -> TaskOutput {
        self.phase = Phase::Between;
        let rejected = self.finish_update();
        // Code that sleeps takes the rest later.
        let untaken = match self.sleeping {
            Some(_) => 0,
            None => self.batch.len() + self.local.len(),
        };
        if let Some(end) = end {
            self.ended = true;
            self.batch.clear();
            self.local.clear();
            self.commands.push(match end {
                RunEnd::Completed(result) => Command::CompleteWorkflow { result },
                RunEnd::Failed(failure) => Command::FailWorkflow { failure },
                RunEnd::Cancelled(details) => Command::CancelWorkflow { details },
                RunEnd::ContinuedAsNew(next) => Command::ContinueAsNew(next),
            });
        }
        TaskOutput {
            commands: std::mem::take(&mut self.commands),
            untaken,
            rejected,
        }
    }

    /// Shows the session what the commands of the finished task became, in order.
    pub fn observe(&mut self, events: &[HistoryEvent]) {
        for event in events {
            match &event.attributes {
                Some(
                    Attributes::ActivityTaskScheduledEventAttributes(_)
                    | Attributes::TimerStartedEventAttributes(_)
                    | Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(_)
                    | Attributes::SignalExternalWorkflowExecutionInitiatedEventAttributes(_),
                ) => self.observe_start(event.event_id),
                Some(
                    Attributes::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(a),
                ) => {
                    if a.child_workflow_only {
                        self.observe_cancel_of_child(event.event_id);
                    } else {
                        self.observe_start(event.event_id);
                    }
                }
                _ => {}
            }
        }
        self.others.end_of_task();
        self.unobserved.clear();
    }

    fn observe_start(&mut self, event_id: i64) {
        let Some(handle) = self.unobserved.pop_front() else {
            return;
        };
        // What was cancelled in the task that started it is not open any more.
        if let Some(operation) = self.open.get_mut(&handle) {
            operation.event_id = Some(event_id);
            self.by_event.insert(event_id, handle);
        } else {
            self.others.observe_unheard(handle, event_id);
        }
    }

    /// Begins a query. Answer it with [`Session::answer_query`].
    pub fn begin_query(
        &mut self,
        name: String,
        arguments: Option<Payloads>,
        header: Option<temporalio_protos::temporal::api::common::v1::Header>,
    ) {
        let id = "query".to_owned();
        self.tainted = true;
        // A `wait` that a query interrupts cannot be taken up again as it was.
        self.must_rebuild |= self.waiting.is_some();
        self.read_random = RandomStream::of_read(&self.facts.started.original_execution_run_id);
        self.phase = Phase::Query {
            id: id.clone(),
            answer: None,
        };
        self.batch.push_back(GuestEvent::Query {
            id,
            name,
            arguments,
            header,
        });
    }

    /// Ends the read phase; `None` if the code did not answer.
    pub fn finish_query(&mut self) -> Option<QueryAnswer> {
        // Code that sleeps has not taken it; what came before it waits for its turn.
        self.batch
            .retain(|event| !matches!(event, GuestEvent::Query { .. }));
        match std::mem::replace(&mut self.phase, Phase::Between) {
            Phase::Query { answer, .. } => answer,
            Phase::Between | Phase::Task => None,
        }
    }

    /// Whether the code has answered a read since it was built.
    pub fn is_tainted(&self) -> bool {
        self.tainted
    }

    /// Whether the code must be rebuilt before the next task whatever its policy
    /// for reads says.
    pub fn must_rebuild(&self) -> bool {
        self.must_rebuild
    }

    /// Counts the events that the code has heard: its CPU limit is per event.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    // ---- the code's side --------------------------------------------------

    /// What the run knows about itself.
    pub fn facts(&self) -> &Arc<RunFacts> {
        &self.facts
    }

    /// What the task knows about itself.
    pub fn task_info(&self) -> &TaskInfo {
        &self.info
    }

    /// The workflow's clock (WF-04).
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether recorded history is handed out again.
    pub fn is_replaying(&self) -> bool {
        self.replaying
    }

    /// Sixty-four random bits, equal in replay.
    pub fn random_u64(&mut self) -> u64 {
        self.stream().next_u64()
    }

    /// Random bytes, equal in replay.
    pub fn random_bytes(&mut self, length: usize) -> Result<Vec<u8>, GuestFault> {
        if length > LARGEST_DRAW {
            return Err(GuestFault::misuse(format!(
                "{length} random bytes were asked for; one call gives {LARGEST_DRAW} at most"
            )));
        }
        let mut bytes = vec![0; length];
        self.stream().fill(&mut bytes);
        Ok(bytes)
    }

    fn stream(&mut self) -> &mut RandomStream {
        if self.in_read() {
            &mut self.read_random
        } else {
            &mut self.random
        }
    }

    /// The next event; `None` where the batch has no more: the code waits.
    pub fn next_event(&mut self) -> Option<GuestEvent> {
        let event = loop {
            let event = self.local.pop_front().or_else(|| self.batch.pop_front())?;
            match &event {
                GuestEvent::Resolved { handle, .. } if self.hidden.remove(handle) => {}
                _ => break event,
            }
        };
        self.delivered += 1;
        if let GuestEvent::Update { .. } = event {
            self.update_heard();
        }
        Some(event)
    }

    /// Begins a `wait`: true at once if an event can be taken.
    pub fn begin_wait(&mut self, timeout: std::time::Duration) -> Result<bool, GuestFault> {
        if self.peek().is_some() {
            return Ok(true);
        }
        if self.deciding_update() {
            return Err(self.read_only("wait"));
        }
        if self.in_read() {
            self.must_rebuild = true;
            return Ok(false);
        }
        self.waiting = Some(self.start_timer(timeout, None)?);
        Ok(false)
    }

    /// How a `wait` stands: `Some(true)` an event can be taken, `Some(false)` the
    /// time has passed, `None` neither yet.
    pub fn poll_wait(&mut self) -> Result<Option<bool>, GuestFault> {
        let Some(next) = self.peek() else {
            return Ok(None);
        };
        let own = self.waiting;
        let is_own = matches!(next, GuestEvent::Resolved { handle, .. } if Some(*handle) == own);
        if self.in_read() {
            return Ok(Some(true));
        }
        self.waiting = None;
        if is_own {
            if self.local.pop_front().is_none() {
                self.batch.pop_front();
            }
            return Ok(Some(false));
        }
        if let Some(handle) = own {
            self.withdraw_hidden_timer(handle);
        }
        Ok(Some(true))
    }

    fn peek(&self) -> Option<&GuestEvent> {
        self.local.front().or_else(|| self.batch.front())
    }

    /// Answers the query in hand.
    pub fn answer_query(&mut self, query_id: &str, given: QueryAnswer) -> Result<(), GuestFault> {
        self.check_answer(&given)?;
        match &mut self.phase {
            Phase::Query { id, answer } if id == query_id && answer.is_none() => {
                *answer = Some(given);
                Ok(())
            }
            _ => Err(GuestFault::misuse(format!(
                "query {query_id:?} was answered, but it is not being asked (or was answered before)"
            ))),
        }
    }

    fn in_read(&self) -> bool {
        matches!(self.phase, Phase::Query { .. }) || self.deciding_update()
    }

    fn read_only(&self, what: &str) -> GuestFault {
        GuestFault::misuse(if self.deciding_update() {
            format!(
                "an update validator tried to {what}; \
                 accept the update first, a validator may only look at the workflow's state"
            )
        } else {
            format!(
                "a query handler tried to {what}; a query may only look at the workflow's state"
            )
        })
    }
}
