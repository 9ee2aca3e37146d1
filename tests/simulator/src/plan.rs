//! What happens in a world, drawn from its seed. All times are virtual milliseconds
//! from the beginning.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use simulated_program::{Activity, Attempt, Cancellation, Child, Close, Program, Step};

/// Task queues of a world.
pub const QUEUES: u8 = 2;
/// Workflow IDs of a world.
pub const WORKFLOW_IDS: u8 = 3;

/// A world.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What it was drawn from; also seeds what is drawn on the way.
    pub seed: u64,
    /// The starts.
    pub starts: Vec<Start>,
    /// The messages.
    pub messages: Vec<Message>,
    /// What the disk does.
    pub faults: Vec<Fault>,
    /// Workers that are gone for a while.
    pub outages: Vec<Outage>,
    /// Code kept live; a small number makes it come and go.
    pub live_instances: usize,
    /// Code is dropped after each activation.
    pub forgets_code: bool,
    /// Tasks of a queue kept in memory.
    pub tasks_in_memory: usize,
    /// Code needs many slices.
    pub slow: Option<Slow>,
}

/// Long work takes turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slow {
    /// So many at once.
    pub turns: usize,
    /// What each takes.
    pub takes: u64,
}

/// A client starts a workflow, and tries again until it is answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// When.
    pub at: u64,
    /// Which workflow ID.
    pub workflow: u8,
    /// What to do where it is running.
    pub conflict: Conflict,
    /// What it does.
    pub program: Program,
    /// Run timeout.
    pub timeout: Option<u64>,
    /// Execution timeout.
    pub lasts: Option<u64>,
    /// It is begun again every so many seconds.
    pub cron: Option<u64>,
    /// It begins with a memo and a search attribute.
    pub marked: bool,
    /// The message that comes with it.
    pub opens: Option<Opening>,
    /// A failed run is tried again.
    pub retried: bool,
    /// The first task waits so long.
    pub delay: Option<u64>,
    /// Sends the same request once more after the answer.
    pub again: bool,
}

/// What comes with a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Signal-with-start.
    Signal,
    /// Update-with-start; waits for the outcome.
    Update,
}

/// What a start does where the workflow is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Is refused.
    Fail,
    /// Takes the one that runs.
    Use,
    /// Terminates the one that runs.
    Terminate,
}

/// A client tells a workflow something, and tries again until it is answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// When.
    pub at: u64,
    /// Which workflow ID.
    pub workflow: u8,
    /// What.
    pub what: What,
    /// Sends the same request once more after the answer.
    pub again: bool,
}

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A signal with its own number.
    Signal,
    /// Cancel.
    Cancel,
    /// Terminate.
    Terminate,
    /// A question.
    Query,
    /// An update with its own number; waits for its outcome.
    Update,
}

/// Something happens to a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which commit of the world, from 0.
    pub commit: u64,
    /// Whether its writes reach the disk.
    pub written: bool,
    /// The server is killed; otherwise it is told that the commit failed.
    pub kills: bool,
}

/// No worker works for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// From when.
    pub from: u64,
    /// Until when.
    pub to: u64,
}

impl Plan {
    /// The world of a seed.
    pub fn draw(seed: u64) -> Self {
        let mut draw = Draw(StdRng::seed_from_u64(seed));
        let busy = draw.below(4_000) + 500;
        let starts = (0..draw.below(4) + 1).map(|_| draw.start(busy)).collect();
        let messages = (0..draw.below(7)).map(|_| draw.message(busy)).collect();
        let faults = (0..draw.below(4)).map(|_| draw.fault()).collect();
        let outages = (0..draw.below(2)).map(|_| draw.outage(busy)).collect();
        Self {
            seed,
            starts,
            messages,
            faults,
            outages,
            live_instances: if draw.one_in(3) { 1 } else { 100 },
            forgets_code: draw.one_in(4),
            tasks_in_memory: if draw.one_in(3) { 1 } else { 100 },
            slow: draw.one_in(3).then(|| draw.slow()),
        }
    }
}

