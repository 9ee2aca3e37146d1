//! The queries that every workflow answers (MSG-10, WF-28): what it waits for, and
//! what it is.
//!
//! Rust keeps no stack of a suspended future, so the stack trace of a run is the
//! list of what it waits for, each with the line of code that began it.

use std::panic::Location;

use serde::Serialize;

use crate::payload::{Payload, PayloadConversionError};
use crate::runtime::Runtime;
use crate::workflow::{HandlerDescription, Workflow};

const STACK_TRACE: &str = "__stack_trace";
const ENHANCED_STACK_TRACE: &str = "__enhanced_stack_trace";
const METADATA: &str = "__temporal_workflow_metadata";

/// Something that a run waits for.
pub(crate) struct Wait {
    pub(crate) what: String,
    pub(crate) place: &'static Location<'static>,
}

/// The answer, if it is a query that every workflow answers.
pub(crate) fn answer<W: Workflow>(
    runtime: &Runtime,
    name: &str,
) -> Option<Result<Payload, PayloadConversionError>> {
    match name {
        STACK_TRACE => Some(Payload::encode(&stack_trace(runtime))),
        ENHANCED_STACK_TRACE => Some(Payload::encode(&enhanced_stack_trace(runtime))),
        METADATA => Some(metadata::<W>(runtime)),
        _ => None,
    }
}

fn stack_trace(runtime: &Runtime) -> String {
    let workflow_type = &runtime.info().workflow_type;
    let mut lines = vec![format!("workflow {workflow_type} waits for")];
    let waits = runtime.waits();
    if waits.is_empty() {
        lines.push("    nothing".to_owned());
    }
    lines.extend(
        waits
            .iter()
            .map(|wait| format!("    {}\n        at {}", wait.what, wait.place)),
    );
    let handlers = runtime.running.list();
    if !handlers.is_empty() {
        lines.push("handlers at work".to_owned());
        lines.extend(handlers.iter().map(|handler| format!("    {handler}")));
    }
    lines.join("\n")
}

#[derive(Serialize)]
struct EnhancedStackTrace {
    sdk: SdkInfo,
    sources: serde_json::Map<String, serde_json::Value>,
    stacks: Vec<StackTrace>,
}

#[derive(Serialize)]
struct SdkInfo {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct StackTrace {
    locations: Vec<FileLocation>,
}

#[derive(Serialize)]
struct FileLocation {
    file_path: &'static str,
    line: u32,
    column: u32,
    function_name: String,
    internal_code: bool,
}

/// The source is not in the component: its lines are named, not shown.
fn enhanced_stack_trace(runtime: &Runtime) -> EnhancedStackTrace {
    let stack = |wait: Wait| StackTrace {
        locations: vec![FileLocation {
            file_path: wait.place.file(),
            line: wait.place.line(),
            column: wait.place.column(),
            function_name: wait.what,
            internal_code: false,
        }],
    };
    EnhancedStackTrace {
        sdk: SdkInfo {
            name: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
        },
        sources: serde_json::Map::new(),
        stacks: runtime.waits().into_iter().map(stack).collect(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    definition: Definition,
    current_details: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Definition {
    r#type: String,
    query_definitions: Vec<Interaction>,
    signal_definitions: Vec<Interaction>,
    update_definitions: Vec<Interaction>,
}

#[derive(Serialize)]
struct Interaction {
    name: &'static str,
    description: &'static str,
}

fn interactions(handlers: &[HandlerDescription]) -> Vec<Interaction> {
    let interaction = |handler: &HandlerDescription| Interaction {
        name: handler.name,
        description: handler.description,
    };
    handlers.iter().map(interaction).collect()
}

/// A `temporal.api.sdk.v1.WorkflowMetadata` in protobuf's JSON.
fn metadata<W: Workflow>(runtime: &Runtime) -> Result<Payload, PayloadConversionError> {
    let mut payload = Payload::encode(&Metadata {
        definition: Definition {
            r#type: runtime.info().workflow_type.clone(),
            query_definitions: interactions(W::QUERIES),
            signal_definitions: interactions(W::SIGNALS),
            update_definitions: interactions(W::UPDATES),
        },
        current_details: runtime.current_details.borrow().clone(),
    })?;
    let message = "temporal.api.sdk.v1.WorkflowMetadata";
    for (key, value) in [("encoding", "json/protobuf"), ("messageType", message)] {
        payload
            .metadata
            .insert(key.to_owned(), value.as_bytes().to_vec());
    }
    Ok(payload)
}
