//! What must be true of every world when it is over.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use mainspring_engine::history;
use mainspring_engine::ids::{RunId, WorkflowKey};
use mainspring_engine::replay::{Cutter, RecordedTask, compare};
use mainspring_engine::run::Run;
use mainspring_engine::session::{RunFacts, Session};
use mainspring_engine::time::{Timestamp, set_duration};
use mainspring_sandbox::{Instance, Progress};
use prost::Message as _;
use temporalio_protos::temporal::api::common::v1::Payloads;
use temporalio_protos::temporal::api::enums::v1::EventType;
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;

use crate::Violation;
use crate::lab::{self, Lab};
use crate::rows::Rows;
use crate::store::ModelStore;
use crate::world::{Lived, Truth};
use crate::{chains, shown};

type Checked = Result<(), Violation>;

/// Judges a world that has settled.
pub fn world(
    lab: &Lab,
    store: &ModelStore,
    truth: &Truth,
    lives: usize,
) -> Result<Lived, Violation> {
    let histories = store.look(histories)?;
    store.look(nothing_is_left)?;
    let mut fingerprint = DefaultHasher::new();
    for (run_id, (key, events)) in &histories {
        let of_run = |what: String| Violation(format!("run {run_id}: {what}"));
        in_order(events).map_err(of_run)?;
        each_once(events).map_err(of_run)?;
        no_task_failed(events).map_err(of_run)?;
        results_are_of_their_attempts(events).map_err(of_run)?;
        messages_are_there_once(events).map_err(of_run)?;
        chains::is_followed(events, &histories).map_err(of_run)?;
        chains::begins_in_time(events, !truth.updates.is_empty()).map_err(of_run)?;
        store
            .look(|rows| shown::as_recorded(rows, *run_id, events, &histories))
            .map_err(of_run)?;
        replays(lab, key, *run_id, events).map_err(of_run)?;
        for event in events {
            // Maps in it are encoded in any order.
            let mut bytes = event.encode_to_vec();
            bytes.sort_unstable();
            bytes.hash(&mut fingerprint);
            event.event_id.hash(&mut fingerprint);
            history::event_time(event).hash(&mut fingerprint);
        }
    }
    nothing_is_lost(truth, &histories)?;
    letters_arrive_once(&histories)?;
    Ok(Lived {
        lives,
        runs: histories.len(),
        events: histories.values().map(|(_, events)| events.len()).sum(),
        fingerprint: fingerprint.finish(),
    })
}

pub(crate) type Histories = BTreeMap<RunId, (WorkflowKey, Vec<HistoryEvent>)>;

fn histories(rows: &Rows) -> Result<Histories, Violation> {
    let mut histories = Histories::new();
    for (run_id, batches) in &rows.history {
        let row = rows
            .runs
            .get(run_id)
            .ok_or_else(|| format!("run {run_id} has a history and no row"))?;
        let mut events = Vec::new();
        for batch in batches {
            events.extend(history::decode(batch).map_err(|error| error.to_string())?);
        }
        histories.insert(*run_id, (row.key.clone(), events));
    }
    Ok(histories)
}

/// Nothing that is due waits: no run, and no task while workers poll.
pub fn nothing_is_late(store: &ModelStore, now: Timestamp, late: Duration) -> Checked {
    let histories = store.look(histories)?;
    store.look(|rows| {
        for row in rows.runs.values() {
            // The row's own alarm may be too early; the run knows what it waits for.
            let run = Run::load(rows.image(row), &lab::limits());
            let due = run.map_err(|error| error.to_string())?.next_wake();
            // An activation that is owed is due since the last thing that happened.
            let events = histories.get(&row.run_id).map(|(_, events)| events);
            let last = events.and_then(|events| events.last());
            let happened = last.map_or(Timestamp::EPOCH, history::event_time);
            let due = due.map(|due| due.max(happened));
            if due.is_some_and(|at| at + late < now) {
                return Err(Violation(format!(
                    "run {} was due at {due:?} and it is {now:?}",
                    row.run_id
                )));
            }
        }
        for (_, row) in rows.activities.values() {
            if row.queued_at.is_some_and(|at| at + late < now) {
                return Err(Violation(format!(
                    "activity {} of run {} waits since {:?} although workers poll",
                    row.scheduled_event_id, row.run_id, row.queued_at
                )));
            }
        }
        Ok(())
    })
}

