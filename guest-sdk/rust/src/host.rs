//! The host functions, the same on both targets.
//!
//! On wasm32 they are the imports of the component. Everywhere else they reach
//! the test host of the [`testing`](crate::testing) environment that is driving
//! a run on this thread; without one they panic, since nothing stands behind
//! them. Each function is called from one place only where a user's call leads
//! to it, so that an import which a workflow does not use is not linked.

#[cfg(target_arch = "wasm32")]
use crate::bindings::mainspring::workflow::events;
use crate::bindings::mainspring::workflow::types::{self, Failure, Payload};
use crate::bindings::mainspring::workflow::{
    activities, children, continuation, external, info, logging,
};

/// Names one operation of a run; numbered from 1 in the order of the calls.
pub(crate) type Handle = types::Handle;

#[cfg(target_arch = "wasm32")]
mod target {
    use super::*;
    use crate::bindings::mainspring::workflow as imports;

    pub(crate) fn start_activity(options: activities::ActivityOptions) -> Handle {
        imports::activities::start_activity(&options)
    }

    pub(crate) fn start_timer(
        duration: types::DurationNs,
        metadata: types::UserMetadata,
    ) -> Handle {
        imports::timers::start_timer(duration, &metadata)
    }

    pub(crate) fn start_child_workflow(options: children::ChildOptions) -> Handle {
        imports::children::start_child_workflow(&options)
    }

    pub(crate) fn signal_workflow(
        target: external::SignalTarget,
        name: &str,
        input: Vec<Payload>,
        headers: &[(String, Payload)],
    ) -> Handle {
        imports::external::signal_workflow(&target, name, &input, headers)
    }

    pub(crate) fn cancel_workflow(target: types::Execution, reason: &str) -> Handle {
        imports::external::cancel_workflow(&target, reason)
    }

    pub(crate) fn cancel(handle: Handle, reason: &str) {
        imports::cancellation::cancel(handle, reason);
    }

    pub(crate) fn continue_as_new(options: continuation::ContinueOptions) {
        imports::continuation::continue_as_new(&options);
    }

    pub(crate) fn upsert_search_attributes(changes: &[(String, Option<Payload>)]) {
        imports::properties::upsert_search_attributes(changes);
    }

    pub(crate) fn upsert_memo(changes: &[(String, Option<Payload>)]) {
        imports::properties::upsert_memo(changes);
    }

    pub(crate) fn answer_query(id: &str, answer: Result<Payload, Failure>) {
        imports::queries::answer_query(id, answer.as_ref().map_err(Vec::as_slice));
    }

    pub(crate) fn accept_update(id: &str) {
        imports::updates::accept_update(id);
    }

    pub(crate) fn accept_unvalidated_update(id: &str) {
        imports::updates::accept_unvalidated_update(id);
    }

    pub(crate) fn reject_update(id: &str, reason: Failure) {
        imports::updates::reject_update(id, &reason);
    }

    pub(crate) fn complete_update(id: &str, outcome: Result<Payload, Failure>) {
        imports::updates::complete_update(id, outcome.as_ref().map_err(Vec::as_slice));
    }

    pub(crate) fn next() -> events::Event {
        imports::events::next()
    }

    pub(crate) fn take() -> Option<events::Event> {
        imports::events::take()
    }

    pub(crate) fn now() -> types::TimestampNs {
        imports::clock::now()
    }

    pub(crate) fn random_u64() -> u64 {
        imports::random::next_u64()
    }

    pub(crate) fn random_bytes(length: u32) -> Vec<u8> {
        imports::random::bytes(length)
    }

    pub(crate) fn log(level: logging::Level, message: &str, fields: &[(String, String)]) {
        imports::logging::log(level, message, fields);
    }

    pub(crate) fn run_info() -> info::RunInfo {
        imports::info::run()
    }

    pub(crate) fn task_info() -> info::TaskInfo {
        imports::info::task()
    }

    pub(crate) fn is_replaying() -> bool {
        imports::info::is_replaying()
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod target {
    use super::*;
    use crate::testing::host::current;

    pub(crate) fn start_activity(options: activities::ActivityOptions) -> Handle {
        current().start_activity(options)
    }

    pub(crate) fn start_timer(
        duration: types::DurationNs,
        metadata: types::UserMetadata,
    ) -> Handle {
        current().start_timer(duration, metadata)
    }

    pub(crate) fn start_child_workflow(options: children::ChildOptions) -> Handle {
        current().start_child_workflow(options)
    }

    pub(crate) fn signal_workflow(
        target: external::SignalTarget,
        name: &str,
        input: Vec<Payload>,
        _headers: &[(String, Payload)],
    ) -> Handle {
        current().signal_workflow(target, name, input)
    }

    pub(crate) fn cancel_workflow(target: types::Execution, reason: &str) -> Handle {
        current().cancel_workflow(target, reason)
    }

    pub(crate) fn cancel(handle: Handle, reason: &str) {
        current().cancel(handle, reason);
    }

    pub(crate) fn continue_as_new(options: continuation::ContinueOptions) {
        current().continue_as_new(options);
    }

    pub(crate) fn upsert_search_attributes(changes: &[(String, Option<Payload>)]) {
        current().upsert_search_attributes(changes);
    }

    pub(crate) fn upsert_memo(changes: &[(String, Option<Payload>)]) {
        current().upsert_memo(changes);
    }

    pub(crate) fn answer_query(id: &str, answer: Result<Payload, Failure>) {
        current().answer_query(id, answer);
    }

    pub(crate) fn accept_update(id: &str) {
        current().accept_update(id);
    }

    pub(crate) fn accept_unvalidated_update(id: &str) {
        current().accept_update(id);
    }

    pub(crate) fn reject_update(id: &str, reason: Failure) {
        current().reject_update(id, reason);
    }

    pub(crate) fn complete_update(id: &str, outcome: Result<Payload, Failure>) {
        current().complete_update(id, outcome);
    }

    pub(crate) fn now() -> types::TimestampNs {
        current().now()
    }

    pub(crate) fn random_u64() -> u64 {
        current().random_u64()
    }

    pub(crate) fn random_bytes(length: u32) -> Vec<u8> {
        current().random_bytes(length)
    }

    pub(crate) fn log(level: logging::Level, message: &str, fields: &[(String, String)]) {
        current().log(level, message, fields);
    }

    pub(crate) fn run_info() -> info::RunInfo {
        current().run_info()
    }

    pub(crate) fn task_info() -> info::TaskInfo {
        current().task_info()
    }

    pub(crate) fn is_replaying() -> bool {
        current().is_replaying()
    }
}

pub(crate) use target::*;
