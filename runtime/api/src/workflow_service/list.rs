//! ListWorkflowExecutions and CountWorkflowExecutions.

use mainspring_engine::ids::RunId;
use mainspring_engine::time::Timestamp;
use mainspring_store::visibility::ListPosition;
use temporalio_protos::temporal::api::common::v1::Payload;
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;
use temporalio_protos::temporal::api::workflowservice::v1::count_workflow_executions_response::AggregationGroup;
use temporalio_protos::temporal::api::workflowservice::v1::{
    CountWorkflowExecutionsRequest, CountWorkflowExecutionsResponse, ListWorkflowExecutionsRequest,
    ListWorkflowExecutionsResponse,
};
use tonic::{Request, Status};

use super::Workflows;
use crate::convert::describe::{json_text, listed};
use crate::filter::{GroupBy, parse, parse_count};
use crate::status;
use crate::validate::namespace;

/// Runs on one page, by default and at most (VIS-01).
const LARGEST_PAGE: usize = 1_000;

impl Workflows {
    pub(super) async fn list_workflow_executions(
        &self,
        request: Request<ListWorkflowExecutionsRequest>,
    ) -> Result<ListWorkflowExecutionsResponse, Status> {
        let request = request.into_inner();
        let namespace = namespace(&request.namespace, self.server.limits())?;
        let filter = parse(&request.query)?;
        let after = read_token(&request.next_page_token)?;
        let limit = match usize::try_from(request.page_size) {
            Ok(0) | Err(_) => LARGEST_PAGE,
            Ok(size) => size.min(LARGEST_PAGE),
        };
        let rows = self
            .server
            .list_workflows(&namespace, &filter, after, limit)
            .await
            .map_err(status::of)?;
        let next_page_token = match rows.last() {
            Some(last) if rows.len() == limit => write_token(ListPosition {
                start_time: last.start_time,
                run_id: last.run_id,
            }),
            _ => Vec::new(),
        };
        Ok(ListWorkflowExecutionsResponse {
            executions: rows.into_iter().map(listed).collect(),
            next_page_token,
        })
    }

    pub(super) async fn count_workflow_executions(
        &self,
        request: Request<CountWorkflowExecutionsRequest>,
    ) -> Result<CountWorkflowExecutionsResponse, Status> {
        let request = request.into_inner();
        let namespace = namespace(&request.namespace, self.server.limits())?;
        let (filter, group_by) = parse_count(&request.query)?;
        let server = &self.server;
        if group_by == GroupBy::Nothing {
            let count = server.count_workflows(&namespace, &filter).await;
            return Ok(CountWorkflowExecutionsResponse {
                count: signed(count.map_err(status::of)?),
                groups: Vec::new(),
            });
        }
        let counted = server.count_workflows_by_status(&namespace, &filter).await;
        let counted = counted.map_err(status::of)?;
        Ok(CountWorkflowExecutionsResponse {
            count: counted.iter().map(|(_, runs)| signed(*runs)).sum(),
            groups: counted
                .into_iter()
                .map(|(status, runs)| AggregationGroup {
                    group_values: vec![keyword(status_name(status))],
                    count: signed(runs),
                })
                .collect(),
        })
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A value of a group as Temporal encodes it: a search attribute of type Keyword.
fn keyword(text: &str) -> Payload {
    Payload {
        metadata: [
            ("encoding".to_owned(), b"json/plain".to_vec()),
            ("type".to_owned(), b"Keyword".to_vec()),
        ]
        .into(),
        data: json_text(text).into_bytes(),
        ..Payload::default()
    }
}

fn status_name(status: WorkflowExecutionStatus) -> &'static str {
    match status {
        WorkflowExecutionStatus::Unspecified => "Unspecified",
        WorkflowExecutionStatus::Running => "Running",
        WorkflowExecutionStatus::Completed => "Completed",
        WorkflowExecutionStatus::Failed => "Failed",
        WorkflowExecutionStatus::Canceled => "Canceled",
        WorkflowExecutionStatus::Terminated => "Terminated",
        WorkflowExecutionStatus::ContinuedAsNew => "ContinuedAsNew",
        WorkflowExecutionStatus::TimedOut => "TimedOut",
        WorkflowExecutionStatus::Paused => "Paused",
    }
}

/// A page token: the start time and the run of the last row.
fn write_token(position: ListPosition) -> Vec<u8> {
    let mut token = position.start_time.as_nanos().to_be_bytes().to_vec();
    token.extend_from_slice(position.run_id.as_bytes());
    token
}

fn read_token(token: &[u8]) -> Result<Option<ListPosition>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    let read = token.split_first_chunk().and_then(|(time, run_id)| {
        Some(ListPosition {
            start_time: Timestamp::from_nanos(i64::from_be_bytes(*time)),
            run_id: RunId::from_slice(run_id)?,
        })
    });
    read.map(Some)
        .ok_or_else(|| Status::invalid_argument("Invalid NextPageToken."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_token_survives_the_trip() {
        let position = ListPosition {
            start_time: Timestamp::from_nanos(42),
            run_id: RunId::parse("0193d5a0-0000-7000-8000-000000000001").unwrap(),
        };
        assert_eq!(read_token(&write_token(position)).unwrap(), Some(position));
        assert!(read_token(b"short").is_err());
    }
}
