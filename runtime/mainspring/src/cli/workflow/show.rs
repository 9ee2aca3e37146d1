//! `workflow show` and `workflow result`.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use temporalio_protos::temporal::api::history::v1::{History, HistoryEvent};
use temporalio_protos::temporal::api::workflowservice::v1::{
    GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryReverseRequest,
};

use super::follow::{Follower, Style};
use crate::cli::value::payload_value;
use crate::cli::{ClientArgs, ExecutionArgs};
use crate::error::CliError;
use crate::output::close::{Close, End};
use crate::output::event::{Lines, section};
use crate::output::table::Details;
use crate::output::{self, Format, json as json_output, text, time};
use crate::rpc::{Connection, WORKFLOW_CALL, execution, within};

/// `workflow show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    execution: ExecutionArgs,
    /// Go on until the execution ends, printing each step as it happens.
    /// JSON output prints the history so far.
    #[arg(long, short)]
    follow: bool,
    /// Show every attribute of every event.
    #[arg(long)]
    detailed: bool,
    /// Newest event first.
    #[arg(long, conflicts_with = "follow")]
    reverse: bool,
}

/// `workflow result`.
#[derive(Debug, Args)]
pub(crate) struct ResultArgs {
    #[command(flatten)]
    execution: ExecutionArgs,
}

impl ShowArgs {
    /// Prints the history.
    pub(crate) async fn run(self, client: &ClientArgs) -> Result<(), CliError> {
        let mut connection = client.connection.open().await?;
        let (workflow_id, run_id) = (&self.execution.workflow_id, &self.execution.run_id);
        let style = if self.detailed {
            Style::Sections
        } else {
            Style::Lines
        };
        if self.follow && client.output == Format::Text {
            output::line("Progress:")?;
            let close = Follower::new(connection, workflow_id, run_id)
                .print(style)
                .await?;
            return output::line(&format!("\n{}", close_text(&close, None)));
        }
        let mut events = history(&mut connection, workflow_id, run_id).await?;
        let close = events.last().and_then(Close::of);
        if client.output == Format::Json {
            if self.reverse {
                events.reverse();
            }
            let history = History { events };
            return output::line(&json_output::pretty(&history)?);
        }
        let mut blocks = render(&events, style)?;
        if self.reverse {
            blocks.reverse();
        }
        output::line("Progress:")?;
        for block in blocks {
            output::line(&block)?;
        }
        match close {
            Some(close) => output::line(&format!("\n{}", close_text(&close, None))),
            None => Ok(()),
        }
    }
}

impl ResultArgs {
    /// Waits for the end and prints it. Fails if the execution did not complete.
    pub(crate) async fn run(self, client: &ClientArgs) -> Result<(), CliError> {
        let connection = client.connection.open().await?;
        let namespace = connection.namespace.clone();
        let workflow_id = &self.execution.workflow_id;
        let mut follower = Follower::new(connection, workflow_id, &self.execution.run_id);
        let (run_id, event, close) = follower.close().await?;
        match client.output {
            Format::Text => output::line(&close_text(&close, None))?,
            Format::Json => {
                let mut object = json!({
                    "workflowId": workflow_id,
                    "runId": run_id,
                    "namespace": namespace,
                });
                add_close(&mut object, &event, &close)?;
                output::line(&json_output::plain(&object))?;
            }
        }
        verdict(workflow_id, &close)
    }
}

/// Every event of a run so far.
pub(super) async fn history(
    connection: &mut Connection,
    workflow_id: &str,
    run_id: &str,
) -> Result<Vec<HistoryEvent>, CliError> {
    let mut request = GetWorkflowExecutionHistoryRequest {
        namespace: connection.namespace.clone(),
        execution: Some(execution(workflow_id, run_id)),
        skip_archival: true,
        ..GetWorkflowExecutionHistoryRequest::default()
    };
    let mut events = Vec::new();
    loop {
        let answer = connection
            .workflow
            .get_workflow_execution_history(within(WORKFLOW_CALL, request.clone()))
            .await
            .map_err(|status| connection.explain(format!("show workflow {workflow_id}"), status))?
            .into_inner();
        events.extend(answer.history.unwrap_or_default().events);
        if answer.next_page_token.is_empty() {
            return Ok(events);
        }
        request.next_page_token = answer.next_page_token;
    }
}

/// The newest events of a run, newest first, up to one page.
pub(super) async fn newest(
    connection: &mut Connection,
    workflow_id: &str,
    run_id: &str,
) -> Result<Vec<HistoryEvent>, tonic::Status> {
    let request = GetWorkflowExecutionHistoryReverseRequest {
        namespace: connection.namespace.clone(),
        execution: Some(execution(workflow_id, run_id)),
        maximum_page_size: 20,
        ..GetWorkflowExecutionHistoryReverseRequest::default()
    };
    let answer = connection
        .workflow
        .get_workflow_execution_history_reverse(within(WORKFLOW_CALL, request))
        .await?;
    Ok(answer.into_inner().history.unwrap_or_default().events)
}

