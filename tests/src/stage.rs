//! Where stories are played: a server with the kit on it, and the calls that stories
//! are made of.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use temporalio_protos::temporal::api::common::v1::Payloads;
use temporalio_protos::temporal::api::enums::v1::{
    EventType, UpdateWorkflowExecutionLifecycleStage as UpdateStage,
};
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::update::v1 as update;
use temporalio_protos::temporal::api::workflowservice::v1::*;

use crate::histories::Story;
use crate::{Calls, Hand, Server, execution, json, task_queue};

/// How long anything that will happen may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(10);
/// The queue that a worker serves from the beginning.
pub const QUEUE: &str = "kit";

/// A server, and a worker of its queue.
pub struct Stage {
    /// Calls to the server.
    pub calls: Calls,
    /// The server.
    pub server: Server,
    _worker: Hand,
}

impl Stage {
    /// A server with these components on it, each with its name.
    pub async fn set(components: &[(&str, PathBuf)]) -> Self {
        let server = Server::start(&[]).await;
        for (name, component) in components {
            server.upload_as(component, name);
        }
        Self::on(server)
    }

    /// This server, with a worker of its queue.
    pub fn on(server: Server) -> Self {
        let calls = server.calls();
        let _worker = Hand::start(&calls, QUEUE, 4);
        Self {
            calls,
            server,
            _worker,
        }
    }

