//! The saga's activity worker, on the official Rust SDK: three bookings, and the
//! undoing of each. `report` shows what is booked and what was undone.

// The attribute makes a constant of each activity for workflows written with the
// same SDK; the workflow of this story is a component and names them itself.
#![allow(dead_code)]

mod bookings;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use order_worker::{BoxError, Server, serve};
use serde::{Deserialize, Serialize};
use temporalio_common::error::ApplicationFailure;
use temporalio_sdk::activities::{ActivityContext, ActivityError, activities};

use crate::bookings::Bookings;

/// Where no flight goes.
const NOWHERE: &str = "Atlantis";

#[derive(Debug, Parser)]
#[command(about = "Activities of the saga")]
struct Args {
    /// The database with the bookings; made where it is missing.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "bookings.db",
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
        #[arg(long, default_value = "trips")]
        task_queue: String,
        /// How long each booking takes, in milliseconds: time to cancel it.
        #[arg(long, default_value_t = 0)]
        step_time_ms: u64,
    },
    /// Prints the bookings.
    Report,
}

/// A trip, as the workflow sends it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Trip {
    #[serde(rename = "TripID")]
    trip_id: String,
    destination: String,
}

/// The companies, over their database.
struct TripActivities {
    bookings: Bookings,
    step_time: Duration,
}

#[activities]
impl TripActivities {
    /// Books a room.
    #[activity(name = "BookHotel")]
    async fn book_hotel(
        self: Arc<Self>,
        _ctx: ActivityContext,
        trip: Trip,
    ) -> Result<(), ActivityError> {
        self.book("hotel", &trip).await
    }

    /// Books a seat; there is none to a place that does not exist.
    #[activity(name = "BookFlight")]
    async fn book_flight(
        self: Arc<Self>,
        _ctx: ActivityContext,
        trip: Trip,
    ) -> Result<(), ActivityError> {
        if trip.destination == NOWHERE {
            return Err(refusal("SoldOut", format!("no flight goes to {NOWHERE}")));
        }
        self.book("flight", &trip).await
    }

    /// Takes the money.
    #[activity(name = "ChargeCard")]
    async fn charge_card(
        self: Arc<Self>,
        _ctx: ActivityContext,
        trip: Trip,
    ) -> Result<(), ActivityError> {
        self.book("payment", &trip).await
    }

    /// Gives the room back.
    #[activity(name = "CancelHotel")]
    async fn cancel_hotel(
        self: Arc<Self>,
        _ctx: ActivityContext,
        trip: Trip,
    ) -> Result<(), ActivityError> {
        Ok(self.bookings.undo("hotel", &trip.trip_id).await?)
    }

    /// Gives the seat back.
    #[activity(name = "CancelFlight")]
    async fn cancel_flight(
        self: Arc<Self>,
        _ctx: ActivityContext,
        trip: Trip,
    ) -> Result<(), ActivityError> {
        Ok(self.bookings.undo("flight", &trip.trip_id).await?)
    }

    /// Gives the money back.
    #[activity(name = "RefundCard")]
    async fn refund_card(
        self: Arc<Self>,
        _ctx: ActivityContext,
        trip: Trip,
    ) -> Result<(), ActivityError> {
        Ok(self.bookings.undo("payment", &trip.trip_id).await?)
    }
}

impl TripActivities {
    async fn book(&self, kind: &str, trip: &Trip) -> Result<(), ActivityError> {
        tokio::time::sleep(self.step_time).await;
        if self.bookings.book(kind, &trip.trip_id).await? {
            return Ok(());
        }
        let late = format!("the {kind} of trip {} was called off", trip.trip_id);
        Err(refusal("CalledOff", late))
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
    let bookings = Bookings::open(&args.db).await?;
    match args.command {
        Command::Report => {
            for (kind, trip_id, state) in bookings.all().await? {
                println!("{trip_id}: {kind} {state}");
            }
            Ok(())
        }
        Command::Run {
            server,
            task_queue,
            step_time_ms,
        } => {
            let activities = TripActivities {
                bookings,
                step_time: Duration::from_millis(step_time_ms),
            };
            serve(&server, &task_queue, activities).await
        }
    }
}
