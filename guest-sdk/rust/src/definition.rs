//! What a workflow names with its types, because others implement it: activities and
//! child workflows. Both are declared alike.

/// Defines the trait of such things and the type that declares one by its name. The
/// words for people come in this order: about the trait, about the name of a thing,
/// about the type, about making one.
macro_rules! definition {
    (
        $(#[$about_trait:meta])* trait $trait:ident;
        $(#[$about_name:meta])* fn name;
        $(#[$about_type:meta])* struct $type:ident;
        $(#[$about_new:meta])* fn new;
    ) => {
        $(#[$about_trait])*
        pub trait $trait {
            /// The arguments; [`Args`](crate::Args) if there are several, `()` if none.
            type Input: $crate::payload::IntoPayloads;
            /// The result; `()` accepts any.
            type Output: $crate::payload::FromPayloads;

            $(#[$about_name])*
            fn name(&self) -> &str;
        }

        $(#[$about_type])*
        pub struct $type<I, O> {
            name: &'static str,
            types: std::marker::PhantomData<fn(I) -> O>,
        }

        impl<I, O> $type<I, O> {
            $(#[$about_new])*
            pub const fn new(name: &'static str) -> Self {
                Self {
                    name,
                    types: std::marker::PhantomData,
                }
            }
        }

        impl<I, O> Clone for $type<I, O> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<I, O> Copy for $type<I, O> {}

        impl<I, O> $trait for $type<I, O>
        where
            I: $crate::payload::IntoPayloads,
            O: $crate::payload::FromPayloads,
        {
            type Input = I;
            type Output = O;

            fn name(&self) -> &str {
                self.name
            }
        }
    };
}

pub(crate) use definition;
