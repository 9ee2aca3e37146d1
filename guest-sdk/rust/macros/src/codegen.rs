//! `#[workflow_methods]`, second half: writes the implementation of the trait.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{ItemImpl, ReturnType, Type};

use crate::methods::{Method, WorkflowMethods};

pub(crate) fn expand(item: &ItemImpl, methods: &WorkflowMethods) -> TokenStream {
    let workflow = &item.self_ty;
    let run = &methods.run;
    let name = match &run.name {
        _ if run.is_dynamic => quote!(""),
        Some(name) => quote!(#name),
        None => quote!(<Self as ::mainspring_workflow::WorkflowDeclaration>::TYPE_NAME),
    };
    let takes_input = match &methods.init {
        Some(init) if run.arguments.is_empty() => &init.arguments,
        _ => &run.arguments,
    };
    let input = if run.is_dynamic {
        quote!(::mainspring_workflow::Payload)
    } else {
        arguments_type(takes_input)
    };
    let output = match &run.output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, output) => quote!(#output),
    };
    let (signals, queries) = (
        descriptions(&methods.signals),
        descriptions(&methods.queries),
    );
    let updates = descriptions(&methods.updates);
    let (create, main) = (create(methods), main(run));
    let signal_arms = arms(&methods.signals, signal_arm);
    let query_arms = arms(&methods.queries, query_arm);
    let update_arms = arms(&methods.updates, update_arm);
    let validation_arms = arms(&methods.updates, |update| {
        validation_arm(update, methods.validator_of(update))
    });
    quote! {
        #item

        impl ::mainspring_workflow::Workflow for #workflow {
            type Input = #input;
            type Output = <#output as ::mainspring_workflow::HandlerResult>::Output;

            const NAME: &'static str = #name;
            const SIGNALS: &'static [::mainspring_workflow::HandlerDescription] = &[#(#signals),*];
            const QUERIES: &'static [::mainspring_workflow::HandlerDescription] = &[#(#queries),*];
            const UPDATES: &'static [::mainspring_workflow::HandlerDescription] = &[#(#updates),*];

            #create

            #main

            #[allow(unreachable_patterns)]
            fn __signal(
                ctx: &::mainspring_workflow::WorkflowContext<Self>,
                name: &str,
                input: &[::mainspring_workflow::Payload],
            ) -> ::mainspring_workflow::__private::SignalDispatch {
                let _ = (ctx, input);
                match name {
                    #(#signal_arms)*
                    _ => ::mainspring_workflow::__private::SignalDispatch::Unhandled,
                }
            }

            #[allow(unreachable_patterns)]
            fn __query(
                &self,
                view: &::mainspring_workflow::WorkflowContextView,
                name: &str,
                input: &[::mainspring_workflow::Payload],
            ) -> ::mainspring_workflow::__private::QueryDispatch {
                let _ = (view, input);
                match name {
                    #(#query_arms)*
                    _ => ::mainspring_workflow::__private::QueryDispatch::Unhandled,
                }
            }

            #[allow(unreachable_patterns)]
            fn __validate(
                &self,
                view: &::mainspring_workflow::WorkflowContextView,
                name: &str,
                input: &[::mainspring_workflow::Payload],
            ) -> ::mainspring_workflow::__private::UpdateVerdict {
                let _ = (view, input);
                match name {
                    #(#validation_arms)*
                    _ => ::mainspring_workflow::__private::UpdateVerdict::Unhandled,
                }
            }

            #[allow(unreachable_patterns)]
            fn __update(
                ctx: &::mainspring_workflow::WorkflowContext<Self>,
                name: &str,
                input: &[::mainspring_workflow::Payload],
            ) -> ::mainspring_workflow::__private::UpdateDispatch {
                let _ = (ctx, input);
                match name {
                    #(#update_arms)*
                    _ => ::mainspring_workflow::__private::UpdateDispatch::Unhandled,
                }
            }
        }
    }
}

