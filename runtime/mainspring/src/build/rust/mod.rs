//! Building a crate: find a Rust that can build WebAssembly (`toolchain`), let Cargo
//! build the crate's `cdylib` (`cargo`) without this machine's paths in it (`remap`).

mod cargo;
mod remap;
mod toolchain;

use super::BuildError;
use super::job::{Artifact, Code, Job};
use super::language::Language;
use super::snapshot;
use super::tool::Tool;

/// The export with which the SDK prepares a module for its runs. Crates without the SDK
/// have none.
const PREPARE: &str = "mainspring_prepare";

/// What runs the rest.
pub(crate) const CARGO: Tool = Tool {
    program: "cargo",
    purpose: "builds Rust crates",
    get: "install Rust with rustup (https://rustup.rs), or with your system's packages",
};

/// Builds the project. The component lies beside Cargo's own artifact.
pub(crate) fn build(job: &Job<'_>) -> Result<Artifact, BuildError> {
    job.no_workflows_flag(Language::Rust)?;
    let package = cargo::find_package(&job.folder)?.map_err(|problem| job.problem(problem))?;
    let toolchain = toolchain::find(&package.folder)?;
    let remap = remap::find(&package.folder)?;
    let path = cargo::build(&package, &toolchain, &remap)?;
    let mut module = std::fs::read(&path).map_err(BuildError::file("read", &path))?;
    if snapshot::has_export(&module, PREPARE) {
        module = snapshot::take(&module, Some(PREPARE), &path)?;
    }
    Ok(Artifact {
        code: Code::Module {
            module,
            adapters: Vec::new(),
        },
        out_file: path.with_extension("component.wasm"),
    })
}
