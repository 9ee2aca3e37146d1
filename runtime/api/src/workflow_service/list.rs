//! Lists and counts: ListWorkflowExecutions and its older sisters,
//! CountWorkflowExecutions, GetSearchAttributes.

use mainspring_engine::ids::{Digest, Namespace, RunId};
use mainspring_engine::search::{Double, keyword};
use mainspring_engine::time::Timestamp;
use mainspring_server::NamespaceAttributes;
use mainspring_store::visibility::{Filter, ListPosition, ListRequest, Order, Value};
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;
use temporalio_protos::temporal::api::workflow::v1::WorkflowExecutionInfo;
use temporalio_protos::temporal::api::workflowservice::v1::count_workflow_executions_response::AggregationGroup;
use temporalio_protos::temporal::api::workflowservice::v1::{
    CountWorkflowExecutionsRequest, CountWorkflowExecutionsResponse, GetSearchAttributesRequest,
    GetSearchAttributesResponse, ListWorkflowExecutionsRequest, ListWorkflowExecutionsResponse,
    ScanWorkflowExecutionsRequest, ScanWorkflowExecutionsResponse,
};
use tonic::{Request, Status};

use super::Workflows;
use crate::convert::describe::listed;
use crate::filter::{Context, GroupBy, parse, parse_count};
use crate::operator_service::{custom, system};
use crate::status;
use crate::validate::namespace;

/// Runs on one page, by default and at most (VIS-01).
const LARGEST_PAGE: usize = 1_000;

/// The runs of a page and the token of the next one.
pub(super) type Page = (Vec<WorkflowExecutionInfo>, Vec<u8>);

/// One page of a list.
pub(super) struct Asked<'a> {
    pub(super) namespace: &'a Namespace,
    /// What the list is of, in words: a token belongs to them.
    pub(super) query: &'a str,
    pub(super) page_size: i32,
    pub(super) token: &'a [u8],
}

impl Workflows {
    pub(super) async fn list_workflow_executions(
        &self,
        request: Request<ListWorkflowExecutionsRequest>,
    ) -> Result<ListWorkflowExecutionsResponse, Status> {
        let request = request.into_inner();
        let (query, token) = (&request.query, &request.next_page_token);
        let (executions, next_page_token) = self
            .list(&request.namespace, query, request.page_size, token)
            .await?;
        Ok(ListWorkflowExecutionsResponse {
            executions,
            next_page_token,
        })
    }

    /// As a list, which promises more: an order.
    pub(super) async fn scan_workflow_executions(
        &self,
        request: Request<ScanWorkflowExecutionsRequest>,
    ) -> Result<ScanWorkflowExecutionsResponse, Status> {
        let request = request.into_inner();
        let (query, token) = (&request.query, &request.next_page_token);
        let (executions, next_page_token) = self
            .list(&request.namespace, query, request.page_size, token)
            .await?;
        Ok(ScanWorkflowExecutionsResponse {
            executions,
            next_page_token,
        })
    }

    async fn list(
        &self,
        namespace_name: &str,
        query: &str,
        page_size: i32,
        token: &[u8],
    ) -> Result<Page, Status> {
        let limits = self.server.limits();
        let namespace = namespace(namespace_name, limits)?;
        let known = self.known(&namespace)?;
        let asked = Asked {
            namespace: &namespace,
            query,
            page_size,
            token,
        };
        self.page(asked, &known, |now| {
            let attributes = &known;
            Ok(parse(
                query,
                Context {
                    limits,
                    now,
                    attributes,
                },
            )?)
        })
        .await
    }

