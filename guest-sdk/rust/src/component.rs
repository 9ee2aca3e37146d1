//! The component's exports: `describe`, `run` and `answer-queries`.
//!
//! [`export!`](crate::export) names the workflow types of a component; this file
//! turns them into the three functions of the contract. Used on wasm32 alone,
//! checked on every target.

use crate::bindings::mainspring::workflow::description as wire;
use crate::instance::{self, Instance};
use crate::payload::Payload;
use crate::workflow::{HandlerDescription, ReadsPolicy, VersioningPolicy, Workflow};

/// One workflow type of a component.
pub struct Entry {
    name: &'static str,
    define: fn() -> wire::WorkflowDefinition,
    #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]
    create: fn(&[Payload]) -> Box<dyn Instance>,
}

/// The entry of a workflow type.
pub const fn entry<W: Workflow>() -> Entry {
    Entry {
        name: W::NAME,
        define: define::<W>,
        create: instance::create::<W>,
    }
}

fn define<W: Workflow>() -> wire::WorkflowDefinition {
    wire::WorkflowDefinition {
        workflow_type: W::NAME.to_owned(),
        description: W::DESCRIPTION.to_owned(),
        input_schema: None,
        output_schema: None,
        signals: W::SIGNALS.iter().map(handler).collect(),
        queries: W::QUERIES.iter().map(handler).collect(),
        updates: W::UPDATES.iter().map(handler).collect(),
        versioning: match W::VERSIONING {
            VersioningPolicy::Pinned => wire::VersioningPolicy::Pinned,
            VersioningPolicy::AutoUpgrade => wire::VersioningPolicy::AutoUpgrade,
            VersioningPolicy::UpgradeOnContinueAsNew => {
                wire::VersioningPolicy::UpgradeOnContinueAsNew
            }
        },
        reads: match W::READS {
            ReadsPolicy::Rebuild => wire::ReadsPolicy::Rebuild,
            ReadsPolicy::Trust => wire::ReadsPolicy::Trust,
        },
    }
}

fn handler(description: &HandlerDescription) -> wire::Handler {
    wire::Handler {
        name: description.name.to_owned(),
        description: description.description.to_owned(),
        input_schema: None,
        output_schema: None,
    }
}

/// What `describe` answers. Panics, which refuses the upload, if two workflows
/// have one type name.
pub fn describe(entries: &[Entry]) -> wire::ComponentDescription {
    #[cfg(target_arch = "wasm32")]
    run::log_panics();
    for (index, entry) in entries.iter().enumerate() {
        let twice = entries
            .iter()
            .skip(index + 1)
            .any(|other| other.name == entry.name);
        assert!(
            !twice,
            "two workflows of this component have the type name {:?}",
            entry.name
        );
    }
    wire::ComponentDescription {
        workflows: entries.iter().map(|entry| (entry.define)()).collect(),
        sdk_name: env!("CARGO_PKG_NAME").to_owned(),
        sdk_version: env!("CARGO_PKG_VERSION").to_owned(),
        language: "rust".to_owned(),
    }
}

#[cfg(target_arch = "wasm32")]
mod run {
    use std::cell::RefCell;

    use super::Entry;
    use crate::bindings::RunOutcome;
    use crate::bindings::mainspring::workflow::types;
    use crate::instance::{Instance, Outcome};
    use crate::{host, logging, payload};

    thread_local! {
        /// The run that has ended, kept to answer queries about it.
        static CLOSED: RefCell<Option<Box<dyn Instance>>> = const { RefCell::new(None) };
    }

