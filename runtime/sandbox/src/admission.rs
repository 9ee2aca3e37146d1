//! What a component must be to be let in. Each refusal says what was wrong and
//! what to do instead.

use std::collections::BTreeSet;
use std::time::Duration;

use mainspring_engine::limits::Limits;
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;

use crate::description::{ComponentDescription, WorkflowDescription};
use crate::host::wasi::SERVED_WASI;
use crate::host::{SERVED, SERVED_LOGGING};

/// Our package and the version that this server serves.
const PACKAGE: &str = "mainspring:workflow/";
const VERSION: &str = "@1.0.0";
/// The releases of WASI whose interfaces are those that are served.
const WASI_VERSIONS: &str = "0.2.";

/// Why a file was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Over the size limit.
    #[error(
        "the file is {size} bytes; a component may have {limit} (limit component-bytes): \
         build it in release mode and strip it"
    )]
    TooLarge {
        /// Its size, in bytes.
        size: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// Not WebAssembly at all.
    #[error("the file is not WebAssembly; upload what `mainspring component build` writes")]
    NotWasm,
    /// A module, not a component.
    #[error(
        "the file is a core WebAssembly module, not a component; \
         `mainspring component build DIR` makes a component of it"
    )]
    CoreModule,
    /// Damaged or using what this server does not run.
    #[error("the file is not a valid component: {0}")]
    Invalid(String),
    /// It wants something that no history stands behind.
    #[error("the component imports what a workflow cannot have: {}", .0.join("; "))]
    Imports(Vec<String>),
    /// It lacks an export, or has it with another type.
    #[error(
        "the component does not export `describe`, `run` and `answer-queries` as the \
         package mainspring:workflow@1.0.0 has them: {0}"
    )]
    Exports(String),
    /// Its `describe` failed.
    #[error("the component's `describe` failed: {0}")]
    DescribeFailed(String),
    /// Its `describe` says something that cannot be.
    #[error("the component's `describe` is wrong: {0}")]
    DescribeLies(String),
    /// Compiling it took too long.
    #[error(
        "compiling the component takes longer than {limit:?} (limit compile-time); \
         make it smaller"
    )]
    CompileTime {
        /// The limit.
        limit: Duration,
    },
    /// Another compilation takes its time.
    #[error("other components are still being compiled; try again later")]
    Busy,
    /// The sandbox itself could not do it.
    #[error("the component could not be checked: {0}")]
    Unable(String),
}

impl Refusal {
    /// Whether a limit was reached, as opposed to a wrong file.
    pub fn is_limit(&self) -> bool {
        matches!(
            self,
            Refusal::TooLarge { .. }
                | Refusal::CompileTime { .. }
                | Refusal::Busy
                | Refusal::Unable(_)
        )
    }
}

/// What can be told from size and first bytes.
pub(crate) fn check_bytes(bytes: &[u8], limit: usize) -> Result<(), Refusal> {
    if bytes.len() > limit {
        return Err(Refusal::TooLarge {
            size: bytes.len(),
            limit,
        });
    }
    match bytes {
        [0, b'a', b's', b'm', 0x0D, 0, 1, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(Refusal::CoreModule),
        [0, b'a', b's', b'm', ..] => Err(Refusal::Invalid(
            "its WebAssembly version is unknown".to_owned(),
        )),
        _ => Err(Refusal::NotWasm),
    }
}

/// Every import must be of our package or of the part of WASI that is served.
pub(crate) fn check_imports(
    engine: &Engine,
    component: &wasmtime::component::Component,
) -> Result<(), Refusal> {
    let mut refused = Vec::new();
    for (name, import) in component.component_type().imports(engine) {
        let functions: Vec<String> = match &import.ty {
            ComponentItem::ComponentInstance(instance) => instance
                .exports(engine)
                .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)))
                .map(|(function, _)| function.to_owned())
                .collect(),
            _ => Vec::new(),
        };
        if !is_served(name) && !is_types_only(name, &functions) {
            refused.push(describe_import(name, &functions));
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    Err(Refusal::Imports(refused))
}

