//! The behaviours of `tests/conformance/README.md`, in Rust. Each workflow is written the
//! way its language teaches; type names, inputs and the order of operations are what all
//! languages share.

mod activities;
mod messages;
mod others;
mod timers;

mainspring_workflow::export!(
    activities::ActivityFailureCaught,
    activities::ActivityFailureReturned,
    activities::ActivityResult,
    activities::ActivityRetried,
    activities::FanOut,
    activities::Parallel,
    messages::Account,
    messages::Collector,
    messages::Gate,
    others::Child,
    others::ChildCancelled,
    others::ChildFails,
    others::Countdown,
    others::Echo,
    others::Fails,
    others::Labels,
    others::Messenger,
    others::Random,
    timers::ActivityCancelled,
    timers::Cancellable,
    timers::Cleanup,
    timers::Race,
    timers::Sleeps,
    timers::TimerCancelled,
);
