//! Updates of the latest run: who waits for which, and what they hear (MSG-11..17).
//!
//! The engine knows the updates; here are their callers. A caller waits until its
//! update has come as far as it asked for, and hears so after the commit that makes
//! it true. An update that is not accepted yet lives in memory alone: where the
//! state is read back from disk, its callers hear that they may try again.

use std::collections::BTreeMap;

use mainspring_engine::ids::RunId;
use mainspring_engine::run::{Run, UpdateStage, closed_before_completion, update_id_of};
use temporalio_protos::temporal::api::enums::v1::UpdateWorkflowExecutionLifecycleStage as Stage;
use temporalio_protos::temporal::api::failure::v1::Failure;
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::update::v1::{Outcome, Request, outcome};

use super::step::Step;
use super::{Actor, State};
use crate::error::ServerError;
use crate::mailbox::message::{Reply, RunSelector};
use crate::updates::UpdateState;

/// Callers that wait for updates of one workflow ID.
#[derive(Default)]
pub(super) struct UpdateWaiters {
    waiting: BTreeMap<(RunId, String), Vec<Waiter>>,
}

struct Waiter {
    stage: Stage,
    reply: Reply<UpdateState>,
}

impl UpdateWaiters {
    /// Whether somebody waits still.
    pub(super) fn is_waiting(&self) -> bool {
        let mut all = self.waiting.values().flatten();
        all.any(|waiter| !waiter.reply.is_closed())
    }

    fn add(&mut self, run_id: RunId, update_id: &str, waiter: Waiter) {
        let key = (run_id, update_id.to_owned());
        let waiting = self.waiting.entry(key).or_default();
        // Callers come back with the same ID when their call has ended.
        waiting.retain(|waiter| !waiter.reply.is_closed());
        waiting.push(waiter);
    }

    /// Takes out those who have waited for `stage` or less.
    fn reached(&mut self, run_id: RunId, update_id: &str, stage: Stage) -> Vec<Waiter> {
        let key = (run_id, update_id.to_owned());
        let Some(waiting) = self.waiting.remove(&key) else {
            return Vec::new();
        };
        let (reached, others): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .filter(|waiter| !waiter.reply.is_closed())
            .partition(|waiter| waiter.stage <= stage);
        if !others.is_empty() {
            self.waiting.insert(key, others);
        }
        reached
    }

    /// Takes out all who wait for an update.
    fn take(&mut self, run_id: RunId, update_id: &str) -> Vec<Waiter> {
        let key = (run_id, update_id.to_owned());
        self.waiting.remove(&key).unwrap_or_default()
    }

    /// Nobody knows what became of the updates that were in memory.
    pub(super) fn lose(&mut self) {
        for waiter in std::mem::take(&mut self.waiting).into_values().flatten() {
            let _ = waiter.reply.send(Err(ServerError::Unavailable(
                "the update may not have been recorded; try again with the same update ID"
                    .to_owned(),
            )));
        }
    }
}

impl Actor {
    /// Takes an update in, or finds the one with its ID (MSG-13).
    pub(super) async fn take_update(
        &mut self,
        selector: RunSelector,
        request: Request,
        stage: Stage,
        reply: Reply<UpdateState>,
        step: &mut Step,
    ) {
        let update_id = update_id_of(&request).to_owned();
        match self.find_update(selector, &update_id).await {
            Err(error) => step.answer(reply, Err(error)),
            Ok(Some(state)) => self.wait_for_update(&update_id, state, stage, reply, step),
            Ok(None) => match self.admit(selector, request).await {
                Err(error) => step.answer(reply, Err(error)),
                Ok(state) => self.wait_for_update(&update_id, state, stage, reply, step),
            },
        }
    }

    /// Answers how far an update has come, once it has come as far as `stage`.
    pub(super) async fn take_poll_update(
        &mut self,
        selector: RunSelector,
        update_id: &str,
        stage: Stage,
        reply: Reply<UpdateState>,
        step: &mut Step,
    ) {
        match self.find_update(selector, update_id).await {
            Err(error) => step.answer(reply, Err(error)),
            Ok(Some(state)) => self.wait_for_update(update_id, state, stage, reply, step),
            Ok(None) => {
                let error = format!(
                    "update {update_id:?} of workflow {} is not found: it was never accepted, \
                     or was rejected",
                    self.key.workflow_id
                );
                step.answer(reply, Err(ServerError::NotFound(error)));
            }
        }
    }

    async fn admit(
        &mut self,
        selector: RunSelector,
        request: Request,
    ) -> Result<UpdateState, ServerError> {
        self.input(selector, |run| {
            run.admit_update(request).map(|()| UpdateState {
                run_id: run.run_id(),
                stage: Stage::Admitted,
                outcome: None,
            })
        })
        .await
    }

    /// `None`: the run that is meant does not know the update.
    async fn find_update(
        &mut self,
        selector: RunSelector,
        update_id: &str,
    ) -> Result<Option<UpdateState>, ServerError> {
        let other = self.selected(selector).await?;
        let run = match (&other, &self.state) {
            (Some(run), _) => run,
            (None, State::Run(latest)) => &latest.run,
            (None, State::Unknown | State::Nothing) => return Err(self.unknown_run(None)),
        };
        let chain = run.first_run_id();
        if selector.first_run_id.is_some_and(|first| first != chain) {
            return Err(self.unknown_run(selector.first_run_id));
        }
        self.known_update(run, update_id).await
    }

