//! What every workload does: start runs, wait for them, signal, query.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mainspring_engine::search::AttributeType;
use temporalio_protos::temporal::api::common::v1::{
    Payload, Payloads, SearchAttributes, WorkflowType,
};
use temporalio_protos::temporal::api::enums::v1::{
    EventType, HistoryEventFilterType, UpdateWorkflowExecutionLifecycleStage as Stage,
};
use temporalio_protos::temporal::api::operatorservice::v1::AddSearchAttributesRequest;
use temporalio_protos::temporal::api::query::v1::WorkflowQuery;
use temporalio_protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_protos::temporal::api::update::v1::{self as update, WaitPolicy, outcome};
use temporalio_protos::temporal::api::workflowservice::v1::*;

use crate::error::CliError;
use crate::rpc::{Connection, LONG_POLL, WORKFLOW_CALL, execution, within};

/// A client that many tasks share. Cheap to clone.
#[derive(Clone)]
pub(super) struct Client {
    connection: Connection,
    queue: String,
    ids: Arc<Ids>,
}

/// Workflow IDs that no other bench has used.
struct Ids {
    prefix: String,
    next: AtomicU64,
}

/// A run that was started.
#[derive(Clone, Debug)]
pub(super) struct Started {
    pub(super) workflow_id: String,
    pub(super) run_id: String,
}

impl Client {
    pub(super) fn new(connection: Connection, queue: &str) -> Self {
        let prefix = format!("bench-{}", uuid::Uuid::new_v4().simple());
        Self {
            connection,
            queue: queue.to_owned(),
            ids: Arc::new(Ids {
                prefix,
                next: AtomicU64::new(0),
            }),
        }
    }

    /// What the workflow IDs of this bench begin with.
    pub(super) fn prefix(&self) -> &str {
        &self.ids.prefix
    }

    fn new_id(&self) -> String {
        let number = self.ids.next.fetch_add(1, Ordering::Relaxed);
        format!("{}-{number}", self.ids.prefix)
    }

    /// Starts a run under a new ID; `input` is one JSON argument, or none.
    pub(super) async fn start(
        &self,
        workflow_type: &str,
        input: Option<&serde_json::Value>,
    ) -> Result<Started, CliError> {
        self.start_with(workflow_type, input, None).await
    }

    /// The same, with search attributes.
    pub(super) async fn start_with(
        &self,
        workflow_type: &str,
        input: Option<&serde_json::Value>,
        search_attributes: Option<SearchAttributes>,
    ) -> Result<Started, CliError> {
        let workflow_id = self.new_id();
        let request = StartWorkflowExecutionRequest {
            namespace: self.connection.namespace.clone(),
            workflow_id: workflow_id.clone(),
            workflow_type: Some(WorkflowType {
                name: workflow_type.to_owned(),
            }),
            task_queue: Some(queue(&self.queue)),
            input: input.map(json),
            search_attributes,
            identity: self.connection.identity.clone(),
            request_id: workflow_id.clone(),
            ..StartWorkflowExecutionRequest::default()
        };
        let mut workflow = self.connection.workflow.clone();
        let started = workflow
            .start_workflow_execution(within(WORKFLOW_CALL, request))
            .await;
        match started {
            Ok(started) => Ok(Started {
                workflow_id,
                run_id: started.into_inner().run_id,
            }),
            Err(status) => Err(self.connection.explain("start a workflow", status)),
        }
    }

    /// Waits until a run is closed; an error unless it completed.
    pub(super) async fn wait(&self, run: &Started) -> Result<(), CliError> {
        completed(run, self.closed_as(run).await?)
    }

    /// Waits until a run is closed.
    async fn closed_as(&self, run: &Started) -> Result<EventType, CliError> {
        let mut next_page_token = Vec::new();
        loop {
            let request = GetWorkflowExecutionHistoryRequest {
                namespace: self.connection.namespace.clone(),
                execution: Some(execution(&run.workflow_id, &run.run_id)),
                wait_new_event: true,
                history_event_filter_type: HistoryEventFilterType::CloseEvent as i32,
                next_page_token,
                ..GetWorkflowExecutionHistoryRequest::default()
            };
            let mut workflow = self.connection.workflow.clone();
            let page = workflow
                .get_workflow_execution_history(within(LONG_POLL, request))
                .await
                .map_err(|status| self.connection.explain("wait for a workflow", status))?
                .into_inner();
            match page.history.unwrap_or_default().events.last() {
                Some(close) => return Ok(close.event_type()),
                None => next_page_token = page.next_page_token,
            }
        }
    }

