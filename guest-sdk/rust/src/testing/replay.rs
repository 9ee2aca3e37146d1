//! Replays a recorded run and compares its commands, as the server does.

use std::fmt;

use crate::bindings::mainspring::workflow::events::Event;
use crate::bindings::mainspring::workflow::info::RunInfo;
use crate::instance;
use crate::payload::Payload;
use crate::testing::command::Command;
use crate::testing::host::TestHost;
use crate::workflow::Workflow;

/// One workflow task: what the workflow was told and what it asked for.
#[derive(Clone, Default)]
pub(crate) struct Activation {
    /// Nanoseconds since the start of the run.
    pub(crate) elapsed: u64,
    pub(crate) events: Vec<Event>,
    /// How many of the events came before the main function began.
    pub(crate) early: usize,
    pub(crate) commands: Vec<Command>,
    /// The workflow was told that a successor is due.
    pub(crate) suggests_continue_as_new: bool,
}

impl Activation {
    pub(crate) fn at(elapsed: u64, suggests_continue_as_new: bool) -> Self {
        Self {
            elapsed,
            suggests_continue_as_new,
            ..Self::default()
        }
    }
}

/// The first workflow task in which a replay asked for something else.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayDifference {
    /// Which workflow task, from 1.
    pub task: usize,
    /// What the workflow asked for when it ran.
    pub recorded: Vec<Command>,
    /// What it asked for in the replay.
    pub replayed: Vec<Command>,
}

impl std::error::Error for ReplayDifference {}

impl fmt::Display for ReplayDifference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "the replay of workflow task {} asks for something else",
            self.task
        )?;
        for index in 0..self.recorded.len().max(self.replayed.len()) {
            let (recorded, replayed) = (self.recorded.get(index), self.replayed.get(index));
            let mark = if recorded == replayed { ' ' } else { '!' };
            writeln!(formatter, "{mark} recorded: {recorded:?}")?;
            writeln!(formatter, "{mark} replayed: {replayed:?}")?;
        }
        Ok(())
    }
}

pub(crate) fn check<W: Workflow>(
    info: RunInfo,
    input: &[Payload],
    trace: &[Activation],
) -> Result<(), ReplayDifference> {
    let host = TestHost::new(info, true);
    let _installed = host.install();
    host.begin_task(0);
    let mut instance = instance::create::<W>(input);
    let mut compared = 0;
    for (index, activation) in trace.iter().enumerate() {
        if index > 0 {
            host.begin_task(activation.elapsed);
        }
        host.state.borrow_mut().suggests_continue_as_new = activation.suggests_continue_as_new;
        for (position, event) in activation.events.iter().enumerate() {
            if index == 0 && position == activation.early {
                instance.start_main();
            }
            if let Event::Resolved(resolution) = event {
                let mut state = host.state.borrow_mut();
                // An answer to a question that this replay did not ask.
                if !state.has_started(resolution.handle) {
                    break;
                }
                state.open.remove(&resolution.handle);
            }
            let mut event = event.clone();
            if let Event::Update(update) = &mut event {
                // It was accepted: its validator has no say any more (MSG-14).
                update.run_validator = false;
                host.begin_update(&update.id);
            }
            if instance.outcome().is_none() {
                instance.deliver(event);
            }
        }
        if index == 0 {
            instance.start_main();
        }
        let mut state = host.state.borrow_mut();
        if let Some(outcome) = instance.outcome()
            && !state.commands.last().is_some_and(is_end)
        {
            let end = Command::of_end(&outcome, state.continuation.as_ref());
            state.commands.push(end);
        }
        let replayed: Vec<_> = state.commands.iter().skip(compared).cloned().collect();
        if replayed != activation.commands {
            let recorded = activation.commands.clone();
            return Err(ReplayDifference {
                task: index + 1,
                recorded,
                replayed,
            });
        }
        compared = state.commands.len();
    }
    Ok(())
}

fn is_end(command: &Command) -> bool {
    matches!(
        command,
        Command::CompleteWorkflow { .. }
            | Command::FailWorkflow { .. }
            | Command::CancelWorkflow { .. }
            | Command::ContinueAsNew { .. }
    )
}
