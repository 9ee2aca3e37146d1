//! `workflow stack` and `workflow metadata`: the queries that every workflow
//! answers.

use clap::Args;
use serde::Deserialize;
use temporalio_protos::temporal::api::common::v1::Payload;

use super::message::{RejectCondition, ask};
use crate::cli::{ClientArgs, ExecutionArgs};
use crate::error::CliError;
use crate::output::table::Details;
use crate::output::{self, Format, json, text};

/// `workflow stack`, `workflow metadata`.
#[derive(Debug, Args)]
pub(crate) struct BuiltinArgs {
    #[command(flatten)]
    execution: ExecutionArgs,
    /// Do not ask an execution in this state.
    #[arg(long, value_enum, ignore_case = true, value_name = "CONDITION")]
    reject_condition: Option<RejectCondition>,
}

impl BuiltinArgs {
    /// Prints what the run waits for.
    pub(crate) async fn stack(self, client: &ClientArgs) -> Result<(), CliError> {
        let payload = self.answer(client, "__stack_trace").await?;
        let stack: String = serde_json::from_slice(&payload.data)
            .map_err(|error| CliError::Answer(format!("the stack is no text ({error})")))?;
        match client.output {
            Format::Text => {
                let lines: Vec<String> = stack.lines().map(text::clean).collect();
                output::line(&lines.join("\n"))
            }
            Format::Json => output::line(&json::plain(&serde_json::json!({ "stack": stack }))),
        }
    }

    /// Prints what the workflow handles and how it says that things stand.
    pub(crate) async fn metadata(self, client: &ClientArgs) -> Result<(), CliError> {
        let payload = self.answer(client, "__temporal_workflow_metadata").await?;
        let unreadable = |error| CliError::Answer(format!("the metadata cannot be read ({error})"));
        if client.output == Format::Json {
            let whole: serde_json::Value =
                serde_json::from_slice(&payload.data).map_err(unreadable)?;
            return output::line(&json::plain(&whole));
        }
        let metadata: Metadata = serde_json::from_slice(&payload.data).map_err(unreadable)?;
        let definition = metadata.definition;
        let mut details = Details::indented();
        details.add("Type", &definition.r#type);
        if !metadata.current_details.is_empty() {
            details.add("CurrentDetails", text::clean(&metadata.current_details));
        }
        let mut sections = vec![format!("Metadata:\n{}", details.render())];
        for (title, handlers) in [
            ("Signals", &definition.signal_definitions),
            ("Queries", &definition.query_definitions),
            ("Updates", &definition.update_definitions),
        ] {
            if !handlers.is_empty() {
                sections.push(format!("{title}:\n{}", list(handlers)));
            }
        }
        output::line(&sections.join("\n"))
    }

    async fn answer(&self, client: &ClientArgs, query: &str) -> Result<Payload, CliError> {
        let answer = ask(
            client,
            &self.execution,
            query,
            None,
            None,
            self.reject_condition,
        )
        .await?;
        let payloads = answer.query_result.unwrap_or_default().payloads;
        let first = payloads.into_iter().next();
        first.ok_or_else(|| CliError::Answer(format!("query {query} has an empty answer")))
    }
}

/// A `temporal.api.sdk.v1.WorkflowMetadata` in protobuf's JSON, which leaves out
/// what is empty.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    definition: Definition,
    current_details: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Definition {
    r#type: String,
    signal_definitions: Vec<Handler>,
    query_definitions: Vec<Handler>,
    update_definitions: Vec<Handler>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Handler {
    name: String,
    description: String,
}

fn list(handlers: &[Handler]) -> String {
    let mut details = Details::indented();
    for handler in handlers {
        let name = match handler.name.as_str() {
            "" => "(any other)",
            name => name,
        };
        details.add(text::clean(name), text::clean(&handler.description));
    }
    details.render()
}
