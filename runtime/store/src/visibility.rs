//! What lists and counts ask: a filter, a page, an answer. The filter's text is
//! parsed at the edge; here it is a tree.

use mainspring_engine::ids::{Namespace, RunId};
use mainspring_engine::time::Timestamp;
use mainspring_engine::transition::VisibilityRow;
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;

use crate::StoreFuture;

/// How an attribute is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// One condition on a built-in attribute, with a value of its type.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// `WorkflowId`
    WorkflowId(Comparison, String),
    /// `RunId = …`
    RunId(RunId),
    /// `WorkflowType`
    WorkflowType(Comparison, String),
    /// `ExecutionStatus = …`
    ExecutionStatus(WorkflowExecutionStatus),
    /// `StartTime`
    StartTime(Comparison, Timestamp),
    /// `CloseTime`; open runs have none and match nothing.
    CloseTime(Comparison, Timestamp),
    /// Matches nothing (an unknown run ID, say).
    Never,
}

/// A list filter. Grows by variants: the next ones are `Or` and `Not`.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Every run of the namespace.
    All,
    /// One condition.
    Is(Condition),
    /// All of these.
    And(Vec<Filter>),
}

/// A place in a list: runs are listed by start time, newest first, then run ID,
/// greatest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListPosition {
    /// The start time of the last row that was seen.
    pub start_time: Timestamp,
    /// Its run.
    pub run_id: RunId,
}

/// Lists and counts. What was committed before the call is in the answer.
pub trait VisibilityStore {
    /// Runs that match, newest first, after the given place, at most `limit`.
    fn list_runs<'a>(
        &'a self,
        namespace: &'a Namespace,
        filter: &'a Filter,
        after: Option<ListPosition>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<VisibilityRow>>;

    /// How many runs match.
    fn count_runs<'a>(
        &'a self,
        namespace: &'a Namespace,
        filter: &'a Filter,
    ) -> StoreFuture<'a, u64>;

    /// How many runs match, by status; statuses without runs are left out.
    fn count_runs_by_status<'a>(
        &'a self,
        namespace: &'a Namespace,
        filter: &'a Filter,
    ) -> StoreFuture<'a, Vec<(WorkflowExecutionStatus, u64)>>;
}
