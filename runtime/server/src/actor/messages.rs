//! What each message means for the latest run.

use mainspring_engine::ids::RunId;
use mainspring_engine::run::{InputError, Run, SignalInput, StartRun};
use mainspring_engine::start::{LatestRun, StartDecision, decide};

use super::queries::WaitingQuery;
use super::step::Step;
use super::{Actor, State};
use crate::components::{Pin, Route};
use crate::describe::WorkflowDescription;
use crate::error::ServerError;
use crate::mailbox::message::{ActivityReport, Message, RunSelector};
use crate::matching::queue::Match;
use crate::request::{HistoryState, Signal, StartWorkflow, StartedWorkflow, Stop};

impl Actor {
    /// Takes one message: stages what it means, or refuses it.
    ///
    /// The path of an activity's report is walked for every step of a workflow; what is
    /// rarer and larger is boxed, so that the task around it is small to make.
    pub(super) async fn take(&mut self, message: Message, step: &mut Step) {
        let now = self.core.clock.now();
        match message {
            Message::Start(request, reply) => {
                let started = self.begin(*request, step);
                step.answer(reply, started);
            }
            Message::Signal(run, signal, reply) => {
                let taken = self.take_signal(run, *signal).await;
                step.answer(reply, taken);
            }
            Message::RequestCancel(run, stop, reply) => {
                let taken = self.input(run, |run| {
                    run.request_cancel(now, stop.reason, stop.identity)
                });
                step.answer(reply, taken.await);
            }
            Message::Terminate(run, stop, reply) => {
                let Stop {
                    reason,
                    details,
                    identity,
                } = stop;
                let taken = self
                    .input(run, |run| run.terminate(now, reason, details, identity))
                    .await;
                step.answer(reply, taken);
            }
            Message::Delete(run, reply) => Box::pin(self.take_delete(run, reply, step)).await,
            Message::Query(run, query, reply) => {
                Box::pin(self.take_query(WaitingQuery { run, query, reply }, step)).await;
            }
            Message::Update(run, request, stage, reply) => {
                Box::pin(self.take_update(run, *request, stage, reply, step)).await;
            }
            Message::PollUpdate(run, update_id, stage, reply) => {
                Box::pin(self.take_poll_update(run, &update_id, stage, reply, step)).await;
            }
            Message::SignalWithStart(start, signal, reply) => {
                Box::pin(self.take_signal_with_start(*start, *signal, reply, step)).await;
            }
            Message::UpdateWithStart {
                start,
                request,
                stage,
                started,
                updated,
            } => {
                let taken =
                    self.take_update_with_start(*start, *request, stage, started, updated, step);
                Box::pin(taken).await;
            }
            Message::Describe(run, reply) => {
                let described = Box::pin(self.describe(run)).await;
                step.answer(reply, described);
            }
            Message::HistoryState(run, reply) => {
                let state = self.history_state(run).await;
                step.answer(reply, state);
            }
            Message::Report {
                run,
                activity,
                report,
                identity,
                reply,
            } => {
                let taken = self
                    .input(run, |run| match *report {
                        ActivityReport::Completed(result) => {
                            run.complete_activity(now, &activity, result, identity)
                        }
                        ActivityReport::Failed {
                            failure,
                            last_heartbeat_details,
                        } => run.fail_activity(
                            now,
                            &activity,
                            *failure,
                            last_heartbeat_details,
                            identity,
                        ),
                        ActivityReport::Canceled(details) => {
                            run.cancel_activity(now, &activity, details, identity)
                        }
                    })
                    .await;
                step.answer(reply, taken);
            }
            Message::Heartbeat {
                run,
                activity,
                details,
                reply,
            } => {
                let taken = self
                    .input(run, |run| run.heartbeat(now, &activity, details))
                    .await;
                step.answer(reply, taken);
            }
            Message::Dispatch(pair) => self.take_dispatch(pair, step).await,
            Message::GiveBack {
                run_id,
                scheduled_event_id,
                attempt,
                nonce,
            } => {
                if let Some(latest) = self.latest().filter(|l| l.run.run_id() == run_id) {
                    // Stale: the attempt has timed out or was given back before.
                    let _ = latest.run.give_back(scheduled_event_id, attempt, nonce);
                }
            }
            Message::Letter(delivery) => {
                let taken = self.take_letter(*delivery, step);
                Box::pin(taken).await;
            }
            Message::Wake => {
                if let Some(latest) = self.latest() {
                    latest.run.wake(now);
                }
                // The other messages of this step are for the run that follows.
                Box::pin(self.succeed(step)).await;
            }
            Message::Evict => {
                if self.latest().is_some_and(|latest| !latest.guest.is_busy()) {
                    self.drop_guest();
                }
            }
        }
    }

