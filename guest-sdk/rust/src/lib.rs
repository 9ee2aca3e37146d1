//! Write durable workflows in Rust.
//!
//! # The model
//!
//! A *workflow* is a function that says what should happen; *activities* are the
//! functions, in some other process and perhaps another language, that make it
//! happen. The runtime keeps a history of every answer that a workflow got. When
//! the server restarts, or the instance is dropped to make room, the workflow's
//! code is run again from the start and is given the recorded answers: it comes
//! to the same point with the same variables, and goes on. So a workflow can wait
//! for a second or for a year, and survives any crash, without a line of code for
//! it.
//!
//! That works if the code, given the same answers, asks for the same things. The
//! crate is built so that it does:
//!
//! - a workflow is a WebAssembly component that can call nothing but its
//!   contract: no files, no sockets, no clock, no environment;
//! - time, random values and UUIDs come from the [context](WorkflowContext) and
//!   are recorded or seeded;
//! - futures are polled in a fixed order by one thread, and [`join!`],
//!   [`select!`] and [`join_all`] keep to declaration order.
//!
//! A panic is a bug in the code, so it fails no run: the workflow task fails, the
//! run stays open and is tried again, also with a corrected version. A run fails
//! when `run` returns an [`ApplicationFailure`] or the failure of an activity.
//!
//! # A workflow
//!
//! ```
//! use std::time::Duration;
//! use mainspring_workflow::{
//!     Activity, ActivityOptions, WorkflowContext, WorkflowResult, workflow, workflow_methods,
//! };
//!
//! const SEND_WELCOME: Activity<String, ()> = Activity::new("SendWelcomeEmail");
//! const SEND_TRIAL_ENDING: Activity<String, ()> = Activity::new("SendTrialEndingEmail");
//!
//! /// Welcomes a user and writes again when the trial ends.
//! #[workflow]
//! #[derive(Default)]
//! pub struct TrialReminder {
//!     extended_days: u64,
//! }
//!
//! #[workflow_methods]
//! impl TrialReminder {
//!     #[run]
//!     pub async fn run(ctx: &mut WorkflowContext<Self>, user_id: String) -> WorkflowResult<()> {
//!         let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(60));
//!         ctx.execute_activity(SEND_WELCOME, &user_id, &options).await?;
//!
//!         let day = Duration::from_secs(24 * 60 * 60);
//!         ctx.timer(7 * day).await.fired()?;
//!         while let days @ 1.. = ctx.state_mut(|state| std::mem::take(&mut state.extended_days)) {
//!             ctx.timer(day * days as u32).await.fired()?;
//!         }
//!
//!         ctx.execute_activity(SEND_TRIAL_ENDING, user_id, options).await?;
//!         Ok(())
//!     }
//!
//!     /// Grants more days.
//!     #[signal]
//!     fn extend(&mut self, days: u64) {
//!         self.extended_days += days;
//!     }
//!
//!     /// The days granted and not yet waited for.
//!     #[query]
//!     fn extended_days(&self) -> u64 {
//!         self.extended_days
//!     }
//! }
//!
//! mainspring_workflow::export!(TrialReminder);
//!
//! // Tested natively, with mocked activities and time that is skipped:
//! # #[cfg(not(target_arch = "wasm32"))] {
//! use mainspring_workflow::testing::TestWorkflowEnvironment;
//!
//! let mut env = TestWorkflowEnvironment::new();
//! env.activity(SEND_WELCOME, |_user| Ok(()));
//! env.activity(SEND_TRIAL_ENDING, |_user| Ok(()));
//! let mut run = env.start::<TrialReminder>("ada".to_owned());
//! run.signal_after(Duration::from_secs(3600), "extend", 3_u64);
//! run.result().unwrap();
//! assert_eq!(run.elapsed(), Duration::from_secs(10 * 24 * 60 * 60));
//! run.check_replay().unwrap();
//! # }
//! ```
//!
//! # The parts
//!
//! - `#[run]` is the main function; `#[init]` constructs the state if `Default`
//!   does not do. Both may take the run's input.
//! - `#[signal]` handlers take messages: sync with `&mut self`, or async with a
//!   [`WorkflowContext`]. An async handler runs beside `run`. Signals without a
//!   handler wait in a [`SignalChannel`].
//! - `#[query]` handlers answer questions with `&self` and change nothing.
//! - `#[update]` handlers do both: they change the state, may wait, and answer. An
//!   `#[update_validator(…)]` refuses one before it is accepted, without a trace.
//! - A handler marked `dynamic` takes every name that no other takes.
//! - [`WorkflowContext`] starts activities and timers, waits for conditions,
//!   gives time and random values. The state is reached through
//!   [`state`](WorkflowContext::state) and [`state_mut`](WorkflowContext::state_mut),
//!   so that no borrow lives across a wait.
//! - [`continue_as_new`](WorkflowContext::continue_as_new) ends a run by starting
//!   its successor, with a history of its own.
//! - [`child_workflow`](BaseWorkflowContext::child_workflow) starts another workflow;
//!   [`external_workflow`](BaseWorkflowContext::external_workflow) signals and cancels any.
//! - [`WorkflowCancellationToken`] groups what is cancelled together.
//! - [`logging`] writes the workflow log, once per line however often the code is
//!   replayed.
//!
//! # Building
//!
//! A workflow crate is a `cdylib` (and an `rlib`, for tests in other crates) and
//! is built with `cargo build --release --target wasm32-unknown-unknown`; the
//! module carries the description of its interface, from which a component is
//! made. It imports only those parts of the contract that its code uses.

