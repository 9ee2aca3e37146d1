//! Building a project in Python: `componentize-py` puts CPython, the official library,
//! the project's packages and its sources into one component.
//!
//! What Python can do better than Rust (reading a project, installing packages, making
//! the component) is in `guest-sdk/python/tool`; here is where things are kept. Three
//! folders in the tool cache: the tools' environment, the project's packages, our SDK.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::json;

use super::BuildError;
use super::embedded::{SDK_PYTHON, WIT};
use super::job::{Artifact, Code, Job};
use super::tool::Tool;

/// The version of the tool, and with it of CPython (3.14).
const COMPONENTIZE_PY: &str = "componentize-py==0.25.1";
/// The oldest Python that runs the tools.
const OLDEST: (u32, u32) = (3, 10);
/// Names another interpreter than `python3`.
const INTERPRETER: &str = "MAINSPRING_PYTHON";

const PYTHON: Tool = Tool {
    program: "python3",
    purpose: "builds workflows in Python",
    get: "install Python 3.10 or newer (https://python.org), or name one in MAINSPRING_PYTHON",
};

#[derive(Deserialize)]
struct Requirements {
    lines: Vec<String>,
}

/// Builds the project.
pub(crate) fn build(job: &Job<'_>) -> Result<Artifact, BuildError> {
    let version = python_version()?;
    let tools = tools(job, &version)?;
    let sdk = job.cache.unpacked("python-sdk", &SDK_PYTHON)?;
    let wit = job.cache.unpacked("wit", &WIT)?;
    let script = Script {
        python: tools.join("bin/python"),
        build: sdk.join("tool/build.py"),
        named: job.named,
    };
    let packages = packages(job, &script, &version)?;
    let work = job.cache.work(&job.folder)?;
    let component = work.path.join("component.wasm");
    let settings = json!({
        "project": job.folder,
        "workflows": job.options.workflows,
        "work": work.path,
        "sdk": sdk,
        "wit": wit,
        "packages": packages,
        "tools": tools,
        "unserved": unserved(),
        "out": component,
    });
    script.run(
        &["component", &settings.to_string()],
        "could not build the workflows of",
    )?;
    let bytes = std::fs::read(&component).map_err(BuildError::file("read", &component))?;
    Ok(Artifact {
        code: Code::Component(bytes),
        out_file: job.default_out_file(&job.name())?,
    })
}

/// The interfaces of the contract that a server of this version would refuse to see
/// imported: the tool imports whatever the world names.
fn unserved() -> Vec<&'static str> {
    let worlds = WIT.files().filter(|(name, _)| *name == "world.wit");
    let text = worlds.filter_map(|(_, bytes)| std::str::from_utf8(bytes).ok());
    let imports = text.flat_map(str::lines).filter_map(|line| {
        let import = line.trim().strip_prefix("import ")?;
        import.strip_suffix(';')
    });
    imports
        .filter(|interface| !mainspring_sandbox::serves(interface))
        .collect()
}

/// The interpreter's version, where it is new enough.
fn python_version() -> Result<String, BuildError> {
    let mut command = Command::new(interpreter());
    command.args(["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]);
    let version = PYTHON.text(&mut command, "python3 could not be asked for its version")?;
    let too_old = || BuildError::ToolOutput {
        program: "python3",
        problem: format!("it is version {version}; {}", PYTHON.get),
    };
    let (major, minor) = version.split_once('.').ok_or_else(too_old)?;
    match (major.parse::<u32>(), minor.parse::<u32>()) {
        (Ok(major), Ok(minor)) if (major, minor) >= OLDEST => Ok(version),
        _ => Err(too_old()),
    }
}

fn interpreter() -> std::ffi::OsString {
    std::env::var_os(INTERPRETER).unwrap_or_else(|| PYTHON.program.into())
}

/// An environment with the tools.
fn tools(job: &Job<'_>, version: &str) -> Result<PathBuf, BuildError> {
    let key = [COMPONENTIZE_PY.as_bytes(), version.as_bytes()];
    job.cache.folder("python-tools", &key, |folder| {
        let mut make = Command::new(interpreter());
        make.args(["-m", "venv"]).arg(folder);
        PYTHON.run(&mut make, "python3 could not make a virtual environment")?;
        let mut install = Command::new(folder.join("bin/python"));
        install.args(["-m", "pip", "install", "--quiet"]);
        install.args(["--disable-pip-version-check", COMPONENTIZE_PY]);
        PYTHON.run(
            &mut install,
            &format!("pip could not install {COMPONENTIZE_PY}"),
        )?;
        Ok(())
    })
}

/// The project's packages, without native code; installed once for what it asks for.
fn packages(job: &Job<'_>, script: &Script<'_>, version: &str) -> Result<PathBuf, BuildError> {
    let folder = job.folder.to_string_lossy();
    let wanted = script.run(
        &["requirements", &folder],
        "could not read the requirements of",
    )?;
    let lines: Requirements =
        serde_json::from_slice(&wanted).map_err(|error| BuildError::ToolOutput {
            program: "build.py",
            problem: error.to_string(),
        })?;
    let wanted = String::from_utf8_lossy(&wanted).into_owned();
    let mut key = vec![version.as_bytes()];
    key.extend(lines.lines.iter().map(|line| line.as_bytes()));
    job.cache.folder("python-packages", &key, |folder| {
        let folder = folder.to_string_lossy();
        script.run(
            &["packages", &wanted, &folder],
            "could not install the packages of",
        )?;
        Ok(())
    })
}

/// Our script, run by the tools' interpreter.
struct Script<'a> {
    python: PathBuf,
    build: PathBuf,
    /// The project, for messages.
    named: &'a Path,
}

impl Script<'_> {
    fn run(&self, arguments: &[&str], action: &str) -> Result<Vec<u8>, BuildError> {
        let mut command = Command::new(&self.python);
        // Nothing of the user's environment has a say in the build.
        command.args(["-E", "-s"]).arg(&self.build).args(arguments);
        PYTHON.run(&mut command, &format!("{action} {}", self.named.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decides_the_build_is_carried_in_the_binary() {
        let names: Vec<_> = SDK_PYTHON.files().map(|(name, _)| name).collect();
        for name in ["tool/build.py", "mainspring_guest/component.py"] {
            assert!(names.contains(&name), "{name} is missing in {names:?}");
        }
        assert!(!names.iter().any(|name| name.starts_with("tests/")));
    }

    #[test]
    fn what_no_server_serves_is_not_imported() {
        let unserved = unserved();
        assert!(unserved.contains(&"nexus"), "{unserved:?}");
        assert!(!unserved.contains(&"timers"), "{unserved:?}");
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!((3, 14) >= OLDEST && (3, 9) < OLDEST);
    }
}
