//! What every store must do, whatever is behind it. An implementation calls each
//! function with a fresh, empty store.

mod deletes;
mod letters;
mod lists;
mod search;

use std::collections::BTreeMap;
use std::time::Duration;

use mainspring_engine::ids::{Digest, RunId, WorkflowKey};
use mainspring_engine::time::Timestamp;
use mainspring_engine::transition::{
    ActivityRow, ActivityWrite, CompletedUpdate, CurrentRow, EventBatch, RunChange, RunRow,
    TimerRow, Transition, VisibilityRow, Write,
};
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus as Status;

use crate::components::{ComponentUse, ComponentVersionRow};
use crate::namespaces::NamespaceRow;
use crate::visibility::Filter;
use crate::{HistoryRange, QueuePosition, Store, WriteOutcome};

pub use deletes::*;
pub use letters::*;
pub use lists::*;
pub use search::*;

use WriteOutcome::{Applied, Conflict};

/// Calls a macro with the name of every function of the suite that wants a fresh,
/// empty store.
#[macro_export]
macro_rules! every_behaviour {
    ($call:ident) => {
        $call! {
            a_conflict_fails_its_own_write_and_nothing_else,
            a_start_replaces_only_the_run_that_it_names,
            what_closes_is_gone_and_what_stays_is_read_back,
            a_row_only_write_is_guarded_and_lowers_the_alarm,
            due_runs_come_in_order_and_in_pages,
            queued_tasks_come_in_order_and_in_pages,
            histories_are_read_from_both_ends,
            request_ids_are_remembered,
            outcomes_of_updates_are_found_by_id,
            a_letter_is_taken_once_and_answered_once,
            a_sender_that_closes_has_the_last_word_on_its_letters,
            letters_on_their_way_come_in_pages,
            lists_filter_and_page_without_gaps,
            counts_stay_right_through_starts_and_closes,
            a_list_looks_at_no_more_rows_than_it_may,
            a_wide_prefix_is_listed_by_start_time,
            large_filters_are_served,
            random_filters_agree_with_a_plain_evaluation,
            a_deleted_run_leaves_nothing_behind,
            a_long_history_is_deleted_in_pieces_behind_a_run_that_is_gone,
            the_oldest_closed_runs_come_first,
            namespaces_are_registered_once,
            search_attributes_come_and_go_with_their_values,
            runs_are_found_by_their_search_attributes,
            upserts_change_what_is_found_and_shown,
            a_search_attribute_is_walked_within_the_budget,
            a_list_in_the_order_of_a_search_attribute_follows_its_index,
            relatives_are_found_by_their_index,
            random_search_attributes_agree_with_a_plain_evaluation,
            components_switch_and_share_their_bytes,
            random_commits_agree_with_a_model,
        }
    };
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_nanos(seconds * 1_000_000_000)
}

fn run_id(n: u128) -> RunId {
    RunId::new(uuid::Uuid::from_u128(n))
}

fn key(n: u128) -> WorkflowKey {
    WorkflowKey {
        namespace: "default".into(),
        workflow_id: format!("workflow-{n}").into(),
    }
}

/// The first commit of run `n`: started at second `n`, one event.
fn start(n: u128) -> Transition {
    Transition {
        runs: vec![RunChange {
            row: RunRow {
                run_id: run_id(n),
                key: key(n),
                digest: Digest::of(b"code"),
                version: 1,
                status: Status::Running,
                wake_at: None,
                state: vec![1],
            },
            events: Some(events(n, 1, 1)),
            activities: Vec::new(),
            closed_activities: Vec::new(),
            timers: Vec::new(),
            closed_timers: Vec::new(),
            children: Vec::new(),
            closed_children: Vec::new(),
            outbox: Vec::new(),
            delivered: Vec::new(),
            request_ids: Vec::new(),
            completed_updates: Vec::new(),
            visibility: Some(visibility(n, Status::Running)),
        }],
        current: Some(CurrentRow {
            key: key(n),
            run_id: run_id(n),
            replaces: None,
        }),
        taken: Vec::new(),
    }
}

