//! Which indexes can serve a filter, and where each has to be walked.

use std::collections::BTreeSet;

use sqlx::{QueryBuilder, Sqlite};

use mainspring_engine::ids::{Namespace, RunId};

use super::STATUSES;
use super::clauses::{push_range, push_value};
use super::ranges::{Cut, Range, Ranges, Side, allowed};
use crate::visibility::{
    Attribute, CustomAttribute, Direction, Filter, ListPosition, Order, Subject, Value,
};

/// An index of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Index {
    /// By run ID: the table itself.
    Run,
    /// By workflow ID, then start time.
    Id,
    /// By the parent's workflow ID, then start time; runs that have a parent only.
    Parent,
    /// By the workflow ID of the root, then start time; runs that have another root
    /// than themselves only.
    Root,
    /// By workflow ID again, without the runs that have another root: these are their
    /// own.
    OwnRoot,
    /// By close time; closed runs only.
    Close,
    /// By type, then start time.
    Type,
    /// By status, then start time.
    Status,
    /// By start time.
    Start,
    /// By the values of a search attribute, then start time.
    Values(CustomAttribute),
}

/// Most selective first, as a rule; search attributes come behind the first ones.
const INDEXES: [Index; 8] = [
    Index::Run,
    Index::Id,
    Index::Parent,
    Index::Root,
    Index::Close,
    Index::Type,
    Index::Status,
    Index::Start,
];
const BEFORE_VALUES: usize = 4;

impl Index {
    fn subject(self) -> Subject {
        match self {
            Index::Run => Attribute::RunId.into(),
            Index::Id => Attribute::WorkflowId.into(),
            Index::Parent => Attribute::ParentWorkflowId.into(),
            Index::Root | Index::OwnRoot => Attribute::RootWorkflowId.into(),
            Index::Close => Attribute::CloseTime.into(),
            Index::Type => Attribute::WorkflowType.into(),
            Index::Status => Attribute::ExecutionStatus.into(),
            Index::Start => Attribute::StartTime.into(),
            Index::Values(attribute) => attribute.into(),
        }
    }

    fn column(self) -> &'static str {
        match self {
            Index::Run => "run_id",
            Index::Id | Index::OwnRoot => "workflow_id",
            Index::Parent => "parent_workflow_id",
            Index::Root => "root_workflow_id",
            Index::Close => "close_time",
            Index::Type => "workflow_type",
            Index::Status => "status",
            Index::Start => "start_time",
            Index::Values(_) => "value",
        }
    }

    /// Where it has the start time, and the run.
    fn start_columns(self) -> (&'static str, &'static str) {
        match self {
            Index::Values(_) => ("started_at", "of_run"),
            _ => ("start_time", "run_id"),
        }
    }

    /// ` AND …`: which runs it has, where that is not all.
    fn condition(self) -> &'static str {
        match self {
            Index::Close => " AND close_time IS NOT NULL",
            Index::Parent => " AND parent_workflow_id IS NOT NULL",
            Index::Root => " AND root_workflow_id IS NOT NULL",
            Index::OwnRoot => " AND root_workflow_id IS NULL",
            Index::Run
            | Index::Id
            | Index::Type
            | Index::Status
            | Index::Start
            | Index::Values(_) => "",
        }
    }

    /// Whether some runs have no place in it.
    fn is_partial(self) -> bool {
        matches!(self, Index::Close | Index::Parent | Index::Values(_))
    }

    /// `FROM …`, by this index and no other.
    fn source(self) -> &'static str {
        match self {
            Index::Run => " FROM visibility",
            Index::Id | Index::OwnRoot => " FROM visibility INDEXED BY visibility_by_id",
            Index::Parent => " FROM visibility INDEXED BY visibility_by_parent",
            Index::Root => " FROM visibility INDEXED BY visibility_by_root",
            Index::Close => " FROM visibility INDEXED BY visibility_by_close",
            Index::Type => " FROM visibility INDEXED BY visibility_by_type",
            Index::Status => " FROM visibility INDEXED BY visibility_by_status",
            Index::Start => " FROM visibility INDEXED BY visibility_by_start",
            Index::Values(_) => " FROM attribute_values",
        }
    }
}

/// More stretches than this are walked as the one stretch around them: each costs
/// statements of its own.
const MANY: usize = 16;

