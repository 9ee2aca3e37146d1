//! The host's side of the contract, generated from `wit/`.

#![allow(missing_docs, unreachable_pub)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "workflow",
    imports: {
        "mainspring:workflow/events.next": async | trappable,
        "mainspring:workflow/events.wait": async | trappable,
        default: trappable,
    },
    exports: { default: async },
});
