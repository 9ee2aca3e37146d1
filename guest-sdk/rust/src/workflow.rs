//! What the attribute macros implement: a workflow as the executor sees it.
//!
//! Users write an `impl` block; `#[workflow]` turns the struct into a
//! [`WorkflowDeclaration`], `#[workflow_methods]` the block into a [`Workflow`].
//! The decoding of arguments happens in the generated code, which knows their
//! types; everything else is ordinary code behind these traits.

use futures::future::LocalBoxFuture;

use crate::context::WorkflowContext;
use crate::failure::Failure;
use crate::info::WorkflowContextView;
use crate::payload::{Payload, PayloadConversionError};
use crate::termination::{WorkflowResult, WorkflowTermination};

/// How open runs meet a new version of the component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersioningPolicy {
    /// A run stays on the component that it started with.
    Pinned,
    /// A run moves when a replay check has passed.
    AutoUpgrade,
    /// A run stays, its successors start on the current version.
    UpgradeOnContinueAsNew,
}

/// What happens to an instance that answered a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadsPolicy {
    /// It is rebuilt by replay before the next event.
    Rebuild,
    /// It is kept: the author vouches that queries change nothing.
    Trust,
}

/// What `#[workflow]` knows: the struct's name, its docs and its policies.
pub trait WorkflowDeclaration {
    /// The workflow type, unless `#[run(name = …)]` gives another.
    const TYPE_NAME: &'static str;
    /// The struct's doc comment.
    const DESCRIPTION: &'static str;
    /// `#[workflow(versioning = …)]`.
    const VERSIONING: VersioningPolicy;
    /// `#[workflow(reads = …)]`.
    const READS: ReadsPolicy;
}

/// A signal, a query or an update that a workflow handles. The handler for every
/// other name has an empty one (WF-17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandlerDescription {
    /// Its name.
    pub name: &'static str,
    /// The method's doc comment.
    pub description: &'static str,
    /// Whether the log warns if the run ends while it is at work (MSG-07).
    pub warns_if_unfinished: bool,
}

/// The future of the main function.
pub type MainFuture = LocalBoxFuture<'static, WorkflowResult<Vec<Payload>>>;

/// What became of a signal.
pub enum SignalDispatch {
    /// There is no handler of this name.
    Unhandled,
    /// The arguments do not decode.
    Refused(PayloadConversionError),
    /// A sync handler ran.
    Done(WorkflowResult<()>),
    /// An async handler is to be run.
    Task(LocalBoxFuture<'static, WorkflowResult<()>>),
}

/// What became of a query.
pub enum QueryDispatch {
    /// There is no handler of this name.
    Unhandled,
    /// The arguments or the answer do not convert.
    Refused(PayloadConversionError),
    /// The handler refused.
    Failed(Failure),
    /// The answer.
    Answered(Payload),
}

/// What a workflow says to an update before it is accepted.
pub enum UpdateVerdict {
    /// There is no handler of this name.
    Unhandled,
    /// The arguments do not decode.
    Refused(PayloadConversionError),
    /// The validator refused.
    Failed(Failure),
    /// The validator lets it come.
    Passed,
    /// It has no validator.
    Unvalidated,
}

/// What became of an update that was accepted.
pub enum UpdateDispatch {
    /// There is no handler of this name.
    Unhandled,
    /// The arguments do not decode.
    Refused(PayloadConversionError),
    /// A sync handler ran.
    Done(WorkflowResult<Payload>),
    /// An async handler is to be run.
    Task(LocalBoxFuture<'static, WorkflowResult<Payload>>),
}

/// A workflow. Implemented by `#[workflow_methods]`; don't implement it by hand.
///
/// A handler of the wrong shape is refused when it is compiled. A query, for
/// one, can change nothing:
///
/// ```compile_fail
/// # use mainspring_workflow::*;
/// #[workflow]
/// #[derive(Default)]
/// struct Counter(u32);
///
/// #[workflow_methods]
/// impl Counter {
///     #[run]
///     async fn run(_ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
///         Ok(())
///     }
///
///     #[query]
///     fn count_up(&mut self) -> u32 {
///         self.0 += 1;
///         self.0
///     }
/// }
/// ```
pub trait Workflow: WorkflowDeclaration + Sized + 'static {
    /// What the run is started with.
    type Input: 'static;
    /// What the run results in.
    type Output: 'static;

    /// The workflow type.
    const NAME: &'static str;
    /// The signals it handles, in the order of the methods.
    const SIGNALS: &'static [HandlerDescription];
    /// The queries it answers, in the order of the methods.
    const QUERIES: &'static [HandlerDescription];
    /// The updates it handles, in the order of the methods.
    const UPDATES: &'static [HandlerDescription];

    #[doc(hidden)]
    fn __create(
        view: &WorkflowContextView,
        input: &[Payload],
    ) -> Result<Self, PayloadConversionError>;

    #[doc(hidden)]
    fn __main(
        ctx: WorkflowContext<Self>,
        input: &[Payload],
    ) -> Result<MainFuture, PayloadConversionError>;

    #[doc(hidden)]
    fn __signal(ctx: &WorkflowContext<Self>, name: &str, input: &[Payload]) -> SignalDispatch;

    #[doc(hidden)]
    fn __query(
        &self,
        view: &WorkflowContextView,
        name: &str,
        arguments: &[Payload],
    ) -> QueryDispatch;

    #[doc(hidden)]
    fn __validate(
        &self,
        view: &WorkflowContextView,
        name: &str,
        input: &[Payload],
    ) -> UpdateVerdict;

    #[doc(hidden)]
    fn __update(ctx: &WorkflowContext<Self>, name: &str, input: &[Payload]) -> UpdateDispatch;
}

/// What `run`, signal and update handlers may return: nothing, or a result whose error
/// ends the run.
pub trait HandlerResult {
    /// The value on success.
    type Output;

    #[doc(hidden)]
    fn __into_result(self) -> WorkflowResult<Self::Output>;
}

impl HandlerResult for () {
    type Output = ();

    fn __into_result(self) -> WorkflowResult<()> {
        Ok(())
    }
}

impl<T, E: Into<WorkflowTermination>> HandlerResult for Result<T, E> {
    type Output = T;

    fn __into_result(self) -> WorkflowResult<T> {
        self.map_err(Into::into)
    }
}