/// A file that the compiler does not take.
pub(crate) fn not_compiled(error: &wasmtime::Error, limits: &Limits) -> Refusal {
    let said = format!("{error:#}");
    if said.contains("memory has a minimum byte size") {
        return Refusal::Invalid(format!(
            "it begins with more memory than the {} bytes that a run may have \
             (limit run-memory-bytes)",
            limits.run_memory_bytes
        ));
    }
    Refusal::Invalid(said)
}

/// An interface of ours with a function that it does not have, or has otherwise.
pub(crate) fn unknown_function(error: &wasmtime::Error) -> Refusal {
    let said = format!("{error:#}");
    let advice = if said.contains("wasi:") {
        "a later release of WASI has it, and no history stands behind it; do without it"
    } else {
        "version 1.0.0 of the contract has no such function; build with a matching SDK"
    };
    Refusal::Imports(vec![format!("{said}: {advice}")])
}

fn own_interface(name: &str) -> Option<&str> {
    name.strip_prefix(PACKAGE)?.strip_suffix(VERSION)
}

/// Whether an import is there when the component runs. The builder asks too.
pub fn is_served(name: &str) -> bool {
    own_interface(name).is_some_and(serves) || is_served_wasi(name)
}

/// Whether this server stands behind an interface of the contract, named without its
/// package. Builders leave the others out of what a component imports.
pub fn serves(interface: &str) -> bool {
    SERVED.contains(&interface) || interface == SERVED_LOGGING
}

fn is_served_wasi(name: &str) -> bool {
    let Some((interface, version)) = name.split_once('@') else {
        return false;
    };
    version.starts_with(WASI_VERSIONS) && SERVED_WASI.contains(&interface)
}

/// An interface of ours that is imported for its types alone asks for nothing.
fn is_types_only(name: &str, functions: &[String]) -> bool {
    own_interface(name).is_some() && functions.is_empty()
}

fn describe_import(name: &str, functions: &[String]) -> String {
    let what = if functions.is_empty() {
        name.to_owned()
    } else {
        format!("{name} ({})", functions.join(", "))
    };
    format!("{what}: {}", advice(name))
}

/// An interface that is served, of another release.
fn is_served_wasi_elsewhere(name: &str) -> bool {
    let interface = name.split('@').next().unwrap_or(name);
    SERVED_WASI.contains(&interface)
}

/// What to do instead, by family.
pub fn advice(name: &str) -> &'static str {
    let is = |prefix: &str| name.starts_with(prefix);
    if own_interface(name).is_some() {
        "this server does not serve it yet; do without it, or upgrade the server"
    } else if is("mainspring:workflow/") {
        "this server speaks version 1.0.0 of the contract; build with a matching SDK"
    } else if is("wasi:sockets") || is("wasi:http") {
        "a workflow cannot use the network; make the call in an activity"
    } else if is("wasi:filesystem") {
        "a workflow cannot touch files; read or write them in an activity"
    } else if is("wasi:") && is_served_wasi_elsewhere(name) {
        "this server serves WASI 0.2; build for that release"
    } else if name.contains("thread") {
        "a workflow runs on one thread; use its futures instead"
    } else {
        "nothing in a history stands behind it; do it in an activity"
    }
}

/// What `describe` says must be usable.
pub(crate) fn check_description(
    description: &ComponentDescription,
    limits: &Limits,
) -> Result<(), Refusal> {
    check_extent(description, limits).map_err(Refusal::DescribeLies)?;
    let mut seen = BTreeSet::new();
    for workflow in &description.workflows {
        if !seen.insert(&workflow.workflow_type) {
            return Err(Refusal::DescribeLies(
                match workflow.workflow_type.as_str() {
                    "" => "it has two catch-all workflows".to_owned(),
                    name => format!("it names workflow type {name} twice"),
                },
            ));
        }
        check_workflow(workflow, limits).map_err(Refusal::DescribeLies)?;
    }
    Ok(())
}

