//! A filter as a WHERE clause.

use std::borrow::Cow;

use sqlx::{QueryBuilder, Sqlite};

use super::ranges::{Cut, Range, Side, after_prefix};
use crate::visibility::{
    Attribute, Comparison, CustomAttribute, Direction, Filter, ListPosition, Order, Subject, Test,
    Value,
};

/// What stands for the attribute that a list is sorted by.
pub(super) fn sort_column(by: Subject) -> Cow<'static, str> {
    match by {
        Subject::BuiltIn(attribute) => column(attribute).into(),
        Subject::Custom(attribute) => format!(
            "(SELECT value FROM attribute_values INDEXED BY attribute_values_by_run \
             WHERE of_run = run_id AND attribute_id = {})",
            attribute.id
        )
        .into(),
    }
}

/// What stands for an attribute in a statement.
fn column(attribute: Attribute) -> &'static str {
    match attribute {
        Attribute::WorkflowId => "workflow_id",
        Attribute::RootWorkflowId => "coalesce(root_workflow_id, workflow_id)",
        Attribute::RootRunId => {
            "coalesce(root_run_id, lower(substr(hex(run_id), 1, 8) || '-' || \
             substr(hex(run_id), 9, 4) || '-' || substr(hex(run_id), 13, 4) || '-' || \
             substr(hex(run_id), 17, 4) || '-' || substr(hex(run_id), 21)))"
        }
        Attribute::RunId => {
            "lower(substr(hex(run_id), 1, 8) || '-' || substr(hex(run_id), 9, 4) || '-' || \
             substr(hex(run_id), 13, 4) || '-' || substr(hex(run_id), 17, 4) || '-' || \
             substr(hex(run_id), 21))"
        }
        Attribute::WorkflowType => "workflow_type",
        Attribute::ExecutionStatus => "status",
        Attribute::StartTime => "start_time",
        Attribute::ExecutionTime => "execution_time",
        Attribute::CloseTime => "close_time",
        Attribute::ExecutionDuration => "(close_time - execution_time)",
        Attribute::TaskQueue => "task_queue",
        Attribute::HistoryLength => "CASE WHEN close_time IS NOT NULL THEN history_length END",
        Attribute::HistorySizeBytes => {
            "CASE WHEN close_time IS NOT NULL THEN history_size_bytes END"
        }
        Attribute::ParentWorkflowId => "parent_workflow_id",
        Attribute::ParentRunId => "parent_run_id",
    }
}

fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => " = ",
        Comparison::NotEqual => " <> ",
        Comparison::Less => " < ",
        Comparison::LessOrEqual => " <= ",
        Comparison::Greater => " > ",
        Comparison::GreaterOrEqual => " >= ",
    }
}

pub(super) fn push_value(query: &mut QueryBuilder<Sqlite>, value: &Value) {
    match value {
        Value::Int(number) => query.push_bind(*number),
        Value::Double(number) => query.push_bind(number.get()),
        Value::Text(text) => query.push_bind(text.clone()),
    };
}

/// ` AND …`: the filter, asked of each row. The plus keeps SQLite from taking parts
/// of it as bounds of the walk, in place of the tighter ones that the walk has.
pub(super) fn push_residue(query: &mut QueryBuilder<Sqlite>, filter: &Filter) {
    query.push(" AND +(");
    push_filter(query, filter);
    query.push(")");
}

fn push_filter(query: &mut QueryBuilder<Sqlite>, filter: &Filter) {
    match filter {
        Filter::All => {
            query.push("TRUE");
        }
        Filter::Is(attribute, test) => push_test(query, column(*attribute), test),
        Filter::Has(attribute, test) => push_custom_test(query, *attribute, test),
        Filter::Not(filter) => {
            query.push("NOT (");
            push_filter(query, filter);
            query.push(")");
        }
        Filter::And(filters) => push_joined(query, filters, " AND ", "TRUE"),
        Filter::Or(filters) => push_joined(query, filters, " OR ", "FALSE"),
    }
}

/// Joins filters as a balanced tree: SQLite limits how deep expressions nest, and a
/// plain chain nests as deep as it is long.
fn push_joined(query: &mut QueryBuilder<Sqlite>, filters: &[Filter], word: &str, none: &str) {
    match filters {
        [] => {
            query.push(none);
        }
        [filter] => push_filter(query, filter),
        filters => {
            let (left, right) = filters.split_at(filters.len() / 2);
            query.push("(");
            push_joined(query, left, word, none);
            query.push(word);
            push_joined(query, right, word, none);
            query.push(")");
        }
    }
}

/// Asks the values of a run. No value: no row, and the greatest of none is NULL, as
/// for any attribute that the run does not have.
fn push_custom_test(query: &mut QueryBuilder<Sqlite>, attribute: CustomAttribute, test: &Test) {
    if *test == Test::IsNull {
        query.push("NOT EXISTS (SELECT 1");
    } else {
        query.push("(SELECT max(");
        push_test(query, "value", test);
        query.push(")");
    }
    query.push(
        " FROM attribute_values INDEXED BY attribute_values_by_run \
         WHERE of_run = run_id AND attribute_id = ",
    );
    query.push_bind(attribute.id);
    query.push(")");
}

