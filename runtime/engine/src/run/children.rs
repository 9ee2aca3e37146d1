//! The children of a run: asked for, started or not, closed. What passes between them
//! and their parent are [letters](super::letters).
//!
//! ```text
//! StartChild...Initiated -> Started or StartFailed -> Completed, Failed, ...
//! ```

use prost::Message;
use temporalio_protos::temporal::api::common::v1::{WorkflowExecution, WorkflowType as WireType};
use temporalio_protos::temporal::api::enums::v1::{
    ParentClosePolicy, SignalExternalWorkflowExecutionFailedCause as SignalCause,
    StartChildWorkflowExecutionFailedCause as StartCause,
};
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::history::v1::{
    ChildWorkflowExecutionStartedEventAttributes, StartChildWorkflowExecutionFailedEventAttributes,
    StartChildWorkflowExecutionInitiatedEventAttributes, WorkflowExecutionStartedEventAttributes,
};

use super::child_events::ClosedChild;
use super::{CorruptRun, Run};
use crate::activity::wire_queue;
use crate::guest::StartChild;
use crate::ids::{RunId, WorkflowId};
use crate::letter::{Body, ChildClosedLetter, StartChildLetter};
use crate::time::{Timestamp, wire_duration};
use crate::transition::{ChildRow, LetterStage};

/// A child that has not closed, as its row holds it. Tags are for ever.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PendingChild {
    #[prost(string, tag = "1")]
    pub(super) workflow_id: String,
    #[prost(string, tag = "2")]
    workflow_type: String,
    #[prost(enumeration = "ParentClosePolicy", tag = "3")]
    parent_close_policy: i32,
    /// Empty: it has not started.
    #[prost(bytes = "vec", tag = "4")]
    started_run_id: Vec<u8>,
    #[prost(int64, tag = "5")]
    pub(super) started_event_id: i64,
    /// Letters to it that wait for its start, by their event.
    #[prost(int64, repeated, tag = "6")]
    pub(super) held: Vec<i64>,
    #[prost(int64, tag = "7")]
    workflow_task_completed_event_id: i64,
}

/// An open child as a description shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildView {
    /// The event that asked for it.
    pub initiated_event_id: i64,
    /// Its workflow ID.
    pub workflow_id: String,
    /// Its run; `None`: not started.
    pub run_id: Option<RunId>,
    /// Its type.
    pub workflow_type: String,
    /// WF-12.
    pub parent_close_policy: ParentClosePolicy,
}

/// Which run started a run.
#[derive(Clone, Debug, PartialEq)]
pub struct ParentRun {
    /// Its workflow ID, in the same namespace.
    pub workflow_id: WorkflowId,
    /// The run.
    pub run_id: RunId,
    /// The event in it.
    pub initiated_event_id: i64,
    /// The top of the tree: the first that no run started.
    pub root: (WorkflowId, RunId),
}

/// A parent, as the child's record holds it. Tags are for ever.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ParentRecord {
    #[prost(string, tag = "1")]
    workflow_id: String,
    #[prost(bytes = "vec", tag = "2")]
    run_id: Vec<u8>,
    #[prost(int64, tag = "3")]
    initiated_event_id: i64,
    #[prost(string, tag = "4")]
    root_workflow_id: String,
    #[prost(bytes = "vec", tag = "5")]
    root_run_id: Vec<u8>,
}

impl ParentRecord {
    /// What a first event says of it.
    pub(super) fn of_start(started: &WorkflowExecutionStartedEventAttributes) -> Option<Self> {
        let parent = started.parent_workflow_execution.as_ref()?;
        let root = started.root_workflow_execution.as_ref().unwrap_or(parent);
        let run_id = |execution: &WorkflowExecution| {
            let run_id = RunId::parse(&execution.run_id)?;
            Some(run_id.as_bytes().to_vec())
        };
        Some(Self {
            workflow_id: parent.workflow_id.clone(),
            run_id: run_id(parent)?,
            initiated_event_id: started.parent_initiated_event_id,
            root_workflow_id: root.workflow_id.clone(),
            root_run_id: run_id(root)?,
        })
    }
}

impl PendingChild {
    pub(super) fn of_row(row: &ChildRow) -> Result<(i64, Self), CorruptRun> {
        let child = Self::decode(row.state.as_slice()).map_err(|error| CorruptRun::Row {
            run_id: row.run_id,
            reason: format!("child {}: {error}", row.initiated_event_id),
        })?;
        Ok((row.initiated_event_id, child))
    }

    pub(super) fn to_row(&self, run_id: RunId, initiated_event_id: i64) -> ChildRow {
        ChildRow {
            run_id,
            initiated_event_id,
            state: self.encode_to_vec(),
        }
    }

    fn wire_type(&self) -> Option<WireType> {
        Some(WireType {
            name: self.workflow_type.clone(),
        })
    }

    fn execution(&self, run_id: Option<RunId>) -> Option<WorkflowExecution> {
        Some(WorkflowExecution {
            workflow_id: self.workflow_id.clone(),
            run_id: run_id.map(|run_id| run_id.to_string()).unwrap_or_default(),
        })
    }
}

