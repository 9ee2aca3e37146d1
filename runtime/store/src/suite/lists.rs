//! Lists and counts: what is found, in which order, and at what cost.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use mainspring_engine::ids::RunId;
use mainspring_engine::time::Timestamp;
use mainspring_engine::transition::{Transition, VisibilityRow};
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus as Status;

use super::{Dice, at, close, commit, run_id, start};
use crate::visibility::{
    Attribute, Comparison, Direction, Filter, Kind, ListRequest, Order, Subject, Test, Value,
};
use crate::{Store, StoreError, WriteOutcome};

pub(super) fn all(filter: Filter) -> ListRequest {
    ListRequest {
        filter,
        order: Order::default(),
        after: None,
        limit: 1_000,
        rows_examined: 100_000,
    }
}

fn equal(attribute: Attribute, text: &str) -> Filter {
    let value = Value::Text(text.to_owned());
    Filter::Is(attribute, Test::Compare(Comparison::Equal, value))
}

fn at_least(attribute: Attribute, number: i64) -> Filter {
    let test = Test::Compare(Comparison::GreaterOrEqual, Value::Int(number));
    Filter::Is(attribute, test)
}

pub(super) async fn list(
    store: &dyn Store,
    request: &ListRequest,
) -> Result<Vec<VisibilityRow>, StoreError> {
    let listed = store.list_runs(&"default".into(), request).await?;
    Ok(listed.into_iter().map(|run| run.row).collect())
}

pub(super) async fn count(store: &dyn Store, filter: &Filter) -> u64 {
    let counted = store.count_runs(&"default".into(), filter, 100_000).await;
    counted.unwrap().into_iter().map(|(_, runs)| runs).sum()
}

/// Reads a list page by page.
pub(super) async fn pages(
    store: &dyn Store,
    request: &ListRequest,
) -> Result<Vec<VisibilityRow>, StoreError> {
    let mut request = request.clone();
    let mut seen: Vec<VisibilityRow> = Vec::new();
    loop {
        let page = store.list_runs(&"default".into(), &request).await?;
        assert!(page.len() <= request.limit);
        let last = page.last().map(|run| run.position.clone());
        let full = page.len() == request.limit;
        seen.extend(page.into_iter().map(|run| run.row));
        if !full {
            return Ok(seen);
        }
        request.after = last;
    }
}

/// VIS-01.
pub async fn lists_filter_and_page_without_gaps(store: &dyn Store) {
    commit(store, (1..=20).map(start).collect()).await;
    commit(store, vec![close(4, 2, Status::Failed)]).await;
    let times = async |filter: Filter| {
        let rows = list(store, &all(filter)).await.unwrap();
        let times = rows.into_iter().map(|row| row.start_time);
        times.collect::<Vec<_>>()
    };
    let newest_first: Vec<Timestamp> = (1..=20).rev().map(at).collect();
    assert_eq!(times(Filter::All).await, newest_first);
    let odd = equal(Attribute::WorkflowType, "Odd");
    assert_eq!(times(odd.clone()).await.len(), 10);
    let late = at_least(Attribute::StartTime, at(16).as_nanos());
    let late_and_odd = Filter::And(vec![odd, late]);
    assert_eq!(times(late_and_odd).await, [at(19), at(17)]);
    let seventh = run_id(7).to_string();
    assert_eq!(times(equal(Attribute::RunId, &seventh)).await, [at(7)]);
    assert!(times(equal(Attribute::RunId, "no run")).await.is_empty());
    let closed = Filter::Not(Box::new(Filter::Is(Attribute::CloseTime, Test::IsNull)));
    assert_eq!(times(closed).await, [at(4)]);

    let by_threes = ListRequest {
        limit: 3,
        ..all(Filter::All)
    };
    let seen = pages(store, &by_threes).await.unwrap();
    assert_eq!(seen.len(), 20);
    let failed = seen.iter().find(|row| row.status == Status::Failed);
    let failed = failed.unwrap();
    assert_eq!(failed.memo.as_deref(), Some(&b"memo"[..]), "the start's");
    assert_eq!(failed.history_length, 3);
}

