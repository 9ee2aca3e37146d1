//! Pre-initialisation: what a module does at its start is done once, when it is built,
//! and every run begins with the memory that it leaves behind.
//!
//! The start runs under a host of its own (`preview1`) where nothing differs from one
//! build to the next: no arguments, an environment of one variable, a clock that stands
//! still, a fixed stream of random bytes. So the same module gives the same snapshot. A
//! call of the contract fails there: nothing that is made at build time can belong to
//! a run.

mod preview1;
mod segments;

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use wasmparser::{Parser, Payload};
use wasmtime::{Config, Engine, Instance, Linker, Module, Store, Val};
use wasmtime_wizer::{InstanceState, SnapshotVal, ValType, Wizer};

use self::preview1::World;
use super::BuildError;
use crate::output;

/// What every reactor of WASI's first preview exports.
const INITIALIZE: &str = "_initialize";
/// How long a start may take.
const LONGEST: Duration = Duration::from_secs(60);
/// The stack that a start may use: as much as compilers give their programs.
const STACK_BYTES: usize = 8 * 1024 * 1024;

/// Whether the module exports something of this name; not, if it is no module.
pub(crate) fn has_export(module: &[u8], name: &str) -> bool {
    let mut payloads = Parser::new(0).parse_all(module);
    let exports = payloads.find_map(|payload| match payload {
        Ok(Payload::ExportSection(exports)) => Some(exports),
        _ => None,
    });
    let mut exports = exports.into_iter().flatten().flatten();
    exports.any(|export| export.name == name)
}

/// Runs `_initialize` of the core module (from `path`, for errors), and after it the export
/// `then` if there is one, and gives the module as it is then, without these two exports.
/// What the code prints is shown as notes.
pub(crate) fn take(module: &[u8], then: Option<&str>, path: &Path) -> Result<Vec<u8>, BuildError> {
    let refused = |problem: String| BuildError::Encode {
        path: path.to_owned(),
        problem: format!("it cannot be prepared for its runs: {problem}"),
    };
    // Some compilers write more segments than a module may have after the snapshot.
    let module = segments::join(module).map_err(|error| refused(error.to_string()))?;
    let mut wizer = Wizer::new();
    wizer.init_func(then.unwrap_or(INITIALIZE));
    let (context, instrumented) = wizer
        .instrument(&module)
        .map_err(|error| refused(format!("{error:#}")))?;
    let (mut store, instance) = start(&instrumented, then).map_err(refused)?;
    let state = &mut State {
        store: &mut store,
        instance,
    };
    let snapshot = futures::executor::block_on(wizer.snapshot(&context, state))
        .map_err(|error| refused(format!("{error:#}")))?;
    segments::join(&snapshot).map_err(|error| refused(error.to_string()))
}

/// Runs the start.
fn start(module: &[u8], then: Option<&str>) -> Result<(Store<World>, Instance), String> {
    let text = |error: wasmtime::Error| format!("{error:#}");
    let mut config = Config::new();
    config
        .max_wasm_stack(STACK_BYTES)
        .async_stack_size(2 * STACK_BYTES)
        .epoch_interruption(true)
        // As in the sandbox: what is computed here must not depend on the machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true);
    let engine = Engine::new(&config).map_err(text)?;
    let module = Module::new(&engine, module).map_err(text)?;
    let mut linker = Linker::new(&engine);
    preview1::add_to_linker(&mut linker).map_err(text)?;
    preview1::refuse_the_rest(&mut linker, &module).map_err(text)?;
    let mut store = Store::new(&engine, World::default());
    store.set_epoch_deadline(1);
    let watch = Watch::begin(engine);
    let run = |store: &mut Store<World>| -> wasmtime::Result<Instance> {
        let instance = linker.instantiate(&mut *store, &module)?;
        for name in [Some(INITIALIZE), then].into_iter().flatten() {
            if let Some(function) = instance.get_func(&mut *store, name) {
                function.typed::<(), ()>(&*store)?.call(&mut *store, ())?;
            } else if Some(name) == then {
                wasmtime::bail!("it has no export {name}");
            }
        }
        Ok(instance)
    };
    let done = run(&mut store);
    drop(watch);
    let said = store.data_mut().take_output();
    match done {
        Ok(instance) => {
            if !said.is_empty() {
                output::note(said.trim_end());
            }
            Ok((store, instance))
        }
        Err(error) => Err(explain(&error, said.trim_end())),
    }
}

/// A start that failed, in words: what it printed says more than the trap.
fn explain(error: &wasmtime::Error, said: &str) -> String {
    let cause = match error.downcast_ref::<wasmtime::Trap>() {
        Some(wasmtime::Trap::Interrupt) => {
            format!("its start takes longer than {LONGEST:?}")
        }
        _ => format!("{error:?}"),
    };
    if said.is_empty() {
        cause
    } else {
        format!("{said}\n{cause}")
    }
}

/// Interrupts the code when its time is up.
struct Watch {
    done: Option<mpsc::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Watch {
    fn begin(engine: Engine) -> Self {
        let (done, waiting) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let ended = waiting.recv_timeout(LONGEST);
            if ended == Err(mpsc::RecvTimeoutError::Timeout) {
                engine.increment_epoch();
            }
        });
        Self {
            done: Some(done),
            thread: Some(thread),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(thread) = self.thread.take() {
            // It only waits, and cannot fail.
            let _ = thread.join();
        }
    }
}