    /// What `run` does: the loop over the contract's one blocking call.
    pub fn run(entries: &[Entry], workflow_type: &str, input: Vec<types::Payload>) -> RunOutcome {
        log_panics();
        let mut named = entries.iter();
        let entry = named.find(|entry| entry.name == workflow_type);
        let Some(entry) = entry.or_else(|| entries.iter().find(|entry| entry.name.is_empty()))
        else {
            panic!("this component has no workflow type {workflow_type:?}");
        };
        let mut instance = (entry.create)(&payload::from_wire(input));
        while let Some(event) = host::take() {
            instance.deliver(event);
        }
        instance.start_main();
        let outcome = loop {
            if let Some(outcome) = instance.outcome() {
                break outcome;
            }
            instance.deliver_batch(host::next(), host::take);
        };
        CLOSED.with(|closed| *closed.borrow_mut() = Some(instance));
        match outcome {
            Outcome::Completed(result) => RunOutcome::Completed(payload::to_wire(result)),
            Outcome::Failed(failure) => RunOutcome::Failed(failure.into()),
            Outcome::Cancelled(details) => RunOutcome::Cancelled(payload::to_wire(details)),
            Outcome::ContinuedAsNew => RunOutcome::ContinuedAsNew,
        }
    }

    /// What `answer-queries` does: every query of the batch, from the state that
    /// the run left behind.
    pub fn answer_queries() {
        CLOSED.with(|closed| {
            let mut closed = closed.borrow_mut();
            let instance = closed
                .as_mut()
                .expect("the host asks only instances whose run has returned");
            while let Some(event) = host::take() {
                instance.deliver(event);
            }
        });
    }

    /// Memory that the allocator has at hand when a run begins.
    const HEAP_BYTES: usize = 96 * 1024;

    /// Called once, when the component is built: every run begins with the memory as it
    /// is then. The allocator takes memory from the host here, so that small runs never
    /// have to: growing a memory and shrinking it for the next run change the host's
    /// page tables, which holds up all its processors.
    #[unsafe(no_mangle)]
    extern "C" fn mainspring_prepare() {
        drop(std::hint::black_box(Vec::<u8>::with_capacity(HEAP_BYTES)));
    }

    /// A panic traps and the workflow task is tried again; the log says why.
    pub(super) fn log_panics() {
        std::panic::set_hook(Box::new(|panic| {
            let message = panic
                .payload_as_str()
                .unwrap_or("a panic without a message");
            let place = panic
                .location()
                .map(ToString::to_string)
                .unwrap_or_default();
            logging::log(logging::Level::Error, message, &[("panic", &place)]);
        }));
    }
}

#[cfg(target_arch = "wasm32")]
pub use run::{answer_queries, run};

/// Makes the crate a component with these workflow types. Call it once, in a
/// `cdylib` crate:
///
/// ```
/// # use mainspring_workflow::*;
/// # #[workflow]
/// # #[derive(Default)]
/// # pub struct OrderWorkflow;
/// # #[workflow_methods]
/// # impl OrderWorkflow {
/// #     #[run]
/// #     async fn run(_ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> { Ok(()) }
/// # }
/// mainspring_workflow::export!(OrderWorkflow);
/// ```
#[macro_export]
macro_rules! export {
    ($($workflow:ty),+ $(,)?) => {
        const _: () = {
            // Checked on every target, used on wasm32.
            #[allow(dead_code)]
            static WORKFLOWS: &[$crate::__private::Entry] =
                &[$($crate::__private::entry::<$workflow>()),+];

            #[cfg(target_arch = "wasm32")]
            const _: () = {
                struct Component;

                impl $crate::__private::bindings::Guest for Component {
                    fn describe() -> $crate::__private::bindings::ComponentDescription {
                        $crate::__private::describe(WORKFLOWS)
                    }

                    fn run(
                        workflow_type: ::std::string::String,
                        input: $crate::__private::bindings::Payloads,
                    ) -> $crate::__private::bindings::RunOutcome {
                        $crate::__private::run(WORKFLOWS, &workflow_type, input)
                    }

                    fn answer_queries() {
                        $crate::__private::answer_queries();
                    }
                }

                $crate::__private::bindings::export_component!(
                    Component with_types_in $crate::__private::bindings
                );
            };
        };
    };
}
