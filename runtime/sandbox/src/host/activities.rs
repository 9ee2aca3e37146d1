//! Operations: activities, timers, cancelling, answers to queries.

use mainspring_engine::guest::{ActivityCancellation, ScheduleActivity};

use super::{Host, fault};
use crate::bindings::mainspring::workflow::activities::{ActivityOptions, CancellationType};
use crate::bindings::mainspring::workflow::types::{FailureNode, Payload, UserMetadata};
use crate::bindings::mainspring::workflow::{activities, cancellation, queries, timers};
use crate::convert::failure;
use crate::convert::payload::{
    duration, header_to_wire, metadata_to_wire, payload_to_wire, payloads_to_wire,
    priority_to_wire, retry_policy_to_wire, task_queue,
};

impl activities::Host for Host {
    fn start_activity(&mut self, options: ActivityOptions) -> wasmtime::Result<u64> {
        let asked = ScheduleActivity {
            handle: 0,
            activity_type: options.activity_type,
            activity_id: options.activity_id.unwrap_or_default(),
            task_queue: task_queue(options.task_queue),
            input: payloads_to_wire(options.input),
            header: header_to_wire(options.headers),
            schedule_to_close_timeout: options.schedule_to_close_timeout.map(duration),
            schedule_to_start_timeout: options.schedule_to_start_timeout.map(duration),
            start_to_close_timeout: options.start_to_close_timeout.map(duration),
            heartbeat_timeout: options.heartbeat_timeout.map(duration),
            retry_policy: options.retry_policy.map(retry_policy_to_wire),
            cancellation: match options.cancellation_type {
                CancellationType::TryCancel => ActivityCancellation::TryCancel,
                CancellationType::WaitCancellationCompleted => ActivityCancellation::WaitCompleted,
                CancellationType::Abandon => ActivityCancellation::Abandon,
            },
            priority: options.priority.map(priority_to_wire),
            metadata: metadata_to_wire(options.metadata),
        };
        self.session()?.start_activity(asked).map_err(fault)
    }
}

impl timers::Host for Host {
    fn start_timer(&mut self, duration_ns: u64, metadata: UserMetadata) -> wasmtime::Result<u64> {
        let metadata = metadata_to_wire(metadata);
        self.session()?
            .start_timer(duration(duration_ns), metadata)
            .map_err(fault)
    }
}

impl cancellation::Host for Host {
    fn cancel(&mut self, handle: u64, reason: String) -> wasmtime::Result<()> {
        self.session()?.cancel(handle, &reason).map_err(fault)
    }
}

impl queries::Host for Host {
    fn answer_query(
        &mut self,
        query_id: String,
        answer: Result<Payload, Vec<FailureNode>>,
    ) -> wasmtime::Result<()> {
        let answer = match answer {
            Ok(payload) => Ok(Some(payload_to_wire(payload))),
            Err(nodes) => Err(failure::to_wire(nodes)),
        };
        self.session()?
            .answer_query(&query_id, answer)
            .map_err(fault)
    }
}
