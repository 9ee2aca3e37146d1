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
    /// It takes every message that no other handler takes (WF-17).
    pub(crate) is_dynamic: bool,
    /// Nobody minds if it has not finished when the run ends (MSG-07).
    pub(crate) abandons: bool,
}

impl Method {
    /// The name under which messages reach it.
    pub(crate) fn message_name(&self) -> String {
        if self.is_dynamic {
            return String::new();
        }
        self.name.clone().unwrap_or_else(|| self.ident.to_string())
    }

    /// Whether it returns something called `Result` or `WorkflowResult`, by any path.
    pub(crate) fn is_fallible(&self) -> bool {
        match &self.output {
            ReturnType::Type(_, output) => last_segment(output)
                .is_some_and(|name| name == "Result" || name == "WorkflowResult"),
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
    pub(crate) updates: Vec<Method>,
    /// By the method name of the update that they look at.
    pub(crate) validators: Vec<(Ident, Method)>,
}

impl WorkflowMethods {
    /// The validator of an update.
    pub(crate) fn validator_of(&self, update: &Method) -> Option<&Method> {
        let mut validators = self.validators.iter();
        let found = validators.find(|(target, _)| *target == update.ident);
        found.map(|(_, validator)| validator)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Marker {
    Init,
    Run,
    Signal,
    Query,
    Update,
    UpdateValidator,
}

/// What a marker says in its parentheses.
#[derive(Default)]
struct MarkerArguments {
    name: Option<String>,
    is_dynamic: bool,
    abandons: bool,
    /// The update that a validator is for.
    target: Option<Ident>,
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
        let (mut updates, mut validators) = (Vec::new(), Vec::new());
        for member in &mut item.items {
            let ImplItem::Fn(function) = member else {
                continue;
            };
            let Some((marker, arguments)) = take_marker(function)? else {
                continue;
            };
            let method = read(function, marker, &arguments)?;
            match marker {
                Marker::Run => once(&mut run, method, "#[run]")?,
                Marker::Init => once(&mut init, method, "#[init]")?,
                Marker::Signal => add(&mut signals, method, "signal")?,
                Marker::Query => add(&mut queries, method, "query")?,
                Marker::Update => add(&mut updates, method, "update")?,
                Marker::UpdateValidator => {
                    validators.extend(arguments.target.map(|target| (target, method)));
                }
            }
        }
        let run = run.ok_or_else(|| {
            let message = "a workflow needs one method marked #[run]";
            syn::Error::new_spanned(&item.self_ty, message)
        })?;
        check_validators(&validators, &updates)?;
        Ok(Self {
            run,
            init,
            signals,
            queries,
            updates,
            validators,
        })
    }
}

/// Each validator has its update, one at most each, and takes its arguments by
/// reference.
fn check_validators(validators: &[(Ident, Method)], updates: &[Method]) -> syn::Result<()> {
    for (index, (target, validator)) in validators.iter().enumerate() {
        let fault = |message: String| Err(syn::Error::new_spanned(&validator.ident, message));
        let Some(update) = updates.iter().find(|update| update.ident == *target) else {
            return fault(format!("there is no #[update] method named {target}"));
        };
        if validators[..index].iter().any(|(other, _)| other == target) {
            return fault(format!("the update {target} has another validator"));
        }
        let by_reference = |input: &Type| matches!(input, Type::Reference(_));
        if !validator.arguments.iter().all(by_reference)
            || validator.arguments.len() != update.arguments.len()
            || !validator.is_fallible()
        {
            return fault(format!(
                "write `fn {}(&self, …) -> Result<(), E>`, with the arguments of {target} as references",
                validator.ident
            ));
        }
    }
    Ok(())
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
fn take_marker(function: &mut ImplItemFn) -> syn::Result<Option<(Marker, MarkerArguments)>> {
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
            Some("update") => Marker::Update,
            Some("update_validator") => Marker::UpdateValidator,
            _ => {
                kept.push(attribute);
                continue;
            }
        };
        if found.is_some() {
            return Err(syn::Error::new_spanned(attribute, "a method has one role"));
        }
        found = Some((marker, marker_arguments(&attribute, marker)?));
    }
    function.attrs = kept;
    Ok(found)
}

fn marker_arguments(attribute: &syn::Attribute, marker: Marker) -> syn::Result<MarkerArguments> {
    let mut arguments = MarkerArguments::default();
    if marker == Marker::UpdateValidator {
        let target: Ident = attribute.parse_args().map_err(|_| {
            let message = "name the update: `#[update_validator(method_of_the_update)]`";
            syn::Error::new_spanned(attribute, message)
        })?;
        arguments.target = Some(target);
        return Ok(arguments);
    }
    if matches!(attribute.meta, syn::Meta::Path(_)) {
        return Ok(arguments);
    }
    let waits = matches!(marker, Marker::Signal | Marker::Update);
    attribute.parse_nested_meta(|meta| {
        if marker != Marker::Init && meta.path.is_ident("name") {
            arguments.name = Some(meta.value()?.parse::<LitStr>()?.value());
        } else if marker != Marker::Init && meta.path.is_ident("dynamic") {
            arguments.is_dynamic = true;
        } else if waits && meta.path.is_ident("unfinished_policy") {
            let policy = meta.value()?.parse::<LitStr>()?;
            arguments.abandons = match policy.value().as_str() {
                "abandon" => true,
                "warn_and_abandon" => false,
                _ => {
                    let message = "expected one of \"warn_and_abandon\", \"abandon\"";
                    return Err(syn::Error::new_spanned(policy, message));
                }
            };
        } else {
            return Err(meta.error(
                "the arguments are `name = \"…\"` and `dynamic`, on run, signal, query and update, \
                 and `unfinished_policy = \"…\"`, on signal and update",
            ));
        }
        if arguments.is_dynamic && arguments.name.is_some() {
            return Err(meta.error("a dynamic handler takes every name, and has none"));
        }
        Ok(())
    })?;
    Ok(arguments)
}

fn read(function: &ImplItemFn, marker: Marker, given: &MarkerArguments) -> syn::Result<Method> {
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
        Marker::Signal | Marker::Update
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
        Marker::UpdateValidator if is_async || !by_reference || changes => {
            return fault(
                "write `fn name(&self, …) -> Result<(), E>`: a validator neither waits nor changes anything",
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
    let dynamic_arguments = if marker == Marker::Run { 1 } else { 2 };
    if given.is_dynamic && arguments.len() != dynamic_arguments {
        return fault(if marker == Marker::Run {
            "a dynamic workflow takes its arguments as one `Vec<Payload>`; its type is in ctx.info"
        } else {
            "a dynamic handler takes the name, a `String`, and the arguments, a `Vec<Payload>`"
        });
    }
    Ok(Method {
        ident: signature.ident.clone(),
        name: given.name.clone(),
        description: docs::description(&function.attrs),
        is_async,
        has_context,
        arguments,
        output: signature.output.clone(),
        is_dynamic: given.is_dynamic,
        abandons: given.abandons,
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
