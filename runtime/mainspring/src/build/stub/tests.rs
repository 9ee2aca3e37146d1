//! Components with imports that no server has.

use super::*;

/// A component that calls nothing of what it imports: a resource with a method, a plain
/// function that takes it, and an interface that is served.
const IMPORTS: &str = r#"(component
    (import "wasi:io/poll@0.2.0" (instance $poll
        (export "pollable" (type $p (sub resource)))
        (export "[method]pollable.ready" (func (param "self" (borrow $p)) (result bool)))))
    (alias export $poll "pollable" (type $pollable))
    (import "wasi:filesystem/types@0.2.0" (instance $files
        (alias outer 1 $pollable (type $p))
        (export "pollable" (type $q (eq $p)))
        (export "descriptor" (type $d (sub resource)))
        (type $u u8)
        (export "error-code" (type $e (eq $u)))
        (export "[method]descriptor.sync" (func (param "self" (borrow $d)) (result u32)))))
    (alias export $files "descriptor" (type $descriptor))
    (alias export $files "error-code" (type $code))
    (import "wasi:filesystem/preopens@0.2.0" (instance $preopens
        (alias outer 1 $descriptor (type $d))
        (export "descriptor" (type $e (eq $d)))
        (export "first" (func (result (own $e))))))
    (alias export $files "[method]descriptor.sync" (func $sync))
    (alias export $preopens "first" (func $first))
    (alias export $poll "[method]pollable.ready" (func $ready))
    (core func $core-sync (canon lower (func $sync)))
    (core func $core-ready (canon lower (func $ready)))
    (core func $core-first (canon lower (func $first)))
    (core func $drop (canon resource.drop $descriptor))
    (core module $code
        (import "f" "sync" (func $sync (param i32) (result i32)))
        (import "f" "first" (func (result i32)))
        (import "f" "ready" (func (param i32) (result i32)))
        (import "f" "drop" (func (param i32)))
        (func (export "run") (result i32) (call $sync (i32.const 0))))
    (core instance $imports
        (export "sync" (func $core-sync)) (export "first" (func $core-first))
        (export "ready" (func $core-ready)) (export "drop" (func $drop)))
    (core instance $main (instantiate $code (with "f" (instance $imports))))
    (alias core export $main "run" (core func $run))
    (func $lifted (result u32) (canon lift (core func $run)))
    (export "run" (func $lifted)))"#;

fn replaced(text: &str) -> (Vec<u8>, BTreeSet<String>) {
    let component = wat::parse_str(text).unwrap();
    replace(component, Path::new("a.wasm")).unwrap()
}

#[test]
fn what_no_server_has_is_replaced_and_what_one_has_stays() {
    let (component, names) = replaced(IMPORTS);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "wasi:filesystem/preopens@0.2.0",
            "wasi:filesystem/types@0.2.0"
        ]
    );
    let engine = wasmtime::Engine::default();
    let compiled = wasmtime::component::Component::new(&engine, &component).unwrap();
    let ty = compiled.component_type();
    let imports: Vec<&str> = ty.imports(&engine).map(|(name, _)| name).collect();
    assert_eq!(imports, ["wasi:io/poll@0.2.0"]);
}

#[test]
fn a_stub_that_is_called_says_what_was_called() {
    let (component, _) = replaced(IMPORTS);
    let engine = wasmtime::Engine::default();
    let compiled = wasmtime::component::Component::new(&engine, &component).unwrap();
    let mut linker = wasmtime::component::Linker::<()>::new(&engine);
    linker.define_unknown_imports_as_traps(&compiled).unwrap();
    let mut store = wasmtime::Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &compiled).unwrap();
    let run = instance
        .get_typed_func::<(), (u32,)>(&mut store, "run")
        .unwrap();
    let error = run.call(&mut store, ()).unwrap_err();
    let trace = error.downcast_ref::<wasmtime::WasmBacktrace>().unwrap();
    let innermost = trace.frames().first().unwrap();
    assert_eq!(
        innermost.module().name(),
        Some(mainspring_sandbox::STUB_MODULE)
    );
    assert_eq!(
        innermost.func_name(),
        Some(
            "the workflow called wasi:filesystem/types descriptor.sync; a workflow cannot touch \
             files; read or write them in an activity"
        )
    );
}

#[test]
fn a_component_without_such_imports_stays_byte_for_byte() {
    let text = "(component (import \"other:things/x@1.0.0\" (instance)))";
    let (component, names) = replaced(text);
    assert_eq!(component, wat::parse_str(text).unwrap());
    assert!(names.is_empty());
}
