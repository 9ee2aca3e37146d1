//! `#[workflow_methods]`, first half: reads the block and checks its methods.
//!
//! Markers are taken off the methods, whose bodies stay as they are. A parameter
//! is the context if its type is a reference to one of the context types; the
//! others are the arguments, one payload each.

use proc_macro2::TokenStream;
use syn::{FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, LitStr, ReturnType, Type};

use crate::docs;

/// What a marked method needs to be called.
pub(crate) struct Method {
    pub(crate) ident: Ident,
    /// The name given by the marker.
    pub(crate) name: Option<String>,
    pub(crate) description: String,
    pub(crate) is_async: bool,
    pub(crate) has_context: bool,
    pub(crate) arguments: Vec<Type>,
    pub(crate) output: ReturnType,
}

impl Method {
    /// The name under which messages reach it.
    pub(crate) fn message_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.ident.to_string())
    }

    /// Whether it returns something called `Result`, by any path.
    pub(crate) fn is_fallible(&self) -> bool {
        match &self.output {
            ReturnType::Type(_, output) => {
                last_segment(output).is_some_and(|name| name == "Result")
            }
            ReturnType::Default => false,
        }
    }
}

/// The marked methods of one block.
pub(crate) struct WorkflowMethods {
    pub(crate) run: Method,
    pub(crate) init: Option<Method>,
    pub(crate) signals: Vec<Method>,
    pub(crate) queries: Vec<Method>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Marker {
    Init,
    Run,
    Signal,
    Query,
}

impl WorkflowMethods {
    pub(crate) fn parse(attribute: TokenStream, item: &mut ItemImpl) -> syn::Result<Self> {
        if !attribute.is_empty() {
            return Err(syn::Error::new_spanned(
                attribute,
                "#[workflow_methods] takes no arguments",
            ));
        }
        if let Some((_, path, _)) = &item.trait_ {
            return Err(syn::Error::new_spanned(
                path,
                "#[workflow_methods] goes on an inherent impl block",
            ));
        }
        let (mut run, mut init) = (None, None);
        let (mut signals, mut queries) = (Vec::new(), Vec::new());
        for member in &mut item.items {
            let ImplItem::Fn(function) = member else {
                continue;
            };
            let Some((marker, name)) = take_marker(function)? else {
                continue;
            };
            let method = read(function, marker, name)?;
            match marker {
                Marker::Run => once(&mut run, method, "#[run]")?,
                Marker::Init => once(&mut init, method, "#[init]")?,
                Marker::Signal => add(&mut signals, method, "signal")?,
                Marker::Query => add(&mut queries, method, "query")?,
            }
        }
        let run = run.ok_or_else(|| {
            let message = "a workflow needs one method marked #[run]";
            syn::Error::new_spanned(&item.self_ty, message)
        })?;
        Ok(Self {
            run,
            init,
            signals,
            queries,
        })
    }
}

fn once(slot: &mut Option<Method>, method: Method, marker: &str) -> syn::Result<()> {
    if slot.is_some() {
        return Err(syn::Error::new_spanned(
            &method.ident,
            format!("a workflow has one method marked {marker}"),
        ));
    }
    *slot = Some(method);
    Ok(())
}

fn add(methods: &mut Vec<Method>, method: Method, kind: &str) -> syn::Result<()> {
    let name = method.message_name();
    if methods.iter().any(|other| other.message_name() == name) {
        return Err(syn::Error::new_spanned(
            &method.ident,
            format!("there is another {kind} named {name:?}"),
        ));
    }
    methods.push(method);
    Ok(())
}

/// Takes the marker off a method.
fn take_marker(function: &mut ImplItemFn) -> syn::Result<Option<(Marker, Option<String>)>> {
    let mut found = None;
    let mut kept = Vec::new();
    for attribute in std::mem::take(&mut function.attrs) {
        let name = attribute
            .path()
            .segments
            .last()
            .map(|segment| segment.ident.to_string());
        let marker = match name.as_deref() {
            Some("init") => Marker::Init,
            Some("run") => Marker::Run,
            Some("signal") => Marker::Signal,
            Some("query") => Marker::Query,
            Some("update" | "update_validator") => {
                return Err(syn::Error::new_spanned(
                    attribute,
                    "updates are not supported by this version of the SDK",
                ));
            }
            _ => {
                kept.push(attribute);
                continue;
            }
        };
        if found.is_some() {
            return Err(syn::Error::new_spanned(attribute, "a method has one role"));
        }
        found = Some((marker, marker_name(&attribute, marker)?));
    }
    function.attrs = kept;
    Ok(found)
}

fn marker_name(attribute: &syn::Attribute, marker: Marker) -> syn::Result<Option<String>> {
    if matches!(attribute.meta, syn::Meta::Path(_)) {
        return Ok(None);
    }
    let mut name = None;
    attribute.parse_nested_meta(|meta| {
        if marker == Marker::Init || !meta.path.is_ident("name") {
            return Err(meta.error("the only argument is `name = \"…\"`, on run, signal and query"));
        }
        name = Some(meta.value()?.parse::<LitStr>()?.value());
        Ok(())
    })?;
    Ok(name)
}

fn read(function: &ImplItemFn, marker: Marker, name: Option<String>) -> syn::Result<Method> {
    let signature = &function.sig;
    let fault = |message: &str| Err(syn::Error::new_spanned(signature, message));
    if !signature.generics.params.is_empty() {
        return fault("a workflow's methods cannot be generic");
    }
    let receiver = signature.receiver();
    let by_reference = receiver.is_some_and(|receiver| receiver.reference.is_some());
    let changes = receiver.is_some_and(|receiver| receiver.mutability.is_some());
    let is_async = signature.asyncness.is_some();
    match marker {
        Marker::Run if !is_async || receiver.is_some() => {
            return fault(
                "write `async fn run(ctx: &mut WorkflowContext<Self>, …)`; the state is in ctx.state and ctx.state_mut",
            );
        }
        Marker::Init if is_async || receiver.is_some() => {
            return fault("write `fn new(ctx: &WorkflowContextView, …) -> Self`");
        }
        Marker::Signal
            if is_async == receiver.is_some() || (receiver.is_some() && !by_reference) =>
        {
            return fault(
                "write `fn name(&mut self, …)`, or `async fn name(ctx: &mut WorkflowContext<Self>, …)` for a handler that waits",
            );
        }
        Marker::Query if is_async || !by_reference || changes => {
            return fault(
                "write `fn name(&self, …) -> Answer`: a query neither waits nor changes anything",
            );
        }
        _ => {}
    }
    let mut arguments = Vec::new();
    let mut has_context = false;
    for (index, input) in signature.inputs.iter().filter_map(typed).enumerate() {
        if is_context(input) {
            if index > 0 {
                return Err(syn::Error::new_spanned(
                    input,
                    "the context is the first parameter",
                ));
            }
            has_context = true;
        } else {
            arguments.push(input.clone());
        }
    }
    if arguments.len() > 6 {
        return fault("at most six arguments; put them into one struct");
    }
    Ok(Method {
        ident: signature.ident.clone(),
        name,
        description: docs::description(&function.attrs),
        is_async,
        has_context,
        arguments,
        output: signature.output.clone(),
    })
}

fn typed(input: &FnArg) -> Option<&Type> {
    match input {
        FnArg::Typed(input) => Some(&input.ty),
        FnArg::Receiver(_) => None,
    }
}

fn is_context(input: &Type) -> bool {
    let Type::Reference(reference) = input else {
        return false;
    };
    last_segment(&reference.elem).is_some_and(|name| {
        name == "WorkflowContext" || name == "SyncWorkflowContext" || name == "WorkflowContextView"
    })
}

fn last_segment(path: &Type) -> Option<String> {
    match path {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .map(|segment| segment.ident.to_string()),
        _ => None,
    }
}
