//! Where workflow code runs: WebAssembly components, admitted at upload, compiled
//! once, one instance for each live run.
//!
//! A component sees nothing but the contract in `wit/`, and behind every call of
//! it stands the run's [`mainspring_engine::session::Session`]. This crate turns
//! the calls into the session's and back, and sees to it that no code can take
//! more than its share: memory, CPU time, the compiler's time. It knows no
//! history and no disk but its cache of compiled code.
//!
//! The way in: [`Sandbox::admit`] checks an upload ([`admission`]), [`Sandbox::load`]
//! brings compiled code back, [`Component::instantiate`] makes an [`Instance`], and
//! [`Instance::advance`] lets it run.

pub mod admission;
mod bindings;
mod cache;
mod component;
mod convert;
mod description;
mod host;
mod instance;
mod pace;
mod sandbox;
mod ticker;
mod wasi;

pub use self::admission::{Refusal, serves};
pub use self::component::{Component, Crowded};
pub use self::description::{
    ComponentDescription, CorruptDescription, HandlerDescription, ReadsPolicy, VersioningPolicy,
    WorkflowDescription,
};
pub use self::instance::{Fault, Instance, Progress, STUB_MODULE};
pub use self::pace::Pace;
pub use self::sandbox::{Admitted, Sandbox, SandboxConfig, SandboxError};
