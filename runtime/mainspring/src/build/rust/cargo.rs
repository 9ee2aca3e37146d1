//! Asking Cargo which crate a folder holds, and letting Cargo build it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::CARGO;
use super::remap::{self, Remap};
use super::toolchain::{TARGET, Toolchain};
use crate::build::BuildError;

/// The crate to build.
#[derive(Debug)]
pub(crate) struct Package {
    /// The folder of its manifest.
    pub(crate) folder: PathBuf,
    manifest: PathBuf,
    name: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
}

#[derive(Deserialize)]
struct MetadataPackage {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<MetadataTarget>,
}

#[derive(Deserialize)]
struct MetadataTarget {
    crate_types: Vec<String>,
}

/// The messages of `cargo build` that matter here; others have no such fields.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// Finds the one crate with a `cdylib` that `folder` means: its own, or the only one of
/// a workspace. The error is what is wrong with the folder.
pub(crate) fn find_package(folder: &Path) -> Result<Result<Package, String>, BuildError> {
    let manifest = folder.join("Cargo.toml");
    if !manifest.is_file() {
        return Ok(Err(
            "has no Cargo.toml; name the folder of a crate".to_owned()
        ));
    }
    let answer = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(folder)
        .output()
        .map_err(|error| CARGO.missing(&error))?;
    if !answer.status.success() {
        let words = String::from_utf8_lossy(&answer.stderr).trim().to_owned();
        return Ok(Err(format!("has a manifest that cargo refuses: {words}")));
    }
    let metadata: Metadata =
        serde_json::from_slice(&answer.stdout).map_err(|error| no_sense(error.to_string()))?;
    Ok(choose(metadata.packages, &manifest))
}

