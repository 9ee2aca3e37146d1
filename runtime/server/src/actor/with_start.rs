//! A start and a message in one: the message goes to the run that is open or, where
//! the policies let one begin, to the new one, in the same commit (MSG-05, MSG-18).

use mainspring_engine::run::update_id_of;
use temporalio_protos::temporal::api::enums::v1::{
    UpdateWorkflowExecutionLifecycleStage as Stage, WorkflowIdConflictPolicy,
};
use temporalio_protos::temporal::api::update::v1::Request;

use super::step::Step;
use super::{Actor, State};
use crate::mailbox::message::{Reply, RunSelector};
use crate::request::{Signal, StartWorkflow, StartedWorkflow};
use crate::updates::UpdateState;

impl Actor {
    /// Signals the open run; without one, starts a run whose first message it is.
    pub(super) async fn take_signal_with_start(
        &mut self,
        mut start: StartWorkflow,
        signal: Signal,
        reply: Reply<StartedWorkflow>,
        step: &mut Step,
    ) {
        if start.conflict_policy == WorkflowIdConflictPolicy::Unspecified {
            start.conflict_policy = default_conflict_policy(&start);
        }
        let answer = match self.begin(start, step) {
            // A repeated request whose run has closed meanwhile: its signal is there.
            Ok(started) if self.latest().is_some_and(|latest| !latest.run.is_open()) => Ok(started),
            Ok(started) => self
                .take_signal(RunSelector::default(), signal)
                .await
                .map(|()| started),
            Err(error) => Err(error),
        };
        step.answer(reply, answer);
    }

    /// Starts a run, or uses the one that is there, and sends it an update. One that
    /// the run knows already is answered whatever the policies say (MSG-13).
    pub(super) async fn take_update_with_start(
        &mut self,
        start: StartWorkflow,
        request: Request,
        stage: Stage,
        started: Reply<StartedWorkflow>,
        updated: Reply<UpdateState>,
        step: &mut Step,
    ) {
        let update_id = update_id_of(&request);
        let known = match &self.state {
            State::Run(latest) => self.known_update(&latest.run, update_id).await,
            State::Unknown | State::Nothing => Ok(None),
        };
        let begun = match known {
            Ok(Some(_)) => self.latest_as_started(false),
            Ok(None) => self.begin(start, step),
            Err(error) => Err(error),
        };
        match begun {
            Ok(run) => {
                step.answer(started, Ok(run));
                self.take_update(RunSelector::default(), request, stage, updated, step)
                    .await;
            }
            // The update's caller is the same and hears it from the start.
            Err(error) => step.answer(started, Err(error)),
        }
    }
}

/// The deprecated reuse policy has a conflict policy in it.
#[allow(deprecated)]
fn default_conflict_policy(start: &StartWorkflow) -> WorkflowIdConflictPolicy {
    use temporalio_protos::temporal::api::enums::v1::WorkflowIdReusePolicy;
    match start.reuse_policy {
        WorkflowIdReusePolicy::TerminateIfRunning => WorkflowIdConflictPolicy::Unspecified,
        _ => WorkflowIdConflictPolicy::UseExisting,
    }
}
