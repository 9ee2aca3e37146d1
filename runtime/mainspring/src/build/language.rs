//! Which language a project is in, told by the files in its folder.

use std::path::Path;

use clap::ValueEnum;

use super::job::{Artifact, Job};
use super::{BuildError, c, go, python, rust, typescript};

/// A language that components can be built from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// A crate: `Cargo.toml`.
    Rust,
    /// A module with a worker program: `go.mod`.
    Go,
    /// An npm package: `package.json`.
    #[value(name = "typescript", alias = "ts", alias = "javascript")]
    TypeScript,
    /// `pyproject.toml` or `requirements.txt`.
    Python,
    /// A `Makefile`, or sources that end in `.c` or `.zig`.
    C,
}

/// What tells a language, in the order in which messages name it.
const SIGNS: [(&str, Language); 5] = [
    ("Cargo.toml", Language::Rust),
    ("go.mod", Language::Go),
    ("package.json", Language::TypeScript),
    ("pyproject.toml", Language::Python),
    ("requirements.txt", Language::Python),
];
/// A Makefile is found in projects of every language: it counts where nothing else does.
const MAKEFILES: [&str; 3] = ["Makefile", "makefile", "GNUmakefile"];
/// Sources that count where nothing else does.
const SOURCES: [&str; 2] = ["c", "zig"];

impl Language {
    /// The language of the project in `folder`, which exists.
    pub(crate) fn of(folder: &Path) -> Result<Self, String> {
        let mut found: Option<(&str, Self)> = None;
        for (sign, language) in SIGNS {
            if !folder.join(sign).is_file() {
                continue;
            }
            match found {
                Some((earlier, other)) if other != language => {
                    return Err(format!(
                        "has both {earlier} and {sign}; say which language the workflow is in with \
                         --language {} or --language {}",
                        other.flag(),
                        language.flag()
                    ));
                }
                Some(_) => {}
                None => found = Some((sign, language)),
            }
        }
        match found {
            Some((_, language)) => Ok(language),
            None if is_c(folder) => Ok(Self::C),
            None => Err(
                "has none of Cargo.toml, go.mod, package.json, pyproject.toml, requirements.txt, \
                 a Makefile or a C source; name the folder of a project"
                    .to_owned(),
            ),
        }
    }

    /// Builds the project.
    pub(crate) fn build(self, job: &Job<'_>) -> Result<Artifact, BuildError> {
        match self {
            Self::Rust => rust::build(job),
            Self::Go => go::build(job),
            Self::TypeScript => typescript::build(job),
            Self::Python => python::build(job),
            Self::C => c::build(job),
        }
    }

    /// As `--language` takes it.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Go => "go",
            Self::TypeScript => "typescript",
            Self::Python => "python",
            Self::C => "c",
        }
    }

    /// As people write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Go => "Go",
            Self::TypeScript => "TypeScript",
            Self::Python => "Python",
            Self::C => "C",
        }
    }
}

fn is_c(folder: &Path) -> bool {
    if MAKEFILES.iter().any(|name| folder.join(name).is_file()) {
        return true;
    }
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let path = entry.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        ending.is_some_and(|ending| SOURCES.contains(&ending))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            std::fs::write(folder.path().join(file), b"").unwrap();
        }
        folder
    }

    #[test]
    fn a_language_is_told_by_the_files_of_its_tools() {
        for (files, language) in [
            (&["Cargo.toml", "Makefile"][..], Language::Rust),
            (&["go.mod", "go.sum"], Language::Go),
            (&["package.json", "Makefile"], Language::TypeScript),
            (&["pyproject.toml", "requirements.txt"], Language::Python),
            (&["requirements.txt"], Language::Python),
            (&["Makefile"], Language::C),
            (&["order.c"], Language::C),
            (&["order.zig"], Language::C),
        ] {
            let folder = folder(files);
            assert_eq!(Language::of(folder.path()), Ok(language), "{files:?}");
        }
    }

    #[test]
    fn a_folder_of_two_languages_asks_for_the_flag() {
        let folder = folder(&["package.json", "pyproject.toml"]);
        let problem = Language::of(folder.path()).unwrap_err();
        assert!(problem.contains("--language typescript"), "{problem}");
        assert!(problem.contains("--language python"), "{problem}");
    }

    #[test]
    fn a_folder_of_no_language_says_what_would_be_one() {
        let folder = folder(&["README.md"]);
        let problem = Language::of(folder.path()).unwrap_err();
        assert!(problem.contains("none of Cargo.toml"), "{problem}");
    }

    #[test]
    fn flags_are_what_the_command_line_takes() {
        for language in Language::value_variants() {
            let taken = Language::from_str(language.flag(), false);
            assert_eq!(taken.as_ref(), Ok(language), "{}", language.name());
        }
    }
}
