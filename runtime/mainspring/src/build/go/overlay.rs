//! What the compiler is shown in place of some files: Go's `-overlay`.
//!
//! Files of `guest-sdk/go/overlay` are added to packages, and `patches.json` there lists
//! the lines of Go's library and of the SDK that differ. Nothing of the user's project or
//! of the module cache is touched or copied but the few files with such lines. Since Go
//! overlays no file of its module cache, modules are reached through links, to which a
//! copy of `go.mod` points. The links lie in the project's output folder: Go writes their
//! paths into the program, and from there they are the same on every machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;

use super::super::BuildError;
use super::toolchain::{MODULES, Project, replace};

/// Folders of our files and the package that each is added to: Go's library (`go`) or a
/// module, and the folder in it.
const ADDED: [(&str, &str, &str); 3] = [
    ("runtime", "go", "runtime"),
    ("net", "go", "net"),
    ("sdk", "sdk", "internal"),
];

/// Where the links to modules are, from the project's folder.
const LINKS: &str = ".mainspring/go";

/// What the compiler is called with.
#[derive(Debug)]
pub(super) struct Overlay {
    /// The copy of `go.mod`.
    pub(super) module_file: PathBuf,
    /// The list of files.
    pub(super) list: PathBuf,
}

#[derive(Deserialize)]
struct Patches {
    patches: Vec<Patch>,
    #[serde(default)]
    dropped: Vec<Dropped>,
}

/// A file that is left out.
#[derive(Deserialize)]
struct Dropped {
    #[serde(rename = "in")]
    place: String,
    file: String,
}

/// One change of a file.
#[derive(Deserialize)]
struct Patch {
    #[serde(rename = "in")]
    place: String,
    file: String,
    from: String,
    to: String,
}

/// Writes the overlay for a project to `work`. `files` is the folder of our files.
pub(super) fn write(project: &Project, files: &Path, work: &Path) -> Result<Overlay, BuildError> {
    let module_file = copy_module_file(&project.folder, work)?;
    let links = project.folder.join(LINKS);
    fs::create_dir_all(&links).map_err(BuildError::file("make", &links))?;
    let mut roots = BTreeMap::from([("go".to_owned(), project.library.clone())]);
    for (name, module) in MODULES {
        let Some(target) = project.modules.get(name) else {
            return Err(BuildError::Source(format!(
                "{} needs no {module}: a worker program imports go.temporal.io/sdk/worker",
                project.folder.join("go.mod").display()
            )));
        };
        let link = links.join(name);
        point(&link, target)?;
        replace(&module_file, module, &format!("./{LINKS}/{name}"))?;
        roots.insert(name.to_owned(), link);
    }
    let mut replaced = added(files, &roots)?;
    patched(files, &roots, work, &mut replaced)?;
    let list = work.join("overlay.json");
    let text = json!({ "Replace": replaced }).to_string();
    fs::write(&list, text).map_err(BuildError::file("write", &list))?;
    Ok(Overlay { module_file, list })
}

/// Copies `go.mod` and the sums beside it.
fn copy_module_file(folder: &Path, work: &Path) -> Result<PathBuf, BuildError> {
    for end in ["mod", "sum"] {
        let from = folder.join("go").with_extension(end);
        let to = work.join("go").with_extension(end);
        fs::copy(&from, to).map_err(BuildError::file("copy", from))?;
    }
    Ok(work.join("go.mod"))
}

/// A link at `link` to `target`, in place of one that was there.
fn point(link: &Path, target: &Path) -> Result<(), BuildError> {
    match fs::remove_file(link) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(BuildError::file("replace", link)(error));
        }
        _ => {}
    }
    #[cfg(unix)]
    let made = std::os::unix::fs::symlink(target, link);
    #[cfg(windows)]
    let made = std::os::windows::fs::symlink_dir(target, link);
    made.map_err(BuildError::file("make a link at", link))
}

/// Our files, by the paths that they have in the packages they are added to.
fn added(
    files: &Path,
    roots: &BTreeMap<String, PathBuf>,
) -> Result<BTreeMap<PathBuf, PathBuf>, BuildError> {
    let mut replaced = BTreeMap::new();
    for (folder, place, package) in ADDED {
        let folder = files.join(folder);
        let entries = fs::read_dir(&folder).map_err(BuildError::file("read", &folder))?;
        for entry in entries.flatten() {
            replaced.insert(
                roots[place].join(package).join(entry.file_name()),
                entry.path(),
            );
        }
    }
    Ok(replaced)
}

