//! `mainspring new`: what it makes builds, and its own tests pass. Ignored unless asked for:
//! `cargo xtask test` asks when the tools of all languages are there.

use std::path::{Path, PathBuf};
use std::process::Command;

use mainspring_tests::binary;

/// A project that was just made.
struct Project {
    _parent: tempfile::TempDir,
    folder: PathBuf,
}

impl Project {
    fn new(language: &str) -> Self {
        let parent = tempfile::tempdir().expect("a folder can be made");
        let project = Self {
            folder: parent.path().join("greeting"),
            _parent: parent,
        };
        let parent = project.folder.parent().expect("it has a parent");
        let words = ["new", "--language", language, "greeting", "--parent", "."];
        run(Command::new(binary("mainspring"))
            .args(words)
            .current_dir(parent));
        project
    }

    /// Runs a program of the language's in the project's folder.
    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env("MAINSPRING", binary("mainspring"))
            .env("CARGO_TARGET_DIR", self.target());
        run(&mut command);
    }

    /// Compiled dependencies are kept, apart from those of the repository.
    fn target(&self) -> PathBuf {
        let target = binary("mainspring");
        let target = target
            .parent()
            .and_then(Path::parent)
            .expect("a target folder");
        target.join("new-projects")
    }

    fn build(&self, folder: &str, language: &str) {
        let program = binary("mainspring").to_string_lossy().into_owned();
        self.run(
            &program,
            &["component", "build", folder, "--language", language],
        );
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("the program runs");
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
#[ignore = "needs Python with pytest and ziglang"]
fn a_new_project_in_c_passes_its_own_tests() {
    Project::new("c").run("python3", &["-m", "pytest", "-q"]);
}

#[test]
#[ignore = "needs Python with pytest, and packages from its index"]
fn a_new_project_in_python_passes_its_own_tests() {
    Project::new("python").run("python3", &["-m", "pytest", "-q"]);
}

#[test]
#[ignore = "needs Node and packages from npm"]
fn a_new_project_in_typescript_passes_its_own_tests() {
    let project = Project::new("typescript");
    project.run(
        "npm",
        &["install", "--ignore-scripts", "--no-audit", "--no-fund"],
    );
    project.run("npm", &["test"]);
}

#[test]
#[ignore = "needs Go and modules from its proxy"]
fn a_new_project_in_go_passes_its_own_tests() {
    let project = Project::new("go");
    project.run("go", &["mod", "tidy"]);
    project.run("go", &["vet", "./..."]);
    project.run("go", &["test", "./..."]);
    project.build(".", "go");
}

#[test]
#[ignore = "needs crates from the registry"]
fn a_new_project_in_rust_passes_its_own_tests() {
    let project = Project::new("rust");
    project.run("cargo", &["test", "-p", "greeting-workflow"]);
    project.build("workflow", "rust");
}
