//! The rules of durable execution, and nothing else.
//!
//! Inputs come in with their time, events and row changes go out. The engine
//! reads no clock, does no I/O, starts no task and knows neither wasm nor SQL
//! nor gRPC: that is what lets a simulator drive it through years of faults.
//!
//! The way in: [`run::Run`] is one run of a workflow and takes every input;
//! [`activity`] is the machine inside it; [`session::Session`]
//! is the conversation with the workflow's code; [`replay`] cuts a history into
//! the workflow tasks that it was made of; [`transition`] is what one commit
//! holds; [`letter`] is what runs send one another.

pub mod activity;
pub mod cron;
pub mod failure;
pub mod guest;
pub mod history;
pub mod ids;
pub mod letter;
pub mod limits;
pub mod random;
pub mod replay;
pub mod retry;
pub mod run;
pub mod search;
pub mod session;
pub mod start;
pub mod time;
pub mod transition;
