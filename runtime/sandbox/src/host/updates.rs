//! Updates: accepted or rejected, then completed.

use super::{Host, fault};
use crate::bindings::mainspring::workflow::types::{FailureNode, Payload};
use crate::bindings::mainspring::workflow::updates;
use crate::convert::failure;
use crate::convert::payload::payloads_to_wire;

impl updates::Host for Host {
    fn accept_update(&mut self, update_id: String) -> wasmtime::Result<()> {
        self.session()?.accept_update(&update_id).map_err(fault)
    }

    fn accept_unvalidated_update(&mut self, update_id: String) -> wasmtime::Result<()> {
        self.session()?
            .accept_unvalidated_update(&update_id)
            .map_err(fault)
    }

    fn reject_update(
        &mut self,
        update_id: String,
        reason: Vec<FailureNode>,
    ) -> wasmtime::Result<()> {
        let reason = failure::to_wire(reason);
        self.session()?
            .reject_update(&update_id, reason)
            .map_err(fault)
    }

    fn complete_update(
        &mut self,
        update_id: String,
        outcome: Result<Payload, Vec<FailureNode>>,
    ) -> wasmtime::Result<()> {
        let outcome = match outcome {
            Ok(payload) => Ok(payloads_to_wire(vec![payload])),
            Err(nodes) => Err(failure::to_wire(nodes)),
        };
        self.session()?
            .complete_update(&update_id, outcome)
            .map_err(fault)
    }
}