/// VIS-02.
pub async fn counts_stay_right_through_starts_and_closes(store: &dyn Store) {
    commit(store, (1..=10).map(start).collect()).await;
    commit(
        store,
        vec![close(1, 2, Status::Completed), close(2, 2, Status::Failed)],
    )
    .await;
    let mut at_once = close(11, 1, Status::Completed);
    at_once.current = start(11).current;
    commit(store, vec![at_once]).await;
    commit(store, vec![close(3, 9, Status::Failed)]).await;
    let namespace = "default".into();
    let expected = [
        (Status::Running, 8),
        (Status::Completed, 2),
        (Status::Failed, 1),
    ];
    // Counters cost no rows; the same by a walk.
    let counted = store.count_runs(&namespace, &Filter::All, 0).await;
    assert_eq!(counted.unwrap(), expected);
    let everything = at_least(Attribute::StartTime, 0);
    let counted = store.count_runs(&namespace, &everything, 100).await;
    assert_eq!(counted.unwrap(), expected);
    let failed = Value::Int(Status::Failed as i64);
    let failed = Filter::Is(Attribute::ExecutionStatus, Test::In(vec![failed]));
    let others = Filter::Not(Box::new(failed.clone()));
    for (filter, expected) in [(failed, &expected[2..]), (others, &expected[..2])] {
        let counted = store.count_runs(&namespace, &filter, 0).await;
        assert_eq!(counted.unwrap(), expected);
    }
    assert_eq!(
        count(store, &equal(Attribute::WorkflowType, "Even")).await,
        5
    );
    let elsewhere = store.count_runs(&"other".into(), &Filter::All, 0).await;
    assert_eq!(elsewhere.unwrap(), []);
}

/// Runs that no index finds together are found by walking, step by step, and a walk
/// ends at its budget.
pub async fn a_list_looks_at_no_more_rows_than_it_may(store: &dyn Store) {
    let rows = (1..=3_000).map(|n| VisibilityRow {
        task_queue: if n % 1_000 == 1 { "rare" } else { "usual" }.into(),
        ..super::visibility(n, Status::Running)
    });
    write(store, rows.collect()).await;
    let rare = equal(Attribute::TaskQueue, "rare");
    let within = |rows_examined, limit| ListRequest {
        rows_examined,
        limit,
        ..all(rare.clone())
    };
    let found = pages(store, &within(3_000, 2)).await.unwrap();
    let times: Vec<_> = found.iter().map(|row| row.start_time).collect();
    assert_eq!(times, [at(2_001), at(1_001), at(1)]);
    assert_eq!(list(store, &within(1_000, 1)).await.unwrap().len(), 1);
    for (rows_examined, limit) in [(2_999, 10), (999, 1)] {
        let refused = list(store, &within(rows_examined, limit)).await;
        assert!(
            matches!(refused, Err(StoreError::TooManyRows { rows_examined: n }) if n == rows_examined),
            "{refused:?}"
        );
    }
    let namespace = "default".into();
    let counted = store.count_runs(&namespace, &rare, 3_000).await.unwrap();
    assert_eq!(counted, [(Status::Running, 3)]);
    let refused = store.count_runs(&namespace, &rare, 2_999).await;
    assert!(
        matches!(refused, Err(StoreError::TooManyRows { .. })),
        "{refused:?}"
    );

    // What an index finds costs what is found.
    let prefix = Filter::Is(
        Attribute::WorkflowId,
        Test::StartsWith("workflow-299".into()),
    );
    let one_of_two = Filter::Or(vec![
        equal(Attribute::WorkflowId, "workflow-5"),
        equal(Attribute::WorkflowId, "workflow-2500"),
    ]);
    let recent = at_least(Attribute::StartTime, at(2_990).as_nanos());
    let recent_and_rare = Filter::And(vec![recent, rare.clone()]);
    for (filter, found) in [(prefix, 11), (one_of_two, 2), (recent_and_rare, 0)] {
        let request = ListRequest {
            rows_examined: 20,
            limit: 20,
            ..all(filter.clone())
        };
        assert_eq!(list(store, &request).await.unwrap().len(), found);
        let counted = store.count_runs(&namespace, &filter, 20).await.unwrap();
        assert_eq!(
            counted.iter().map(|(_, n)| *n as usize).sum::<usize>(),
            found
        );
    }

    let not_running = Filter::Is(
        Attribute::ExecutionStatus,
        Test::Compare(Comparison::NotEqual, Value::Int(Status::Running as i64)),
    );
    let request = ListRequest {
        rows_examined: 20,
        limit: 20,
        ..all(Filter::And(vec![not_running, rare.clone()]))
    };
    assert!(list(store, &request).await.unwrap().is_empty());

    // An order that no index has is sorted, as long as that is within the budget.
    let by_queue = |rows_examined| ListRequest {
        order: Order {
            by: Attribute::TaskQueue.into(),
            direction: Direction::Ascending,
        },
        limit: 10,
        rows_examined,
        ..all(Filter::All)
    };
    let sorted = list(store, &by_queue(3_000)).await.unwrap();
    assert_eq!(&*sorted[2].task_queue.to_string(), "rare");
    let refused = list(store, &by_queue(2_999)).await;
    assert!(
        matches!(refused, Err(StoreError::TooManyRows { .. })),
        "{refused:?}"
    );
}

