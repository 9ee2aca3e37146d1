//! Unit tests of workflows: native, with mocked activities, in no time.
//!
//! A [`TestWorkflowEnvironment`] stands in for the server. It runs the workflow
//! with the executor of the real component and answers its operations: an
//! activity by calling a closure, a timer by moving a virtual clock to the next
//! thing that is due. Retries, backoff and timeouts of activities pass in virtual
//! time by the same rules (ACT-02..11). Every run keeps what the workflow was
//! told and what it asked for, so [`TestRun::check_replay`] can run it again and
//! compare, which is what the server does after a restart.
//!
//! ```
//! use std::time::Duration;
//! use mainspring_workflow::testing::TestWorkflowEnvironment;
//! use mainspring_workflow::*;
//!
//! const CHARGE: Activity<String, u64> = Activity::new("ChargePayment");
//!
//! #[workflow]
//! #[derive(Default)]
//! struct Charge;
//!
//! #[workflow_methods]
//! impl Charge {
//!     #[run]
//!     async fn run(ctx: &mut WorkflowContext<Self>, order: String) -> WorkflowResult<u64> {
//!         let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(10));
//!         Ok(ctx.execute_activity(CHARGE, order, options).await?)
//!     }
//! }
//!
//! let mut env = TestWorkflowEnvironment::new();
//! let mut attempts = 0;
//! env.activity(CHARGE, move |_order| {
//!     attempts += 1;
//!     if attempts < 3 { Err("the bank is closed".into()) } else { Ok(42) }
//! });
//! let mut run = env.start::<Charge>("order-1".to_owned());
//! assert_eq!(run.result().unwrap(), 42);
//! // 1 s before the second attempt, 2 s before the third.
//! assert_eq!(run.elapsed(), Duration::from_secs(3));
//! ```

mod activity;
mod chain;
mod children;
mod command;
pub(crate) mod host;
mod properties;
mod replay;
mod run;
mod update;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

pub use activity::ActivityMock;
pub use children::ChildMock;
pub use command::Command;
pub use host::LogLine;
pub use replay::ReplayDifference;
pub use run::{TestRun, TestRunError};

use crate::activity::ActivityDefinition;
use crate::bindings::mainspring::workflow::info::{ContinuedInitiator, RunInfo};
use crate::bindings::mainspring::workflow::types;
use crate::child::ChildWorkflowDefinition;
use crate::duration;
use crate::failure::ApplicationFailure;
use crate::payload::{FromPayloads, IntoPayloads, Payload};
use crate::properties::{MemoUpdate, SearchAttributeUpdate};
use crate::workflow::Workflow;
use activity::Mocks;

/// 2025-01-01T00:00:00Z, where virtual time starts unless told otherwise.
const DEFAULT_START: Duration = Duration::from_secs(1_735_689_600);

/// The server's stand-in: holds the mocks and starts runs.
pub struct TestWorkflowEnvironment {
    mocks: Rc<RefCell<Mocks>>,
    workflow_id: String,
    task_queue: String,
    start_time: SystemTime,
    seed: u64,
    headers: Vec<(String, Payload)>,
    memo: BTreeMap<String, Payload>,
    search_attributes: BTreeMap<String, Payload>,
}

impl Default for TestWorkflowEnvironment {
    fn default() -> Self {
        Self::new()
    }
}

impl TestWorkflowEnvironment {
    /// An environment without mocks.
    pub fn new() -> Self {
        Self {
            mocks: Rc::default(),
            workflow_id: "test-workflow".to_owned(),
            task_queue: "test-queue".to_owned(),
            start_time: UNIX_EPOCH + DEFAULT_START,
            seed: 0x5eed,
            headers: Vec::new(),
            memo: BTreeMap::new(),
            search_attributes: BTreeMap::new(),
        }
    }

    /// The workflow ID of runs started from now on.
    pub fn workflow_id(mut self, workflow_id: impl Into<String>) -> Self {
        self.workflow_id = workflow_id.into();
        self
    }

    /// The task queue of runs started from now on.
    pub fn task_queue(mut self, task_queue: impl Into<String>) -> Self {
        self.task_queue = task_queue.into();
        self
    }

    /// When runs start, in virtual time.
    pub fn start_time(mut self, start_time: SystemTime) -> Self {
        self.start_time = start_time;
        self
    }

    /// A field of the memo with which runs start from now on.
    pub fn memo(mut self, update: MemoUpdate) -> Self {
        let (key, value) = update.into_parts();
        set(&mut self.memo, key, value);
        self
    }

    /// A search attribute with which runs start from now on.
    pub fn search_attribute(mut self, update: SearchAttributeUpdate) -> Self {
        let (name, value) = update.into_parts();
        set(&mut self.search_attributes, name, value);
        self
    }

