//! Files of the repository that the binary carries: the contract's WIT and the parts of
//! our SDKs that a build needs on the user's disk. `build.rs` collects them.

use std::path::Path;

use super::BuildError;

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// A folder's files by their paths in it, `/` between the parts.
#[derive(Debug)]
pub(crate) struct EmbeddedFolder {
    files: &'static [(&'static str, &'static [u8])],
}

impl EmbeddedFolder {
    /// All files, sorted by path.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&'static str, &'static [u8])> {
        self.files.iter().copied()
    }

    /// What tells this content from any other: for [`super::cache::ToolCache::folder`].
    pub(crate) fn key(&self) -> Vec<&'static [u8]> {
        let parts = |(path, bytes): (&'static str, &'static [u8])| [path.as_bytes(), bytes];
        self.files().flat_map(parts).collect()
    }

    /// Writes all files below `folder`.
    pub(crate) fn write_to(&self, folder: &Path) -> Result<(), BuildError> {
        for (name, bytes) in self.files() {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(BuildError::file("make", parent))?;
            }
            std::fs::write(&path, bytes).map_err(BuildError::file("write", &path))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_is_there_and_can_be_written_out() {
        let folder = tempfile::tempdir().unwrap();
        WIT.write_to(folder.path()).unwrap();
        let world = std::fs::read_to_string(folder.path().join("world.wit")).unwrap();
        assert!(world.contains("package mainspring:workflow@1.0.0;"));
        assert_eq!(WIT.key().len(), 2 * WIT.files().count());
    }
}