struct Draw(StdRng);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0.random_range(0..end)
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn workflow(&mut self) -> u8 {
        self.0.random_range(0..WORKFLOW_IDS)
    }

    fn slow(&mut self) -> Slow {
        Slow {
            turns: self.0.random_range(1..4),
            takes: self.below(20),
        }
    }

    fn start(&mut self, busy: u64) -> Start {
        let steps = self.below(5) + 1;
        let conflict = match self.below(5) {
            0 => Conflict::Terminate,
            1 => Conflict::Use,
            _ => Conflict::Fail,
        };
        let opens = self.one_in(4).then(|| self.opening(conflict));
        // An update cannot wait for a run's time to come, and a tick is the time of
        // one that has a schedule.
        let waits = opens != Some(Opening::Update);
        let cron = (waits && self.one_in(8)).then(|| 5 + self.below(20));
        let delayed = waits && cron.is_none() && self.one_in(10);
        Start {
            at: self.below(busy),
            workflow: self.workflow(),
            conflict,
            program: self.program(steps),
            timeout: self.one_in(8).then(|| 1_000 + self.below(20_000)),
            lasts: self.one_in(8).then(|| 2_000 + self.below(40_000)),
            cron,
            marked: self.one_in(3),
            opens,
            retried: self.one_in(4),
            delay: delayed.then(|| self.below(3_000)),
            again: self.one_in(4),
        }
    }

    /// A signal has its own run to go to, an update must not end another's.
    fn opening(&mut self, conflict: Conflict) -> Opening {
        match conflict {
            Conflict::Fail => Opening::Update,
            Conflict::Terminate => Opening::Signal,
            Conflict::Use if self.one_in(2) => Opening::Signal,
            Conflict::Use => Opening::Update,
        }
    }

    fn program(&mut self, steps: u64) -> Program {
        Program {
            steps: (0..steps).map(|_| self.step(2)).collect(),
            fails: self.one_in(6),
            next: self.one_in(5).then(|| {
                let steps = self.below(3);
                Box::new(self.program(steps))
            }),
        }
    }

    fn message(&mut self, busy: u64) -> Message {
        Message {
            at: self.below(2 * busy),
            workflow: self.workflow(),
            what: match self.below(12) {
                0 | 1 => What::Cancel,
                2 => What::Terminate,
                3 => What::Query,
                4..=6 => What::Update,
                _ => What::Signal,
            },
            again: self.one_in(4),
        }
    }

    fn fault(&mut self) -> Fault {
        Fault {
            commit: self.below(40),
            written: self.one_in(2),
            kills: !self.one_in(3),
        }
    }

    fn outage(&mut self, busy: u64) -> Outage {
        let from = self.below(busy);
        let to = from + self.below(10_000);
        Outage { from, to }
    }

    /// `depth`: how deep steps may nest.
    fn step(&mut self, depth: u8) -> Step {
        match self.below(if depth > 0 { 20 } else { 13 }) {
            0..=4 => Step::Activity(self.activity()),
            5 | 6 => Step::Sleep(self.below(3_000)),
            7 => Step::Hear(self.0.random_range(0..3)),
            8 => Step::Draw,
            9 => Step::Tell(self.workflow()),
            10 if self.one_in(3) => Step::Stop(self.workflow()),
            10 => Step::Tell(self.workflow()),
            11 | 12 => Step::Mark(self.0.random_range(0..60)),
            13 | 14 => Step::All(self.steps(depth)),
            15 => Step::Each(self.steps(depth)),
            16 => Step::First(self.steps(depth)),
            17 | 18 => Step::Child(Box::new(self.child(depth))),
            _ => Step::Within(self.below(3_000), Box::new(self.step(depth - 1))),
        }
    }

    fn steps(&mut self, depth: u8) -> Vec<Step> {
        let count = self.below(4);
        (0..count).map(|_| self.step(depth - 1)).collect()
    }

    fn child(&mut self, depth: u8) -> Child {
        Child {
            workflow: self.one_in(5).then(|| self.workflow()),
            program: Program {
                steps: self.steps(depth),
                fails: self.one_in(6),
                next: self.one_in(6).then(|| {
                    let steps = self.steps(depth);
                    Box::new(Program {
                        steps,
                        ..Program::default()
                    })
                }),
            },
            close: match self.below(3) {
                0 => Close::Terminate,
                1 => Close::Cancel,
                _ => Close::Abandon,
            },
            cancellation: self.cancellation(),
            told: self.one_in(3),
            left: self.one_in(4),
        }
    }

    fn cancellation(&mut self) -> Cancellation {
        match self.below(3) {
            0 => Cancellation::Try,
            1 => Cancellation::Wait,
            _ => Cancellation::Abandon,
        }
    }

    fn activity(&mut self) -> Activity {
        let mut work: Vec<Attempt> = (0..self.below(3)).map(|_| self.attempt()).collect();
        let (after, twice) = (self.below(500), self.one_in(4));
        work.push(Attempt::Completes { after, twice });
        Activity {
            queue: self.0.random_range(0..QUEUES),
            start_to_close: 1_000,
            schedule_to_close: self.one_in(4).then(|| 500 + self.below(5_000)),
            heartbeat: self.one_in(3).then_some(400),
            attempts: if self.one_in(4) { 2 } else { 0 },
            cancellation: self.cancellation(),
            work,
        }
    }

    fn attempt(&mut self) -> Attempt {
        match self.below(6) {
            // Some answer after their time is over.
            0 => Attempt::Completes {
                after: 800 + self.below(1_000),
                twice: self.one_in(2),
            },
            1 | 2 => Attempt::Fails {
                after: self.below(500),
                for_good: self.one_in(5),
            },
            3 => Attempt::Beats {
                times: self.0.random_range(1..5),
                every: 50 + self.below(500),
            },
            4 => Attempt::Dies,
            _ => Attempt::Refused,
        }
    }
}
