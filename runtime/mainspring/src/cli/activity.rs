//! `mainspring activity`: completing or failing an activity by its ID, for work
//! that a person or another system finishes.

use clap::{Args, Subcommand};
use temporalio_protos::temporal::api::failure::v1::failure::FailureInfo;
use temporalio_protos::temporal::api::failure::v1::{ApplicationFailureInfo, Failure};
use temporalio_protos::temporal::api::workflowservice::v1::{
    RespondActivityTaskCompletedByIdRequest, RespondActivityTaskFailedByIdRequest,
};

use crate::cli::{ClientArgs, ExecutionArgs, value};
use crate::error::CliError;
use crate::output::{self, Format};
use crate::rpc::{CALL, Connection, within};

/// The group's arguments.
#[derive(Debug, Args)]
pub(crate) struct ActivityCommand {
    #[command(flatten)]
    client: ClientArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Complete an activity with a result.
    Complete {
        #[command(flatten)]
        target: Target,
        /// What it returns, as JSON.
        #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
        result: String,
    },
    /// Fail an activity for good: it is not retried.
    Fail {
        #[command(flatten)]
        target: Target,
        /// The failure's message.
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
        /// The failure's details, as JSON.
        #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
        detail: Option<String>,
    },
}

#[derive(Debug, Args)]
struct Target {
    /// Activity ID.
    #[arg(long, short, value_name = "ID")]
    activity_id: String,
    #[command(flatten)]
    execution: ExecutionArgs,
}

impl ActivityCommand {
    /// Does what was asked.
    pub(crate) async fn run(self) -> Result<(), CliError> {
        let connection = self.client.connection.clone();
        let (target, done) = match self.action {
            Action::Complete { target, result } => {
                let payload = value::json_payload(&result)
                    .map_err(|error| CliError::input(format!("--result is not JSON ({error})")))?;
                let mut connection = connection.open().await?;
                complete(&mut connection, &target, payload).await?;
                (target, "Completed")
            }
            Action::Fail {
                target,
                reason,
                detail,
            } => {
                let failure = failure(reason, detail.as_deref())?;
                let mut connection = connection.open().await?;
                fail(&mut connection, &target, failure).await?;
                (target, "Failed")
            }
        };
        match self.client.output {
            Format::Json => Ok(()),
            Format::Text => output::line(&format!(
                "{done} activity {} of workflow {}",
                target.activity_id, target.execution.workflow_id
            )),
        }
    }
}

async fn complete(
    connection: &mut Connection,
    target: &Target,
    result: temporalio_protos::temporal::api::common::v1::Payload,
) -> Result<(), CliError> {
    let request = RespondActivityTaskCompletedByIdRequest {
        namespace: connection.namespace.clone(),
        workflow_id: target.execution.workflow_id.clone(),
        run_id: target.execution.run_id.clone(),
        activity_id: target.activity_id.clone(),
        identity: connection.identity.clone(),
        result: Some(value::payloads(vec![result])),
        ..RespondActivityTaskCompletedByIdRequest::default()
    };
    connection
        .workflow
        .respond_activity_task_completed_by_id(within(CALL, request))
        .await
        .map_err(|status| connection.explain(target.action("complete"), status))?;
    Ok(())
}

async fn fail(
    connection: &mut Connection,
    target: &Target,
    failure: Failure,
) -> Result<(), CliError> {
    let request = RespondActivityTaskFailedByIdRequest {
        namespace: connection.namespace.clone(),
        workflow_id: target.execution.workflow_id.clone(),
        run_id: target.execution.run_id.clone(),
        activity_id: target.activity_id.clone(),
        identity: connection.identity.clone(),
        failure: Some(failure),
        ..RespondActivityTaskFailedByIdRequest::default()
    };
    connection
        .workflow
        .respond_activity_task_failed_by_id(within(CALL, request))
        .await
        .map_err(|status| connection.explain(target.action("fail"), status))?;
    Ok(())
}

fn failure(reason: String, detail: Option<&str>) -> Result<Failure, CliError> {
    let mut info = ApplicationFailureInfo {
        // A failure that came by hand is final, as with the `temporal` CLI.
        non_retryable: true,
        ..ApplicationFailureInfo::default()
    };
    if let Some(detail) = detail {
        let payload = value::json_payload(detail)
            .map_err(|error| CliError::input(format!("--detail is not JSON ({error})")))?;
        info.details = Some(value::payloads(vec![payload]));
    }
    let failure = Failure {
        message: reason,
        source: "mainspring-cli".to_owned(),
        failure_info: Some(FailureInfo::ApplicationFailureInfo(info)),
        ..Failure::default()
    };
    Ok(failure)
}

impl Target {
    fn action(&self, verb: &str) -> String {
        format!(
            "{verb} activity {} of workflow {}",
            self.activity_id, self.execution.workflow_id
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_carries_its_message_and_details() {
        let failure = failure("no stock".to_owned(), Some("{\"left\":0}")).unwrap();
        assert_eq!(failure.message, "no stock");
        let Some(FailureInfo::ApplicationFailureInfo(info)) = failure.failure_info else {
            panic!("an application failure");
        };
        assert_eq!(info.details.unwrap().payloads[0].data, b"{\"left\":0}");
    }

    #[test]
    fn details_that_are_not_json_are_refused() {
        assert!(failure(String::new(), Some("{")).is_err());
    }
}