    /// Refuses messages because the state cannot be read.
    pub(super) fn refuse(&self, messages: Vec<Message>, error: &ServerError) {
        for message in messages {
            match message {
                Message::Dispatch(Match { poller, task }) => {
                    let queue = self.core.matching.clone();
                    queue.give_up(&self.key.namespace, poller, task);
                }
                Message::Wake => {
                    let again = self.core.clock.now() + super::RELOAD_AFTER;
                    self.core.alarms.set(&self.key, Some(again));
                }
                other => other.refuse(error),
            }
        }
    }

    // ---- starts -----------------------------------------------------------

    /// Starts a run, or answers by the policies with the one that is there.
    pub(super) fn begin(
        &mut self,
        request: StartWorkflow,
        step: &mut Step,
    ) -> Result<StartedWorkflow, ServerError> {
        match self.decide_start(&request)? {
            StartDecision::UseLatest { started } => self.latest_as_started(started),
            StartDecision::Start => self.start(request, step),
            StartDecision::TerminateAndStart => {
                let now = self.core.clock.now();
                if let Some(latest) = self.latest() {
                    let reason = "TerminateIfRunning WorkflowIdReusePolicy".to_owned();
                    // It is open: the decision says so.
                    let _ = latest
                        .run
                        .terminate(now, reason, None, "history-service".to_owned());
                }
                self.start(request, step)
            }
            StartDecision::Refuse(message) => Err(self.already_started(message)),
        }
    }

    fn decide_start(&mut self, request: &StartWorkflow) -> Result<StartDecision, ServerError> {
        let latest = self.latest().map(|latest| LatestRun {
            run_id: latest.run.run_id(),
            status: latest.run.status(),
            start_request_id: latest.run.start_request_id().to_owned(),
        });
        decide(
            latest.as_ref(),
            request.reuse_policy,
            request.conflict_policy,
            &request.request_id,
        )
        .map_err(ServerError::InvalidArgument)
    }

    fn already_started(&mut self, message: String) -> ServerError {
        match self.latest() {
            Some(latest) => ServerError::AlreadyStarted {
                message,
                run_id: latest.run.run_id(),
                start_request_id: latest.run.start_request_id().to_owned(),
            },
            None => ServerError::Internal(message),
        }
    }

    pub(super) fn latest_as_started(
        &mut self,
        started: bool,
    ) -> Result<StartedWorkflow, ServerError> {
        let latest = self
            .latest()
            .ok_or_else(|| ServerError::Internal("there is no run to answer with".to_owned()))?;
        let run = &latest.run;
        Ok(StartedWorkflow {
            // The same request gets the same answer, however far its chain has come.
            run_id: if started {
                run.first_run_id()
            } else {
                run.run_id()
            },
            first_run_id: latest.run.first_run_id(),
            started,
            status: latest.run.status(),
        })
    }

    fn start(
        &mut self,
        request: StartWorkflow,
        step: &mut Step,
    ) -> Result<StartedWorkflow, ServerError> {
        let route = self
            .core
            .components
            .route(&self.key.namespace, &request.workflow_type)?;
        let run_id = self.core.entropy.run_id(self.core.clock.now());
        let start = start_run(request, run_id, &route);
        self.start_on(start, route.pin, step);
        self.latest_as_started(true)
    }

    /// Begins a run; the one before it is closed, if there is one.
    pub(super) fn start_on(&mut self, start: StartRun, pin: Pin, step: &mut Step) {
        let now = self.core.clock.now();
        let run = Run::start(start, now, &self.core.limits);
        self.end_updates_of_closed_run(step);
        self.replace(run, step);
        step.pins.push(pin);
    }

    // ---- inputs -----------------------------------------------------------

    /// Applies an input to the run that is meant, if that is the latest and open.
    pub(super) async fn input<T>(
        &mut self,
        selector: RunSelector,
        apply: impl FnOnce(&mut Run) -> Result<T, InputError>,
    ) -> Result<T, ServerError> {
        self.select(selector).await?;
        let latest = self
            .latest()
            .ok_or_else(|| ServerError::Internal("the selected run is gone".to_owned()))?;
        apply(&mut latest.run).map_err(server_error)
    }

    pub(super) async fn take_signal(
        &mut self,
        selector: RunSelector,
        signal: Signal,
    ) -> Result<(), ServerError> {
        self.select(selector).await?;
        let now = self.core.clock.now();
        let core = self.core.clone();
        let latest = self
            .latest()
            .ok_or_else(|| ServerError::Internal("the selected run is gone".to_owned()))?;
        let run = &mut latest.run;
        if run.is_open() && !signal.request_id.is_empty() {
            let taken = run.took_request(&signal.request_id)
                || (run.has_request_ids()
                    && core
                        .store
                        .has_request_id(run.run_id(), &signal.request_id)
                        .await?);
            if taken {
                return Ok(());
            }
        }
        let input = SignalInput {
            name: signal.name,
            input: signal.input,
            header: signal.header,
            identity: signal.identity,
            request_id: signal.request_id,
            sender: None,
        };
        run.signal(now, input).map_err(server_error)
    }