/// A way to find what a filter wants: some stretches of one index.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    /// The stretches, in the order of the list where the index has it. No run is in
    /// two of them.
    pub(super) arms: Vec<Arm>,
    /// Whether the rows of each stretch come in the order of the list.
    pub(super) in_order: bool,
    /// What speaks for it.
    pub(super) merit: Merit,
}

impl Walk {
    /// Whether it is along the values of this search attribute.
    pub(super) fn is_along(&self, attribute: CustomAttribute) -> bool {
        let index = Index::Values(attribute);
        self.arms.iter().all(|arm| arm.index == index)
    }
}

/// What speaks for a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Merit {
    /// It leaves out some of the namespace's runs.
    Narrow,
    /// It has the runs of another walk, in the order of the list.
    Ordered,
    /// It is always there.
    Complete,
}

/// One stretch of an index.
#[derive(Clone, Debug)]
pub(super) struct Arm {
    index: Index,
    /// The values of the index's first column, where they are known.
    equals: Vec<Value>,
    /// What `range` is of.
    column: &'static str,
    range: Range,
}

impl Arm {
    /// Where the index's first column has one of these values: one stretch, or none.
    fn at(index: Index, equals: Vec<Value>, column: &'static str, range: &Range) -> Vec<Arm> {
        let arm = Arm {
            index,
            equals,
            column,
            range: range.clone(),
        };
        Vec::from_iter(Some(arm).filter(|arm| !arm.equals.is_empty()))
    }

    /// The stretches of the index of a search attribute that a filter lets through, in
    /// the order of the list, from a place in it on.
    pub(super) fn of_values(
        attribute: CustomAttribute,
        values: &Ranges,
        direction: Direction,
        after: Option<&ListPosition>,
    ) -> Vec<Arm> {
        let mut arms = stretches(Index::Values(attribute), values);
        if direction == Direction::Descending {
            arms.reverse();
        }
        match after {
            Some(after) => arms
                .iter()
                .flat_map(|arm| arm.beyond(after, direction))
                .collect(),
            None => arms,
        }
    }

    /// What comes behind a place in a list by the values of a search attribute: the rest
    /// of the runs with that value, then the other values. Runs with equal values stand
    /// the other way round than values do.
    pub(super) fn beyond(&self, place: &ListPosition, direction: Direction) -> Vec<Arm> {
        let Some(value) = &place.value else {
            return Vec::new();
        };
        let start = Value::Int(place.started_at.as_nanos());
        let (further, runs) = match direction {
            Direction::Ascending => (
                Range {
                    from: Cut::At(value.clone(), Side::After),
                    to: Cut::End,
                },
                Range {
                    from: Cut::Start,
                    to: Cut::At(start, Side::BeforeRun(place.run_id)),
                },
            ),
            Direction::Descending => (
                Range {
                    from: Cut::Start,
                    to: Cut::At(value.clone(), Side::Before),
                },
                Range {
                    from: Cut::At(start, Side::AfterRun(place.run_id)),
                    to: Cut::End,
                },
            ),
        };
        if self.is_one_value() {
            return vec![self.clip(&runs)];
        }
        let mut rest = Vec::new();
        if self.range.holds(value) {
            let (column, _) = self.index.start_columns();
            rest.extend(Arm::at(self.index, vec![value.clone()], column, &runs));
        }
        rest.push(self.clip(&further));
        rest.retain(|arm| !arm.is_empty());
        rest
    }

    /// Whether it is of one value of the index's first column.
    pub(super) fn is_one_value(&self) -> bool {
        self.equals.len() == 1
    }

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

    /// Whether statements with it are all alike.
    pub(super) fn is_plain(&self) -> bool {
        self.equals.len() <= 1
    }

    /// Whether a run may stand in it more than once.
    pub(super) fn has_repeats(&self) -> bool {
        match self.index {
            Index::Values(attribute) => {
                attribute.attribute_type.has_several() && self.equals.len() != 1
            }
            _ => false,
        }
    }

    /// The columns by which the list is sorted, where the index has them.
    pub(super) fn order_columns(&self, order: Order) -> (&'static str, &'static str) {
        if order.by == Attribute::CloseTime {
            return ("close_time", "run_id");
        }
        self.index.start_columns()
    }

    /// ` FROM … WHERE …`: the stretch of the index.
    pub(super) fn push(&self, query: &mut QueryBuilder<Sqlite>, namespace: &Namespace) {
        query.push(self.index.source());
        self.push_where(query, namespace);
    }

