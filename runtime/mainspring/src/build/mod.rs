//! `mainspring component build`: a project's source in, a component file out.
//!
//! The steps, in order: tell the language (`language`), let the language's own tools
//! build (`rust`, `go`, `typescript`, `python`, `c`), turn a core module into a component
//! (`encode`), replace imports that no server has by stubs (`stub`), check it as a server would (`check`), write it. Tools and files that
//! languages need come from `cache` and `embedded` and are called through `tool`. A step
//! that cannot go on says what is missing and how to get it. The same source gives the
//! same bytes. `README.md` says how a language is added.

#![allow(dead_code, reason = "languages come one by one")]

mod c;
mod cache;
mod check;
pub(crate) mod embedded;
mod encode;
mod error;
mod go;
mod job;
mod language;
mod python;
mod rust;
mod snapshot;
mod stub;
mod tool;
mod typescript;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mainspring_sandbox::ComponentDescription;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::cli::byte_size;
use crate::output::table::Details;
use crate::output::time::length_of_millis;

use self::cache::ToolCache;
use self::encode::Interface;
pub(crate) use self::error::BuildError;
pub(crate) use self::job::Options;
use self::job::{Artifact, Code, Job};
pub(crate) use self::language::Language;

/// A component on disk.
#[derive(Debug)]
pub(crate) struct Built {
    /// Where it is.
    pub(crate) file: PathBuf,
    size_bytes: usize,
    digest: String,
    interface: Interface,
    /// Imports that were replaced: a call of one ends the workflow task.
    stubs: Vec<String>,
    description: ComponentDescription,
    took: Duration,
}

/// Builds the project in `dir` (or takes the WebAssembly file of that name, which another
/// tool built). Without `out_file` the component lies where the language puts it.
pub(crate) fn build(
    dir: &Path,
    out_file: Option<&Path>,
    options: &Options,
) -> Result<Built, BuildError> {
    let began = Instant::now();
    let Artifact {
        code,
        out_file: usual,
    } = if dir.is_file() {
        take(dir)?
    } else {
        compile(dir, options)?
    };
    let component = match code {
        Code::Module { module, adapters } => encode::component(&module, &adapters, dir)?,
        Code::Component(component) => component,
    };
    let (component, stubs) = stub::replace(component, dir)?;
    let interface = encode::interface_of(&component, dir)?;
    let description = check::admit(&component, dir)?;
    let file = out_file.map_or(usual, Path::to_owned);
    write_whole(&file, &component)?;
    Ok(Built {
        file,
        size_bytes: component.len(),
        digest: hex::encode(Sha256::digest(&component)),
        interface,
        stubs: stubs.into_iter().collect(),
        description,
        took: began.elapsed(),
    })
}

/// Lets the language's tools build.
fn compile(dir: &Path, options: &Options) -> Result<Artifact, BuildError> {
    let cache = ToolCache::new(options.tool_cache.as_deref());
    let problem = |problem: String| BuildError::Folder {
        path: dir.to_owned(),
        problem,
    };
    let folder = dir
        .canonicalize()
        .map_err(|error| problem(format!("cannot be opened: {error}")))?;
    let language = match options.language {
        Some(language) => language,
        None => Language::of(&folder).map_err(problem)?,
    };
    language.build(&Job {
        named: dir,
        folder,
        options,
        cache: &cache,
    })
}

/// A file that another tool built: `NAME.wasm` becomes `NAME.component.wasm`.
fn take(path: &Path) -> Result<Artifact, BuildError> {
    let bytes = std::fs::read(path).map_err(BuildError::file("read", path))?;
    let code = match bytes.get(4..8) {
        Some([0x0d, 0, 1, 0]) => Code::Component(bytes),
        _ => Code::Module {
            module: bytes,
            adapters: Vec::new(),
        },
    };
    Ok(Artifact {
        code,
        out_file: path.with_extension("component.wasm"),
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

impl Built {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut details = Details::indented();
        details.add("File", self.file.display().to_string());
        details.add("Size", byte_size(self.size_bytes as u64));
        details.add("Digest", &self.digest);
        details.add("Workflows", self.workflows().join(", "));
        details.add("Language", &self.description.language);
        let sdk = format!(
            "{} {}",
            self.description.sdk_name, self.description.sdk_version
        );
        details.add("Sdk", sdk.trim());
        details.add("Exports", self.interface.exports.join(", "));
        details.add("Imports", self.interface.imports.join(", "));
        details.add("Stubs", self.stubs.join(", "));
        details.add("BuildTime", length_of_millis(self.took_ms()));
        format!("Built component:\n{}", details.render())
    }

    /// For programs.
    pub(crate) fn json(&self) -> serde_json::Value {
        json!({
            "file": self.file.display().to_string(),
            "sizeBytes": self.size_bytes,
            "digest": self.digest,
            "workflows": self.workflows(),
            "language": self.description.language,
            "sdkName": self.description.sdk_name,
            "sdkVersion": self.description.sdk_version,
            "exports": self.interface.exports,
            "imports": self.interface.imports,
            "stubs": self.stubs,
            "durationMillis": self.took_ms(),
        })
    }

    /// The workflow types that it serves.
    fn workflows(&self) -> Vec<&str> {
        let types = self.description.workflows.iter();
        types
            .map(|workflow| match workflow.workflow_type.as_str() {
                "" => "(any type)",
                name => name,
            })
            .collect()
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

    #[test]
    fn what_is_no_project_is_refused_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = |path: &Path| {
            let error = build(path, None, &Options::default()).unwrap_err();
            error.to_string()
        };
        let text = refusal(folder.path());
        assert!(text.contains("none of Cargo.toml"), "{text}");
        let text = refusal(&folder.path().join("no"));
        assert!(text.contains("cannot be opened"), "{text}");
        let file = folder.path().join("a.wasm");
        std::fs::write(&file, b"hello").unwrap();
        let text = refusal(&file);
        assert!(text.contains("does not make a component"), "{text}");
    }

    #[test]
    fn a_language_that_was_named_needs_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            language: Some(Language::Rust),
            ..Options::default()
        };
        let text = build(folder.path(), None, &options)
            .unwrap_err()
            .to_string();
        assert!(text.contains("has no Cargo.toml"), "{text}");
    }
}
