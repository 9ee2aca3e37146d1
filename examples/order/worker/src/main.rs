//! The order story's activity worker, on the official Rust SDK.
//!
//! It registers five activities on the task queue `orders` and writes what they do
//! to a SQLite database of its own (`shop.rs`), so that a second charge would be
//! seen. `report` shows that database.

mod activities;
mod shop;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions, Url};
use temporalio_sdk::{Runtime, Worker, WorkerOptions};

use crate::activities::OrderActivities;
use crate::shop::Shop;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Parser)]
#[command(about = "Activities of the order story")]
struct Args {
    /// The shop's database; made where it is missing.
    #[arg(long, value_name = "FILE", default_value = "shop.db", global = true)]
    db: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Works activities off until it is stopped.
    Run {
        /// The server.
        #[arg(long, env = "TEMPORAL_ADDRESS", default_value = "127.0.0.1:7233")]
        address: String,
        /// The namespace.
        #[arg(long, env = "TEMPORAL_NAMESPACE", default_value = "default")]
        namespace: String,
        /// Where to poll.
        #[arg(long, default_value = "orders")]
        task_queue: String,
        /// How long each activity takes, in milliseconds: time to watch it.
        #[arg(long, default_value_t = 0)]
        step_time_ms: u64,
    },
    /// Prints what the shop has done.
    Report,
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let args = Args::parse();
    let shop = Shop::open(&args.db).await?;
    match args.command {
        Command::Report => {
            println!("{}", shop.report().await?);
            Ok(())
        }
        Command::Run {
            address,
            namespace,
            task_queue,
            step_time_ms,
        } => {
            let step_time = Duration::from_millis(step_time_ms);
            run(shop, &address, namespace, &task_queue, step_time).await
        }
    }
}

async fn run(
    shop: Shop,
    address: &str,
    namespace: String,
    task_queue: &str,
    step_time: Duration,
) -> Result<(), BoxError> {
    let target: Url = format!("http://{address}").parse()?;
    let connection = Connection::connect(ConnectionOptions::new(target).build()).await?;
    let client = Client::new(connection, ClientOptions::new(namespace).build())?;
    let runtime = Runtime::from_current_tokio(Default::default())?;
    let options = WorkerOptions::new(task_queue)
        .register_activities(OrderActivities { shop, step_time })
        .build();
    let mut worker = Worker::new(&runtime, client, options)?;
    println!("worker {} polls {task_queue}", std::process::id());
    worker.run().await?;
    Ok(())
}
