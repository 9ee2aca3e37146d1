//! Letters: what other runs send to this workflow ID, and the answers to its own.

use mainspring_engine::ids::{Digest, RunId, WorkflowKey};
use mainspring_engine::letter::{
    Answer, Body, ChildClosedLetter, ParentClosedLetter, StartChildLetter,
};
use mainspring_engine::run::{InputError, ParentRun, SignalInput, StartRun};
use mainspring_engine::start::{LatestRun, StartDecision, decide};
use mainspring_engine::time::set_duration;
use temporalio_protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_protos::temporal::api::enums::v1::{
    CancelExternalWorkflowExecutionFailedCause as CancelCause,
    SignalExternalWorkflowExecutionFailedCause as SignalCause,
    StartChildWorkflowExecutionFailedCause as StartCause, WorkflowIdConflictPolicy,
};
use temporalio_protos::temporal::api::history::v1::{
    RequestCancelExternalWorkflowExecutionInitiatedEventAttributes as CancelSent,
    SignalExternalWorkflowExecutionInitiatedEventAttributes as SignalSent,
};

use super::Actor;
use super::step::Step;
use crate::components::{ChildVersion, Route};
use crate::error::ServerError;
use crate::mailbox::message::RunSelector;
use crate::outbox::Delivery;

/// Who does what a close policy asks for.
const IDENTITY: &str = "mainspring";

/// What becomes of a letter.
enum Taken {
    /// It changed something: this is durable together with the change.
    Done(RunId),
    /// It changed nothing.
    Refused(i32),
    /// It wants no answer.
    Noted,
    /// Not now: it is delivered again.
    Later,
}

impl Actor {
    pub(super) async fn take_letter(&mut self, delivery: Delivery, step: &mut Step) {
        if !delivery.is_current() {
            return;
        }
        let taken = match delivery.body() {
            Some(Body::Answer(answer)) => {
                let answer = answer.clone();
                self.take_answer(delivery, &answer, step);
                return;
            }
            Some(Body::StartChild(letter)) => {
                let letter = letter.clone();
                self.take_start_of_child(&delivery, letter, step)
            }
            Some(Body::Signal(sent)) => {
                let sent = sent.clone();
                self.take_signal_of_run(&delivery, sent).await
            }
            Some(Body::Cancel(sent)) => {
                let sent = sent.clone();
                self.take_cancel_of_run(&delivery, sent).await
            }
            Some(Body::ChildClosed(letter)) => self.take_close_of_child(&delivery, letter),
            Some(Body::ParentClosed(letter)) => self.take_close_of_parent(&delivery, letter),
            None => Taken::Noted,
        };
        match taken {
            Taken::Done(run_id) => {
                let answer = delivery.answer_of(Ok(run_id));
                step.taken.push(delivery.taken(Some(&answer)));
                step.once_durable(move || delivery.answer(answer, true));
            }
            Taken::Refused(cause) => {
                let answer = delivery.answer_of(Err(cause));
                step.once_durable(move || delivery.answer(answer, false));
            }
            Taken::Noted => {
                step.taken.push(delivery.taken(None));
                step.once_durable(move || delivery.settle());
            }
            Taken::Later => drop(delivery),
        }
    }

    /// The answer to a letter of this workflow ID. A run that has closed meanwhile
    /// does not record it.
    fn take_answer(&mut self, delivery: Delivery, answer: &Answer, step: &mut Step) {
        let now = self.core.clock.now();
        let (run_id, event_id) = delivery.id();
        let latest = self.latest();
        match latest.filter(|latest| latest.run.run_id() == run_id && latest.run.is_open()) {
            Some(latest) => latest.run.letter_answered(now, event_id, answer),
            None => step.taken.push(delivery.taken(None)),
        }
        step.once_durable(move || delivery.settle());
    }

    // ---- messages ---------------------------------------------------------

