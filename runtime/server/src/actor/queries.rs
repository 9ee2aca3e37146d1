//! Queries: read phases of the latest run's code, or of a closed run's.

use mainspring_engine::guest::QueryAnswer;
use mainspring_engine::ids::{RunId, WorkflowKey};
use mainspring_sandbox::{Instance, Progress};
use std::sync::Arc;
use std::time::Duration;
use temporalio_protos::temporal::api::common::v1::Payloads;
use temporalio_protos::temporal::api::enums::v1::{QueryRejectCondition, WorkflowExecutionStatus};

use super::guest::{Guest, Turn};
use super::rebuild::{Rebuild, RebuildProgress};
use super::step::Step;
use super::{Actor, State};
use crate::core::Core;
use crate::error::ServerError;
use crate::mailbox::message::{Reply, RunSelector};
use crate::request::{Query, QueryReply};
use crate::residents::Rest;
use crate::turns::Place;

/// A query that waits for the code.
pub(super) struct WaitingQuery {
    pub(super) run: RunSelector,
    pub(super) query: Box<Query>,
    pub(super) reply: Reply<QueryReply>,
}

/// How long a replay for a query waits when there is no room for an instance.
const CROWDED_WAIT: Duration = Duration::from_millis(10);

impl Actor {
    /// Decides who answers: the live code, a replay of a closed run, or nobody.
    pub(super) async fn take_query(&mut self, waiting: WaitingQuery, step: &mut Step) {
        let selected = self.selected(waiting.run).await;
        let (status, closed_run) = match (&selected, &self.state) {
            (Err(_), _) => (None, None),
            (Ok(Some(run)), _) => (
                Some(run.status()),
                Some((run.run_id(), run.last_event_id(), run.digest())),
            ),
            (Ok(None), State::Run(latest)) => (Some(latest.run.status()), None),
            (Ok(None), State::Unknown | State::Nothing) => (None, None),
        };
        if let Err(error) = selected {
            step.answer(waiting.reply, Err(error));
            return;
        }
        if let Some(status) = status
            && rejects(waiting.query.reject_condition, status)
        {
            step.answer(waiting.reply, Ok(QueryReply::Rejected(status)));
            return;
        }
        match closed_run {
            Some((run_id, last_event_id, digest)) => {
                let (core, key) = (self.core.clone(), self.key.clone());
                tokio::spawn(async move {
                    let asked = vec![waiting];
                    answer_from_history(core, key, run_id, last_event_id, digest, asked).await;
                });
            }
            None => self.queries.push_back(waiting),
        }
    }

    /// The latest run is closed: its code is brought back aside, since nothing can
    /// happen to it any more.
    pub(super) fn answer_queries_of_closed_run(&mut self) {
        if self.queries.is_empty() {
            return;
        }
        let asked: Vec<WaitingQuery> = self.queries.drain(..).collect();
        let State::Run(latest) = &self.state else {
            let error = self.unknown_run(None).to_string();
            for waiting in asked {
                let _ = waiting
                    .reply
                    .send(Err(ServerError::NotFound(error.clone())));
            }
            return;
        };
        let run = &latest.run;
        if run.has_staged() {
            // It closed in this step: first the commit, then the replay.
            self.queries.extend(asked);
            return;
        }
        let (run_id, last_event_id, digest) = (run.run_id(), run.last_event_id(), run.digest());
        let (core, key) = (self.core.clone(), self.key.clone());
        tokio::spawn(async move {
            answer_from_history(core, key, run_id, last_event_id, digest, asked).await;
        });
    }

    /// A blocked run's code cannot say how things stand: its last messages are not
    /// in it. One that has not begun has nothing to say.
    pub(super) fn refuse_queries_without_answer(&mut self) {
        let Some(latest) = self.latest() else {
            return;
        };
        let reason = match latest.run.blocked() {
            Some(blocked) => format!(
                "the workflow is blocked and cannot be queried: {}",
                blocked.message
            ),
            None if latest.run.first_task_at().is_some() => {
                "the workflow has not begun and cannot be queried: its first task is held back \
                 (start delay, retry backoff or cron)"
                    .to_owned()
            }
            None => return,
        };
        for waiting in self.queries.drain(..) {
            let refused = ServerError::FailedPrecondition(reason.clone());
            let _ = waiting.reply.send(Err(refused));
        }
    }

    /// The code is live and at rest: it answers what is asked, one query after the
    /// other. One that takes longer than a slice goes on in the next step, so that
    /// messages are recorded meanwhile.
    pub(super) fn go_on_answering(&mut self, step: &mut Step) -> Turn {
        let State::Run(latest) = &mut self.state else {
            return Turn::Enough;
        };
        let Guest::Live(live) = &mut latest.guest else {
            return Turn::Enough;
        };
        let waiting = match live.asked.take() {
            Some(waiting) => waiting,
            None => {
                let Some(waiting) = self.queries.pop_front() else {
                    return Turn::Enough;
                };
                begin(&mut live.instance, &waiting.query);
                waiting
            }
        };
        let slice = self.core.limits.activation_slice;
        let Some(asked) = go_on(&mut live.instance, &waiting.query, slice) else {
            live.asked = Some(waiting);
            return Turn::Enough;
        };
        if asked.died {
            self.drop_guest();
        } else {
            self.touch(Rest::Expectant);
        }
        step.answer(waiting.reply, asked.answer);
        Turn::Again
    }
}

