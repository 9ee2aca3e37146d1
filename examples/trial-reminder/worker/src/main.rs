//! The trial reminder's activity worker, on the official Rust SDK.
//!
//! Its mails go to an outbox, a table of the same database that the order's worker
//! writes to. A mail is known by its kind and its user and goes out once, however
//! often it is tried. `report` shows the outbox.

// The attribute makes a constant of each activity for workflows written with the
// same SDK; the workflow of this story is a component and names them itself.
#![allow(dead_code)]

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use order_worker::{BoxError, Server, Shop, serve};
use temporalio_sdk::activities::{ActivityContext, ActivityError, activities};

#[derive(Debug, Parser)]
#[command(about = "Activities of the trial reminder")]
struct Args {
    /// The database with the outbox; made where it is missing.
    #[arg(long, value_name = "FILE", default_value = "mails.db", global = true)]
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
        #[arg(long, default_value = "trials")]
        task_queue: String,
    },
    /// Prints the mails, in the order in which they were sent.
    Report,
}

/// The mails, over the outbox.
struct TrialActivities {
    outbox: Shop,
}

#[activities]
impl TrialActivities {
    /// Greets a new user.
    #[activity(name = "SendWelcomeEmail")]
    async fn send_welcome_email(
        self: Arc<Self>,
        _ctx: ActivityContext,
        user_id: String,
    ) -> Result<(), ActivityError> {
        Ok(self.outbox.note("welcome", &user_id).await?)
    }

    /// Tells a user that the trial is about to end.
    #[activity(name = "SendTrialEndingEmail")]
    async fn send_trial_ending_email(
        self: Arc<Self>,
        _ctx: ActivityContext,
        user_id: String,
    ) -> Result<(), ActivityError> {
        Ok(self.outbox.note("trial ending", &user_id).await?)
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let args = Args::parse();
    let outbox = Shop::open(&args.db).await?;
    match args.command {
        Command::Report => {
            for (kind, user_id) in outbox.notes().await? {
                println!("{kind}: {user_id}");
            }
            Ok(())
        }
        Command::Run { server, task_queue } => {
            serve(&server, &task_queue, TrialActivities { outbox }).await
        }
    }
}