    /// ` FROM … WHERE …`: the runs in the stretch, each once.
    pub(super) fn push_rows(&self, query: &mut QueryBuilder<Sqlite>, namespace: &Namespace) {
        if !matches!(self.index, Index::Values(_)) {
            return self.push(query, namespace);
        }
        // A cross join is walked as it is written.
        let join = " CROSS JOIN visibility ON run_id = of_run";
        if self.has_repeats() {
            query.push(" FROM (SELECT DISTINCT of_run");
            self.push(query, namespace);
            query.push(")").push(join).push(" WHERE TRUE");
        } else {
            query.push(self.index.source()).push(join);
            self.push_where(query, namespace);
        }
    }

    fn push_where(&self, query: &mut QueryBuilder<Sqlite>, namespace: &Namespace) {
        match self.index {
            // An attribute belongs to one namespace.
            Index::Values(attribute) => {
                query.push(" WHERE attribute_id = ").push_bind(attribute.id);
            }
            _ => {
                query
                    .push(" WHERE namespace = ")
                    .push_bind(namespace.to_string());
            }
        }
        query.push(self.index.condition());
        if !self.equals.is_empty() {
            query.push(" AND ").push(self.index.column()).push(" IN (");
            for (n, value) in self.equals.iter().enumerate() {
                query.push(if n == 0 { "" } else { ", " });
                self.push_value(query, value);
            }
            query.push(")");
        }
        let (_, run_column) = self.index.start_columns();
        push_range(query, (self.column, run_column), &self.range);
    }

    fn push_value(&self, query: &mut QueryBuilder<Sqlite>, value: &Value) {
        match (self.index, value) {
            (Index::Run, Value::Text(text)) => {
                let run_id = RunId::parse(text).map(|run_id| run_id.as_bytes().to_vec());
                query.push_bind(run_id);
            }
            _ => push_value(query, value),
        }
    }
}

/// The walks that can serve a filter, the most selective first as a rule; the last
/// one is along the start times. Empty if no run can match.
pub(super) fn walks(filter: &Filter, order: Order) -> Vec<Walk> {
    let starts = allowed(filter, Attribute::StartTime).hull();
    let mut walks = Vec::new();
    let (first, others) = INDEXES.split_at(BEFORE_VALUES);
    let custom = search_attributes(filter).into_iter().map(Index::Values);
    for index in first
        .iter()
        .copied()
        .chain(custom)
        .chain(others.iter().copied())
    {
        let values = allowed(filter, index.subject());
        if values.is_nothing() {
            return Vec::new();
        }
        match index {
            Index::Run => walks.extend(run_walk(&values)),
            index if index.is_partial() && values.absent => {}
            Index::Id | Index::Parent | Index::Type | Index::Status => {
                walks.extend(keyed_walks(index, &values, &starts, order));
            }
            Index::Root | Index::OwnRoot => walks.extend(root_walks(&values, &starts, order)),
            Index::Values(attribute) if attribute.attribute_type.has_several() => {
                // Each condition is a way of its own: none narrows another one's.
                for part in conditions(filter) {
                    let values = allowed(part, attribute);
                    if !values.absent {
                        walks.extend(keyed_walks(index, &values, &starts, order));
                    }
                }
            }
            Index::Values(_) => walks.extend(keyed_walks(index, &values, &starts, order)),
            Index::Close | Index::Start => walks.extend(timed_walks(index, &values, order)),
        }
    }
    if order.direction == Direction::Descending {
        walks.iter_mut().for_each(|walk| walk.arms.reverse());
    }
    walks
}

/// The conditions that all have to hold; not too many.
fn conditions(filter: &Filter) -> Vec<&Filter> {
    let mut conditions = Vec::new();
    let mut filters = vec![filter];
    while let Some(filter) = filters.pop() {
        match filter {
            Filter::And(parts) => filters.extend(parts),
            other if conditions.len() < MANY => conditions.push(other),
            _ => {}
        }
    }
    conditions
}

/// The search attributes that a filter asks for; not too many, since each is looked
/// at.
fn search_attributes(filter: &Filter) -> BTreeSet<CustomAttribute> {
    let mut asked = BTreeSet::new();
    let mut filters = vec![filter];
    while let Some(filter) = filters.pop() {
        match filter {
            Filter::All | Filter::Is(..) => {}
            Filter::Has(attribute, _) if asked.len() < MANY => {
                asked.insert(*attribute);
            }
            Filter::Has(..) => {}
            Filter::Not(filter) => filters.push(filter),
            Filter::And(parts) | Filter::Or(parts) => filters.extend(parts),
        }
    }
    asked
}

