//! File systems of a test's own, small enough to fill and free to break.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::{NamedTempFile, TempDir};

/// A file system. Unmounted when dropped.
pub(crate) struct Volume {
    folder: TempDir,
    /// What it is kept in, where that is not memory.
    image: Option<NamedTempFile>,
}

impl Volume {
    /// In memory. `None`, and said loudly, where this process may not mount anything.
    pub(crate) fn in_memory(size: &str) -> Option<Self> {
        let volume = Self::new(None);
        let size = format!("size={size}");
        let mounted = volume.run("mount", &["-t", "tmpfs", "-o", &size, "tmpfs"]);
        volume.if_so(mounted)
    }

    /// ext4 in a file: one that turns read-only at the first error, as disks are
    /// mounted by default. `None`, and said loudly, where it cannot be had.
    pub(crate) fn ext4(bytes: u64) -> Option<Self> {
        let image = NamedTempFile::new().expect("a temporary file can be made");
        image
            .as_file()
            .set_len(bytes)
            .expect("it can be made larger");
        let made = is_done(Command::new("mkfs.ext4").arg("-q").arg(image.path()));
        let volume = Self::new(Some(image));
        let mounted = made && volume.mount();
        volume.if_so(mounted)
    }

    fn new(image: Option<NamedTempFile>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self { folder, image }
    }

    fn if_so(self, mounted: bool) -> Option<Self> {
        if !mounted {
            eprintln!("SKIPPED: no file system can be mounted here; run this test as root");
        }
        mounted.then_some(self)
    }

    /// Mounts the image.
    pub(crate) fn mount(&self) -> bool {
        let image = self.image().to_string_lossy().into_owned();
        self.run("mount", &["-o", "loop,errors=remount-ro", &image])
    }

    /// Unmounts the image, checks it, and mounts it again: what a person does after
    /// an error of the disk.
    pub(crate) fn repair(&self) -> bool {
        if !self.run("umount", &[]) {
            return false;
        }
        let mut check = Command::new("fsck.ext4");
        let checked = check.args(["-p", "-f"]).arg(self.image()).status();
        // 1 says that errors were found and put right.
        let is_whole = checked.is_ok_and(|status| matches!(status.code(), Some(0 | 1)));
        is_whole && self.mount()
    }

    /// Runs a program on the folder that it is mounted at.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> bool {
        is_done(Command::new(program).args(arguments).arg(self.path()))
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The database file on it.
    pub(crate) fn database(&self) -> PathBuf {
        self.path().join("mainspring.db")
    }

    /// Takes all the room that is left.
    pub(crate) fn fill(&self) -> PathBuf {
        use std::io::Write as _;
        let path = self.path().join("filler");
        let mut file = std::fs::File::create(&path).expect("a file can be made");
        while file.write_all(&[0; 4_096]).is_ok() {}
        path
    }

    /// Has the kernel meet an error on it, after which it is read-only: also for pages
    /// of files that are mapped into memory, once they have been written back. False
    /// where the kernel cannot be asked for one.
    pub(crate) fn break_down(&self) -> bool {
        let written_back = self.run("sync", &["-f"]);
        assert!(written_back, "its files can be written back");
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
        let at = self.path().to_string_lossy().into_owned();
        let is_ours = |line: &&str| line.split(' ').nth(1) == Some(at.as_str());
        let line = mounts.lines().find(is_ours).unwrap_or_default();
        let device = line
            .split(' ')
            .next()
            .and_then(|name| name.rsplit('/').next());
        device.is_some_and(|device| {
            let trigger = format!("/sys/fs/ext4/{device}/trigger_fs_error");
            std::fs::write(trigger, "a test").is_ok()
        })
    }

    fn image(&self) -> &Path {
        self.image.as_ref().expect("it is not in memory").path()
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        self.run("umount", &["-l"]);
    }
}

fn is_done(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}
