//! `workflow start` and `workflow execute`.

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use serde_json::json;
use temporalio_protos::temporal::api::common::v1::{
    Memo, Priority, SearchAttributes, WorkflowType,
};
use temporalio_protos::temporal::api::enums::v1::{
    WorkflowIdConflictPolicy, WorkflowIdReusePolicy,
};
use temporalio_protos::temporal::api::sdk::v1::UserMetadata;
use temporalio_protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_protos::temporal::api::workflowservice::v1::StartWorkflowExecutionRequest;
use tonic::Code;

use super::follow::{Follower, Style};
use super::retry::RetryArgs;
use super::show;
use crate::cli::ClientArgs;
use crate::cli::value::{self, InputArgs, KeyValue};
use crate::error::CliError;
use crate::output::table::Details;
use crate::output::{self, Format, json as json_output};
use crate::rpc::{CALL, Connection, within};

/// `workflow start`.
#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// Workflow type.
    #[arg(long = "type", alias = "name", value_name = "NAME")]
    workflow_type: String,
    /// Task queue: where the activities of this run look for workers.
    #[arg(long, short, value_name = "NAME")]
    task_queue: String,
    /// Workflow ID; without it, a new unique one.
    #[arg(long, short, value_name = "ID")]
    workflow_id: Option<String>,
    #[command(flatten)]
    input: InputArgs,
    /// Which closed runs of the same ID stand in the way of a new one.
    #[arg(long, value_enum, ignore_case = true, value_name = "POLICY")]
    id_reuse_policy: Option<ReusePolicy>,
    /// What to do if a run of the same ID is open.
    #[arg(long, value_enum, ignore_case = true, value_name = "POLICY")]
    id_conflict_policy: Option<ConflictPolicy>,
    /// Fail if a run of the same ID is open, instead of naming it.
    #[arg(long)]
    fail_existing: bool,
    /// Longest time for all runs together, with retries and continue-as-new.
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    execution_timeout: Option<Duration>,
    /// Longest time for one run.
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    run_timeout: Option<Duration>,
    /// Longest time for one workflow task.
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    task_timeout: Option<Duration>,
    /// Run again and again by a cron schedule: five fields, "@every 1h" or the like,
    /// with "CRON_TZ=Europe/Berlin " before it for another time zone than UTC.
    #[arg(long, value_name = "SCHEDULE", conflicts_with = "start_delay")]
    cron: Option<String>,
    #[command(flatten)]
    retry: RetryArgs,
    /// How long to wait before the run begins.
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    start_delay: Option<Duration>,
    /// A note kept with the run; the value is JSON. May be repeated.
    #[arg(long, value_name = "KEY=JSON")]
    memo: Vec<KeyValue>,
    /// A search attribute; the value is JSON. May be repeated.
    #[arg(long, value_name = "KEY=JSON")]
    search_attribute: Vec<KeyValue>,
    /// A workflow header; the value is JSON. May be repeated.
    #[arg(long, value_name = "KEY=JSON")]
    headers: Vec<KeyValue>,
    /// One line about this run, for people.
    #[arg(long, value_name = "TEXT")]
    static_summary: Option<String>,
    /// More about this run, for people.
    #[arg(long, value_name = "TEXT")]
    static_details: Option<String>,
    /// Priority from 1 (first) to 5.
    #[arg(long, value_name = "1-5", value_parser = clap::value_parser!(i32).range(1..=5))]
    priority_key: Option<i32>,
    /// Tasks with the same key share what their weight gives them.
    #[arg(long, value_name = "KEY")]
    fairness_key: Option<String>,
    /// The weight of the fairness key.
    #[arg(long, value_name = "0.001-1000")]
    fairness_weight: Option<f32>,
}

