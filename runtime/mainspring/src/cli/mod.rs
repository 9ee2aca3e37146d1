//! The commands of `mainspring` and the flags that several of them share.
//!
//! Flag names are those of the `temporal` command line, so habits and scripts
//! carry over. Each file beside this one holds one group: its arguments as clap
//! structs, then what each command does.

mod activity;
pub(crate) mod component;
pub(crate) use component::byte_size;
mod namespace;
mod new;
mod search_attribute;
pub(crate) mod value;
mod workflow;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::error::CliError;
use crate::output::Format;
use crate::rpc::Connection;
use crate::serve::{self, DevArgs, ServerArgs};

/// The durable workflow runtime.
///
/// A workflow is a WebAssembly component that you upload; activities run in
/// workers built on any Temporal SDK. `mainspring dev` starts a server, every
/// other command talks to one.
#[derive(Debug, Parser)]
#[command(name = "mainspring", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a server for development, data in a temporary folder unless told.
    Dev(Box<DevArgs>),
    /// Start a server for production.
    Server(Box<ServerArgs>),
    /// Start, watch and steer workflow executions.
    Workflow(workflow::WorkflowCommand),
    /// Build, check and upload workflow components.
    Component(component::ComponentCommand),
    /// Make a project: a workflow, its worker, a starter, tests.
    New(new::NewArgs),
    /// Answer for activities from outside their worker.
    Activity(activity::ActivityCommand),
    /// List, create and describe namespaces.
    Namespace(namespace::NamespaceCommand),
    /// Create, list and remove search attributes.
    SearchAttribute(search_attribute::SearchAttributeCommand),
    /// Measure a server: throughput, latency, replay, memory.
    Bench(crate::bench::BenchCommand),
    /// Print a completion script for your shell.
    ///
    /// For bash: `source <(mainspring completion bash)`.
    Completion {
        /// Which shell.
        shell: Shell,
    },
}

impl Cli {
    /// Whether this is a server, and no client of one.
    pub(crate) fn serves(&self) -> bool {
        matches!(self.command, Command::Dev(_) | Command::Server(_))
    }

    /// Does what the command line asks for.
    pub(crate) async fn run(self) -> Result<(), CliError> {
        match self.command {
            Command::Dev(args) => Ok(serve::run(args.into_options()?).await?),
            Command::Server(args) => Ok(serve::run(args.into_options()?).await?),
            Command::Workflow(command) => command.run().await,
            Command::Component(command) => command.run().await,
            Command::New(args) => args.run(),
            Command::Activity(command) => command.run().await,
            Command::Namespace(command) => command.run().await,
            Command::SearchAttribute(command) => command.run().await,
            Command::Bench(command) => command.run().await,
            Command::Completion { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Cli::command(), "mainspring", &mut script);
                crate::output::raw(&script)
            }
        }
    }
}

/// Which server, which namespace, and in whose name.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// Server to talk to.
    #[arg(
        long,
        global = true,
        env = "TEMPORAL_ADDRESS",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:7233"
    )]
    address: String,
    /// Namespace to work in.
    #[arg(
        long,
        short,
        global = true,
        env = "TEMPORAL_NAMESPACE",
        value_name = "NAME",
        default_value = "default"
    )]
    pub(crate) namespace: String,
    /// Who you are, as histories record it; by default user and host.
    #[arg(long, global = true, value_name = "TEXT")]
    identity: Option<String>,
}

impl ConnectionArgs {
    /// Connects.
    pub(crate) async fn open(&self) -> Result<Connection, CliError> {
        Connection::open(&self.address, &self.namespace, self.identity.as_deref()).await
    }
}

/// Connection and output of a group of commands.
#[derive(Clone, Debug, Args)]
pub(crate) struct ClientArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    /// How to print: for people, or as JSON.
    #[arg(
        long,
        short,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub(crate) output: Format,
}

/// Names one workflow execution.
#[derive(Clone, Debug, Args)]
pub(crate) struct ExecutionArgs {
    /// Workflow ID.
    #[arg(long, short, value_name = "ID")]
    pub(crate) workflow_id: String,
    /// Run ID; without it, the current run.
    #[arg(
        long,
        short,
        value_name = "ID",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) run_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn habits_of_the_temporal_command_line_carry_over() {
        for line in [
            "workflow start -w id --type T -t q -i 1 --input 2 --memo k=1",
            "workflow start --workflow-id id --name T --task-queue q --id-reuse-policy AllowDuplicate",
            "workflow execute --type T -t q --id-conflict-policy useexisting --detailed",
            "workflow show -w id -r run --follow -o json",
            "workflow list -q 'WorkflowType=1' --limit 3 -n other --address h:1",
            "workflow count",
            "search-attribute create --name A --type Keyword --name B --type int",
            "search-attribute list -o json",
            "search-attribute remove --name A --name B --yes",
            "workflow signal -w id --name s -i {}",
            "workflow signal -w id --type s --input-file a.json",
            "workflow query -w id --name q --reject-condition not_open",
            "workflow signal-with-start -w id --type T -t q -i 1 --signal-name s --signal-input 2",
            "workflow update start -w id --name u --wait-for-stage accepted -i 1 --update-id u1",
            "workflow update execute -w id -r run --name u -i 1 --first-execution-run-id run",
            "workflow update describe -w id --update-id u1",
            "workflow update result -w id --update-id u1 -r run",
            "workflow execute-update-with-start -w id --type T -t q --update-name u --update-input 1 --id-conflict-policy UseExisting --update-id u1",
            "workflow start-update-with-start -w id --type T -t q --update-name u --update-wait-for-stage accepted --id-conflict-policy Fail",
            "workflow stack -w id --reject-condition not_open",
            "workflow metadata -w id -o json",
            "workflow cancel -w id --reason why",
            "workflow delete -w id -r run",
            "workflow terminate -w id --reason why",
            "workflow result -w id",
            "workflow describe -w id",
            "activity complete -a 1 -w id --result 1",
            "activity fail -a 1 -w id --reason why --detail {}",
            "namespace create -n name --retention 3d",
            "namespace describe name",
            "component build dir -o out.wasm",
            "component build dir --language python --workflows a --workflows b --tool-cache c",
            "component upload dir --language typescript --workflows src/workflows.ts",
            "new --language typescript greeting",
            "new --language c greeting --parent projects",
            "component upload out.wasm --name n --version v1 -o json",
            "component download n --version v1 -o out.wasm",
            "dev --ip 0.0.0.0 -p 1 -f db -n a -n b --log-level debug --log-format json",
            "server --db sqlite://x.db --namespace a --payload-bytes 1MiB",
            "completion zsh",
        ] {
            let words = std::iter::once("mainspring")
                .chain(line.split_whitespace().map(|word| word.trim_matches('\'')));
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn what_cannot_work_is_refused_before_anything_is_sent() {
        for line in [
            "workflow start --type T",
            "workflow start -t q",
            "workflow start --type T -t q --input 1 --input-file f",
            "workflow start --type T -t q --run-timeout soon",
            "workflow start --type T -t q --id-reuse-policy Whatever",
            "search-attribute create --name A --type Colour",
            "search-attribute remove",
            "workflow show",
            "workflow show -w id --follow --reverse",
            "workflow signal -w id",
            "workflow list --limit many",
            "server",
            "server --db sqlite://x --payload-bytes -1",
            "new greeting",
            "new --language cobol greeting",
            "dev --port 99999",
        ] {
            let words = std::iter::once("mainspring").chain(line.split_whitespace());
            assert!(Cli::try_parse_from(words).is_err(), "{line}");
        }
    }
}
