//! `mainspring new`: a project that runs at once, from the templates that the binary
//! carries. Files that end in `.template` lose that ending (in this repository they would
//! mean something to tools), and `{{name}}` in any file becomes the project's name.

use std::path::{Path, PathBuf};

use crate::build::embedded::{
    EmbeddedFolder, SDK_RUST, TEMPLATE_C, TEMPLATE_GO, TEMPLATE_PYTHON, TEMPLATE_RUST,
    TEMPLATE_TYPESCRIPT, WIT,
};
use crate::build::{BuildError, Language};

/// An ending that hides a file from the tools of this repository.
const HIDDEN: &str = ".template";
/// What stands for the project's name.
const NAME: &str = "{{name}}";
/// Where a Rust project has the SDK and the contract.
const VENDOR: &str = "vendor";
/// Longer names make file names that some systems refuse.
const LONGEST_NAME: usize = 64;

/// Why there is no new project.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NewError {
    /// The name is none that all tools take.
    #[error(
        "{name:?} is no name for a project: take up to {LONGEST_NAME} small letters, digits and \
         hyphens, a letter first"
    )]
    Name {
        /// As it was given.
        name: String,
    },
    /// There is something already.
    #[error("{} is there already; take another name, or remove it", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A file could not be written.
    #[error(transparent)]
    File(#[from] BuildError),
}

/// Makes the project NAME in `parent` and gives its folder.
pub(crate) fn create(language: Language, name: &str, parent: &Path) -> Result<PathBuf, NewError> {
    if !is_name(name) {
        return Err(NewError::Name {
            name: name.to_owned(),
        });
    }
    let folder = parent.join(name);
    if folder.exists() {
        return Err(NewError::Exists { path: folder });
    }
    if language == Language::Rust {
        // Before the templates, which bring manifests that stand for themselves.
        let sdk = folder.join(VENDOR);
        SDK_RUST.write_to(&sdk.join("guest-sdk/rust"))?;
        WIT.write_to(&sdk.join("wit"))?;
    }
    for (path, bytes) in template(language).files() {
        write(&folder, path, bytes, name)?;
    }
    Ok(folder)
}

fn template(language: Language) -> &'static EmbeddedFolder {
    match language {
        Language::Rust => &TEMPLATE_RUST,
        Language::Go => &TEMPLATE_GO,
        Language::TypeScript => &TEMPLATE_TYPESCRIPT,
        Language::Python => &TEMPLATE_PYTHON,
        Language::C => &TEMPLATE_C,
    }
}

fn write(folder: &Path, path: &str, bytes: &[u8], name: &str) -> Result<(), BuildError> {
    let path = folder.join(path.strip_suffix(HIDDEN).unwrap_or(path));
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(BuildError::file("make", parent))?;
    }
    let text = String::from_utf8_lossy(bytes).replace(NAME, name);
    std::fs::write(&path, text).map_err(BuildError::file("write", &path))
}

/// A name that Cargo, Go, npm and Python take alike.
fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    let begins = letters
        .next()
        .is_some_and(|first| first.is_ascii_lowercase());
    let goes_on = letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    begins && goes_on && name.len() <= LONGEST_NAME && !name.ends_with('-')
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_language_has_a_project_whose_files_name_it() {
        let parent = tempfile::tempdir().unwrap();
        for language in Language::value_variants() {
            let name = format!("my-{}", language.flag());
            let folder = create(*language, &name, parent.path()).unwrap();
            let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
            assert!(readme.starts_with(&format!("# {name}\n")), "{readme}");
            assert!(folder.join(".gitignore").is_file());
            no_gaps(&folder);
        }
    }

    /// No file keeps a placeholder or a hidden name.
    fn no_gaps(folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                no_gaps(&path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(!text.contains(NAME), "{}", path.display());
            assert!(!path.to_string_lossy().ends_with(HIDDEN));
        }
    }

    #[test]
    fn the_builder_tells_the_language_of_a_new_project() {
        let parent = tempfile::tempdir().unwrap();
        for language in [Language::Go, Language::TypeScript, Language::Python] {
            let folder = create(language, language.flag(), parent.path()).unwrap();
            assert_eq!(Language::of(&folder), Ok(language));
        }
        let rust = create(Language::Rust, "rust", parent.path()).unwrap();
        assert_eq!(Language::of(&rust.join("workflow")), Ok(Language::Rust));
    }

    #[test]
    fn a_name_that_some_tool_refuses_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        for name in [
            "",
            "Order",
            "1st",
            "a b",
            "../x",
            "a-",
            "é",
            &"a".repeat(65),
        ] {
            let error = create(Language::C, name, parent.path()).unwrap_err();
            assert!(error.to_string().contains("is no name"), "{name}: {error}");
        }
        create(Language::C, "twice", parent.path()).unwrap();
        let error = create(Language::C, "twice", parent.path()).unwrap_err();
        assert!(error.to_string().contains("is there already"), "{error}");
    }
}
