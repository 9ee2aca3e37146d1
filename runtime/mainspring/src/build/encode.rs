//! Turning a core module into a component, and reading off what it exports.

use std::path::Path;

use wit_component::{ComponentEncoder, DecodedWasm};

use super::BuildError;

/// What a component offers and asks for, by the names of its interfaces and
/// functions.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Interface {
    /// What the server calls.
    pub(crate) exports: Vec<String>,
    /// What the component calls.
    pub(crate) imports: Vec<String>,
}

/// Wraps `module` (from `path`, for errors) into a component and validates it.
pub(crate) fn component(module: &[u8], path: &Path) -> Result<(Vec<u8>, Interface), BuildError> {
    let refused = |problem: String| BuildError::Encode {
        path: path.to_owned(),
        problem,
    };
    let component = ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| refused(with_hint(&format!("{error:#}"))))?;
    let interface = interface(&component).map_err(|error| refused(format!("{error:#}")))?;
    if interface.exports.is_empty() {
        return Err(refused(
            "it exports no workflow; a workflow crate ends with the export macro of \
             mainspring-workflow"
                .to_owned(),
        ));
    }
    Ok((component, interface))
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
        let error = component(EMPTY_MODULE, Path::new("a.wasm")).unwrap_err();
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
            assert!(component(bytes, Path::new("a.wasm")).is_err());
        }
    }

    #[test]
    fn foreign_imports_come_with_a_hint() {
        assert!(with_hint("import `__wbindgen_throw`").contains("browser"));
        assert!(with_hint("import of `wasi_snapshot_preview1`").contains("WASI"));
        assert_eq!(with_hint("bad magic"), "bad magic");
    }
}