    /// Waits until the last run of a chain is closed; an error unless it completed.
    /// Asks for the latest run, not for one run after the other: the server is
    /// measured, not the way along the chain.
    pub(super) async fn wait_for_chain(&self, first: &Started) -> Result<(), CliError> {
        loop {
            let latest = Started {
                workflow_id: first.workflow_id.clone(),
                run_id: String::new(),
            };
            match self.closed_as(&latest).await? {
                EventType::WorkflowExecutionContinuedAsNew => {}
                closed => return completed(first, closed),
            }
        }
    }

    /// Sends a signal without arguments.
    pub(super) async fn signal(&self, run: &Started, name: &str) -> Result<(), CliError> {
        let request = SignalWorkflowExecutionRequest {
            namespace: self.connection.namespace.clone(),
            workflow_execution: Some(execution(&run.workflow_id, &run.run_id)),
            signal_name: name.to_owned(),
            identity: self.connection.identity.clone(),
            request_id: uuid::Uuid::new_v4().to_string(),
            ..SignalWorkflowExecutionRequest::default()
        };
        let mut workflow = self.connection.workflow.clone();
        workflow
            .signal_workflow_execution(within(WORKFLOW_CALL, request))
            .await
            .map(drop)
            .map_err(|status| self.connection.explain("signal a workflow", status))
    }

    /// Starts a run under a new ID with a signal without arguments.
    pub(super) async fn signal_with_start(
        &self,
        workflow_type: &str,
        signal: &str,
    ) -> Result<Started, CliError> {
        let workflow_id = self.new_id();
        let request = SignalWithStartWorkflowExecutionRequest {
            namespace: self.connection.namespace.clone(),
            workflow_id: workflow_id.clone(),
            workflow_type: Some(WorkflowType {
                name: workflow_type.to_owned(),
            }),
            task_queue: Some(queue(&self.queue)),
            signal_name: signal.to_owned(),
            identity: self.connection.identity.clone(),
            request_id: workflow_id.clone(),
            ..SignalWithStartWorkflowExecutionRequest::default()
        };
        let mut workflow = self.connection.workflow.clone();
        let started = workflow
            .signal_with_start_workflow_execution(within(WORKFLOW_CALL, request))
            .await;
        match started {
            Ok(started) => Ok(Started {
                workflow_id,
                run_id: started.into_inner().run_id,
            }),
            Err(status) => {
                let action = "start a workflow with a signal";
                Err(self.connection.explain(action, status))
            }
        }
    }

    /// Sends an update and waits for its result; an error unless it succeeded.
    pub(super) async fn update(
        &self,
        run: &Started,
        name: &str,
        input: &serde_json::Value,
    ) -> Result<(), CliError> {
        let wait_policy = WaitPolicy {
            lifecycle_stage: Stage::Completed as i32,
        };
        let request = UpdateWorkflowExecutionRequest {
            namespace: self.connection.namespace.clone(),
            workflow_execution: Some(execution(&run.workflow_id, &run.run_id)),
            wait_policy: Some(wait_policy),
            request: Some(update::Request {
                meta: Some(update::Meta {
                    update_id: uuid::Uuid::new_v4().to_string(),
                    identity: self.connection.identity.clone(),
                }),
                input: Some(update::Input {
                    name: name.to_owned(),
                    args: Some(json(input)),
                    ..update::Input::default()
                }),
                ..update::Request::default()
            }),
            ..UpdateWorkflowExecutionRequest::default()
        };
        loop {
            let mut workflow = self.connection.workflow.clone();
            let answer = workflow
                .update_workflow_execution(within(LONG_POLL, request.clone()))
                .await
                .map_err(|status| self.connection.explain("update a workflow", status))?;
            match answer.into_inner().outcome.and_then(|o| o.value) {
                Some(outcome::Value::Success(_)) => return Ok(()),
                Some(outcome::Value::Failure(failure)) => {
                    let why = failure.message;
                    return Err(CliError::Answer(format!("update {name} failed: {why}")));
                }
                // Not done within the server's patience: the same request waits on.
                None => {}
            }
        }
    }

