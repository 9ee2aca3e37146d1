//! Following a run to its end through long polls, across retries and
//! continue-as-new, and across restarts of the server.
//!
//! History leaves out what happens between an activity's schedule and its end
//! (ACT-12), so while it waits the follower also asks once a second what the
//! pending activities do, and tells of attempts that fail and start.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use temporalio_protos::temporal::api::enums::v1::{HistoryEventFilterType, PendingActivityState};
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::workflow::v1::PendingActivityInfo;
use temporalio_protos::temporal::api::workflowservice::v1::{
    DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse,
    GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryResponse,
};
use tonic::{Code, Status};

use crate::error::CliError;
use crate::output::close::Close;
use crate::output::event::{Lines, row, section};
use crate::output::{self, text, time};
use crate::rpc::{CALL, Connection, LONG_POLL, execution, may_recover, within};

/// How long a server may stay away before a watcher gives up.
const PATIENCE: Duration = Duration::from_secs(60);
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(2);
const LOOK_AT_ACTIVITIES_EVERY: Duration = Duration::from_secs(1);

/// How events are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// One line each.
    Lines,
    /// Every attribute on a line of its own.
    Sections,
}

/// Reads a run's events as they come.
pub(crate) struct Follower {
    connection: Connection,
    workflow_id: String,
    /// Empty until the server has told which run is meant.
    run_id: String,
    token: Vec<u8>,
    last_event_id: i64,
}

impl Follower {
    /// Follows one run; without a run ID, the one that is current now.
    pub(crate) fn new(connection: Connection, workflow_id: &str, run_id: &str) -> Self {
        Self {
            connection,
            workflow_id: workflow_id.to_owned(),
            run_id: run_id.to_owned(),
            token: Vec::new(),
            last_event_id: 0,
        }
    }

    /// Waits for the end of the chain of runs, printing nothing. Answers with
    /// the last run's ID, its last event and what that says.
    pub(crate) async fn close(&mut self) -> Result<(String, HistoryEvent, Close), CliError> {
        self.pin_run().await?;
        loop {
            let filter = HistoryEventFilterType::CloseEvent;
            let answer = self.long_poll(filter).await?;
            let is_over = answer.next_page_token.is_empty();
            self.token = answer.next_page_token;
            let last = answer.history.and_then(|mut history| history.events.pop());
            match last.and_then(|event| Close::of(&event).map(|close| (event, close))) {
                Some((_, close)) if !close.successor.is_empty() => self.go_on_with(close.successor),
                Some((event, close)) => return Ok((self.run_id.clone(), event, close)),
                None if is_over => return Err(self.no_end()),
                None => {}
            }
        }
    }

    /// Prints every event until the chain of runs has ended, and tells how.
    pub(crate) async fn print(&mut self, style: Style) -> Result<Close, CliError> {
        self.pin_run().await?;
        let mut lines = Lines::new();
        let mut activities = ActivityNotes::default();
        loop {
            let answer = self.next_events(&mut activities).await?;
            let is_over = answer.next_page_token.is_empty();
            self.token = answer.next_page_token;
            let mut close = None;
            for event in answer.history.unwrap_or_default().events {
                // After a restart of the server pages may overlap.
                if event.event_id <= self.last_event_id {
                    continue;
                }
                self.last_event_id = event.event_id;
                match style {
                    Style::Lines => output::line(&lines.line(&event))?,
                    Style::Sections => output::line(&section(&event)?)?,
                }
                close = Close::of(&event);
            }
            match close {
                Some(close) if close.successor.is_empty() => return Ok(close),
                Some(close) => {
                    output::line(&format!("\nGoes on as run {}:", close.successor))?;
                    (lines, activities) = (Lines::new(), ActivityNotes::default());
                    self.go_on_with(close.successor);
                }
                None if is_over => return Err(self.no_end()),
                None => {}
            }
        }
    }