/// The next commit of a run: nothing but its row.
fn next(n: u128, version: u64) -> Transition {
    let mut transition = start(n);
    transition.current = None;
    let run = &mut transition.runs[0];
    run.row.version = version;
    run.row.state = vec![version as u8];
    run.events = None;
    run.visibility = None;
    transition
}

fn close(n: u128, version: u64, status: Status) -> Transition {
    let mut transition = next(n, version);
    let run = &mut transition.runs[0];
    run.row.status = status;
    run.visibility = Some(VisibilityRow {
        close_time: Some(at(n as i64 + 100)),
        history_length: 3,
        memo: None,
        ..visibility(n, status)
    });
    transition
}

fn events(n: u128, first: i64, last: i64) -> EventBatch {
    EventBatch {
        run_id: run_id(n),
        first_event_id: first,
        last_event_id: last,
        bytes: vec![0; 10],
    }
}

fn visibility(n: u128, status: Status) -> VisibilityRow {
    VisibilityRow {
        run_id: run_id(n),
        key: key(n),
        workflow_type: if n.is_multiple_of(2) { "Even" } else { "Odd" }.into(),
        task_queue: "q".into(),
        status,
        start_time: at(n as i64),
        execution_time: at(n as i64),
        close_time: None,
        history_length: 0,
        history_size_bytes: 0,
        first_run_id: run_id(n),
        parent: None,
        root: None,
        memo: Some(b"memo".to_vec()),
        search_attributes: Some(Vec::new()),
        problems: Vec::new(),
        indexed: Vec::new(),
    }
}

fn activity(n: u128, event: i64, queued_at: Option<i64>, stamp: u64) -> ActivityRow {
    ActivityRow {
        run_id: run_id(n),
        scheduled_event_id: event,
        task_queue: "q".into(),
        queued_at: queued_at.map(at),
        stamp,
        state: vec![stamp as u8],
    }
}

fn timer(n: u128, event: i64) -> TimerRow {
    TimerRow {
        run_id: run_id(n),
        started_event_id: event,
        timer_id: event.to_string(),
        fire_at: at(event),
    }
}

/// Random numbers, repeatable from the seed that is printed.
struct Dice {
    seed: u64,
    state: u64,
}

impl Dice {
    fn new() -> Self {
        let seed = uuid::Uuid::new_v4().as_u128() as u64 | 1;
        println!("seed {seed}");
        Self { seed, state: seed }
    }

    /// xorshift: good enough to mix cases.
    fn roll(&mut self, below: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % below
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len() as u64) as usize].clone()
    }
}

async fn commit(store: &dyn Store, transitions: Vec<Transition>) -> Vec<WriteOutcome> {
    let writes: Vec<Write> = transitions.into_iter().map(Write::Transition).collect();
    store.commit(&writes).await.expect("a commit is answered")
}

async fn version_of(store: &dyn Store, n: u128) -> u64 {
    let image = store.load_run(&key(n), run_id(n)).await.expect("it reads");
    image.map_or(0, |image| image.row.version)
}

/// Guards are per write.
pub async fn a_conflict_fails_its_own_write_and_nothing_else(store: &dyn Store) {
    assert_eq!(
        commit(store, vec![start(1), start(2), start(3)]).await,
        [Applied; 3]
    );
    let mut stale = next(2, 3);
    stale.runs[0].timers.push(timer(2, 9));
    let outcomes = commit(store, vec![next(1, 2), stale, next(3, 2), start(4)]).await;
    assert_eq!(outcomes, [Applied, Conflict, Applied, Applied]);
    for (n, version) in [(1, 2), (2, 1), (3, 2), (4, 1)] {
        assert_eq!(version_of(store, n).await, version, "run {n}");
    }
    let image = store.load_run(&key(2), run_id(2)).await.unwrap().unwrap();
    assert!(
        image.timers.is_empty(),
        "nothing of the refused write is there"
    );
    let mut half = next(1, 3);
    half.runs.extend(next(3, 9).runs);
    assert_eq!(commit(store, vec![half]).await, [Conflict]);
    assert_eq!(
        version_of(store, 1).await,
        2,
        "two runs go together or not at all"
    );
}

