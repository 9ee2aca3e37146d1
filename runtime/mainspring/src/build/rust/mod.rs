//! Building a crate: find a Rust that can build WebAssembly (`toolchain`), let Cargo
//! build the crate's `cdylib` (`cargo`) without this machine's paths in it (`remap`).

mod cargo;
mod remap;
mod toolchain;

use super::BuildError;
use super::job::{Artifact, Code, Job};
use super::language::Language;
use super::tool::Tool;

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
    let module = std::fs::read(&path).map_err(BuildError::file("read", &path))?;
    Ok(Artifact {
        code: Code::Module {
            module,
            adapters: Vec::new(),
        },
        out_file: path.with_extension("component.wasm"),
    })
}
