//! What a person or a list sees of the run: search attributes, memo, details.

use mainspring_engine::session::Changes;

use super::{Host, fault};
use crate::bindings::mainspring::workflow::properties;
use crate::bindings::mainspring::workflow::types::Payload;
use crate::convert::payload::payload_to_wire;

impl properties::Host for Host {
    fn upsert_search_attributes(
        &mut self,
        attributes: Vec<(String, Option<Payload>)>,
    ) -> wasmtime::Result<()> {
        self.session()?
            .upsert_search_attributes(changes(attributes))
            .map_err(fault)
    }

    fn upsert_memo(&mut self, fields: Vec<(String, Option<Payload>)>) -> wasmtime::Result<()> {
        self.session()?.upsert_memo(changes(fields)).map_err(fault)
    }

    fn set_current_details(&mut self, details: String) -> wasmtime::Result<()> {
        self.session()?.set_current_details(details).map_err(fault)
    }
}

fn changes(pairs: Vec<(String, Option<Payload>)>) -> Changes {
    let change = |(name, value): (String, Option<Payload>)| (name, value.map(payload_to_wire));
    pairs.into_iter().map(change).collect()
}