    /// Checks that the latest run is the one that is meant. Another run of this
    /// workflow ID takes no input: it is closed.
    pub(super) async fn select(&mut self, selector: RunSelector) -> Result<(), ServerError> {
        let Some(latest) = self.latest() else {
            return Err(self.unknown_run(None));
        };
        let chain = latest.run.first_run_id();
        if selector.first_run_id.is_some_and(|first| first != chain) {
            return Err(self.unknown_run(selector.first_run_id));
        }
        match selector.run_id {
            Some(run_id) if run_id != latest.run.run_id() => match self.load_run(run_id).await? {
                Some(_) => Err(server_error(InputError::RunClosed)),
                None => Err(self.unknown_run(Some(run_id))),
            },
            _ => Ok(()),
        }
    }

    pub(super) fn unknown_run(&self, run_id: Option<RunId>) -> ServerError {
        let id = &self.key.workflow_id;
        ServerError::NotFound(match run_id {
            Some(run_id) => format!("workflow not found for ID: {id} and run ID: {run_id}"),
            None => format!("workflow not found for ID: {id}"),
        })
    }

    // ---- reads ------------------------------------------------------------

    async fn describe(
        &mut self,
        selector: RunSelector,
    ) -> Result<Box<WorkflowDescription>, ServerError> {
        let other;
        let run = match self.selected(selector).await? {
            Some(run) => {
                other = run;
                &other
            }
            None => match &self.state {
                State::Run(latest) => &latest.run,
                State::Unknown | State::Nothing => return Err(self.unknown_run(None)),
            },
        };
        let facts = match run.new_run_facts() {
            // It begins in this very step.
            Some(facts) => facts,
            None => self.core.run_facts(&self.key, run.run_id()).await?,
        };
        let mut described = WorkflowDescription::new(run, &facts);
        if run.has_upserts()
            && let Some(properties) = self.core.store.load_properties(run.run_id()).await?
        {
            described.set_properties(&properties);
        }
        Ok(Box::new(described))
    }

    async fn history_state(&mut self, selector: RunSelector) -> Result<HistoryState, ServerError> {
        let other = self.selected(selector).await?;
        let run = match (&other, &self.state) {
            (Some(run), _) => run,
            (None, State::Run(latest)) => &latest.run,
            (None, State::Unknown | State::Nothing) => return Err(self.unknown_run(None)),
        };
        Ok(HistoryState {
            run_id: run.run_id(),
            last_event_id: run.last_event_id(),
            closed: !run.is_open(),
            latest: None,
        })
    }

    /// `None`: the latest run is meant. `Some`: another one, read from disk.
    pub(super) async fn selected(
        &mut self,
        selector: RunSelector,
    ) -> Result<Option<Run>, ServerError> {
        let latest = self.latest().map(|latest| latest.run.run_id());
        match (selector.run_id, latest) {
            (None, Some(_)) => Ok(None),
            (None, None) => Err(self.unknown_run(None)),
            (Some(asked), Some(latest)) if asked == latest => Ok(None),
            (Some(asked), _) => match self.load_run(asked).await? {
                Some(run) => Ok(Some(run)),
                None => Err(self.unknown_run(Some(asked))),
            },
        }
    }
}

fn start_run(request: StartWorkflow, run_id: RunId, route: &Route) -> StartRun {
    StartRun {
        key: request.key,
        run_id,
        workflow_type: request.workflow_type,
        task_queue: request.task_queue,
        input: request.input,
        header: request.header,
        memo: request.memo,
        search_attributes: request.search_attributes,
        identity: request.identity,
        request_id: request.request_id,
        execution_timeout: request.workflow_execution_timeout,
        run_timeout: request.workflow_run_timeout,
        task_timeout: request.workflow_task_timeout,
        retry_policy: request.retry_policy,
        cron_schedule: request.cron_schedule,
        start_delay: request.start_delay,
        user_metadata: request.user_metadata,
        priority: request.priority,
        parent: None,
        digest: route.digest,
        component_name: route.name.clone(),
        component_version: route.version.clone(),
    }
}

pub(super) fn server_error(error: InputError) -> ServerError {
    let message = error.to_string();
    match error {
        InputError::RunClosed
        | InputError::ActivityNotFound(_)
        | InputError::StaleAttempt { .. }
        | InputError::ActivityNotStarted(_) => ServerError::NotFound(message),
        InputError::CancelNotRequested(_) => ServerError::InvalidArgument(message),
        InputError::Limit(_) => ServerError::ResourceExhausted(message),
        InputError::Exhausted(_) => ServerError::FailedPrecondition(message),
    }
}
