//! What a language is given, and what it gives back.

use std::path::{Path, PathBuf};

use super::BuildError;
use super::cache::ToolCache;
use super::language::Language;

/// What the command line says of a build.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// The language, where the folder does not tell.
    pub(crate) language: Option<Language>,
    /// Where the workflows are (a file, or a module's name), where the project does not
    /// tell. Languages that find them otherwise refuse it with [`Job::no_workflows_flag`].
    pub(crate) workflows: Vec<String>,
    /// The folder for tools; by default that of the user.
    pub(crate) tool_cache: Option<PathBuf>,
}

/// One build: the project, what was asked for, and where tools are.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    /// The project's folder as the user named it: for messages.
    pub(crate) named: &'a Path,
    /// The same, absolute and without links.
    pub(crate) folder: PathBuf,
    /// What was asked for.
    pub(crate) options: &'a Options,
    /// Pinned packages, SDKs and intermediate files.
    pub(crate) cache: &'a ToolCache,
}

/// What a language made of a project.
#[derive(Debug)]
pub(crate) struct Artifact {
    /// The code.
    pub(crate) code: Code,
    /// Where the component goes unless the user says otherwise.
    pub(crate) out_file: PathBuf,
}

/// Code on the way to a component.
#[derive(Debug)]
pub(crate) enum Code {
    /// A core module that says of itself which world it has (as `wit-bindgen` and
    /// [`super::encode::embed`] write it).
    Module {
        /// The module.
        module: Vec<u8>,
        /// What stands between it and imports that are no component's.
        adapters: Vec<Adapter>,
    },
    /// A component already.
    Component(Vec<u8>),
}

/// A module that gives another one's imports a meaning, e.g. those of WASI's first preview.
#[derive(Debug)]
pub(crate) struct Adapter {
    /// The import module that it stands for.
    pub(crate) name: String,
    /// The adapter, with its own world embedded.
    pub(crate) module: Vec<u8>,
}

impl Job<'_> {
    /// A problem with the folder.
    pub(crate) fn problem(&self, problem: impl Into<String>) -> BuildError {
        BuildError::Folder {
            path: self.named.to_owned(),
            problem: problem.into(),
        }
    }

    /// The name of the project's folder: a last resort for names of files.
    pub(crate) fn name(&self) -> String {
        let name = self.folder.file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        if name.is_empty() {
            "workflow".to_owned()
        } else {
            name
        }
    }

    /// Where a language without an output folder of its own puts the component: a
    /// folder beside the sources that version control is told to pass over.
    pub(crate) fn default_out_file(&self, name: &str) -> Result<PathBuf, BuildError> {
        let folder = self.folder.join(".mainspring");
        std::fs::create_dir_all(&folder).map_err(BuildError::file("make", &folder))?;
        let ignore = folder.join(".gitignore");
        if !ignore.exists() {
            std::fs::write(&ignore, "*\n").map_err(BuildError::file("write", &ignore))?;
        }
        Ok(folder.join(format!("{name}.component.wasm")))
    }

    /// For a language whose workflows are found without `--workflows`.
    pub(crate) fn no_workflows_flag(&self, language: Language) -> Result<(), BuildError> {
        if self.options.workflows.is_empty() {
            return Ok(());
        }
        Err(BuildError::Source(format!(
            "--workflows means nothing for {}: the project's own files say where they are",
            language.name()
        )))
    }
}
