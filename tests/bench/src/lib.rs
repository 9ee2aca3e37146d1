//! The workflows that `mainspring bench` runs, one for each workload (the order
//! workload runs `examples/order`). They do as little as the workload needs, so
//! that what is measured is the server.

use std::time::{Duration, SystemTime};

use mainspring_workflow::{
    Activity, ActivityOptions, ContinueAsNewOptions, WorkflowContext, WorkflowResult, join_all,
    workflow, workflow_methods,
};

/// Answered by the bench's own worker, at once and with nothing.
const BENCH: Activity<u32, ()> = Activity::new("Bench");

fn options() -> ActivityOptions {
    ActivityOptions::start_to_close_timeout(Duration::from_secs(600))
}

/// Ends with the signal `end`.
#[workflow]
#[derive(Default)]
pub struct BenchSignal {
    ended: bool,
}

#[workflow_methods]
impl BenchSignal {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        ctx.wait_condition(|state| state.ended).await?;
        Ok(())
    }

    #[signal]
    fn end(&mut self) {
        self.ended = true;
    }
}

/// Answers the query `count`; reads are trusted to leave no trace.
#[workflow(reads = "trust")]
#[derive(Default)]
pub struct BenchQueryTrust {
    count: u32,
}

#[workflow_methods]
impl BenchQueryTrust {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        ctx.wait_condition(|state| state.count > 1_000_000_000)
            .await?;
        Ok(())
    }

    #[signal]
    fn add(&mut self) {
        self.count += 1;
    }

    #[query]
    fn count(&self) -> u32 {
        self.count
    }
}

/// The same under the policy `rebuild`: a query is followed by a replay before
/// the next event.
#[workflow(reads = "rebuild")]
#[derive(Default)]
pub struct BenchQueryRebuild {
    count: u32,
}

#[workflow_methods]
impl BenchQueryRebuild {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        ctx.wait_condition(|state| state.count > 1_000_000_000)
            .await?;
        Ok(())
    }

    #[signal]
    fn add(&mut self) {
        self.count += 1;
    }

    #[query]
    fn count(&self) -> u32 {
        self.count
    }
}

/// Sleeps until a time given in milliseconds since the epoch.
#[workflow]
#[derive(Default)]
pub struct BenchSleeper;

#[workflow_methods]
impl BenchSleeper {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, until_ms: u64) -> WorkflowResult<()> {
        let until = SystemTime::UNIX_EPOCH + Duration::from_millis(until_ms);
        let left = until
            .duration_since(ctx.workflow_time())
            .unwrap_or_default();
        ctx.timer(left).await.fired()?;
        Ok(())
    }
}

/// That many activities at once.
#[workflow]
#[derive(Default)]
pub struct BenchFanOut;

#[workflow_methods]
impl BenchFanOut {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, count: u32) -> WorkflowResult<()> {
        let options = options();
        let calls = (0..count).map(|n| ctx.start_activity(BENCH, n, &options));
        for result in join_all(calls.collect::<Vec<_>>()).await {
            result?;
        }
        Ok(())
    }
}

/// Grows a history: activities one after the other, then the signal `end`.
#[workflow(reads = "trust")]
#[derive(Default)]
pub struct BenchHistory {
    done: u32,
    ended: bool,
}

#[workflow_methods]
impl BenchHistory {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, activities: u32) -> WorkflowResult<()> {
        let options = options();
        for n in 0..activities {
            ctx.execute_activity(BENCH, n, &options).await?;
            ctx.state_mut(|state| state.done = n + 1);
        }
        ctx.wait_condition(|state| state.ended).await?;
        Ok(())
    }

    #[signal]
    fn end(&mut self) {
        self.ended = true;
    }

    #[query]
    fn done(&self) -> u32 {
        self.done
    }
}

/// A chain of that many runs that continue as new at once.
#[workflow]
#[derive(Default)]
pub struct BenchChain;

#[workflow_methods]
impl BenchChain {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, left: u32) -> WorkflowResult<()> {
        if left > 1 {
            ctx.continue_as_new(left - 1, ContinueAsNewOptions::default())?;
        }
        Ok(())
    }
}

mainspring_workflow::export!(
    BenchSignal,
    BenchQueryTrust,
    BenchQueryRebuild,
    BenchSleeper,
    BenchFanOut,
    BenchHistory,
    BenchChain
);
