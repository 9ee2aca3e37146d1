//! What lists and counts ask: a filter, an order, a page. The filter's text is
//! parsed at the edge; here it is a tree of typed conditions.
//!
//! A condition on an attribute that a run does not have (the close time of an open
//! run, say) is neither true nor false, and so is its negation: such a run is found
//! by `IS NULL` alone, as in SQL.

use std::cmp::Ordering;

use mainspring_engine::ids::{Namespace, RunId};
use mainspring_engine::search::AttributeType;
pub use mainspring_engine::search::Value;
use mainspring_engine::time::Timestamp;
use mainspring_engine::transition::VisibilityRow;
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;

use crate::StoreFuture;

/// What an attribute's values are, and so what they may be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, compared whole, byte by byte.
    Keyword,
    /// A status.
    Status,
    /// A point in time.
    Time,
    /// A length of time.
    Duration,
    /// A whole number.
    Int,
    /// A number.
    Double,
    /// True or false.
    Bool,
    /// Several texts: each is compared whole, and one that passes is enough.
    Keywords,
    /// Text, compared by its words: one that is equal is enough.
    Words,
}

/// Defines [`Attribute`]: one line per attribute, so that its name and its kind
/// cannot be forgotten.
macro_rules! attributes {
    ($($(#[$doc:meta])* $name:ident: $kind:ident),* $(,)?) => {
        /// A built-in attribute of a run, named as in a filter (VIS-03).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Attribute {
            $($(#[$doc])* $name,)*
        }

        impl Attribute {
            /// Every attribute.
            pub const ALL: &[Attribute] = &[$(Attribute::$name),*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Attribute::$name => stringify!($name),)*
                }
            }

            /// What its values are.
            pub fn kind(self) -> Kind {
                match self {
                    $(Attribute::$name => Kind::$kind,)*
                }
            }
        }
    };
}

attributes! {
    /// The workflow ID.
    WorkflowId: Keyword,
    /// The run's ID, as text.
    RunId: Keyword,
    /// The workflow's type.
    WorkflowType: Keyword,
    /// Open or how it closed.
    ExecutionStatus: Status,
    /// When it started.
    StartTime: Time,
    /// When its first task could run.
    ExecutionTime: Time,
    /// When it closed; an open run has none.
    CloseTime: Time,
    /// From the execution time to the close; an open run has none.
    ExecutionDuration: Duration,
    /// The task queue.
    TaskQueue: Keyword,
    /// Events in the history; an open run has none.
    HistoryLength: Int,
    /// Bytes in the history; an open run has none.
    HistorySizeBytes: Int,
    /// The workflow ID at the root of the tree of children; the run's own where no
    /// run started it.
    RootWorkflowId: Keyword,
    /// The run at the root of the tree of children.
    RootRunId: Keyword,
    /// The parent's workflow ID; a run that no run started has none.
    ParentWorkflowId: Keyword,
    /// The parent's run.
    ParentRunId: Keyword,
}

impl Attribute {
    /// What a run's row says.
    pub fn of(self, row: &VisibilityRow) -> Option<Value> {
        let closed = |value: i64| row.close_time.map(|_| Value::Int(value));
        match self {
            Attribute::WorkflowId => Some(Value::Text(row.key.workflow_id.to_string())),
            Attribute::RunId => Some(Value::Text(row.run_id.to_string())),
            Attribute::RootWorkflowId => {
                let root = row.root.as_ref().map(|(workflow_id, _)| workflow_id);
                let root = root.unwrap_or(&row.key.workflow_id);
                Some(Value::Text(root.to_string()))
            }
            Attribute::RootRunId => {
                let root = row.root.as_ref().map(|(_, run_id)| *run_id);
                Some(Value::Text(root.unwrap_or(row.run_id).to_string()))
            }
            Attribute::WorkflowType => Some(Value::Text(row.workflow_type.to_string())),
            Attribute::TaskQueue => Some(Value::Text(row.task_queue.to_string())),
            Attribute::ExecutionStatus => Some(Value::Int(row.status as i64)),
            Attribute::StartTime => Some(Value::Int(row.start_time.as_nanos())),
            Attribute::ExecutionTime => Some(Value::Int(row.execution_time.as_nanos())),
            Attribute::CloseTime => row.close_time.map(|at| Value::Int(at.as_nanos())),
            Attribute::ExecutionDuration => row
                .close_time
                .map(|at| Value::Int(at.as_nanos() - row.execution_time.as_nanos())),
            Attribute::HistoryLength => closed(row.history_length),
            Attribute::HistorySizeBytes => closed(row.history_size_bytes),
            Attribute::ParentWorkflowId => {
                let parent = row.parent.as_ref();
                parent.map(|(workflow_id, _)| Value::Text(workflow_id.to_string()))
            }
            Attribute::ParentRunId => {
                let parent = row.parent.as_ref();
                parent.map(|(_, run_id)| Value::Text(run_id.to_string()))
            }
        }
    }
}

/// A search attribute that a namespace has registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CustomAttribute {
    /// Which one, in the store.
    pub id: i64,
    /// What its values are.
    pub attribute_type: AttributeType,
}

impl CustomAttribute {
    /// What its values are compared with.
    pub fn kind(self) -> Kind {
        match self.attribute_type {
            AttributeType::Text => Kind::Words,
            AttributeType::Keyword => Kind::Keyword,
            AttributeType::Int => Kind::Int,
            AttributeType::Double => Kind::Double,
            AttributeType::Bool => Kind::Bool,
            AttributeType::Datetime => Kind::Time,
            AttributeType::KeywordList => Kind::Keywords,
        }
    }
}