    /// A start request of a workflow of the kit.
    pub fn request(workflow_type: &str, id: &str, input: Value) -> StartWorkflowExecutionRequest {
        StartWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_id: id.to_owned(),
            workflow_type: Some(workflow_type.to_owned().into()),
            task_queue: Some(task_queue(QUEUE)),
            input: (!input.is_null()).then(|| json(&input)),
            identity: "client".to_owned(),
            ..StartWorkflowExecutionRequest::default()
        }
    }

    /// Starts a run; answers its ID.
    pub async fn start(&self, workflow_type: &str, id: &str, input: Value) -> String {
        self.start_as(Self::request(workflow_type, id, input)).await
    }

    /// Starts a run as this request says; answers its ID.
    pub async fn start_as(&self, request: StartWorkflowExecutionRequest) -> String {
        let started = self.calls.client().start_workflow_execution(request).await;
        started.expect("a run starts").into_inner().run_id
    }

    /// Signals the latest run.
    pub async fn signal(&self, id: &str, name: &str, input: Value) {
        let request = SignalWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_execution: execution(id, ""),
            signal_name: name.to_owned(),
            input: arguments(&input),
            identity: "client".to_owned(),
            ..SignalWorkflowExecutionRequest::default()
        };
        let taken = self.calls.client().signal_workflow_execution(request).await;
        taken.expect("the run is open");
    }

    /// Asks the latest run to cancel itself.
    pub async fn cancel(&self, id: &str, reason: &str) {
        let request = RequestCancelWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_execution: execution(id, ""),
            identity: "client".to_owned(),
            reason: reason.to_owned(),
            ..RequestCancelWorkflowExecutionRequest::default()
        };
        let mut client = self.calls.client();
        let taken = client.request_cancel_workflow_execution(request).await;
        taken.expect("the run is open");
    }

    /// Closes the latest run at once.
    pub async fn terminate(&self, id: &str, reason: &str) {
        let request = TerminateWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_execution: execution(id, ""),
            reason: reason.to_owned(),
            details: arguments(&Value::from("a detail")),
            identity: "client".to_owned(),
            ..TerminateWorkflowExecutionRequest::default()
        };
        let mut client = self.calls.client();
        let taken = client.terminate_workflow_execution(request).await;
        taken.expect("the run is open");
    }

    /// An update that is waited for to its end. Its ID is its name.
    pub fn update_request(id: &str, name: &str, input: Value) -> UpdateWorkflowExecutionRequest {
        UpdateWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_execution: execution(id, ""),
            wait_policy: Some(update::WaitPolicy {
                lifecycle_stage: UpdateStage::Completed as i32,
            }),
            request: Some(update::Request {
                meta: Some(update::Meta {
                    update_id: format!("update-{name}"),
                    identity: "client".to_owned(),
                }),
                input: Some(update::Input {
                    name: name.to_owned(),
                    args: arguments(&input),
                    ..update::Input::default()
                }),
                ..update::Request::default()
            }),
            ..UpdateWorkflowExecutionRequest::default()
        }
    }

    /// Updates the latest run; how that ended.
    pub async fn update(&self, id: &str, name: &str, input: Value) -> update::outcome::Value {
        self.update_as(Self::update_request(id, name, input)).await
    }

    /// Sends an update as this request says; how that ended.
    pub async fn update_as(
        &self,
        request: UpdateWorkflowExecutionRequest,
    ) -> update::outcome::Value {
        let mut client = self.calls.client();
        let answered = client.update_workflow_execution(request).await;
        let answered = answered.expect("the run is open").into_inner();
        let outcome = answered.outcome.and_then(|outcome| outcome.value);
        outcome.expect("it was waited for")
    }

    /// Waits until the history of a run (without ID: the latest) has so many events of
    /// this type, and its code has heard everything.
    pub async fn after(&self, id: &str, run_id: &str, kind: EventType, count: usize) {
        let began = std::time::Instant::now();
        loop {
            // It may not have started yet.
            let history = self.calls.history(id, run_id).await.unwrap_or_default();
            let found = history.iter().filter(|event| event.event_type() == kind);
            if found.count() >= count && is_at_rest(&history) {
                return;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{id} never has {count} {}: {history:#?}",
                kind.as_str_name()
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until the code of the latest run has been through its first task.
    pub async fn begun(&self, id: &str) {
        self.after(id, "", EventType::WorkflowTaskCompleted, 1)
            .await;
    }

    /// Waits until a worker has an activity of the latest run.
    pub async fn activity_runs(&self, id: &str) {
        let running = async {
            while self.calls.running_activities(id).await.is_empty() {
                tokio::time::sleep(LOOK).await;
            }
        };
        let running = tokio::time::timeout(PATIENCE, running).await;
        running.unwrap_or_else(|_| panic!("no worker takes the activity of {id}"));
    }

    /// Waits until a run (without ID: the latest) has closed.
    pub async fn closed(&self, id: &str, run_id: &str) -> HistoryEvent {
        let close = tokio::time::timeout(PATIENCE, self.calls.close_event(id, run_id)).await;
        close.unwrap_or_else(|_| panic!("{id} never closes"))
    }

    /// Adds a run to a story.
    pub async fn add(&self, story: &mut Story, id: &str, run_id: &str) {
        let history = self.calls.history(id, run_id).await;
        story.add(
            id,
            history.unwrap_or_else(|status| panic!("{id}: {status}")),
        );
    }

    /// A story of one run, which has closed.
    pub async fn one(&self, mut story: Story, id: &str) -> Story {
        self.closed(id, "").await;
        self.add(&mut story, id, "").await;
        story
    }

    /// A story of a chain of runs, each of which has closed.
    pub async fn chain(&self, mut story: Story, id: &str, first_run_id: &str) -> Story {
        let mut run_id = first_run_id.to_owned();
        while !run_id.is_empty() {
            let close = self.closed(id, &run_id).await;
            self.add(&mut story, id, &run_id).await;
            run_id = successor(close);
        }
        story
    }
}

/// The run that follows one that closed so, or nothing.
pub fn successor(close: HistoryEvent) -> String {
    match close.attributes {
        Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(a)) => {
            a.new_execution_run_id
        }
        Some(Attributes::WorkflowExecutionCompletedEventAttributes(a)) => a.new_execution_run_id,
        Some(Attributes::WorkflowExecutionFailedEventAttributes(a)) => a.new_execution_run_id,
        Some(Attributes::WorkflowExecutionTimedOutEventAttributes(a)) => a.new_execution_run_id,
        _ => String::new(),
    }
}

/// Null is no argument.
pub fn arguments(input: &Value) -> Option<Payloads> {
    (!input.is_null()).then(|| json(input))
}

/// Whether the code has heard all that has happened: behind its last task there is
/// nothing but what it asked for itself.
fn is_at_rest(history: &[HistoryEvent]) -> bool {
    use EventType::*;
    let done = |event: &&HistoryEvent| event.event_type() == WorkflowTaskCompleted;
    let Some(last) = history.iter().rfind(done) else {
        return false;
    };
    let behind = history
        .iter()
        .filter(|event| event.event_id > last.event_id);
    let mut kinds = behind.map(HistoryEvent::event_type);
    kinds.all(|kind| {
        matches!(
            kind,
            ActivityTaskScheduled
                | ActivityTaskCancelRequested
                | TimerStarted
                | TimerCanceled
                | StartChildWorkflowExecutionInitiated
                | SignalExternalWorkflowExecutionInitiated
                | RequestCancelExternalWorkflowExecutionInitiated
                | UpsertWorkflowSearchAttributes
                | WorkflowPropertiesModified
                | WorkflowExecutionUpdateAccepted
                | WorkflowExecutionUpdateCompleted
        )
    })
}
