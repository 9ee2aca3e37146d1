//! The table: what is started, and what is done to it.

use serde_json::{Value, json};
use temporalio_protos::temporal::api::enums::v1::EventType;

/// One behaviour.
#[derive(Clone, Debug)]
pub struct Case {
    /// The name of its history and of its run.
    pub name: &'static str,
    /// What it shows.
    pub what: &'static str,
    /// What is started.
    pub workflow_type: &'static str,
    /// With which argument; null is none.
    pub input: Value,
    /// What is done to it, one after the other.
    pub then: Vec<Do>,
    /// Where the order of events is not the same each time: the result, which stands for
    /// the history.
    pub result: Option<Value>,
    /// How many workflow tasks there are depends on other runs: they are not compared.
    pub beside_others: bool,
}

/// Something that is done to a run.
#[derive(Clone, Debug)]
pub enum Do {
    /// Waits until it has been through its first task.
    Begun,
    /// Waits until it has so many events of a type and its code has heard them.
    After(EventType, usize),
    /// Waits until it has closed.
    Closed,
    /// Waits until a worker has its activity.
    ActivityRuns,
    /// Signals it.
    Signal(&'static str, Value),
    /// Queries it; the answer must be this.
    Query(&'static str, Value),
    /// Updates it and waits for the result, which must be this; null is a failure.
    Update(&'static str, Value, Value),
    /// Asks it to cancel itself.
    Cancel,
    /// Starts another run before it, whose ID is this one's and `-other`.
    Other(&'static str, Value),
}

/// A behaviour that needs nothing but a start.
fn plain(
    name: &'static str,
    workflow_type: &'static str,
    input: Value,
    what: &'static str,
) -> Case {
    Case {
        name,
        what,
        workflow_type,
        input,
        then: Vec::new(),
        result: None,
        beside_others: false,
    }
}

fn driven(
    name: &'static str,
    workflow_type: &'static str,
    input: Value,
    then: Vec<Do>,
    what: &'static str,
) -> Case {
    Case {
        then,
        ..plain(name, workflow_type, input, what)
    }
}

/// All behaviours.
pub fn all() -> Vec<Case> {
    [
        values(),
        activities(),
        timers(),
        messages(),
        endings(),
        others(),
    ]
    .concat()
}

fn values() -> Vec<Case> {
    let echo = |name, value, what| plain(name, "Echo", value, what);
    vec![
        echo(
            "echo-unicode",
            json!("Grüße, 世界 🌍 \u{0}\"\\\n"),
            "text of every kind",
        ),
        echo(
            "echo-integers",
            json!([0, -1, 9_007_199_254_740_991_i64, -9_007_199_254_740_991_i64]),
            "the largest integers that every language has",
        ),
        echo(
            "echo-floats",
            json!([0.1, -2.5, 1e-7, 1.5e300]),
            "floating point numbers",
        ),
        echo(
            "echo-nested",
            json!({"a": [{"b": {"c": [[], {}]}}, true, false]}),
            "nested values",
        ),
        echo(
            "echo-null-inside",
            json!({"nothing": null, "list": [null]}),
            "null inside a value",
        ),
        echo(
            "echo-empty-text",
            json!(""),
            "an empty text, which is not null",
        ),
    ]
}

fn activities() -> Vec<Case> {
    vec![
        plain(
            "activity-result",
            "ActivityResult",
            json!("Ada"),
            "an activity and its result",
        ),
        plain(
            "activity-retried",
            "ActivityRetried",
            Value::Null,
            "an activity that succeeds at its third attempt",
        ),
        plain(
            "activity-failure-returned",
            "ActivityFailureReturned",
            Value::Null,
            "a failure of an activity becomes that of the run",
        ),
        plain(
            "activity-failure-caught",
            "ActivityFailureCaught",
            Value::Null,
            "a failure of an activity is caught, and its type read",
        ),
        plain(
            "activities-none",
            "FanOut",
            json!(0),
            "nothing is waited for",
        ),
        Case {
            result: Some(json!(["a", "b", "c"])),
            ..plain(
                "activities-in-parallel",
                "Parallel",
                Value::Null,
                "three activities at once; their results come in the order of the calls",
            )
        },
        Case {
            result: Some(json!(124_750)),
            ..plain(
                "activities-many",
                "FanOut",
                json!(500),
                "500 activities at once",
            )
        },
    ]
}

fn timers() -> Vec<Case> {
    use Do::{ActivityRuns, Begun, Cancel};
    let cancelled = |name, input: &str, what| {
        driven(
            name,
            "ActivityCancelled",
            json!(input),
            vec![ActivityRuns, Cancel],
            what,
        )
    };
    vec![
        plain("timer", "Sleeps", json!(10), "a timer"),
        plain(
            "timer-cancelled",
            "TimerCancelled",
            Value::Null,
            "a timer that its workflow cancels",
        ),
        plain(
            "race",
            "Race",
            Value::Null,
            "an activity against a timer, which loses",
        ),
        driven(
            "cancelled",
            "Cancellable",
            Value::Null,
            vec![Begun, Cancel],
            "a run that is cancelled while it sleeps",
        ),
        driven(
            "cleanup",
            "Cleanup",
            Value::Null,
            vec![Begun, Cancel],
            "an activity that cleans up after a cancel",
        ),
        cancelled(
            "activity-cancelled-wait",
            "wait",
            "a cancelled activity is waited for",
        ),
        cancelled(
            "activity-cancelled-try",
            "try",
            "a cancelled activity is not waited for",
        ),
        cancelled(
            "activity-cancelled-abandon",
            "abandon",
            "an activity hears nothing of the cancel",
        ),
        plain(
            "random",
            "Random",
            Value::Null,
            "random numbers, IDs and time",
        ),
    ]
}

fn messages() -> Vec<Case> {
    use Do::{After, Begun, Closed, Query, Signal, Update};
    let signalled = |count| After(EventType::WorkflowExecutionSignaled, count);
    vec![
        driven(
            "signals",
            "Collector",
            json!(2),
            vec![
                Begun,
                Signal("add", json!("a")),
                signalled(1),
                Signal("add", json!({"b": 2})),
            ],
            "signals in the order of their arrival",
        ),
        driven(
            "signal-unknown",
            "Collector",
            json!(1),
            vec![
                Begun,
                Signal("subtract", json!(1)),
                signalled(1),
                Signal("add", json!(2)),
            ],
            "a signal without a handler changes nothing",
        ),
        driven(
            "queries",
            "Collector",
            json!(1),
            vec![
                Begun,
                Query("items", json!([])),
                Signal("add", json!("x")),
                Closed,
                Query("items", json!(["x"])),
            ],
            "queries before and after the close leave no trace",
        ),
        driven(
            "condition-met",
            "Gate",
            json!(3_600_000),
            vec![Begun, Signal("open", Value::Null)],
            "a condition with a limit is met in time",
        ),
        plain(
            "condition-too-late",
            "Gate",
            json!(10),
            "a condition with a limit is not met",
        ),
        driven(
            "update",
            "Account",
            Value::Null,
            vec![
                Begun,
                Update("add", json!(5), json!(5)),
                Update("add", json!(-2), json!(3)),
                Signal("close", Value::Null),
            ],
            "updates, and their results",
        ),
        driven(
            "update-rejected",
            "Account",
            Value::Null,
            vec![
                Begun,
                Update("add", json!(-1), Value::Null),
                Signal("close", Value::Null),
            ],
            "a validator rejects an update, which leaves no trace",
        ),
        driven(
            "update-with-activity",
            "Account",
            Value::Null,
            vec![
                Begun,
                Update("add_from_activity", json!(7), json!(7)),
                Signal("close", Value::Null),
            ],
            "the handler of an update waits for an activity",
        ),
        driven(
            "update-fails",
            "Account",
            Value::Null,
            vec![
                Begun,
                Update("refuse", Value::Null, Value::Null),
                Signal("close", Value::Null),
            ],
            "the handler of an update fails, and the run goes on",
        ),
    ]
}

fn endings() -> Vec<Case> {
    vec![
        plain(
            "fails",
            "Fails",
            json!(false),
            "a failure with type and detail",
        ),
        plain(
            "fails-for-good",
            "Fails",
            json!(true),
            "a failure that is not to be retried",
        ),
        plain(
            "continued-as-new",
            "Countdown",
            json!(2),
            "three runs, one after the other",
        ),
        plain(
            "labels",
            "Labels",
            Value::Null,
            "search attributes and memo",
        ),
    ]
}

fn others() -> Vec<Case> {
    use Do::{After, Begun, Cancel, Other};
    let cases = [
        plain("child", "Child", json!({"n": 1}), "a child and its result"),
        plain(
            "child-fails",
            "ChildFails",
            Value::Null,
            "a child's failure becomes that of its parent",
        ),
        driven(
            "child-cancelled",
            "ChildCancelled",
            Value::Null,
            vec![
                Begun,
                After(EventType::ChildWorkflowExecutionStarted, 1),
                Cancel,
            ],
            "a child is cancelled with its parent, which waits for it",
        ),
        driven(
            "messenger",
            "Messenger",
            json!("messenger-other"),
            vec![Other("Collector", json!(9))],
            "a signal and a cancel to another run",
        ),
        plain(
            "messenger-not-found",
            "Messenger",
            json!("nobody"),
            "a signal and a cancel to a run that is not there",
        ),
    ];
    let beside_others = |case| Case {
        beside_others: true,
        ..case
    };
    cases.map(beside_others).to_vec()
}