/// Builds the crate and answers with the module's file.
pub(crate) fn build(
    package: &Package,
    toolchain: &Toolchain,
    remap: &[Remap],
) -> Result<PathBuf, BuildError> {
    let mut command = cargo();
    command
        .args(["build", "--release", "--lib", "--target", TARGET])
        // Ten times the size and of no use here: a trap names its functions without.
        .args(["--config", "profile.release.strip='debuginfo'"])
        .arg("--message-format=json-render-diagnostics")
        .arg("--manifest-path")
        .arg(&package.manifest)
        .current_dir(&package.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    toolchain.prepare(&mut command);
    remap::prepare(&mut command, remap);
    let mut running = command.spawn().map_err(|error| CARGO.missing(&error))?;
    // Taken as it comes, or Cargo would stop at a full pipe.
    let artifact = match running.stdout.take() {
        Some(messages) => artifact(BufReader::new(messages), &package.manifest),
        None => Ok(None),
    };
    let status = running.wait().map_err(|error| CARGO.missing(&error))?;
    if !status.success() {
        return Err(BuildError::ToolShown {
            action: format!("cargo could not build {}", package.folder.display()),
        });
    }
    artifact?.ok_or_else(|| no_sense(format!("no .wasm file of crate {} in it", package.name)))
}

/// The last `.wasm` file of the crate among Cargo's messages.
fn artifact(messages: impl BufRead, manifest: &Path) -> Result<Option<PathBuf>, BuildError> {
    let mut found = None;
    for line in messages.lines() {
        let line = line.map_err(|error| no_sense(error.to_string()))?;
        // Build scripts may print anything, so other lines are passed over.
        let Ok(message) = serde_json::from_str::<Message>(&line) else {
            continue;
        };
        if message.reason == "compiler-artifact" && message.manifest_path == manifest {
            let is_module = |file: &PathBuf| file.extension().is_some_and(|end| end == "wasm");
            found = message.filenames.into_iter().find(is_module).or(found);
        }
    }
    Ok(found)
}

fn choose(packages: Vec<MetadataPackage>, manifest: &Path) -> Result<Package, String> {
    const CDYLIB: &str = "add to its Cargo.toml:\n\n    [lib]\n    crate-type = [\"cdylib\"]\n";
    let is_library = |package: &MetadataPackage| {
        let mut types = package
            .targets
            .iter()
            .flat_map(|target| &target.crate_types);
        types.any(|kind| kind == "cdylib")
    };
    let found = |package: MetadataPackage| Package {
        folder: package
            .manifest_path
            .parent()
            .unwrap_or(Path::new("/"))
            .to_owned(),
        manifest: package.manifest_path,
        name: package.name,
    };
    let (own, others): (Vec<_>, Vec<_>) = packages
        .into_iter()
        .partition(|package| package.manifest_path == manifest);
    if let Some(package) = own.into_iter().next() {
        return if is_library(&package) {
            Ok(found(package))
        } else {
            Err(format!(
                "holds crate {}, which is not a cdylib; {CDYLIB}",
                package.name
            ))
        };
    }
    let mut candidates: Vec<_> = others.into_iter().filter(is_library).collect();
    match (candidates.pop(), candidates.is_empty()) {
        (Some(package), true) => Ok(found(package)),
        (None, _) => Err(format!(
            "is a workspace without a workflow crate; in the crate that is one, {CDYLIB}"
        )),
        (Some(last), false) => {
            candidates.push(last);
            let names: Vec<String> = candidates.into_iter().map(|package| package.name).collect();
            Err(format!(
                "is a workspace with several cdylib crates ({}); name the folder of one",
                names.join(", ")
            ))
        }
    }
}

pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

pub(crate) fn no_sense(problem: String) -> BuildError {
    BuildError::ToolOutput {
        program: "cargo",
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, kind: &str) -> MetadataPackage {
        MetadataPackage {
            name: name.to_owned(),
            manifest_path: PathBuf::from(format!("/w/{name}/Cargo.toml")),
            targets: vec![MetadataTarget {
                crate_types: vec![kind.to_owned()],
            }],
        }
    }

    #[test]
    fn the_crate_of_the_folder_itself_is_taken() {
        let packages = vec![package("a", "cdylib"), package("b", "cdylib")];
        let chosen = choose(packages, Path::new("/w/b/Cargo.toml")).unwrap();
        assert_eq!(chosen.name, "b");
        assert_eq!(chosen.folder, Path::new("/w/b"));
    }

    #[test]
    fn a_crate_that_is_no_cdylib_is_told_how_to_become_one() {
        let error = choose(vec![package("a", "rlib")], Path::new("/w/a/Cargo.toml")).unwrap_err();
        assert!(error.contains("crate-type = [\"cdylib\"]"), "{error}");
    }

    #[test]
    fn a_workspace_means_its_only_workflow_crate() {
        let root = Path::new("/w/Cargo.toml");
        let one = vec![package("a", "lib"), package("b", "cdylib")];
        assert_eq!(choose(one, root).unwrap().name, "b");
        let two = vec![package("a", "cdylib"), package("b", "cdylib")];
        let error = choose(two, root).unwrap_err();
        assert!(error.contains('a') && error.contains('b') && error.contains("name the folder"));
        assert!(choose(vec![package("a", "lib")], root).is_err());
    }

    #[test]
    fn the_module_is_found_among_cargos_messages() {
        let messages = br#"
not json at all
{"reason":"build-script-executed","package_id":"x"}
{"reason":"compiler-artifact","manifest_path":"/w/dep/Cargo.toml","filenames":["/t/dep.wasm"]}
{"reason":"compiler-artifact","manifest_path":"/w/a/Cargo.toml","filenames":["/t/a.rlib","/t/a.wasm"]}
{"reason":"build-finished","success":true}
"#;
        let found = artifact(&messages[..], Path::new("/w/a/Cargo.toml")).unwrap();
        assert_eq!(found, Some(PathBuf::from("/t/a.wasm")));
        let none = artifact(&messages[..], Path::new("/w/b/Cargo.toml")).unwrap();
        assert_eq!(none, None);
    }
}
