//! Requests about workflow executions.

use std::time::Duration;

use mainspring_engine::history;
use mainspring_engine::ids::{Namespace, RunId};
use mainspring_store::visibility::{Filter, ListRequest, ListedRun};
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;
use temporalio_protos::temporal::api::history::v1::HistoryEvent;

use crate::Server;
use crate::describe::WorkflowDescription;
use crate::error::ServerError;
use crate::mailbox::message::{Message, RunSelector};
use crate::request::{
    HistoryState, Query, QueryReply, Signal, StartWorkflow, StartedWorkflow, Stop, Target,
};

impl From<&Target> for RunSelector {
    fn from(target: &Target) -> Self {
        Self {
            run_id: target.run_id,
            first_run_id: target.first_run_id,
        }
    }
}

impl Server {
    /// Starts a run, or answers by the policies with the one that is there.
    pub async fn start_workflow(
        &self,
        request: StartWorkflow,
    ) -> Result<StartedWorkflow, ServerError> {
        let key = request.key.clone();
        self.core.namespaces.check(&key.namespace)?;
        self.core
            .ask(&key, |reply| Message::Start(Box::new(request), reply))
            .await
    }

    /// Signals a run. Returns once the signal is durable.
    pub async fn signal_workflow(&self, target: Target, signal: Signal) -> Result<(), ServerError> {
        self.to_run(&target, |run, reply| {
            Message::Signal(run, Box::new(signal), reply)
        })
        .await
    }

    /// Asks a run to cancel itself.
    pub async fn request_cancel_workflow(
        &self,
        target: Target,
        stop: Stop,
    ) -> Result<(), ServerError> {
        self.to_run(&target, |run, reply| {
            Message::RequestCancel(run, stop, reply)
        })
        .await
    }

    /// Closes a run at once.
    pub async fn terminate_workflow(&self, target: Target, stop: Stop) -> Result<(), ServerError> {
        self.to_run(&target, |run, reply| Message::Terminate(run, stop, reply))
            .await
    }

    /// Deletes a run and all that is kept of it; an open one is terminated first.
    pub async fn delete_workflow(&self, target: Target) -> Result<(), ServerError> {
        self.to_run(&target, Message::Delete).await
    }

    /// Asks a run, open or closed, a question.
    pub async fn query_workflow(
        &self,
        target: Target,
        query: Query,
    ) -> Result<QueryReply, ServerError> {
        self.to_run(&target, |run, reply| {
            Message::Query(run, Box::new(query), reply)
        })
        .await
    }

    /// Describes a run.
    pub async fn describe_workflow(
        &self,
        target: Target,
    ) -> Result<WorkflowDescription, ServerError> {
        self.to_run(&target, Message::Describe)
            .await
            .map(|description| *description)
    }

    /// How far a run's history has come.
    pub async fn history_state(&self, target: Target) -> Result<HistoryState, ServerError> {
        self.to_run(&target, Message::HistoryState).await
    }

    async fn to_run<T>(
        &self,
        target: &Target,
        message: impl FnOnce(RunSelector, crate::mailbox::message::Reply<T>) -> Message,
    ) -> Result<T, ServerError> {
        self.core.namespaces.check(&target.key.namespace)?;
        let run = RunSelector::from(target);
        self.core
            .ask(&target.key, |reply| message(run, reply))
            .await
    }

    /// Waits until the history has events after `after_event_id` (or, with
    /// `until_closed`, until the run is closed), at most `wait`, and says how far
    /// it has come then.
    pub async fn wait_for_history(
        &self,
        target: Target,
        after_event_id: i64,
        until_closed: bool,
        wait: Duration,
    ) -> Result<HistoryState, ServerError> {
        let deadline = tokio::time::Instant::now() + wait;
        let is_new = |state: &HistoryState| {
            state.closed || (!until_closed && state.last_event_id > after_event_id)
        };
        // Whoever names the run is one look ahead: the watch begins before the look.
        let mut named = target.run_id.map(|run_id| self.core.watchers.watch(run_id));
        let mut state = self.history_state(target.clone()).await?;
        if is_new(&state) {
            return Ok(state);
        }
        let mut watcher = match named.take() {
            Some(watcher) => watcher,
            None => {
                let watcher = self.core.watchers.watch(state.run_id);
                let target = Target {
                    run_id: Some(state.run_id),
                    ..target
                };
                state = self.history_state(target).await?;
                watcher
            }
        };
        while !is_new(&state) {
            tokio::select! {
                news = watcher.news() => state = news,
                () = tokio::time::sleep_until(deadline) => break,
                () = self.core.stop.cancelled() => break,
            }
        }
        Ok(state)
    }

    /// Reads events of a run, both ends inclusive, at most `max_events`.
    pub async fn read_history(
        &self,
        run_id: RunId,
        from_event_id: i64,
        to_event_id: i64,
        max_events: usize,
        reverse: bool,
    ) -> Result<Vec<HistoryEvent>, ServerError> {
        self.core
            .read_events(run_id, from_event_id, to_event_id, max_events, reverse)
            .await
    }

    /// The last event of a run that has come so far.
    pub async fn last_event(&self, state: HistoryState) -> Result<HistoryEvent, ServerError> {
        let Some(latest) = state.latest else {
            return self
                .core
                .read_event(state.run_id, state.last_event_id)
                .await;
        };
        let events = history::decode(&latest);
        let last = events.map_err(|error| ServerError::Internal(error.to_string()))?;
        let last = last.into_iter().next_back();
        last.ok_or_else(|| ServerError::Internal("a batch has no events".to_owned()))
    }

    /// Lists runs.
    pub async fn list_workflows(
        &self,
        namespace: &Namespace,
        request: &ListRequest,
    ) -> Result<Vec<ListedRun>, ServerError> {
        self.core.namespaces.check(namespace)?;
        Ok(self.core.store.list_runs(namespace, request).await?)
    }

    /// Counts runs, by status.
    pub async fn count_workflows(
        &self,
        namespace: &Namespace,
        filter: &Filter,
    ) -> Result<Vec<(WorkflowExecutionStatus, u64)>, ServerError> {
        self.core.namespaces.check(namespace)?;
        let rows_examined = self.core.limits.list_rows_examined;
        let store = &self.core.store;
        Ok(store.count_runs(namespace, filter, rows_examined).await?)
    }
}
