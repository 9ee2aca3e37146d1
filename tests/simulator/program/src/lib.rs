//! A workflow as data. The simulator draws programs at random, the component in
//! `guest` carries them out, and an activity's input tells the simulated worker how
//! each attempt goes.

use serde::{Deserialize, Serialize};

/// One workflow: its steps, one after the other, and how it ends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// What it does.
    pub steps: Vec<Step>,
    /// It fails in the end.
    pub fails: bool,
    /// It continues as new with this program instead of ending.
    pub next: Option<Box<Program>>,
}

/// Something that a workflow does. Lengths are milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Step {
    /// Runs an activity; its failure is noted and no more.
    Activity(Activity),
    /// Starts a durable timer.
    Sleep(u64),
    /// Waits until that many signals were heard in all.
    Hear(usize),
    /// Notes a random number.
    Draw,
    /// All at once.
    All(Vec<Step>),
    /// One after the other.
    Each(Vec<Step>),
    /// All at once; the first that is done cancels the others.
    First(Vec<Step>),
    /// Cancels the step after this time, if it is not done.
    Within(u64, Box<Step>),
    /// Starts a child workflow.
    Child(Box<Child>),
    /// Signals the workflow of this number, with a number of its own.
    Tell(u8),
    /// Asks the workflow of this number to cancel itself.
    Stop(u8),
    /// Changes what lists show of it, as the number says.
    Mark(u8),
}

/// A child workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Child {
    /// Its workflow's number, where it has one that others use too.
    pub workflow: Option<u8>,
    /// What it does.
    pub program: Program,
    /// What becomes of it when its parent closes.
    pub close: Close,
    /// What a cancel waits for.
    pub cancellation: Cancellation,
    /// It is told something as soon as it was asked for.
    pub told: bool,
    /// The parent goes on without its result.
    pub left: bool,
}

/// What becomes of a child when its parent closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Close {
    /// It is terminated.
    Terminate,
    /// It is asked to cancel itself.
    Cancel,
    /// It is left alone.
    Abandon,
}

/// The search attribute that programs set; a keyword.
pub const COLOR: &str = "SimulatedColor";

/// The workflow ID of a number.
pub fn workflow_id(workflow: u8) -> String {
    format!("workflow-{workflow}")
}

/// An activity and all that happens to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    /// Which of the queues.
    pub queue: u8,
    /// One attempt.
    pub start_to_close: u64,
    /// All attempts.
    pub schedule_to_close: Option<u64>,
    /// Between two heartbeats.
    pub heartbeat: Option<u64>,
    /// Attempts at most; 0: any number.
    pub attempts: u32,
    /// What a cancel means.
    pub cancellation: Cancellation,
    /// How the attempts go; the last one is repeated.
    pub work: Vec<Attempt>,
}

/// What the workflow waits for when it cancels an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cancellation {
    /// For nothing; the worker is told.
    Try,
    /// For the worker.
    Wait,
    /// For nothing; nobody is told.
    Abandon,
}

/// How one attempt of an activity goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attempt {
    /// Completes after so long; a retried report may come twice.
    Completes {
        /// How long it takes.
        after: u64,
        /// Reports once more after the report was taken.
        twice: bool,
    },
    /// Fails after so long.
    Fails {
        /// How long it takes.
        after: u64,
        /// Whether another attempt may help.
        for_good: bool,
    },
    /// Heartbeats so many times, then completes, or stops when it is told to.
    Beats {
        /// How many times.
        times: u8,
        /// How often.
        every: u64,
    },
    /// The worker dies with it.
    Dies,
    /// The worker hangs up before it has the task: it comes back at once.
    Refused,
}

/// What a program has seen when it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The signals heard, in order.
    pub heard: Vec<u32>,
    /// What happened, step by step.
    pub trace: Vec<String>,
}
