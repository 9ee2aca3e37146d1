//! Which indexes can serve a filter, and where each has to be walked.

use sqlx::{QueryBuilder, Sqlite};

use mainspring_engine::ids::{Namespace, RunId};

use super::STATUSES;
use super::clauses::{push_range, push_value};
use super::ranges::{Range, Ranges, allowed};
use crate::visibility::{Attribute, Direction, Filter, Order, Value};

/// An index of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Index {
    /// By run ID: the table itself.
    Run,
    /// By workflow ID, then start time.
    Id,
    /// By close time; closed runs only.
    Close,
    /// By type, then start time.
    Type,
    /// By status, then start time.
    Status,
    /// By start time.
    Start,
}

/// Most selective first, as a rule.
const INDEXES: [Index; 6] = [
    Index::Run,
    Index::Id,
    Index::Close,
    Index::Type,
    Index::Status,
    Index::Start,
];

impl Index {
    fn attribute(self) -> Attribute {
        match self {
            Index::Run => Attribute::RunId,
            Index::Id => Attribute::WorkflowId,
            Index::Close => Attribute::CloseTime,
            Index::Type => Attribute::WorkflowType,
            Index::Status => Attribute::ExecutionStatus,
            Index::Start => Attribute::StartTime,
        }
    }

    fn column(self) -> &'static str {
        match self {
            Index::Run => "run_id",
            Index::Id => "workflow_id",
            Index::Close => "close_time",
            Index::Type => "workflow_type",
            Index::Status => "status",
            Index::Start => "start_time",
        }
    }

    /// `FROM …`, by this index and no other.
    fn source(self) -> &'static str {
        match self {
            Index::Run => " FROM visibility",
            Index::Id => " FROM visibility INDEXED BY visibility_by_id",
            Index::Close => " FROM visibility INDEXED BY visibility_by_close",
            Index::Type => " FROM visibility INDEXED BY visibility_by_type",
            Index::Status => " FROM visibility INDEXED BY visibility_by_status",
            Index::Start => " FROM visibility INDEXED BY visibility_by_start",
        }
    }
}

/// A way to find what a filter wants: some stretches of one index.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    /// The stretches, in the order of the list where the index has it. No run is in
    /// two of them.
    pub(super) arms: Vec<Arm>,
    /// Whether the rows of each stretch come in the order of the list.
    pub(super) in_order: bool,
    /// Whether it leaves out some of the namespace's runs.
    pub(super) narrow: bool,
}

/// One stretch of an index.
#[derive(Clone, Debug)]
pub(super) struct Arm {
    index: Index,
    /// The value of the index's first column, where it is one value.
    equals: Option<Value>,
    /// What `range` is of.
    column: &'static str,
    range: Range,
}

impl Arm {
    /// The part of it that lies in a range too.
    pub(super) fn clip(&self, range: &Range) -> Arm {
        Arm {
            range: self.range.clip(range),
            ..self.clone()
        }
    }

    /// Whether nothing can be in it.
    pub(super) fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// ` FROM … WHERE …`
    pub(super) fn push(&self, query: &mut QueryBuilder<Sqlite>, namespace: &Namespace) {
        query.push(self.index.source()).push(" WHERE namespace = ");
        query.push_bind(namespace.to_string());
        if self.index == Index::Close {
            query.push(" AND close_time IS NOT NULL");
        }
        if let Some(value) = &self.equals {
            query.push(" AND ").push(self.index.column()).push(" = ");
            match (self.index, value) {
                (Index::Run, Value::Text(text)) => {
                    let run_id = RunId::parse(text).map(|run_id| run_id.as_bytes().to_vec());
                    query.push_bind(run_id);
                }
                _ => push_value(query, value),
            }
        }
        push_range(query, self.column, &self.range);
    }
}

/// The walks that can serve a filter, the most selective first as a rule; the last
/// one is along the start times. Empty if no run can match.
pub(super) fn walks(filter: &Filter, order: Order) -> Vec<Walk> {
    let starts = allowed(filter, Attribute::StartTime);
    let mut walks = Vec::new();
    for index in INDEXES {
        let values = allowed(filter, index.attribute());
        if values.is_nothing() {
            return Vec::new();
        }
        walks.extend(walk(index, &values, &starts, order));
    }
    walks
}

fn walk(index: Index, values: &Ranges, starts: &Ranges, order: Order) -> Option<Walk> {
    let statuses: Vec<Value>;
    let points: Option<Vec<&Value>> = if index == Index::Status {
        // There are few: a range of them is a list of them.
        let known = STATUSES.map(|status| Value::Int(status.into()));
        statuses = known.filter(|status| values.holds(status)).collect();
        Some(statuses.iter().collect())
    } else {
        values.ranges.iter().map(Range::only_value).collect()
    };
    let by_start = order.by == Attribute::StartTime;
    let (arms, in_order) = match (index, points) {
        (Index::Start, _) => (stretches(index, values), by_start),
        (Index::Close, _) if values.absent => return None,
        (Index::Close, _) => (stretches(index, values), order.by == Attribute::CloseTime),
        (Index::Run, Some(points)) => (run_arms(&points), false),
        (Index::Run, None) => return None,
        (_, _) if values.is_full() => return None,
        (_, None) => (stretches(index, values), false),
        (_, Some(points)) => {
            let range = starts.hull();
            let arm = |value: &Value| Arm {
                index,
                equals: Some(value.clone()),
                column: "start_time",
                range: range.clone(),
            };
            (points.into_iter().map(arm).collect(), by_start)
        }
    };
    let mut arms: Vec<Arm> = arms;
    if order.direction == Direction::Descending {
        arms.reverse();
    }
    Some(Walk {
        arms,
        in_order,
        narrow: index != Index::Start || !values.is_full(),
    })
}

fn stretches(index: Index, values: &Ranges) -> Vec<Arm> {
    let arm = |range: &Range| Arm {
        index,
        equals: None,
        column: index.column(),
        range: range.clone(),
    };
    values.ranges.iter().map(arm).collect()
}

/// Text that is no run ID as they are written is no run's.
fn run_arms(run_ids: &[&Value]) -> Vec<Arm> {
    let is_run_id = |value: &&&Value| match value {
        Value::Text(text) => RunId::parse(text).is_some_and(|run_id| run_id.to_string() == *text),
        Value::Int(_) => false,
    };
    let arm = |value: &&Value| Arm {
        index: Index::Run,
        equals: Some((*value).clone()),
        column: "run_id",
        range: Range::FULL,
    };
    run_ids.iter().filter(is_run_id).map(arm).collect()
}
