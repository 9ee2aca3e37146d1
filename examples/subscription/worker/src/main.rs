//! The subscription's activity worker, on the official Rust SDK: it takes payments and
//! pays them back. `report` shows them.

// The attribute makes a constant of each activity for workflows written with the
// same SDK; the workflow of this story is a component and names them itself.
#![allow(dead_code)]

mod payments;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use order_worker::{BoxError, Server, serve};
use serde::{Deserialize, Serialize};
use temporalio_common::error::ApplicationFailure;
use temporalio_sdk::activities::{ActivityContext, ActivityError, activities};

use crate::payments::Payments;

/// Whose card is always declined.
const BROKE: &str = "broke";

#[derive(Debug, Parser)]
#[command(about = "Activities of the subscription")]
struct Args {
    /// The database with the payments; made where it is missing.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "payments.db",
        global = true
    )]
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
        #[arg(long, default_value = "subscriptions")]
        task_queue: String,
    },
    /// Prints the payments.
    Report,
}

/// One period of one customer, as the workflow sends it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Period {
    #[serde(rename = "CustomerID")]
    customer_id: String,
    number: i64,
}

/// The price of a period, as the workflow sends it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Charge {
    period: Period,
    cents: i64,
}

/// The payments, over their database.
struct SubscriptionActivities {
    payments: Payments,
}

#[activities]
impl SubscriptionActivities {
    /// Takes the price of a period, once.
    #[activity(name = "ChargeSubscription")]
    async fn charge(
        self: Arc<Self>,
        _ctx: ActivityContext,
        charge: Charge,
    ) -> Result<(), ActivityError> {
        let period = &charge.period;
        if period.customer_id == BROKE {
            return Err(refusal("CardDeclined", "the card has no cover".to_owned()));
        }
        let taken = self
            .payments
            .take(&period.customer_id, period.number, charge.cents)
            .await?;
        if taken {
            return Ok(());
        }
        let late = format!("period {} was called off", period.number);
        Err(refusal("CalledOff", late))
    }

    /// Gives back what was taken for a period.
    #[activity(name = "RefundSubscription")]
    async fn refund(
        self: Arc<Self>,
        _ctx: ActivityContext,
        period: Period,
    ) -> Result<(), ActivityError> {
        let (customer_id, number) = (&period.customer_id, period.number);
        Ok(self.payments.pay_back(customer_id, number).await?)
    }
}

/// A failure that no second attempt would change.
fn refusal(type_name: &str, message: String) -> ActivityError {
    ApplicationFailure::builder(message)
        .type_name(type_name.to_owned())
        .non_retryable(true)
        .build()
        .into()
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let args = Args::parse();
    let payments = Payments::open(&args.db).await?;
    match args.command {
        Command::Report => {
            for (customer_id, period, cents, state) in payments.all().await? {
                println!("{customer_id}: period {period} {cents} cents {state}");
            }
            Ok(())
        }
        Command::Run { server, task_queue } => {
            serve(&server, &task_queue, SubscriptionActivities { payments }).await
        }
    }
}