    /// Waits for more events, and meanwhile tells what activities do.
    async fn next_events(
        &mut self,
        activities: &mut ActivityNotes,
    ) -> Result<GetWorkflowExecutionHistoryResponse, CliError> {
        let mut looking = tokio::time::interval(LOOK_AT_ACTIVITIES_EVERY);
        looking.reset();
        let mut connection = self.connection.clone();
        let (workflow_id, run_id) = (self.workflow_id.clone(), self.run_id.clone());
        let waiting = self.long_poll(HistoryEventFilterType::AllEvent);
        tokio::pin!(waiting);
        loop {
            tokio::select! {
                answer = &mut waiting => return answer,
                _ = looking.tick() => {
                    // A look that fails is no reason to stop: the poll decides.
                    if let Ok(answer) = describe(&mut connection, &workflow_id, &run_id).await {
                        for note in activities.notes(&answer.pending_activities, SystemTime::now()) {
                            output::line(&note)?;
                        }
                    }
                }
            }
        }
    }

    /// Asks for events until the server answers, through its restarts.
    async fn long_poll(
        &mut self,
        filter: HistoryEventFilterType,
    ) -> Result<GetWorkflowExecutionHistoryResponse, CliError> {
        let mut request = GetWorkflowExecutionHistoryRequest {
            namespace: self.connection.namespace.clone(),
            execution: Some(execution(&self.workflow_id, &self.run_id)),
            next_page_token: self.token.clone(),
            wait_new_event: true,
            history_event_filter_type: filter.into(),
            skip_archival: true,
            ..GetWorkflowExecutionHistoryRequest::default()
        };
        let mut patience = Patience::new();
        loop {
            let call = within(LONG_POLL, request.clone());
            match self
                .connection
                .workflow
                .get_workflow_execution_history(call)
                .await
            {
                Ok(answer) => return Ok(answer.into_inner()),
                // The token is of no use to the server that came back: begin
                // again, what was printed is skipped.
                Err(status)
                    if status.code() == Code::InvalidArgument
                        && !request.next_page_token.is_empty() =>
                {
                    request.next_page_token.clear();
                }
                Err(status) if patience.lasts(&status) => {
                    patience.wait(self.connection.address()).await;
                }
                Err(status) => {
                    let action = format!("follow workflow {}", self.workflow_id);
                    return Err(self.connection.explain(action, status));
                }
            }
        }
    }

    /// Finds out which run is meant, so that a restart or a new run of the same
    /// ID cannot change it later.
    async fn pin_run(&mut self) -> Result<(), CliError> {
        if self.run_id.is_empty() {
            let answer = describe(&mut self.connection, &self.workflow_id, "").await;
            let answer = answer.map_err(|status| {
                let action = format!("find workflow {}", self.workflow_id);
                self.connection.explain(action, status)
            })?;
            let info = answer.workflow_execution_info.unwrap_or_default();
            self.run_id = info.execution.unwrap_or_default().run_id;
        }
        Ok(())
    }

    fn go_on_with(&mut self, run_id: String) {
        self.run_id = run_id;
        self.token.clear();
        self.last_event_id = 0;
    }

    fn no_end(&self) -> CliError {
        CliError::Answer(format!(
            "the history of run {} ends without a closing event",
            self.run_id
        ))
    }
}

/// Asks for the state of a run.
pub(crate) async fn describe(
    connection: &mut Connection,
    workflow_id: &str,
    run_id: &str,
) -> Result<DescribeWorkflowExecutionResponse, Status> {
    let request = DescribeWorkflowExecutionRequest {
        namespace: connection.namespace.clone(),
        execution: Some(execution(workflow_id, run_id)),
    };
    let answer = connection
        .workflow
        .describe_workflow_execution(within(CALL, request))
        .await?;
    Ok(answer.into_inner())
}

/// How long to go on while a server does not answer.
struct Patience {
    since: Option<Instant>,
    pause: Duration,
}

impl Patience {
    fn new() -> Self {
        Self {
            since: None,
            pause: RETRY_FIRST,
        }
    }

    fn lasts(&self, status: &Status) -> bool {
        may_recover(status) && self.since.is_none_or(|since| since.elapsed() < PATIENCE)
    }

