//! Finding a Rust that can build for `wasm32-unknown-unknown`.
//!
//! The usual one is the user's own toolchain with rustup's target. Where rustup
//! cannot reach its server, Debian's packages do: a second compiler at
//! `/usr/bin/rustc` whose standard library Cargo builds from source.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::CARGO;
use crate::build::BuildError;

/// The target of every Rust component.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_LINKER: &str = "wasm-ld";

/// How to call Cargo.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The target's library is installed: as the user would.
    Installed,
    /// Debian's compiler and linker, with the library built from source.
    BuildStd,
}

impl Toolchain {
    /// Adds what `cargo build` needs beyond the usual.
    pub(crate) fn prepare(&self, command: &mut Command) {
        match self {
            Self::Installed => {}
            Self::BuildStd => {
                // Building the library from source is a nightly feature, and
                // this variable is how a stable compiler is told to allow it.
                command
                    .env("RUSTC", DEBIAN_RUSTC)
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER)
                    .arg("-Zbuild-std=std,panic_abort");
            }
        }
    }
}

/// Finds the toolchain that builds the crate in `folder` (a `rust-toolchain`
/// file there counts).
pub(crate) fn find(folder: &Path) -> Result<Toolchain, BuildError> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let own = print_path(
        &rustc,
        folder,
        &["--print", "target-libdir", "--target", TARGET],
    );
    let search = std::env::var_os("PATH").unwrap_or_default();
    match own {
        Ok(libdir) if has_std(&libdir) => Ok(Toolchain::Installed),
        _ if has_debian_fallback(folder, &search) => Ok(Toolchain::BuildStd),
        // A compiler that runs but does not know the target prints an error.
        Ok(_) | Err(Refusal::Failed) => Err(BuildError::NoWasmTarget),
        Err(Refusal::Missing(cause)) => Err(BuildError::NoTool {
            program: rustc.to_string_lossy().into_owned(),
            purpose: CARGO.purpose,
            cause,
            get: CARGO.get,
        }),
    }
}

/// True if a folder of target libraries holds the standard library.
fn has_std(libdir: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(libdir) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}

fn has_debian_fallback(folder: &Path, search: &OsStr) -> bool {
    let has_linker = std::env::split_paths(search).any(|dir| dir.join(DEBIAN_LINKER).is_file());
    let sysroot = print_path(DEBIAN_RUSTC.as_ref(), folder, &["--print", "sysroot"]);
    has_linker
        && sysroot.is_ok_and(|sysroot| {
            let library = sysroot.join("lib/rustlib/src/rust/library");
            library.join("std/Cargo.toml").is_file()
        })
}

/// Why a compiler gave no path.
enum Refusal {
    /// It could not be run at all.
    Missing(String),
    /// It ran and refused.
    Failed,
}

fn print_path(rustc: &OsStr, folder: &Path, args: &[&str]) -> Result<PathBuf, Refusal> {
    let answer = Command::new(rustc)
        .args(args)
        .current_dir(folder)
        .output()
        .map_err(|error| Refusal::Missing(error.to_string()))?;
    if !answer.status.success() {
        return Err(Refusal::Failed);
    }
    let path = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    Ok(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_folder_counts_only_with_the_library_in_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_std(&folder.path().join("missing")));
        assert!(!has_std(folder.path()));
        std::fs::write(folder.path().join("libcore-1.rlib"), b"").unwrap();
        assert!(!has_std(folder.path()));
        std::fs::write(folder.path().join("libstd-1.rlib"), b"").unwrap();
        assert!(has_std(folder.path()));
    }

    #[test]
    fn debians_way_needs_its_linker() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_debian_fallback(
            folder.path(),
            folder.path().as_os_str()
        ));
    }

    #[test]
    fn building_the_library_from_source_is_asked_for_in_full() {
        let mut command = Command::new("cargo");
        Toolchain::BuildStd.prepare(&mut command);
        let args: Vec<_> = command.get_args().collect();
        assert_eq!(args, ["-Zbuild-std=std,panic_abort"]);
        let names: Vec<_> = command.get_envs().map(|(name, _)| name).collect();
        assert!(names.contains(&OsStr::new("RUSTC_BOOTSTRAP")));
        let mut plain = Command::new("cargo");
        Toolchain::Installed.prepare(&mut plain);
        assert_eq!(plain.get_args().count() + plain.get_envs().count(), 0);
    }

    #[test]
    fn what_is_missing_comes_with_both_ways_to_get_it() {
        let text = BuildError::NoWasmTarget.to_string();
        assert!(text.contains("rustup target add wasm32-unknown-unknown"));
        assert!(text.contains("apt-get install rustc-web rust-web-src lld"));
    }
}
