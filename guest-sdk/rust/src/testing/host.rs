//! The host functions of a test run: a virtual clock and an agenda.
//!
//! Whatever a workflow starts puts entries on the agenda; the driver (in `run`)
//! takes the earliest, moves the clock there, and delivers what follows. In
//! replay nothing is put on the agenda: commands are noted and answers come from
//! the record.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use crate::bindings::mainspring::workflow::activities::{ActivityOptions, CancellationType};
use crate::bindings::mainspring::workflow::continuation::ContinueOptions;
use crate::bindings::mainspring::workflow::events::{Event, Resolution};
use crate::bindings::mainspring::workflow::info::{RunInfo, SuggestReasons, TaskInfo};
use crate::bindings::mainspring::workflow::{logging, types};
use crate::duration;
use crate::failure::{Failure, FailureKind, RetryState};
use crate::host::Handle;
use crate::testing::activity::AttemptResult;
use crate::testing::children::OpenChild;
use crate::testing::command::Command;
use crate::testing::update::Updates;

thread_local! {
    static CURRENT: RefCell<Option<Rc<TestHost>>> = const { RefCell::new(None) };
}

/// The host of the run that is being driven on this thread.
pub(crate) fn current() -> Rc<TestHost> {
    CURRENT.with(|current| current.borrow().clone()).expect(
        "workflow operations work only inside a component or a run of a TestWorkflowEnvironment",
    )
}

/// Keeps a host installed; the one before it returns at the drop.
pub(crate) struct Installed(Option<Rc<TestHost>>);

impl Drop for Installed {
    fn drop(&mut self) {
        CURRENT.with(|current| *current.borrow_mut() = self.0.take());
    }
}

/// A line of the workflow log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How grave it is.
    pub level: logging::Level,
    /// What it says.
    pub message: String,
    /// What stands beside it.
    pub fields: Vec<(String, String)>,
}

/// Something that happens at a virtual time.
pub(crate) enum Due {
    Message(Event),
    TimerFires(Handle),
    AttemptStarts(Handle),
    AttemptEnds(Handle, AttemptResult),
    ScheduleToClose(Handle),
    ChildStarts(Handle),
    ChildEnds(Handle, types::Outcome),
    /// At this workflow; absent: at a child.
    MessageArrives(Handle, Option<String>),
}

/// An operation that has no answer yet.
pub(crate) enum Open {
    Timer,
    Activity(Box<OpenActivity>),
    Child(Box<OpenChild>),
    /// A signal or a cancel request for another workflow.
    Message,
}

/// An activity between its scheduling and its answer.
pub(crate) struct OpenActivity {
    pub(crate) options: ActivityOptions,
    pub(crate) scheduled_at: u64,
    /// The attempt that is under way or comes next, from 1.
    pub(crate) attempt: u32,
    pub(crate) running: bool,
    /// A cancel ends the attempt that is under way.
    pub(crate) stops_on_cancel: bool,
    pub(crate) cancel_requested: bool,
}

pub(crate) struct State {
    pub(crate) info: RunInfo,
    pub(crate) replaying: bool,
    /// Nanoseconds since the start of the run.
    pub(crate) elapsed: u64,
    task_time: types::TimestampNs,
    task_number: u64,
    random: u64,
    handles: Handle,
    pub(crate) open: BTreeMap<Handle, Open>,
    agenda: BTreeMap<(u64, u64), Due>,
    entries: u64,
    /// Answers known at once: delivered before anything on the agenda.
    pub(crate) local: VecDeque<Event>,
    pub(crate) commands: Vec<Command>,
    /// How the run continues, if the workflow has said so.
    pub(crate) continuation: Option<ContinueOptions>,
    pub(crate) logs: Vec<LogLine>,
    pub(crate) suggests_continue_as_new: bool,
    answer: Option<Result<types::Payload, types::Failure>>,
    reading: bool,
    pub(crate) updates: Updates,
}

pub(crate) struct TestHost {
    pub(crate) state: RefCell<State>,
}

impl TestHost {
    pub(crate) fn new(info: RunInfo, replaying: bool) -> Rc<Self> {
        let task_time = info.start_time;
        let state = State {
            info,
            replaying,
            elapsed: 0,
            task_time,
            task_number: 0,
            random: 0,
            handles: 0,
            open: BTreeMap::new(),
            agenda: BTreeMap::new(),
            entries: 0,
            local: VecDeque::new(),
            commands: Vec::new(),
            continuation: None,
            logs: Vec::new(),
            suggests_continue_as_new: false,
            answer: None,
            reading: false,
            updates: Updates::default(),
        };
        Rc::new(Self {
            state: RefCell::new(state),
        })
    }

