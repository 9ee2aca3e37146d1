//! The order story: five durable steps, each an activity in a worker.
//!
//! Whatever dies along the way, a worker after it charged the card or the whole
//! server, the run goes on at the step where it was: a step that is recorded as
//! done is never done again.

use std::time::Duration;

use mainspring_workflow::{
    Activity, ActivityOptions, RetryPolicy, WorkflowContext, WorkflowResult, workflow,
    workflow_methods,
};
use serde::{Deserialize, Serialize};

/// Takes the order's items out of stock.
pub const RESERVE_INVENTORY: Activity<String, ()> = Activity::new("ReserveInventory");
/// Charges the order, once per order ID.
pub const CHARGE_PAYMENT: Activity<String, ()> = Activity::new("ChargePayment");
/// Writes the order's invoice.
pub const GENERATE_INVOICE: Activity<String, ()> = Activity::new("GenerateInvoice");
/// Tells the user that the order is on its way.
pub const SEND_CONFIRMATION_EMAIL: Activity<String, ()> = Activity::new("SendConfirmationEmail");
/// Asks the warehouse to ship the order.
pub const NOTIFY_WAREHOUSE: Activity<String, ()> = Activity::new("NotifyWarehouse");

/// What an order run starts with.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct OrderInput {
    /// The order; also the key under which activities do their work once.
    #[serde(rename = "OrderID")]
    pub order_id: String,
    /// Who ordered.
    #[serde(rename = "UserID")]
    pub user_id: String,
}

/// Brings one order from the reservation of its items to the warehouse.
#[workflow(reads = "trust")]
#[derive(Default)]
pub struct OrderWorkflow {
    /// The step that is under way; absent before the first.
    step: Option<&'static str>,
}

#[workflow_methods]
impl OrderWorkflow {
    /// The five steps, one after the other.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: OrderInput) -> WorkflowResult<()> {
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(60))
            .retry_policy(RetryPolicy {
                initial_interval: Duration::from_secs(2),
                backoff_coefficient: 2.0,
                maximum_interval: Some(Duration::from_secs(60)),
                maximum_attempts: 5,
                ..RetryPolicy::default()
            })
            .build();

        Self::enter(ctx, "reserving inventory");
        ctx.execute_activity(RESERVE_INVENTORY, &input.order_id, &options)
            .await?;

        Self::enter(ctx, "charging payment");
        ctx.execute_activity(CHARGE_PAYMENT, &input.order_id, &options)
            .await?;

        Self::enter(ctx, "generating invoice");
        ctx.execute_activity(GENERATE_INVOICE, &input.order_id, &options)
            .await?;

        Self::enter(ctx, "sending confirmation email");
        ctx.execute_activity(SEND_CONFIRMATION_EMAIL, &input.user_id, &options)
            .await?;

        Self::enter(ctx, "notifying warehouse");
        ctx.execute_activity(NOTIFY_WAREHOUSE, &input.order_id, &options)
            .await?;

        Self::enter(ctx, "completed");
        Ok(())
    }

    /// The step that the order is at.
    #[query]
    pub fn status(&self) -> &'static str {
        self.step.unwrap_or("not started")
    }

    fn enter(ctx: &WorkflowContext<Self>, step: &'static str) {
        ctx.state_mut(|order| order.step = Some(step));
    }
}

mainspring_workflow::export!(OrderWorkflow);

#[cfg(test)]
mod tests;
