//! `mainspring workflow`: starting, watching and steering workflow executions.

mod builtin;
mod describe;
mod follow;
mod list;
mod message;
mod retry;
mod show;
mod start;
mod trace;
mod update;
mod with_start;

use clap::{Args, Subcommand};

use crate::cli::ClientArgs;
use crate::error::CliError;

/// The group's arguments.
#[derive(Debug, Args)]
pub(crate) struct WorkflowCommand {
    #[command(flatten)]
    client: ClientArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start a workflow execution and print its IDs.
    Start(Box<start::StartArgs>),
    /// Start a workflow execution, show its steps as they happen, end with its
    /// result.
    Execute(Box<start::ExecuteArgs>),
    /// Show what an execution is doing: its pending activities, what blocks it.
    Describe(describe::DescribeArgs),
    /// Show the event history.
    Show(show::ShowArgs),
    /// Wait for an execution to end and show its result.
    Result(show::ResultArgs),
    /// Draw the tree of an execution and its children; again and again on a terminal,
    /// until the execution has ended.
    Trace(trace::TraceArgs),
    /// List executions.
    List(list::ListArgs),
    /// Count executions.
    Count(list::CountArgs),
    /// Send a signal.
    Signal(message::SignalArgs),
    /// Signal the open execution of an ID, or start one with the signal.
    SignalWithStart(Box<with_start::SignalWithStartArgs>),
    /// Ask a running or closed execution a question.
    Query(message::QueryArgs),
    /// Send an update, or find one that was sent.
    Update(update::UpdateCommand),
    /// Send an update to the open execution of an ID, or to a new one, and wait
    /// until it is accepted.
    StartUpdateWithStart(Box<with_start::StartUpdateWithStartArgs>),
    /// Send an update to the open execution of an ID, or to a new one, and wait
    /// for its result.
    ExecuteUpdateWithStart(Box<with_start::ExecuteUpdateWithStartArgs>),
    /// Show what an execution waits for, and where in its code.
    Stack(builtin::BuiltinArgs),
    /// Show which messages an execution handles, and what it says of itself.
    Metadata(builtin::BuiltinArgs),
    /// Ask an execution to cancel itself.
    Cancel(message::CancelArgs),
    /// Stop an execution at once; its code does not hear of it.
    Terminate(message::TerminateArgs),
    /// Delete an execution and its history; an open one is terminated first.
    Delete(message::DeleteArgs),
}

impl WorkflowCommand {
    /// Does what was asked.
    pub(crate) async fn run(self) -> Result<(), CliError> {
        let client = &self.client;
        match self.action {
            Action::Start(args) => args.run(client).await,
            Action::Execute(args) => args.run(client).await,
            Action::Describe(args) => args.run(client).await,
            Action::Show(args) => args.run(client).await,
            Action::Result(args) => args.run(client).await,
            Action::Trace(args) => args.run(client).await,
            Action::List(args) => args.run(client).await,
            Action::Count(args) => args.run(client).await,
            Action::Signal(args) => args.run(client).await,
            Action::SignalWithStart(args) => args.run(client).await,
            Action::Query(args) => args.run(client).await,
            Action::Update(command) => command.run(client).await,
            Action::StartUpdateWithStart(args) => args.run(client).await,
            Action::ExecuteUpdateWithStart(args) => args.run(client).await,
            Action::Stack(args) => args.stack(client).await,
            Action::Metadata(args) => args.metadata(client).await,
            Action::Cancel(args) => args.run(client).await,
            Action::Terminate(args) => args.run(client).await,
            Action::Delete(args) => args.run(client).await,
        }
    }
}