    /// Asks a run; the answer as JSON.
    pub(super) async fn query(
        &self,
        run: &Started,
        name: &str,
        patience: Duration,
    ) -> Result<serde_json::Value, CliError> {
        let request = QueryWorkflowRequest {
            namespace: self.connection.namespace.clone(),
            execution: Some(execution(&run.workflow_id, &run.run_id)),
            query: Some(WorkflowQuery {
                query_type: name.to_owned(),
                ..WorkflowQuery::default()
            }),
            ..QueryWorkflowRequest::default()
        };
        let mut workflow = self.connection.workflow.clone();
        let answer = workflow
            .query_workflow(within(patience, request))
            .await
            .map_err(|status| self.connection.explain("query a workflow", status))?;
        let result = answer.into_inner().query_result.unwrap_or_default();
        let data = result.payloads.first().map(|p| p.data.as_slice());
        serde_json::from_slice(data.unwrap_or(b"null"))
            .map_err(|error| CliError::Answer(format!("the answer of {name}: {error}")))
    }

    /// Sees to it that the namespace has these search attributes.
    pub(super) async fn register(&self, attributes: &[(&str, &str)]) -> Result<(), CliError> {
        let typed = attributes.iter().filter_map(|(name, type_name)| {
            let attribute_type = AttributeType::parse(type_name)?;
            Some(((*name).to_owned(), attribute_type.to_wire() as i32))
        });
        let request = AddSearchAttributesRequest {
            search_attributes: typed.collect(),
            namespace: self.connection.namespace.clone(),
        };
        let mut operator = self.connection.operator.clone();
        operator
            .add_search_attributes(within(WORKFLOW_CALL, request))
            .await
            .map(drop)
            .map_err(|status| self.connection.explain("create search attributes", status))
    }

    /// The first page of a list.
    pub(super) async fn list(&self, query: String, page_size: i32) -> Result<(), CliError> {
        let request = ListWorkflowExecutionsRequest {
            namespace: self.connection.namespace.clone(),
            page_size,
            query,
            ..ListWorkflowExecutionsRequest::default()
        };
        let mut workflow = self.connection.workflow.clone();
        workflow
            .list_workflow_executions(within(WORKFLOW_CALL, request))
            .await
            .map(drop)
            .map_err(|status| self.connection.explain("list workflows", status))
    }

    /// A count.
    pub(super) async fn count(&self, query: String) -> Result<(), CliError> {
        let request = CountWorkflowExecutionsRequest {
            namespace: self.connection.namespace.clone(),
            query,
        };
        let mut workflow = self.connection.workflow.clone();
        workflow
            .count_workflow_executions(within(WORKFLOW_CALL, request))
            .await
            .map(drop)
            .map_err(|status| self.connection.explain("count workflows", status))
    }

    /// Events in a run's history so far.
    pub(super) async fn history_length(&self, run: &Started) -> Result<i64, CliError> {
        let request = DescribeWorkflowExecutionRequest {
            namespace: self.connection.namespace.clone(),
            execution: Some(execution(&run.workflow_id, &run.run_id)),
        };
        let mut workflow = self.connection.workflow.clone();
        let described = workflow
            .describe_workflow_execution(within(WORKFLOW_CALL, request))
            .await
            .map_err(|status| self.connection.explain("describe a workflow", status))?;
        let info = described.into_inner().workflow_execution_info;
        Ok(info.unwrap_or_default().history_length)
    }
}

/// A task queue as requests name it.
pub(super) fn queue(name: &str) -> TaskQueue {
    TaskQueue {
        name: name.to_owned(),
        ..TaskQueue::default()
    }
}

/// One JSON argument.
fn json(value: &serde_json::Value) -> Payloads {
    Payloads {
        payloads: vec![Payload {
            metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
            data: value.to_string().into_bytes(),
            ..Payload::default()
        }],
    }
}

fn completed(run: &Started, closed: EventType) -> Result<(), CliError> {
    if closed == EventType::WorkflowExecutionCompleted {
        return Ok(());
    }
    Err(CliError::Answer(format!(
        "workflow {} ended with {}",
        run.workflow_id,
        closed.as_str_name()
    )))
}
