//! From a run that continued as new to its successor.

use crate::bindings::mainspring::workflow::info::{ContinuedInitiator, RunInfo};
use crate::instance::Outcome;
use crate::payload::{self, FromPayloads};
use crate::testing::run::{TestRun, TestRunError};
use crate::workflow::Workflow;

/// Runs of a chain that [`TestRun::chain_result`] goes through, at most.
const LONGEST_CHAIN: usize = 10_000;

impl<W: Workflow> TestRun<W> {
    /// Has the workflow told, from its next task on, that its history has grown so
    /// long that a successor is due (WF-14).
    pub fn suggest_continue_as_new(&mut self) {
        self.host.state.borrow_mut().suggests_continue_as_new = true;
    }

    /// The run that goes on where this one continued as new. It begins, with the
    /// mocks of this one, when this one ended.
    ///
    /// Panics if this run did not continue as new, or not as a run of this type.
    pub fn successor(&self) -> TestRun<W> {
        self.successor_as()
    }

    /// The same, where the workflow continues as another type.
    pub fn successor_as<V: Workflow>(&self) -> TestRun<V> {
        assert_eq!(
            self.outcome,
            Some(Outcome::ContinuedAsNew),
            "the run did not continue as new"
        );
        let state = self.host.state.borrow();
        let next = state
            .continuation
            .as_ref()
            .expect("a run continues by saying how");
        let before = &state.info;
        let workflow_type = next.workflow_type.clone();
        let workflow_type = workflow_type.unwrap_or_else(|| before.workflow_type.clone());
        assert_eq!(workflow_type, V::NAME, "the run continues as another type");
        let run_id = format!("{}+", before.run_id);
        let backoff = next.backoff_start_interval.unwrap_or_default();
        let headers = if next.headers.is_empty() {
            before.headers.clone()
        } else {
            next.headers.clone()
        };
        let info = RunInfo {
            run_id: run_id.clone(),
            original_run_id: run_id,
            workflow_type,
            task_queue: next
                .task_queue
                .clone()
                .unwrap_or_else(|| before.task_queue.clone()),
            continued_from_run_id: Some(before.run_id.clone()),
            continued_initiator: ContinuedInitiator::Workflow,
            attempt: 1,
            start_time: before
                .start_time
                .saturating_add_unsigned(state.elapsed.saturating_add(backoff)),
            workflow_run_timeout: next.workflow_run_timeout.or(before.workflow_run_timeout),
            workflow_task_timeout: next
                .workflow_task_timeout
                .unwrap_or(before.workflow_task_timeout),
            retry_policy: next
                .retry_policy
                .clone()
                .or_else(|| before.retry_policy.clone()),
            headers,
            memo: next.memo.clone().unwrap_or_else(|| before.memo.clone()),
            search_attributes: next
                .search_attributes
                .clone()
                .unwrap_or_else(|| before.search_attributes.clone()),
            random_seed: before.random_seed.wrapping_add(1),
            ..before.clone()
        };
        let input = payload::from_wire(next.input.clone());
        TestRun::start(info, self.mocks.clone(), input)
    }

    /// Skips time until the chain of runs ends, and gives the result of its last
    /// run together with the number of runs.
    ///
    /// Panics if a run continues as another type.
    pub fn chain_result(&mut self) -> Result<(W::Output, usize), TestRunError>
    where
        W::Output: FromPayloads,
    {
        let mut result = self.result();
        let mut runs = 1;
        let mut last: Option<TestRun<W>> = None;
        while matches!(result, Err(TestRunError::ContinuedAsNew)) && runs < LONGEST_CHAIN {
            let mut next = last.as_ref().unwrap_or(self).successor();
            result = next.result();
            last = Some(next);
            runs += 1;
        }
        Ok((result?, runs))
    }
}
