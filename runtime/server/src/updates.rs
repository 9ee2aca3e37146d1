//! Requests about updates: what callers ask and how long they wait (MSG-11..18).

use std::time::Duration;

use mainspring_engine::ids::RunId;
use mainspring_engine::run::update_id_of;
use temporalio_protos::temporal::api::enums::v1::UpdateWorkflowExecutionLifecycleStage as Stage;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::update::v1::{Outcome, Request};
use tokio::sync::oneshot;

use crate::Server;
use crate::core::{Core, shutting_down};
use crate::error::ServerError;
use crate::mailbox::message::{Message, Reply, RunSelector};
use crate::request::{Signal, StartWorkflow, StartedWorkflow, Target};

/// How far an update has come.
#[derive(Clone, Debug)]
pub struct UpdateState {
    /// The run that has it.
    pub run_id: RunId,
    /// Admitted, accepted or completed.
    pub stage: Stage,
    /// What its caller gets, once it is completed. A rejected update is completed
    /// with its failure.
    pub outcome: Option<Outcome>,
}

/// Which half of an update-with-start was refused.
#[derive(Debug)]
pub enum WithStartError {
    /// The start; the update was not tried.
    Start(ServerError),
    /// The update; the run is there.
    Update(ServerError),
}

impl Server {
    /// Sends an update to a run and waits until it has come as far as `stage`, at
    /// most `wait`.
    pub async fn update_workflow(
        &self,
        target: Target,
        request: Request,
        stage: Stage,
        wait: Duration,
    ) -> Result<UpdateState, ServerError> {
        self.core.namespaces.check(&target.key.namespace)?;
        let update_id = update_id_of(&request).to_owned();
        let run = RunSelector::from(&target);
        let (reply, answer) = oneshot::channel();
        self.send(
            &target,
            Message::Update(run, Box::new(request), stage, reply),
        )?;
        self.update_state(target, &update_id, answer, wait).await
    }

    /// Waits until an update has come as far as `stage`, at most `wait`.
    pub async fn poll_update(
        &self,
        target: Target,
        update_id: &str,
        stage: Stage,
        wait: Duration,
    ) -> Result<UpdateState, ServerError> {
        self.core.namespaces.check(&target.key.namespace)?;
        let run = RunSelector::from(&target);
        let (reply, answer) = oneshot::channel();
        let message = Message::PollUpdate(run, update_id.to_owned(), stage, reply);
        self.send(&target, message)?;
        self.update_state(target, update_id, answer, wait).await
    }

    /// Signals the open run of a workflow ID, or starts one with the signal as its
    /// first message.
    pub async fn signal_with_start(
        &self,
        start: StartWorkflow,
        signal: Signal,
    ) -> Result<StartedWorkflow, ServerError> {
        let key = start.key.clone();
        self.core.namespaces.check(&key.namespace)?;
        let message = |reply| Message::SignalWithStart(Box::new(start), Box::new(signal), reply);
        self.core.ask(&key, message).await
    }

    /// Starts a run, or uses the one that is there, and sends it an update.
    pub async fn update_with_start(
        &self,
        start: StartWorkflow,
        request: Request,
        stage: Stage,
        wait: Duration,
    ) -> Result<(StartedWorkflow, UpdateState), WithStartError> {
        let key = start.key.clone();
        let check = self.core.namespaces.check(&key.namespace);
        check.map_err(WithStartError::Start)?;
        let update_id = update_id_of(&request).to_owned();
        let (updated, answer) = oneshot::channel();
        let message = |started| Message::UpdateWithStart {
            start: Box::new(start),
            request: Box::new(request),
            stage,
            started,
            updated,
        };
        let started = self.core.ask(&key, message).await;
        let started = started.map_err(WithStartError::Start)?;
        let target = Target {
            key,
            run_id: Some(started.run_id),
            first_run_id: None,
        };
        let state = self.update_state(target, &update_id, answer, wait).await;
        state
            .map(|state| (started, state))
            .map_err(WithStartError::Update)
    }

    fn send(&self, target: &Target, message: Message) -> Result<(), ServerError> {
        if self.core.stop.is_cancelled() {
            return Err(shutting_down());
        }
        let sent = self.core.post(&target.key, message);
        sent.map_err(|_| self.core.mailbox_full(&target.key))
    }

    /// Waits for an answer; when the time is over, asks how far the update is.
    async fn update_state(
        &self,
        target: Target,
        update_id: &str,
        answer: oneshot::Receiver<Result<UpdateState, ServerError>>,
        wait: Duration,
    ) -> Result<UpdateState, ServerError> {
        tokio::select! {
            // Dropped only where the step that held it failed whole.
            answer = answer => answer.unwrap_or_else(|_| Err(ServerError::Unavailable(
                "the update was not finished; try again with the same update ID".to_owned(),
            ))),
            () = self.core.stop.cancelled() => Err(shutting_down()),
            () = tokio::time::sleep(wait) => {
                let run = RunSelector::from(&target);
                let ask = |reply: Reply<UpdateState>| {
                    Message::PollUpdate(run, update_id.to_owned(), Stage::Unspecified, reply)
                };
                self.core.ask(&target.key, ask).await
            }
        }
    }
}

impl Core {
    /// What an UpdateCompleted event holds.
    pub(crate) async fn update_outcome(
        &self,
        run_id: RunId,
        event_id: i64,
    ) -> Result<Outcome, ServerError> {
        match self.read_event(run_id, event_id).await?.attributes {
            Some(Attributes::WorkflowExecutionUpdateCompletedEventAttributes(completed)) => {
                Ok(completed.outcome.unwrap_or_default())
            }
            _ => Err(ServerError::Internal(format!(
                "event {event_id} of run {run_id} does not complete an update"
            ))),
        }
    }
}
