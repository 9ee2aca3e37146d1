//! ListOpenWorkflowExecutions and ListClosedWorkflowExecutions: the lists from before
//! there were filters, as what they are in the words of one.

use mainspring_engine::ids::Namespace;
use mainspring_engine::time::Timestamp;
use mainspring_store::visibility::{
    Attribute, Comparison, Direction, Filter, Order, Test, Value,
};
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;
use temporalio_protos::temporal::api::filter::v1::{
    StartTimeFilter, WorkflowExecutionFilter, WorkflowTypeFilter,
};
use temporalio_protos::temporal::api::workflowservice::v1::list_closed_workflow_executions_request::Filters as OfClosed;
use temporalio_protos::temporal::api::workflowservice::v1::list_open_workflow_executions_request::Filters as OfOpen;
use temporalio_protos::temporal::api::workflowservice::v1::{
    ListClosedWorkflowExecutionsRequest, ListClosedWorkflowExecutionsResponse,
    ListOpenWorkflowExecutionsRequest, ListOpenWorkflowExecutionsResponse,
};
use tonic::{Request, Status};

use super::Workflows;
use super::list::{Asked, Page};
use crate::validate::{namespace, run_id, short};

impl Workflows {
    pub(super) async fn list_open_workflow_executions(
        &self,
        request: Request<ListOpenWorkflowExecutionsRequest>,
    ) -> Result<ListOpenWorkflowExecutionsResponse, Status> {
        let request = request.into_inner();
        let name = namespace(&request.namespace, self.server.limits())?;
        let is_open = Filter::Is(Attribute::CloseTime, Test::IsNull);
        let mut filters = vec![is_open];
        filters.extend(within(
            Attribute::StartTime,
            request.start_time_filter.as_ref(),
        ));
        filters.extend(match &request.filters {
            None => Vec::new(),
            Some(OfOpen::ExecutionFilter(one)) => self.execution(one)?,
            Some(OfOpen::TypeFilter(one)) => self.workflow_type(one)?,
        });
        let (size, token) = (request.maximum_page_size, &request.next_page_token);
        let (executions, next_page_token) = self
            .old_list(&name, filters, Attribute::StartTime, size, token)
            .await?;
        Ok(ListOpenWorkflowExecutionsResponse {
            executions,
            next_page_token,
        })
    }

    /// Its times are those of the close, whatever the field is called.
    pub(super) async fn list_closed_workflow_executions(
        &self,
        request: Request<ListClosedWorkflowExecutionsRequest>,
    ) -> Result<ListClosedWorkflowExecutionsResponse, Status> {
        let request = request.into_inner();
        let name = namespace(&request.namespace, self.server.limits())?;
        let is_open = Filter::Is(Attribute::CloseTime, Test::IsNull);
        let mut filters = vec![Filter::Not(Box::new(is_open))];
        filters.extend(within(
            Attribute::CloseTime,
            request.start_time_filter.as_ref(),
        ));
        filters.extend(match &request.filters {
            None => Vec::new(),
            Some(OfClosed::ExecutionFilter(one)) => self.execution(one)?,
            Some(OfClosed::TypeFilter(one)) => self.workflow_type(one)?,
            Some(OfClosed::StatusFilter(one)) => {
                match WorkflowExecutionStatus::try_from(one.status) {
                    Ok(WorkflowExecutionStatus::Unspecified | WorkflowExecutionStatus::Running)
                    | Err(_) => {
                        return Err(Status::invalid_argument(
                            "StatusFilter must be specified, with the status of a closed run.",
                        ));
                    }
                    Ok(status) => {
                        vec![equal(Attribute::ExecutionStatus, Value::Int(status as i64))]
                    }
                }
            }
        });
        let (size, token) = (request.maximum_page_size, &request.next_page_token);
        let (executions, next_page_token) = self
            .old_list(&name, filters, Attribute::CloseTime, size, token)
            .await?;
        Ok(ListClosedWorkflowExecutionsResponse {
            executions,
            next_page_token,
        })
    }

    fn execution(&self, one: &WorkflowExecutionFilter) -> Result<Vec<Filter>, Status> {
        short("WorkflowId", &one.workflow_id, self.server.limits())?;
        let mut filters = Vec::new();
        if !one.workflow_id.is_empty() {
            let id = Value::Text(one.workflow_id.clone());
            filters.push(equal(Attribute::WorkflowId, id));
        }
        if let Some(run_id) = run_id(&one.run_id)? {
            filters.push(equal(Attribute::RunId, Value::Text(run_id.to_string())));
        }
        Ok(filters)
    }

    fn workflow_type(&self, one: &WorkflowTypeFilter) -> Result<Vec<Filter>, Status> {
        short("WorkflowType", &one.name, self.server.limits())?;
        if one.name.is_empty() {
            return Ok(Vec::new());
        }
        let name = Value::Text(one.name.clone());
        Ok(vec![equal(Attribute::WorkflowType, name)])
    }

    async fn old_list(
        &self,
        namespace: &Namespace,
        filters: Vec<Filter>,
        by: Attribute,
        page_size: i32,
        token: &[u8],
    ) -> Result<Page, Status> {
        let known = self.known(namespace)?;
        let filter = Filter::And(filters);
        let order = Order {
            by: by.into(),
            direction: Direction::Descending,
        };
        let query = format!("{filter:?} by {}", by.name());
        let asked = Asked {
            namespace,
            query: &query,
            page_size,
            token,
        };
        self.page(asked, &known, |_| Ok((filter, order))).await
    }
}

fn equal(attribute: Attribute, value: Value) -> Filter {
    Filter::Is(attribute, Test::Compare(Comparison::Equal, value))
}

/// Both ends inclusive, in the precision of lists.
fn within(attribute: Attribute, times: Option<&StartTimeFilter>) -> Vec<Filter> {
    let Some(times) = times else {
        return Vec::new();
    };
    let end = |time: &Option<prost_wkt_types::Timestamp>, comparison| {
        let time = Timestamp::from_wire(time.as_ref()?).whole_micros();
        let test = Test::Compare(comparison, Value::Int(time.as_nanos()));
        Some(Filter::Is(attribute, test))
    };
    let earliest = end(&times.earliest_time, Comparison::GreaterOrEqual);
    // A time that is not set does not end the list.
    let latest = times
        .latest_time
        .filter(|time| time.seconds != 0 || time.nanos != 0);
    let latest = end(&latest, Comparison::LessOrEqual);
    earliest.into_iter().chain(latest).collect()
}
