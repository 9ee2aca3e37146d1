//! Collects the files that the binary carries (see `src/build/embedded.rs`).

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What the code calls each folder, and where it is.
const FOLDERS: [(&str, &str); 11] = [
    ("WIT", "../../wit"),
    ("SDK_TYPESCRIPT", "../../guest-sdk/typescript"),
    ("SDK_PYTHON", "../../guest-sdk/python"),
    ("SDK_GO", "../../guest-sdk/go"),
    ("SDK_C", "../../guest-sdk/c"),
    ("SDK_RUST", "../../guest-sdk/rust"),
    ("TEMPLATE_RUST", "src/new/templates/rust"),
    ("TEMPLATE_GO", "src/new/templates/go"),
    ("TEMPLATE_TYPESCRIPT", "src/new/templates/typescript"),
    ("TEMPLATE_PYTHON", "src/new/templates/python"),
    ("TEMPLATE_C", "src/new/templates/c"),
];
/// What tools leave beside sources, and what only our own tests need.
const LEFT_OUT: [&str; 9] = [
    "node_modules",
    "target",
    "dist",
    "build",
    "tests",
    "test",
    "__pycache__",
    ".venv",
    ".pytest_cache",
];

fn main() {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("Cargo sets it"));
    let mut code = String::new();
    for (name, folder) in FOLDERS {
        let folder = here.join(folder);
        let mut files = Vec::new();
        // Said even where the folder is not there, so that one that comes is seen.
        if !collect(&folder, &folder, &mut files) && !folder.is_dir() {
            println!("cargo::rerun-if-changed={}", folder.display());
        }
        files.sort();
        let docs = folder.file_name().unwrap_or_default().to_string_lossy();
        writeln!(code, "/// The files of `{docs}`.").expect("a string grows");
        writeln!(code, "#[allow(dead_code)]").expect("a string grows");
        writeln!(
            code,
            "pub(crate) static {name}: EmbeddedFolder = EmbeddedFolder {{ files: &["
        )
        .expect("a string grows");
        for (path, file) in files {
            writeln!(code, "    ({path:?}, include_bytes!({file:?})),").expect("a string grows");
        }
        writeln!(code, "] }};").expect("a string grows");
    }
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("Cargo sets it"));
    std::fs::write(out.join("embedded.rs"), code).expect("the output folder can be written");
    println!("cargo::rerun-if-changed=build.rs");
}

/// Adds the files below `folder` by their paths from `root`, and tells Cargo to look at
/// them. A folder with something left out in it is not watched itself: Cargo would look
/// at that too.
fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    let mut whole = true;
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if LEFT_OUT.contains(&name.as_str()) || name.ends_with(".pyc") || name.ends_with('~') {
            whole = false;
        } else if path.is_dir() {
            whole &= collect(root, &path, files);
        } else if let Ok(inside) = path.strip_prefix(root) {
            let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
            files.push((parts.join("/"), path.clone()));
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    if whole {
        println!("cargo::rerun-if-changed={}", folder.display());
    }
    whole
}