/// Nothing that was recorded a while ago waits for the code of an open run.
pub fn nothing_is_unheard(store: &ModelStore, now: Timestamp, late: Duration) -> Checked {
    let histories = store.look(histories)?;
    for (run_id, (_, events)) in &histories {
        let mut cutter = Cutter::default();
        for event in events {
            cutter
                .push(event.clone())
                .map_err(|error| format!("run {run_id}: {error}"))?;
        }
        let tail = cutter.into_tail();
        if is_held_back(store, *run_id)? {
            continue;
        }
        if let Some(event) = tail.batch.iter().chain(&tail.behind).next()
            && !tail.closed
            && history::event_time(event) + late < now
        {
            return Err(Violation(format!(
                "run {run_id} has never heard event {}",
                event.event_id
            )));
        }
    }
    Ok(())
}

/// Whether the first task of a run has to wait for its time.
fn is_held_back(store: &ModelStore, run_id: RunId) -> Result<bool, Violation> {
    store.look(|rows| {
        let Some(row) = rows.runs.get(&run_id) else {
            return Ok(false);
        };
        let run = Run::load(rows.image(row), &lab::limits());
        let run = run.map_err(|error| error.to_string())?;
        Ok(run.first_task_at().is_some())
    })
}

/// All runs have ended: no row of theirs waits for anything.
fn nothing_is_left(rows: &Rows) -> Checked {
    if let Some((run_id, event_id)) = rows.activities.keys().next() {
        return Err(Violation(format!(
            "run {run_id} has ended and its activity {event_id} is still pending"
        )));
    }
    if let Some((run_id, event_id)) = rows.timers.keys().next() {
        return Err(Violation(format!(
            "run {run_id} has ended and its timer {event_id} is still open"
        )));
    }
    if let Some((run_id, event_id)) = rows.children.keys().next() {
        return Err(Violation(format!(
            "run {run_id} has ended and its child {event_id} is still open"
        )));
    }
    if let Some(((run_id, event_id), letter)) = rows.outbox.iter().next() {
        return Err(Violation(format!(
            "letter {event_id} of run {run_id} to {} is still on its way",
            letter.to
        )));
    }
    let due = rows.runs.values().find(|row| row.wake_at.is_some());
    match due {
        Some(row) => Err(Violation(format!(
            "run {} has ended and has an alarm",
            row.run_id
        ))),
        None => Ok(()),
    }
}

/// IDs without gaps, times that never go back, a start first and a close last.
fn in_order(events: &[HistoryEvent]) -> Result<(), String> {
    let mut last = Timestamp::EPOCH;
    for (event, id) in events.iter().zip(1..) {
        if event.event_id != id {
            return Err(format!(
                "event {} stands where {id} belongs",
                event.event_id
            ));
        }
        let time = history::event_time(event);
        // An activity's start is recorded with its end, with the time that it had.
        if event.event_type() != EventType::ActivityTaskStarted {
            if time < last {
                return Err(format!("event {id} is older than the one before it"));
            }
            last = time;
        }
        if history::closes_run(event) != (id as usize == events.len()) {
            return Err(format!("event {id} of {} closes the run", events.len()));
        }
    }
    let starts = events.first().is_some_and(|event| {
        matches!(
            event.attributes,
            Some(Attributes::WorkflowExecutionStartedEventAttributes(_))
        )
    });
    match starts {
        true => Ok(()),
        false => Err("it does not begin with its start".to_owned()),
    }
}