fn check_extent(description: &ComponentDescription, limits: &Limits) -> Result<(), String> {
    let (types, most) = (description.workflows.len(), limits.component_types);
    if types == 0 {
        return Err("it names no workflow type".to_owned());
    }
    if types > most {
        return Err(format!(
            "it names {types} workflow types; {most} are allowed (limit component-types): \
             split it into several components"
        ));
    }
    let (bytes, most) = (description.encode().len(), limits.description_bytes);
    if bytes > most {
        return Err(format!(
            "it says {bytes} bytes; {most} are allowed (limit description-bytes): \
             shorten descriptions and schemas"
        ));
    }
    Ok(())
}

fn check_workflow(workflow: &WorkflowDescription, limits: &Limits) -> Result<(), String> {
    let name = &workflow.workflow_type;
    // The empty name is the catch-all: of types here, of messages below (WF-17).
    if !name.is_empty() {
        check_name("a workflow type", name, limits)?;
    }
    check_schemas(name, [&workflow.input_schema, &workflow.output_schema])?;
    for (kind, handlers) in [
        ("signal", &workflow.signals),
        ("query", &workflow.queries),
        ("update", &workflow.updates),
    ] {
        let mut seen = BTreeSet::new();
        for handler in handlers {
            if !handler.name.is_empty() {
                check_name(&format!("a {kind} of {name}"), &handler.name, limits)?;
            }
            if !seen.insert(&handler.name) {
                return Err(format!("{name} names {kind} {:?} twice", handler.name));
            }
            check_schemas(
                &format!("{kind} {} of {name}", handler.name),
                [&handler.input_schema, &handler.output_schema],
            )?;
        }
    }
    Ok(())
}

fn check_name(what: &str, name: &str, limits: &Limits) -> Result<(), String> {
    let most = limits.id_bytes;
    if name.len() > most {
        return Err(format!(
            "the name of {what} is {} bytes long; {most} are allowed (limit id-bytes)",
            name.len()
        ));
    }
    if name.contains('\0') {
        return Err(format!("the name of {what} has a NUL character: {name:?}"));
    }
    Ok(())
}

/// A schema is a JSON object or a JSON boolean; an empty text is no schema.
fn check_schemas(whose: &str, schemas: [&String; 2]) -> Result<(), String> {
    for schema in schemas.into_iter().filter(|schema| !schema.is_empty()) {
        match serde_json::from_str(schema) {
            Ok(serde_json::Value::Object(_) | serde_json::Value::Bool(_)) => {}
            Ok(_) => return Err(format!("a schema of {whose} is no JSON object")),
            Err(error) => return Err(format!("a schema of {whose} is no JSON: {error}")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_first_bytes() {
        assert_eq!(check_bytes(b"PK\x03\x04", 100), Err(Refusal::NotWasm));
        assert_eq!(check_bytes(b"", 100), Err(Refusal::NotWasm));
        assert_eq!(
            check_bytes(b"\0asm\x01\0\0\0", 100),
            Err(Refusal::CoreModule)
        );
        assert_eq!(check_bytes(b"\0asm\x0d\0\x01\0", 100), Ok(()));
        assert!(matches!(
            check_bytes(&[0; 101], 100),
            Err(Refusal::TooLarge {
                size: 101,
                limit: 100
            })
        ));
    }

    #[test]
    fn a_refused_import_says_what_to_do_instead() {
        let said = describe_import("wasi:sockets/tcp@0.2.0", &["connect".to_owned()]);
        assert!(
            said.contains("connect") && said.contains("activity"),
            "{said}"
        );
        assert!(advice("mainspring:workflow/nexus@1.0.0").contains("not serve it yet"));
        assert!(advice("mainspring:workflow/timers@2.0.0").contains("version 1.0.0"));
        assert!(is_served("mainspring:workflow/timers@1.0.0"));
        assert!(!is_served("mainspring:workflow/nexus@1.0.0"));
    }
}
