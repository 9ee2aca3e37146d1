//! Search attributes: registered, written, found.

use mainspring_engine::search::{AttributeType, Double, IndexedAttribute};
use mainspring_engine::transition::VisibilityRow;
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus as Status;

use super::lists::{all, count, holds, in_order, list, pages, write};
use super::{Dice, at, close, commit, next, run_id};
use crate::visibility::{
    Attribute, Comparison, CustomAttribute, Direction, Filter, ListRequest, Order, Subject, Test,
    Value,
};
use crate::{Store, StoreError};

/// One attribute of each type, named after it.
async fn every_type(store: &dyn Store) -> Vec<CustomAttribute> {
    let named = AttributeType::ALL.map(|t| (t.name().to_owned(), t));
    let rows = store.add_search_attributes(&"default".into(), &named).await;
    let rows = rows.unwrap().into_iter();
    rows.map(|row| row.attribute).collect()
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn double(number: f64) -> Value {
    Value::Double(Double::new(number).unwrap())
}

fn has(attribute_type: AttributeType, values: &[Value]) -> IndexedAttribute {
    IndexedAttribute {
        name: attribute_type.name().to_owned(),
        values: values.to_vec(),
    }
}

fn with(n: u128, indexed: Vec<IndexedAttribute>) -> VisibilityRow {
    VisibilityRow {
        indexed,
        ..super::visibility(n, Status::Running)
    }
}

/// What a plain evaluation takes for the values of an attribute. The suite names each
/// attribute after its type.
pub(super) fn values_of(row: &VisibilityRow, attribute: CustomAttribute) -> &[Value] {
    let name = attribute.attribute_type.name();
    let found = row.indexed.iter().find(|indexed| indexed.name == name);
    found.map_or(&[], |indexed| indexed.values.as_slice())
}

fn equal(attribute: CustomAttribute, value: Value) -> Filter {
    Filter::Has(attribute, Test::Compare(Comparison::Equal, value))
}

fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

async fn found(store: &dyn Store, filter: Filter) -> Vec<u128> {
    let rows = list(store, &all(filter.clone())).await.unwrap();
    assert_eq!(count(store, &filter).await, rows.len() as u64, "{filter:?}");
    rows.iter()
        .map(|row| u128::from_be_bytes(*row.run_id.as_bytes()))
        .collect()
}

/// OPS-05: what is removed is there again, with its values, if it comes back as what
/// it was.
pub async fn search_attributes_come_and_go_with_their_values(store: &dyn Store) {
    let namespace = "default".into();
    let keyword = [("Keyword".to_owned(), AttributeType::Keyword)];
    let rows = store
        .add_search_attributes(&namespace, &keyword)
        .await
        .unwrap();
    let elsewhere = store
        .add_search_attributes(&"other".into(), &keyword)
        .await
        .unwrap();
    assert_ne!(rows[0].attribute.id, elsewhere[0].attribute.id);
    let both = [rows.clone(), elsewhere].concat();
    assert_eq!(store.list_search_attributes().await.unwrap(), both);
    let red = || has(AttributeType::Keyword, &[text("red")]);
    write(store, vec![with(1, vec![red()])]).await;

    let names = ["Keyword".to_owned()];
    store
        .remove_search_attributes(&namespace, &names)
        .await
        .unwrap();
    assert_eq!(store.list_search_attributes().await.unwrap(), both[1..]);
    write(store, vec![with(2, vec![red()])]).await;
    let int = [("Keyword".to_owned(), AttributeType::Int)];
    let other = store.add_search_attributes(&namespace, &int).await.unwrap();
    assert_ne!(other[0].attribute, rows[0].attribute);
    assert!(
        found(store, not(Filter::Has(other[0].attribute, Test::IsNull)))
            .await
            .is_empty()
    );
    store
        .remove_search_attributes(&namespace, &names)
        .await
        .unwrap();
    let again = store
        .add_search_attributes(&namespace, &keyword)
        .await
        .unwrap();
    assert_eq!(again, rows);
    assert_eq!(
        found(store, equal(again[0].attribute, text("red"))).await,
        [1]
    );
}

/// VIS-01, VIS-04: each type by its comparisons.
pub async fn runs_are_found_by_their_search_attributes(store: &dyn Store) {
    let [words, keyword, int, number, flag, time, list] = every_type(store).await[..] else {
        panic!("there are seven types");
    };
    write(
        store,
        vec![
            with(
                1,
                vec![
                    has(AttributeType::Text, &[text("quick"), text("fox")]),
                    has(AttributeType::Keyword, &[text("red-1")]),
                    has(AttributeType::Int, &[Value::Int(-1)]),
                    has(AttributeType::Double, &[double(1.5)]),
                    has(AttributeType::Bool, &[Value::Int(1)]),
                    has(AttributeType::Datetime, &[Value::Int(at(5).as_nanos())]),
                    has(AttributeType::KeywordList, &[text("a"), text("b")]),
                ],
            ),
            with(
                2,
                vec![
                    has(AttributeType::Text, &[text("fox")]),
                    has(AttributeType::Keyword, &[text("red-2")]),
                    has(AttributeType::Int, &[Value::Int(10)]),
                    has(AttributeType::Double, &[double(10.0)]),
                    has(AttributeType::Bool, &[Value::Int(0)]),
                    has(AttributeType::Datetime, &[Value::Int(at(6).as_nanos())]),
                    has(AttributeType::KeywordList, &[text("b")]),
                ],
            ),
            with(3, Vec::new()),
        ],
    )
    .await;
    let compare =
        |attribute, comparison, value| Filter::Has(attribute, Test::Compare(comparison, value));
    let is_in = |attribute, values: &[Value]| Filter::Has(attribute, Test::In(values.to_vec()));
    for (filter, expected) in [
        (equal(keyword, text("red-1")), vec![1]),
        (
            compare(keyword, Comparison::NotEqual, text("red-1")),
            vec![2],
        ),
        (not(equal(keyword, text("red-1"))), vec![2]),
        (
            Filter::Has(keyword, Test::StartsWith("red".into())),
            vec![2, 1],
        ),
        (not(Filter::Has(keyword, Test::IsNull)), vec![2, 1]),
        (Filter::Has(keyword, Test::IsNull), vec![3]),
        (compare(int, Comparison::Greater, Value::Int(-1)), vec![2]),
        (
            Filter::Has(int, Test::Between(Value::Int(-1), Value::Int(10))),
            vec![2, 1],
        ),
        (
            is_in(int, &[Value::Int(10), Value::Int(-1), Value::Int(7)]),
            vec![2, 1],
        ),
        (compare(number, Comparison::Less, double(10.0)), vec![1]),
        (equal(number, double(10.0)), vec![2]),
        (equal(flag, Value::Int(1)), vec![1]),
        (compare(flag, Comparison::NotEqual, Value::Int(1)), vec![2]),
        (
            compare(
                time,
                Comparison::GreaterOrEqual,
                Value::Int(at(6).as_nanos()),
            ),
            vec![2],
        ),
        (is_in(words, &[text("quick"), text("fox")]), vec![2, 1]),
        (is_in(words, &[text("quick"), text("slow")]), vec![1]),
        (is_in(words, &[]), vec![]),
        (not(is_in(words, &[text("quick")])), vec![2]),
        (equal(list, text("b")), vec![2, 1]),
        (is_in(list, &[text("a"), text("b")]), vec![2, 1]),
        (not(equal(list, text("a"))), vec![2]),
        (Filter::Has(list, Test::IsNull), vec![3]),
        (
            Filter::And(vec![equal(list, text("a")), equal(list, text("b"))]),
            vec![1],
        ),
        (
            Filter::And(vec![equal(list, text("b")), equal(int, Value::Int(10))]),
            vec![2],
        ),
        (
            Filter::Or(vec![equal(list, text("a")), Filter::Has(int, Test::IsNull)]),
            vec![3, 1],
        ),
    ] {
        assert_eq!(found(store, filter.clone()).await, expected, "{filter:?}");
    }
}

/// WF-27: what an upsert leaves alone stays, at the close too.
pub async fn upserts_change_what_is_found_and_shown(store: &dyn Store) {
    let attributes = every_type(store).await;
    let (keyword, list) = (attributes[1], attributes[6]);
    let start = VisibilityRow {
        search_attributes: Some(b"as started".to_vec()),
        ..with(
            1,
            vec![
                has(AttributeType::Keyword, &[text("red")]),
                has(AttributeType::KeywordList, &[text("a"), text("b")]),
            ],
        )
    };
    write(store, vec![start.clone()]).await;
    let mut upsert = next(1, 2);
    upsert.runs[0].visibility = Some(VisibilityRow {
        memo: None,
        search_attributes: Some(b"as changed".to_vec()),
        problems: vec!["one".into(), "two".into()],
        indexed: vec![has(AttributeType::KeywordList, &[text("b"), text("c")])],
        ..start.clone()
    });
    commit(store, vec![upsert]).await;
    assert_eq!(found(store, equal(keyword, text("red"))).await, [1]);
    assert_eq!(found(store, equal(list, text("c"))).await, [1]);
    assert!(found(store, equal(list, text("a"))).await.is_empty());
    let shown = &list_all(store).await[0];
    assert_eq!(shown.search_attributes.as_deref(), Some(&b"as changed"[..]));
    assert_eq!(shown.memo, start.memo);
    assert_eq!(shown.problems, ["one", "two"]);
    let counted = store.count_runs(&"default".into(), &Filter::All, 0).await;
    assert_eq!(counted.unwrap(), [(Status::Running, 1)], "it runs on");

    let mut memo = next(1, 3);
    memo.runs[0].visibility = Some(VisibilityRow {
        memo: Some(b"another".to_vec()),
        search_attributes: None,
        problems: Vec::new(),
        indexed: vec![has(AttributeType::Keyword, &[])],
        ..start.clone()
    });
    commit(store, vec![memo]).await;
    let mut closing = close(1, 4, Status::Completed);
    if let Some(row) = &mut closing.runs[0].visibility {
        row.search_attributes = None;
    }
    commit(store, vec![closing]).await;
    assert_eq!(found(store, Filter::Has(keyword, Test::IsNull)).await, [1]);
    assert_eq!(found(store, equal(list, text("b"))).await, [1]);
    let shown = &list_all(store).await[0];
    assert_eq!(shown.memo.as_deref(), Some(&b"another"[..]));
    assert_eq!(shown.search_attributes.as_deref(), Some(&b"as changed"[..]));
    assert!(shown.problems.is_empty());
    let loaded = store.load_properties(run_id(1)).await.unwrap().unwrap();
    assert_eq!(
        (loaded.memo.as_slice(), loaded.search_attributes.as_slice()),
        (&b"another"[..], &b"as changed"[..])
    );
    assert!(store.load_properties(run_id(9)).await.unwrap().is_none());
}

async fn list_all(store: &dyn Store) -> Vec<VisibilityRow> {
    list(store, &all(Filter::All)).await.unwrap()
}

/// What an index finds costs what is found.
pub async fn a_search_attribute_is_walked_within_the_budget(store: &dyn Store) {
    let attributes = every_type(store).await;
    let (words, keyword, int, tags) = (attributes[0], attributes[1], attributes[2], attributes[6]);
    let rows = (1..=2_000_u128).map(|n| {
        let rare = n % 500 == 0;
        with(
            n,
            vec![
                has(
                    AttributeType::Keyword,
                    &[text(if rare { "rare" } else { "usual" })],
                ),
                has(AttributeType::Int, &[Value::Int(n as i64)]),
                has(
                    AttributeType::Text,
                    &[text("all"), text(&format!("word{n}"))],
                ),
                has(
                    AttributeType::KeywordList,
                    &[text("x"), text(if rare { "y" } else { "z" })],
                ),
            ],
        )
    });
    write(store, rows.collect()).await;
    let namespace = "default".into();
    let over_1_990 = Test::Compare(Comparison::Greater, Value::Int(1_990));
    let two_words = Test::In(vec![text("word7"), text("word8"), text("none")]);
    let usual_and_rare = Filter::And(vec![
        equal(keyword, text("usual")),
        equal(tags, text("x")),
        equal(tags, text("y")),
    ]);
    for (filter, expected) in [
        (equal(keyword, text("rare")), 4),
        (Filter::Has(int, over_1_990), 10),
        (Filter::Has(words, two_words), 2),
        (equal(tags, text("y")), 4),
        (usual_and_rare, 0),
    ] {
        let request = ListRequest {
            rows_examined: 20,
            limit: 20,
            ..all(filter.clone())
        };
        assert_eq!(
            list(store, &request).await.unwrap().len(),
            expected,
            "{filter:?}"
        );
        let counted = store.count_runs(&namespace, &filter, 20).await.unwrap();
        let counted: u64 = counted.iter().map(|(_, runs)| runs).sum();
        assert_eq!(counted, expected as u64, "{filter:?}");
    }
    // The first page of many costs a page.
    let usual = ListRequest {
        rows_examined: 1_100,
        limit: 50,
        ..all(equal(keyword, text("usual")))
    };
    let page = list(store, &usual).await.unwrap();
    assert_eq!((page.len(), page[0].run_id), (50, run_id(1_999)));
    let refused = store.count_runs(&namespace, &usual.filter, 1_000).await;
    assert!(
        matches!(refused, Err(StoreError::TooManyRows { .. })),
        "{refused:?}"
    );
}

/// VIS-01: a page of a list in the order of a search attribute costs a page, however many
/// runs there are; those without a value come last.
pub async fn a_list_in_the_order_of_a_search_attribute_follows_its_index(store: &dyn Store) {
    let attributes = every_type(store).await;
    let (keyword, amount) = (attributes[1], attributes[2]);
    let rows = (1..=3_000_u128).map(|n| {
        let mut indexed = vec![has(
            AttributeType::Keyword,
            &[text(if n % 1_000 == 0 { "rare" } else { "usual" })],
        )];
        if n <= 2_500 {
            // Five runs of each amount.
            let amount = Value::Int((n as i64 - 1) / 5);
            indexed.push(has(AttributeType::Int, &[amount]));
        }
        with(n, indexed)
    });
    write(store, rows.collect()).await;
    let by_amount = |direction, filter, limit, rows_examined| ListRequest {
        order: Order {
            by: amount.into(),
            direction,
        },
        limit,
        rows_examined,
        ..all(filter)
    };
    let ids = |rows: Vec<VisibilityRow>| -> Vec<u128> {
        let id = |row: &VisibilityRow| u128::from_be_bytes(*row.run_id.as_bytes());
        rows.iter().map(id).collect()
    };
    let first = by_amount(Direction::Ascending, Filter::All, 7, 1_000);
    let first = ids(list(store, &first).await.unwrap());
    assert_eq!(first, [5, 4, 3, 2, 1, 10, 9], "the newest of equals first");
    let last = by_amount(Direction::Descending, Filter::All, 7, 1_000);
    let last = ids(list(store, &last).await.unwrap());
    assert_eq!(last, [2_496, 2_497, 2_498, 2_499, 2_500, 2_491, 2_492]);

    for direction in [Direction::Ascending, Direction::Descending] {
        let whole = by_amount(direction, Filter::All, 700, 4_000);
        let whole = ids(pages(store, &whole).await.unwrap());
        assert_eq!(whole.len(), 3_000);
        let others: Vec<u128> = (2_501..=3_000).rev().collect();
        assert_eq!(whole[2_500..], others, "those without come last");
    }

    // A range of values is walked and nothing beside it; what another index finds is
    // sorted.
    let range = Test::Between(Value::Int(100), Value::Int(101));
    let range = by_amount(Direction::Ascending, Filter::Has(amount, range), 20, 20);
    let range = ids(list(store, &range).await.unwrap());
    assert_eq!(range, [505, 504, 503, 502, 501, 510, 509, 508, 507, 506]);
    let rare = equal(keyword, text("rare"));
    let rare = by_amount(Direction::Descending, rare, 20, 20);
    let rare = ids(list(store, &rare).await.unwrap());
    assert_eq!(rare, [2_000, 1_000, 3_000]);

    // What no index finds is looked for along the values, as far as the budget goes.
    let queue = Test::Compare(Comparison::Equal, text("none"));
    let queue = Filter::Is(Attribute::TaskQueue, queue);
    let within = by_amount(Direction::Ascending, queue.clone(), 20, 6_000);
    assert!(list(store, &within).await.unwrap().is_empty());
    let beyond = by_amount(Direction::Ascending, queue, 20, 2_000);
    let refused = list(store, &beyond).await;
    assert!(
        matches!(refused, Err(StoreError::TooManyRows { .. })),
        "{refused:?}"
    );
}

/// Filters over search attributes and columns together, in every order, in pages of
/// every size, under any budget.
pub async fn random_search_attributes_agree_with_a_plain_evaluation(store: &dyn Store) {
    let mut dice = Dice::new();
    let attributes = every_type(store).await;
    let rows: Vec<VisibilityRow> = (0..250)
        .map(|n| {
            let mut row = super::lists::random_row(&mut dice, n);
            row.indexed = random_values(&mut dice, &attributes);
            row
        })
        .collect();
    write(store, rows.clone()).await;
    let mut served = 0;
    for _ in 0..500 {
        let filter = random_filter(&mut dice, &attributes, 3);
        let directions = [Direction::Ascending, Direction::Descending];
        let mut by: Vec<Subject> = vec![Attribute::StartTime.into(), Attribute::CloseTime.into()];
        let has_one = |attribute: &&CustomAttribute| !attribute.attribute_type.has_several();
        by.extend(attributes.iter().filter(has_one).map(|a| Subject::from(*a)));
        let order = Order {
            by: dice.pick(&by),
            direction: dice.pick(&directions),
        };
        let request = ListRequest {
            order,
            limit: dice.pick(&[7, 50, 249, 1_000]),
            rows_examined: dice.pick(&[60, 150, 100_000]),
            ..all(filter.clone())
        };
        let mut expected: Vec<&VisibilityRow> = rows
            .iter()
            .filter(|row| holds(&filter, row) == Some(true))
            .collect();
        expected.sort_by(|one, other| in_order(order, one, other));
        let expected: Vec<_> = expected.iter().map(|row| row.run_id).collect();
        match pages(store, &request).await {
            Ok(found) => {
                served += 1;
                let found: Vec<_> = found.iter().map(|row| row.run_id).collect();
                assert_eq!(found, expected, "seed {}: {request:?}", dice.seed);
            }
            Err(StoreError::TooManyRows { .. }) if request.rows_examined < 300 => {}
            Err(error) => panic!("{error}; seed {}: {request:?}", dice.seed),
        }
        let counted = count(store, &filter).await;
        assert_eq!(
            counted,
            expected.len() as u64,
            "seed {}: {filter:?}",
            dice.seed
        );
    }
    assert!(served > 250, "seed {}: {served} served", dice.seed);
}

fn random_values(dice: &mut Dice, attributes: &[CustomAttribute]) -> Vec<IndexedAttribute> {
    let mut indexed = Vec::new();
    for attribute in attributes {
        if dice.roll(3) == 0 {
            continue;
        }
        let several = attribute.attribute_type.has_several();
        let mut values: Vec<Value> = (0..=if several { dice.roll(3) } else { 0 })
            .map(|_| random_value(dice, *attribute))
            .collect();
        values.sort();
        values.dedup();
        indexed.push(has(attribute.attribute_type, &values));
    }
    indexed
}

fn random_value(dice: &mut Dice, attribute: CustomAttribute) -> Value {
    match attribute.attribute_type {
        AttributeType::Text | AttributeType::Keyword | AttributeType::KeywordList => {
            text(dice.pick(&["a", "ab", "b", "ü", "c"]))
        }
        AttributeType::Double => double(dice.pick(&[-1.5, 0.0, 2.0, 1e12])),
        AttributeType::Bool => Value::Int(dice.roll(2) as i64),
        AttributeType::Int | AttributeType::Datetime => Value::Int(dice.roll(5) as i64 - 2),
    }
}

fn random_filter(dice: &mut Dice, attributes: &[CustomAttribute], depth: u64) -> Filter {
    let some = |dice: &mut Dice| {
        let parts = dice.roll(3);
        let part = |_| random_filter(dice, attributes, depth - 1);
        (0..=parts).map(part).collect::<Vec<_>>()
    };
    match dice.roll(if depth == 0 { 4 } else { 9 }) {
        0..=2 => random_condition(dice, attributes),
        3 => {
            let status = dice.pick(&[Status::Running, Status::Completed]);
            let test = Test::Compare(Comparison::Equal, Value::Int(status as i64));
            Filter::Is(Attribute::ExecutionStatus, test)
        }
        4 => not(random_filter(dice, attributes, depth - 1)),
        5 | 6 => Filter::And(some(dice)),
        7 => Filter::Or(some(dice)),
        _ => Filter::All,
    }
}

fn random_condition(dice: &mut Dice, attributes: &[CustomAttribute]) -> Filter {
    let attribute = dice.pick(attributes);
    let value = |dice: &mut Dice| random_value(dice, attribute);
    let equal = Test::Compare(Comparison::Equal, value(dice));
    let several = attribute.attribute_type.has_several();
    let test = match dice.roll(if several { 3 } else { 7 }) {
        0 => equal,
        1 => Test::In((0..dice.roll(4)).map(|_| value(dice)).collect()),
        2 => Test::IsNull,
        3 => Test::Between(value(dice), value(dice)),
        4 => match value(dice) {
            Value::Text(text) => Test::StartsWith(text),
            _ => equal,
        },
        _ => {
            let comparisons = [
                Comparison::NotEqual,
                Comparison::Less,
                Comparison::LessOrEqual,
                Comparison::Greater,
                Comparison::GreaterOrEqual,
            ];
            Test::Compare(dice.pick(&comparisons), value(dice))
        }
    };
    Filter::Has(attribute, test)
}
