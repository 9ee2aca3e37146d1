//! The commit of a step, and what the world may see of it afterwards.

use mainspring_engine::run::QueuedActivity;
use mainspring_engine::transition::{CurrentRow, Transition, Write};

use super::step::{Promised, Step};
use super::{Actor, State};
use crate::commit::CommitError;
use crate::mailbox::message::Message;
use crate::matching::queue::TaskHint;
use crate::task::ActivityTask;
use crate::token::TaskToken;

impl Actor {
    /// Commits what the step has staged; then answers, tasks and alarms leave.
    pub(super) async fn commit(&mut self, mut step: Step) {
        self.offer_tasks(&mut step);
        let mut transition = Transition {
            runs: std::mem::take(&mut step.replaced),
            current: None,
        };
        let stored = self.stored;
        if let Some(latest) = self.latest() {
            let run_id = latest.run.run_id();
            transition.runs.extend(latest.run.take_change());
            if stored != Some(run_id) {
                transition.current = Some(CurrentRow {
                    key: latest.run.key().clone(),
                    run_id,
                    replaces: stored,
                });
            }
        }
        if transition.runs.is_empty() {
            step.settle(Ok(()));
            return;
        }
        let changed: Vec<_> = transition.runs.iter().map(|run| run.row.run_id).collect();
        let committed = self
            .core
            .committer
            .commit(Write::Transition(transition))
            .await;
        match committed {
            Ok(()) => {
                if let State::Run(latest) = &self.state {
                    self.stored = Some(latest.run.run_id());
                }
                self.set_alarm();
                for run_id in changed {
                    self.core.watchers.tell(run_id);
                }
                self.send_tasks(&mut step);
                step.settle(Ok(()));
            }
            Err(error) => self.not_committed(step, error),
        }
    }

    /// Offers every task that began to wait in this step to a poll that waits
    /// already, so that who takes it is part of the same commit.
    fn offer_tasks(&mut self, step: &mut Step) {
        let core = self.core.clone();
        let now = core.clock.now();
        let key = self.key.clone();
        let Some(latest) = self.latest() else {
            return;
        };
        for queued in latest.run.take_queued() {
            let QueuedActivity {
                scheduled_event_id,
                task_queue,
                scheduled,
                ..
            } = queued;
            let hint = TaskHint {
                key: key.clone(),
                task_queue: task_queue.clone(),
                run_id: latest.run.run_id(),
                scheduled_event_id,
                scheduled: scheduled.clone(),
            };
            let poller = scheduled
                .as_ref()
                .and_then(|_| core.matching.reserve(&key.namespace, &task_queue));
            let (Some(poller), Some(scheduled)) = (poller, scheduled) else {
                step.unmatched.push(hint);
                continue;
            };
            let nonce = core.entropy.next_u64();
            match latest
                .run
                .start_attempt(now, scheduled_event_id, poller.identity(), nonce)
            {
                Ok(attempt) => step.promised.push(Promised {
                    poller,
                    task_queue,
                    run_id: latest.run.run_id(),
                    attempt,
                    scheduled,
                }),
                Err(_) => core
                    .matching
                    .return_poller(&key.namespace, &task_queue, poller),
            }
        }
    }

    fn set_alarm(&mut self) {
        let busy = self.has_work();
        let (core, key) = (self.core.clone(), self.key.clone());
        let at = self.latest().and_then(|latest| latest.run.next_wake());
        // What is under way goes on by itself.
        core.alarms.set(&key, at.filter(|_| !busy));
    }

    fn send_tasks(&mut self, step: &mut Step) {
        let core = self.core.clone();
        let key = self.key.clone();
        let Some(latest) = self.latest() else {
            return;
        };
        let workflow_type = latest.run.workflow_type();
        for promised in step.promised.drain(..) {
            let Promised {
                poller,
                run_id,
                attempt,
                scheduled,
                ..
            } = promised;
            let token = TaskToken {
                workflow_id: key.workflow_id.clone(),
                run_id,
                scheduled_event_id: attempt.scheduled_event_id,
                attempt: attempt.attempt,
                nonce: attempt.nonce,
            };
            let back = Message::GiveBack {
                run_id,
                scheduled_event_id: attempt.scheduled_event_id,
                attempt: attempt.attempt,
                nonce: attempt.nonce,
            };
            let (core, to) = (core.clone(), key.clone());
            let give_back = Box::new(move || {
                // Where the mailbox is full the attempt's own timeout speaks.
                let _ = core.post(&to, back);
            });
            poller.deliver(ActivityTask::new(
                token.encode(),
                key.clone(),
                run_id,
                workflow_type.clone(),
                scheduled,
                attempt,
                give_back,
            ));
        }
        for hint in step.unmatched.drain(..) {
            core.matching.add_task(hint);
        }
    }

    /// Nobody knows what is on disk: forget, tell the callers, read back later.
    fn not_committed(&mut self, mut step: Step, error: CommitError) {
        tracing::warn!(key = %self.key, %error, "a step was not committed");
        for promised in step.promised.drain(..) {
            self.core.matching.return_poller(
                &self.key.namespace,
                &promised.task_queue,
                promised.poller,
            );
        }
        step.settle(Err(error));
        self.forget();
        // Whatever the run owes is looked at again, whether it was written or not.
        let soon = self.core.clock.now() + super::RELOAD_AFTER;
        self.core.alarms.set(&self.key, Some(soon));
    }
}
