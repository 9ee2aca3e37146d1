//! ListWorkflowExecutions and CountWorkflowExecutions.

use mainspring_engine::ids::{Digest, Namespace, RunId};
use mainspring_engine::time::Timestamp;
use mainspring_store::visibility::{ListPosition, ListRequest, Value};
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
use crate::filter::{Context, GroupBy, parse, parse_count};
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
        let limits = self.server.limits();
        let namespace = namespace(&request.namespace, limits)?;
        let query = QueryId::of(&namespace, &request.query);
        let token = PageToken::read(&request.next_page_token, query)?;
        // Every page of a list has the NOW() of its first.
        let now = token.as_ref().map_or(self.server.now(), |token| token.now);
        let (filter, order) = parse(&request.query, Context { limits, now })?;
        let limit = match usize::try_from(request.page_size) {
            Ok(0) | Err(_) => LARGEST_PAGE,
            Ok(size) => size.min(LARGEST_PAGE),
        };
        let page = ListRequest {
            filter,
            order,
            after: token.map(|token| token.position),
            limit,
            rows_examined: limits.list_rows_examined,
        };
        let rows = self.server.list_workflows(&namespace, &page).await;
        let rows = rows.map_err(status::of)?;
        let next_page_token = match rows.last() {
            Some(last) if rows.len() == limit => PageToken {
                query,
                now,
                position: order.position(last),
            }
            .write(),
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
        let limits = self.server.limits();
        let namespace = namespace(&request.namespace, limits)?;
        let now = self.server.now();
        let (filter, group_by) = parse_count(&request.query, Context { limits, now })?;
        let counted = self.server.count_workflows(&namespace, &filter).await;
        let counted = counted.map_err(status::of)?;
        let groups = counted.iter().map(|(status, runs)| AggregationGroup {
            group_values: vec![keyword(status_name(*status))],
            count: signed(*runs),
        });
        Ok(CountWorkflowExecutionsResponse {
            count: counted.iter().map(|(_, runs)| signed(*runs)).sum(),
            groups: match group_by {
                GroupBy::Nothing => Vec::new(),
                GroupBy::ExecutionStatus => groups.collect(),
            },
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

/// Stands for a query in its page tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct QueryId([u8; 8]);

impl QueryId {
    fn of(namespace: &Namespace, query: &str) -> Self {
        let digest = Digest::of(format!("{namespace}\0{query}").as_bytes());
        let mut id = [0; 8];
        id.copy_from_slice(&digest.as_bytes()[..8]);
        Self(id)
    }
}

/// Where the next page begins: the last row's sort key, and what it is a page of.
#[derive(Debug, PartialEq)]
struct PageToken {
    query: QueryId,
    /// What `NOW()` was for the first page.
    now: Timestamp,
    position: ListPosition,
}

/// The first byte of a token: how the rest is to be read.
const TOKEN_FORMAT: u8 = 1;
/// What a sort key is.
const ABSENT: u8 = 0;
const NUMBER: u8 = 1;
const TEXT: u8 = 2;

impl PageToken {
    fn write(&self) -> Vec<u8> {
        let mut token = vec![TOKEN_FORMAT];
        token.extend_from_slice(&self.query.0);
        token.extend_from_slice(&self.now.as_nanos().to_be_bytes());
        token.extend_from_slice(self.position.run_id.as_bytes());
        match &self.position.value {
            None => token.push(ABSENT),
            Some(Value::Int(number)) => {
                token.push(NUMBER);
                token.extend_from_slice(&number.to_be_bytes());
            }
            Some(Value::Text(text)) => {
                token.push(TEXT);
                token.extend_from_slice(text.as_bytes());
            }
        }
        token
    }

    /// Reads the token of a request; none asks for the first page.
    fn read(token: &[u8], query: QueryId) -> Result<Option<Self>, Status> {
        if token.is_empty() {
            return Ok(None);
        }
        let token = Self::decode(token).ok_or_else(|| {
            Status::invalid_argument(
                "Invalid NextPageToken: it is not one that this server gave for a list.",
            )
        })?;
        if token.query != query {
            return Err(Status::invalid_argument(
                "Invalid NextPageToken: it belongs to another query or namespace; ask for the \
                 first page of this one, without a token.",
            ));
        }
        Ok(Some(token))
    }

    fn decode(token: &[u8]) -> Option<Self> {
        let (format, rest) = token.split_first()?;
        let (query, rest) = rest.split_first_chunk()?;
        let (now, rest) = rest.split_first_chunk()?;
        let (run_id, rest) = rest.split_first_chunk::<16>()?;
        let (kind, value) = rest.split_first()?;
        let value = match *kind {
            ABSENT if value.is_empty() => None,
            NUMBER => Some(Value::Int(i64::from_be_bytes(value.try_into().ok()?))),
            TEXT => Some(Value::Text(String::from_utf8(value.to_vec()).ok()?)),
            _ => return None,
        };
        (*format == TOKEN_FORMAT).then_some(Self {
            query: QueryId(*query),
            now: Timestamp::from_nanos(i64::from_be_bytes(*now)),
            position: ListPosition {
                value,
                run_id: RunId::from_slice(run_id)?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_token_survives_the_trip() {
        let query = QueryId::of(&"default".into(), "WorkflowId = 'a'");
        for value in [
            None,
            Some(Value::Int(-42)),
            Some(Value::Text("ä".into())),
            Some(Value::Text(String::new())),
        ] {
            let token = PageToken {
                query,
                now: Timestamp::from_nanos(7),
                position: ListPosition {
                    value,
                    run_id: RunId::parse("0193d5a0-0000-7000-8000-000000000001").unwrap(),
                },
            };
            let written = token.write();
            let cut = PageToken::read(&written[..written.len() / 2], query).unwrap_err();
            assert!(cut.message().contains("Invalid NextPageToken"));
            for (namespace, text) in [
                ("default", "WorkflowId = 'b'"),
                ("other", "WorkflowId = 'a'"),
            ] {
                let other = QueryId::of(&namespace.into(), text);
                let refused = PageToken::read(&written, other).unwrap_err();
                assert!(refused.message().contains("another query"), "{refused}");
            }
            assert_eq!(PageToken::read(&written, query).unwrap(), Some(token));
        }
        assert_eq!(PageToken::read(&[], query).unwrap(), None);
    }
}