/// A walk that is too wide to be sorted is followed by start time instead.
pub async fn a_wide_prefix_is_listed_by_start_time(store: &dyn Store) {
    let rows = (1..=1_500).map(|n| super::visibility(n, Status::Running));
    write(store, rows.collect()).await;
    let prefix = Filter::Is(Attribute::WorkflowId, Test::StartsWith("workflow".into()));
    let request = ListRequest {
        limit: 500,
        rows_examined: 1_000,
        ..all(prefix)
    };
    let times = pages(store, &request).await.unwrap();
    let times: Vec<_> = times.iter().map(|row| row.start_time).collect();
    assert_eq!(times, (1..=1_500).rev().map(at).collect::<Vec<_>>());
}

/// VIS-03: the children of a run and the runs of a tree cost what is found.
pub async fn relatives_are_found_by_their_index(store: &dyn Store) {
    let rows = (1..=3_000_u128).map(|n| {
        let mut row = super::visibility(n, Status::Running);
        if n % 300 == 0 {
            // A child of the run before it, in the tree of run 1.
            row.parent = Some((super::key(n - 1).workflow_id, run_id(n - 1)));
            row.root = Some((super::key(1).workflow_id, run_id(1)));
        }
        row
    });
    write(store, rows.collect()).await;
    let parent = |n: u128| equal(Attribute::ParentWorkflowId, &format!("workflow-{n}"));
    let root = |n: u128| equal(Attribute::RootWorkflowId, &format!("workflow-{n}"));
    let of_run = equal(Attribute::ParentRunId, &run_id(599).to_string());
    let has_none = Filter::Is(Attribute::ParentWorkflowId, Test::IsNull);
    let has_one = Filter::Not(Box::new(has_none.clone()));
    let several = vec![
        Value::Text("workflow-299".into()),
        Value::Text("workflow-899".into()),
    ];
    let several = Filter::Is(Attribute::ParentWorkflowId, Test::In(several));
    let prefix = Filter::Is(
        Attribute::RootWorkflowId,
        Test::StartsWith("workflow-299".into()),
    );
    for (filter, found) in [
        (parent(299), 1),
        (parent(300), 0),
        (several, 2),
        (has_one, 10),
        (of_run, 1),
        // The root is in its own tree.
        (root(1), 11),
        (root(7), 1),
        (root(300), 0),
        (Filter::And(vec![root(1), parent(599)]), 1),
        (Filter::Or(vec![root(1), root(7)]), 12),
        (prefix, 11),
    ] {
        for order in [Order::default(), by_close()] {
            let request = ListRequest {
                rows_examined: 40,
                limit: 20,
                order,
                ..all(filter.clone())
            };
            let rows = list(store, &request).await.unwrap();
            assert_eq!(rows.len(), found, "{filter:?}");
            let by_twos = ListRequest {
                limit: 2,
                ..request
            };
            assert_eq!(pages(store, &by_twos).await.unwrap(), rows, "{filter:?}");
        }
        let counted = store.count_runs(&"default".into(), &filter, 40).await;
        let counted: u64 = counted.unwrap().iter().map(|(_, runs)| runs).sum();
        assert_eq!(counted, found as u64, "{filter:?}");
    }
    assert_eq!(count(store, &has_none).await, 2_990);
}