/// Whose values are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An attribute that every run has a column for.
    BuiltIn(Attribute),
    /// A search attribute.
    Custom(CustomAttribute),
}

impl Subject {
    /// What its values are.
    pub fn kind(self) -> Kind {
        match self {
            Subject::BuiltIn(attribute) => attribute.kind(),
            Subject::Custom(attribute) => attribute.kind(),
        }
    }
}

impl From<Attribute> for Subject {
    fn from(attribute: Attribute) -> Self {
        Self::BuiltIn(attribute)
    }
}

impl From<CustomAttribute> for Subject {
    fn from(attribute: CustomAttribute) -> Self {
        Self::Custom(attribute)
    }
}

impl PartialEq<Attribute> for Subject {
    fn eq(&self, other: &Attribute) -> bool {
        *self == Subject::BuiltIn(*other)
    }
}

/// How an attribute is compared with one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// What a condition asks of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// One value.
    Compare(Comparison, Value),
    /// `IN`: equal to one of these.
    In(Vec<Value>),
    /// `BETWEEN`: both ends inclusive.
    Between(Value, Value),
    /// `STARTS_WITH`, upper and lower case being different.
    StartsWith(String),
    /// `IS NULL`
    IsNull,
}

/// A list filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Every run of the namespace.
    All,
    /// One condition; the values are of the attribute's kind.
    Is(Attribute, Test),
    /// One condition on a search attribute. Of those that may have several values
    /// only [`Test::In`], [`Test::IsNull`] and equality are asked: one value that
    /// passes is enough.
    Has(CustomAttribute, Test),
    /// Not this.
    Not(Box<Filter>),
    /// All of these.
    And(Vec<Filter>),
    /// One of these at least.
    Or(Vec<Filter>),
}

impl Filter {
    /// Whether no other attribute than this one is asked for.
    pub fn asks_only(&self, attribute: Attribute) -> bool {
        match self {
            Filter::All => true,
            Filter::Is(asked, _) => *asked == attribute,
            Filter::Has(..) => false,
            Filter::Not(filter) => filter.asks_only(attribute),
            Filter::And(filters) | Filter::Or(filters) => {
                filters.iter().all(|filter| filter.asks_only(attribute))
            }
        }
    }
}

/// Which end comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The smallest.
    Ascending,
    /// The greatest.
    Descending,
}

impl Direction {
    /// The other one.
    pub fn reversed(self) -> Self {
        match self {
            Direction::Ascending => Direction::Descending,
            Direction::Descending => Direction::Ascending,
        }
    }
}

/// The order of a list; runs without a value come last.
///
/// Runs with equal values of a built-in attribute are in the order of their run IDs, in
/// the same direction. Those with equal values of a search attribute, which has to be
/// of one value, are in the order of its index: the newest start first where the
/// smallest value comes first, the oldest first where the greatest does. Of those
/// without one the newest start comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// What is compared.
    pub by: Subject,
    /// Which end comes first.
    pub direction: Direction,
}

impl Default for Order {
    /// The newest start first.
    fn default() -> Self {
        Self {
            by: Attribute::StartTime.into(),
            direction: Direction::Descending,
        }
    }
}

impl Order {
    /// Which of two places comes first.
    pub fn compare(self, one: &ListPosition, other: &ListPosition) -> Ordering {
        let lacks = one.value.is_none().cmp(&other.value.is_none());
        let values = one.value.cmp(&other.value);
        let runs = one.run_id.cmp(&other.run_id);
        let starts = one.started_at.cmp(&other.started_at).then(runs);
        let ascending = match self.by {
            Subject::BuiltIn(_) => values.then(runs),
            // Of those without a value the newest comes first, whatever the direction.
            Subject::Custom(_) if one.value.is_none() => return lacks.then(starts.reverse()),
            Subject::Custom(_) => values.then(starts.reverse()),
        };
        lacks.then(match self.direction {
            Direction::Ascending => ascending,
            Direction::Descending => ascending.reverse(),
        })
    }
}

/// A place in a list: the sort key of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPosition {
    /// The value that the list is sorted by.
    pub value: Option<Value>,
    /// When the run started.
    pub started_at: Timestamp,
    /// The run.
    pub run_id: RunId,
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedRun {
    /// What the list shows of it.
    pub row: VisibilityRow,
    /// Where it stands.
    pub position: ListPosition,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct ListRequest {
    /// Which runs.
    pub filter: Filter,
    /// In which order.
    pub order: Order,
    /// After this place.
    pub after: Option<ListPosition>,
    /// At most so many.
    pub limit: usize,
    /// Looking at no more rows than this (or than `limit`, if that is more).
    pub rows_examined: usize,
}

/// Lists and counts. What was committed before the call is in the answer.
pub trait VisibilityStore {
    /// The runs of a page, or [`TooManyRows`](crate::StoreError::TooManyRows) if
    /// finding them would look at more rows than allowed.
    fn list_runs<'a>(
        &'a self,
        namespace: &'a Namespace,
        request: &'a ListRequest,
    ) -> StoreFuture<'a, Vec<ListedRun>>;

    /// How many runs match, by status; statuses without runs are left out. Looks at
    /// `rows_examined` rows at most; a filter that asks for the status alone looks
    /// at none.
    fn count_runs<'a>(
        &'a self,
        namespace: &'a Namespace,
        filter: &'a Filter,
        rows_examined: usize,
    ) -> StoreFuture<'a, Vec<(WorkflowExecutionStatus, u64)>>;
}
