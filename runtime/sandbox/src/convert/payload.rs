//! Payloads, headers, durations, retry policies.

use std::time::Duration;

use mainspring_engine::ids::TaskQueue;
use temporalio_protos::temporal::api::common::v1 as wire;
use temporalio_protos::temporal::api::sdk::v1::UserMetadata;

use crate::bindings::mainspring::workflow::types as wit;

pub(crate) fn payload_to_wire(payload: wit::Payload) -> wire::Payload {
    wire::Payload {
        metadata: payload.metadata.into_iter().collect(),
        data: payload.data,
        ..wire::Payload::default()
    }
}

pub(crate) fn payload_to_wit(payload: wire::Payload) -> wit::Payload {
    let mut metadata: Vec<(String, Vec<u8>)> = payload.metadata.into_iter().collect();
    // The order of a hash map must not reach the code.
    metadata.sort_unstable();
    wit::Payload {
        metadata,
        data: payload.data,
    }
}

/// An empty name is none.
pub(crate) fn task_queue(name: Option<String>) -> Option<TaskQueue> {
    name.filter(|name| !name.is_empty()).map(TaskQueue::from)
}

/// Absent where there is no payload: that is how an empty result is recorded.
pub(crate) fn payloads_to_wire(payloads: Vec<wit::Payload>) -> Option<wire::Payloads> {
    if payloads.is_empty() {
        return None;
    }
    Some(wire::Payloads {
        payloads: payloads.into_iter().map(payload_to_wire).collect(),
    })
}

pub(crate) fn payloads_to_wit(payloads: Option<wire::Payloads>) -> Vec<wit::Payload> {
    let payloads = payloads.unwrap_or_default().payloads;
    payloads.into_iter().map(payload_to_wit).collect()
}

pub(crate) fn header_to_wire(fields: Vec<(String, wit::Payload)>) -> Option<wire::Header> {
    if fields.is_empty() {
        return None;
    }
    Some(wire::Header {
        fields: fields_to_wire(fields),
    })
}

/// Of a repeated key the last value holds.
pub(crate) fn fields_to_wire(
    fields: Vec<(String, wit::Payload)>,
) -> std::collections::HashMap<String, wire::Payload> {
    let fields = fields.into_iter();
    fields
        .map(|(name, payload)| (name, payload_to_wire(payload)))
        .collect()
}

pub(crate) fn header_to_wit(header: Option<wire::Header>) -> Vec<(String, wit::Payload)> {
    fields_to_wit(header.unwrap_or_default().fields)
}

pub(crate) fn fields_to_wit(
    fields: impl IntoIterator<Item = (String, wire::Payload)>,
) -> Vec<(String, wit::Payload)> {
    let mut fields: Vec<(String, wit::Payload)> = fields
        .into_iter()
        .map(|(name, payload)| (name, payload_to_wit(payload)))
        .collect();
    fields.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    fields
}

pub(crate) fn duration(ns: u64) -> Duration {
    Duration::from_nanos(ns)
}

pub(crate) fn wire_duration(ns: u64) -> prost_wkt_types::Duration {
    mainspring_engine::time::wire_duration(Duration::from_nanos(ns))
}

pub(crate) fn duration_ns(wire: Option<&prost_wkt_types::Duration>) -> Option<u64> {
    let duration = mainspring_engine::time::set_duration(wire)?;
    u64::try_from(duration.as_nanos()).ok()
}

pub(crate) fn retry_policy_to_wire(policy: wit::RetryPolicy) -> wire::RetryPolicy {
    wire::RetryPolicy {
        initial_interval: policy.initial_interval.map(wire_duration),
        backoff_coefficient: policy.backoff_coefficient.unwrap_or_default(),
        maximum_interval: policy.maximum_interval.map(wire_duration),
        maximum_attempts: policy.maximum_attempts.unwrap_or_default(),
        non_retryable_error_types: policy.non_retryable_error_types,
    }
}

pub(crate) fn retry_policy_to_wit(policy: wire::RetryPolicy) -> wit::RetryPolicy {
    wit::RetryPolicy {
        initial_interval: duration_ns(policy.initial_interval.as_ref()),
        backoff_coefficient: Some(policy.backoff_coefficient).filter(|c| *c != 0.0),
        maximum_interval: duration_ns(policy.maximum_interval.as_ref()),
        maximum_attempts: Some(policy.maximum_attempts),
        non_retryable_error_types: policy.non_retryable_error_types,
    }
}

pub(crate) fn priority_to_wire(priority: wit::Priority) -> wire::Priority {
    wire::Priority {
        priority_key: priority.key,
        fairness_key: priority.fairness_key,
        fairness_weight: priority.fairness_weight,
    }
}

pub(crate) fn priority_to_wit(priority: wire::Priority) -> wit::Priority {
    wit::Priority {
        key: priority.priority_key,
        fairness_key: priority.fairness_key,
        fairness_weight: priority.fairness_weight,
    }
}

pub(crate) fn metadata_to_wire(metadata: wit::UserMetadata) -> Option<UserMetadata> {
    if metadata.summary.is_none() && metadata.details.is_none() {
        return None;
    }
    Some(UserMetadata {
        summary: metadata.summary.map(payload_to_wire),
        details: metadata.details.map(payload_to_wire),
    })
}
