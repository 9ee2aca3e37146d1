//! What a run sends to others: signals, cancel requests, the start of a child, word of
//! its close. A letter leaves with the event that asks for it; its answer is an event,
//! too (see [`crate::letter`]).
//!
//! ```text
//! SignalExternal...Initiated        -> ExternalSignaled or SignalFailed
//! RequestCancelExternal...Initiated -> CancelRequested or CancelFailed
//! ```
//!
//! A signal or a cancel for a child that has not started is held until it has.

use temporalio_protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_protos::temporal::api::enums::v1::{
    CancelExternalWorkflowExecutionFailedCause as CancelCause, ParentClosePolicy,
    SignalExternalWorkflowExecutionFailedCause as SignalCause,
};
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::history::v1::{
    HistoryEvent, RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
    SignalExternalWorkflowExecutionInitiatedEventAttributes,
};

use super::Run;
use super::child_events::{cancel_answered, signal_answered};
use crate::guest::{ExternalTarget, SignalExternal};
use crate::ids::{WorkflowId, WorkflowKey};
use crate::letter::{Answer, Body, ChildClosedLetter, Letter, ParentClosedLetter};
use crate::time::Timestamp;
use crate::transition::{LetterStage, OutboxRow};

impl Run {
    // ---- commands ---------------------------------------------------------

    pub(super) fn signal_external(
        &mut self,
        now: Timestamp,
        completed: i64,
        asked: SignalExternal,
    ) {
        let (namespace, execution, child) = self.addressee(asked.target);
        let workflow_id = execution.workflow_id.clone();
        let is_own = self.is_own_namespace(&namespace);
        #[allow(deprecated)] // `control`: see `own_number`.
        let attributes = SignalExternalWorkflowExecutionInitiatedEventAttributes {
            control: self.own_number(),
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
        #[allow(deprecated)] // `control`: see `own_number`.
        let attributes = RequestCancelExternalWorkflowExecutionInitiatedEventAttributes {
            // With it the Go SDK would look for something else than a child.
            control: match child {
                Some(_) => String::new(),
                None => self.own_number(),
            },
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

    /// The number of the event that is recorded next, as text. Replaying a history,
    /// the Go SDK finds a message by it, where others count.
    fn own_number(&self) -> String {
        self.record.next_event_id.to_string()
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

    pub(super) fn is_own_namespace(&self, namespace: &str) -> bool {
        namespace.is_empty() || namespace == self.key.namespace.as_str()
    }

    pub(super) fn or_own_namespace(&self, namespace: &str) -> String {
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

    pub(super) fn send(&mut self, event_id: i64, stage: LetterStage, to: WorkflowId, body: Body) {
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
    pub(super) fn refuse_letter(&mut self, now: Timestamp, event_id: i64, cause: i32) {
        let row = self.sent.get(&event_id);
        if let Some(Ok(letter)) = row.map(Letter::read) {
            self.letter_answered(now, event_id, &Answer::new(&letter, Err(cause)));
        }
    }

    // ---- what becomes of letters ------------------------------------------

    /// What was held goes out.
    pub(super) fn release(&mut self, held: Vec<i64>) {
        for event_id in held {
            if let Some(row) = self.sent.get_mut(&event_id) {
                row.stage = LetterStage::Sent;
                self.staged.add_letter(row.clone());
            }
        }
    }

    pub(super) fn forget_letter(&mut self, event_id: i64) {
        if self.sent.remove(&event_id).is_some() {
            self.staged.outbox.remove(&event_id);
            self.staged.delivered.push(event_id);
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
