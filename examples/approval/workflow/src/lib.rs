//! The approval story: an order is charged when a person has approved it.
//!
//! The wait costs nothing, may last for months, and asks no table every minute: the
//! approval is a signal, and whoever gives it sends it to the run.

use std::time::Duration;

use mainspring_workflow::{
    Activity, ActivityOptions, ApplicationFailure, RetryPolicy, WorkflowContext, WorkflowResult,
    workflow, workflow_methods,
};
use serde::{Deserialize, Serialize};

/// Charges the order, once per order ID.
pub const CHARGE_PAYMENT: Activity<String, ()> = Activity::new("ChargePayment");

/// What the signal `approval` says. What is left out reads as in Go: not approved,
/// no reason.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ApprovalSignal {
    /// Yes or no.
    pub approved: bool,
    /// Why.
    pub reason: String,
}

/// Charges an order after its approval, or fails with the reason of the refusal.
#[workflow(reads = "trust")]
#[derive(Default)]
pub struct ApprovalWorkflow {
    /// What it is doing; absent while nobody has decided.
    step: Option<&'static str>,
}

#[workflow_methods]
impl ApprovalWorkflow {
    /// Waits for the first approval signal, however early it came, and acts on it.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, order_id: String) -> WorkflowResult<()> {
        let approval: ApprovalSignal = ctx.signal_channel("approval").recv().await?;
        if !approval.approved {
            Self::enter(ctx, "rejected");
            return Err(ApplicationFailure::builder("approval rejected")
                .type_name("ApprovalRejected")
                .detail(&approval.reason)
                .build()
                .into());
        }

        Self::enter(ctx, "charging payment");
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(60))
            .retry_policy(RetryPolicy {
                initial_interval: Duration::from_secs(2),
                maximum_attempts: 5,
                ..RetryPolicy::default()
            })
            .build();
        ctx.execute_activity(CHARGE_PAYMENT, order_id, &options)
            .await?;

        Self::enter(ctx, "charged");
        Ok(())
    }

    /// What the run is doing or how it ended.
    #[query]
    pub fn status(&self) -> &'static str {
        self.step.unwrap_or("waiting for approval")
    }

    fn enter(ctx: &WorkflowContext<Self>, step: &'static str) {
        ctx.state_mut(|approval| approval.step = Some(step));
    }
}

mainspring_workflow::export!(ApprovalWorkflow);

#[cfg(test)]
mod tests;
