//! What a component says of itself, checked and in a form that can be stored.

use prost::Message;

use crate::bindings;
use crate::bindings::mainspring::workflow::description as wit;

/// How open runs meet a new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum VersioningPolicy {
    /// A run stays on the component that it started with.
    Pinned = 0,
    /// A run moves when a replay check has passed.
    AutoUpgrade = 1,
    /// A run stays, its successors start on the current version.
    UpgradeOnContinueAsNew = 2,
}

impl VersioningPolicy {
    /// As the contract spells it.
    pub fn name(self) -> &'static str {
        match self {
            VersioningPolicy::Pinned => "pinned",
            VersioningPolicy::AutoUpgrade => "auto-upgrade",
            VersioningPolicy::UpgradeOnContinueAsNew => "upgrade-on-continue-as-new",
        }
    }
}

/// What happens to an instance that answered a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum ReadsPolicy {
    /// It is rebuilt by replay before the next event.
    Rebuild = 0,
    /// It is kept.
    Trust = 1,
}

impl ReadsPolicy {
    /// As the contract spells it.
    pub fn name(self) -> &'static str {
        match self {
            ReadsPolicy::Rebuild => "rebuild",
            ReadsPolicy::Trust => "trust",
        }
    }
}

/// A signal, query or update that a workflow handles.
#[derive(Clone, PartialEq, Message)]
pub struct HandlerDescription {
    /// Empty for the catch-all handler.
    #[prost(string, tag = "1")]
    pub name: String,
    /// For people.
    #[prost(string, tag = "2")]
    pub description: String,
    /// JSON schema of the arguments; empty for none.
    #[prost(string, tag = "3")]
    pub input_schema: String,
    /// JSON schema of the answer; empty for none.
    #[prost(string, tag = "4")]
    pub output_schema: String,
}

/// A workflow type that a component exports.
#[derive(Clone, PartialEq, Message)]
pub struct WorkflowDescription {
    /// Its name.
    #[prost(string, tag = "1")]
    pub workflow_type: String,
    /// For people.
    #[prost(string, tag = "2")]
    pub description: String,
    /// JSON schema of the input; empty for none.
    #[prost(string, tag = "3")]
    pub input_schema: String,
    /// JSON schema of the result; empty for none.
    #[prost(string, tag = "4")]
    pub output_schema: String,
    /// Its signals.
    #[prost(message, repeated, tag = "5")]
    pub signals: Vec<HandlerDescription>,
    /// Its queries.
    #[prost(message, repeated, tag = "6")]
    pub queries: Vec<HandlerDescription>,
    /// Its updates.
    #[prost(message, repeated, tag = "7")]
    pub updates: Vec<HandlerDescription>,
    /// How open runs meet a new version.
    #[prost(enumeration = "VersioningPolicy", tag = "8")]
    pub versioning: i32,
    /// What happens to an instance that answered a read.
    #[prost(enumeration = "ReadsPolicy", tag = "9")]
    pub reads: i32,
}

/// What a component exports.
#[derive(Clone, PartialEq, Message)]
pub struct ComponentDescription {
    /// The workflow types, in the component's order.
    #[prost(message, repeated, tag = "1")]
    pub workflows: Vec<WorkflowDescription>,
    /// The SDK in it.
    #[prost(string, tag = "2")]
    pub sdk_name: String,
    /// Its version.
    #[prost(string, tag = "3")]
    pub sdk_version: String,
    /// The language.
    #[prost(string, tag = "4")]
    pub language: String,
}

/// A stored description that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CorruptDescription(String);

impl ComponentDescription {
    /// The form that is stored.
    pub fn encode(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    /// Reads back what `encode` gave.
    pub fn decode(bytes: &[u8]) -> Result<Self, CorruptDescription> {
        <Self as Message>::decode(bytes).map_err(|error| CorruptDescription(error.to_string()))
    }

    /// The policy for reads of a workflow type.
    pub fn reads_of(&self, workflow_type: &str) -> ReadsPolicy {
        let of = |name: &str| {
            let mut workflows = self.workflows.iter();
            workflows.find(|workflow| workflow.workflow_type == name)
        };
        of(workflow_type)
            // The catch-all runs what no other workflow of the component does.
            .or_else(|| of(""))
            .map(WorkflowDescription::reads)
            .unwrap_or(ReadsPolicy::Rebuild)
    }

    /// Whether it has a workflow type.
    pub fn exports(&self, workflow_type: &str) -> bool {
        self.workflows
            .iter()
            .any(|workflow| workflow.workflow_type == workflow_type)
    }

    /// How runs of a workflow type meet a new version.
    pub fn versioning_of(&self, workflow_type: &str) -> VersioningPolicy {
        self.workflows
            .iter()
            .find(|workflow| workflow.workflow_type == workflow_type)
            .map(WorkflowDescription::versioning)
            .unwrap_or(VersioningPolicy::Pinned)
    }

    pub(crate) fn from_wit(wit: wit::ComponentDescription) -> Self {
        Self {
            workflows: wit.workflows.into_iter().map(workflow).collect(),
            sdk_name: wit.sdk_name,
            sdk_version: wit.sdk_version,
            language: wit.language,
        }
    }
}

fn workflow(wit: wit::WorkflowDefinition) -> WorkflowDescription {
    let handlers = |handlers: Vec<wit::Handler>| handlers.into_iter().map(handler).collect();
    WorkflowDescription {
        workflow_type: wit.workflow_type,
        description: wit.description,
        input_schema: wit.input_schema.unwrap_or_default(),
        output_schema: wit.output_schema.unwrap_or_default(),
        signals: handlers(wit.signals),
        queries: handlers(wit.queries),
        updates: handlers(wit.updates),
        versioning: match wit.versioning {
            wit::VersioningPolicy::Pinned => VersioningPolicy::Pinned,
            wit::VersioningPolicy::AutoUpgrade => VersioningPolicy::AutoUpgrade,
            wit::VersioningPolicy::UpgradeOnContinueAsNew => {
                VersioningPolicy::UpgradeOnContinueAsNew
            }
        } as i32,
        reads: match wit.reads {
            wit::ReadsPolicy::Rebuild => ReadsPolicy::Rebuild,
            wit::ReadsPolicy::Trust => ReadsPolicy::Trust,
        } as i32,
    }
}

fn handler(wit: wit::Handler) -> HandlerDescription {
    HandlerDescription {
        name: wit.name,
        description: wit.description,
        input_schema: wit.input_schema.unwrap_or_default(),
        output_schema: wit.output_schema.unwrap_or_default(),
    }
}

/// So that the generated world is not unused where only parts of it are.
pub(crate) type World = bindings::Workflow;
