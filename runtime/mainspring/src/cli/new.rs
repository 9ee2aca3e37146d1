//! `mainspring new`: a project to begin with.

use std::path::PathBuf;

use clap::Args;

use crate::build::Language;
use crate::error::CliError;
use crate::{new, output};

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// Language of the workflow.
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    language: Language,
    /// Name of the project and of its folder.
    name: String,
    /// Where the folder is made.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    parent: PathBuf,
}

impl NewArgs {
    /// Makes the project.
    pub(crate) fn run(self) -> Result<(), CliError> {
        let folder = new::create(self.language, &self.name, &self.parent)?;
        output::line(&format!(
            "Made {} in {}: {} says how it runs",
            self.name,
            self.language.name(),
            folder.join("README.md").display()
        ))
    }
}
