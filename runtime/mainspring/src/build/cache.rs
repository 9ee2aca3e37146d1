//! The folder for what builds need and don't want to make each time: pinned packages
//! of a language's tools, our SDKs, intermediate files of a project.
//!
//! A folder in it is named after the digest of what decides its content (versions, lock
//! files), filled once under a lock, and never changed after that: two builds at once,
//! or two versions of this program, do not disturb each other. All of it can be
//! deleted at any time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::BuildError;
use super::embedded::EmbeddedFolder;

/// Written last: a folder without it was left half-filled.
const COMPLETE: &str = ".complete";
/// Digits of a digest in a folder's name.
const DIGITS: usize = 16;

/// Where tools are kept.
#[derive(Debug)]
pub(crate) struct ToolCache {
    root: Option<PathBuf>,
}

/// A folder of one project's own. Other builds of the same project wait until this is
/// dropped.
#[derive(Debug)]
pub(crate) struct WorkFolder {
    /// Where it is.
    pub(crate) path: PathBuf,
    _lock: File,
}

impl ToolCache {
    /// The folder that was named, or the usual one of this user. Nothing is made before
    /// it is needed.
    pub(crate) fn new(named: Option<&Path>) -> Self {
        Self {
            root: named.map(Path::to_owned).or_else(usual),
        }
    }

    /// The folder NAME whose content `key` decides. Where it is not there yet, `fill`
    /// fills it; where that fails, the next build tries again.
    pub(crate) fn folder(
        &self,
        name: &str,
        key: &[&[u8]],
        fill: impl FnOnce(&Path) -> Result<(), BuildError>,
    ) -> Result<PathBuf, BuildError> {
        let path = self.root()?.join(format!("{name}-{}", digest(key)));
        if path.join(COMPLETE).is_file() {
            return Ok(path);
        }
        let _lock = lock(&path)?;
        // Whoever held the lock before may have filled it.
        if path.join(COMPLETE).is_file() {
            return Ok(path);
        }
        if path.exists() {
            fs::remove_dir_all(&path).map_err(BuildError::file("remove", &path))?;
        }
        make(&path)?;
        fill(&path)?;
        let complete = path.join(COMPLETE);
        fs::write(&complete, b"").map_err(BuildError::file("write", complete))?;
        Ok(path)
    }

    /// Files that this program carries, as files on disk.
    pub(crate) fn unpacked(
        &self,
        name: &str,
        files: &EmbeddedFolder,
    ) -> Result<PathBuf, BuildError> {
        let key = files.key();
        self.folder(name, &key, |path| files.write_to(path))
    }

    /// A folder for the intermediate files of the project in `project`, kept from one
    /// build to the next.
    pub(crate) fn work(&self, project: &Path) -> Result<WorkFolder, BuildError> {
        let name = project.file_name().unwrap_or_default().to_string_lossy();
        let digits = digest(&[project.as_os_str().as_encoded_bytes()]);
        let path = self.root()?.join("work").join(format!("{name}-{digits}"));
        let lock = lock(&path)?;
        make(&path)?;
        Ok(WorkFolder { path, _lock: lock })
    }

    fn root(&self) -> Result<&Path, BuildError> {
        self.root.as_deref().ok_or_else(|| BuildError::NoCache {
            problem: "neither HOME nor XDG_CACHE_HOME is set".to_owned(),
        })
    }
}

/// Where this user's caches are.
fn usual() -> Option<PathBuf> {
    let folder = |name: &str| {
        let value = std::env::var_os(name)?;
        let path = PathBuf::from(value);
        path.is_absolute().then_some(path)
    };
    let caches = folder("XDG_CACHE_HOME")
        .or_else(|| folder("LOCALAPPDATA"))
        .or_else(|| {
            let home = folder("HOME")?;
            let of_a_mac = cfg!(target_os = "macos");
            Some(home.join(if of_a_mac { "Library/Caches" } else { ".cache" }))
        })?;
    Some(caches.join("mainspring"))
}

/// Parts are told apart by their lengths.
fn digest(key: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in key {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let mut digits = hex::encode(hash.finalize());
    digits.truncate(DIGITS);
    digits
}

fn make(path: &Path) -> Result<(), BuildError> {
    fs::create_dir_all(path).map_err(BuildError::file("make", path))
}

/// Waits for the lock beside a folder. The system lets go of it when the process ends.
fn lock(folder: &Path) -> Result<File, BuildError> {
    if let Some(parent) = folder.parent() {
        make(parent)?;
    }
    let mut path = folder.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(BuildError::file("open", &path))?;
    file.lock().map_err(BuildError::file("lock", &path))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_folder_is_filled_once_even_by_builds_at_once() {
        let root = tempfile::tempdir().unwrap();
        let cache = ToolCache::new(Some(root.path()));
        let filled = AtomicUsize::new(0);
        let fill = |path: &Path| {
            filled.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(std::time::Duration::from_millis(20));
            fs::write(path.join("tool"), b"x").map_err(BuildError::file("write", path))
        };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let folder = cache.folder("tools", &[b"1.0"], fill).unwrap();
                    assert!(folder.join("tool").is_file());
                });
            }
        });
        assert_eq!(filled.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_folder_that_could_not_be_filled_is_filled_the_next_time() {
        let root = tempfile::tempdir().unwrap();
        let cache = ToolCache::new(Some(root.path()));
        let failed = cache.folder("tools", &[b"1.0"], |path| {
            fs::write(path.join("half"), b"").unwrap();
            Err(BuildError::Source("no network".to_owned()))
        });
        assert!(failed.is_err());
        let folder = cache.folder("tools", &[b"1.0"], |_| Ok(())).unwrap();
        assert!(!folder.join("half").exists());
    }

    #[test]
    fn another_version_has_another_folder() {
        let root = tempfile::tempdir().unwrap();
        let cache = ToolCache::new(Some(root.path()));
        let one = cache.folder("tools", &[b"1", b"2"], |_| Ok(())).unwrap();
        let other = cache.folder("tools", &[b"12", b""], |_| Ok(())).unwrap();
        assert_ne!(one, other);
    }

    #[test]
    fn a_project_has_one_folder_for_its_intermediate_files() {
        let root = tempfile::tempdir().unwrap();
        let cache = ToolCache::new(Some(root.path()));
        let first = cache.work(Path::new("/a/order")).unwrap();
        let other = cache.work(Path::new("/b/order")).unwrap();
        assert_ne!(first.path, other.path);
        let path = first.path.clone();
        drop(first);
        assert_eq!(cache.work(Path::new("/a/order")).unwrap().path, path);
    }
}
