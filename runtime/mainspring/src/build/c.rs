//! Building a project in C or Zig: its sources and the one source file of our SDK, by
//! clang or by `zig cc`, for WebAssembly without a system below it.
//!
//! A project with a Makefile is built by it: `make workflow.wasm` with the compiler, its
//! flags and the SDK's folder as variables.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::BuildError;
use super::embedded::SDK_C;
use super::encode;
use super::job::{Artifact, Code, Job};
use super::language::Language;
use super::tool::Tool;

/// What a Makefile makes.
const MADE: &str = "workflow.wasm";
const MAKEFILES: [&str; 3] = ["Makefile", "makefile", "GNUmakefile"];
const SDK_SOURCE: &str = "mainspring.c";
const SDK_HEADER: &str = "mainspring.h";
/// What every compiler of C is told. The paths of this machine stay out of the result.
const FLAGS: [&str; 7] = [
    "-O2",
    "-g0",
    "-std=c11",
    "-ffreestanding",
    "-mbulk-memory",
    "-Wall",
    "-Wextra",
];
const LINK_FLAGS: [&str; 3] = ["-nostdlib", "-Wl,--no-entry", "-Wl,--strip-debug"];

const CLANG: Tool = Tool {
    program: "clang",
    purpose: "compiles C for WebAssembly",
    get: GET,
};
const ZIG: Tool = Tool {
    program: "zig",
    purpose: "compiles Zig, and C where there is no clang, for WebAssembly",
    get: GET,
};
const MAKE: Tool = Tool {
    program: "make",
    purpose: "builds a project with a Makefile",
    get: "install it with your system's packages",
};
const GET: &str = "install clang and lld with your system's packages (`apt-get install clang \
                   lld`), or Zig (`pip install ziglang`, or https://ziglang.org)";

/// A compiler that this machine has.
enum Compiler {
    Clang,
    /// How to call it: `zig`, or Python with the package `ziglang`.
    Zig(Vec<&'static str>),
}

/// The project's sources.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sources {
    c: Vec<PathBuf>,
    zig: Vec<PathBuf>,
}

/// Builds the project.
pub(crate) fn build(job: &Job<'_>) -> Result<Artifact, BuildError> {
    job.no_workflows_flag(Language::C)?;
    let sdk = job.cache.unpacked("c-sdk", &SDK_C)?;
    let work = job.cache.work(&job.folder)?;
    let module = work.path.join(MADE);
    if MAKEFILES.iter().any(|name| job.folder.join(name).is_file()) {
        make(job, &sdk, &module)?;
    } else {
        let sources = Sources::of(&job.folder)?;
        match (sources.c.is_empty(), sources.zig.as_slice()) {
            (true, []) => {
                return Err(job.problem("has no source that ends in .c or .zig, here or in src"));
            }
            (_, []) => compile_c(job, &sdk, &sources.c, &module)?,
            (true, [root]) => compile_zig(job, &sdk, root, &work.path, &module)?,
            (_, zig) => compile_mixed(job, &sdk, &sources.c, zig, &work.path, &module)?,
        }
    }
    let mut bytes = std::fs::read(&module).map_err(BuildError::file("read", &module))?;
    encode::embed(&mut bytes, job.named)?;
    Ok(Artifact {
        code: Code::Module {
            module: bytes,
            adapters: Vec::new(),
        },
        out_file: job.default_out_file(&job.name())?,
    })
}

impl Sources {
    /// What lies in the folder and in its `src`, by name.
    fn of(folder: &Path) -> Result<Self, BuildError> {
        let mut sources = Self::default();
        for folder in [folder.to_owned(), folder.join("src")] {
            if !folder.is_dir() {
                continue;
            }
            let entries = std::fs::read_dir(&folder).map_err(BuildError::file("read", &folder))?;
            for entry in entries.flatten() {
                let path = entry.path();
                match path.extension().and_then(OsStr::to_str) {
                    Some("c") => sources.c.push(path),
                    Some("zig") => sources.zig.push(path),
                    _ => {}
                }
            }
        }
        sources.c.sort();
        sources.zig.sort();
        Ok(sources)
    }
}

/// The first compiler that runs; clang only where it knows WebAssembly.
fn compiler() -> Option<Compiler> {
    let runs = |program: &str, arguments: &[&str]| {
        let answer = Command::new(program).args(arguments).output();
        answer.is_ok_and(|answer| answer.status.success())
    };
    let clang = runs("clang", &["--target=wasm32", "-print-target-triple"])
        && runs("wasm-ld", &["--version"]);
    if clang {
        return Some(Compiler::Clang);
    }
    zig().map(Compiler::Zig)
}

fn zig() -> Option<Vec<&'static str>> {
    const WAYS: [&[&str]; 3] = [
        &["zig"],
        &["python3", "-m", "ziglang"],
        &["python", "-m", "ziglang"],
    ];
    let way = WAYS.into_iter().find(|way| {
        let mut command = command(way);
        let answer = command.arg("version").output();
        answer.is_ok_and(|answer| answer.status.success())
    });
    way.map(<[&str]>::to_vec)
}

