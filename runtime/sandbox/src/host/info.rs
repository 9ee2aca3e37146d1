//! What a run knows about itself (WF-15).

use temporalio_protos::temporal::api::enums::v1::{
    ContinueAsNewInitiator, SuggestContinueAsNewReason,
};
use temporalio_protos::temporal::api::history::v1::WorkflowExecutionStartedEventAttributes;

use super::Host;
use crate::bindings::mainspring::workflow::info::{
    self, ContinuedInitiator, RunInfo, SuggestReasons, TaskInfo,
};
use crate::bindings::mainspring::workflow::types::Execution;
use crate::convert::failure;
use crate::convert::payload::{
    duration_ns, fields_to_wit, header_to_wit, payloads_to_wit, priority_to_wit,
    retry_policy_to_wit,
};

/// LIF-08, where an old history does not say.
const TASK_TIMEOUT_NS: u64 = 10_000_000_000;

impl info::Host for Host {
    fn run(&mut self) -> wasmtime::Result<RunInfo> {
        let (facts, memo, search_attributes) = {
            let session = self.session()?;
            (
                session.facts().clone(),
                session.memo(),
                session.search_attributes(),
            )
        };
        let started = facts.started.clone();
        Ok(RunInfo {
            namespace: facts.key.namespace.to_string(),
            workflow_id: facts.key.workflow_id.to_string(),
            run_id: facts.run_id.to_string(),
            start_time: facts.start_time.as_nanos(),
            random_seed: facts.random_seed(),
            parent: parent(&started),
            root: started.root_workflow_execution.map(|root| Execution {
                namespace: String::new(),
                workflow_id: root.workflow_id,
                run_id: root.run_id,
            }),
            continued_initiator: match ContinueAsNewInitiator::try_from(started.initiator) {
                Ok(ContinueAsNewInitiator::Workflow) => ContinuedInitiator::Workflow,
                Ok(ContinueAsNewInitiator::Retry) => ContinuedInitiator::Retry,
                Ok(ContinueAsNewInitiator::CronSchedule) => ContinuedInitiator::CronSchedule,
                Ok(ContinueAsNewInitiator::Unspecified) | Err(_) => ContinuedInitiator::None,
            },
            workflow_type: started.workflow_type.unwrap_or_default().name,
            task_queue: started.task_queue.unwrap_or_default().name,
            first_run_id: started.first_execution_run_id,
            original_run_id: started.original_execution_run_id,
            continued_from_run_id: Some(started.continued_execution_run_id)
                .filter(|run_id| !run_id.is_empty()),
            continued_failure: started.continued_failure.map(failure::to_wit),
            last_completion_result: payloads_to_wit(started.last_completion_result),
            attempt: u32::try_from(started.attempt).unwrap_or(1),
            execution_deadline: started
                .workflow_execution_expiration_time
                .as_ref()
                .map(|time| mainspring_engine::time::Timestamp::from_wire(time).as_nanos()),
            workflow_execution_timeout: duration_ns(started.workflow_execution_timeout.as_ref()),
            workflow_run_timeout: duration_ns(started.workflow_run_timeout.as_ref()),
            workflow_task_timeout: duration_ns(started.workflow_task_timeout.as_ref())
                .unwrap_or(TASK_TIMEOUT_NS),
            retry_policy: started.retry_policy.map(retry_policy_to_wit),
            cron_schedule: started.cron_schedule,
            cron_schedule_to_schedule_interval: duration_ns(
                started.first_workflow_task_backoff.as_ref(),
            ),
            headers: header_to_wit(started.header),
            memo: fields_to_wit(memo.fields),
            search_attributes: fields_to_wit(search_attributes.indexed_fields),
            priority: started.priority.map(priority_to_wit),
            identity: started.identity,
        })
    }

    fn task(&mut self) -> wasmtime::Result<TaskInfo> {
        let session = self.session()?;
        let info = session.task_info();
        Ok(TaskInfo {
            history_length: info.history_length,
            history_size_bytes: info.history_size_bytes,
            continue_as_new_suggested: info.continue_as_new_suggested,
            suggest_reasons: suggest_reasons(&info.suggest_reasons),
            deployment_name: info.deployment_name.clone(),
            version_label: info.version_label.clone(),
            target_version_changed: false,
            last_sdk_version: info.last_sdk_version.clone(),
            sdk_flags: Vec::new(),
        })
    }

    fn is_replaying(&mut self) -> wasmtime::Result<bool> {
        Ok(self.session()?.is_replaying())
    }
}

fn parent(started: &WorkflowExecutionStartedEventAttributes) -> Option<Execution> {
    let parent = started.parent_workflow_execution.as_ref()?;
    Some(Execution {
        namespace: started.parent_workflow_namespace.clone(),
        workflow_id: parent.workflow_id.clone(),
        run_id: parent.run_id.clone(),
    })
}

fn suggest_reasons(reasons: &[i32]) -> SuggestReasons {
    let mut flags = SuggestReasons::empty();
    for reason in reasons {
        flags |= match SuggestContinueAsNewReason::try_from(*reason) {
            Ok(SuggestContinueAsNewReason::HistorySizeTooLarge) => {
                SuggestReasons::HISTORY_SIZE_TOO_LARGE
            }
            Ok(SuggestContinueAsNewReason::TooManyHistoryEvents) => {
                SuggestReasons::TOO_MANY_HISTORY_EVENTS
            }
            Ok(SuggestContinueAsNewReason::TooManyUpdates) => SuggestReasons::TOO_MANY_UPDATES,
            Ok(SuggestContinueAsNewReason::Unspecified) | Err(_) => SuggestReasons::empty(),
        };
    }
    flags
}
