//! Other workflows in a test: mocked children, and who can be signalled.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use crate::bindings::mainspring::workflow::children::{ChildCancellationType, ChildOptions};
use crate::bindings::mainspring::workflow::external::SignalTarget;
use crate::bindings::mainspring::workflow::types::{self, Outcome};
use crate::failure::{ApplicationFailure, Failure, FailureKind, RetryState};
use crate::host::Handle;
use crate::payload::{self, Payload};
use crate::testing::activity::Mocks;
use crate::testing::command::Command;
use crate::testing::host::{Due, Open, TestHost};

type Behaviour = Box<dyn FnMut(&[Payload]) -> Result<Vec<Payload>, ApplicationFailure>>;

struct Mock {
    behaviour: Behaviour,
    takes: Duration,
}

/// What an environment knows of other workflows.
#[derive(Default)]
pub(crate) struct Others {
    children: BTreeMap<String, Mock>,
    missing: BTreeSet<String>,
}

/// A child between its start and its answer.
pub(crate) struct OpenChild {
    options: ChildOptions,
    run_id: String,
}

impl Others {
    pub(crate) fn add_missing(&mut self, workflow_id: &str) {
        self.missing.insert(workflow_id.to_owned());
    }

    /// Starts a child: how it ends if nobody cancels it, and when.
    pub(crate) fn start(&mut self, child: &mut OpenChild, run_id: &str) -> (Outcome, Duration) {
        let name = &child.options.workflow_type;
        let Some(mock) = self.children.get_mut(name) else {
            panic!(
                "the workflow starts child {name:?}, which has no mock; add env.child_workflow(…)"
            );
        };
        child.run_id = run_id.to_owned();
        let input = payload::from_wire(child.options.input.clone());
        let outcome = match (mock.behaviour)(&input) {
            Ok(result) => Outcome::Success(payload::to_wire(result)),
            Err(failure) => {
                let failure = child.failure("child workflow execution failed", failure.into());
                Outcome::Failed(failure.into())
            }
        };
        (outcome, mock.takes)
    }

    /// What becomes of a message to this workflow (absent: a child).
    pub(crate) fn reach(&self, workflow_id: Option<&str>) -> Outcome {
        match workflow_id.filter(|workflow_id| self.missing.contains(*workflow_id)) {
            None => Outcome::Success(Vec::new()),
            Some(workflow_id) => {
                let failure = ApplicationFailure::builder(format!(
                    "unable to reach workflow {workflow_id}: it was not found, or is closed"
                ))
                .type_name("ExternalWorkflowExecutionNotFound")
                .build();
                Outcome::Failed(Failure::from(failure).into())
            }
        }
    }
}

impl OpenChild {
    /// Whether a cancel is all that the workflow has to hear.
    pub(crate) fn is_cancelled_at_once(&self) -> bool {
        let at_once = matches!(
            self.options.cancellation_type,
            ChildCancellationType::Abandon | ChildCancellationType::TryCancel
        );
        at_once || self.run_id.is_empty()
    }

    pub(crate) fn cancelled(&self) -> Outcome {
        Outcome::Cancelled(self.cancelled_failure().into())
    }

    pub(crate) fn cancelled_failure(&self) -> Failure {
        let cause = Failure::cancelled("child workflow canceled", Vec::new());
        self.failure("child workflow execution canceled", cause)
    }

    fn failure(&self, message: &str, cause: Failure) -> Failure {
        let kind = FailureKind::ChildWorkflow {
            namespace: "default".to_owned(),
            workflow_id: self.options.workflow_id.clone().unwrap_or_default(),
            run_id: self.run_id.clone(),
            workflow_type: self.options.workflow_type.clone(),
            initiated_event_id: 0,
            started_event_id: 0,
            retry_state: RetryState::NonRetryableFailure,
        };
        Failure::new(message, kind).caused_by(cause)
    }
}

/// A registered mock of a child, for what is particular about it.
pub struct ChildMock {
    mocks: Rc<RefCell<Mocks>>,
    name: String,
}

impl ChildMock {
    pub(crate) fn register(mocks: &Rc<RefCell<Mocks>>, name: &str, behaviour: Behaviour) -> Self {
        let mock = Mock {
            behaviour,
            takes: Duration::ZERO,
        };
        let children = &mut mocks.borrow_mut().others.children;
        children.insert(name.to_owned(), mock);
        Self {
            mocks: mocks.clone(),
            name: name.to_owned(),
        }
    }

    /// How long the child takes in virtual time.
    pub fn takes(self, time: Duration) -> Self {
        if let Some(mock) = self.mocks.borrow_mut().others.children.get_mut(&self.name) {
            mock.takes = time;
        }
        self
    }
}

impl TestHost {
    pub(crate) fn start_child_workflow(&self, options: ChildOptions) -> Handle {
        let mut state = self.state.borrow_mut();
        let handle = state.next_handle();
        state.commands.push(Command::StartChildWorkflow {
            handle,
            workflow_type: options.workflow_type.clone(),
            workflow_id: options.workflow_id.clone(),
            input: payload::from_wire(options.input.clone()),
        });
        state.agree(0, Due::ChildStarts(handle));
        let run_id = String::new();
        let child = OpenChild { options, run_id };
        state.open.insert(handle, Open::Child(Box::new(child)));
        handle
    }

    pub(crate) fn signal_workflow(
        &self,
        target: SignalTarget,
        name: &str,
        input: Vec<types::Payload>,
    ) -> Handle {
        let mut state = self.state.borrow_mut();
        let handle = state.next_handle();
        let target = match target {
            SignalTarget::Execution(execution) => Ok(execution.workflow_id),
            SignalTarget::Child(child) => Err(child),
        };
        let workflow_id = target.clone().ok();
        state.commands.push(Command::SignalWorkflow {
            handle,
            target,
            name: name.to_owned(),
            input: payload::from_wire(input),
        });
        state.agree(0, Due::MessageArrives(handle, workflow_id));
        state.open.insert(handle, Open::Message);
        handle
    }

    pub(crate) fn cancel_workflow(&self, target: types::Execution, _reason: &str) -> Handle {
        let mut state = self.state.borrow_mut();
        let handle = state.next_handle();
        let workflow_id = target.workflow_id;
        state.commands.push(Command::CancelExternalWorkflow {
            handle,
            workflow_id: workflow_id.clone(),
        });
        state.agree(0, Due::MessageArrives(handle, Some(workflow_id)));
        state.open.insert(handle, Open::Message);
        handle
    }
}
