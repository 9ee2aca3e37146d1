//! Building a project in Python.

use super::BuildError;
use super::job::{Artifact, Job};

/// Builds the project.
pub(crate) fn build(job: &Job<'_>) -> Result<Artifact, BuildError> {
    Err(job.problem(
        "is a project in Python, which this version does not build (a component that another \
         tool built can be uploaded as a file)",
    ))
}
