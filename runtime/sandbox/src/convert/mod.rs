//! Between the contract's types and the wire types that the engine carries.

pub(crate) mod event;
pub(crate) mod failure;
pub(crate) mod payload;