    async fn take_signal_of_run(&mut self, delivery: &Delivery, sent: SignalSent) -> Taken {
        let now = self.core.clock.now();
        let sender = execution(&delivery.from(), delivery.id().0);
        let signal = SignalInput {
            name: sent.signal_name,
            input: sent.input,
            header: sent.header,
            identity: IDENTITY.to_owned(),
            request_id: String::new(),
            sender: Some(sender),
        };
        let reached = self
            .reached(delivery, sent.workflow_execution, sent.child_workflow_only)
            .await;
        let refused = |cause: SignalCause| Taken::Refused(cause as i32);
        match (reached, self.latest()) {
            (Err(later), _) => later,
            (Ok(true), Some(latest)) => match latest.run.signal(now, signal) {
                Ok(()) => Taken::Done(latest.run.run_id()),
                Err(InputError::Limit(_)) => refused(SignalCause::SignalCountLimitExceeded),
                Err(_) => refused(SignalCause::ExternalWorkflowExecutionNotFound),
            },
            _ => refused(SignalCause::ExternalWorkflowExecutionNotFound),
        }
    }

    async fn take_cancel_of_run(&mut self, delivery: &Delivery, sent: CancelSent) -> Taken {
        let now = self.core.clock.now();
        let sender = execution(&delivery.from(), delivery.id().0);
        let reached = self
            .reached(delivery, sent.workflow_execution, sent.child_workflow_only)
            .await;
        let event_id = delivery.id().1;
        let refused = |cause: CancelCause| Taken::Refused(cause as i32);
        match (reached, self.latest()) {
            (Err(later), _) => later,
            (Ok(true), Some(latest)) => {
                let run = &mut latest.run;
                match run.request_cancel_by_run(now, sent.reason, sender, event_id) {
                    Ok(()) => Taken::Done(run.run_id()),
                    Err(InputError::Limit(_)) => refused(CancelCause::Unspecified),
                    Err(_) => refused(CancelCause::ExternalWorkflowExecutionNotFound),
                }
            }
            _ => refused(CancelCause::ExternalWorkflowExecutionNotFound),
        }
    }

    /// Whether the latest run is the one that is meant, and open.
    async fn reached(
        &mut self,
        delivery: &Delivery,
        asked: Option<WorkflowExecution>,
        child_only: bool,
    ) -> Result<bool, Taken> {
        let asked = asked.unwrap_or_default();
        let selector = RunSelector {
            run_id: RunId::parse(&asked.run_id),
            first_run_id: None,
        };
        match self.select(selector).await {
            Ok(()) => {}
            Err(ServerError::NotFound(_)) => return Ok(false),
            Err(error) => {
                tracing::warn!(key = %self.key, %error, "a letter has to wait");
                return Err(Taken::Later);
            }
        }
        let sender = delivery.id().0;
        Ok(self.latest().is_some_and(|latest| {
            let parent = latest.run.parent();
            latest.run.is_open()
                && (!child_only || parent.is_some_and(|parent| parent.run_id == sender))
        }))
    }

    // ---- children ---------------------------------------------------------

    fn take_start_of_child(
        &mut self,
        delivery: &Delivery,
        letter: StartChildLetter,
        step: &mut Step,
    ) -> Taken {
        let refused = |cause: StartCause| Taken::Refused(cause as i32);
        let Some(initiated) = &letter.initiated else {
            return refused(StartCause::Unspecified);
        };
        let (parent_run_id, event_id) = delivery.id();
        let request_id = format!("{parent_run_id}:{event_id}");
        let latest = self.latest().map(|latest| LatestRun {
            run_id: latest.run.run_id(),
            status: latest.run.status(),
            start_request_id: latest.run.start_request_id().to_owned(),
        });
        let decision = decide(
            latest.as_ref(),
            initiated.workflow_id_reuse_policy(),
            WorkflowIdConflictPolicy::Unspecified,
            &request_id,
        );
        let replaces = match decision {
            Ok(StartDecision::Start) => false,
            // A child cannot take the place of its own parent.
            Ok(StartDecision::TerminateAndStart) if delivery.from() != self.key => true,
            Ok(
                StartDecision::TerminateAndStart
                | StartDecision::UseLatest { .. }
                | StartDecision::Refuse(_),
            )
            | Err(_) => return refused(StartCause::WorkflowAlreadyExists),
        };
        let route = match self.route_of_child(&letter) {
            Ok(route) => route,
            Err(error) => {
                tracing::warn!(key = %self.key, %error, "a child workflow cannot start");
                return refused(StartCause::Unspecified);
            }
        };
        let now = self.core.clock.now();
        if replaces && let Some(latest) = self.latest() {
            let reason = "TerminateIfRunning WorkflowIdReusePolicy".to_owned();
            // It is open: the decision says so.
            let _ = latest.run.terminate(now, reason, None, IDENTITY.to_owned());
        }
        let run_id = self.core.entropy.run_id(now);
        let parent = (delivery.from(), parent_run_id, event_id);
        let start = start_of_child(self.key.clone(), run_id, parent, letter, &route, request_id);
        self.start_on(start, route.pin, step);
        Taken::Done(run_id)
    }

