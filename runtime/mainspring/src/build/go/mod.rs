//! Building a worker program in Go.
//!
//! The program is compiled as it stands, a second time, for WebAssembly: its `main`
//! runs at build time (`start`), and what its workers have registered is what the
//! component exports. Under it is the official SDK, whose environment for workflows is
//! ours: `overlay` adds the files of `guest-sdk/go` to the SDK's package and changes a
//! few lines, in the eyes of the compiler alone. `toolchain` asks Go for what it knows
//! of the project.

mod overlay;
mod toolchain;

use std::path::Path;

use super::BuildError;
use super::embedded::SDK_GO;
use super::encode;
use super::job::{Adapter, Artifact, Code, Job};
use super::language::Language;
use super::snapshot;

/// What stands for the operating system that Go expects.
const SYSTEM: &str = "wasi_snapshot_preview1";
/// The module's export that runs the program's `main` until its workers are started.
const START: &str = "mainspring-start";
/// The shim's world, which imports what it asks of the contract.
const SHIM_WORLD: &str = "package mainspring:go-shim;
world shim {
    import mainspring:workflow/random@1.0.0;
    import mainspring:workflow/logging@1.0.0;
}";

/// Builds the project.
pub(crate) fn build(job: &Job<'_>) -> Result<Artifact, BuildError> {
    job.no_workflows_flag(Language::Go)?;
    let project = toolchain::find(job)?;
    // Made first: links beside it are not for version control either.
    let out_file = job.default_out_file(&job.name())?;
    let sdk = job.cache.unpacked("go-sdk", &SDK_GO)?;
    let work = job.cache.work(&job.folder)?;
    let overlay = overlay::write(&project, &sdk.join("overlay"), &work.path)?;
    let core = work.path.join("core.wasm");
    toolchain::compile(&project, &overlay, &core)?;
    let module = std::fs::read(&core).map_err(BuildError::file("read", &core))?;
    let mut module = snapshot::take(&module, Some(START), &job.folder)?;
    encode::embed(&mut module, &core)?;
    let shim = shim(&sdk.join("shim").join("shim.wat"))?;
    Ok(Artifact {
        code: Code::Module {
            module,
            adapters: vec![Adapter {
                name: SYSTEM.to_owned(),
                module: shim,
            }],
        },
        out_file,
    })
}

/// Assembles the shim.
fn shim(path: &Path) -> Result<Vec<u8>, BuildError> {
    let mut module = wat::parse_file(path).map_err(|error| BuildError::Encode {
        path: path.to_owned(),
        problem: error.to_string(),
    })?;
    encode::embed_adapter(&mut module, SHIM_WORLD, "shim", path)?;
    Ok(module)
}
