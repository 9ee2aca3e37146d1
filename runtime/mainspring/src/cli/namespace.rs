//! `mainspring namespace`: which namespaces there are, and making one.

use std::time::Duration;

use clap::{Args, Subcommand};
use temporalio_protos::temporal::api::enums::v1::NamespaceState;
use temporalio_protos::temporal::api::workflowservice::v1::{
    DescribeNamespaceRequest, DescribeNamespaceResponse, ListNamespacesRequest,
    RegisterNamespaceRequest,
};

use crate::cli::{ClientArgs, value};
use crate::error::CliError;
use crate::output::table::{Details, Table};
use crate::output::time::length;
use crate::output::{self, Format, enum_label, json};
use crate::rpc::{CALL, Connection, within};

/// The group's arguments.
#[derive(Debug, Args)]
pub(crate) struct NamespaceCommand {
    #[command(flatten)]
    client: ClientArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List all namespaces.
    List,
    /// Show one namespace.
    Describe {
        /// Its name; by default the one of --namespace.
        name: Option<String>,
    },
    /// Create a namespace.
    Create {
        /// Its name; by default the one of --namespace.
        name: Option<String>,
        /// What it is for.
        #[arg(long, default_value = "", hide_default_value = true)]
        description: String,
        /// Whom to ask about it.
        #[arg(long, default_value = "", hide_default_value = true)]
        email: String,
        /// How long closed runs are kept.
        #[arg(long, value_name = "DURATION", default_value = "72h", value_parser = value::duration)]
        retention: Duration,
    },
}

impl NamespaceCommand {
    /// Does what was asked.
    pub(crate) async fn run(self) -> Result<(), CliError> {
        let format = self.client.output;
        let mut connection = self.client.connection.open().await?;
        let current = connection.namespace.clone();
        match self.action {
            Action::List => list(&mut connection, format).await,
            Action::Describe { name } => {
                describe(&mut connection, format, name.unwrap_or(current)).await
            }
            Action::Create {
                name,
                description,
                email,
                retention,
            } => {
                let request = RegisterNamespaceRequest {
                    namespace: name.unwrap_or(current),
                    description,
                    owner_email: email,
                    workflow_execution_retention_period: Some(value::wire_duration(retention)),
                    ..RegisterNamespaceRequest::default()
                };
                create(&mut connection, format, request).await
            }
        }
    }
}

async fn list(connection: &mut Connection, format: Format) -> Result<(), CliError> {
    let mut all = Vec::new();
    let mut request = ListNamespacesRequest::default();
    loop {
        let answer = connection
            .workflow
            .list_namespaces(within(CALL, request.clone()))
            .await
            .map_err(|status| connection.explain("list namespaces", status))?
            .into_inner();
        all.extend(answer.namespaces);
        if answer.next_page_token.is_empty() {
            break;
        }
        request.next_page_token = answer.next_page_token;
    }
    if format == Format::Json {
        return output::line(&json::array(&all)?);
    }
    let mut table = Table::new(["Name", "State", "Retention", "Description"]);
    for namespace in &all {
        let info = namespace.namespace_info.clone().unwrap_or_default();
        let state = NamespaceState::try_from(info.state).unwrap_or_default();
        table.row([
            info.name.clone(),
            enum_label(state.as_str_name(), "NAMESPACE_STATE_"),
            retention(namespace),
            info.description.clone(),
        ]);
    }
    output::line(&table.render())
}

async fn describe(
    connection: &mut Connection,
    format: Format,
    name: String,
) -> Result<(), CliError> {
    let request = DescribeNamespaceRequest {
        namespace: name.clone(),
        ..DescribeNamespaceRequest::default()
    };
    let answer = connection
        .workflow
        .describe_namespace(within(CALL, request))
        .await
        .map_err(|status| connection.explain(format!("describe namespace {name}"), status))?
        .into_inner();
    if format == Format::Json {
        return output::line(&json::pretty(&answer)?);
    }
    let info = answer.namespace_info.clone().unwrap_or_default();
    let state = NamespaceState::try_from(info.state).unwrap_or_default();
    let mut details = Details::new();
    details.add("Name", &info.name);
    details.add("Id", &info.id);
    details.add("State", enum_label(state.as_str_name(), "NAMESPACE_STATE_"));
    details.add("Retention", retention(&answer));
    details.add("Description", &info.description);
    details.add("OwnerEmail", &info.owner_email);
    output::line(&details.render())
}

async fn create(
    connection: &mut Connection,
    format: Format,
    request: RegisterNamespaceRequest,
) -> Result<(), CliError> {
    let name = request.namespace.clone();
    connection
        .workflow
        .register_namespace(within(CALL, request))
        .await
        .map_err(|status| connection.explain(format!("create namespace {name}"), status))?;
    match format {
        Format::Json => output::line(&json::plain(&serde_json::json!({ "namespace": name }))),
        Format::Text => output::line(&format!("Created namespace {name}")),
    }
}

fn retention(namespace: &DescribeNamespaceResponse) -> String {
    let config = namespace.config.as_ref();
    config
        .and_then(|config| config.workflow_execution_retention_ttl.as_ref())
        .map(length)
        .unwrap_or_default()
}
