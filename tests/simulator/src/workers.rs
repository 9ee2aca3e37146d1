//! Activity workers: they do what an activity's input says of each attempt, and
//! watch that nobody is given what was done already.

use std::sync::Arc;
use std::time::Duration;

use mainspring_engine::failure;
use mainspring_engine::ids::RunId;
use mainspring_server::outside::Clock as _;
use mainspring_server::{ActivityTarget, ActivityTask, PollActivity, Server, ServerError};
use parking_lot::Mutex;
use simulated_program::Attempt;
use temporalio_protos::temporal::api::failure::v1::failure::FailureInfo;

use crate::clients::json;
use crate::clock::VirtualClock;
use crate::lab::NAMESPACE;
use crate::plan::Outage;
use crate::world::{BEGIN, Truth};

/// How long a poll waits.
const POLL: Duration = Duration::from_secs(60);
/// A call that was not answered is tried again after this long.
const AGAIN: Duration = Duration::from_millis(40);

/// A worker process.
pub struct Worker {
    /// Whom it works for.
    pub server: Server,
    /// The time.
    pub clock: Arc<VirtualClock>,
    /// What it saw.
    pub truth: Arc<Mutex<Truth>>,
    /// When it is gone.
    pub outages: Vec<Outage>,
}

/// One attempt in a worker's hands.
struct Given {
    run_id: RunId,
    scheduled_event_id: i64,
    attempt: u32,
    token: Vec<u8>,
}

