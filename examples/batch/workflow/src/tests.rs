//! The batch without a server.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use mainspring_workflow::ApplicationFailure;
use mainspring_workflow::testing::TestWorkflowEnvironment;

use super::*;

#[test]
fn a_batch_works_its_records_off_in_a_window_and_counts_the_broken_ones() {
    let mut env = TestWorkflowEnvironment::new();
    let started = Rc::new(Cell::new(0));
    let counted = started.clone();
    env.child_workflow(PROCESS_RECORD, move |record| {
        counted.set(counted.get() + 1);
        if record == 3 {
            return Err(ApplicationFailure::non_retryable("broken"));
        }
        Ok(())
    })
    .takes(Duration::from_secs(60));
    let batch = Batch {
        records: 10,
        window: 4,
    };
    let mut run = env.start::<BatchWorkflow>(batch);
    let early: Progress = run.query("progress", ()).unwrap();
    assert_eq!(early.started, 4, "no more than the window");
    let progress = run.result().unwrap();
    let expected = Progress {
        started: 10,
        done: 9,
        failed: 1,
    };
    assert_eq!(progress, expected);
    assert_eq!(started.get(), 10);
    // Ten records, four at a time: three rounds.
    assert_eq!(run.elapsed(), Duration::from_secs(180));
    run.check_replay().unwrap();
}
