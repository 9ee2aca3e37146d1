//! The contract in Rust types, generated from the WIT package.
//!
//! Everything below is generated: the records that cross the boundary, one
//! function per import, the `Guest` trait of the exports and the macro that
//! makes them symbols. The types exist on every target, so the test host speaks
//! the same records; the imported functions exist on wasm32 alone and are called
//! only from [`crate::host`]. An import that nothing calls is dropped by the
//! linker, and the component then does not import it.

wit_bindgen::generate!({
    path: "../../wit",
    world: "workflow",
    pub_export_macro: true,
    export_macro_name: "export_component",
    runtime_path: "::mainspring_workflow::__private::wit_bindgen::rt",
    default_bindings_module: "::mainspring_workflow::__private::bindings",
    bitflags_path: "::mainspring_workflow::__private::wit_bindgen::rt::bitflags",
    additional_derives: [PartialEq],
});