/// One open run per workflow ID.
pub async fn a_start_replaces_only_the_run_that_it_names(store: &dyn Store) {
    commit(store, vec![start(1)]).await;
    let second = |replaces| {
        let mut second = start(2);
        second.current = Some(CurrentRow {
            key: key(1),
            run_id: run_id(2),
            replaces,
        });
        second
    };
    assert_eq!(commit(store, vec![second(None)]).await, [Conflict]);
    assert_eq!(store.current_run(&key(1)).await.unwrap(), Some(run_id(1)));
    assert_eq!(
        commit(store, vec![second(Some(run_id(1)))]).await,
        [Applied]
    );
    assert_eq!(store.current_run(&key(1)).await.unwrap(), Some(run_id(2)));
    assert_eq!(store.current_run(&key(9)).await.unwrap(), None);
}

/// Pending rows live exactly as long as what they stand for.
pub async fn what_closes_is_gone_and_what_stays_is_read_back(store: &dyn Store) {
    let mut first = start(1);
    let run = &mut first.runs[0];
    run.activities = vec![activity(1, 5, Some(1), 1), activity(1, 6, None, 1)];
    run.timers = vec![timer(1, 7), timer(1, 8)];
    commit(store, vec![first]).await;
    let mut second = next(1, 2);
    let run = &mut second.runs[0];
    run.activities = vec![activity(1, 6, Some(2), 2)];
    run.closed_activities = vec![5, 99];
    run.closed_timers = vec![7];
    commit(store, vec![second]).await;
    let image = store.load_run(&key(1), run_id(1)).await.unwrap().unwrap();
    assert_eq!(image.activities, [activity(1, 6, Some(2), 2)]);
    assert_eq!(image.timers, [timer(1, 8)]);
    assert_eq!(image.row.state, [2]);
    let other = WorkflowKey {
        workflow_id: "other".into(),
        ..key(1)
    };
    assert!(store.load_run(&other, run_id(1)).await.unwrap().is_none());
}

/// A task that a poller took touches its own row.
pub async fn a_row_only_write_is_guarded_and_lowers_the_alarm(store: &dyn Store) {
    let mut first = start(1);
    first.runs[0].row.wake_at = Some(at(50));
    first.runs[0].activities = vec![activity(1, 5, Some(1), 1)];
    commit(store, vec![first]).await;
    let write = |stamp, wake_at| Write::Activities {
        key: key(1),
        writes: vec![ActivityWrite {
            row: activity(1, 5, None, stamp),
            wake_at,
        }],
    };
    let outcomes = store.commit(&[write(3, None)]).await.unwrap();
    assert_eq!(outcomes, [Conflict]);
    assert_eq!(
        store.commit(&[write(2, Some(at(60)))]).await.unwrap(),
        [Applied]
    );
    let wake_at = |image: mainspring_engine::transition::RunImage| image.row.wake_at;
    let image = store.load_run(&key(1), run_id(1)).await.unwrap().unwrap();
    assert_eq!(wake_at(image), Some(at(50)), "never raised");
    assert_eq!(
        store.commit(&[write(3, Some(at(40)))]).await.unwrap(),
        [Applied]
    );
    let image = store.load_run(&key(1), run_id(1)).await.unwrap().unwrap();
    assert_eq!(wake_at(image), Some(at(40)));
    assert_eq!(
        store.load_activity(run_id(1), 5).await.unwrap(),
        Some(activity(1, 5, None, 3))
    );
}

/// What a restart wakes.
pub async fn due_runs_come_in_order_and_in_pages(store: &dyn Store) {
    for n in 1..=9_u128 {
        let mut run = start(n);
        run.runs[0].row.wake_at = Some(at(10 - n as i64));
        commit(store, vec![run]).await;
    }
    commit(store, vec![start(10)]).await;
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.due_runs(at(8), after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.wake_at, last.run_id));
        seen.extend(page.iter().map(|due| due.wake_at));
    }
    assert_eq!(seen, (1..=8).map(at).collect::<Vec<_>>());
}

