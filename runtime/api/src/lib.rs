//! Temporal's gRPC services and ours, over the server.

pub mod proto;

pub use proto::component;
