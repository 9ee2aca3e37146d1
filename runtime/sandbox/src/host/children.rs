//! Operations on other runs: children, signals, cancel requests.

use mainspring_engine::guest::{ChildCancellation, ExternalTarget, StartChild};
use mainspring_engine::session::SignalRequest;
use temporalio_protos::temporal::api::common::v1::{Memo, SearchAttributes};
use temporalio_protos::temporal::api::enums::v1 as enums;

use super::{Host, fault};
use crate::bindings::mainspring::workflow::children::{
    self, ChildCancellationType, ChildOptions, ParentClosePolicy,
};
use crate::bindings::mainspring::workflow::external::{self, SignalTarget};
use crate::bindings::mainspring::workflow::types::{
    Execution, Payload, VersioningIntent, WorkflowIdReusePolicy,
};
use crate::convert::payload::{
    duration, fields_to_wire, header_to_wire, metadata_to_wire, payloads_to_wire, priority_to_wire,
    retry_policy_to_wire, task_queue,
};

impl children::Host for Host {
    fn start_child_workflow(&mut self, options: ChildOptions) -> wasmtime::Result<u64> {
        let asked = StartChild {
            handle: 0,
            namespace: options.namespace.unwrap_or_default(),
            workflow_id: options.workflow_id.unwrap_or_default(),
            workflow_type: options.workflow_type,
            task_queue: task_queue(options.task_queue),
            input: payloads_to_wire(options.input),
            header: header_to_wire(options.headers),
            execution_timeout: options.workflow_execution_timeout.map(duration),
            run_timeout: options.workflow_run_timeout.map(duration),
            task_timeout: options.workflow_task_timeout.map(duration),
            parent_close_policy: close_policy(options.parent_close_policy),
            reuse_policy: reuse_policy(options.workflow_id_reuse_policy),
            cancellation: match options.cancellation_type {
                ChildCancellationType::Abandon => ChildCancellation::Abandon,
                ChildCancellationType::TryCancel => ChildCancellation::TryCancel,
                ChildCancellationType::WaitCancellationCompleted => {
                    ChildCancellation::WaitCompleted
                }
                ChildCancellationType::WaitCancellationRequested => {
                    ChildCancellation::WaitRequested
                }
            },
            retry_policy: options.retry_policy.map(retry_policy_to_wire),
            cron_schedule: options.cron_schedule,
            memo: some(options.memo).map(|fields| Memo {
                fields: fields_to_wire(fields),
            }),
            search_attributes: some(options.search_attributes).map(|fields| SearchAttributes {
                indexed_fields: fields_to_wire(fields),
            }),
            current_version: matches!(options.versioning_intent, VersioningIntent::Current),
            version: options.version.unwrap_or_default(),
            priority: options.priority.map(priority_to_wire),
            metadata: metadata_to_wire(options.metadata),
        };
        self.session()?.start_child(asked).map_err(fault)
    }
}

impl external::Host for Host {
    fn signal_workflow(
        &mut self,
        target: SignalTarget,
        name: String,
        input: Vec<Payload>,
        headers: Vec<(String, Payload)>,
    ) -> wasmtime::Result<u64> {
        let request = SignalRequest {
            target: match target {
                SignalTarget::Execution(target) => Ok(execution(target)),
                SignalTarget::Child(handle) => Err(handle),
            },
            name,
            input: payloads_to_wire(input),
            header: header_to_wire(headers),
        };
        self.session()?.signal_external(request).map_err(fault)
    }

    fn cancel_workflow(&mut self, target: Execution, reason: String) -> wasmtime::Result<u64> {
        self.session()?
            .cancel_external(execution(target), reason)
            .map_err(fault)
    }
}

/// An empty list is none.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn execution(target: Execution) -> ExternalTarget {
    ExternalTarget::Execution {
        namespace: target.namespace,
        workflow_id: target.workflow_id,
        run_id: target.run_id,
    }
}

fn close_policy(policy: ParentClosePolicy) -> enums::ParentClosePolicy {
    match policy {
        ParentClosePolicy::Unspecified => enums::ParentClosePolicy::Unspecified,
        ParentClosePolicy::Terminate => enums::ParentClosePolicy::Terminate,
        ParentClosePolicy::Abandon => enums::ParentClosePolicy::Abandon,
        ParentClosePolicy::RequestCancel => enums::ParentClosePolicy::RequestCancel,
    }
}

#[allow(deprecated)] // The contract has all of Temporal's policies.
fn reuse_policy(policy: WorkflowIdReusePolicy) -> enums::WorkflowIdReusePolicy {
    match policy {
        WorkflowIdReusePolicy::Unspecified => enums::WorkflowIdReusePolicy::Unspecified,
        WorkflowIdReusePolicy::AllowDuplicate => enums::WorkflowIdReusePolicy::AllowDuplicate,
        WorkflowIdReusePolicy::AllowDuplicateFailedOnly => {
            enums::WorkflowIdReusePolicy::AllowDuplicateFailedOnly
        }
        WorkflowIdReusePolicy::RejectDuplicate => enums::WorkflowIdReusePolicy::RejectDuplicate,
        WorkflowIdReusePolicy::TerminateIfRunning => {
            enums::WorkflowIdReusePolicy::TerminateIfRunning
        }
    }
}