impl Run {
    /// The open children, oldest first.
    pub fn pending_children(&self) -> Vec<ChildView> {
        let view = |(id, child): (&i64, &PendingChild)| ChildView {
            initiated_event_id: *id,
            workflow_id: child.workflow_id.clone(),
            run_id: RunId::from_slice(&child.started_run_id),
            workflow_type: child.workflow_type.clone(),
            parent_close_policy: child.parent_close_policy(),
        };
        self.children.iter().map(view).collect()
    }

    /// The run that started this one, if one did.
    pub fn parent(&self) -> Option<ParentRun> {
        let parent = self.record.parent.as_ref()?;
        let root_run_id = RunId::from_slice(&parent.root_run_id)?;
        Some(ParentRun {
            workflow_id: parent.workflow_id.as_str().into(),
            run_id: RunId::from_slice(&parent.run_id)?,
            initiated_event_id: parent.initiated_event_id,
            root: (parent.root_workflow_id.as_str().into(), root_run_id),
        })
    }

    /// The top of the tree of runs that this one is in.
    pub fn root(&self) -> (WorkflowId, RunId) {
        match self.parent() {
            Some(parent) => parent.root,
            None => (self.key.workflow_id.clone(), self.run_id),
        }
    }

    // ---- commands ---------------------------------------------------------

    pub(super) fn start_child(&mut self, now: Timestamp, completed: i64, asked: StartChild) {
        let is_own = self.is_own_namespace(&asked.namespace);
        let namespace = self.or_own_namespace(&asked.namespace);
        let workflow_id = asked.workflow_id.clone();
        let (current_version, version) = (asked.current_version, asked.version.clone());
        let user_metadata = asked.metadata.clone();
        let task_queue = asked.task_queue.unwrap_or_else(|| self.task_queue());
        let attributes = StartChildWorkflowExecutionInitiatedEventAttributes {
            namespace,
            workflow_id: asked.workflow_id,
            workflow_type: Some(WireType {
                name: asked.workflow_type,
            }),
            task_queue: Some(wire_queue(&task_queue)),
            input: asked.input,
            workflow_execution_timeout: asked.execution_timeout.map(wire_duration),
            workflow_run_timeout: asked.run_timeout.map(wire_duration),
            workflow_task_timeout: asked.task_timeout.map(wire_duration),
            parent_close_policy: match asked.parent_close_policy {
                ParentClosePolicy::Unspecified => ParentClosePolicy::Terminate,
                policy => policy,
            } as i32,
            workflow_task_completed_event_id: completed,
            workflow_id_reuse_policy: asked.reuse_policy as i32,
            retry_policy: asked.retry_policy,
            cron_schedule: asked.cron_schedule,
            header: asked.header,
            memo: asked.memo,
            search_attributes: asked.search_attributes,
            priority: asked.priority.or_else(|| self.record.priority.clone()),
            ..StartChildWorkflowExecutionInitiatedEventAttributes::default()
        };
        let initiated = Some(attributes.clone());
        let event_id = self.record_with_metadata(
            now,
            Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(attributes),
            user_metadata.clone(),
        );
        if !is_own {
            self.child_not_started(now, event_id, StartCause::NamespaceNotFound as i32);
            return;
        }
        let (root_workflow_id, root_run_id) = self.root();
        let letter = StartChildLetter {
            initiated,
            user_metadata,
            root_workflow_id: root_workflow_id.to_string(),
            root_run_id: root_run_id.as_bytes().to_vec(),
            digest: self.digest.as_bytes().to_vec(),
            current_version,
            version,
            component_name: self.record.component_name.clone(),
        };
        self.send(
            event_id,
            LetterStage::Sent,
            workflow_id.into(),
            Body::StartChild(letter),
        );
    }

    // ---- answers ----------------------------------------------------------

    pub(super) fn child_started(&mut self, now: Timestamp, initiated_event_id: i64, run_id: RunId) {
        let Some(child) = self.children.get(&initiated_event_id) else {
            return;
        };
        let attributes = ChildWorkflowExecutionStartedEventAttributes {
            namespace: self.key.namespace.to_string(),
            initiated_event_id,
            workflow_execution: child.execution(Some(run_id)),
            workflow_type: child.wire_type(),
            ..ChildWorkflowExecutionStartedEventAttributes::default()
        };
        self.record_event(
            now,
            Attributes::ChildWorkflowExecutionStartedEventAttributes(attributes),
        );
    }