    /// One page. `read` says what is asked for, by the `NOW()` of the first page.
    pub(super) async fn page(
        &self,
        asked: Asked<'_>,
        known: &NamespaceAttributes,
        read: impl FnOnce(Timestamp) -> Result<(Filter, Order), Status>,
    ) -> Result<Page, Status> {
        let query = QueryId::of(asked.namespace, asked.query);
        let token = PageToken::read(asked.token, query)?;
        let now = token.as_ref().map_or(self.server.now(), |token| token.now);
        let (filter, order) = read(now)?;
        let limit = match usize::try_from(asked.page_size) {
            Ok(0) | Err(_) => LARGEST_PAGE,
            Ok(size) => size.min(LARGEST_PAGE),
        };
        let page = ListRequest {
            filter,
            order,
            after: token.map(|token| token.position),
            limit,
            rows_examined: self.server.limits().list_rows_examined,
        };
        let runs = self.server.list_workflows(asked.namespace, &page).await;
        let runs = runs.map_err(status::of)?;
        let next_page_token = match runs.last() {
            Some(last) if runs.len() == limit => PageToken {
                query,
                now,
                position: last.position.clone(),
            }
            .write(),
            _ => Vec::new(),
        };
        let executions = runs.into_iter().map(|run| listed(run.row, known));
        let executions = executions.collect();
        Ok((executions, next_page_token))
    }

    pub(super) fn known(&self, namespace: &Namespace) -> Result<NamespaceAttributes, Status> {
        self.server.search_attributes(namespace).map_err(status::of)
    }

    /// What there is in the `default` namespace: the request names none.
    pub(super) async fn get_search_attributes(
        &self,
        _request: Request<GetSearchAttributesRequest>,
    ) -> Result<GetSearchAttributesResponse, Status> {
        let known = self.server.search_attributes(&Namespace::from("default"));
        let mut keys = system();
        keys.extend(custom(&known.unwrap_or_default()));
        Ok(GetSearchAttributesResponse { keys })
    }

    pub(super) async fn count_workflow_executions(
        &self,
        request: Request<CountWorkflowExecutionsRequest>,
    ) -> Result<CountWorkflowExecutionsResponse, Status> {
        let request = request.into_inner();
        let limits = self.server.limits();
        let namespace = namespace(&request.namespace, limits)?;
        let now = self.server.now();
        let attributes = &self.known(&namespace)?;
        let context = Context {
            limits,
            now,
            attributes,
        };
        let (filter, group_by) = parse_count(&request.query, context)?;
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
const TOKEN_FORMAT: u8 = 2;
/// What a sort key is.
const ABSENT: u8 = 0;
const NUMBER: u8 = 1;
const TEXT: u8 = 2;
const DOUBLE: u8 = 3;

impl PageToken {
    fn write(&self) -> Vec<u8> {
        let mut token = vec![TOKEN_FORMAT];
        token.extend_from_slice(&self.query.0);
        token.extend_from_slice(&self.now.as_nanos().to_be_bytes());
        let started_at = self.position.started_at.as_nanos();
        token.extend_from_slice(&started_at.to_be_bytes());
        token.extend_from_slice(self.position.run_id.as_bytes());
        match &self.position.value {
            None => token.push(ABSENT),
            Some(Value::Int(number)) => {
                token.push(NUMBER);
                token.extend_from_slice(&number.to_be_bytes());
            }
            Some(Value::Double(number)) => {
                token.push(DOUBLE);
                token.extend_from_slice(&number.get().to_be_bytes());
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
        let (started_at, rest) = rest.split_first_chunk()?;
        let (run_id, rest) = rest.split_first_chunk::<16>()?;
        let (kind, value) = rest.split_first()?;
        let value = match *kind {
            ABSENT if value.is_empty() => None,
            NUMBER => Some(Value::Int(i64::from_be_bytes(value.try_into().ok()?))),
            DOUBLE => {
                let number = f64::from_be_bytes(value.try_into().ok()?);
                Some(Value::Double(Double::new(number)?))
            }
            TEXT => Some(Value::Text(String::from_utf8(value.to_vec()).ok()?)),
            _ => return None,
        };
        (*format == TOKEN_FORMAT).then_some(Self {
            query: QueryId(*query),
            now: Timestamp::from_nanos(i64::from_be_bytes(*now)),
            position: ListPosition {
                value,
                started_at: Timestamp::from_nanos(i64::from_be_bytes(*started_at)),
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
            Double::new(-0.25).map(Value::Double),
            Some(Value::Text("ä".into())),
            Some(Value::Text(String::new())),
        ] {
            let token = PageToken {
                query,
                now: Timestamp::from_nanos(7),
                position: ListPosition {
                    value,
                    started_at: Timestamp::from_nanos(-9),
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
