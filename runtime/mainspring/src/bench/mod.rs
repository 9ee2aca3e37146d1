//! `mainspring bench`: named workloads against a server over its public API.
//!
//! Each workload is a file here: it starts runs, drives them, and reports figures
//! with their units. Without `--address` it measures a server that it starts
//! itself, as in production: a database file, every commit flushed. With it, any
//! server of the same API. docs/benchmarks.md has figures and how to read them.

mod client;
mod list;
mod load;
mod measure;
mod replay;
mod sleepers;
mod talk;
mod target;
mod worker;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use self::client::Client;
use self::load::FanOut;
use self::target::Target;
use self::worker::Worker;
use crate::error::CliError;
use crate::output::Format;

/// The task queue of the order workflow and of the others.
const ORDER_QUEUE: &str = "orders";
const BENCH_QUEUE: &str = "bench";

/// The group's arguments.
#[derive(Debug, Args)]
pub(crate) struct BenchCommand {
    #[command(flatten)]
    options: BenchOptions,
    #[command(subcommand)]
    workload: Workload,
}

/// What all workloads share.
#[derive(Debug, Args)]
struct BenchOptions {
    /// Server to measure; by default one that this command starts, on a database
    /// file, and stops in the end.
    #[arg(long, global = true, value_name = "HOST:PORT")]
    address: Option<String>,
    /// Namespace to work in.
    #[arg(
        long,
        short,
        global = true,
        value_name = "NAME",
        default_value = "default"
    )]
    namespace: String,
    /// The workflows are served already: upload nothing. For servers of the same
    /// API whose workflows run in workers.
    #[arg(long, global = true)]
    no_upload: bool,
    /// A checkout of Mainspring, where the workflows' source is.
    #[arg(long, global = true, value_name = "DIR", default_value = ".")]
    source: PathBuf,
    /// Where the database of a server that this command starts lives for the time.
    #[arg(long, global = true, value_name = "DIR", default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    /// Polls of the activity worker.
    #[arg(long, global = true, value_name = "N", default_value_t = 64)]
    polls: usize,
    /// How to print: for people, or as JSON.
    #[arg(
        long,
        short,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value = "text"
    )]
    output: Format,
}

/// How much load, for how long.
#[derive(Clone, Copy, Debug, Args)]
struct LoadArgs {
    /// Things under way at once.
    #[arg(long, value_name = "N", default_value_t = 64)]
    in_flight: usize,
    /// How long to measure, after a warm-up of a fifth of it.
    #[arg(long, value_name = "S", default_value_t = 10)]
    seconds: u64,
}

/// A read policy, as `docs/contract.md` has it.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Reads {
    Trust,
    Rebuild,
}

impl Reads {
    fn name(self) -> &'static str {
        match self {
            Self::Trust => "trust",
            Self::Rebuild => "rebuild",
        }
    }

    /// The workflow that grows a history, answers queries and takes updates under it.
    fn workflow_type(self) -> &'static str {
        match self {
            Self::Trust => "BenchTrust",
            Self::Rebuild => "BenchRebuild",
        }
    }
}

#[derive(Debug, Subcommand)]
enum Workload {
    /// Orders of five steps, one after the other: workflows per second, and the
    /// time from start to completion.
    Order(LoadArgs),
    /// From a signal to the completion of the run that waited for it.
    Signal(LoadArgs),
    /// Queries of one run for each thing in flight.
    Query {
        #[command(flatten)]
        load: LoadArgs,
        /// The workflow's read policy.
        #[arg(long, value_enum, default_value = "trust")]
        reads: Reads,
    },
    /// Updates of one run for each thing in flight, each behind a validator: from the
    /// request to the result.
    Update {
        #[command(flatten)]
        load: LoadArgs,
        /// The workflow's read policy: under `rebuild`, a validator is followed by a
        /// replay before the next event.
        #[arg(long, value_enum, default_value = "trust")]
        reads: Reads,
        /// Events in each run's history before the first update, about; 0 keeps
        /// histories short.
        #[arg(long, value_name = "N", default_value_t = 0)]
        history_events: u32,
    },
    /// Runs that are started by a signal, and end with it: requests per second, and
    /// the time until one is answered.
    SignalWithStart(LoadArgs),
    /// Bringing a run back from a long history after the server was killed.
    Replay {
        /// Events in the history, about.
        #[arg(long, value_name = "N", default_value_t = 100_000)]
        events: u32,
    },
    /// Runs that sleep: memory of the server for each, and the time to wake all.
    Sleepers {
        /// How many.
        #[arg(long, value_name = "N", default_value_t = 10_000)]
        runs: usize,
    },
    /// Chains of runs that continue as new at once: runs per second, and the time of
    /// a whole chain.
    ContinueAsNew {
        #[command(flatten)]
        load: LoadArgs,
        /// Runs in a chain.
        #[arg(long, value_name = "N", default_value_t = 100)]
        runs: u32,
    },
    /// Pages of lists, and counts, over many runs by each kind of filter.
    List {
        /// How many.
        #[arg(long, value_name = "N", default_value_t = 100_000)]
        runs: usize,
        /// Pages of each kind.
        #[arg(long, value_name = "N", default_value_t = 200)]
        pages: usize,
    },
    /// One run with many activities at once, or with many children.
    FanOut {
        /// How many activities.
        #[arg(long, value_name = "N", default_value_t = 1_000)]
        activities: u32,
        /// That many child workflows instead of activities.
        #[arg(long, value_name = "N", conflicts_with = "activities")]
        children: Option<u32>,
        /// Runs of it, one after the other.
        #[arg(long, value_name = "N", default_value_t = 5)]
        rounds: usize,
    },
}

impl BenchCommand {
    pub(crate) async fn run(self) -> Result<(), CliError> {
        let Self { options, workload } = self;
        let (source, queue) = match &workload {
            Workload::Order(_) => ("examples/order/workflow", ORDER_QUEUE),
            _ => ("tests/bench", BENCH_QUEUE),
        };
        let address = options.address.as_deref();
        let mut target = Target::open(address, &options.namespace, &options.folder).await?;
        if !options.no_upload {
            target.upload(&options.source.join(source)).await?;
        }
        let client = Client::new(target.connect().await?, queue);
        let _worker = Worker::start(&target.connect().await?, queue, options.polls);
        let report = match workload {
            Workload::Order(load) => load::order(client, load).await?,
            Workload::Signal(load) => load::signal(client, load).await?,
            Workload::Query { load, reads } => talk::query(client, load, reads).await?,
            Workload::Update {
                load,
                reads,
                history_events,
            } => talk::update(client, load, reads, history_events).await?,
            Workload::SignalWithStart(load) => load::signal_with_start(client, load).await?,
            Workload::Replay { events } => replay::run(client, &mut target, events).await?,
            Workload::Sleepers { runs } => sleepers::run(client, &mut target, runs).await?,
            Workload::ContinueAsNew { load, runs } => {
                load::continue_as_new(client, load, runs).await?
            }
            Workload::List { runs, pages } => list::run(client, runs, pages).await?,
            Workload::FanOut {
                activities,
                children,
                rounds,
            } => {
                let what = match children {
                    Some(children) => FanOut::Children(children),
                    None => FanOut::Activities(activities),
                };
                load::fan_out(client, what, rounds).await?
            }
        };
        report.print(options.output)
    }
}
