//! What runs send one another: letters.
//!
//! A letter is a row of the sender's outbox, written in the transition that sends
//! it. The row is all the memory that there is of it, on both sides:
//!
//! ```text
//! Held     + the child that it is for started  -> Sent
//! Sent     + the receiver takes it             -> Answered, in the receiver's commit
//! Answered + the sender records the answer     -> gone, in the sender's commit
//! Sent     + the receiver refuses it           -> the same, without a row in between
//! Sent     + it wants no answer, and is taken  -> gone, in the receiver's commit
//! Sent     + its sender closes (a child's start
//!            that the close policy takes back) -> Closing
//! Closing  + the child is told, or never was   -> gone, in the receiver's commit
//! ```
//!
//! A receiver commits only while the row is at the stage that it was told, so a
//! letter means something once, however often it is delivered.

use prost::{Message, Oneof};
use temporalio_protos::temporal::api::history::v1::{
    HistoryEvent, RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
    SignalExternalWorkflowExecutionInitiatedEventAttributes as SignalSent,
    StartChildWorkflowExecutionInitiatedEventAttributes,
};
use temporalio_protos::temporal::api::sdk::v1::UserMetadata;

use crate::ids::{RunId, WorkflowKey};
use crate::transition::{LetterStage, OutboxRow};

/// A letter as its row holds it. Tags are for ever.
#[derive(Clone, PartialEq, Message)]
pub struct Letter {
    /// The workflow ID that sends it; the namespace is that of the row.
    #[prost(string, tag = "1")]
    pub from_workflow_id: String,
    /// What it says.
    #[prost(oneof = "Body", tags = "2, 3, 4, 5, 6, 7")]
    pub body: Option<Body>,
}

/// What a letter says.
#[derive(Clone, PartialEq, Oneof)]
pub enum Body {
    /// Start a child of the sender.
    #[prost(message, tag = "2")]
    StartChild(StartChildLetter),
    /// A signal.
    #[prost(message, tag = "3")]
    Signal(SignalSent),
    /// A cancel request.
    #[prost(message, tag = "4")]
    Cancel(RequestCancelExternalWorkflowExecutionInitiatedEventAttributes),
    /// To a parent: its child has closed for good.
    #[prost(message, tag = "5")]
    ChildClosed(ChildClosedLetter),
    /// To a child: its parent has closed (WF-12).
    #[prost(message, tag = "6")]
    ParentClosed(ParentClosedLetter),
    /// Back to the sender: the letter was taken or refused.
    #[prost(message, tag = "7")]
    Answer(Answer),
}

/// Start a child of the sender.
#[derive(Clone, PartialEq, Message)]
pub struct StartChildLetter {
    /// The event that asked for it.
    #[prost(message, optional, tag = "1")]
    pub initiated: Option<StartChildWorkflowExecutionInitiatedEventAttributes>,
    /// Summary and details for people.
    #[prost(message, optional, tag = "2")]
    pub user_metadata: Option<UserMetadata>,
    /// The top of the tree that the sender is in.
    #[prost(string, tag = "3")]
    pub root_workflow_id: String,
    /// Its run.
    #[prost(bytes = "vec", tag = "4")]
    pub root_run_id: Vec<u8>,
    /// The component of the sender.
    #[prost(bytes = "vec", tag = "5")]
    pub digest: Vec<u8>,
    /// The child goes by what is current now, not by the sender's component.
    #[prost(bool, tag = "6")]
    pub current_version: bool,
    /// The child runs this version; empty: as the field before says.
    #[prost(string, tag = "7")]
    pub version: String,
    /// The name of the sender's component: what `version` is a version of.
    #[prost(string, tag = "8")]
    pub component_name: String,
}

/// A child has closed for good: no run follows it.
#[derive(Clone, PartialEq, Message)]
pub struct ChildClosedLetter {
    /// The run that started the child.
    #[prost(bytes = "vec", tag = "1")]
    pub parent_run_id: Vec<u8>,
    /// The event of that run that asked for it.
    #[prost(int64, tag = "2")]
    pub initiated_event_id: i64,
    /// The child's type.
    #[prost(string, tag = "3")]
    pub workflow_type: String,
    /// The first run of the child's chain.
    #[prost(bytes = "vec", tag = "4")]
    pub first_run_id: Vec<u8>,
    /// The event that closed the child's last run.
    #[prost(message, optional, tag = "5")]
    pub close: Option<HistoryEvent>,
}

/// A parent has closed.
#[derive(Clone, PartialEq, Message)]
pub struct ParentClosedLetter {
    /// Terminate the child; otherwise ask it to cancel itself.
    #[prost(bool, tag = "1")]
    pub terminate: bool,
}

/// How a letter was received.
#[derive(Clone, PartialEq, Message)]
pub struct Answer {
    /// The run that took it; empty: it was refused.
    #[prost(bytes = "vec", tag = "1")]
    pub run_id: Vec<u8>,
    /// Why it was refused, in the terms of the event that will say so.
    #[prost(int32, tag = "2")]
    pub cause: i32,
    /// The letter that it answers, without what only the receiver needs: its row is
    /// the answer's now.
    #[prost(message, optional, boxed, tag = "3")]
    pub question: Option<Box<Letter>>,
}

impl Answer {
    /// The answer to a letter: the run that took it, or the cause why none did.
    pub fn new(question: &Letter, outcome: Result<RunId, i32>) -> Self {
        Self {
            run_id: outcome.map_or(Vec::new(), |run_id| run_id.as_bytes().to_vec()),
            cause: outcome.err().unwrap_or_default(),
            question: Some(Box::new(question.as_question())),
        }
    }

    /// The run that took it, or the cause why none did.
    pub fn outcome(&self) -> Result<RunId, i32> {
        RunId::from_slice(&self.run_id).ok_or(self.cause)
    }
}

impl Letter {
    /// A letter of this workflow ID.
    pub fn new(from: &WorkflowKey, body: Body) -> Self {
        Self {
            from_workflow_id: from.workflow_id.to_string(),
            body: Some(body),
        }
    }

    /// Reads it back from its row.
    pub fn read(row: &OutboxRow) -> Result<Self, prost::DecodeError> {
        Self::decode(&*row.letter)
    }

    fn as_question(&self) -> Self {
        let body = self.body.as_ref().map(|body| match body {
            Body::StartChild(_) => Body::StartChild(StartChildLetter::default()),
            Body::Signal(sent) => Body::Signal(SignalSent {
                namespace: sent.namespace.clone(),
                workflow_execution: sent.workflow_execution.clone(),
                workflow_task_completed_event_id: sent.workflow_task_completed_event_id,
                ..SignalSent::default()
            }),
            other => other.clone(),
        });
        Self {
            from_workflow_id: String::new(),
            body,
        }
    }

    /// Who sent it: letters do not leave their namespace.
    pub fn from(&self, row: &OutboxRow) -> WorkflowKey {
        WorkflowKey {
            namespace: row.to.namespace.clone(),
            workflow_id: self.from_workflow_id.as_str().into(),
        }
    }

    /// The row that holds it.
    pub fn into_row(
        self,
        run_id: RunId,
        event_id: i64,
        stage: LetterStage,
        to: WorkflowKey,
    ) -> OutboxRow {
        OutboxRow {
            run_id,
            event_id,
            stage,
            to,
            letter: self.encode_to_vec().into(),
        }
    }
}
