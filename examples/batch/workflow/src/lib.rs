//! The batch story: a parent works a thousand records off, each in a child workflow of
//! its own, a few at a time. When one child has closed the next one starts.
//!
//! A child that fails does not stop the batch; the parent counts it. Both workflows
//! are exported by the same component, so a child runs the very version of its parent.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use mainspring_workflow::{
    ApplicationFailure, ChildWorkflow, ChildWorkflowOptions, WorkflowContext, WorkflowResult,
    workflow, workflow_methods,
};
use serde::{Deserialize, Serialize};

/// The child: one record.
const PROCESS_RECORD: ChildWorkflow<u64, ()> = ChildWorkflow::new("ProcessRecord");

/// What to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Batch {
    /// How many records there are, numbered from 0.
    pub records: u64,
    /// How many of them are worked on at once.
    pub window: usize,
}

/// What came of it so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Children that were started.
    pub started: u64,
    /// Records that are done.
    pub done: u64,
    /// Records whose child failed.
    pub failed: u64,
}

/// Works a batch off.
#[workflow]
#[derive(Default)]
pub struct BatchWorkflow {
    progress: Progress,
}

#[workflow_methods]
impl BatchWorkflow {
    /// Starts a child whenever there is room in the window.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, batch: Batch) -> WorkflowResult<Progress> {
        let batch_id = ctx.info().workflow_id().to_owned();
        let mut window = FuturesUnordered::new();
        let mut records = 0..batch.records;
        loop {
            while window.len() < batch.window.max(1)
                && let Some(record) = records.next()
            {
                let options =
                    ChildWorkflowOptions::new().workflow_id(format!("{batch_id}/{record}"));
                let child = ctx.child_workflow(PROCESS_RECORD, record, options);
                ctx.state_mut(|state| state.progress.started += 1);
                window.push(child.result());
            }
            match window.next().await {
                None => return Ok(ctx.state(|state| state.progress)),
                Some(Ok(())) => ctx.state_mut(|state| state.progress.done += 1),
                Some(Err(error)) if error.is_cancelled() => return Err(error.into()),
                Some(Err(_)) => ctx.state_mut(|state| state.progress.failed += 1),
            }
        }
    }

    /// What came of it so far.
    #[query]
    fn progress(&self) -> Progress {
        self.progress
    }
}

/// Works one record off: a pause where an activity would be. Every hundredth record
/// is broken.
#[workflow]
#[derive(Default)]
pub struct ProcessRecord;

#[workflow_methods]
impl ProcessRecord {
    /// Does it, or says that it is broken.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, record: u64) -> WorkflowResult<()> {
        ctx.timer(Duration::from_millis(10)).await.fired()?;
        if record % 100 == 99 {
            let failure = ApplicationFailure::builder(format!("record {record} is broken"))
                .type_name("BrokenRecord")
                .build();
            return Err(failure.into());
        }
        Ok(())
    }
}

mainspring_workflow::export!(BatchWorkflow, ProcessRecord);

#[cfg(test)]
mod tests;