fn by_close() -> Order {
    Order {
        by: Attribute::CloseTime.into(),
        direction: Direction::Ascending,
    }
}

/// As large as a filter may be, SQLite's own limits are further away.
pub async fn large_filters_are_served(store: &dyn Store) {
    commit(store, (1..=5).map(start).collect()).await;
    let many = |attribute: Attribute| {
        let one = |n| equal(attribute, &format!("workflow-{n}"));
        Filter::Or((1..=2_500).map(one).collect())
    };
    let mut deep = many(Attribute::TaskQueue);
    for _ in 0..50 {
        let other = equal(Attribute::TaskQueue, "other");
        deep = Filter::Not(Box::new(Filter::Or(vec![deep, other.clone(), other])));
    }
    let values = (0..5_000).map(Value::Int).collect();
    let numbers = Filter::Is(Attribute::HistoryLength, Test::In(values));
    for (filter, found) in [
        (many(Attribute::WorkflowId), 5),
        (many(Attribute::TaskQueue), 0),
        (deep, 0),
        (numbers, 0),
    ] {
        assert_eq!(
            list(store, &all(filter.clone())).await.unwrap().len(),
            found
        );
        assert_eq!(count(store, &filter).await, found as u64);
    }
}

pub(super) async fn write(store: &dyn Store, rows: Vec<VisibilityRow>) {
    let transition = |row: VisibilityRow| -> Transition {
        let mut transition = start(u128::from_be_bytes(*row.run_id.as_bytes()));
        transition.current = None;
        let run = &mut transition.runs[0];
        run.row.status = row.status;
        run.visibility = Some(row);
        transition
    };
    let outcomes = commit(store, rows.into_iter().map(transition).collect()).await;
    assert!(outcomes.iter().all(|done| *done == WriteOutcome::Applied));
}

/// Every filter finds what a plain evaluation of it finds, in every order, in pages
/// of every size; or it is refused, where it may look at few rows. Few rows also make
/// the store take other walks than it would take through a table as small as this.
pub async fn random_filters_agree_with_a_plain_evaluation(store: &dyn Store) {
    let mut dice = Dice::new();
    let rows: Vec<VisibilityRow> = (0..300).map(|n| random_row(&mut dice, n)).collect();
    write(store, rows.clone()).await;
    let mut served = 0;
    for _ in 0..600 {
        let filter = random_filter(&mut dice, &rows, 3);
        let order = Order {
            by: dice.pick(Attribute::ALL).into(),
            direction: dice.pick(&[Direction::Ascending, Direction::Descending]),
        };
        let order = dice.pick(&[order, Order::default()]);
        let request = ListRequest {
            order,
            limit: dice.pick(&[7, 50, 299, 1_000]),
            rows_examined: dice.pick(&[10, 60, 150, 100_000]),
            ..all(filter.clone())
        };
        let mut expected: Vec<&VisibilityRow> = rows
            .iter()
            .filter(|row| holds(&filter, row) == Some(true))
            .collect();
        expected.sort_by(|one, other| in_order(order, one, other));
        let ids = |row: &VisibilityRow| row.run_id;
        let expected_ids: Vec<RunId> = expected.iter().map(|row| ids(row)).collect();
        match pages(store, &request).await {
            Ok(found) => {
                served += 1;
                let found: Vec<RunId> = found.iter().map(ids).collect();
                assert_eq!(found, expected_ids, "seed {}: {request:?}", dice.seed);
            }
            Err(StoreError::TooManyRows { .. }) if request.rows_examined < 300 => {}
            Err(error) => panic!("{error}; seed {}: {request:?}", dice.seed),
        }

        let mut by_status: BTreeMap<i32, u64> = BTreeMap::new();
        for row in expected {
            *by_status.entry(row.status as i32).or_default() += 1;
        }
        let counted = store.count_runs(&"default".into(), &filter, 300).await;
        let counted = counted.unwrap().into_iter();
        let counted: BTreeMap<i32, u64> = counted.map(|(s, n)| (s as i32, n)).collect();
        assert_eq!(counted, by_status, "seed {}: {filter:?}", dice.seed);
    }
    assert!(served > 300, "seed {}: {served} served", dice.seed);
}