/// `()`, the type itself, or `Args<(…)>`.
fn arguments_type(arguments: &[Type]) -> TokenStream {
    match arguments {
        [] => quote!(()),
        [only] => quote!(#only),
        several => quote!(::mainspring_workflow::Args<(#(#several,)*)>),
    }
}

fn argument_names(method: &Method) -> Vec<syn::Ident> {
    (0..method.arguments.len())
        .map(|index| format_ident!("argument_{index}"))
        .collect()
}

/// The pattern that takes the decoded arguments apart, and the decoding, an
/// expression of type `Result<_, PayloadConversionError>`.
fn decoding(method: &Method) -> (TokenStream, TokenStream) {
    let names = argument_names(method);
    let pattern = match names.as_slice() {
        [] => quote!(()),
        [only] => quote!(#only),
        several => quote!(::mainspring_workflow::Args((#(#several,)*))),
    };
    if method.is_dynamic {
        let (pattern, value) = match names.as_slice() {
            [arguments] => (quote!(#arguments), quote!(input.to_vec())),
            _ => (
                quote!((#(#names,)*)),
                quote!((name.to_owned(), input.to_vec())),
            ),
        };
        return (
            pattern,
            quote! {
                ::core::result::Result::<_, ::mainspring_workflow::PayloadConversionError>::Ok(#value)
            },
        );
    }
    let target = arguments_type(&method.arguments);
    (
        pattern,
        quote!(<#target as ::mainspring_workflow::FromPayloads>::from_payloads(input)),
    )
}

fn descriptions(methods: &[Method]) -> impl Iterator<Item = TokenStream> {
    methods.iter().map(|method| {
        let (name, description) = (method.message_name(), &method.description);
        let warns = !method.abandons;
        quote!(::mainspring_workflow::HandlerDescription {
            name: #name,
            description: #description,
            warns_if_unfinished: #warns,
        })
    })
}

/// The match arms of some handlers, the one that takes every name at the end.
fn arms(methods: &[Method], arm: impl Fn(&Method) -> TokenStream) -> Vec<TokenStream> {
    let (dynamic, named): (Vec<_>, Vec<_>) = methods.iter().partition(|method| method.is_dynamic);
    named.into_iter().chain(dynamic).map(arm).collect()
}

/// What a message's name must be for the handler.
fn name_pattern(method: &Method) -> TokenStream {
    if method.is_dynamic {
        return quote!(_);
    }
    let name = method.message_name();
    quote!(#name)
}

fn create(methods: &WorkflowMethods) -> TokenStream {
    let body = match &methods.init {
        None => quote!(::core::result::Result::Ok(
            <Self as ::core::default::Default>::default()
        )),
        Some(init) => {
            let (pattern, decode) = decoding(init);
            let (ident, names) = (&init.ident, argument_names(init));
            let context = init.has_context.then(|| quote!(view,));
            quote! {
                let #pattern = #decode?;
                ::core::result::Result::Ok(Self::#ident(#context #(#names),*))
            }
        }
    };
    quote! {
        fn __create(
            view: &::mainspring_workflow::WorkflowContextView,
            input: &[::mainspring_workflow::Payload],
        ) -> ::core::result::Result<Self, ::mainspring_workflow::PayloadConversionError> {
            let _ = (view, input);
            #body
        }
    }
}

fn main(run: &Method) -> TokenStream {
    let (pattern, decode) = decoding(run);
    let (ident, names) = (&run.ident, argument_names(run));
    let context = run.has_context.then(|| quote!(&mut ctx,));
    quote! {
        #[allow(unused_mut)]
        fn __main(
            mut ctx: ::mainspring_workflow::WorkflowContext<Self>,
            input: &[::mainspring_workflow::Payload],
        ) -> ::core::result::Result<
            ::mainspring_workflow::__private::MainFuture,
            ::mainspring_workflow::PayloadConversionError,
        > {
            let #pattern = #decode?;
            ::core::result::Result::Ok(::std::boxed::Box::pin(async move {
                let _ = &ctx;
                let result = ::mainspring_workflow::HandlerResult::__into_result(
                    Self::#ident(#context #(#names),*).await,
                )?;
                ::core::result::Result::Ok(::mainspring_workflow::IntoPayloads::to_payloads(&result)?)
            }))
        }
    }
}

fn signal_arm(method: &Method) -> TokenStream {
    let name = name_pattern(method);
    let (pattern, decode) = decoding(method);
    let (ident, names) = (&method.ident, argument_names(method));
    let call = if method.is_async {
        let context = method.has_context.then(|| quote!(&mut ctx,));
        quote! {
            #[allow(unused_mut)]
            let mut ctx = ::core::clone::Clone::clone(ctx);
            ::mainspring_workflow::__private::SignalDispatch::Task(::std::boxed::Box::pin(async move {
                let _ = &ctx;
                ::mainspring_workflow::HandlerResult::__into_result(
                    Self::#ident(#context #(#names),*).await,
                )
            }))
        }
    } else {
        let context = method.has_context.then(|| quote!(&mut ctx.__sync(),));
        quote! {
            ::mainspring_workflow::__private::SignalDispatch::Done(
                ::mainspring_workflow::HandlerResult::__into_result(
                    ctx.state_mut(|state| state.#ident(#context #(#names),*)),
                ),
            )
        }
    };
    quote! {
        #name => match #decode {
            ::core::result::Result::Ok(#pattern) => { #call }
            ::core::result::Result::Err(error) => {
                ::mainspring_workflow::__private::SignalDispatch::Refused(error)
            }
        },
    }
}

fn query_arm(method: &Method) -> TokenStream {
    let name = name_pattern(method);
    let (pattern, decode) = decoding(method);
    let (ident, names) = (&method.ident, argument_names(method));
    let context = method.has_context.then(|| quote!(view,));
    let call = quote!(self.#ident(#context #(#names),*));
    let answer = if method.is_fallible() {
        quote! {
            match #call {
                ::core::result::Result::Ok(answer) => answer,
                ::core::result::Result::Err(error) => {
                    return ::mainspring_workflow::__private::QueryDispatch::Failed(
                        ::mainspring_workflow::ApplicationFailure::from(error).into(),
                    );
                }
            }
        }
    } else {
        call
    };
    quote! {
        #name => match #decode {
            ::core::result::Result::Ok(#pattern) => {
                match ::mainspring_workflow::Payload::encode(&#answer) {
                    ::core::result::Result::Ok(payload) => {
                        ::mainspring_workflow::__private::QueryDispatch::Answered(payload)
                    }
                    ::core::result::Result::Err(error) => {
                        ::mainspring_workflow::__private::QueryDispatch::Refused(error)
                    }
                }
            }
            ::core::result::Result::Err(error) => {
                ::mainspring_workflow::__private::QueryDispatch::Refused(error)
            }
        },
    }
}

fn validation_arm(update: &Method, validator: Option<&Method>) -> TokenStream {
    let name = name_pattern(update);
    let (pattern, decode) = decoding(update);
    let verdict = match validator {
        None => quote! {
            let #pattern = arguments;
            ::mainspring_workflow::__private::UpdateVerdict::Unvalidated
        },
        Some(validator) => {
            let (ident, names) = (&validator.ident, argument_names(update));
            let context = validator.has_context.then(|| quote!(view,));
            quote! {
                let #pattern = arguments;
                match self.#ident(#context #(&#names),*) {
                    ::core::result::Result::Ok(()) => {
                        ::mainspring_workflow::__private::UpdateVerdict::Passed
                    }
                    ::core::result::Result::Err(error) => {
                        ::mainspring_workflow::__private::UpdateVerdict::Failed(
                            ::mainspring_workflow::ApplicationFailure::from(error).into(),
                        )
                    }
                }
            }
        }
    };
    quote! {
        #name => match #decode {
            #[allow(unused_variables)]
            ::core::result::Result::Ok(arguments) => { #verdict }
            ::core::result::Result::Err(error) => {
                ::mainspring_workflow::__private::UpdateVerdict::Refused(error)
            }
        },
    }
}

fn update_arm(method: &Method) -> TokenStream {
    let name = name_pattern(method);
    let (pattern, decode) = decoding(method);
    let (ident, names) = (&method.ident, argument_names(method));
    let into_result = |call: TokenStream| {
        if method.is_fallible() {
            quote!(::mainspring_workflow::HandlerResult::__into_result(#call)?)
        } else {
            call
        }
    };
    let encode = quote! {
        ::core::result::Result::Ok(::mainspring_workflow::Payload::encode(&answer)?)
    };
    let call = if method.is_async {
        let context = method.has_context.then(|| quote!(&mut ctx,));
        let answer = into_result(quote!(Self::#ident(#context #(#names),*).await));
        quote! {
            #[allow(unused_mut)]
            let mut ctx = ::core::clone::Clone::clone(ctx);
            ::mainspring_workflow::__private::UpdateDispatch::Task(::std::boxed::Box::pin(async move {
                let _ = &ctx;
                let answer = #answer;
                #encode
            }))
        }
    } else {
        let context = method.has_context.then(|| quote!(&mut ctx.__sync(),));
        let answer = into_result(quote!(ctx.state_mut(|state| state.#ident(#context #(#names),*))));
        quote! {
            ::mainspring_workflow::__private::UpdateDispatch::Done((|| {
                let answer = #answer;
                #encode
            })())
        }
    };
    quote! {
        #name => match #decode {
            #[allow(clippy::let_unit_value)]
            ::core::result::Result::Ok(#pattern) => { #call }
            ::core::result::Result::Err(error) => {
                ::mainspring_workflow::__private::UpdateDispatch::Refused(error)
            }
        },
    }
}
