//! The commit of a step, and what the world may see of it afterwards.

use std::sync::Arc;

use mainspring_engine::run::QueuedActivity;
use mainspring_engine::transition::{CurrentRow, OutboxRow, Transition, Write};
use prost::Message as _;
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;

use super::step::{Promised, Step};
use super::{Actor, State};
use crate::commit::CommitError;
use crate::mailbox::message::Message;
use crate::matching::queue::TaskHint;
use crate::request::HistoryState;
use crate::task::ActivityTask;
use crate::token::TaskToken;

/// A waiting task keeps its event in memory up to this size; a larger one is read
/// from history when it meets a poll.
const KEPT_BYTES: usize = 16 * 1024;

impl Actor {
    /// Commits what the step has staged; then answers, tasks and alarms leave. False:
    /// nobody knows whether it was committed.
    pub(super) async fn commit(&mut self, mut step: Step) -> bool {
        if let Some(error) = step.broken.take() {
            let error = CommitError::Store(error.to_string());
            self.not_committed(step, error);
            return false;
        }
        self.offer_tasks(&mut step);
        let Some(write) = self.take_write(&mut step) else {
            // A run that was woken too early has used up its alarm.
            self.set_alarm(&step);
            step.settle(Ok(()));
            return true;
        };
        let news = self.news_of(&write);
        let letters = letters_of(&write);
        let committed = self.core.committer.commit(write).await;
        match committed {
            Ok(()) => {
                if let State::Run(latest) = &self.state {
                    self.stored = Some(latest.run.run_id());
                }
                self.set_alarm(&step);
                for state in news {
                    self.core.watchers.tell(state);
                }
                self.send_tasks(&mut step);
                step.settle(Ok(()));
                // Behind the answers to letters: a child has started before it closes.
                self.core.outbox.send(letters);
                true
            }
            Err(error) => {
                self.not_committed(step, error);
                false
            }
        }
    }

    /// All that the step has staged, as one write: rows of activities alone where
    /// nothing else changed.
    fn take_write(&mut self, step: &mut Step) -> Option<Write> {
        let key = self.key.clone();
        let stored = self.stored;
        let mut runs = std::mem::take(&mut step.replaced);
        let taken = std::mem::take(&mut step.taken);
        let mut current = None;
        if let Some(latest) = self.latest() {
            // With letters, rows of activities are part of their run's change.
            if runs.is_empty() && taken.is_empty() {
                step.activity_writes
                    .extend(latest.run.take_activity_writes());
            }
            let run_id = latest.run.run_id();
            runs.extend(latest.run.take_change());
            if stored != Some(run_id) {
                current = Some(CurrentRow {
                    key: latest.run.key().clone(),
                    run_id,
                    replaces: stored,
                });
            }
        }
        if !runs.is_empty() || !taken.is_empty() {
            return Some(Write::Transition(Transition {
                runs,
                current,
                taken,
            }));
        }
        let writes = std::mem::take(&mut step.activity_writes);
        step.wake_by = writes.iter().filter_map(|write| write.wake_at).min();
        (!writes.is_empty()).then_some(Write::Activities { key, writes })
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
            let poller = scheduled
                .as_ref()
                .and_then(|_| core.matching.reserve(&key.namespace, &task_queue));
            let (poller, scheduled) = match (poller, scheduled) {
                (Some(poller), Some(scheduled)) => (poller, scheduled),
                (_, scheduled) => {
                    step.unmatched.push(TaskHint {
                        key: key.clone(),
                        task_queue,
                        run_id: latest.run.run_id(),
                        scheduled_event_id,
                        scheduled: scheduled.filter(|event| event.encoded_len() <= KEPT_BYTES),
                    });
                    continue;
                }
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

    fn set_alarm(&mut self, step: &Step) {
        let busy = self.has_work();
        let (core, key) = (self.core.clone(), self.key.clone());
        match self.latest() {
            // What is under way goes on by itself.
            Some(latest) => core
                .alarms
                .set(&key, latest.run.next_wake().filter(|_| !busy)),
            None => {
                if let Some(at) = step.wake_by {
                    core.alarms.lower(&key, at);
                }
            }
        }
    }

    fn send_tasks(&mut self, step: &mut Step) {
        let core = self.core.clone();
        let key = self.key.clone();
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
            // It may have waited before this step: then nothing but its row knows
            // of it now, and the queue has to read it back.
            let task = TaskHint {
                key: self.key.clone(),
                task_queue: promised.task_queue,
                run_id: promised.run_id,
                scheduled_event_id: promised.attempt.scheduled_event_id,
                scheduled: Some(promised.scheduled),
            };
            let matching = &self.core.matching;
            matching.give_up(&self.key.namespace, promised.poller, task);
        }
        for task in step.unmatched.drain(..) {
            // It may wait on disk all the same.
            self.core.matching.look_again(task);
        }
        self.core.outbox.look_again();
        step.settle(Err(error));
        self.forget();
        // Whatever the run owes is looked at again, whether it was written or not.
        let soon = self.core.clock.now() + super::RELOAD_AFTER;
        self.core.alarms.set(&self.key, Some(soon));
    }

    /// How far the histories come that a write adds to. The last events of a run go with
    /// the news to those who wait for its result.
    fn news_of(&self, write: &Write) -> Vec<HistoryState> {
        let Write::Transition(transition) = write else {
            return Vec::new();
        };
        let grown = transition.runs.iter().filter_map(|run| {
            let events = run.events.as_ref()?;
            let closed = run.row.status != WorkflowExecutionStatus::Running;
            let latest = closed && self.core.watchers.is_watched(run.row.run_id);
            Some(HistoryState {
                run_id: run.row.run_id,
                last_event_id: events.last_event_id,
                closed,
                latest: latest.then(|| Arc::new(events.clone())),
            })
        });
        grown.collect()
    }
}

/// The letters that a write sends off.
fn letters_of(write: &Write) -> Vec<OutboxRow> {
    let Write::Transition(transition) = write else {
        return Vec::new();
    };
    let letters = transition.runs.iter().flat_map(|run| &run.outbox);
    letters.cloned().collect()
}
