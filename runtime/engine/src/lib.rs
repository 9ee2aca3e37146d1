//! The rules of durable execution as pure state machines.