/// Few different values, so that conditions match and orders have ties.
pub(super) fn random_row(dice: &mut Dice, n: u128) -> VisibilityRow {
    let spread = (u128::from(dice.roll(u64::MAX)) << 64) | n;
    let statuses = [Status::Running, Status::Completed, Status::Failed];
    let status = dice.pick(&statuses);
    let start_time = at(dice.roll(40) as i64);
    let closed = status != Status::Running;
    let workflow_id = dice.pick(&["a", "ab", "abc", "b", "B", "", "ä", "a\u{10FFFF}", "a'b\"c"]);
    let mut row = super::visibility(spread, status);
    row.key.workflow_id = workflow_id.into();
    row.workflow_type = dice.pick(&["Order", "Refund", "order"]).into();
    row.task_queue = dice.pick(&["q1", "q2"]).into();
    row.start_time = start_time;
    row.execution_time = at(start_time.as_nanos() / 1_000_000_000 + dice.roll(3) as i64);
    row.close_time = closed.then(|| at(50 + dice.roll(20) as i64));
    row.history_length = if closed { 3 + dice.roll(5) as i64 } else { 0 };
    row.history_size_bytes = if closed { 100 * dice.roll(4) as i64 } else { 0 };
    if dice.roll(2) == 0 {
        row.parent = Some((dice.pick(&["a", "b"]).into(), super::run_id(1)));
        row.root = Some((dice.pick(&["a", "c"]).into(), super::run_id(2)));
    }
    row
}

fn random_filter(dice: &mut Dice, rows: &[VisibilityRow], depth: u64) -> Filter {
    let some = |dice: &mut Dice| {
        let parts = dice.roll(4);
        let part = |_| random_filter(dice, rows, depth - 1);
        (0..=parts).map(part).collect::<Vec<_>>()
    };
    match dice.roll(if depth == 0 { 3 } else { 8 }) {
        0..=2 => random_condition(dice, rows),
        3 => Filter::Not(Box::new(random_filter(dice, rows, depth - 1))),
        4 | 5 => Filter::And(some(dice)),
        6 => Filter::Or(some(dice)),
        _ => Filter::All,
    }
}