fn push_test(query: &mut QueryBuilder<Sqlite>, column: &str, test: &Test) {
    match test {
        Test::Compare(comparison, value) => {
            query.push(column).push(sign(*comparison));
            push_value(query, value);
        }
        Test::In(values) => {
            query.push(column).push(" IN (");
            for (index, value) in values.iter().enumerate() {
                query.push(if index == 0 { "" } else { ", " });
                push_value(query, value);
            }
            query.push(")");
        }
        Test::Between(from, to) => {
            query.push(column).push(" BETWEEN ");
            push_value(query, from);
            query.push(" AND ");
            push_value(query, to);
        }
        Test::StartsWith(prefix) => {
            query.push("(").push(column).push(" >= ");
            query.push_bind(prefix.clone());
            if let Some(end) = after_prefix(prefix) {
                query.push(" AND ").push(column).push(" < ");
                query.push_bind(end);
            }
            query.push(")");
        }
        Test::IsNull => {
            query.push(column).push(" IS NULL");
        }
    }
}

/// ` AND …` for each end of a range of `(column, run_column)`.
pub(super) fn push_range(
    query: &mut QueryBuilder<Sqlite>,
    (column, run_column): (&str, &str),
    range: &Range,
) {
    for (cut, signs) in [(&range.from, [" >= ", " > "]), (&range.to, [" < ", " <= "])] {
        let Cut::At(value, side) = cut else {
            continue;
        };
        let (sign, run) = match side {
            Side::Before => (signs[0], None),
            Side::BeforeRun(run) => (signs[0], Some(run)),
            Side::AfterRun(run) => (signs[1], Some(run)),
            Side::After => (signs[1], None),
        };
        query.push(" AND ");
        match run {
            None => {
                query.push(column).push(sign);
                push_value(query, value);
            }
            Some(run) => {
                query
                    .push("(")
                    .push(column)
                    .push(", ")
                    .push(run_column)
                    .push(")")
                    .push(sign)
                    .push("(");
                push_value(query, value);
                query.push(", ");
                query.push_bind(run.as_bytes().to_vec());
                query.push(")");
            }
        }
    }
}

/// ` AND …`: what comes after a place, in an order that no index has.
pub(super) fn push_after(query: &mut QueryBuilder<Sqlite>, order: Order, after: &ListPosition) {
    let column = &*sort_column(order.by);
    let [further, _] = directions(order).map(|direction| match direction {
        Direction::Ascending => " > ",
        Direction::Descending => " < ",
    });
    query.push(" AND (");
    if let Some(value) = &after.value {
        query.push(column).push(further);
        push_value(query, value);
        query.push(" OR ").push(column).push(" IS NULL OR ");
        query.push(column).push(" = ");
        push_value(query, value);
    } else {
        query.push(column).push(" IS NULL");
    }
    push_further_run(query, order, after);
    query.push(")");
}

/// ` AND …`: of the runs with the same value, those that come further on.
fn push_further_run(query: &mut QueryBuilder<Sqlite>, order: Order, after: &ListPosition) {
    let [_, further] = directions(order).map(|direction| match direction {
        Direction::Ascending => " > ",
        Direction::Descending => " < ",
    });
    let run_id = after.run_id.as_bytes().to_vec();
    match order.by {
        Subject::BuiltIn(_) => {
            query.push(" AND run_id").push(further).push_bind(run_id);
        }
        Subject::Custom(_) => {
            let started_at = after.started_at.as_nanos();
            query.push(" AND (start_time, run_id)").push(further);
            query.push("(").push_bind(started_at).push(", ");
            query.push_bind(run_id).push(")");
        }
    }
}

/// ` ORDER BY …` as an index has it.
pub(super) fn push_index_order(
    query: &mut QueryBuilder<Sqlite>,
    (column, run_column): (&str, &str),
    order: Order,
) {
    let direction = word(order.direction);
    query.push(format!(
        " ORDER BY {column} {direction}, {run_column} {direction}"
    ));
}

/// ` ORDER BY …` that has to sort: runs without a value last.
pub(super) fn push_sorted_order(query: &mut QueryBuilder<Sqlite>, order: Order) {
    let column = sort_column(order.by);
    let [values, runs] = directions(order).map(word);
    query.push(format!(" ORDER BY {column} IS NULL, {column} {values}"));
    if matches!(order.by, Subject::Custom(_)) {
        query.push(format!(", start_time {runs}"));
    }
    query.push(format!(", run_id {runs}"));
}

/// ` ORDER BY …` along the index of values: under one of them, or along a range.
pub(super) fn push_value_order(
    query: &mut QueryBuilder<Sqlite>,
    direction: Direction,
    is_one_value: bool,
) {
    let (values, runs) = (word(direction), word(direction.reversed()));
    query.push(" ORDER BY ");
    if !is_one_value {
        query.push(format!("value {values}, "));
    }
    query.push(format!("started_at {runs}, of_run {runs}"));
}

/// The directions of the values, and of the runs that have the same.
fn directions(order: Order) -> [Direction; 2] {
    let runs = match order.by {
        Subject::BuiltIn(_) => order.direction,
        // As the index of values has them.
        Subject::Custom(_) => order.direction.reversed(),
    };
    [order.direction, runs]
}

fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Ascending => "ASC",
        Direction::Descending => "DESC",
    }
}
