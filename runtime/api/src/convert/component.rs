//! Component versions as our service shows them.

use mainspring_sandbox::{HandlerDescription, WorkflowDescription};
use mainspring_server::ComponentVersion;
use mainspring_store::components::ComponentUse;

use super::time;
use crate::proto::component::v1 as wire;

pub(crate) fn version(version: ComponentVersion, usage: ComponentUse) -> wire::ComponentVersion {
    wire::ComponentVersion {
        name: version.name,
        version: version.version,
        digest: version.digest.to_string(),
        size_bytes: version.size_bytes,
        upload_time: time(version.uploaded_at),
        uploaded_by: version.uploaded_by,
        current: version.current,
        sdk_name: version.description.sdk_name,
        sdk_version: version.description.sdk_version,
        language: version.description.language,
        workflows: version
            .description
            .workflows
            .into_iter()
            .map(workflow)
            .collect(),
        open_runs: usage.open_runs,
        closed_runs: usage.closed_runs,
    }
}

fn workflow(workflow: WorkflowDescription) -> wire::WorkflowDefinition {
    let handlers = |handlers: Vec<HandlerDescription>| handlers.into_iter().map(handler).collect();
    wire::WorkflowDefinition {
        versioning: workflow.versioning().name().to_owned(),
        reads: workflow.reads().name().to_owned(),
        workflow_type: workflow.workflow_type,
        description: workflow.description,
        signals: handlers(workflow.signals),
        queries: handlers(workflow.queries),
        updates: handlers(workflow.updates),
        input_schema: workflow.input_schema,
        output_schema: workflow.output_schema,
    }
}

fn handler(handler: HandlerDescription) -> wire::Handler {
    wire::Handler {
        name: handler.name,
        description: handler.description,
        input_schema: handler.input_schema,
        output_schema: handler.output_schema,
    }
}
