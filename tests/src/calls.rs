//! Calls to a server's API, as a client without an SDK makes them.

use std::time::Duration;

use temporalio_protos::temporal::api::common::v1::{
    Payload, Payloads, WorkflowExecution, WorkflowType,
};
use temporalio_protos::temporal::api::enums::v1::{HistoryEventFilterType, PendingActivityState};
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::query::v1::WorkflowQuery;
use temporalio_protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_protos::temporal::api::workflowservice::v1::workflow_service_client::WorkflowServiceClient;
use temporalio_protos::temporal::api::workflowservice::v1::*;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// The activities of the order story, in their order.
pub const ORDER_ACTIVITIES: [&str; 5] = [
    "ReserveInventory",
    "ChargePayment",
    "GenerateInvoice",
    "SendConfirmationEmail",
    "NotifyWarehouse",
];

/// A client. Cheap to clone.
#[derive(Clone)]
pub struct Calls {
    client: WorkflowServiceClient<Channel>,
}

impl Calls {
    /// A client of the server at `address`; connects with the first call.
    pub fn new(address: &str) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .expect("an address makes a URL")
            .connect_timeout(Duration::from_secs(2));
        Self {
            client: WorkflowServiceClient::new(endpoint.connect_lazy()),
        }
    }

    /// The generated client, for calls that have no helper here.
    pub fn client(&self) -> WorkflowServiceClient<Channel> {
        self.client.clone()
    }

    /// Whether the server answers.
    pub async fn system_info(&self) -> Result<GetSystemInfoResponse, Status> {
        let answered = self.client().get_system_info(GetSystemInfoRequest {}).await;
        Ok(answered?.into_inner())
    }

    /// A start request of an order.
    pub fn order(workflow_id: &str, request_id: &str) -> StartWorkflowExecutionRequest {
        let input = serde_json::json!({"OrderID": workflow_id, "UserID": "user"});
        StartWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_id: workflow_id.to_owned(),
            workflow_type: Some(WorkflowType {
                name: "OrderWorkflow".to_owned(),
            }),
            task_queue: Some(task_queue("orders")),
            input: Some(json(&input)),
            identity: "test".to_owned(),
            request_id: request_id.to_owned(),
            ..StartWorkflowExecutionRequest::default()
        }
    }

    /// Starts an order; answers its run ID.
    pub async fn start_order(&self, workflow_id: &str, request_id: &str) -> Result<String, Status> {
        let request = Self::order(workflow_id, request_id);
        let started = self.client().start_workflow_execution(request).await?;
        Ok(started.into_inner().run_id)
    }

    /// Starts a workflow without input; answers its run ID.
    pub async fn start(&self, workflow_type: &str, workflow_id: &str) -> Result<String, Status> {
        let request = StartWorkflowExecutionRequest {
            workflow_type: Some(workflow_type.to_owned().into()),
            input: None,
            ..Self::order(workflow_id, "")
        };
        let started = self.client().start_workflow_execution(request).await?;
        Ok(started.into_inner().run_id)
    }

    /// Signals the latest run.
    pub async fn signal(&self, workflow_id: &str, name: &str) -> Result<(), Status> {
        let request = SignalWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_execution: execution(workflow_id, ""),
            signal_name: name.to_owned(),
            ..SignalWorkflowExecutionRequest::default()
        };
        let taken = self.client().signal_workflow_execution(request).await;
        taken.map(|_| ())
    }

    /// Asks the latest run to cancel itself.
    pub async fn cancel(&self, workflow_id: &str) -> Result<(), Status> {
        let request = RequestCancelWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_execution: execution(workflow_id, ""),
            ..RequestCancelWorkflowExecutionRequest::default()
        };
        let taken = self
            .client()
            .request_cancel_workflow_execution(request)
            .await;
        taken.map(|_| ())
    }

    /// Closes the latest run at once.
    pub async fn terminate(&self, workflow_id: &str) -> Result<(), Status> {
        let request = TerminateWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_execution: execution(workflow_id, ""),
            ..TerminateWorkflowExecutionRequest::default()
        };
        let taken = self.client().terminate_workflow_execution(request).await;
        taken.map(|_| ())
    }

    /// Describes the latest run.
    pub async fn describe(
        &self,
        workflow_id: &str,
    ) -> Result<DescribeWorkflowExecutionResponse, Status> {
        let request = DescribeWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            execution: execution(workflow_id, ""),
        };
        let described = self.client().describe_workflow_execution(request).await;
        described.map(tonic::Response::into_inner)
    }

    /// The whole history of a run (empty run ID: the latest).
    pub async fn history(
        &self,
        workflow_id: &str,
        run_id: &str,
    ) -> Result<Vec<HistoryEvent>, Status> {
        let mut events = Vec::new();
        let mut next_page_token = Vec::new();
        loop {
            let request = GetWorkflowExecutionHistoryRequest {
                namespace: "default".to_owned(),
                execution: execution(workflow_id, run_id),
                next_page_token,
                ..GetWorkflowExecutionHistoryRequest::default()
            };
            let page = self
                .client()
                .get_workflow_execution_history(request)
                .await?;
            let page = page.into_inner();
            events.extend(page.history.unwrap_or_default().events);
            if page.next_page_token.is_empty() {
                return Ok(events);
            }
            next_page_token = page.next_page_token;
        }
    }

    /// The types of the latest run's activities that a worker has at the moment.
    pub async fn running_activities(&self, workflow_id: &str) -> Vec<String> {
        let described = self.describe(workflow_id).await;
        let pending = described.expect("a run can be described");
        pending
            .pending_activities
            .into_iter()
            .filter(|activity| activity.state() == PendingActivityState::Started)
            .map(|activity| activity.activity_type.unwrap_or_default().name)
            .collect()
    }

    /// Waits for the close event of a run.
    pub async fn close_event(&self, workflow_id: &str, run_id: &str) -> HistoryEvent {
        loop {
            let request = GetWorkflowExecutionHistoryRequest {
                namespace: "default".to_owned(),
                execution: execution(workflow_id, run_id),
                wait_new_event: true,
                history_event_filter_type: HistoryEventFilterType::CloseEvent as i32,
                ..GetWorkflowExecutionHistoryRequest::default()
            };
            let answered = self.client().get_workflow_execution_history(request).await;
            let events = answered.map(|page| page.into_inner().history.unwrap_or_default().events);
            match events {
                Ok(mut events) if events.len() == 1 => return events.remove(0),
                Ok(events) => assert!(events.is_empty(), "one close event: {events:?}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// Asks a run a question without arguments; the answer as JSON.
    pub async fn query(&self, workflow_id: &str, name: &str) -> Result<serde_json::Value, Status> {
        let request = QueryWorkflowRequest {
            namespace: "default".to_owned(),
            execution: execution(workflow_id, ""),
            query: Some(WorkflowQuery {
                query_type: name.to_owned(),
                ..WorkflowQuery::default()
            }),
            ..QueryWorkflowRequest::default()
        };
        let answered = self.client().query_workflow(request).await?.into_inner();
        let result = answered.query_result.unwrap_or_default();
        let data = result
            .payloads
            .first()
            .map(|payload| payload.data.as_slice());
        Ok(serde_json::from_slice(data.unwrap_or(b"null")).expect("answers are JSON"))
    }
}

/// One JSON argument.
pub fn json(value: &serde_json::Value) -> Payloads {
    Payloads {
        payloads: vec![Payload {
            metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
            data: value.to_string().into_bytes(),
            ..Payload::default()
        }],
    }
}

/// A run, as requests name it.
pub fn execution(workflow_id: &str, run_id: &str) -> Option<WorkflowExecution> {
    Some(WorkflowExecution {
        workflow_id: workflow_id.to_owned(),
        run_id: run_id.to_owned(),
    })
}

/// A task queue, as requests name it.
pub fn task_queue(name: &str) -> TaskQueue {
    TaskQueue {
        name: name.to_owned(),
        ..TaskQueue::default()
    }
}
