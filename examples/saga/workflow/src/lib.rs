//! The saga: a hotel, a flight and a payment, each undone where the trip comes to
//! nothing.
//!
//! No transaction spans three companies. What a workflow has instead: each step
//! leaves behind how it is undone, and whatever ends the trip (a refusal, a payment
//! that fails, a traveller who cancels or says nothing) undoes what was done, the
//! latest first. The list of what is to be undone is an ordinary vector: it comes
//! back with the run after every crash.

use std::time::Duration;

use mainspring_workflow::{
    Activity, ActivityOptions, ApplicationFailure, RetryPolicy, WorkflowContext, WorkflowResult,
    logging, select, workflow, workflow_methods,
};
use serde::{Deserialize, Serialize};

/// Books the room of a trip.
pub const BOOK_HOTEL: Activity<Trip, ()> = Activity::new("BookHotel");
/// Books the seat of a trip.
pub const BOOK_FLIGHT: Activity<Trip, ()> = Activity::new("BookFlight");
/// Takes the money for a trip.
pub const CHARGE_CARD: Activity<Trip, ()> = Activity::new("ChargeCard");
/// Gives the room back, if it was booked.
pub const CANCEL_HOTEL: Activity<Trip, ()> = Activity::new("CancelHotel");
/// Gives the seat back, if it was booked.
pub const CANCEL_FLIGHT: Activity<Trip, ()> = Activity::new("CancelFlight");
/// Gives the money back, if it was taken.
pub const REFUND_CARD: Activity<Trip, ()> = Activity::new("RefundCard");

/// How long the bookings are held for a traveller who does not confirm them.
pub const HELD: Duration = Duration::from_secs(24 * 60 * 60);

/// A trip that somebody wants to make.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Trip {
    /// The key of everything that is done for it.
    #[serde(rename = "TripID")]
    pub trip_id: String,
    /// Where to.
    pub destination: String,
}

type Undo = Activity<Trip, ()>;

/// What is to be undone if the trip comes to nothing, in the order of the doing.
#[derive(Default)]
struct Saga {
    undo: Vec<Undo>,
}

impl Saga {
    /// Does a step. Its undoing is noted *before* the attempt: one that times out or
    /// is cancelled may have been done all the same.
    async fn step(
        &mut self,
        ctx: &WorkflowContext<TripWorkflow>,
        trip: &Trip,
        step: Activity<Trip, ()>,
        undo: Undo,
    ) -> WorkflowResult<()> {
        self.undo.push(undo);
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(30))
            .retry_policy(RetryPolicy {
                maximum_attempts: 3,
                ..RetryPolicy::default()
            })
            .build();
        ctx.execute_activity(step, trip.clone(), &options).await?;
        Ok(())
    }

    /// Undoes every step, the latest first. Shielded: in the scope of a cancelled
    /// run nothing could start any more. One that fails for good is logged and does
    /// not keep the others from being undone.
    async fn compensate(self, ctx: &WorkflowContext<TripWorkflow>, trip: &Trip) -> usize {
        let ctx = ctx.shielded();
        // Tried until it works: what was booked must not stay booked.
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(30));
        let mut left_over = 0;
        for undo in self.undo.into_iter().rev() {
            if let Err(error) = ctx.execute_activity(undo, trip.clone(), &options).await {
                left_over += 1;
                logging::error(format!("{} is left over: {error}", trip.trip_id));
            }
        }
        left_over
    }
}

/// Books a trip whole or not at all.
#[workflow(reads = "trust")]
#[derive(Default)]
pub struct TripWorkflow {
    confirmed: bool,
    /// What it is doing.
    step: &'static str,
}

#[workflow_methods]
impl TripWorkflow {
    /// Books, waits for the traveller, charges; or undoes what it has done.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, trip: Trip) -> WorkflowResult<()> {
        let mut saga = Saga::default();
        let outcome = Self::book(ctx, &trip, &mut saga).await;
        let Err(why) = outcome else {
            Self::enter(ctx, "booked");
            return Ok(());
        };
        Self::enter(ctx, "undoing the bookings");
        let left_over = saga.compensate(ctx, &trip).await;
        Self::enter(
            ctx,
            if left_over == 0 {
                "undone"
            } else {
                "partly undone"
            },
        );
        Err(why)
    }

    async fn book(ctx: &WorkflowContext<Self>, trip: &Trip, saga: &mut Saga) -> WorkflowResult<()> {
        Self::enter(ctx, "booking the hotel");
        saga.step(ctx, trip, BOOK_HOTEL, CANCEL_HOTEL).await?;
        Self::enter(ctx, "booking the flight");
        saga.step(ctx, trip, BOOK_FLIGHT, CANCEL_FLIGHT).await?;
        Self::enter(ctx, "waiting for the traveller");
        Self::wait_for_traveller(ctx).await?;
        Self::enter(ctx, "charging the card");
        saga.step(ctx, trip, CHARGE_CARD, REFUND_CARD).await
    }

    async fn wait_for_traveller(ctx: &WorkflowContext<Self>) -> WorkflowResult<()> {
        select! {
            confirmed = ctx.wait_condition(|trip| trip.confirmed) => Ok(confirmed?),
            held = ctx.timer(HELD) => {
                held.fired()?;
                Err(ApplicationFailure::builder("the traveller did not confirm the trip")
                    .type_name("NotConfirmed")
                    .build()
                    .into())
            }
        }
    }

    /// The traveller wants the trip as it was booked.
    #[signal]
    pub fn confirm(&mut self) {
        self.confirmed = true;
    }

    /// What the run is doing or how it ended.
    #[query]
    pub fn status(&self) -> &'static str {
        self.step
    }

    fn enter(ctx: &WorkflowContext<Self>, step: &'static str) {
        ctx.state_mut(|trip| trip.step = step);
    }
}

mainspring_workflow::export!(TripWorkflow);

#[cfg(test)]
mod tests;