/// What a task queue reads back.
pub async fn queued_tasks_come_in_order_and_in_pages(store: &dyn Store) {
    for n in 1..=7_u128 {
        let mut run = start(n);
        run.runs[0].activities = vec![
            activity(n, 5, Some(20 - n as i64), 1),
            activity(n, 6, None, 1),
        ];
        commit(store, vec![run]).await;
    }
    let (namespace, queue) = ("default".into(), "q".into());
    assert_eq!(
        store
            .count_queued_tasks(&namespace, &queue, 100)
            .await
            .unwrap(),
        7
    );
    assert_eq!(
        store
            .count_queued_tasks(&namespace, &queue, 3)
            .await
            .unwrap(),
        3
    );
    assert_eq!(
        store
            .count_queued_tasks(&"other".into(), &queue, 9)
            .await
            .unwrap(),
        0
    );
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store
            .queued_tasks(&namespace, &queue, after, 2)
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        after = Some(QueuePosition {
            queued_at: last.activity.queued_at.unwrap(),
            run_id: last.activity.run_id,
            scheduled_event_id: last.activity.scheduled_event_id,
        });
        seen.extend(page.into_iter().map(|task| task.key));
    }
    assert_eq!(seen, (1..=7).rev().map(key).collect::<Vec<_>>());
}

/// Batches come whole, and cover what was asked for.
pub async fn histories_are_read_from_both_ends(store: &dyn Store) {
    commit(store, vec![start(1)]).await;
    for (version, first, last) in [(2, 2, 4), (3, 5, 5), (4, 6, 9)] {
        let mut run = next(1, version);
        run.runs[0].events = Some(events(1, first, last));
        commit(store, vec![run]).await;
    }
    let read = async |from_event_id, to_event_id, max_bytes, reverse| {
        let range = HistoryRange {
            from_event_id,
            to_event_id,
            max_bytes,
            reverse,
        };
        let batches = store.read_history(run_id(1), range).await.unwrap();
        batches
            .iter()
            .map(|batch| batch.first_event_id)
            .collect::<Vec<_>>()
    };
    assert_eq!(read(1, 9, 1_000, false).await, [1, 2, 5, 6]);
    assert_eq!(read(3, 6, 1_000, false).await, [2, 5, 6]);
    assert_eq!(read(3, 6, 1_000, true).await, [6, 5, 2]);
    assert_eq!(read(1, 9, 25, false).await, [1, 2]);
    assert_eq!(read(1, 9, 1, true).await, [6], "one batch at least");
    assert_eq!(read(10, 20, 1_000, false).await, [0_i64; 0]);
}

/// MSG-13.
pub async fn outcomes_of_updates_are_found_by_id(store: &dyn Store) {
    let mut run = start(1);
    run.runs[0].completed_updates = vec![CompletedUpdate {
        update_id: "u".into(),
        completed_event_id: 7,
    }];
    commit(store, vec![run]).await;
    let found = async |run, id| store.completed_update(run_id(run), id).await.unwrap();
    assert_eq!(found(1, "u").await, Some(7));
    assert_eq!(found(1, "v").await, None);
    assert_eq!(found(2, "u").await, None);
}

/// MSG-02.
pub async fn request_ids_are_remembered(store: &dyn Store) {
    let mut run = start(1);
    run.runs[0].request_ids = vec!["a".into(), "b".into()];
    commit(store, vec![run, start(2)]).await;
    assert!(store.has_request_id(run_id(1), "b").await.unwrap());
    assert!(!store.has_request_id(run_id(1), "c").await.unwrap());
    assert!(!store.has_request_id(run_id(2), "a").await.unwrap());
}

/// LIF-23.
pub async fn namespaces_are_registered_once(store: &dyn Store) {
    let row = NamespaceRow {
        name: "orders".into(),
        id: "id".into(),
        description: "d".into(),
        owner_email: "o".into(),
        retention: Duration::from_secs(3_600),
        created_at: at(1),
        data: vec![1],
    };
    assert!(store.create_namespace(&row).await.unwrap());
    assert!(!store.create_namespace(&row).await.unwrap());
    assert_eq!(store.list_namespaces().await.unwrap(), [row]);
}