/// Every operation is answered once at most, a timer not before its time.
fn each_once(events: &[HistoryEvent]) -> Result<(), String> {
    use Attributes as A;
    let mut activities: BTreeSet<i64> = BTreeSet::new();
    let mut timers: BTreeMap<i64, Timestamp> = BTreeMap::new();
    let (mut fired, mut task_started) = (BTreeMap::new(), 0);
    for event in events {
        let Some(attributes) = &event.attributes else {
            return Err(format!("event {} says nothing", event.event_id));
        };
        let time = history::event_time(event);
        let closed = match attributes {
            A::ActivityTaskScheduledEventAttributes(_) => {
                activities.insert(event.event_id);
                None
            }
            A::ActivityTaskCompletedEventAttributes(a) => Some(a.scheduled_event_id),
            A::ActivityTaskFailedEventAttributes(a) => Some(a.scheduled_event_id),
            A::ActivityTaskTimedOutEventAttributes(a) => Some(a.scheduled_event_id),
            A::ActivityTaskCanceledEventAttributes(a) => Some(a.scheduled_event_id),
            A::TimerStartedEventAttributes(a) => {
                let length = set_duration(a.start_to_fire_timeout.as_ref());
                timers.insert(event.event_id, time + length.unwrap_or_default());
                None
            }
            A::TimerFiredEventAttributes(a) => {
                let due = timers.remove(&a.started_event_id);
                let due = due.ok_or_else(|| format!("timer {} is not open", a.timer_id))?;
                if time < due {
                    return Err(format!("timer {} fires before its time", a.timer_id));
                }
                fired.insert(a.started_event_id, event.event_id);
                None
            }
            A::TimerCanceledEventAttributes(a) => {
                let was_open = timers.remove(&a.started_event_id).is_some();
                // It may have fired while the code that cancels it was at work.
                let fired = fired.get(&a.started_event_id);
                if !was_open && fired.is_none_or(|at| *at < task_started) {
                    return Err(format!("timer {} is not open", a.timer_id));
                }
                None
            }
            A::WorkflowTaskStartedEventAttributes(_) => {
                task_started = event.event_id;
                None
            }
            _ => None,
        };
        if let Some(id) = closed
            && !activities.remove(&id)
        {
            return Err(format!("activity {id} ends twice"));
        }
    }
    Ok(())
}

/// The programs are right, so a task fails only where messages came in behind it.
fn no_task_failed(events: &[HistoryEvent]) -> Result<(), String> {
    use temporalio_protos::temporal::api::enums::v1::WorkflowTaskFailedCause as Cause;
    for event in events {
        if let Some(Attributes::WorkflowTaskFailedEventAttributes(failed)) = &event.attributes
            && failed.cause() != Cause::UnhandledCommand
        {
            let why = failed.failure.as_ref().map(|f| f.message.as_str());
            return Err(format!(
                "a workflow task failed with {}: {}",
                failed.cause().as_str_name(),
                why.unwrap_or_default()
            ));
        }
    }
    Ok(())
}