/// `workflow execute`.
#[derive(Debug, Args)]
pub(crate) struct ExecuteArgs {
    #[command(flatten)]
    start: StartArgs,
    /// Show every attribute of every event.
    #[arg(long)]
    detailed: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum ReusePolicy {
    AllowDuplicate,
    AllowDuplicateFailedOnly,
    RejectDuplicate,
    TerminateIfRunning,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum ConflictPolicy {
    Fail,
    UseExisting,
    TerminateExisting,
}

/// A run that was started, or was there already.
struct Started {
    workflow_id: String,
    run_id: String,
    workflow_type: String,
    task_queue: String,
}

impl StartArgs {
    /// Starts the run and prints its IDs.
    pub(crate) async fn run(self, client: &ClientArgs) -> Result<(), CliError> {
        let request = self.request()?;
        let mut connection = client.connection.open().await?;
        let started = start(&mut connection, request, self.fail_existing).await?;
        match client.output {
            Format::Json => output::line(&json_output::plain(&started.json(&connection))),
            Format::Text => output::line(&started.text(&connection)),
        }
    }

    /// The request, without what only the connection knows.
    pub(super) fn request(&self) -> Result<StartWorkflowExecutionRequest, CliError> {
        let mut request = StartWorkflowExecutionRequest::default();
        let mut workflow_type = WorkflowType::default();
        workflow_type.name.clone_from(&self.workflow_type);
        request.workflow_type = Some(workflow_type);
        let mut task_queue = TaskQueue::default();
        task_queue.name.clone_from(&self.task_queue);
        request.task_queue = Some(task_queue);
        request.workflow_id = match &self.workflow_id {
            Some(id) => id.clone(),
            None => uuid::Uuid::new_v4().to_string(),
        };
        request.request_id = uuid::Uuid::new_v4().to_string();
        request.input = self.input.payloads()?;
        self.fill_policies(&mut request);
        self.fill_notes(&mut request)?;
        Ok(request)
    }

    fn fill_policies(&self, request: &mut StartWorkflowExecutionRequest) {
        let wire = |duration: Option<Duration>| duration.map(value::wire_duration);
        request.workflow_execution_timeout = wire(self.execution_timeout);
        request.workflow_run_timeout = wire(self.run_timeout);
        request.workflow_task_timeout = wire(self.task_timeout);
        request.workflow_start_delay = wire(self.start_delay);
        request.cron_schedule = self.cron.clone().unwrap_or_default();
        request.retry_policy = self.retry.policy();
        if let Some(policy) = self.id_reuse_policy {
            request.workflow_id_reuse_policy = match policy {
                ReusePolicy::AllowDuplicate => WorkflowIdReusePolicy::AllowDuplicate,
                ReusePolicy::AllowDuplicateFailedOnly => {
                    WorkflowIdReusePolicy::AllowDuplicateFailedOnly
                }
                ReusePolicy::RejectDuplicate => WorkflowIdReusePolicy::RejectDuplicate,
                ReusePolicy::TerminateIfRunning => deprecated_terminate_if_running(),
            }
            .into();
        }
        if let Some(policy) = self.id_conflict_policy {
            request.workflow_id_conflict_policy = match policy {
                ConflictPolicy::Fail => WorkflowIdConflictPolicy::Fail,
                ConflictPolicy::UseExisting => WorkflowIdConflictPolicy::UseExisting,
                ConflictPolicy::TerminateExisting => WorkflowIdConflictPolicy::TerminateExisting,
            }
            .into();
        }
        if self.priority_key.is_some()
            || self.fairness_key.is_some()
            || self.fairness_weight.is_some()
        {
            let priority = Priority {
                priority_key: self.priority_key.unwrap_or_default(),
                fairness_key: self.fairness_key.clone().unwrap_or_default(),
                fairness_weight: self.fairness_weight.unwrap_or_default(),
            };
            request.priority = Some(priority);
        }
    }

    fn fill_notes(&self, request: &mut StartWorkflowExecutionRequest) -> Result<(), CliError> {
        if !self.memo.is_empty() {
            let memo = Memo {
                fields: value::json_fields("--memo", &self.memo)?,
            };
            request.memo = Some(memo);
        }
        if !self.search_attribute.is_empty() {
            let indexed_fields = value::json_fields("--search-attribute", &self.search_attribute)?;
            request.search_attributes = Some(SearchAttributes { indexed_fields });
        }
        request.header = value::headers(&self.headers)?;
        if self.static_summary.is_some() || self.static_details.is_some() {
            let note = |text: &Option<String>| {
                text.as_ref().map(|text| {
                    let json = serde_json::Value::from(text.as_str()).to_string();
                    value::payload(value::JSON_PLAIN, json.into_bytes())
                })
            };
            let metadata = UserMetadata {
                summary: note(&self.static_summary),
                details: note(&self.static_details),
            };
            request.user_metadata = Some(metadata);
        }
        Ok(())
    }
}

impl ExecuteArgs {
    /// Starts the run, follows it to its end and prints how it ended. Fails if
    /// it did not complete.
    pub(crate) async fn run(self, client: &ClientArgs) -> Result<(), CliError> {
        let request = self.start.request()?;
        let mut connection = client.connection.open().await?;
        let began = Instant::now();
        let started = start(&mut connection, request, self.start.fail_existing).await?;
        let mut follower = Follower::new(connection.clone(), &started.workflow_id, &started.run_id);
        if client.output == Format::Json {
            let (run_id, event, close) = follower.close().await?;
            let mut object = started.json(&connection);
            object["runId"] = json!(run_id);
            object["durationMillis"] =
                json!(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
            show::add_close(&mut object, &event, &close)?;
            output::line(&json_output::plain(&object))?;
            return show::verdict(&started.workflow_id, &close);
        }
        output::line(&started.text(&connection))?;
        output::line("\nProgress:")?;
        let style = if self.detailed {
            Style::Sections
        } else {
            Style::Lines
        };
        let close = follower.print(style).await?;
        output::line(&format!(
            "\n{}",
            show::close_text(&close, Some(began.elapsed()))
        ))?;
        show::verdict(&started.workflow_id, &close)
    }
}

impl Started {
    fn text(&self, connection: &Connection) -> String {
        let mut details = Details::indented();
        details.add("WorkflowId", &self.workflow_id);
        details.add("RunId", &self.run_id);
        details.add("Type", &self.workflow_type);
        details.add("Namespace", &connection.namespace);
        details.add("TaskQueue", &self.task_queue);
        format!("Running execution:\n{}", details.render())
    }

    fn json(&self, connection: &Connection) -> serde_json::Value {
        json!({
            "workflowId": self.workflow_id,
            "runId": self.run_id,
            "type": self.workflow_type,
            "namespace": connection.namespace,
            "taskQueue": self.task_queue,
        })
    }
}

/// Starts a run. An open run of the same ID counts as started, as with the
/// `temporal` command line, unless `fail_existing`.
async fn start(
    connection: &mut Connection,
    mut request: StartWorkflowExecutionRequest,
    fail_existing: bool,
) -> Result<Started, CliError> {
    request.namespace.clone_from(&connection.namespace);
    request.identity.clone_from(&connection.identity);
    let mut started = Started {
        workflow_id: request.workflow_id.clone(),
        run_id: String::new(),
        workflow_type: request.workflow_type.clone().unwrap_or_default().name,
        task_queue: request.task_queue.clone().unwrap_or_default().name,
    };
    match connection
        .workflow
        .start_workflow_execution(within(CALL, request))
        .await
    {
        Ok(answer) => started.run_id = answer.into_inner().run_id,
        Err(status) => {
            let running = (status.code() == Code::AlreadyExists && !fail_existing)
                .then(|| running_run(&status))
                .flatten();
            match running {
                Some(run_id) => started.run_id = run_id,
                None => {
                    let action = format!("start workflow {}", started.workflow_id);
                    return Err(connection.explain(action, status));
                }
            }
        }
    }
    Ok(started)
}

/// The run that stands in the way, out of the details of ALREADY_EXISTS.
fn running_run(status: &tonic::Status) -> Option<String> {
    use prost::Message;
    use temporalio_protos::google::rpc;
    use temporalio_protos::temporal::api::errordetails::v1::WorkflowExecutionAlreadyStartedFailure;

    let details = rpc::Status::decode(status.details()).ok()?;
    let running = details.details.iter().find_map(|any| {
        any.type_url
            .ends_with("WorkflowExecutionAlreadyStartedFailure")
            .then(|| WorkflowExecutionAlreadyStartedFailure::decode(any.value.as_slice()).ok())
            .flatten()
    })?;
    (!running.run_id.is_empty()).then_some(running.run_id)
}

/// Temporal deprecates it and its servers still honour it; so do scripts.
#[allow(deprecated)]
fn deprecated_terminate_if_running() -> WorkflowIdReusePolicy {
    WorkflowIdReusePolicy::TerminateIfRunning
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: StartArgs,
    }

    fn request(words: &[&str]) -> Result<StartWorkflowExecutionRequest, CliError> {
        let base = ["start", "--type", "OrderWorkflow", "-t", "orders"];
        let line = Line::try_parse_from(base.iter().chain(words)).unwrap();
        line.args.request()
    }

    #[test]
    fn a_bare_start_gets_fresh_ids_and_the_servers_defaults() {
        let (first, second) = (request(&[]).unwrap(), request(&[]).unwrap());
        assert_ne!(first.workflow_id, second.workflow_id);
        assert_ne!(first.request_id, second.request_id);
        assert_eq!(first.workflow_type.unwrap().name, "OrderWorkflow");
        assert_eq!(first.task_queue.unwrap().name, "orders");
        assert_eq!(first.workflow_run_timeout, None);
        assert_eq!(first.workflow_id_reuse_policy, 0);
        assert_eq!(first.input, None);
    }

    #[test]
    fn every_flag_arrives_in_the_request() {
        let request = request(&[
            "-w",
            "order-7",
            "-i",
            "{\"OrderID\":7}",
            "--id-reuse-policy",
            "rejectduplicate",
            "--id-conflict-policy",
            "TerminateExisting",
            "--execution-timeout",
            "1h",
            "--run-timeout",
            "1m30s",
            "--task-timeout",
            "5s",
            "--memo",
            "k=1",
            "--search-attribute",
            "a=\"b\"",
            "--headers",
            "h=2",
            "--static-summary",
            "an order",
            "--priority-key",
            "2",
        ])
        .unwrap();
        assert_eq!(request.workflow_id, "order-7");
        assert_eq!(
            request.workflow_id_reuse_policy(),
            WorkflowIdReusePolicy::RejectDuplicate
        );
        assert_eq!(
            request.workflow_id_conflict_policy(),
            WorkflowIdConflictPolicy::TerminateExisting
        );
        assert_eq!(request.workflow_execution_timeout.unwrap().seconds, 3_600);
        assert_eq!(request.workflow_run_timeout.unwrap().seconds, 90);
        assert_eq!(request.workflow_task_timeout.unwrap().seconds, 5);
        assert_eq!(request.memo.unwrap().fields["k"].data, b"1");
        assert_eq!(
            request.search_attributes.unwrap().indexed_fields["a"].data,
            b"\"b\""
        );
        assert_eq!(request.header.unwrap().fields["h"].data, b"2");
        assert_eq!(
            request.user_metadata.unwrap().summary.unwrap().data,
            b"\"an order\""
        );
        assert_eq!(request.priority.unwrap().priority_key, 2);
        assert_eq!(request.input.unwrap().payloads.len(), 1);
    }

    #[test]
    fn cron_delay_and_retries_arrive_in_the_request() {
        let cron = request(&["--cron", "CRON_TZ=Asia/Tokyo 0 9 * * *"]).unwrap();
        assert_eq!(cron.cron_schedule, "CRON_TZ=Asia/Tokyo 0 9 * * *");
        assert_eq!(cron.retry_policy, None);
        let words = ["--start-delay", "90s", "--retry-maximum-attempts", "3"];
        let delayed = request(&words).unwrap();
        assert_eq!(delayed.workflow_start_delay.unwrap().seconds, 90);
        assert_eq!(delayed.retry_policy.unwrap().maximum_attempts, 3);
        let base = ["start", "--type", "T", "-t", "q", "--cron", "@daily"];
        let both = Line::try_parse_from(base.iter().chain(&["--start-delay", "1s"]));
        assert!(both.is_err(), "a cron schedule has no start delay");
    }

    #[test]
    fn a_memo_that_is_not_json_is_refused() {
        assert!(request(&["--memo", "k=v"]).is_err());
    }
}
