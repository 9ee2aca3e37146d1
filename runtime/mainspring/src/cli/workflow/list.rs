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
    /// Prints the executions, newest first.
    pub(crate) async fn run(self, client: &ClientArgs) -> Result<(), CliError> {
        let mut connection = client.connection.open().await?;
        let executions = self.fetch(&mut connection).await?;
        if client.output == Format::Json {
            let mut list = Vec::with_capacity(executions.len());
            for info in &executions {
                let mut value = json::value(info)?;
                json::unpack_memo(&mut value);
                list.push(value);
            }
            return output::line(&json::plain(&list));
        }
        let mut table = Table::new(["Status", "WorkflowId", "Type", "StartTime", "CloseTime"]);
        for info in &executions {
            let status = WorkflowExecutionStatus::try_from(info.status).unwrap_or_default();
            table.row([
                enum_label(status.as_str_name(), "WORKFLOW_EXECUTION_STATUS_"),
                info.execution.clone().unwrap_or_default().workflow_id,
                info.r#type.clone().unwrap_or_default().name,
                time::stamp(info.start_time.as_ref()),
                time::stamp(info.close_time.as_ref()),
            ]);
        }
        output::line(&table.render())
    }

    async fn fetch(
        &self,
        connection: &mut Connection,
    ) -> Result<Vec<WorkflowExecutionInfo>, CliError> {
        let limit = self.limit.unwrap_or(usize::MAX);
        let page = self.page_size.unwrap_or(PAGE_SIZE_MAX).min(PAGE_SIZE_MAX);
        let page = page.min(u32::try_from(limit).unwrap_or(u32::MAX));
        let mut request = ListWorkflowExecutionsRequest {
            namespace: connection.namespace.clone(),
            query: self.query.clone(),
            page_size: i32::try_from(page).unwrap_or(i32::MAX),
            ..ListWorkflowExecutionsRequest::default()
        };
        let mut executions = Vec::new();
        while executions.len() < limit {
            let answer = connection
                .workflow
                .list_workflow_executions(within(WORKFLOW_CALL, request.clone()))
                .await
                .map_err(|status| connection.explain("list workflows", status))?
                .into_inner();
            executions.extend(answer.executions);
            if answer.next_page_token.is_empty() {
                break;
            }
            request.next_page_token = answer.next_page_token;
        }
        executions.truncate(limit);
        Ok(executions)
    }
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