    pub(crate) fn install(self: &Rc<Self>) -> Installed {
        CURRENT.with(|current| Installed(current.borrow_mut().replace(self.clone())))
    }

    /// Begins a workflow task: the workflow's clock and random stream move on.
    pub(crate) fn begin_task(&self, elapsed: u64) {
        let mut state = self.state.borrow_mut();
        state.elapsed = elapsed;
        state.task_number += 1;
        state.task_time = state.info.start_time.saturating_add_unsigned(elapsed);
        state.random = state.info.random_seed ^ mix(state.task_number);
    }

    pub(crate) fn agree(&self, delay: u64, due: Due) {
        self.state.borrow_mut().agree(delay, due);
    }

    /// Takes the earliest entry that is due by `until` and moves the clock there.
    pub(crate) fn take_due(&self, until: Option<u64>) -> Option<Due> {
        let mut state = self.state.borrow_mut();
        let (&(time, _), _) = state.agenda.first_key_value()?;
        if until.is_some_and(|until| time > until) {
            return None;
        }
        let (_, due) = state.agenda.pop_first()?;
        state.elapsed = time;
        Some(due)
    }

    /// Takes the messages that were sent before the run first ran: all but the
    /// updates, of which the first comes at the end and the others have tasks of
    /// their own.
    pub(crate) fn take_early(&self) -> Vec<Event> {
        let mut state = self.state.borrow_mut();
        let agenda = std::mem::take(&mut state.agenda);
        let (mut early, mut update) = (Vec::new(), None);
        for (key, due) in agenda {
            match due {
                Due::Message(Event::Update(first)) if key.0 == 0 && update.is_none() => {
                    update = Some(Event::Update(first));
                }
                Due::Message(event) if key.0 == 0 && !matches!(event, Event::Update(_)) => {
                    early.push(event);
                }
                due => {
                    state.agenda.insert(key, due);
                }
            }
        }
        early.extend(update);
        early
    }

    /// The task never was: the update that it carried was refused.
    pub(crate) fn forget_task(&self) {
        self.state.borrow_mut().task_number -= 1;
    }

    /// Opens the read phase of one query and gives its answer.
    pub(crate) fn read(
        &self,
        ask: impl FnOnce(),
    ) -> Option<Result<types::Payload, types::Failure>> {
        self.state.borrow_mut().reading = true;
        ask();
        let mut state = self.state.borrow_mut();
        state.reading = false;
        state.answer.take()
    }

    pub(crate) fn start_activity(&self, options: ActivityOptions) -> Handle {
        let mut state = self.state.borrow_mut();
        assert!(
            options.start_to_close_timeout.is_some() || options.schedule_to_close_timeout.is_some(),
            "activity {:?} has neither a start-to-close nor a schedule-to-close timeout",
            options.activity_type
        );
        let handle = state.next_handle();
        state.commands.push(Command::schedule(handle, &options));
        state.agree(0, Due::AttemptStarts(handle));
        if let Some(limit) = options.schedule_to_close_timeout {
            state.agree(limit, Due::ScheduleToClose(handle));
        }
        let activity = OpenActivity {
            options,
            scheduled_at: state.elapsed,
            attempt: 1,
            running: false,
            stops_on_cancel: false,
            cancel_requested: false,
        };
        state
            .open
            .insert(handle, Open::Activity(Box::new(activity)));
        handle
    }

    pub(crate) fn start_timer(
        &self,
        length: types::DurationNs,
        _metadata: types::UserMetadata,
    ) -> Handle {
        let mut state = self.state.borrow_mut();
        let handle = state.next_handle();
        state.commands.push(Command::StartTimer {
            handle,
            duration: duration::from_ns(length),
        });
        state.agree(length, Due::TimerFires(handle));
        state.open.insert(handle, Open::Timer);
        handle
    }

    pub(crate) fn cancel(&self, handle: Handle, _reason: &str) {
        let mut state = self.state.borrow_mut();
        assert!(
            handle <= state.handles,
            "the workflow cancelled operation {handle}, which never was"
        );
        state.assert_may_act();
        let replaying = state.replaying;
        let at_once = match state.open.get_mut(&handle) {
            None => return,
            Some(Open::Timer) => true,
            Some(Open::Message) => return,
            Some(Open::Child(child)) => child.is_cancelled_at_once(),
            Some(Open::Activity(activity)) => {
                activity.cancel_requested = true;
                let waits = activity.options.cancellation_type
                    == CancellationType::WaitCancellationCompleted;
                !(waits && activity.running && !activity.stops_on_cancel)
            }
        };
        state.commands.push(Command::Cancel { handle });
        if at_once && !replaying {
            state.cancelled_locally(handle);
        } else if let Some(Open::Child(child)) = state.open.get(&handle) {
            // A child of a test honours a cancel.
            let outcome = child.cancelled();
            state.agree(0, Due::ChildEnds(handle, outcome));
        }
    }