    fn route_of_child(&self, letter: &StartChildLetter) -> Result<Route, ServerError> {
        let initiated = letter.initiated.clone().unwrap_or_default();
        let workflow_type = initiated.workflow_type.unwrap_or_default().name.into();
        let of_parent = Digest::from_slice(&letter.digest).map(ChildVersion::OfParent);
        let wish = match (letter.version.as_str(), letter.current_version) {
            ("", true) => ChildVersion::Current,
            ("", false) => of_parent.unwrap_or(ChildVersion::Current),
            (label, _) => ChildVersion::Named {
                component: &letter.component_name,
                label,
            },
        };
        let components = &self.core.components;
        components.route_child(&self.key.namespace, &workflow_type, &wish)
    }

    /// To a parent. One that has closed has told the child so.
    fn take_close_of_child(&mut self, delivery: &Delivery, letter: &ChildClosedLetter) -> Taken {
        let now = self.core.clock.now();
        let parent_run_id = RunId::from_slice(&letter.parent_run_id);
        if let Some(latest) = self.latest()
            && Some(latest.run.run_id()) == parent_run_id
        {
            latest.run.child_closed(now, delivery.id().0, letter);
        }
        Taken::Noted
    }

    /// To a child, by the close policy of its parent (WF-12): whichever run of the
    /// child's chain is the latest.
    fn take_close_of_parent(&mut self, delivery: &Delivery, letter: &ParentClosedLetter) -> Taken {
        let now = self.core.clock.now();
        let (parent_run_id, initiated_event_id) = delivery.id();
        let sender = execution(&delivery.from(), parent_run_id);
        let is_child = |parent: ParentRun| {
            parent.run_id == parent_run_id && parent.initiated_event_id == initiated_event_id
        };
        let Some(latest) = self.latest() else {
            return Taken::Noted;
        };
        let run = &mut latest.run;
        if !run.parent().is_some_and(is_child) {
            return Taken::Noted;
        }
        let reason = "by parent close policy".to_owned();
        // A child that has closed, or whose history is full, is past being told.
        let _ = if letter.terminate {
            run.terminate(now, reason, None, IDENTITY.to_owned())
        } else {
            run.request_cancel_by_run(now, reason, sender, initiated_event_id)
        };
        Taken::Noted
    }
}

fn execution(key: &WorkflowKey, run_id: RunId) -> WorkflowExecution {
    WorkflowExecution {
        workflow_id: key.workflow_id.to_string(),
        run_id: run_id.to_string(),
    }
}

fn start_of_child(
    key: WorkflowKey,
    run_id: RunId,
    (parent, parent_run_id, initiated_event_id): (WorkflowKey, RunId, i64),
    letter: StartChildLetter,
    route: &Route,
    request_id: String,
) -> StartRun {
    let initiated = letter.initiated.unwrap_or_default();
    let root_run_id = RunId::from_slice(&letter.root_run_id).unwrap_or(parent_run_id);
    StartRun {
        key,
        run_id,
        workflow_type: initiated.workflow_type.unwrap_or_default().name.into(),
        task_queue: initiated.task_queue.unwrap_or_default().name.into(),
        execution_timeout: set_duration(initiated.workflow_execution_timeout.as_ref()),
        run_timeout: set_duration(initiated.workflow_run_timeout.as_ref()),
        task_timeout: set_duration(initiated.workflow_task_timeout.as_ref()),
        input: initiated.input,
        header: initiated.header,
        memo: initiated.memo,
        search_attributes: initiated.search_attributes,
        identity: IDENTITY.to_owned(),
        request_id,
        retry_policy: initiated.retry_policy,
        cron_schedule: initiated.cron_schedule,
        start_delay: None,
        user_metadata: letter.user_metadata,
        priority: initiated.priority,
        parent: Some(ParentRun {
            workflow_id: parent.workflow_id,
            run_id: parent_run_id,
            initiated_event_id,
            root: (letter.root_workflow_id.into(), root_run_id),
        }),
        digest: route.digest,
        component_name: route.name.clone(),
        component_version: route.version.clone(),
    }
}