fn command(words: &[&str]) -> Command {
    let (program, arguments) = words.split_first().unwrap_or((&"zig", &[]));
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

fn missing(tool: &Tool) -> BuildError {
    tool.missing(&std::io::Error::from(std::io::ErrorKind::NotFound))
}

/// Files may use assertions: the names of their folders stay out.
fn without_paths(job: &Job<'_>, sdk: &Path) -> [String; 2] {
    [
        format!("-ffile-prefix-map={}=.", job.folder.display()),
        format!("-ffile-prefix-map={}=/sdk", sdk.display()),
    ]
}

fn compile_c(
    job: &Job<'_>,
    sdk: &Path,
    sources: &[PathBuf],
    module: &Path,
) -> Result<(), BuildError> {
    let (tool, mut command) = match compiler() {
        Some(Compiler::Clang) => {
            let mut command = Command::new("clang");
            command.arg("--target=wasm32");
            (CLANG, command)
        }
        Some(Compiler::Zig(way)) => {
            let mut command = command(&way);
            command.args(["cc", "-target", "wasm32-freestanding"]);
            (ZIG, command)
        }
        None => return Err(missing(&CLANG)),
    };
    command
        .args(FLAGS)
        .args(without_paths(job, sdk))
        .args(LINK_FLAGS)
        .arg("-I")
        .arg(sdk)
        .args(sources)
        .arg(sdk.join(SDK_SOURCE))
        .arg("-o")
        .arg(module)
        .current_dir(&job.folder);
    let action = format!("the sources of {} do not compile", job.named.display());
    tool.run(&mut command, &action)?;
    Ok(())
}

/// One Zig file is the root; it imports the header as `mainspring`.
fn compile_zig(
    job: &Job<'_>,
    sdk: &Path,
    root: &Path,
    work: &Path,
    module: &Path,
) -> Result<(), BuildError> {
    compile_mixed(
        job,
        sdk,
        &[],
        std::slice::from_ref(&root.to_owned()),
        work,
        module,
    )
}

fn compile_mixed(
    job: &Job<'_>,
    sdk: &Path,
    c: &[PathBuf],
    zig_sources: &[PathBuf],
    work: &Path,
    module: &Path,
) -> Result<(), BuildError> {
    let way = zig().ok_or_else(|| missing(&ZIG))?;
    let root = match zig_sources {
        [one] => one,
        several => several
            .iter()
            .find(|path| path.file_stem().is_some_and(|stem| stem == "main"))
            .ok_or_else(|| {
                job.problem(
                    "has several Zig sources; name the one that imports the others main.zig",
                )
            })?,
    };
    let mut translate = command(&way);
    translate
        .args(["translate-c", "-target", "wasm32-freestanding", "-I"])
        .arg(sdk)
        .arg(sdk.join(SDK_HEADER));
    let header = ZIG.run(&mut translate, "zig cannot translate the header of the SDK")?;
    let bindings = work.join("mainspring.zig");
    std::fs::write(&bindings, header).map_err(BuildError::file("write", &bindings))?;
    let mut build = command(&way);
    build
        .args(["build-exe", "-target", "wasm32-freestanding", "-mcpu"])
        .args(["generic+bulk_memory", "-O", "ReleaseSmall", "-fno-entry"])
        .args(["-fstrip", "-I"])
        .arg(sdk)
        .args(["--dep", "mainspring"])
        .arg(format!("-Mroot={}", root.display()))
        .arg("-cflags")
        .args(FLAGS)
        .args(without_paths(job, sdk))
        .arg("--")
        .args(c)
        .arg(sdk.join(SDK_SOURCE))
        .arg(format!("-Mmainspring={}", bindings.display()))
        .arg(format!("-femit-bin={}", module.display()))
        .current_dir(&job.folder);
    let action = format!("the sources of {} do not compile", job.named.display());
    ZIG.run(&mut build, &action)?;
    Ok(())
}

/// The Makefile's own rules, with what they need as variables.
fn make(job: &Job<'_>, sdk: &Path, module: &Path) -> Result<(), BuildError> {
    let compiler = match compiler() {
        Some(Compiler::Clang) => "clang --target=wasm32".to_owned(),
        Some(Compiler::Zig(way)) => format!("{} cc -target wasm32-freestanding", way.join(" ")),
        None => return Err(missing(&CLANG)),
    };
    let paths = without_paths(job, sdk).join(" ");
    let sdk_folder = sdk.display();
    let mut command = Command::new("make");
    command
        .arg(MADE)
        .arg(format!("CC={compiler}"))
        .arg(format!("CFLAGS={} {paths} -I{sdk_folder}", FLAGS.join(" ")))
        .arg(format!("LDFLAGS={}", LINK_FLAGS.join(" ")))
        .arg(format!("MAINSPRING={}", sdk.join(SDK_SOURCE).display()))
        .current_dir(&job.folder);
    let action = format!("make could not build {MADE} of {}", job.named.display());
    MAKE.run(&mut command, &action)?;
    let made = job.folder.join(MADE);
    std::fs::copy(&made, module).map_err(BuildError::file("copy", made))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_found_in_the_folder_and_in_src() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("src")).unwrap();
        for name in ["b.c", "a.c", "src/c.c", "src/main.zig", "notes.txt"] {
            std::fs::write(folder.path().join(name), b"").unwrap();
        }
        let sources = Sources::of(folder.path()).unwrap();
        let names = |paths: &[PathBuf]| -> Vec<String> {
            let inside = paths
                .iter()
                .map(|path| path.strip_prefix(folder.path()).unwrap());
            inside.map(|path| path.display().to_string()).collect()
        };
        assert_eq!(names(&sources.c), ["a.c", "b.c", "src/c.c"]);
        assert_eq!(names(&sources.zig), ["src/main.zig"]);
    }

    #[test]
    fn without_a_compiler_the_message_says_where_one_is_had() {
        let text = missing(&CLANG).to_string();
        assert!(text.contains("apt-get install clang lld"), "{text}");
        assert!(text.contains("pip install ziglang"), "{text}");
    }

    #[test]
    fn the_binary_carries_the_sdk() {
        let names: Vec<&str> = SDK_C.files().map(|(name, _)| name).collect();
        assert!(
            names.contains(&SDK_SOURCE) && names.contains(&SDK_HEADER),
            "{names:?}"
        );
    }
}