/// Where the snapshot is taken from.
struct State<'a> {
    store: &'a mut Store<World>,
    instance: Instance,
}

impl InstanceState for State<'_> {
    async fn global_get(&mut self, name: &str, _: ValType) -> SnapshotVal {
        let global = self
            .instance
            .get_global(&mut *self.store, name)
            .expect("the instrumented module exports it");
        match global.get(&mut *self.store) {
            Val::I32(value) => SnapshotVal::I32(value),
            Val::I64(value) => SnapshotVal::I64(value),
            Val::F32(value) => SnapshotVal::F32(value),
            Val::F64(value) => SnapshotVal::F64(value),
            Val::V128(value) => SnapshotVal::V128(value.as_u128()),
            other => unreachable!("a module with a global {other:?} is refused before"),
        }
    }

    async fn memory_contents(&mut self, name: &str, contents: impl FnOnce(&[u8]) + Send) {
        let memory = self
            .instance
            .get_memory(&mut *self.store, name)
            .expect("the instrumented module exports it");
        contents(memory.data(&*self.store));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module that prepares one number: `_initialize` adds 40 to it, `main` 2, `get`
    /// reads it.
    const COUNTS: &str = r#"(module
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (global $count (mut i32) (i32.const 0))
        (data (i32.const 8) "before")
        (func (export "_initialize")
            (global.set $count (i32.add (global.get $count) (i32.const 40)))
            (drop (call $random (i32.const 64) (i32.const 8))))
        (func (export "main")
            (global.set $count (i32.add (global.get $count) (i32.const 2))))
        (func (export "get") (result i32) (global.get $count))
        (func (export "byte") (param i32) (result i32) (i32.load8_u (local.get 0))))"#;

    fn path() -> &'static Path {
        Path::new("a.wasm")
    }

    fn call(module: &[u8], name: &str, arguments: &[Val]) -> i32 {
        let engine = Engine::default();
        let module = Module::new(&engine, module).unwrap();
        let mut linker: Linker<World> = Linker::new(&engine);
        preview1::add_to_linker(&mut linker).unwrap();
        let mut store = Store::new(&engine, World::default());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        for gone in [INITIALIZE, "main"] {
            assert!(instance.get_func(&mut store, gone).is_none(), "{gone}");
        }
        let function = instance.get_func(&mut store, name).unwrap();
        let mut results = [Val::I32(0)];
        function.call(&mut store, arguments, &mut results).unwrap();
        results[0].unwrap_i32()
    }

    #[test]
    fn a_run_begins_where_the_start_ended() {
        let module = wat::parse_str(COUNTS).unwrap();
        let snapshot = take(&module, Some("main"), path()).unwrap();
        assert_eq!(call(&snapshot, "get", &[]), 42);
        assert_eq!(call(&snapshot, "byte", &[Val::I32(8)]), i32::from(b'b'));
        assert_ne!(
            (0..8)
                .map(|at| call(&snapshot, "byte", &[Val::I32(64 + at)]))
                .sum::<i32>(),
            0,
            "the start has drawn random bytes"
        );
    }

    #[test]
    fn the_same_module_gives_the_same_snapshot() {
        let module = wat::parse_str(COUNTS).unwrap();
        let once = take(&module, Some("main"), path()).unwrap();
        assert_eq!(once, take(&module, Some("main"), path()).unwrap());
    }

    #[test]
    fn a_start_that_asks_for_a_run_is_refused_by_the_name_of_its_call() {
        let module = wat::parse_str(
            r#"(module
                (import "mainspring:workflow/clock@1.0.0" "now" (func $now (result i64)))
                (memory (export "memory") 1)
                (func (export "_initialize") (drop (call $now))))"#,
        )
        .unwrap();
        let error = take(&module, None, path()).unwrap_err().to_string();
        assert!(
            error.contains("mainspring:workflow/clock@1.0.0 now"),
            "{error}"
        );
        assert!(error.contains("belongs to a run"), "{error}");
    }

    #[test]
    fn what_a_start_printed_before_it_failed_is_shown() {
        let module = wat::parse_str(
            r#"(module
                (import "wasi_snapshot_preview1" "fd_write"
                    (func $write (param i32 i32 i32 i32) (result i32)))
                (memory (export "memory") 1)
                (data (i32.const 0) "\08\00\00\00\07\00\00\00no key!")
                (func (export "_initialize")
                    (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 64)))
                    unreachable))"#,
        )
        .unwrap();
        let error = take(&module, None, path()).unwrap_err().to_string();
        assert!(error.contains("no key!"), "{error}");
    }

    #[test]
    fn exports_are_found_by_name() {
        let module = wat::parse_str(COUNTS).unwrap();
        assert!(has_export(&module, "main"));
        assert!(!has_export(&module, "mai"));
        assert!(!has_export(b"no module", "main"));
    }

    #[test]
    fn an_export_that_is_not_there_is_named() {
        let module = wat::parse_str(COUNTS).unwrap();
        let error = take(&module, Some("prepare"), path())
            .unwrap_err()
            .to_string();
        assert!(error.contains("prepare"), "{error}");
    }
}
