//! The front door: Temporal's gRPC services and ours, over the server.
//!
//! Requests are checked once, here ([`validate`]), turned into the server's own
//! types, and answers are turned back. Wire messages go no deeper than this crate.
//! Every error becomes a status in one place ([`status`]). An RPC that is not
//! served answers UNIMPLEMENTED with its name.

mod codec;
mod component_service;
mod convert;
mod filter;
mod operator_service;
pub mod proto;
mod serve;
mod status;
mod validate;
mod workflow_service;

pub use proto::component;
pub use serve::{ServeError, serve};