    /// The seed of the runs' random values.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// A header of runs started from now on (WF-24).
    ///
    /// Panics if the value cannot be encoded.
    pub fn header<T: Serialize + 'static>(mut self, name: impl Into<String>, value: &T) -> Self {
        let name = name.into();
        match Payload::encode(value) {
            Ok(value) => self.headers.push((name, value)),
            Err(error) => panic!("header {name:?} cannot be encoded: {error}"),
        }
        self
    }

    /// Says what an activity does. Called once per attempt; a failure is retried
    /// by the activity's policy. An attempt takes no time unless the returned
    /// [`ActivityMock`] is told so.
    ///
    /// A workflow that calls an activity without a mock fails the test.
    pub fn activity<A>(
        &mut self,
        activity: A,
        mut behaviour: impl FnMut(A::Input) -> Result<A::Output, ApplicationFailure> + 'static,
    ) -> ActivityMock
    where
        A: ActivityDefinition,
        A::Input: FromPayloads,
        A::Output: IntoPayloads,
    {
        let behaviour = move |input: &[_]| {
            let convert = |error| ApplicationFailure::non_retryable(error);
            let input = A::Input::from_payloads(input).map_err(convert)?;
            behaviour(input)?.to_payloads().map_err(convert)
        };
        ActivityMock::register(&self.mocks, activity.name(), Box::new(behaviour))
    }

    /// Says what a child workflow does; a child without a mock fails the test. It
    /// takes no time unless the returned [`ChildMock`] is told so.
    pub fn child_workflow<C>(
        &mut self,
        child: C,
        mut behaviour: impl FnMut(C::Input) -> Result<C::Output, ApplicationFailure> + 'static,
    ) -> ChildMock
    where
        C: ChildWorkflowDefinition,
        C::Input: FromPayloads,
        C::Output: IntoPayloads,
    {
        let behaviour = move |input: &[_]| {
            let convert = |error| ApplicationFailure::non_retryable(error);
            let input = C::Input::from_payloads(input).map_err(convert)?;
            behaviour(input)?.to_payloads().map_err(convert)
        };
        ChildMock::register(&self.mocks, child.name(), Box::new(behaviour))
    }

    /// Says that there is no workflow of this ID: signals and cancel requests to it
    /// fail. All others are delivered.
    pub fn missing_workflow(&mut self, workflow_id: &str) {
        self.mocks.borrow_mut().others.add_missing(workflow_id);
    }

    /// Starts a run. Nothing of it runs until the test asks for something (a
    /// result, a query, time passing): signals sent before that are early
    /// messages, which handlers see before `run` begins (MSG-01).
    ///
    /// Panics if the workflow cannot read the input.
    pub fn start<W: Workflow>(&mut self, input: W::Input) -> TestRun<W>
    where
        W::Input: IntoPayloads,
    {
        let input = match input.to_payloads() {
            Ok(input) => input,
            Err(error) => panic!("the input of {} cannot be encoded: {error}", W::NAME),
        };
        TestRun::start(self.run_info(W::NAME), self.mocks.clone(), input)
    }

    fn run_info(&self, workflow_type: &str) -> RunInfo {
        let since_epoch = self
            .start_time
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let run_id = format!("test-run-{:016x}", self.seed);
        RunInfo {
            namespace: "default".to_owned(),
            workflow_id: self.workflow_id.clone(),
            run_id: run_id.clone(),
            workflow_type: workflow_type.to_owned(),
            task_queue: self.task_queue.clone(),
            first_run_id: run_id.clone(),
            original_run_id: run_id,
            continued_from_run_id: None,
            continued_initiator: ContinuedInitiator::None,
            continued_failure: None,
            last_completion_result: Vec::new(),
            parent: None,
            root: None,
            attempt: 1,
            start_time: i64::try_from(duration::to_ns(since_epoch)).unwrap_or(i64::MAX),
            execution_deadline: None,
            workflow_execution_timeout: None,
            workflow_run_timeout: None,
            workflow_task_timeout: duration::to_ns(Duration::from_secs(10)),
            retry_policy: None,
            cron_schedule: String::new(),
            cron_schedule_to_schedule_interval: None,
            headers: self
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.clone().into()))
                .collect(),
            memo: to_wire(&self.memo),
            search_attributes: to_wire(&self.search_attributes),
            priority: None,
            identity: "test".to_owned(),
            random_seed: self.seed,
        }
    }
}

fn set(fields: &mut BTreeMap<String, Payload>, name: String, value: Option<Payload>) {
    match value {
        Some(value) => fields.insert(name, value),
        None => fields.remove(&name),
    };
}

fn to_wire(fields: &BTreeMap<String, Payload>) -> Vec<(String, types::Payload)> {
    let wire = |(name, value): (&String, &Payload)| (name.clone(), value.clone().into());
    fields.iter().map(wire).collect()
}
