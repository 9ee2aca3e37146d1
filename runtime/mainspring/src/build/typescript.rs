//! Building a project in TypeScript: Node runs the builder of `guest-sdk/typescript/tool`
//! on the project's folder. It bundles the workflow code with the project's own copy of
//! `@temporalio/workflow` and our adapter, and makes a component of that and of QuickJS.
//!
//! The builder's packages are installed once, at the versions of its lock file, into the
//! tool cache; nothing of the user's project is touched.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::BuildError;
use super::embedded::{SDK_TYPESCRIPT, WIT};
use super::job::{Artifact, Code, Job};
use super::tool::Tool;

const GET_NODE: &str = "install Node.js 20.3 or newer (https://nodejs.org), which brings npm";
const NODE: Tool = Tool {
    program: "node",
    purpose: "runs the builder of TypeScript workflows",
    get: GET_NODE,
};
const NPM: Tool = Tool {
    program: "npm",
    purpose: "installs the packages of the builder of TypeScript workflows",
    get: GET_NODE,
};
/// The oldest Node that the workflow library itself takes: major, minor.
const OLDEST_NODE: (u32, u32) = (20, 3);

/// What the builder says when it is done.
#[derive(Debug, Deserialize)]
struct Said {
    notes: Vec<String>,
}

/// Builds the project.
pub(crate) fn build(job: &Job<'_>) -> Result<Artifact, BuildError> {
    let workflows = match job.options.workflows.as_slice() {
        [] => None,
        [file] => Some(file),
        _ => {
            return Err(BuildError::Source(
                "--workflows names one file for TypeScript: let that file export the others"
                    .to_owned(),
            ));
        }
    };
    check_node()?;
    let sdk = install(job)?;
    let wit = job.cache.unpacked("wit", &WIT)?;
    let work = job.cache.work(&job.folder)?;
    let made = work.path.join("typescript.component.wasm");
    let mut command = Command::new(NODE.program);
    command
        .arg(sdk.join("tool/main.mjs"))
        .arg(&job.folder)
        .arg("--wit")
        .arg(&wit)
        .arg("--out")
        .arg(&made);
    if let Some(file) = workflows {
        command.arg("--workflows").arg(file);
    }
    let action = format!("{} could not be built", job.named.display());
    let said = NODE.text(&mut command, &action)?;
    for note in read_answer(&said)?.notes {
        crate::output::note(&note);
    }
    let component = std::fs::read(&made).map_err(BuildError::file("read", &made))?;
    Ok(Artifact {
        code: Code::Component(component),
        out_file: job.default_out_file(&job.name())?,
    })
}

/// The builder with its packages, on disk.
fn install(job: &Job<'_>) -> Result<PathBuf, BuildError> {
    let key = SDK_TYPESCRIPT.key();
    job.cache.folder("typescript", &key, |folder| {
        crate::output::note("installing the builder of TypeScript workflows, once");
        SDK_TYPESCRIPT.write_to(folder)?;
        npm_ci(folder)
    })
}

fn npm_ci(folder: &Path) -> Result<(), BuildError> {
    let mut command = Command::new(NPM.program);
    command
        .args([
            "ci",
            "--omit=dev",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
        ])
        .current_dir(folder);
    let action = "npm could not install the builder of TypeScript workflows (its packages come \
                  from the registry that npm is set to)";
    NPM.run(&mut command, action).map(|_| ())
}

fn check_node() -> Result<(), BuildError> {
    let mut command = Command::new(NODE.program);
    let version = NODE.text(command.arg("--version"), "node does not tell its version")?;
    match parse_version(&version) {
        Some(found) if found >= OLDEST_NODE => Ok(()),
        _ => Err(BuildError::Source(format!(
            "node is {version}, which is too old for TypeScript workflows; {GET_NODE}"
        ))),
    }
}

fn parse_version(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('v').split('.');
    let mut number = || parts.next()?.parse().ok();
    Some((number()?, number()?))
}

/// The last line of what the builder printed.
fn read_answer(said: &str) -> Result<Said, BuildError> {
    let last = said.lines().last().unwrap_or_default();
    serde_json::from_str(last).map_err(|error| BuildError::ToolOutput {
        program: "the builder of TypeScript workflows",
        problem: format!("{error} in {last:?}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_node_are_compared_by_number() {
        assert_eq!(parse_version("v20.20.2"), Some((20, 20)));
        assert!(parse_version("v9.11.0") < Some(OLDEST_NODE));
        assert!(parse_version("v22.0.0") > Some(OLDEST_NODE));
        assert_eq!(parse_version("20"), None);
    }

    #[test]
    fn the_answer_is_the_last_line() {
        let said = read_answer("a warning\n{\"notes\":[\"x\"],\"bytes\":1}").unwrap();
        assert_eq!(said.notes, ["x"]);
        assert!(read_answer("nothing").is_err());
    }

    #[test]
    fn the_builder_and_the_adapter_are_in_the_binary() {
        let files: Vec<_> = SDK_TYPESCRIPT.files().map(|(path, _)| path).collect();
        for needed in [
            "package-lock.json",
            "tool/main.mjs",
            "src/run.ts",
            "wit/typescript.wit",
        ] {
            assert!(files.contains(&needed), "{needed} is not in {files:?}");
        }
    }
}