/// A worker's result is its attempt's number: the history names the same one.
fn results_are_of_their_attempts(events: &[HistoryEvent]) -> Result<(), String> {
    let mut attempts = BTreeMap::new();
    for event in events {
        match &event.attributes {
            Some(Attributes::ActivityTaskStartedEventAttributes(started)) => {
                attempts.insert(event.event_id, started.attempt);
            }
            Some(Attributes::ActivityTaskCompletedEventAttributes(done)) => {
                let attempt = attempts.get(&done.started_event_id);
                let result = text(done.result.as_ref());
                if attempt.map(ToString::to_string) != Some(result.clone()) {
                    return Err(format!(
                        "event {} completes attempt {attempt:?} with the result of {result}",
                        event.event_id
                    ));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// A message that is sent again is not recorded again in the same run.
fn messages_are_there_once(events: &[HistoryEvent]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for message in events.iter().filter_map(message_of) {
        if !seen.insert(message.clone()) {
            return Err(format!("message {message} is recorded twice"));
        }
    }
    Ok(())
}

/// A message's own number: of a signal, or of an accepted update.
fn message_of(event: &HistoryEvent) -> Option<String> {
    match event.attributes.as_ref()? {
        Attributes::WorkflowExecutionSignaledEventAttributes(signal)
            if signal.signal_name == "tell" =>
        {
            Some(text(signal.input.as_ref()))
        }
        Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(accepted) => {
            let request = accepted.accepted_request.as_ref()?;
            Some(request.meta.as_ref()?.update_id.clone())
        }
        _ => None,
    }
}

fn text(payloads: Option<&Payloads>) -> String {
    let first = payloads.and_then(|payloads| payloads.payloads.first());
    first
        .map(|payload| String::from_utf8_lossy(&payload.data).into_owned())
        .unwrap_or_default()
}

/// What one run tells another is in one history, once; and it is in one if the teller
/// was told so.
fn letters_arrive_once(histories: &Histories) -> Checked {
    let mut told = BTreeMap::new();
    let mut heard = BTreeMap::new();
    for (run_id, (_, events)) in histories {
        let mut initiated = BTreeMap::new();
        for event in events {
            match &event.attributes {
                Some(Attributes::WorkflowExecutionSignaledEventAttributes(signal))
                    if signal.signal_name == "told" =>
                {
                    *heard.entry(text(signal.input.as_ref())).or_insert(0) += 1;
                }
                Some(Attributes::SignalExternalWorkflowExecutionInitiatedEventAttributes(
                    asked,
                )) => {
                    initiated.insert(event.event_id, text(asked.input.as_ref()));
                }
                Some(Attributes::ExternalWorkflowExecutionSignaledEventAttributes(done)) => {
                    let number = initiated.remove(&done.initiated_event_id);
                    let number = number.ok_or_else(|| {
                        let event_id = done.initiated_event_id;
                        format!("run {run_id}: the signal of event {event_id} is answered twice")
                    })?;
                    told.insert(number, *run_id);
                }
                _ => {}
            }
        }
    }
    if let Some((number, times)) = heard.iter().find(|(_, times)| **times > 1) {
        return Err(Violation(format!(
            "signal {number} of one run to another has arrived {times} times"
        )));
    }
    match told.iter().find(|(number, _)| !heard.contains_key(*number)) {
        Some((number, run_id)) => Err(Violation(format!(
            "run {run_id} was told that its signal {number} has arrived, and it is in no history"
        ))),
        None => Ok(()),
    }
}

/// What was acknowledged is in a history.
fn nothing_is_lost(truth: &Truth, histories: &Histories) -> Checked {
    for (start, run_id) in &truth.started {
        if !histories.contains_key(run_id) {
            return Err(Violation(format!(
                "start {start} was answered with run {run_id}, which is not there"
            )));
        }
    }
    let mut heard: BTreeSet<String> = BTreeSet::new();
    let mut completed: BTreeSet<(RunId, i64)> = BTreeSet::new();
    for (run_id, (_, events)) in histories {
        for event in events {
            if let Some(message) = message_of(event) {
                heard.insert(message);
            }
            if let Some(Attributes::ActivityTaskCompletedEventAttributes(done)) = &event.attributes
            {
                completed.insert((*run_id, done.scheduled_event_id));
            }
        }
    }
    for (signal, acknowledged) in &truth.signals {
        if *acknowledged && !heard.contains(&signal.to_string()) {
            let what = format!("signal {signal} was acknowledged and is in no history");
            return Err(Violation(what));
        }
    }
    for (update, failed) in &truth.updates {
        if !failed && !heard.contains(&format!("update-{update}")) {
            return Err(Violation(format!(
                "update {update} has an outcome and is in no history"
            )));
        }
    }
    for (run_id, event_id) in truth.completed.keys() {
        if !completed.contains(&(*run_id, *event_id)) {
            return Err(Violation(format!(
                "the completion of activity {event_id} of run {run_id} was acknowledged and is not in its history"
            )));
        }
    }
    Ok(())
}

/// Fresh code, given the recorded history task by task, gives the recorded commands
/// after each prefix of it.
fn replays(
    lab: &Lab,
    key: &WorkflowKey,
    run_id: RunId,
    events: &[HistoryEvent],
) -> Result<(), String> {
    let first = events.first().ok_or("its history is empty")?;
    let facts = RunFacts::from_first_event(key.clone(), run_id, first)
        .ok_or("it does not begin with its start")?;
    let session = Session::new(Arc::new(facts), &lab::limits());
    let mut instance = lab
        .component
        .instantiate(session)
        .map_err(|error| error.to_string())?;
    let mut cutter = Cutter::default();
    for event in events {
        let task = cutter
            .push(event.clone())
            .map_err(|error| error.to_string())?;
        if let Some(task) = task {
            replay_task(&mut instance, &task)?;
        }
    }
    match cutter.take_complete() {
        Some(task) => replay_task(&mut instance, &task),
        None => Ok(()),
    }
}

fn replay_task(instance: &mut Instance, task: &RecordedTask) -> Result<(), String> {
    instance.session().begin_task(task.input.clone());
    let end = match instance.advance(Duration::from_secs(3_600)) {
        Progress::Idle => None,
        Progress::Ended(end) => Some(end),
        Progress::OutOfSlice => return Err("a replay does not come to its end".to_owned()),
        Progress::Fault(fault) => return Err(format!("a replay fails: {}", fault.failure.message)),
    };
    let mut session = instance.session();
    let output = session.finish_task(end);
    compare(&output.commands, &task.commands, true).map_err(|divergence| {
        format!(
            "after event {} a replay wants something else: {}\n{}",
            task.completed_event_id, divergence.summary, divergence.diff
        )
    })?;
    session.observe(&task.commands);
    Ok(())
}
