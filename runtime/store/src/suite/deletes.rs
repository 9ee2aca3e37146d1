//! Deleting runs.

use mainspring_engine::search::{AttributeType, IndexedAttribute};
use mainspring_engine::transition::{CurrentRow, Write};
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus as Status;

use super::{activity, at, close, commit, events, key, run_id, start, timer};
use crate::visibility::{Comparison, Filter, Test, Value};
use crate::{HistoryRange, Store, WriteOutcome};

use WriteOutcome::{Applied, Conflict};

/// Deletes run `n`.
pub async fn delete(store: &dyn Store, n: u128) -> WriteOutcome {
    let write = Write::Delete {
        key: key(n),
        run_id: run_id(n),
    };
    store.commit(&[write]).await.unwrap()[0]
}

/// LIF-13: neither its history nor its place in lists, and the others stay.
pub async fn a_deleted_run_leaves_nothing_behind(store: &dyn Store) {
    let namespace = "default".into();
    let keyword = [("Color".to_owned(), AttributeType::Keyword)];
    let color = store
        .add_search_attributes(&namespace, &keyword)
        .await
        .unwrap();
    let red = Value::Text("red".into());
    for n in [1, 2] {
        let mut first = start(n);
        let run = &mut first.runs[0];
        run.activities = vec![activity(n, 5, Some(1), 1)];
        run.timers = vec![timer(n, 7)];
        run.request_ids = vec!["r".into()];
        if let Some(row) = &mut run.visibility {
            let (name, values) = ("Color".to_owned(), vec![red.clone()]);
            row.indexed = vec![IndexedAttribute { name, values }];
        }
        commit(store, vec![first]).await;
    }
    assert_eq!(delete(store, 1).await, Conflict, "it is open");
    let mut last = close(1, 2, Status::Failed);
    last.runs[0].events = Some(events(1, 2, 9));
    commit(store, vec![last]).await;
    assert_eq!(delete(store, 1).await, Applied);
    assert_eq!(delete(store, 1).await, Conflict, "it is gone");

    assert!(store.load_run(&key(1), run_id(1)).await.unwrap().is_none());
    assert_eq!(store.current_run(&key(1)).await.unwrap(), None);
    assert!(!store.has_request_id(run_id(1), "r").await.unwrap());
    assert!(store.load_activity(run_id(1), 5).await.unwrap().is_none());
    let range = HistoryRange {
        from_event_id: 1,
        to_event_id: 9,
        max_bytes: 1_000,
        reverse: false,
    };
    assert!(
        store
            .read_history(run_id(1), range)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(store.read_history(run_id(2), range).await.unwrap().len(), 1);
    let equal = Test::Compare(Comparison::Equal, red);
    for filter in [Filter::All, Filter::Has(color[0].attribute, equal)] {
        let counted = store.count_runs(&namespace, &filter, 100).await.unwrap();
        assert_eq!(counted, [(Status::Running, 1)], "{filter:?}");
    }
    assert_eq!(
        commit(store, vec![start(1)]).await,
        [Applied],
        "the ID is free"
    );

    // An older run of an ID that has another one by now.
    commit(store, vec![close(1, 2, Status::Completed)]).await;
    let mut second = start(3);
    second.current = Some(CurrentRow {
        key: key(1),
        run_id: run_id(3),
        replaces: Some(run_id(1)),
    });
    commit(store, vec![second]).await;
    assert_eq!(delete(store, 1).await, Applied);
    assert_eq!(store.current_run(&key(1)).await.unwrap(), Some(run_id(3)));
}

/// LIF-22.
pub async fn the_oldest_closed_runs_come_first(store: &dyn Store) {
    let namespace = "default".into();
    commit(store, (1..=5).map(start).collect()).await;
    for n in [4, 2, 5] {
        commit(store, vec![close(n, 2, Status::Completed)]).await;
    }
    let oldest = store.oldest_closed_runs(&namespace, 2).await.unwrap();
    let oldest: Vec<_> = oldest
        .iter()
        .map(|run| (run.run_id, run.closed_at))
        .collect();
    assert_eq!(oldest, [(run_id(2), at(102)), (run_id(4), at(104))]);
    let elsewhere = store.oldest_closed_runs(&"other".into(), 2).await.unwrap();
    assert!(elsewhere.is_empty());
}

/// The request IDs and events of a run with a long history: more than one transaction
/// deletes.
const LONG: i64 = 1_200;

/// A closed run with a start and nothing else; its ID.
pub async fn a_closed_run(store: &dyn Store, n: u128) -> uuid::Uuid {
    commit(store, vec![start(n)]).await;
    commit(store, vec![close(n, 2, Status::Completed)]).await;
    uuid::Uuid::from_u128(n)
}

/// Deletes the next piece of what is left of run `n`.
pub async fn delete_a_piece(store: &dyn Store, n: u128) -> WriteOutcome {
    let write = Write::DeleteRemains { run_id: run_id(n) };
    store.commit(&[write]).await.unwrap()[0]
}

/// A closed run whose history has so many batches.
async fn a_long_run(store: &dyn Store, n: u128, batches: i64) {
    let mut first = start(n);
    first.runs[0].request_ids = (0..batches).map(|id| format!("r{id}")).collect();
    commit(store, vec![first]).await;
    for version in 2..batches {
        let mut step = super::next(n, version as u64);
        step.runs[0].events = Some(events(n, version * 2, version * 2 + 1));
        commit(store, vec![step]).await;
    }
    let mut last = close(n, batches as u64, Status::Completed);
    last.runs[0].events = Some(events(n, batches * 2, batches * 2 + 1));
    commit(store, vec![last]).await;
}

/// Deletes what is left until nothing is; in how many pieces.
async fn delete_remains(store: &dyn Store) -> usize {
    for pieces in 0.. {
        let left = store.remains(10).await.unwrap();
        let Some(left) = left.first() else {
            return pieces;
        };
        let n = u128::from_be_bytes(*left.as_bytes());
        assert_eq!(delete_a_piece(store, n).await, Applied);
    }
    unreachable!("it ends")
}

/// LIF-13: it is gone at once for everybody, and from the disk piece by piece.
pub async fn a_long_history_is_deleted_in_pieces_behind_a_run_that_is_gone(store: &dyn Store) {
    let namespace = "default".into();
    a_long_run(store, 1, LONG).await;
    commit(store, vec![start(2), close(3, 1, Status::Completed)]).await;
    assert!(store.remains(10).await.unwrap().is_empty());
    assert_eq!(delete(store, 1).await, Applied);
    assert_eq!(delete(store, 1).await, Conflict, "it is gone");
    assert!(store.load_run(&key(1), run_id(1)).await.unwrap().is_none());
    assert_eq!(store.current_run(&key(1)).await.unwrap(), None);
    let counted = store.count_runs(&namespace, &Filter::All, 10).await;
    assert_eq!(
        counted.unwrap(),
        [(Status::Running, 1), (Status::Completed, 1)]
    );
    assert_eq!(store.remains(10).await.unwrap(), [run_id(1)]);

    // A new run of the same workflow ID has nothing to do with it, and neither has one
    // that is deleted meanwhile.
    assert_eq!(commit(store, vec![start(4)]).await, [Applied]);
    assert_eq!(delete(store, 3).await, Applied);
    assert_eq!(store.remains(10).await.unwrap(), [run_id(1)]);
    assert!(delete_remains(store).await > 2);
    let whole = HistoryRange {
        from_event_id: 1,
        to_event_id: i64::MAX,
        max_bytes: usize::MAX,
        reverse: false,
    };
    for (n, left) in [(1, 0), (2, 1), (4, 1)] {
        let batches = store.read_history(run_id(n), whole).await.unwrap();
        assert_eq!(batches.len(), left, "run {n}");
    }
    for id in ["r0", "r500", "r1199"] {
        assert!(!store.has_request_id(run_id(1), id).await.unwrap());
    }
    assert_eq!(delete_a_piece(store, 1).await, Conflict);
}
