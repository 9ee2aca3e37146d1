//! What a mailbox receives. Each message that somebody waits for carries the way
//! back; an answer leaves only after the commit that makes it true.

use mainspring_engine::activity::{ActivityRef, HeartbeatReply};
use mainspring_engine::ids::RunId;
use temporalio_protos::temporal::api::common::v1::Payloads;
use temporalio_protos::temporal::api::enums::v1::UpdateWorkflowExecutionLifecycleStage as Stage;
use temporalio_protos::temporal::api::failure::v1::Failure;
use temporalio_protos::temporal::api::update::v1::Request;
use tokio::sync::oneshot;

use crate::describe::WorkflowDescription;
use crate::error::ServerError;
use crate::matching::queue::Match;
use crate::outbox::Delivery;
use crate::request::{
    HistoryState, Query, QueryReply, Signal, StartWorkflow, StartedWorkflow, Stop,
};
use crate::updates::UpdateState;

/// The way back to a waiting caller.
pub type Reply<T> = oneshot::Sender<Result<T, ServerError>>;

/// Which run of the workflow ID a message is for.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunSelector {
    /// `None`: the latest.
    pub run_id: Option<RunId>,
    /// If set, the run must belong to the chain that this run began.
    pub first_run_id: Option<RunId>,
}

/// How an attempt ended, as reported.
#[derive(Debug)]
pub enum ActivityReport {
    /// Completed with this result.
    Completed(Option<Payloads>),
    /// Failed; with the last heartbeat's details if the worker sent them along.
    Failed {
        /// Why.
        failure: Box<Failure>,
        /// Flushed heartbeat details (ACT-07).
        last_heartbeat_details: Option<Payloads>,
    },
    /// Cancelled, with details.
    Canceled(Option<Payloads>),
}

/// One message to the mailbox of a workflow ID.
#[derive(Debug)]
pub enum Message {
    /// Start a run.
    Start(Box<StartWorkflow>, Reply<StartedWorkflow>),
    /// Signal a run.
    Signal(RunSelector, Box<Signal>, Reply<()>),
    /// Ask a run to cancel itself.
    RequestCancel(RunSelector, Stop, Reply<()>),
    /// Terminate a run.
    Terminate(RunSelector, Stop, Reply<()>),
    /// Delete a run, open or closed.
    Delete(RunSelector, Reply<()>),
    /// Query a run, open or closed.
    Query(RunSelector, Box<Query>, Reply<QueryReply>),
    /// Send an update to a run; answered when it has come as far as the stage.
    Update(RunSelector, Box<Request>, Stage, Reply<UpdateState>),
    /// Answer when an update has come as far as the stage.
    PollUpdate(RunSelector, String, Stage, Reply<UpdateState>),
    /// Signal the open run, or start one with the signal.
    SignalWithStart(Box<StartWorkflow>, Box<Signal>, Reply<StartedWorkflow>),
    /// Start a run or use the open one, and send it an update.
    UpdateWithStart {
        /// The start.
        start: Box<StartWorkflow>,
        /// The update.
        request: Box<Request>,
        /// How far the update must have come for its answer.
        stage: Stage,
        /// Where the start is answered.
        started: Reply<StartedWorkflow>,
        /// Where the update is answered; not at all if the start was refused.
        updated: Reply<UpdateState>,
    },
    /// Describe a run.
    Describe(RunSelector, Reply<Box<WorkflowDescription>>),
    /// How far the history has come.
    HistoryState(RunSelector, Reply<HistoryState>),
    /// A worker or client reports how an attempt ended.
    Report {
        /// The run.
        run: RunSelector,
        /// The activity.
        activity: ActivityRef,
        /// How it ended.
        report: Box<ActivityReport>,
        /// Who says so.
        identity: String,
        /// The way back.
        reply: Reply<()>,
    },
    /// A worker or client says that an attempt is alive.
    Heartbeat {
        /// The run.
        run: RunSelector,
        /// The activity.
        activity: ActivityRef,
        /// Progress.
        details: Option<Payloads>,
        /// The way back.
        reply: Reply<HeartbeatReply>,
    },
    /// A waiting task and a poll have met.
    Dispatch(Match),
    /// A started task never reached its worker.
    GiveBack {
        /// The run.
        run_id: RunId,
        /// The activity.
        scheduled_event_id: i64,
        /// The attempt.
        attempt: u32,
        /// Its nonce.
        nonce: u64,
    },
    /// A letter of another run, or the answer to one of this workflow ID.
    Letter(Box<Delivery>),
    /// The alarm rang.
    Wake,
    /// Drop the live instance, if nothing is going on in it.
    Evict,
}

impl Message {
    /// Answers whoever waits with an error.
    pub(crate) fn refuse(self, error: &ServerError) {
        fn send<T>(reply: Reply<T>, error: &ServerError) {
            // The caller may have hung up.
            let _ = reply.send(Err(ServerError::Unavailable(error.to_string())));
        }
        match self {
            Message::Start(_, reply)
            | Message::SignalWithStart(_, _, reply)
            | Message::UpdateWithStart { started: reply, .. } => send(reply, error),
            Message::Update(_, _, _, reply) | Message::PollUpdate(_, _, _, reply) => {
                send(reply, error);
            }
            Message::Signal(_, _, reply)
            | Message::RequestCancel(_, _, reply)
            | Message::Terminate(_, _, reply)
            | Message::Delete(_, reply)
            | Message::Report { reply, .. } => send(reply, error),
            Message::Query(_, _, reply) => send(reply, error),
            Message::Describe(_, reply) => send(reply, error),
            Message::HistoryState(_, reply) => send(reply, error),
            Message::Heartbeat { reply, .. } => send(reply, error),
            // A letter that is dropped is delivered again.
            Message::Letter(_)
            | Message::Dispatch(_)
            | Message::GiveBack { .. }
            | Message::Wake
            | Message::Evict => {}
        }
    }
}