/// One text per event. Names come from earlier events, so whoever wants them
/// newest first turns the list round afterwards.
fn render(events: &[HistoryEvent], style: Style) -> Result<Vec<String>, CliError> {
    let mut lines = Lines::new();
    let one = |event: &HistoryEvent| match style {
        Style::Lines => Ok(lines.line(event)),
        Style::Sections => section(event),
    };
    events.iter().map(one).collect()
}

/// How a run ended, as the last lines of a command.
pub(super) fn close_text(close: &Close, took: Option<Duration>) -> String {
    let mut details = Details::indented();
    if let Some(took) = took {
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        details.add("RunTime", time::length_of_millis(millis));
    }
    details.add("Status", close.end.status());
    match &close.end {
        End::Completed(result) | End::Canceled(result) => {
            details.add("Result", text::values(result.as_ref()));
        }
        End::Failed(failure) => details.add("Failure", text::failure(failure)),
        End::Terminated(reason) => details.add("Reason", reason),
        End::TimedOut => {}
        End::ContinuedAsNew => details.add("NextRunId", &close.successor),
    }
    format!("Results:\n{}", details.render())
}

/// Adds status, closing event and result to a JSON object.
pub(super) fn add_close(
    object: &mut Value,
    event: &HistoryEvent,
    close: &Close,
) -> Result<(), CliError> {
    object["status"] = json!(close.end.status());
    add_result(object, event, close)
}

/// Adds closing event and result to a JSON object.
pub(super) fn add_result(
    object: &mut Value,
    event: &HistoryEvent,
    close: &Close,
) -> Result<(), CliError> {
    let mut event = json_output::value(event)?;
    json_output::unpack_payloads(&mut event);
    object["closeEvent"] = event;
    if let End::Completed(result) = &close.end {
        let list = result.as_ref().map_or(&[][..], |result| &result.payloads);
        object["result"] = list.first().map_or(Value::Null, payload_value);
    }
    Ok(())
}

/// The exit of a command that waited for an execution.
pub(super) fn verdict(workflow_id: &str, close: &Close) -> Result<(), CliError> {
    match close.end.trouble() {
        None => Ok(()),
        Some(ended) => Err(CliError::WorkflowEnded {
            workflow_id: workflow_id.to_owned(),
            ended,
        }),
    }
}

#[cfg(test)]
mod tests {
    use temporalio_protos::temporal::api::enums::v1::EventType;
    use temporalio_protos::temporal::api::failure::v1::Failure;
    use temporalio_protos::temporal::api::history::v1::WorkflowExecutionCompletedEventAttributes;
    use temporalio_protos::temporal::api::history::v1::history_event::Attributes;

    use super::*;
    use crate::cli::value::{json_payload, payloads};

    #[test]
    fn a_result_closes_the_json_object() {
        let done = WorkflowExecutionCompletedEventAttributes {
            result: Some(payloads(vec![json_payload("{\"charged\":1}").unwrap()])),
            ..WorkflowExecutionCompletedEventAttributes::default()
        };
        let event = HistoryEvent {
            event_id: 9,
            event_type: EventType::WorkflowExecutionCompleted.into(),
            attributes: Some(Attributes::WorkflowExecutionCompletedEventAttributes(done)),
            ..HistoryEvent::default()
        };
        let close = Close::of(&event).unwrap();
        let mut object = json!({"workflowId": "order-7"});
        add_close(&mut object, &event, &close).unwrap();
        assert_eq!(object["status"], "COMPLETED");
        assert_eq!(object["result"], json!({"charged": 1}));
        assert_eq!(
            object["closeEvent"]["workflowExecutionCompletedEventAttributes"]["result"],
            json!([{"charged": 1}])
        );
        assert!(verdict("order-7", &close).is_ok());
    }

    #[test]
    fn a_failure_shows_its_message_and_fails_the_command() {
        let failure = Failure {
            message: "no stock".to_owned(),
            ..Failure::default()
        };
        let close = Close {
            end: End::Failed(Box::new(failure)),
            successor: String::new(),
        };
        let text = close_text(&close, Some(Duration::from_millis(1_500)));
        assert_eq!(
            text,
            "Results:\n  RunTime  1.5s\n  Status   FAILED\n  Failure  no stock\n"
        );
        let error = verdict("order-7", &close).unwrap_err();
        assert_eq!(error.to_string(), "workflow order-7 failed");
    }
}