impl Worker {
    /// Polls a queue for ever.
    pub async fn poll(self: Arc<Self>, queue: u8) {
        loop {
            if let Some(outage) = self.outage() {
                let back = BEGIN + Duration::from_millis(outage.to);
                self.clock.sleep_until(back).await;
            }
            let poll = PollActivity {
                namespace: NAMESPACE.into(),
                task_queue: format!("queue-{queue}").into(),
                identity: "worker".to_owned(),
                worker_instance_key: String::new(),
            };
            match self.server.poll_activity_task(poll, POLL).await {
                Ok(Some(task)) => self.take(task),
                Ok(None) => {}
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    fn outage(&self) -> Option<Outage> {
        let now = self.clock.now().since(BEGIN).as_millis();
        let gone =
            |outage: &&Outage| (u128::from(outage.from)..u128::from(outage.to)).contains(&now);
        self.outages.iter().find(gone).copied()
    }

    fn take(self: &Arc<Self>, mut task: ActivityTask) {
        let given = Given {
            run_id: task.run_id,
            scheduled_event_id: task.attempt.scheduled_event_id,
            attempt: task.attempt.attempt,
            token: task.token.clone(),
        };
        let mut how = attempt_of(&task);
        let place = (given.run_id, given.scheduled_event_id);
        if how == Attempt::Refused {
            let mut truth = self.truth.lock();
            if truth.refused.insert((place.0, place.1, given.attempt)) {
                // Dropped: it comes back.
                return;
            }
            how = Attempt::Dies;
        }
        task.handed_over();
        self.note_given(&given);
        if self.outage().is_some() {
            how = Attempt::Dies;
        }
        let this = self.clone();
        tokio::spawn(async move { this.work(given, how).await });
    }

    fn note_given(&self, given: &Given) {
        let mut truth = self.truth.lock();
        let place = (given.run_id, given.scheduled_event_id);
        if let Some(done) = truth.completed.get(&place).copied() {
            let what = format!(
                "attempt {} of activity {} of run {} is given out although attempt {done} completed",
                given.attempt, given.scheduled_event_id, given.run_id
            );
            truth.wrong.push(what);
        }
        let last = truth.given.insert(place, given.attempt).unwrap_or(0);
        if last >= given.attempt {
            let what = format!(
                "attempt {} of activity {} of run {} is given out after attempt {last}",
                given.attempt, given.scheduled_event_id, given.run_id
            );
            truth.wrong.push(what);
        }
    }

    async fn work(&self, given: Given, how: Attempt) {
        match how {
            Attempt::Completes { after, twice } => {
                tokio::time::sleep(Duration::from_millis(after)).await;
                self.complete(&given, twice).await;
            }
            Attempt::Fails { after, for_good } => {
                tokio::time::sleep(Duration::from_millis(after)).await;
                self.fail(&given, for_good).await;
            }
            Attempt::Beats { times, every } => {
                for _ in 0..times {
                    tokio::time::sleep(Duration::from_millis(every)).await;
                    if !self.beat(&given).await {
                        return;
                    }
                }
                self.complete(&given, false).await;
            }
            Attempt::Dies | Attempt::Refused => {}
        }
    }

    async fn complete(&self, given: &Given, twice: bool) {
        let call = || {
            let result = json(&given.attempt);
            let (namespace, target) = (NAMESPACE.into(), target(given));
            let server = &self.server;
            async move {
                server
                    .complete_activity(&namespace, target, result, "worker".to_owned())
                    .await
            }
        };
        if self.report(call).await {
            let place = (given.run_id, given.scheduled_event_id);
            self.truth.lock().completed.insert(place, given.attempt);
            if twice && self.report(call).await {
                let what = format!(
                    "activity {} of run {} is completed twice by the same attempt",
                    given.scheduled_event_id, given.run_id
                );
                self.truth.lock().wrong.push(what);
            }
        }
    }

    async fn fail(&self, given: &Given, for_good: bool) {
        let mut failure = failure::application("as planned".to_owned(), "Planned", String::new());
        if let Some(FailureInfo::ApplicationFailureInfo(info)) = &mut failure.failure_info {
            info.non_retryable = for_good;
        }
        self.report(|| {
            let (namespace, target, failure) = (NAMESPACE.into(), target(given), failure.clone());
            let server = &self.server;
            async move {
                server
                    .fail_activity(&namespace, target, failure, None, "worker".to_owned())
                    .await
            }
        })
        .await;
    }

    /// False: stop.
    async fn beat(&self, given: &Given) -> bool {
        let beaten = self
            .server
            .heartbeat_activity(&NAMESPACE.into(), target(given), json(&"here"))
            .await;
        match beaten {
            Ok(reply) if reply.cancel_requested => {
                self.report(|| {
                    let (namespace, target) = (NAMESPACE.into(), target(given));
                    let server = &self.server;
                    async move {
                        server
                            .cancel_activity(&namespace, target, None, "worker".to_owned())
                            .await
                    }
                })
                .await;
                false
            }
            Ok(_) | Err(ServerError::Unavailable(_)) => true,
            Err(_) => false,
        }
    }

    /// Reports until there is an answer; whether it was taken.
    async fn report<F>(&self, call: impl Fn() -> F) -> bool
    where
        F: Future<Output = Result<(), ServerError>>,
    {
        loop {
            match call().await {
                Ok(()) => return true,
                Err(ServerError::Unavailable(_)) => tokio::time::sleep(AGAIN).await,
                Err(ServerError::NotFound(_)) => return false,
                Err(error) => {
                    let what = format!("a worker's report is answered with: {error}");
                    self.truth.lock().wrong.push(what);
                    return false;
                }
            }
        }
    }
}

fn target(given: &Given) -> ActivityTarget {
    ActivityTarget::Token(given.token.clone())
}

/// How this attempt goes, as the activity's input says.
fn attempt_of(task: &ActivityTask) -> Attempt {
    let input = task.scheduled.input.as_ref();
    let data = input.and_then(|input| input.payloads.first());
    let work: Vec<Attempt> = data
        .and_then(|payload| serde_json::from_slice(&payload.data).ok())
        .unwrap_or_default();
    let index = task.attempt.attempt.saturating_sub(1) as usize;
    let how = work.get(index).or(work.last());
    how.copied().unwrap_or(Attempt::Dies)
}