    /// The child does not start, and what waited for it is told so.
    pub(super) fn child_not_started(
        &mut self,
        now: Timestamp,
        initiated_event_id: i64,
        cause: i32,
    ) {
        let Some(child) = self.children.get(&initiated_event_id).cloned() else {
            return;
        };
        let attributes = StartChildWorkflowExecutionFailedEventAttributes {
            namespace: self.key.namespace.to_string(),
            workflow_id: child.workflow_id.clone(),
            workflow_type: child.wire_type(),
            cause,
            initiated_event_id,
            workflow_task_completed_event_id: child.workflow_task_completed_event_id,
            ..StartChildWorkflowExecutionFailedEventAttributes::default()
        };
        self.record_event(
            now,
            Attributes::StartChildWorkflowExecutionFailedEventAttributes(attributes),
        );
        // The causes "not found" of signals and cancels have the same number.
        let not_found = SignalCause::ExternalWorkflowExecutionNotFound as i32;
        for event_id in child.held {
            self.refuse_letter(now, event_id, not_found);
        }
    }

    /// Records that a child has closed for good: `run_id` is its last run. What is
    /// no open child of this run changes nothing.
    pub fn child_closed(&mut self, now: Timestamp, run_id: RunId, letter: &ChildClosedLetter) {
        let initiated_event_id = letter.initiated_event_id;
        let is_pending =
            |run: &Self| run.is_open() && run.children.contains_key(&initiated_event_id);
        if !is_pending(self) {
            return;
        }
        let started = |run: &Self| {
            let child = run.children.get(&initiated_event_id);
            child.map_or(0, |child| child.started_event_id)
        };
        if started(self) == 0 {
            // It was quicker than the answer that it has started.
            let first = RunId::from_slice(&letter.first_run_id).unwrap_or(run_id);
            self.child_started(now, initiated_event_id, first);
        }
        let started_event_id = started(self);
        let namespace = self.key.namespace.to_string();
        let Some(child) = self.children.get(&initiated_event_id) else {
            return;
        };
        let close = letter
            .close
            .as_ref()
            .and_then(|event| event.attributes.as_ref());
        let about = ClosedChild {
            namespace,
            execution: child.execution(Some(run_id)),
            workflow_type: child.wire_type(),
            initiated_event_id,
            started_event_id,
        };
        self.record_event(now, about.event(close));
    }

    // ---- events -----------------------------------------------------------

    /// How events about others change a run.
    pub(super) fn apply_of_others(&mut self, event_id: i64, attributes: &Attributes) {
        use Attributes as A;
        match attributes {
            A::StartChildWorkflowExecutionInitiatedEventAttributes(a) => {
                let child = PendingChild {
                    workflow_id: a.workflow_id.clone(),
                    workflow_type: a.workflow_type.clone().unwrap_or_default().name,
                    parent_close_policy: a.parent_close_policy,
                    workflow_task_completed_event_id: a.workflow_task_completed_event_id,
                    ..PendingChild::default()
                };
                self.children.insert(event_id, child);
                self.staged.children.insert(event_id);
            }
            A::ChildWorkflowExecutionStartedEventAttributes(a) => {
                self.forget_letter(a.initiated_event_id);
                let run_id = a.workflow_execution.as_ref();
                let run_id = run_id.and_then(|execution| RunId::parse(&execution.run_id));
                self.note_child_started(a.initiated_event_id, event_id, run_id);
            }
            A::StartChildWorkflowExecutionFailedEventAttributes(a) => {
                self.forget_letter(a.initiated_event_id);
                self.drop_child(a.initiated_event_id);
            }
            A::ChildWorkflowExecutionCompletedEventAttributes(a) => {
                self.drop_child(a.initiated_event_id);
            }
            A::ChildWorkflowExecutionFailedEventAttributes(a) => {
                self.drop_child(a.initiated_event_id);
            }
            A::ChildWorkflowExecutionCanceledEventAttributes(a) => {
                self.drop_child(a.initiated_event_id);
            }
            A::ChildWorkflowExecutionTimedOutEventAttributes(a) => {
                self.drop_child(a.initiated_event_id);
            }
            A::ChildWorkflowExecutionTerminatedEventAttributes(a) => {
                self.drop_child(a.initiated_event_id);
            }
            A::ExternalWorkflowExecutionSignaledEventAttributes(a) => {
                self.forget_letter(a.initiated_event_id);
            }
            A::SignalExternalWorkflowExecutionFailedEventAttributes(a) => {
                self.forget_letter(a.initiated_event_id);
            }
            A::ExternalWorkflowExecutionCancelRequestedEventAttributes(a) => {
                self.forget_letter(a.initiated_event_id);
            }
            A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(a) => {
                self.forget_letter(a.initiated_event_id);
            }
            // Nothing else changes the state: a signal only waits to be delivered, a
            // cancel request of an activity and its start are in its own row.
            _ => {}
        }
    }

    fn note_child_started(&mut self, initiated: i64, event_id: i64, run_id: Option<RunId>) {
        let Some(child) = self.children.get_mut(&initiated) else {
            return;
        };
        child.started_event_id = event_id;
        child.started_run_id = run_id.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
        self.staged.children.insert(initiated);
        let held = std::mem::take(&mut child.held);
        self.release(held);
    }

    pub(super) fn drop_child(&mut self, initiated_event_id: i64) {
        if self.children.remove(&initiated_event_id).is_some() {
            self.staged.children.remove(&initiated_event_id);
            self.staged.closed_children.push(initiated_event_id);
        }
    }
}
