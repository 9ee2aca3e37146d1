//! `workflow list` and `workflow count`.

use clap::Args;
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;
use temporalio_protos::temporal::api::workflow::v1::WorkflowExecutionInfo;
use temporalio_protos::temporal::api::workflowservice::v1::{
    CountWorkflowExecutionsRequest, ListWorkflowExecutionsRequest,
};

use crate::cli::ClientArgs;
use crate::cli::value::payload_value;
use crate::error::CliError;
use crate::output::table::Table;
use crate::output::{self, Format, enum_label, json, time};
use crate::rpc::{Connection, WORKFLOW_CALL, within};

/// What is fetched at a time; the server has a limit of its own.
const PAGE_SIZE_MAX: u32 = 1_000;

/// `workflow list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Which ones, e.g. `WorkflowType='OrderWorkflow' AND ExecutionStatus='Running'`.
    #[arg(
        long,
        short,
        value_name = "QUERY",
        default_value = "",
        hide_default_value = true
    )]
    query: String,
    /// How many at most.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
    /// How many to fetch at a time.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    page_size: Option<u32>,
}

/// `workflow count`.
#[derive(Debug, Args)]
pub(crate) struct CountArgs {
    /// Which ones, as for list; `GROUP BY ExecutionStatus` counts by status.
    #[arg(
        long,
        short,
        value_name = "QUERY",
        default_value = "",
        hide_default_value = true
    )]
    query: String,
}

impl ListArgs {
    /// Prints the executions, newest first, each page as it comes: a list may be longer
    /// than anybody reads.
    pub(crate) async fn run(self, client: &ClientArgs) -> Result<(), CliError> {
        let mut connection = client.connection.open().await?;
        let mut printer = Printer::new(client.output);
        let mut left = self.limit.unwrap_or(usize::MAX);
        let mut request = self.first_request(&connection);
        while left > 0 {
            let answer = connection
                .workflow
                .list_workflow_executions(within(WORKFLOW_CALL, request.clone()))
                .await
                .map_err(|status| connection.explain("list workflows", status))?
                .into_inner();
            let page = &answer.executions[..answer.executions.len().min(left)];
            left -= page.len();
            printer.print(page)?;
            if answer.next_page_token.is_empty() {
                break;
            }
            request.next_page_token = answer.next_page_token;
        }
        printer.end()
    }

    fn first_request(&self, connection: &Connection) -> ListWorkflowExecutionsRequest {
        let page = self.page_size.unwrap_or(PAGE_SIZE_MAX).min(PAGE_SIZE_MAX);
        let page = self.limit.map_or(page, |limit| {
            page.min(u32::try_from(limit).unwrap_or(u32::MAX))
        });
        ListWorkflowExecutionsRequest {
            namespace: connection.namespace.clone(),
            query: self.query.clone(),
            page_size: i32::try_from(page).unwrap_or(i32::MAX),
            ..ListWorkflowExecutionsRequest::default()
        }
    }
}

/// Prints a list that comes in pages: one table, or one JSON array.
enum Printer {
    Text(Table<5>),
    /// Whether an element stands already.
    Json(bool),
}

impl Printer {
    fn new(format: Format) -> Self {
        match format {
            Format::Json => Self::Json(false),
            Format::Text => Self::Text(Table::new([
                "Status",
                "WorkflowId",
                "Type",
                "StartTime",
                "CloseTime",
            ])),
        }
    }

    fn print(&mut self, executions: &[WorkflowExecutionInfo]) -> Result<(), CliError> {
        match self {
            Self::Text(table) => {
                executions.iter().for_each(|info| table.row(cells(info)));
                print(&table.take_lines())
            }
            Self::Json(begun) => {
                let mut text = String::new();
                for info in executions {
                    let mut value = json::value(info)?;
                    json::unpack_memo(&mut value);
                    text.push_str(if *begun { ",\n" } else { "[\n" });
                    text.push_str(&json::element(&value));
                    *begun = true;
                }
                print(&text)
            }
        }
    }

    /// What is left to print where there was no page, or no element.
    fn end(&mut self) -> Result<(), CliError> {
        match self {
            Self::Text(table) => print(&table.take_lines()),
            Self::Json(true) => print("\n]\n"),
            Self::Json(false) => print("[]\n"),
        }
    }
}

fn print(text: &str) -> Result<(), CliError> {
    output::raw(text.as_bytes())
}

fn cells(info: &WorkflowExecutionInfo) -> [String; 5] {
    let status = WorkflowExecutionStatus::try_from(info.status).unwrap_or_default();
    [
        enum_label(status.as_str_name(), "WORKFLOW_EXECUTION_STATUS_"),
        info.execution.clone().unwrap_or_default().workflow_id,
        info.r#type.clone().unwrap_or_default().name,
        time::stamp(info.start_time.as_ref()),
        time::stamp(info.close_time.as_ref()),
    ]
}

impl CountArgs {
    /// Prints the count, and the groups if the query asks for them.
    pub(crate) async fn run(self, client: &ClientArgs) -> Result<(), CliError> {
        let mut connection = client.connection.open().await?;
        let request = CountWorkflowExecutionsRequest {
            namespace: connection.namespace.clone(),
            query: self.query,
        };
        let answer = connection
            .workflow
            .count_workflow_executions(within(WORKFLOW_CALL, request))
            .await
            .map_err(|status| connection.explain("count workflows", status))?
            .into_inner();
        if client.output == Format::Json {
            let mut value = json::value(&answer)?;
            json::unpack_payloads(&mut value);
            return output::line(&json::plain(&value));
        }
        output::line(&format!("Total: {}", answer.count))?;
        for group in &answer.groups {
            let values: Vec<String> = group.group_values.iter().map(group_value).collect();
            let line = format!(
                "Group total: {}, values: {}",
                group.count,
                values.join(", ")
            );
            output::line(&line)?;
        }
        Ok(())
    }
}

fn group_value(payload: &temporalio_protos::temporal::api::common::v1::Payload) -> String {
    match payload_value(payload) {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}
