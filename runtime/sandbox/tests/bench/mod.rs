//! A sandbox with small limits, and instances driven as the server drives them.

#![allow(dead_code)] // Each test file uses its part.

use std::sync::Arc;
use std::time::Duration;

use mainspring_engine::guest::QueryAnswer;
use mainspring_engine::history;
use mainspring_engine::ids::{RunId, WorkflowKey};
use mainspring_engine::limits::Limits;
use mainspring_engine::session::{RunFacts, Session, TaskInfo, TaskInput};
use mainspring_engine::time::Timestamp;
use mainspring_sandbox::{Admitted, Fault, Instance, Progress, Refusal, Sandbox, SandboxConfig};
use mainspring_test_guests::Guest;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::history::v1::{
    HistoryEvent, WorkflowExecutionCancelRequestedEventAttributes,
    WorkflowExecutionStartedEventAttributes,
};

/// Limits that are reached fast.
pub fn limits() -> Limits {
    Limits {
        live_instances: 4,
        event_cpu: Duration::from_millis(100),
        run_memory_bytes: 16 * 1024 * 1024,
        run_stack_bytes: 128 * 1024,
        payload_bytes: 64 * 1024,
        pending_operations: 100,
        task_operations: 200,
        task_bytes: 256 * 1024,
        call_bytes: 4 * 1024 * 1024,
        ..Limits::default()
    }
}

/// A sandbox.
pub struct Bench {
    sandbox: Sandbox,
    limits: Limits,
}

/// A run's code, in its first task.
pub struct Live {
    pub instance: Instance,
}

impl Bench {
    pub fn new(limits: Limits) -> Self {
        let config = SandboxConfig {
            limits: limits.clone(),
            cache_dir: None,
        };
        let sandbox = Sandbox::new(config).expect("a sandbox can be set up");
        Self { sandbox, limits }
    }

    /// What an upload would be told.
    pub async fn admit(&self, guest: &Guest) -> Result<Admitted, Refusal> {
        self.sandbox.admit(guest.component().into()).await
    }

    /// Why an upload is refused.
    pub async fn refusal(&self, guest: &Guest) -> Refusal {
        self.admit(guest).await.expect_err("it is refused")
    }

    /// A run of the guest's workflow, in its first task.
    pub async fn live(&self, guest: &Guest) -> Live {
        let mut live = self.fresh(guest).await;
        live.begin(task(2, Vec::new()));
        live
    }

    /// A run of the guest's workflow that has heard nothing yet.
    pub async fn fresh(&self, guest: &Guest) -> Live {
        let admitted = self.admit(guest).await.expect("the guest is admitted");
        let session = Session::new(Arc::new(facts()), &self.limits);
        let instance = admitted
            .component
            .instantiate(session)
            .expect("there is room");
        Live { instance }
    }
}

/// A task of a live run.
pub fn task(scheduled_event_id: i64, batch: Vec<HistoryEvent>) -> TaskInput {
    TaskInput {
        scheduled_event_id,
        now: Timestamp::from_nanos(5),
        replaying: false,
        batch,
        update: None,
        info: TaskInfo::default(),
    }
}

/// What the runs here know about themselves.
pub fn facts() -> RunFacts {
    let run_id = RunId::parse("0193d5a0-0000-7000-8000-000000000001").expect("a run ID");
    RunFacts {
        key: WorkflowKey {
            namespace: "default".into(),
            workflow_id: "w".into(),
        },
        run_id,
        start_time: Timestamp::from_nanos(1),
        started: WorkflowExecutionStartedEventAttributes {
            original_execution_run_id: run_id.to_string(),
            ..WorkflowExecutionStartedEventAttributes::default()
        },
        user_metadata: None,
    }
}

impl Live {
    pub fn begin(&mut self, task: TaskInput) {
        self.instance.session().begin_task(task);
    }

    /// Begins the next task with a cancel request.
    pub fn cancel_requested(&mut self) {
        self.instance.session().finish_task(None);
        let attributes = WorkflowExecutionCancelRequestedEventAttributes::default();
        let event = history::event(
            6,
            Timestamp::from_nanos(6),
            Attributes::WorkflowExecutionCancelRequestedEventAttributes(attributes),
        );
        self.begin(task(7, vec![event]));
    }

    /// Until it waits, ends or breaks down.
    pub fn go_on(&mut self) -> Progress {
        loop {
            match self.instance.advance(Duration::from_millis(5)) {
                Progress::OutOfSlice => {}
                other => return other,
            }
        }
    }

    /// The fault that it ends with.
    pub fn fault(&mut self) -> Fault {
        match self.go_on() {
            Progress::Fault(fault) => *fault,
            other => panic!("it goes on: {other:?}"),
        }
    }

    /// Asks a query; `Err`: the message of the fault.
    pub fn ask(&mut self, name: &str) -> Result<Option<QueryAnswer>, String> {
        self.instance.session().finish_task(None);
        self.instance
            .session()
            .begin_query(name.to_owned(), None, None);
        match self.go_on() {
            Progress::Fault(fault) => Err(fault.failure.message),
            _ => Ok(self.instance.session().finish_query()),
        }
    }

    /// Asks a query that is answered, or fails with these words.
    pub fn expect_answer(&mut self, name: &str, fails_with: Option<&str>) {
        match (self.ask(name), fails_with) {
            (Ok(Some(Ok(_))), None) => {}
            (Err(message), Some(words)) if message.contains(words) => {}
            (found, _) => panic!("query {name}: {found:?} instead of {fails_with:?}"),
        }
    }
}
