//! `mainspring search-attribute`: which search attributes a namespace has.

use clap::{Args, Subcommand};
use mainspring_engine::search::AttributeType;
use temporalio_protos::temporal::api::operatorservice::v1::{
    AddSearchAttributesRequest, ListSearchAttributesRequest, RemoveSearchAttributesRequest,
};

use crate::cli::ClientArgs;
use crate::error::CliError;
use crate::output::table::Table;
use crate::output::{self, Format, json};
use crate::rpc::{CALL, Connection, within};

/// The group's arguments.
#[derive(Debug, Args)]
pub(crate) struct SearchAttributeCommand {
    #[command(flatten)]
    client: ClientArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create search attributes.
    Create {
        /// Name; repeat it, with a --type for each, for several.
        #[arg(long, required = true, value_name = "NAME")]
        name: Vec<String>,
        /// Text, Keyword, Int, Double, Bool, Datetime or KeywordList.
        #[arg(long = "type", required = true, value_name = "TYPE", value_parser = attribute_type)]
        attribute_type: Vec<AttributeType>,
    },
    /// List all search attributes, those that every namespace has included.
    List,
    /// Remove search attributes. Runs keep their values, but are not found by them.
    Remove {
        /// Name; may be repeated.
        #[arg(long, required = true, value_name = "NAME")]
        name: Vec<String>,
        /// Ask nothing. (Nothing is asked anyway: what is created again with its type
        /// is as it was.)
        #[arg(long, short)]
        yes: bool,
    },
}

fn attribute_type(name: &str) -> Result<AttributeType, String> {
    let same = |known: &AttributeType| known.name().eq_ignore_ascii_case(name);
    AttributeType::ALL.into_iter().find(same).ok_or_else(|| {
        let names = AttributeType::ALL.map(AttributeType::name);
        format!("there are the types {}", names.join(", "))
    })
}

impl SearchAttributeCommand {
    /// Does what was asked.
    pub(crate) async fn run(self) -> Result<(), CliError> {
        let format = self.client.output;
        let mut connection = self.client.connection.open().await?;
        match self.action {
            Action::Create {
                name,
                attribute_type,
            } => create(&mut connection, format, name, &attribute_type).await,
            Action::List => list(&mut connection, format).await,
            Action::Remove { name, .. } => remove(&mut connection, format, name).await,
        }
    }
}

async fn create(
    connection: &mut Connection,
    format: Format,
    names: Vec<String>,
    types: &[AttributeType],
) -> Result<(), CliError> {
    if names.len() != types.len() {
        return Err(CliError::input(format!(
            "{} names and {} types; write --name and --type as often as each other",
            names.len(),
            types.len()
        )));
    }
    let wire = types.iter().map(|one| one.to_wire() as i32);
    let request = AddSearchAttributesRequest {
        search_attributes: names.iter().cloned().zip(wire).collect(),
        namespace: connection.namespace.clone(),
    };
    connection
        .operator
        .add_search_attributes(within(CALL, request))
        .await
        .map_err(|status| connection.explain("create search attributes", status))?;
    match format {
        Format::Json => output::line(&json::plain(&serde_json::json!({ "created": names }))),
        Format::Text => output::line(&format!("Created search attributes {}", names.join(", "))),
    }
}

async fn list(connection: &mut Connection, format: Format) -> Result<(), CliError> {
    let request = ListSearchAttributesRequest {
        namespace: connection.namespace.clone(),
    };
    let answer = connection
        .operator
        .list_search_attributes(within(CALL, request))
        .await
        .map_err(|status| connection.explain("list search attributes", status))?
        .into_inner();
    if format == Format::Json {
        return output::line(&json::pretty(&answer)?);
    }
    let all = answer
        .custom_attributes
        .iter()
        .map(|one| (one, "custom"))
        .chain(answer.system_attributes.iter().map(|one| (one, "system")));
    let mut all: Vec<_> = all.collect();
    all.sort_unstable();
    let mut table = Table::new(["Name", "Type", "Kind"]);
    for ((name, number), kind) in all {
        let type_name = AttributeType::from_wire(*number).map_or("", AttributeType::name);
        table.row([name.clone(), type_name.to_owned(), kind.to_owned()]);
    }
    output::line(&table.render())
}

async fn remove(
    connection: &mut Connection,
    format: Format,
    names: Vec<String>,
) -> Result<(), CliError> {
    let request = RemoveSearchAttributesRequest {
        search_attributes: names.clone(),
        namespace: connection.namespace.clone(),
    };
    connection
        .operator
        .remove_search_attributes(within(CALL, request))
        .await
        .map_err(|status| connection.explain("remove search attributes", status))?;
    match format {
        Format::Json => output::line(&json::plain(&serde_json::json!({ "removed": names }))),
        Format::Text => output::line(&format!("Removed search attributes {}", names.join(", "))),
    }
}
