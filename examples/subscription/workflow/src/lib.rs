//! The subscription: a customer is charged every period, for years.
//!
//! A run keeps its whole history, so one that lasted for years would grow without end.
//! Instead it goes on as a new run after a few periods and hands over what it knows, a
//! [`Subscription`]. Due dates are part of that: the next one follows from the last one,
//! not from the time at which the code happened to wake up, so that they do not drift.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mainspring_workflow::{
    Activity, ActivityOptions, ApplicationFailure, ContinueAsNewOptions, RetryPolicy,
    WorkflowContext, WorkflowContextView, WorkflowResult, WorkflowTermination, workflow,
    workflow_methods,
};
use serde::{Deserialize, Serialize};

/// Takes the price of a period, once per customer and period.
pub const CHARGE: Activity<Charge, ()> = Activity::new("ChargeSubscription");
/// Gives back what was taken for a period, if anything was.
pub const REFUND: Activity<Period, ()> = Activity::new("RefundSubscription");

/// Periods of one run, where its start does not say.
const PERIODS_PER_RUN: u64 = 12;

/// What a customer pays for.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// The price of a period, in cents.
    pub cents: u64,
}

/// A subscription: what it starts with, and what one run hands to the next.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Subscription {
    /// Who pays.
    #[serde(rename = "CustomerID")]
    pub customer_id: String,
    /// For what.
    pub plan: Plan,
    /// How long a period is.
    pub period_seconds: u64,
    /// After how many periods a run goes on as another; 0: as many as make sense.
    #[serde(default)]
    pub periods_per_run: u64,
    /// Periods that are paid.
    #[serde(default)]
    pub periods_paid: u64,
    /// What was paid in all.
    #[serde(default)]
    pub cents_paid: u64,
    /// Until when it is paid, in milliseconds since 1970; 0 before the first charge.
    #[serde(default)]
    pub paid_until_ms: u64,
    /// The customer wants no further period.
    #[serde(default)]
    pub ends: bool,
}

/// One period of one customer: the key under which it is paid once.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Period {
    /// Who pays.
    #[serde(rename = "CustomerID")]
    pub customer_id: String,
    /// Which one, from 1 on.
    pub number: u64,
}

/// The price of one period.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Charge {
    /// What for.
    pub period: Period,
    /// How much.
    pub cents: u64,
}

/// Charges a customer every period.
#[workflow(reads = "trust")]
#[derive(Default)]
pub struct SubscriptionWorkflow {
    now: Subscription,
}

#[workflow_methods]
impl SubscriptionWorkflow {
    /// The subscription is there before any message is heard.
    #[init]
    fn new(_ctx: &WorkflowContextView, subscription: Subscription) -> Self {
        Self { now: subscription }
    }

    /// Charges, waits for the end of the period, and so on; answers the subscription
    /// as it was at its end.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<Subscription> {
        let mut periods = 0;
        loop {
            if !ctx.state(|state| state.now.is_due(ctx.workflow_time())) {
                Self::wait_for_due_date(ctx).await?;
            }
            if ctx.state(|state| state.now.ends) {
                return Ok(ctx.state(|state| state.now.clone()));
            }
            if periods >= Self::periods_per_run(ctx) || ctx.info().continue_as_new_suggested() {
                let next = ctx.state(|state| state.now.clone());
                ctx.continue_as_new(next, ContinueAsNewOptions::default())?;
            }
            Self::charge(ctx).await?;
            periods += 1;
        }
    }

    async fn wait_for_due_date(ctx: &WorkflowContext<Self>) -> WorkflowResult<()> {
        let due = ctx.state(|state| state.now.paid_until());
        let left = due.duration_since(ctx.workflow_time()).unwrap_or_default();
        let waited = ctx.timer(left).await.fired();
        if waited.is_ok() {
            return Ok(());
        }
        // Cancelled, as against ended: it is over at once, and the period that was
        // not used up is paid back. In the scope of a cancelled run nothing starts.
        let unused = ctx.state(|state| state.now.period(state.now.periods_paid));
        ctx.shielded()
            .execute_activity(REFUND, unused, options())
            .await?;
        Err(WorkflowTermination::cancelled())
    }

    /// Takes the price of the next period.
    async fn charge(ctx: &WorkflowContext<Self>) -> WorkflowResult<()> {
        let (period, cents) = ctx.state(|state| {
            let now = &state.now;
            (now.period(now.periods_paid + 1), now.plan.cents)
        });
        // The first period begins now; each other one where the last one ended.
        let begins = ctx.state(|state| match state.now.paid_until_ms {
            0 => ctx.workflow_time(),
            _ => state.now.paid_until(),
        });
        let charge = Charge {
            period: period.clone(),
            cents,
        };
        if let Err(error) = ctx.execute_activity(CHARGE, charge, options()).await {
            // It may have been taken all the same: an answer can be lost.
            ctx.shielded()
                .execute_activity(REFUND, period, options())
                .await?;
            return Err(error.into());
        }
        ctx.state_mut(|state| {
            let now = &mut state.now;
            now.periods_paid += 1;
            now.cents_paid += cents;
            now.paid_until_ms = millis(begins) + now.period_seconds * 1_000;
        });
        Ok(())
    }

    fn periods_per_run(ctx: &WorkflowContext<Self>) -> u64 {
        match ctx.state(|state| state.now.periods_per_run) {
            0 => PERIODS_PER_RUN,
            some => some,
        }
    }

    /// Another plan, from the next charge on; answers the number of that period.
    #[update]
    pub fn change_plan(&mut self, plan: Plan) -> u64 {
        self.now.plan = plan;
        self.now.periods_paid + 1
    }

    /// What makes no sense is refused before it is written anywhere.
    #[update_validator(change_plan)]
    fn check_plan(
        &self,
        _ctx: &WorkflowContextView,
        plan: &Plan,
    ) -> Result<(), ApplicationFailure> {
        let refuse = |why: String| {
            Err(ApplicationFailure::builder(why)
                .type_name("PlanRefused")
                .build())
        };
        if self.now.ends {
            return refuse("the subscription ends; no period follows".to_owned());
        }
        if plan.cents == 0 {
            return refuse(format!("plan {} has no price", plan.name));
        }
        if *plan == self.now.plan {
            return refuse(format!("{} is the plan already", plan.name));
        }
        Ok(())
    }

    /// No further period; the one that is paid is used up.
    #[signal]
    pub fn end(&mut self) {
        self.now.ends = true;
    }

    /// The subscription as it is.
    #[query]
    pub fn state(&self) -> Subscription {
        self.now.clone()
    }
}

impl Subscription {
    fn paid_until(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.paid_until_ms)
    }

    /// Whether the next period is to be paid.
    fn is_due(&self, now: SystemTime) -> bool {
        self.paid_until() <= now
    }

    fn period(&self, number: u64) -> Period {
        Period {
            customer_id: self.customer_id.clone(),
            number,
        }
    }
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Tried until it works or is refused for good.
fn options() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(30))
        .retry_policy(RetryPolicy {
            maximum_interval: Some(Duration::from_secs(60)),
            ..RetryPolicy::default()
        })
        .build()
}

mainspring_workflow::export!(SubscriptionWorkflow);

#[cfg(test)]
mod tests;
