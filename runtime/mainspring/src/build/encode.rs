//! Turning a core module into a component, and reading off what a component has.

use std::path::Path;

use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding};
use wit_parser::{Resolve, UnresolvedPackageGroup, WorldId};

use super::BuildError;
use super::embedded::WIT;
use super::job::Adapter;

/// The world of every workflow, in the contract's package.
const WORLD: &str = "workflow";

/// What a component offers and asks for, by the names of its interfaces and
/// functions.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Interface {
    /// What the server calls.
    pub(crate) exports: Vec<String>,
    /// What the component calls.
    pub(crate) imports: Vec<String>,
}

/// Adds to a module that it has the contract's world: for languages whose compilers
/// know nothing of components. The module's imports and exports have the names of the
/// component model (`mainspring:workflow/timers@1.0.0` `start-timer`, `run`,
/// `cabi_post_run`, `cabi_realloc` …).
pub(crate) fn embed(module: &mut Vec<u8>, path: &Path) -> Result<(), BuildError> {
    let (resolve, world) = contract();
    embed_world(module, &resolve, world, path)
}

/// The same for an adapter, whose world is written in `wit` (one package that may use the
/// contract's interfaces) under the name `world`.
pub(crate) fn embed_adapter(
    module: &mut Vec<u8>,
    wit: &str,
    world: &str,
    path: &Path,
) -> Result<(), BuildError> {
    let refused = |error: &dyn std::fmt::Display| BuildError::Encode {
        path: path.to_owned(),
        problem: format!("its world cannot be read: {error:#}"),
    };
    let (mut resolve, _) = contract();
    let package = resolve
        .push_source("adapter.wit", wit)
        .map_err(|error| refused(&error))?;
    let world = resolve
        .select_world(&[package], Some(world))
        .map_err(|error| refused(&error))?;
    embed_world(module, &resolve, world, path)
}

fn embed_world(
    module: &mut Vec<u8>,
    resolve: &Resolve,
    world: WorldId,
    path: &Path,
) -> Result<(), BuildError> {
    wit_component::embed_component_metadata(module, resolve, world, StringEncoding::UTF8).map_err(
        |error| BuildError::Encode {
            path: path.to_owned(),
            problem: format!("{error:#}"),
        },
    )
}

/// The contract as this binary carries it.
fn contract() -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    let mut files = wit_parser::SourceMap::new();
    for (name, bytes) in WIT.files() {
        files.push_str(name, String::from_utf8_lossy(bytes));
    }
    let group: UnresolvedPackageGroup = files
        .parse()
        .map_err(|(_, error)| error)
        .expect("the contract was parsed when this program was built");
    let package = resolve
        .push_group(group)
        .expect("the contract stands for itself");
    let world = resolve
        .select_world(&[package], Some(WORLD))
        .expect("the contract has this world");
    (resolve, world)
}

/// Wraps `module` (from `path`, for errors) into a component and validates it.
pub(crate) fn component(
    module: &[u8],
    adapters: &[Adapter],
    path: &Path,
) -> Result<Vec<u8>, BuildError> {
    let refused = |problem: String| BuildError::Encode {
        path: path.to_owned(),
        problem,
    };
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| {
            for adapter in adapters {
                encoder = encoder.adapter(&adapter.name, &adapter.module)?;
            }
            encoder.encode()
        })
        .map_err(|error| refused(with_hint(&format!("{error:#}"))))
}

/// What a component (from `path`) offers and asks for. Without exports it is no workflow.
pub(crate) fn interface_of(component: &[u8], path: &Path) -> Result<Interface, BuildError> {
    let refused = |problem: String| BuildError::Encode {
        path: path.to_owned(),
        problem,
    };
    let interface = interface(component).map_err(refused)?;
    if interface.exports.is_empty() {
        return Err(refused(
            "it exports no workflow; a workflow crate ends with the export macro of \
             mainspring-workflow"
                .to_owned(),
        ));
    }
    Ok(interface)
}

fn interface(component: &[u8]) -> Result<Interface, String> {
    let decoded = wit_component::decode(component).map_err(|error| format!("{error:#}"))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err("the encoder wrote no component".to_owned());
    };
    let world = &resolve.worlds[world];
    let exports = world.exports.keys();
    let imports = world.imports.keys();
    let imports = imports.map(|key| resolve.name_world_key(key));
    Ok(Interface {
        exports: exports.map(|key| resolve.name_world_key(key)).collect(),
        // What has no package is a type that the world names for short.
        imports: imports.filter(|name| name.contains(':')).collect(),
    })
}

/// The imports that people meet first, with what to do about them.
fn with_hint(problem: &str) -> String {
    let hint = if problem.contains("__wbindgen") || problem.contains("wasm_bindgen") {
        "a dependency expects a browser (wasm-bindgen): switch off its web or js features"
    } else if problem.contains("wasi_snapshot") {
        "it was built for WASI: workflows have no files, sockets or environment"
    } else if problem.contains("import") {
        "a workflow can import nothing but mainspring:workflow: what touches the world is an \
         activity"
    } else {
        return problem.to_owned();
    };
    format!("{problem}; {hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest module: the magic number and the version.
    const EMPTY_MODULE: &[u8] = b"\0asm\x01\0\0\0";

    #[test]
    fn a_module_without_a_workflow_is_refused() {
        let path = Path::new("a.wasm");
        let empty = component(EMPTY_MODULE, &[], path).unwrap();
        let error = interface_of(&empty, path).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("a.wasm does not make a component"),
            "{text}"
        );
        assert!(text.contains("exports no workflow"), "{text}");
    }

    #[test]
    fn bytes_that_are_no_module_are_refused() {
        for bytes in [&b""[..], b"\0asm", b"hello", &[0xff; 64]] {
            assert!(component(bytes, &[], Path::new("a.wasm")).is_err());
        }
    }

    #[test]
    fn a_module_can_be_told_that_it_has_the_contracts_world() {
        let mut module = EMPTY_MODULE.to_vec();
        embed(&mut module, Path::new("a.wasm")).unwrap();
        let error = component(&module, &[], Path::new("a.wasm")).unwrap_err();
        assert!(error.to_string().contains("export of function"), "{error}");
    }

    #[test]
    fn an_adapter_may_use_the_contracts_interfaces() {
        let wit = "package a:b; world shim { import mainspring:workflow/clock@1.0.0; }";
        let mut module = EMPTY_MODULE.to_vec();
        embed_adapter(&mut module, wit, "shim", Path::new("a.wasm")).unwrap();
        assert!(module.len() > EMPTY_MODULE.len());
        let error = embed_adapter(&mut module, wit, "other", Path::new("a.wasm")).unwrap_err();
        assert!(error.to_string().contains("its world"), "{error}");
    }

    #[test]
    fn foreign_imports_come_with_a_hint() {
        assert!(with_hint("import `__wbindgen_throw`").contains("browser"));
        assert!(with_hint("import of `wasi_snapshot_preview1`").contains("WASI"));
        assert_eq!(with_hint("bad magic"), "bad magic");
    }
}