/// Text that is no run ID as they are written is no run's.
fn run_walk(values: &Ranges) -> Option<Walk> {
    let is_run_id = |value: &Value| match value {
        Value::Text(text) => RunId::parse(text).is_some_and(|run_id| run_id.to_string() == *text),
        Value::Int(_) | Value::Double(_) => false,
    };
    let mut run_ids = points(values)?;
    run_ids.retain(is_run_id);
    Some(Walk {
        arms: Arm::at(Index::Run, run_ids, "run_id", &Range::FULL),
        in_order: false,
        merit: Merit::Narrow,
    })
}

/// Along an index whose first column is no time: under each of its values, runs are
/// in the order of their start times.
fn keyed_walks(index: Index, values: &Ranges, starts: &Range, order: Order) -> Vec<Walk> {
    let by_start = order.by == Attribute::StartTime;
    let points = match index {
        // There are few: a range of them is a list of them.
        Index::Status => Some(statuses(values)),
        _ => points(values),
    };
    let Some(points) = points else {
        let arms = stretches(index, values);
        // Not every run has a search attribute, or a parent.
        let is_narrow = index.is_partial() || arms.iter().all(|arm| arm.range != Range::FULL);
        return Vec::from_iter(is_narrow.then_some(Walk {
            arms,
            in_order: false,
            merit: Merit::Narrow,
        }));
    };
    let (start_column, _) = index.start_columns();
    // As one stretch, which has to be sorted, where the runs are few; as several,
    // which have to be merged, where they are not.
    let mut walks = vec![Walk {
        arms: Arm::at(index, points.clone(), start_column, starts),
        in_order: by_start && points.len() == 1,
        merit: Merit::Narrow,
    }];
    let has_several = match index {
        Index::Values(attribute) => attribute.attribute_type.has_several(),
        _ => false,
    };
    if by_start && !has_several && (2..=MANY).contains(&points.len()) {
        let arm = |point| Arm::at(index, vec![point], start_column, starts);
        walks.push(Walk {
            arms: points.into_iter().flat_map(arm).collect(),
            in_order: true,
            merit: Merit::Ordered,
        });
    }
    walks
}

/// Along the roots of trees: a run that nobody started is the root of its own.
fn root_walks(values: &Ranges, starts: &Range, order: Order) -> Vec<Walk> {
    let others = keyed_walks(Index::Root, values, starts, order);
    let own = keyed_walks(Index::OwnRoot, values, starts, order);
    let both = |(mut walk, own): (Walk, Walk)| {
        walk.arms.extend(own.arms);
        walk
    };
    others.into_iter().zip(own).map(both).collect()
}

/// Along an index of times.
fn timed_walks(index: Index, values: &Ranges, order: Order) -> Vec<Walk> {
    let mut walks = Vec::new();
    let mut merit = match index {
        Index::Start if values.is_full() => Merit::Complete,
        _ => Merit::Narrow,
    };
    if let Some(points) = points(values).filter(|points| points.len() > 1) {
        walks.push(Walk {
            arms: Arm::at(index, points, "run_id", &Range::FULL),
            in_order: false,
            merit,
        });
        merit = Merit::Ordered;
    }
    walks.push(Walk {
        arms: stretches(index, values),
        in_order: index.subject() == order.by,
        merit,
    });
    walks
}

/// The values, if there is no range of them.
fn points(values: &Ranges) -> Option<Vec<Value>> {
    let points = values.ranges.iter().map(Range::only_value);
    points.map(|point| point.cloned()).collect()
}

fn statuses(values: &Ranges) -> Vec<Value> {
    let statuses = STATUSES.map(|status| Value::Int(status.into()));
    statuses.filter(|status| values.holds(status)).collect()
}

fn stretches(index: Index, values: &Ranges) -> Vec<Arm> {
    let arm = |range: &Range| Arm {
        index,
        equals: Vec::new(),
        column: index.column(),
        range: range.clone(),
    };
    match values.ranges.len() {
        0..=MANY => values.ranges.iter().map(arm).collect(),
        _ => vec![arm(&values.hull())],
    }
}