#![cfg_attr(target_arch = "wasm32", allow(clippy::missing_panics_doc))]

extern crate self as mainspring_workflow;

#[allow(missing_docs, unreachable_pub, clippy::all)]
#[rustfmt::skip]
#[doc(hidden)]
pub mod bindings;

mod activity;
mod answer;
mod builtin;
mod cancellation;
mod child;
mod component;
mod concurrency;
mod context;
mod continuation;
mod definition;
mod duration;
mod executor;
mod external;
mod failure;
mod host;
mod info;
mod instance;
pub mod logging;
mod operations;
mod payload;
mod properties;
mod random;
mod rfc_3339;
mod running;
mod runtime;
mod signals;
mod termination;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod timer;
mod updates;
mod workflow;

pub use activity::{
    Activity, ActivityCancellationType, ActivityDefinition, ActivityExecutionError, ActivityFuture,
    ActivityOptions, ActivityOptionsBuilder, Priority, RetryPolicy,
};
pub use cancellation::{CancellableFuture, WorkflowCancellationError, WorkflowCancellationToken};
pub use child::{
    ChildCancellationType, ChildWorkflow, ChildWorkflowDefinition, ChildWorkflowExecutionError,
    ChildWorkflowHandle, ChildWorkflowOptions, ParentClosePolicy, WorkflowIdReusePolicy,
};
pub use concurrency::{JoinAll, join_all};
pub use context::{BaseWorkflowContext, SyncWorkflowContext, WorkflowContext};
pub use continuation::{ContinueAsNewOptions, VersioningIntent};
pub use external::{ExternalWorkflowError, ExternalWorkflowHandle, MessageFuture};
pub use failure::{
    ApplicationFailure, ApplicationFailureBuilder, Failure, FailureCategory, FailureKind,
    FailureNode, NexusRetryBehavior, RetryState, TimeoutType,
};
pub use info::{ContinuedInitiator, SuggestReason, WorkflowContextView, WorkflowExecution};
pub use mainspring_workflow_macros::{
    init, query, run, signal, update, update_validator, workflow, workflow_methods,
};
pub use payload::{Args, FromPayloads, IntoPayloads, Payload, PayloadConversionError};
pub use properties::{MemoUpdate, SearchAttribute, SearchAttributeUpdate, SearchAttributeValue};
pub use random::WorkflowRandomValue;
pub use signals::SignalChannel;
pub use termination::{Continuation, WorkflowResult, WorkflowTermination};
pub use timer::{TimerFuture, TimerOptions, TimerResult};
pub use workflow::{
    HandlerDescription, HandlerResult, ReadsPolicy, VersioningPolicy, Workflow, WorkflowDeclaration,
};

/// The README's example compiles, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// What the macros expand to. Not for use by hand, and no promise is made.
#[doc(hidden)]
pub mod __private {
    pub use futures;
    pub use wit_bindgen;

    pub use crate::bindings;
    pub use crate::component::{Entry, describe, entry};
    #[cfg(target_arch = "wasm32")]
    pub use crate::component::{answer_queries, run};
    pub use crate::workflow::{
        MainFuture, QueryDispatch, SignalDispatch, UpdateDispatch, UpdateVerdict,
    };
}
