//! Continuing as new (WF-13).

use mainspring_engine::guest::VersioningIntent;
use mainspring_engine::session::ContinueRequest;
use temporalio_protos::temporal::api::common::v1::{Memo, SearchAttributes};

use super::{Host, fault};
use crate::bindings::mainspring::workflow::continuation::{self, ContinueOptions};
use crate::bindings::mainspring::workflow::types;
use crate::convert::payload::{
    duration, fields_to_wire, header_to_wire, payloads_to_wire, retry_policy_to_wire,
};

impl continuation::Host for Host {
    fn continue_as_new(&mut self, options: ContinueOptions) -> wasmtime::Result<()> {
        let request = ContinueRequest {
            workflow_type: options.workflow_type,
            task_queue: options.task_queue,
            input: payloads_to_wire(options.input),
            header: header_to_wire(options.headers),
            run_timeout: options.workflow_run_timeout.map(duration),
            task_timeout: options.workflow_task_timeout.map(duration),
            retry_policy: options.retry_policy.map(retry_policy_to_wire),
            memo: options.memo.map(|fields| Memo {
                fields: fields_to_wire(fields),
            }),
            search_attributes: options.search_attributes.map(|fields| SearchAttributes {
                indexed_fields: fields_to_wire(fields),
            }),
            versioning: versioning_intent(options.versioning_intent),
            backoff: options.backoff_start_interval.map(duration),
        };
        self.session()?.continue_as_new(request).map_err(fault)
    }
}

fn versioning_intent(intent: types::VersioningIntent) -> VersioningIntent {
    match intent {
        types::VersioningIntent::Unspecified => VersioningIntent::Unspecified,
        types::VersioningIntent::Inherit => VersioningIntent::Inherit,
        types::VersioningIntent::Current => VersioningIntent::Current,
    }
}
