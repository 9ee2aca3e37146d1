//! `#[workflow]`: the struct's name, description and policies as constants.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::Parser;
use syn::{ItemStruct, LitStr};

use crate::docs;

#[derive(Default)]
struct Arguments {
    name: Option<LitStr>,
    reads: Option<LitStr>,
    versioning: Option<LitStr>,
}

impl Arguments {
    fn parse(tokens: TokenStream) -> syn::Result<Self> {
        let mut arguments = Self::default();
        let parser = syn::meta::parser(|meta| {
            let field = if meta.path.is_ident("name") {
                &mut arguments.name
            } else if meta.path.is_ident("reads") {
                &mut arguments.reads
            } else if meta.path.is_ident("versioning") {
                &mut arguments.versioning
            } else {
                return Err(meta.error("#[workflow] knows `name`, `reads` and `versioning`"));
            };
            *field = Some(meta.value()?.parse()?);
            Ok(())
        });
        parser.parse2(tokens)?;
        Ok(arguments)
    }
}

pub(crate) fn expand(attribute: TokenStream, item: &ItemStruct) -> syn::Result<TokenStream> {
    let arguments = Arguments::parse(attribute)?;
    if !item.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(
            &item.generics,
            "a workflow cannot be generic",
        ));
    }
    let versioning = choose(
        arguments.versioning.as_ref(),
        &[
            ("pinned", quote!(Pinned)),
            ("auto-upgrade", quote!(AutoUpgrade)),
            ("upgrade-on-continue-as-new", quote!(UpgradeOnContinueAsNew)),
        ],
    )?;
    let reads = choose(
        arguments.reads.as_ref(),
        &[("rebuild", quote!(Rebuild)), ("trust", quote!(Trust))],
    )?;
    let ident = &item.ident;
    let name = arguments
        .name
        .map_or_else(|| ident.to_string(), |name| name.value());
    let description = docs::description(&item.attrs);
    Ok(quote! {
        #item

        impl ::mainspring_workflow::WorkflowDeclaration for #ident {
            const TYPE_NAME: &'static str = #name;
            const DESCRIPTION: &'static str = #description;
            const VERSIONING: ::mainspring_workflow::VersioningPolicy =
                ::mainspring_workflow::VersioningPolicy::#versioning;
            const READS: ::mainspring_workflow::ReadsPolicy =
                ::mainspring_workflow::ReadsPolicy::#reads;
        }
    })
}

/// The choice that the text names; the first without a text.
fn choose(text: Option<&LitStr>, choices: &[(&str, TokenStream)]) -> syn::Result<TokenStream> {
    let Some(text) = text else {
        return Ok(choices
            .first()
            .map(|(_, tokens)| tokens.clone())
            .unwrap_or_default());
    };
    let value = text.value();
    match choices.iter().find(|(name, _)| *name == value) {
        Some((_, tokens)) => Ok(tokens.clone()),
        None => {
            let names: Vec<_> = choices
                .iter()
                .map(|(name, _)| format!("{name:?}"))
                .collect();
            Err(syn::Error::new_spanned(
                text,
                format!("expected one of {}", names.join(", ")),
            ))
        }
    }
}
