//! The attribute macros of `mainspring-workflow`.
//!
//! `#[workflow]` (in `declaration`) describes the struct, `#[workflow_methods]`
//! (in `methods`, which parses, and `codegen`, which writes) turns an `impl`
//! block into an implementation of the trait that the executor drives. The other
//! attributes mark methods inside such a block and are read there; standing alone
//! they are mistakes, and say so.

use proc_macro::TokenStream;
use syn::parse_macro_input;

mod codegen;
mod declaration;
mod docs;
mod methods;

/// Marks a struct as a workflow: its fields are the state of a run.
///
/// - `name = "…"`: the workflow type; the struct's name by default.
/// - `reads = "rebuild" | "trust"`: whether an instance that answered a query is
///   rebuilt by replay before its next event (the default), or kept.
/// - `versioning = "pinned" | "auto-upgrade" | "upgrade-on-continue-as-new"`: how
///   open runs meet a new version; pinned by default.
///
/// The doc comment becomes the type's description.
#[proc_macro_attribute]
pub fn workflow(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as syn::ItemStruct);
    declaration::expand(attribute.into(), &item)
        .unwrap_or_else(|error| keep(error, &item))
        .into()
}

/// Turns an `impl` block into the workflow: exactly one `#[run]`, at most one
/// `#[init]` (else the struct implements `Default`), any `#[signal]`,
/// `#[query]`, `#[update]` and `#[update_validator]` methods; every other method is left alone.
#[proc_macro_attribute]
pub fn workflow_methods(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut item = parse_macro_input!(item as syn::ItemImpl);
    methods::WorkflowMethods::parse(attribute.into(), &mut item)
        .map(|methods| codegen::expand(&item, &methods))
        .unwrap_or_else(|error| keep(error, &item))
        .into()
}

/// The error beside the item, so that one mistake does not hide the rest.
fn keep(error: syn::Error, item: &impl quote::ToTokens) -> proc_macro2::TokenStream {
    let error = error.into_compile_error();
    quote::quote!(#item #error)
}

macro_rules! markers {
    ($($(#[$docs:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$docs])*
        #[proc_macro_attribute]
        pub fn $name(_attribute: TokenStream, item: TokenStream) -> TokenStream {
            let message = concat!(
                "#[", stringify!($name), "] works only on a method of an impl block marked #[workflow_methods]"
            );
            let item = proc_macro2::TokenStream::from(item);
            quote::quote!(#item ::core::compile_error!(#message);).into()
        }
    )+};
}

markers! {
    /// Constructs the workflow's state: `fn new(ctx: &WorkflowContextView, input: T) -> Self`.
    /// Both parameters may be left out. Runs before any handler (WF-18).
    init,
    /// The main function: `async fn run(ctx: &mut WorkflowContext<Self>, input: T) -> WorkflowResult<R>`.
    /// `name = "…"` gives the workflow type; `dynamic` takes every type that no other workflow of
    /// the component has, with the arguments as one `Vec<Payload>` (WF-17).
    run,
    /// A signal handler: `fn approve(&mut self, ctx: &mut SyncWorkflowContext<Self>, input: T)` or
    /// `async fn approve(ctx: &mut WorkflowContext<Self>, input: T)`. The context may be left out. It may
    /// return a `WorkflowResult<()>`, whose error ends the run. `name = "…"` gives the signal's name;
    /// `dynamic` takes every signal without a handler: `fn any(&mut self, name: String, arguments: Vec<Payload>)`.
    /// `unfinished_policy = "abandon"`: the run may end while it is at work, without a warning (MSG-07).
    signal,
    /// A query handler: `fn status(&self, ctx: &WorkflowContextView, input: T) -> R`, or `-> Result<R, E>`
    /// where the error refuses the query. The context may be left out. `name = "…"` gives the query's name;
    /// `dynamic` takes every query without a handler.
    query,
    /// An update handler: shaped as a signal handler is, and it answers: `fn add(&mut self, input: T) -> R`,
    /// or `-> Result<R, E>` where the error is the update's failure and the run goes on (MSG-15).
    /// `name = "…"`, `dynamic` and `unfinished_policy = "…"` as on signals.
    update,
    /// Looks at an update before it is accepted, and may refuse it without a trace (MSG-12):
    /// `#[update_validator(add)] fn check_add(&self, ctx: &WorkflowContextView, input: &T) -> Result<(), E>`.
    /// The context may be left out. Not run in replay, so it may become stricter (MSG-14).
    update_validator,
}
