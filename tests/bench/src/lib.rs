//! The workflows that `mainspring bench` runs, one for each workload (the order
//! workload runs `examples/order`). They do as little as the workload needs, so
//! that what is measured is the server.

use std::time::{Duration, SystemTime};

use mainspring_workflow::{
    Activity, ActivityOptions, ApplicationFailure, ChildWorkflow, ChildWorkflowHandle,
    ChildWorkflowOptions, ContinueAsNewOptions, WorkflowContext, WorkflowContextView,
    WorkflowResult, join_all, workflow, workflow_methods,
};

/// Answered by the bench's own worker, at once and with nothing.
const BENCH: Activity<u32, ()> = Activity::new("Bench");
const CHILD: ChildWorkflow<u32, ()> = ChildWorkflow::new("BenchChild");

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

/// A run that grows its history by activities, one after the other, and then waits
/// for the signal `end`; it answers the query `done` and takes the update `add`. One
/// for each read policy: under `rebuild` a query or an update's validator is followed
/// by a replay before the next event.
macro_rules! talker {
    ($name:ident, $reads:tt) => {
        /// Talks; `reads` is its read policy.
        #[workflow(reads = $reads)]
        #[derive(Default)]
        pub struct $name {
            done: u32,
            sum: u64,
            ended: bool,
        }

        #[workflow_methods]
        impl $name {
            #[run]
            pub async fn run(
                ctx: &mut WorkflowContext<Self>,
                activities: u32,
            ) -> WorkflowResult<u64> {
                let options = options();
                for n in 0..activities {
                    ctx.execute_activity(BENCH, n, &options).await?;
                    ctx.state_mut(|state| state.done = n + 1);
                }
                ctx.wait_condition(|state| state.ended).await?;
                Ok(ctx.state(|state| state.sum))
            }

            #[signal]
            fn end(&mut self) {
                self.ended = true;
            }

            #[query]
            fn done(&self) -> u32 {
                self.done
            }

            #[update]
            fn add(&mut self, amount: u64) -> u64 {
                self.sum += amount;
                self.sum
            }

            #[update_validator(add)]
            fn check_add(
                &self,
                _ctx: &WorkflowContextView,
                amount: &u64,
            ) -> Result<(), ApplicationFailure> {
                if *amount == 0 {
                    return Err(ApplicationFailure::builder("nothing to add").build());
                }
                Ok(())
            }
        }
    };
}

talker!(BenchTrust, "trust");
talker!(BenchRebuild, "rebuild");

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

/// That many children at once, each of which completes as soon as it begins.
#[workflow]
#[derive(Default)]
pub struct BenchFamily;

#[workflow_methods]
impl BenchFamily {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, count: u32) -> WorkflowResult<()> {
        let start = |n| ctx.child_workflow(CHILD, n, ChildWorkflowOptions::new());
        let children: Vec<_> = (0..count).map(start).collect();
        let results = children.iter().map(ChildWorkflowHandle::result);
        for result in join_all(results.collect::<Vec<_>>()).await {
            result?;
        }
        Ok(())
    }
}

/// One of them.
#[workflow]
#[derive(Default)]
pub struct BenchChild;

#[workflow_methods]
impl BenchChild {
    #[run]
    pub async fn run(_ctx: &mut WorkflowContext<Self>, _number: u32) -> WorkflowResult<()> {
        Ok(())
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
    BenchTrust,
    BenchRebuild,
    BenchSleeper,
    BenchFanOut,
    BenchFamily,
    BenchChild,
    BenchChain
);