    pub(crate) fn continue_as_new(&self, options: ContinueOptions) {
        let mut state = self.state.borrow_mut();
        state.assert_may_act();
        state.continuation = Some(options);
    }

    pub(crate) fn answer_query(&self, _id: &str, answer: Result<types::Payload, types::Failure>) {
        self.state.borrow_mut().answer = Some(answer);
    }

    pub(crate) fn now(&self) -> types::TimestampNs {
        self.state.borrow().task_time
    }

    pub(crate) fn random_u64(&self) -> u64 {
        let mut state = self.state.borrow_mut();
        state.random = state.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(state.random)
    }

    pub(crate) fn random_bytes(&self, length: u32) -> Vec<u8> {
        (0..length)
            .map(|_| self.random_u64().to_le_bytes()[0])
            .collect()
    }

    pub(crate) fn log(&self, level: logging::Level, message: &str, fields: &[(String, String)]) {
        let mut state = self.state.borrow_mut();
        if !state.replaying {
            let line = LogLine {
                level,
                message: message.to_owned(),
                fields: fields.to_vec(),
            };
            state.logs.push(line);
        }
    }

    pub(crate) fn run_info(&self) -> RunInfo {
        self.state.borrow().info.clone()
    }

    pub(crate) fn task_info(&self) -> TaskInfo {
        let state = self.state.borrow();
        TaskInfo {
            // As the server counts a task: scheduled, started, completed.
            history_length: state.task_number * 3 + state.commands.len() as u64,
            history_size_bytes: 0,
            continue_as_new_suggested: state.suggests_continue_as_new,
            suggest_reasons: SuggestReasons::empty(),
            deployment_name: "test".to_owned(),
            version_label: "test".to_owned(),
            target_version_changed: false,
            last_sdk_version: String::new(),
            sdk_flags: Vec::new(),
        }
    }

    pub(crate) fn is_replaying(&self) -> bool {
        self.state.borrow().replaying
    }
}

impl State {
    pub(crate) fn agree(&mut self, delay: u64, due: Due) {
        if !self.replaying {
            let time = self.elapsed.saturating_add(delay);
            self.entries += 1;
            self.agenda.insert((time, self.entries), due);
        }
    }

    pub(crate) fn assert_may_act(&self) {
        assert!(
            !self.reading,
            "a query handler or a validator must not start, cancel or change anything"
        );
    }

    pub(crate) fn set_reading(&mut self, reading: bool) {
        self.reading = reading;
    }

    pub(crate) fn next_handle(&mut self) -> Handle {
        self.assert_may_act();
        self.handles += 1;
        self.handles
    }

    /// Whether the workflow ever started an operation of this number.
    pub(crate) fn has_started(&self, handle: Handle) -> bool {
        handle <= self.handles
    }

    /// Answers an operation as cancelled, before anything else is delivered.
    pub(crate) fn cancelled_locally(&mut self, handle: Handle) {
        let failure = match self.open.remove(&handle) {
            None => return,
            Some(Open::Timer | Open::Message) => Failure::cancelled("timer cancelled", Vec::new()),
            Some(Open::Child(child)) => child.cancelled_failure(),
            Some(Open::Activity(activity)) => {
                let cause = Failure::cancelled("activity cancelled", Vec::new());
                activity
                    .failure(handle, RetryState::CancelRequested)
                    .caused_by(cause)
            }
        };
        let outcome = types::Outcome::Cancelled(failure.into());
        self.local
            .push_back(Event::Resolved(Resolution { handle, outcome }));
    }
}

impl OpenActivity {
    /// The outer node of this activity's failures.
    pub(crate) fn failure(&self, handle: Handle, retry_state: RetryState) -> Failure {
        let options = &self.options;
        let kind = FailureKind::Activity {
            scheduled_event_id: 0,
            started_event_id: 0,
            identity: "test".to_owned(),
            activity_type: options.activity_type.clone(),
            activity_id: options
                .activity_id
                .clone()
                .unwrap_or_else(|| handle.to_string()),
            retry_state,
        };
        Failure::new("activity error", kind)
    }
}

/// SplitMix64's finaliser: spreads neighbouring numbers over the whole range.
fn mix(number: u64) -> u64 {
    let mut mixed = number;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