/// Files with changed lines.
fn patched(
    files: &Path,
    roots: &BTreeMap<String, PathBuf>,
    work: &Path,
    replaced: &mut BTreeMap<PathBuf, PathBuf>,
) -> Result<(), BuildError> {
    let list = files.join("patches.json");
    let text = fs::read(&list).map_err(BuildError::file("read", &list))?;
    let patches: Patches = serde_json::from_slice(&text)
        .map_err(|error| BuildError::Source(format!("{}: {error}", list.display())))?;
    let root_of = |place: &str| {
        roots
            .get(place)
            .ok_or_else(|| BuildError::Source(format!("{}: what is {place:?}?", list.display())))
    };
    for dropped in patches.dropped {
        let file = root_of(&dropped.place)?.join(&dropped.file);
        // An empty path is a file that is not there.
        replaced.insert(file, PathBuf::new());
    }
    for patch in patches.patches {
        let root = root_of(&patch.place)?;
        let file = root.join(&patch.file);
        // A file may have several.
        let before = replaced.get(&file).unwrap_or(&file);
        let text = fs::read_to_string(before).map_err(BuildError::file("read", &file))?;
        let text = patch.apply(&text).ok_or_else(|| unknown(&patch))?;
        let name = format!("{}_{}", patch.place, patch.file.replace('/', "_"));
        let to = work.join(name);
        fs::write(&to, text).map_err(BuildError::file("write", &to))?;
        replaced.insert(file, to);
    }
    Ok(())
}

impl Patch {
    /// `None` where the file is not as it was when the patch was written.
    fn apply(&self, text: &str) -> Option<String> {
        (text.matches(&self.from).count() == 1).then(|| text.replacen(&self.from, &self.to, 1))
    }
}

fn unknown(patch: &Patch) -> BuildError {
    let what = match patch.place.as_str() {
        "go" => "this version of Go",
        "sdk" => "this version of go.temporal.io/sdk",
        "api" => "this version of go.temporal.io/api",
        _ => "this version of google.golang.org/protobuf",
    };
    BuildError::Source(format!(
        "{what} is not supported: its {} is not as expected (docs/languages/go.md lists the \
         versions that are)",
        patch.file
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(from: &str, to: &str) -> Patch {
        Patch {
            place: "sdk".to_owned(),
            file: "internal/a.go".to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
        }
    }

    #[test]
    fn a_patch_applies_where_its_lines_stand_once() {
        assert_eq!(patch("b", "x").apply("abc").as_deref(), Some("axc"));
        assert_eq!(patch("b", "x").apply("abcb"), None);
        assert_eq!(patch("d", "x").apply("abc"), None);
    }

    #[test]
    fn an_unknown_version_is_named() {
        let said = unknown(&patch("a", "b")).to_string();
        assert!(
            said.contains("go.temporal.io/sdk is not supported"),
            "{said}"
        );
        assert!(said.contains("internal/a.go"), "{said}");
    }

    #[cfg(unix)]
    #[test]
    fn files_are_added_and_patched_in_the_eyes_of_the_compiler() {
        let folder = tempfile::tempdir().unwrap();
        let files = folder.path().join("files");
        let (library, work) = (folder.path().join("go"), folder.path().join("work"));
        for path in [&work, &library.join("net"), &files.join("runtime")] {
            fs::create_dir_all(path).unwrap();
        }
        for name in ["net", "sdk"] {
            fs::create_dir_all(files.join(name)).unwrap();
        }
        fs::write(files.join("runtime/more.go"), "package runtime").unwrap();
        fs::write(library.join("net/dial.go"), "one two").unwrap();
        let patches = json!({"patches": [
            {"in": "go", "file": "net/dial.go", "from": "one", "to": "1"},
            {"in": "go", "file": "net/dial.go", "from": "two", "to": "2"},
        ]});
        fs::write(files.join("patches.json"), patches.to_string()).unwrap();
        let roots = BTreeMap::from([
            ("go".to_owned(), library.clone()),
            ("sdk".to_owned(), folder.path().join("sdk")),
        ]);
        let mut replaced = added(&files, &roots).unwrap();
        patched(&files, &roots, &work, &mut replaced).unwrap();
        assert_eq!(
            replaced[&library.join("runtime/more.go")],
            files.join("runtime/more.go")
        );
        let text = fs::read_to_string(&replaced[&library.join("net/dial.go")]).unwrap();
        assert_eq!(text, "1 2");
        assert_eq!(
            fs::read_to_string(library.join("net/dial.go")).unwrap(),
            "one two"
        );
    }
}
