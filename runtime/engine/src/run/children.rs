//! What a run sends to others and hears of them: children, signals, cancel
//! requests. A letter leaves with the event that asks for it; its answer is an
//! event, too (see [`crate::letter`]).
//!
//! ```text
//! StartChild...Initiated -> Started or StartFailed -> Completed, Failed, ...
//! SignalExternal...Initiated        -> ExternalSignaled or SignalFailed
//! RequestCancelExternal...Initiated -> CancelRequested or CancelFailed
//! ```
//!
//! A signal or a cancel for a child that has not started is held until it has.

use prost::Message;
use temporalio_protos::temporal::api::common::v1::{WorkflowExecution, WorkflowType as WireType};
use temporalio_protos::temporal::api::enums::v1::{
    CancelExternalWorkflowExecutionFailedCause as CancelCause, ParentClosePolicy,
    SignalExternalWorkflowExecutionFailedCause as SignalCause,
    StartChildWorkflowExecutionFailedCause as StartCause,
};
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::history::v1::{
    ChildWorkflowExecutionStartedEventAttributes, HistoryEvent,
    RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
    SignalExternalWorkflowExecutionInitiatedEventAttributes,
    StartChildWorkflowExecutionFailedEventAttributes,
    StartChildWorkflowExecutionInitiatedEventAttributes, WorkflowExecutionStartedEventAttributes,
};

use super::child_events::{ClosedChild, cancel_answered, signal_answered};
use super::{CorruptRun, Run};
use crate::activity::wire_queue;
use crate::guest::{ExternalTarget, SignalExternal, StartChild};
use crate::ids::{RunId, WorkflowId, WorkflowKey};
use crate::letter::{
    Answer, Body, ChildClosedLetter, Letter, ParentClosedLetter, StartChildLetter,
};
use crate::time::{Timestamp, wire_duration};
use crate::transition::{ChildRow, LetterStage, OutboxRow};

