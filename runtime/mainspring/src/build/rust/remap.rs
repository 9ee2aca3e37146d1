//! Keeping the paths of this machine out of a component: panics name source files, and
//! the same source shall give the same digest in every checkout.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::CARGO;
use super::cargo::{cargo, no_sense};
use super::toolchain::TARGET;
use crate::build::BuildError;

/// A folder, and what panics call it instead.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Remap {
    from: PathBuf,
    to: String,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    source: Option<String>,
}

/// The folders that the code of the crate in `folder` may come from. Of two that hold a
/// file the compiler takes the last.
pub(crate) fn find(folder: &Path) -> Result<Vec<Remap>, BuildError> {
    let mut command = cargo();
    command
        .args(["metadata", "--format-version", "1"])
        .args(["--filter-platform", TARGET])
        .current_dir(folder);
    let answer = CARGO.run(
        &mut command,
        &format!(
            "cargo could not resolve the dependencies of {}",
            folder.display()
        ),
    )?;
    let metadata: Metadata =
        serde_json::from_slice(&answer).map_err(|error| no_sense(error.to_string()))?;
    let mut remap = common();
    remap.extend(of_packages(&metadata));
    Ok(remap)
}

/// What is in no project: the registry, and the sources of the standard library.
fn common() -> Vec<Remap> {
    let mut remap = Vec::new();
    if let Some(home) = cargo_home() {
        remap.push(Remap {
            from: home,
            to: "/cargo".to_owned(),
        });
    }
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    for rustc in [rustc, "/usr/bin/rustc".into()] {
        let answer = Command::new(rustc).args(["--print", "sysroot"]).output();
        if let Ok(answer) = answer
            && answer.status.success()
        {
            let root = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
            remap.push(Remap {
                from: Path::new(&root).join("lib/rustlib/src/rust"),
                to: "/rust".to_owned(),
            });
        }
    }
    remap
}

fn cargo_home() -> Option<PathBuf> {
    let named = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))
}

/// The workspace, and packages on this disk that lie outside it.
fn of_packages(metadata: &Metadata) -> Vec<Remap> {
    let root = &metadata.workspace_root;
    let outside = metadata.packages.iter().filter_map(|package| {
        let folder = package.manifest_path.parent()?;
        let is_outside = package.source.is_none() && !folder.starts_with(root);
        is_outside.then(|| Remap {
            from: folder.to_owned(),
            to: format!("/{}", package.name),
        })
    });
    let mut remap: Vec<Remap> = outside.collect();
    remap.push(Remap {
        from: root.clone(),
        to: ".".to_owned(),
    });
    // A folder in another one comes behind it.
    remap.sort_by(|a, b| a.from.cmp(&b.from));
    remap
}

/// Tells the compiler, beside the flags that the user has.
pub(crate) fn prepare(command: &mut Command, remap: &[Remap]) {
    const SEPARATOR: &str = "\x1f";
    let ours: Vec<String> = remap
        .iter()
        .map(|Remap { from, to }| format!("--remap-path-prefix={}={to}", from.display()))
        .collect();
    // Flags in the environment displace those of the configuration: then ours go there.
    if let Some(flags) = std::env::var_os("CARGO_ENCODED_RUSTFLAGS") {
        let flags = flags.to_string_lossy().into_owned();
        command.env("CARGO_ENCODED_RUSTFLAGS", joined(&flags, &ours, SEPARATOR));
    } else if let Some(flags) = std::env::var_os("RUSTFLAGS") {
        let flags = flags
            .to_string_lossy()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(SEPARATOR);
        command.env("CARGO_ENCODED_RUSTFLAGS", joined(&flags, &ours, SEPARATOR));
    } else {
        let flags: Vec<String> = ours.iter().map(|flag| format!("{flag:?}")).collect();
        command
            .arg("--config")
            .arg(format!("target.{TARGET}.rustflags=[{}]", flags.join(",")));
    }
}

fn joined(flags: &str, ours: &[String], separator: &str) -> String {
    let all = std::iter::once(flags).filter(|flags| !flags.is_empty());
    let all: Vec<&str> = all.chain(ours.iter().map(String::as_str)).collect();
    all.join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, folder: &str, source: Option<&str>) -> Package {
        Package {
            name: name.to_owned(),
            manifest_path: PathBuf::from(folder).join("Cargo.toml"),
            source: source.map(str::to_owned),
        }
    }

    #[test]
    fn the_workspace_and_packages_beside_it_lose_their_place() {
        let remap = of_packages(&Metadata {
            workspace_root: PathBuf::from("/home/u/app"),
            packages: vec![
                package("order", "/home/u/app/order", None),
                package("shared", "/home/u/shared", None),
                package("serde", "/home/u/.cargo/registry/serde", Some("registry")),
            ],
        });
        let pairs = remap
            .iter()
            .map(|Remap { from, to }| (from.to_str().unwrap(), to.as_str()));
        let pairs: Vec<_> = pairs.collect();
        assert_eq!(pairs, [("/home/u/app", "."), ("/home/u/shared", "/shared")]);
    }

    #[test]
    fn flags_of_the_user_stay() {
        let ours = ["a".to_owned(), "b".to_owned()];
        assert_eq!(joined("-Cx", &ours, " "), "-Cx a b");
        assert_eq!(joined("", &ours, " "), "a b");
    }
}