/// Names point at digests; bytes live as long as somebody points at them.
pub async fn components_switch_and_share_their_bytes(store: &dyn Store) {
    let version = |name: &str, version: &str, bytes: &[u8], second: i64| ComponentVersionRow {
        namespace: "default".into(),
        name: name.into(),
        version: version.into(),
        digest: Digest::of(bytes),
        size_bytes: bytes.len() as u64,
        uploaded_at: at(second),
        uploaded_by: "me".into(),
        current: true,
        description: vec![7],
    };
    let (v1, v2) = (
        version("a", "v1", b"code", 1),
        version("a", "v2", b"two", 2),
    );
    assert!(store.put_component(&v1, b"code").await.unwrap());
    assert!(store.put_component(&v2, b"two").await.unwrap());
    let taken = version("a", "v1", b"two", 3);
    assert!(!store.put_component(&taken, b"two").await.unwrap());
    let old_v1 = ComponentVersionRow {
        current: false,
        ..v1.clone()
    };
    assert_eq!(store.list_components().await.unwrap(), [old_v1, v2]);
    let other = version("b", "v1", b"code", 4);
    store.put_component(&other, b"code").await.unwrap();
    let namespace = "default".into();
    assert!(store.delete_component(&namespace, "a", "v1").await.unwrap());
    assert!(!store.delete_component(&namespace, "a", "v1").await.unwrap());
    let digest = Digest::of(b"code");
    assert!(
        store.component_bytes(digest).await.unwrap().is_some(),
        "b points at it"
    );
    store.delete_component(&namespace, "b", "v1").await.unwrap();
    assert!(store.component_bytes(digest).await.unwrap().is_none());
    commit(store, vec![start(1), start(2)]).await;
    commit(store, vec![close(2, 2, Status::Completed)]).await;
    let usage = store.component_use(&namespace, digest).await.unwrap();
    assert_eq!(
        usage,
        ComponentUse {
            open_runs: 1,
            closed_runs: 1
        }
    );
}

/// Batches of good and stale writes against a map.
pub async fn random_commits_agree_with_a_model(store: &dyn Store) {
    let mut dice = Dice::new();
    let seed = dice.seed;
    let mut random = |below: u64| dice.roll(below);
    let mut versions: BTreeMap<u128, u64> = BTreeMap::new();
    for _ in 0..60 {
        let mut writes = Vec::new();
        let mut expected = Vec::new();
        let mut touched = std::collections::BTreeSet::new();
        for _ in 0..random(40) {
            let n = u128::from(random(100)) + 1;
            if !touched.insert(n) {
                continue;
            }
            let version = versions.get(&n).copied().unwrap_or(0);
            let stale = random(5) == 0;
            let asked = version + 1 + u64::from(stale);
            let transition = if asked == 1 { start(n) } else { next(n, asked) };
            expected.push(if stale { Conflict } else { Applied });
            if !stale {
                versions.insert(n, asked);
            }
            writes.push(transition);
        }
        assert_eq!(commit(store, writes).await, expected, "seed {seed}");
    }
    for (n, version) in &versions {
        assert_eq!(
            version_of(store, *n).await,
            *version,
            "seed {seed}, run {n}"
        );
    }
    let counted = store.count_runs(&"default".into(), &Filter::All, 0).await;
    let expected = vec![(Status::Running, versions.len() as u64)];
    assert_eq!(counted.unwrap(), expected, "seed {seed}");
}

/// Writes a run, for a store that is closed and opened again afterwards.
pub async fn a_run_is_written(store: &dyn Store) -> RunRow {
    let transition = start(1);
    let row = transition.runs[0].row.clone();
    assert_eq!(commit(store, vec![transition]).await, [Applied]);
    row
}

/// Writes so many runs, one commit at the heels of another, each with a history of
/// so many bytes.
pub async fn runs_are_written_without_a_pause(store: &dyn Store, runs: u128, bytes: usize) {
    for n in 1..=runs {
        let mut transition = start(n);
        if let Some(events) = &mut transition.runs[0].events {
            events.bytes = vec![0; bytes];
        }
        assert_eq!(commit(store, vec![transition]).await, [Applied]);
    }
}

/// What [`a_run_is_written`] wrote is there.
pub async fn it_is_read_back(store: &dyn Store, row: &RunRow) {
    let image = store.load_run(&row.key, row.run_id).await.unwrap();
    assert_eq!(image.map(|image| image.row).as_ref(), Some(row));
}