/// A child that has not closed, as its row holds it. Tags are for ever.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PendingChild {
    #[prost(string, tag = "1")]
    workflow_id: String,
    #[prost(string, tag = "2")]
    workflow_type: String,
    #[prost(enumeration = "ParentClosePolicy", tag = "3")]
    parent_close_policy: i32,
    /// Empty: it has not started.
    #[prost(bytes = "vec", tag = "4")]
    started_run_id: Vec<u8>,
    #[prost(int64, tag = "5")]
    started_event_id: i64,
    /// Letters to it that wait for its start, by their event.
    #[prost(int64, repeated, tag = "6")]
    held: Vec<i64>,
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

    pub(super) fn signal_external(
        &mut self,
        now: Timestamp,
        completed: i64,
        asked: SignalExternal,
    ) {
        let (namespace, execution, child) = self.addressee(asked.target);
        let workflow_id = execution.workflow_id.clone();
        let is_own = self.is_own_namespace(&namespace);
        let attributes = SignalExternalWorkflowExecutionInitiatedEventAttributes {
            workflow_task_completed_event_id: completed,
            namespace,
            workflow_execution: Some(execution),
            signal_name: asked.name,
            input: asked.input,
            header: asked.header,
            child_workflow_only: child.is_some(),
            ..SignalExternalWorkflowExecutionInitiatedEventAttributes::default()
        };
        let letter = Body::Signal(attributes.clone());
        let event_id = self.record_event(
            now,
            Attributes::SignalExternalWorkflowExecutionInitiatedEventAttributes(attributes),
        );
        self.send_or_hold(event_id, child.flatten(), workflow_id, letter);
        if !is_own {
            self.refuse_letter(now, event_id, SignalCause::NamespaceNotFound as i32);
        }
    }

    pub(super) fn cancel_external(
        &mut self,
        now: Timestamp,
        completed: i64,
        target: ExternalTarget,
        reason: String,
    ) {
        let (namespace, execution, child) = self.addressee(target);
        let workflow_id = execution.workflow_id.clone();
        let is_own = self.is_own_namespace(&namespace);
        let attributes = RequestCancelExternalWorkflowExecutionInitiatedEventAttributes {
            workflow_task_completed_event_id: completed,
            namespace,
            workflow_execution: Some(execution),
            child_workflow_only: child.is_some(),
            reason,
            ..RequestCancelExternalWorkflowExecutionInitiatedEventAttributes::default()
        };
        let letter = Body::Cancel(attributes.clone());
        let event_id = self.record_event(
            now,
            Attributes::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(attributes),
        );
        self.send_or_hold(event_id, child.flatten(), workflow_id, letter);
        if !is_own {
            self.refuse_letter(now, event_id, CancelCause::NamespaceNotFound as i32);
        }
    }

    /// Namespace, execution and, for a child, its initiated event if it is open.
    fn addressee(
        &self,
        target: ExternalTarget,
    ) -> (String, WorkflowExecution, Option<Option<i64>>) {
        match target {
            ExternalTarget::Execution {
                namespace,
                workflow_id,
                run_id,
            } => {
                let execution = WorkflowExecution {
                    workflow_id,
                    run_id,
                };
                (self.or_own_namespace(&namespace), execution, None)
            }
            ExternalTarget::Child {
                workflow_id,
                initiated_event_id,
            } => {
                let newest = || {
                    let mut newest = self.children.iter().rev();
                    newest.find(|(_, child)| child.workflow_id == workflow_id)
                };
                let child = initiated_event_id
                    .filter(|id| self.children.contains_key(id))
                    .or_else(|| newest().map(|(id, _)| *id));
                let execution = WorkflowExecution {
                    workflow_id: workflow_id.clone(),
                    run_id: String::new(),
                };
                (self.or_own_namespace(""), execution, Some(child))
            }
        }
    }

    fn is_own_namespace(&self, namespace: &str) -> bool {
        namespace.is_empty() || namespace == self.key.namespace.as_str()
    }

    fn or_own_namespace(&self, namespace: &str) -> String {
        match namespace {
            "" => self.key.namespace.to_string(),
            namespace => namespace.to_owned(),
        }
    }

    fn send_or_hold(&mut self, event_id: i64, child: Option<i64>, workflow_id: String, body: Body) {
        let waiting = child.and_then(|id| Some((id, self.children.get_mut(&id)?)));
        let stage = match waiting {
            Some((id, child)) if child.started_event_id == 0 => {
                child.held.push(event_id);
                self.staged.children.insert(id);
                LetterStage::Held
            }
            _ => LetterStage::Sent,
        };
        self.send(event_id, stage, workflow_id.into(), body);
    }

    fn send(&mut self, event_id: i64, stage: LetterStage, to: WorkflowId, body: Body) {
        let row = self.letter_row(event_id, stage, to, body);
        self.sent.insert(event_id, row.clone());
        self.staged.add_letter(row);
    }

    fn letter_row(
        &self,
        event_id: i64,
        stage: LetterStage,
        to: WorkflowId,
        body: Body,
    ) -> OutboxRow {
        let to = WorkflowKey {
            namespace: self.key.namespace.clone(),
            workflow_id: to,
        };
        Letter::new(&self.key, body).into_row(self.run_id, event_id, stage, to)
    }

    // ---- answers ----------------------------------------------------------

    /// Records how a letter was received. A repeated answer changes nothing.
    pub fn letter_answered(&mut self, now: Timestamp, event_id: i64, answer: &Answer) {
        if !self.is_open() || !self.sent.contains_key(&event_id) {
            return;
        }
        let question = answer.question.as_ref();
        match question.and_then(|letter| letter.body.clone()) {
            Some(Body::StartChild(_)) => match answer.outcome() {
                Ok(run_id) => self.child_started(now, event_id, run_id),
                Err(cause) => self.child_not_started(now, event_id, cause),
            },
            Some(Body::Signal(sent)) => {
                let event = signal_answered(sent, event_id, answer);
                self.record_event(now, event);
            }
            Some(Body::Cancel(sent)) => {
                let event = cancel_answered(sent, event_id, answer);
                self.record_event(now, event);
            }
            Some(Body::ChildClosed(_) | Body::ParentClosed(_) | Body::Answer(_)) | None => {}
        }
    }

    /// A letter does not leave: nobody would take it.
    fn refuse_letter(&mut self, now: Timestamp, event_id: i64, cause: i32) {
        let row = self.sent.get(&event_id);
        if let Some(Ok(letter)) = row.map(Letter::read) {
            self.letter_answered(now, event_id, &Answer::new(&letter, Err(cause)));
        }
    }

    fn child_started(&mut self, now: Timestamp, initiated_event_id: i64, run_id: RunId) {
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
    fn child_not_started(&mut self, now: Timestamp, initiated_event_id: i64, cause: i32) {
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

    /// What was held goes out.
    fn release(&mut self, held: Vec<i64>) {
        for event_id in held {
            if let Some(row) = self.sent.get_mut(&event_id) {
                row.stage = LetterStage::Sent;
                self.staged.add_letter(row.clone());
            }
        }
    }

    fn forget_letter(&mut self, event_id: i64) {
        if self.sent.remove(&event_id).is_some() {
            self.staged.outbox.remove(&event_id);
            self.staged.delivered.push(event_id);
        }
    }

    fn drop_child(&mut self, initiated_event_id: i64) {
        if self.children.remove(&initiated_event_id).is_some() {
            self.staged.children.remove(&initiated_event_id);
            self.staged.closed_children.push(initiated_event_id);
        }
    }

    /// What a run still has to say when it closes: to its children by their
    /// policies (WF-12), to its parent if no run follows.
    pub(super) fn write_last_letters(&mut self, close: &HistoryEvent) {
        let children: Vec<i64> = self.children.keys().copied().collect();
        for id in children {
            let Some(child) = self.children.get(&id).cloned() else {
                continue;
            };
            self.drop_child(id);
            let terminate = match child.parent_close_policy() {
                ParentClosePolicy::Abandon => {
                    self.release(child.held);
                    continue;
                }
                ParentClosePolicy::RequestCancel => false,
                ParentClosePolicy::Terminate | ParentClosePolicy::Unspecified => true,
            };
            for held in child.held {
                self.forget_letter(held);
            }
            // A start that this very step asks for is not sent at all.
            let is_unsent = self.staged.outbox.remove(&id).is_some();
            if !is_unsent {
                let body = Body::ParentClosed(ParentClosedLetter { terminate });
                let to = child.workflow_id.into();
                let row = self.letter_row(id, LetterStage::Closing, to, body);
                self.staged.add_letter(row);
            }
        }
        // The others go on to their receivers; nobody listens to the answers.
        self.sent.clear();
        if let Some(parent) = self.parent().filter(|_| ends_chain(close)) {
            let body = Body::ChildClosed(ChildClosedLetter {
                parent_run_id: parent.run_id.as_bytes().to_vec(),
                initiated_event_id: parent.initiated_event_id,
                workflow_type: self.record.workflow_type.clone(),
                first_run_id: self.record.first_run_id.clone(),
                close: Some(close.clone()),
            });
            let id = close.event_id;
            let row = self.letter_row(id, LetterStage::Sent, parent.workflow_id, body);
            self.staged.add_letter(row);
        }
    }
}

/// Whether no other run of the chain follows.
fn ends_chain(close: &HistoryEvent) -> bool {
    use Attributes as A;
    match &close.attributes {
        Some(A::WorkflowExecutionCompletedEventAttributes(a)) => a.new_execution_run_id.is_empty(),
        Some(A::WorkflowExecutionFailedEventAttributes(a)) => a.new_execution_run_id.is_empty(),
        Some(A::WorkflowExecutionTimedOutEventAttributes(a)) => a.new_execution_run_id.is_empty(),
        Some(A::WorkflowExecutionContinuedAsNewEventAttributes(_)) => false,
        _ => true,
    }
}