    pub(super) async fn known_update(
        &self,
        run: &Run,
        update_id: &str,
    ) -> Result<Option<UpdateState>, ServerError> {
        let state = |stage, outcome| {
            Ok(Some(UpdateState {
                run_id: run.run_id(),
                stage,
                outcome,
            }))
        };
        match run.update_stage(update_id) {
            Some(UpdateStage::Admitted) if run.is_open() => return state(Stage::Admitted, None),
            Some(UpdateStage::Accepted(_)) if run.is_open() => return state(Stage::Accepted, None),
            Some(UpdateStage::Accepted(_)) => {
                let outcome = failed(closed_before_completion());
                return state(Stage::Completed, Some(outcome));
            }
            Some(UpdateStage::Admitted) | None => {}
        }
        if let Some(outcome) = run.outcome_of_this_step(update_id) {
            return state(Stage::Completed, Some(outcome));
        }
        if !run.has_completed_updates() {
            return Ok(None);
        }
        let run_id = run.run_id();
        let completed = self.core.store.completed_update(run_id, update_id).await?;
        let Some(event_id) = completed else {
            return Ok(None);
        };
        let outcome = self.core.update_outcome(run_id, event_id).await?;
        state(Stage::Completed, Some(outcome))
    }

    fn wait_for_update(
        &mut self,
        update_id: &str,
        state: UpdateState,
        stage: Stage,
        reply: Reply<UpdateState>,
        step: &mut Step,
    ) {
        if state.stage >= stage {
            step.answer(reply, Ok(state));
        } else {
            let waiter = Waiter { stage, reply };
            self.update_waiters.add(state.run_id, update_id, waiter);
        }
    }

    /// Tells callers what the events of a task say of their updates.
    pub(super) fn tell_of_updates(&mut self, events: &[HistoryEvent], step: &mut Step) {
        let Some(run_id) = self.latest().map(|latest| latest.run.run_id()) else {
            return;
        };
        for event in events {
            match &event.attributes {
                Some(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(accepted)) => {
                    let id = &accepted.protocol_instance_id;
                    self.tell(run_id, id, Stage::Accepted, None, step);
                }
                Some(Attributes::WorkflowExecutionUpdateCompletedEventAttributes(completed)) => {
                    let id = completed.meta.clone().unwrap_or_default().update_id;
                    let outcome = completed.outcome.clone();
                    self.tell(run_id, &id, Stage::Completed, outcome, step);
                }
                _ => {}
            }
        }
    }

    /// The code has refused an update: its callers hear why, nobody else does.
    pub(super) fn tell_of_rejection(&mut self, update_id: &str, reason: Failure, step: &mut Step) {
        if let Some(run_id) = self.latest().map(|latest| latest.run.run_id()) {
            let outcome = Some(failed(reason));
            self.tell(run_id, update_id, Stage::Completed, outcome, step);
        }
    }

    fn tell(
        &mut self,
        run_id: RunId,
        update_id: &str,
        stage: Stage,
        outcome: Option<Outcome>,
        step: &mut Step,
    ) {
        for waiter in self.update_waiters.reached(run_id, update_id, stage) {
            let state = UpdateState {
                run_id,
                stage,
                outcome: outcome.clone(),
            };
            step.answer(waiter.reply, Ok(state));
        }
    }

    /// The latest run has closed and `next` follows it: the updates that the code has
    /// not heard of wait for that one, the accepted ones have failed (MSG-16).
    pub(super) fn hand_on_updates(&mut self, next: &mut Run, step: &mut Step) {
        let State::Run(latest) = &mut self.state else {
            return;
        };
        let before = latest.run.run_id();
        let mut moved = Vec::new();
        for request in latest.run.take_admitted_updates() {
            let update_id = update_id_of(&request).to_owned();
            let waiters = self.update_waiters.take(before, &update_id);
            match next.admit_update(request) {
                Ok(()) => moved.push((update_id, waiters)),
                Err(error) => {
                    let said = error.to_string();
                    for waiter in waiters {
                        let error = ServerError::ResourceExhausted(said.clone());
                        step.answer(waiter.reply, Err(error));
                    }
                }
            }
        }
        self.end_updates_of_closed_run(step);
        for (update_id, waiters) in moved {
            for waiter in waiters {
                self.update_waiters.add(next.run_id(), &update_id, waiter);
            }
        }
    }

    /// The run has closed, with no successor that goes on with its work: what was
    /// accepted has failed, what was not is aborted (MSG-16).
    pub(super) fn end_updates_of_closed_run(&mut self, step: &mut Step) {
        let State::Run(latest) = &mut self.state else {
            return;
        };
        if latest.run.is_open() {
            return;
        }
        latest.run.take_admitted_updates();
        for ((run_id, update_id), waiters) in std::mem::take(&mut self.update_waiters.waiting) {
            for waiter in waiters {
                let answer = match latest.run.update_stage(&update_id) {
                    Some(_) => Ok(UpdateState {
                        run_id,
                        stage: Stage::Completed,
                        outcome: Some(failed(closed_before_completion())),
                    }),
                    None => Err(ServerError::NotFound(
                        "workflow update was aborted by closing workflow".to_owned(),
                    )),
                };
                step.answer(waiter.reply, answer);
            }
        }
    }
}

fn failed(failure: Failure) -> Outcome {
    Outcome {
        value: Some(outcome::Value::Failure(failure)),
    }
}