struct Asked {
    answer: Result<QueryReply, ServerError>,
    /// The instance trapped.
    died: bool,
}

fn begin(instance: &mut Instance, query: &Query) {
    instance.session().begin_query(
        query.name.clone(),
        query.arguments.clone(),
        query.header.clone(),
    );
}

/// Runs a read phase for one slice; `None`: it needs another. The CPU limit of an
/// event ends a query that never does.
fn go_on(instance: &mut Instance, query: &Query, slice: Duration) -> Option<Asked> {
    match instance.advance(slice) {
        Progress::OutOfSlice => None,
        Progress::Idle | Progress::Ended(_) => {
            let answer = instance.session().finish_query();
            Some(Asked {
                answer: reply_of(answer, &query.name),
                died: false,
            })
        }
        Progress::Fault(fault) => Some(Asked {
            answer: Err(ServerError::QueryFailed {
                message: format!("query {} failed: {}", query.name, fault.failure.message),
                failure: None,
            }),
            died: true,
        }),
    }
}

/// Runs a whole read phase; others run between its slices.
async fn ask(core: &Core, instance: &mut Instance, query: &Query) -> Asked {
    begin(instance, query);
    let mut place = Place::Nowhere;
    loop {
        if let Some(asked) = go_on(instance, query, core.limits.activation_slice) {
            return asked;
        }
        place = next_turn(core, place).await;
    }
}

/// Gives a turn back and waits for the next.
async fn next_turn(core: &Core, place: Place) -> Place {
    drop(place);
    tokio::task::yield_now().await;
    let mut next = Place::Nowhere;
    next.wait(&core.turns).await;
    next
}

fn reply_of(answer: Option<QueryAnswer>, name: &str) -> Result<QueryReply, ServerError> {
    match answer {
        Some(Ok(result)) => Ok(QueryReply::Answer(result.map(|payload| Payloads {
            payloads: vec![payload],
        }))),
        Some(Err(failure)) => Err(ServerError::QueryFailed {
            message: failure.message.clone(),
            failure: Some(Box::new(failure)),
        }),
        None => Err(ServerError::QueryFailed {
            message: format!("the workflow did not answer query {name}"),
            failure: None,
        }),
    }
}

/// MSG-09.
fn rejects(condition: QueryRejectCondition, status: WorkflowExecutionStatus) -> bool {
    match condition {
        QueryRejectCondition::Unspecified | QueryRejectCondition::None => false,
        QueryRejectCondition::NotOpen => status != WorkflowExecutionStatus::Running,
        QueryRejectCondition::NotCompletedCleanly => !matches!(
            status,
            WorkflowExecutionStatus::Running | WorkflowExecutionStatus::Completed
        ),
    }
}

/// Replays a closed run and lets its code answer (MSG-08).
pub(super) async fn answer_from_history(
    core: Arc<Core>,
    key: WorkflowKey,
    run_id: RunId,
    last_event_id: i64,
    digest: mainspring_engine::ids::Digest,
    asked: Vec<WaitingQuery>,
) {
    let rebuilt = rebuild_closed(&core, key, run_id, last_event_id, digest).await;
    let mut instance = match rebuilt {
        Ok(instance) => instance,
        Err(error) => {
            let message = error.to_string();
            for waiting in asked {
                let _ = waiting.reply.send(Err(ServerError::QueryFailed {
                    message: message.clone(),
                    failure: None,
                }));
            }
            return;
        }
    };
    for waiting in asked {
        let asked = ask(&core, &mut instance, &waiting.query).await;
        let _ = waiting.reply.send(asked.answer);
        if asked.died {
            return;
        }
    }
}

async fn rebuild_closed(
    core: &Core,
    key: WorkflowKey,
    run_id: RunId,
    last_event_id: i64,
    digest: mainspring_engine::ids::Digest,
) -> Result<Instance, ServerError> {
    let component = core.components.load(digest).await?;
    let mut rebuild = Rebuild::new(component, key, run_id);
    let mut place = Place::Nowhere;
    loop {
        match rebuild.go_on(core, last_event_id).await {
            RebuildProgress::More => place = next_turn(core, place).await,
            RebuildProgress::Crowded => tokio::time::sleep(CROWDED_WAIT).await,
            RebuildProgress::Done(done) => return Ok(done.instance),
            RebuildProgress::Failed(failure) => {
                return Err(ServerError::FailedPrecondition(format!(
                    "the closed run cannot be replayed: {}",
                    failure.message
                )));
            }
            RebuildProgress::Unreadable(error) => return Err(error),
        }
    }
}
