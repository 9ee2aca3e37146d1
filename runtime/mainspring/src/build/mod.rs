//! `mainspring component build`: a crate's source in, a component file out.
//!
//! Three steps: find a Rust that can build WebAssembly (`toolchain`), let Cargo
//! build the crate's `cdylib` (`cargo`), turn the module into a component and
//! check it (`encode`). A step that cannot go on says what is missing and how
//! to get it. The same source gives the same bytes.

mod cargo;
mod encode;
mod toolchain;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::cli::byte_size;
use crate::output::table::Details;
use crate::output::time::length_of_millis;

pub(crate) use self::encode::Interface;

/// Why a component could not be built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    /// Not a folder with a crate.
    #[error("{} {problem}", path.display())]
    Folder {
        /// What was named.
        path: PathBuf,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// Cargo or rustc is not installed.
    #[error(
        "could not run {program}: {cause}; install Rust with rustup (https://rustup.rs), or with \
         your system's packages"
    )]
    NoRust {
        /// Which program.
        program: String,
        /// What the system said.
        cause: String,
    },
    /// Rust is there, but not the library for WebAssembly.
    #[error(
        "Rust cannot build for wasm32-unknown-unknown here: run `rustup target add \
         wasm32-unknown-unknown`; where rustup cannot reach its server, on Debian or Ubuntu run \
         `apt-get install rustc-web rust-web-src lld` and repeat the command"
    )]
    NoWasmTarget,
    /// Cargo failed. Its own words went to standard error before.
    #[error("cargo could not build {}; its errors are above", path.display())]
    Cargo {
        /// The crate's folder.
        path: PathBuf,
    },
    /// Cargo said something that this version does not understand.
    #[error("cargo's answer makes no sense: {0}")]
    CargoOutput(String),
    /// The module is not a workflow.
    #[error("{} does not make a component: {problem}", path.display())]
    Encode {
        /// The module.
        path: PathBuf,
        /// What is wrong, and a hint.
        problem: String,
    },
    /// A file could not be read or written.
    #[error("could not {action} {}: {source}", path.display())]
    File {
        /// "read" or "write".
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A component on disk.
#[derive(Debug)]
pub(crate) struct Built {
    /// Where it is.
    pub(crate) file: PathBuf,
    size_bytes: usize,
    digest: String,
    interface: Interface,
    took: Duration,
}

/// Builds the crate in `dir`. Without `out_file` the component lies beside
/// Cargo's own artifact, as `CRATE.component.wasm`.
pub(crate) fn build(dir: &Path, out_file: Option<&Path>) -> Result<Built, BuildError> {
    let began = Instant::now();
    let package = cargo::find_package(dir)?;
    let toolchain = toolchain::find(&package.folder)?;
    let module_path = cargo::build(&package, &toolchain)?;
    let module = read(&module_path)?;
    let (component, interface) = encode::component(&module, &module_path)?;
    let file = match out_file {
        Some(file) => file.to_owned(),
        None => module_path.with_extension("component.wasm"),
    };
    write_whole(&file, &component)?;
    Ok(Built {
        file,
        size_bytes: component.len(),
        digest: hex::encode(Sha256::digest(&component)),
        interface,
        took: began.elapsed(),
    })
}

/// Writes a file so that nobody ever sees half of it.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        share(file.as_file())?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|source| BuildError::File {
        action: "write",
        path: path.to_owned(),
        source,
    })
}

/// Temporary files are private; a component is for whoever may read the folder.
#[cfg(unix)]
fn share(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn share(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    std::fs::read(path).map_err(|source| BuildError::File {
        action: "read",
        path: path.to_owned(),
        source,
    })
}

impl Built {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut details = Details::indented();
        details.add("File", self.file.display().to_string());
        details.add("Size", byte_size(self.size_bytes as u64));
        details.add("Digest", &self.digest);
        details.add("Exports", self.interface.exports.join(", "));
        details.add("Imports", self.interface.imports.join(", "));
        details.add("BuildTime", length_of_millis(self.took_ms()));
        format!("Built component:\n{}", details.render())
    }

    /// For programs.
    pub(crate) fn json(&self) -> serde_json::Value {
        json!({
            "file": self.file.display().to_string(),
            "sizeBytes": self.size_bytes,
            "digest": self.digest,
            "exports": self.interface.exports,
            "imports": self.interface.imports,
            "durationMillis": self.took_ms(),
        })
    }

    fn took_ms(&self) -> u64 {
        u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_and_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        write_whole(&path, b"first").unwrap();
        write_whole(&path, b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = write_whole(Path::new("no/such/folder/a.wasm"), b"x").unwrap_err();
        assert!(
            error.to_string().contains("no/such/folder/a.wasm"),
            "{error}"
        );
    }
}
