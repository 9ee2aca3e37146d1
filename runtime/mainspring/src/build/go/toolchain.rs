//! What Go knows of the project: which program is the worker, where its modules are; and
//! the compiler's call.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::super::BuildError;
use super::super::job::Job;
use super::super::tool::Tool;
use super::overlay::Overlay;

const GO: Tool = Tool {
    program: "go",
    purpose: "builds projects in Go",
    get: "install Go 1.25 or newer (https://go.dev/dl)",
};

/// Whose import makes a program a worker.
const WORKER: &str = "go.temporal.io/sdk/worker";
/// Modules with files that differ in a component, by the names that patches have for
/// them.
pub(super) const MODULES: [(&str, &str); 3] = [
    ("sdk", "go.temporal.io/sdk"),
    ("api", "go.temporal.io/api"),
    ("protobuf", "google.golang.org/protobuf"),
];

/// The project, as Go sees it.
#[derive(Debug)]
pub(super) struct Project {
    /// The folder of `go.mod`.
    pub(super) folder: PathBuf,
    /// The import path of the program to build.
    program: String,
    /// The folder of Go's own library.
    pub(super) library: PathBuf,
    /// The folders of the modules of [`MODULES`].
    pub(super) modules: BTreeMap<&'static str, PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    #[serde(rename = "GOROOT")]
    root: PathBuf,
    #[serde(rename = "GOMOD")]
    module_file: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Package {
    import_path: String,
    name: String,
    dir: PathBuf,
    #[serde(default)]
    imports: Vec<String>,
    #[serde(default)]
    deps: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Module {
    path: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    dir: Option<PathBuf>,
}

/// Finds the worker program that the job's folder means: its own, or the only one below.
pub(super) fn find(job: &Job<'_>) -> Result<Project, BuildError> {
    let answer = GO.run(
        go(&job.folder).args(["env", "-json", "GOROOT", "GOMOD"]),
        "go could not say where it is installed",
    )?;
    let environment: Environment = parse(&answer)?;
    let module_file = PathBuf::from(&environment.module_file);
    let folder = match module_file.parent() {
        Some(folder) if module_file.ends_with("go.mod") => folder.to_owned(),
        _ => return Err(job.problem("is in no Go module; run `go mod init` in it")),
    };
    let program = program(job)?;
    let modules = modules(job, &folder)?;
    Ok(Project {
        folder,
        program,
        library: environment.root.join("src"),
        modules,
    })
}

/// The import path of the worker's package.
fn program(job: &Job<'_>) -> Result<String, BuildError> {
    let action = format!("go could not read the packages of {}", job.named.display());
    let answer = GO.run(
        go(&job.folder).args(["list", "-json=ImportPath,Name,Dir,Imports,Deps", "./..."]),
        &action,
    )?;
    let packages = stream::<Package>(&answer)?;
    let programs: Vec<Package> = packages
        .into_iter()
        .filter(|package| package.name == "main")
        .collect();
    choose(programs, &job.folder).map_err(|problem| job.problem(problem))
}

/// Of several programs the one that makes a worker.
fn choose(programs: Vec<Package>, folder: &Path) -> Result<String, String> {
    const WHAT: &str = "a program that makes a worker (worker.New of go.temporal.io/sdk/worker)";
    let is_worker = |package: &&Package| {
        package
            .imports
            .iter()
            .chain(&package.deps)
            .any(|path| path == WORKER)
    };
    if let Some(own) = programs.iter().find(|package| package.dir == folder) {
        return match is_worker(&own) {
            true => Ok(own.import_path.clone()),
            false => Err(format!("holds a program, but not {WHAT}")),
        };
    }
    let workers: Vec<&Package> = programs.iter().filter(is_worker).collect();
    match workers[..] {
        [worker] => Ok(worker.import_path.clone()),
        [] => Err(format!("holds no {}", &WHAT[2..])),
        _ => {
            let names: Vec<&str> = workers
                .iter()
                .map(|worker| worker.import_path.as_str())
                .collect();
            Err(format!(
                "holds several programs that make workers ({}); name the folder of one",
                names.join(", ")
            ))
        }
    }
}

/// Where the modules are, downloaded if need be.
fn modules(job: &Job<'_>, folder: &Path) -> Result<BTreeMap<&'static str, PathBuf>, BuildError> {
    let action = format!("go could not get the modules of {}", job.named.display());
    let paths = MODULES.map(|(_, path)| path);
    GO.run(go(folder).args(["mod", "download"]).args(paths), &action)?;
    let answer = GO.run(
        go(folder).args(["list", "-m", "-json"]).args(paths),
        &action,
    )?;
    let mut found = BTreeMap::new();
    for module in stream::<Module>(&answer)? {
        let name = MODULES.iter().find(|(_, path)| *path == module.path);
        let dir = module.dir.ok_or_else(|| BuildError::ToolOutput {
            program: GO.program,
            problem: format!("no folder for {} {}", module.path, module.version),
        })?;
        if let Some((name, _)) = name {
            found.insert(*name, dir);
        }
    }
    Ok(found)
}

/// Compiles the program to `out`.
pub(super) fn compile(project: &Project, overlay: &Overlay, out: &Path) -> Result<(), BuildError> {
    let mut command = go(&project.folder);
    command
        .env("GOOS", "wasip1")
        .env("GOARCH", "wasm")
        .env("CGO_ENABLED", "0")
        // The copy of go.mod may want a line more.
        .env("GOFLAGS", "-mod=mod")
        .args([
            "build",
            "-buildmode=c-shared",
            "-trimpath",
            "-buildvcs=false",
        ])
        // Without these, tracing pages of grpc come with the web server they are shown by.
        .arg("-tags=grpcnotrace,retrynotrace")
        .arg("-ldflags=-checklinkname=0 -s -w")
        .arg(with_path("-modfile=", &overlay.module_file))
        .arg(with_path("-overlay=", &overlay.list))
        .arg("-o")
        .arg(out)
        .arg(&project.program);
    let action = format!("go could not build {} for WebAssembly", project.program);
    GO.run(&mut command, &action)?;
    Ok(())
}

/// Writes a copy of `go.mod` that finds a module in another folder.
pub(super) fn replace(module_file: &Path, module: &str, folder: &str) -> Result<(), BuildError> {
    let mut edit = go(module_file.parent().unwrap_or(Path::new("/")));
    edit.args(["mod", "edit"])
        .arg(format!("-replace={module}={folder}"))
        .arg(module_file);
    GO.run(&mut edit, "go could not edit a copy of go.mod")?;
    Ok(())
}

fn with_path(flag: &str, path: &Path) -> std::ffi::OsString {
    let mut argument = std::ffi::OsString::from(flag);
    argument.push(path);
    argument
}

/// Go in a folder, without the user's flags, which may contradict ours; a workspace is
/// left out, for it and a `go.mod` of ours exclude one another.
fn go(folder: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("GO").unwrap_or_else(|| GO.program.into()));
    command
        .current_dir(folder)
        .env("GOWORK", "off")
        .env("GOFLAGS", "-mod=readonly");
    command
}

fn parse<T: for<'a> Deserialize<'a>>(answer: &[u8]) -> Result<T, BuildError> {
    serde_json::from_slice(answer).map_err(|error| senseless(&error))
}

/// Go prints one object after the other.
fn stream<T: for<'a> Deserialize<'a>>(answer: &[u8]) -> Result<Vec<T>, BuildError> {
    serde_json::Deserializer::from_slice(answer)
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|error| senseless(&error))
}

fn senseless(error: &serde_json::Error) -> BuildError {
    BuildError::ToolOutput {
        program: GO.program,
        problem: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(name: &str, imports: &[&str]) -> Package {
        Package {
            import_path: format!("example.com/app/{name}"),
            name: "main".to_owned(),
            dir: PathBuf::from(format!("/app/{name}")),
            imports: imports.iter().map(ToString::to_string).collect(),
            deps: Vec::new(),
        }
    }

    #[test]
    fn the_program_that_makes_a_worker_is_built() {
        let programs = vec![program("starter", &["fmt"]), program("worker", &[WORKER])];
        let chosen = choose(programs, Path::new("/app")).unwrap();
        assert_eq!(chosen, "example.com/app/worker");
    }

    #[test]
    fn the_program_of_the_folder_itself_is_taken() {
        let programs = vec![program("a", &[WORKER]), program("b", &[WORKER])];
        assert_eq!(
            choose(programs, Path::new("/app/b")).unwrap(),
            "example.com/app/b"
        );
        let error = choose(vec![program("a", &["fmt"])], Path::new("/app/a")).unwrap_err();
        assert!(error.contains("worker.New"), "{error}");
    }

    #[test]
    fn several_workers_are_named() {
        let programs = vec![program("a", &[WORKER]), program("b", &[WORKER])];
        let error = choose(programs, Path::new("/app")).unwrap_err();
        assert!(error.contains("app/a, example.com/app/b"), "{error}");
        let error = choose(vec![program("a", &["fmt"])], Path::new("/app")).unwrap_err();
        assert!(
            error.contains("holds no program that makes a worker"),
            "{error}"
        );
    }

    #[test]
    fn one_object_after_the_other_is_read() {
        let answer = br#"{"Path":"a","Dir":"/a"}
{"Path":"b"}"#;
        let modules = stream::<Module>(answer).unwrap();
        assert_eq!(modules.len(), 2);
        assert!(stream::<Module>(b"{").is_err());
    }
}