fn random_condition(dice: &mut Dice, rows: &[VisibilityRow]) -> Filter {
    let attribute = dice.pick(Attribute::ALL);
    // Values that are there, mostly, and some beside them.
    let value = |dice: &mut Dice| {
        let there = attribute.of(&dice.pick(rows));
        match (there, attribute.kind(), dice.roll(6)) {
            (Some(Value::Int(there)), _, 0) => Value::Int(there + 1),
            (Some(Value::Text(there)), _, 0) => Value::Text(format!("{there}x")),
            (Some(Value::Double(there)), _, 0) => Value::Double(there),
            (Some(there), _, _) => there,
            (None, Kind::Keyword, _) => Value::Text("a".into()),
            (None, _, _) => Value::Int(at(55).as_nanos()),
        }
    };
    let comparisons = [
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
    ];
    let test = match dice.roll(8) {
        0..=3 => Test::Compare(dice.pick(&comparisons), value(dice)),
        4 => Test::In((0..=dice.roll(4)).map(|_| value(dice)).collect()),
        5 => Test::Between(value(dice), value(dice)),
        6 => Test::IsNull,
        _ => match value(dice) {
            Value::Text(text) => {
                let length = dice.roll(4) as usize;
                Test::StartsWith(text.chars().take(length).collect())
            }
            number => Test::Compare(Comparison::Equal, number),
        },
    };
    Filter::Is(attribute, test)
}

/// Whether a filter holds for a run; `None`: neither it nor its negation does.
pub(super) fn holds(filter: &Filter, row: &VisibilityRow) -> Option<bool> {
    let parts = |filters: &[Filter]| filters.iter().map(|f| holds(f, row)).collect::<Vec<_>>();
    match filter {
        Filter::All => Some(true),
        Filter::Not(filter) => holds(filter, row).map(|holds| !holds),
        Filter::And(filters) => {
            let parts = parts(filters);
            match () {
                () if parts.contains(&Some(false)) => Some(false),
                () if parts.contains(&None) => None,
                () => Some(true),
            }
        }
        Filter::Or(filters) => {
            let parts = parts(filters);
            match () {
                () if parts.contains(&Some(true)) => Some(true),
                () if parts.contains(&None) => None,
                () => Some(false),
            }
        }
        Filter::Is(attribute, Test::IsNull) => Some(attribute.of(row).is_none()),
        Filter::Is(attribute, test) => attribute.of(row).map(|value| passes(&value, test)),
        Filter::Has(attribute, test) => {
            let values = super::search::values_of(row, *attribute);
            match test {
                Test::IsNull => Some(values.is_empty()),
                _ if values.is_empty() => None,
                _ => Some(values.iter().any(|value| passes(value, test))),
            }
        }
    }
}

fn passes(value: &Value, test: &Test) -> bool {
    match test {
        Test::Compare(comparison, other) => {
            let ordering = value.cmp(other);
            match comparison {
                Comparison::Equal => ordering.is_eq(),
                Comparison::NotEqual => ordering.is_ne(),
                Comparison::Less => ordering.is_lt(),
                Comparison::LessOrEqual => ordering.is_le(),
                Comparison::Greater => ordering.is_gt(),
                Comparison::GreaterOrEqual => ordering.is_ge(),
            }
        }
        Test::In(values) => values.contains(value),
        Test::Between(from, to) => from <= value && value <= to,
        Test::StartsWith(prefix) => {
            matches!(value, Value::Text(text) if text.starts_with(prefix.as_str()))
        }
        Test::IsNull => false,
    }
}

pub(super) fn in_order(order: Order, one: &VisibilityRow, other: &VisibilityRow) -> Ordering {
    let value = |row: &VisibilityRow| match order.by {
        Subject::BuiltIn(attribute) => attribute.of(row),
        Subject::Custom(attribute) => super::search::values_of(row, attribute).first().cloned(),
    };
    let newest_first = || (other.start_time, other.run_id).cmp(&(one.start_time, one.run_id));
    let is_custom = matches!(order.by, Subject::Custom(_));
    let forwards = match (value(one), value(other)) {
        (Some(_), None) => return Ordering::Less,
        (None, Some(_)) => return Ordering::Greater,
        (None, None) if is_custom => return newest_first(),
        (left, right) if is_custom => left.cmp(&right).then_with(newest_first),
        (left, right) => (left, one.run_id).cmp(&(right, other.run_id)),
    };
    match order.direction {
        Direction::Ascending => forwards,
        Direction::Descending => forwards.reverse(),
    }
}