    async fn wait(&mut self, address: &str) {
        if self.since.is_none() {
            self.since = Some(Instant::now());
            output::note(&format!(
                "The server at {address} went away; waiting up to {} s for it to come back.",
                PATIENCE.as_secs()
            ));
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(RETRY_MAX);
    }
}

/// Remembers what was told about each pending activity.
#[derive(Default)]
struct ActivityNotes {
    told: HashMap<String, (i32, i32)>,
}

impl ActivityNotes {
    /// What is new, one line each.
    fn notes(&mut self, pending: &[PendingActivityInfo], now: SystemTime) -> Vec<String> {
        let mut notes = Vec::new();
        for activity in pending {
            let news = (activity.attempt, activity.state);
            let told = self.told.insert(activity.activity_id.clone(), news);
            if told != Some(news) {
                notes.extend(note(activity, now));
            }
        }
        let is_pending = |id: &String| pending.iter().any(|activity| activity.activity_id == *id);
        self.told.retain(|id, _| is_pending(id));
        notes
    }
}

/// The line about one pending activity, if it does anything worth a line.
fn note(activity: &PendingActivityInfo, now: SystemTime) -> Option<String> {
    let kind = activity.activity_type.clone().unwrap_or_default().name;
    let name = format!("{kind} [{}]", activity.activity_id);
    let attempt = activity.attempt;
    let state = PendingActivityState::try_from(activity.state).unwrap_or_default();
    let (at, label, about) = match state {
        PendingActivityState::Started => (
            activity.last_started_time.as_ref(),
            "(activity runs)",
            format!(
                "{name} attempt={attempt} worker={}",
                activity.last_worker_identity
            ),
        ),
        PendingActivityState::Scheduled if attempt > 1 => {
            let failure = activity.last_failure.as_ref().map(text::failure);
            let next = activity
                .next_attempt_schedule_time
                .as_ref()
                .or(activity.scheduled_time.as_ref());
            (
                activity.last_attempt_complete_time.as_ref(),
                "(activity retries)",
                format!(
                    "{name} attempt {} failed: {}; attempt {attempt} at {}",
                    attempt - 1,
                    failure.unwrap_or_else(|| "no failure given".to_owned()),
                    time::stamp_from_now(next, now)
                ),
            )
        }
        PendingActivityState::CancelRequested => (
            None,
            "(activity cancels)",
            format!("{name} attempt={attempt}"),
        ),
        PendingActivityState::Paused | PendingActivityState::PauseRequested => (
            None,
            "(activity paused)",
            format!("{name} attempt={attempt}"),
        ),
        // Waiting for a worker to ask for it, or something newer than we are.
        PendingActivityState::Scheduled | PendingActivityState::Unspecified => return None,
    };
    Some(row("", &time::stamp(at), label, &text::clean(&about)))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    use mainspring_api::proto::temporal::workflowservice::workflow_service_server::{
        WorkflowService, WorkflowServiceServer,
    };
    use temporalio_protos::temporal::api::common::v1::ActivityType;
    use temporalio_protos::temporal::api::failure::v1::Failure;
    use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
    use temporalio_protos::temporal::api::history::v1::{
        History, WorkflowExecutionCompletedEventAttributes,
        WorkflowExecutionContinuedAsNewEventAttributes,
    };
    use tokio_stream::wrappers::TcpListenerStream;
    use tonic::{Request, Response};

    use super::*;

    fn pending(attempt: i32, state: PendingActivityState) -> PendingActivityInfo {
        let mut activity = PendingActivityInfo {
            activity_id: "2".to_owned(),
            ..PendingActivityInfo::default()
        };
        let kind = ActivityType {
            name: "ChargePayment".to_owned(),
        };
        activity.activity_type = Some(kind);
        activity.attempt = attempt;
        activity.state = state.into();
        let failure = Failure {
            message: "card declined".to_owned(),
            ..Failure::default()
        };
        activity.last_failure = (attempt > 1).then_some(failure);
        activity
    }

    #[test]
    fn each_step_of_an_activity_is_told_once() {
        let mut notes = ActivityNotes::default();
        let mut tell = |activity| notes.notes(&[activity], SystemTime::UNIX_EPOCH);
        assert!(tell(pending(1, PendingActivityState::Scheduled)).is_empty());
        assert_eq!(tell(pending(1, PendingActivityState::Started)).len(), 1);
        assert!(tell(pending(1, PendingActivityState::Started)).is_empty());
        let retry = tell(pending(2, PendingActivityState::Scheduled));
        assert_eq!(retry.len(), 1);
        assert!(
            retry[0].contains("ChargePayment [2] attempt 1 failed: card declined; attempt 2 at"),
            "{}",
            retry[0]
        );
        assert_eq!(tell(pending(2, PendingActivityState::Started)).len(), 1);
    }

    #[test]
    fn patience_ends_at_once_for_what_will_not_pass() {
        let patience = Patience::new();
        assert!(patience.lasts(&Status::unavailable("restarting")));
        assert!(!patience.lasts(&Status::not_found("no such run")));
    }

    /// The run and the token of one call.
    type Asked = (String, Vec<u8>);

    /// A server whose answers to long polls are written down beforehand.
    struct Scripted {
        answers: Mutex<VecDeque<Result<GetWorkflowExecutionHistoryResponse, Status>>>,
        asked: Arc<Mutex<Vec<Asked>>>,
    }

    #[tonic::async_trait]
    impl WorkflowService for Scripted {
        async fn get_workflow_execution_history(
            &self,
            request: Request<GetWorkflowExecutionHistoryRequest>,
        ) -> Result<Response<GetWorkflowExecutionHistoryResponse>, Status> {
            let request = request.into_inner();
            let run_id = request.execution.unwrap_or_default().run_id;
            self.asked
                .lock()
                .unwrap()
                .push((run_id, request.next_page_token));
            let answer = self.answers.lock().unwrap().pop_front();
            answer
                .unwrap_or_else(|| Err(Status::not_found("the script has ended")))
                .map(Response::new)
        }
    }

    fn answer(event: Option<Attributes>, token: &[u8]) -> GetWorkflowExecutionHistoryResponse {
        let events = event.map(|attributes| HistoryEvent {
            event_id: 3,
            attributes: Some(attributes),
            ..HistoryEvent::default()
        });
        GetWorkflowExecutionHistoryResponse {
            history: Some(History {
                events: events.into_iter().collect(),
            }),
            next_page_token: token.to_vec(),
            ..GetWorkflowExecutionHistoryResponse::default()
        }
    }

    /// Follows run "one" of a scripted server to its end.
    async fn follow(
        answers: Vec<Result<GetWorkflowExecutionHistoryResponse, Status>>,
    ) -> (Result<(String, Close), CliError>, Vec<Asked>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let service = Scripted {
            answers: Mutex::new(answers.into()),
            asked: asked.clone(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let serving = tokio::spawn(
            tonic::transport::Server::builder()
                .add_service(WorkflowServiceServer::new(service))
                .serve_with_incoming(TcpListenerStream::new(listener)),
        );
        let connection = Connection::open(&address, "default", None).await.unwrap();
        let mut follower = Follower::new(connection, "order-7", "one");
        let result = follower.close().await;
        serving.abort();
        let asked = asked.lock().unwrap().clone();
        (result.map(|(run_id, _, close)| (run_id, close)), asked)
    }

    #[tokio::test]
    async fn a_restart_and_a_new_run_are_followed_to_the_end() {
        let again = WorkflowExecutionContinuedAsNewEventAttributes {
            new_execution_run_id: "two".to_owned(),
            ..Default::default()
        };
        let done = WorkflowExecutionCompletedEventAttributes::default();
        let (result, asked) = follow(vec![
            Ok(answer(None, b"page")),
            Err(Status::unavailable("restarting")),
            Err(Status::invalid_argument("unknown token")),
            Ok(answer(
                Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(
                    again,
                )),
                b"",
            )),
            Ok(answer(
                Some(Attributes::WorkflowExecutionCompletedEventAttributes(done)),
                b"",
            )),
        ])
        .await;
        let (run_id, close) = result.unwrap();
        assert_eq!((run_id.as_str(), close.end.status()), ("two", "COMPLETED"));
        let asked: Vec<(&str, &[u8])> = asked
            .iter()
            .map(|(run_id, token)| (run_id.as_str(), token.as_slice()))
            .collect();
        let one = |token| ("one", token);
        assert_eq!(
            asked,
            [
                one(&b""[..]),
                one(b"page"),
                one(b"page"),
                one(b""),
                ("two", b"")
            ]
        );
    }

    #[tokio::test]
    async fn a_run_that_is_not_there_ends_the_watch_at_once() {
        let (result, asked) = follow(vec![Err(Status::not_found("no such run"))]).await;
        let error = result.unwrap_err().to_string();
        assert_eq!(
            error,
            "could not follow workflow order-7: no such run (NOT_FOUND)"
        );
        assert_eq!(asked.len(), 1);
    }

    #[tokio::test]
    async fn a_history_without_an_end_is_reported_and_not_awaited_for_ever() {
        let (result, _) = follow(vec![Ok(answer(None, b""))]).await;
        let error = result.unwrap_err().to_string();
        assert!(error.contains("without a closing event"), "{error}");
    }
}
