//! Temporal's gRPC services and ours, over the server.
