//! The order story's activity worker, on the official Rust SDK.
//!
//! It registers five activities on the task queue `orders` and writes what they do
//! to a SQLite database of its own (`shop.rs`), so that a second charge would be
//! seen. `report` shows that database. The approval story has its payment charged
//! by the same worker.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use order_worker::{BoxError, OrderActivities, Server, Shop, serve};

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
        #[command(flatten)]
        server: Server,
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
            server,
            task_queue,
            step_time_ms,
        } => {
            let step_time = Duration::from_millis(step_time_ms);
            serve(&server, &task_queue, OrderActivities { shop, step_time }).await
        }
    }
}
