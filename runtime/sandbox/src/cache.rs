//! Compiled code on disk, so that a restart compiles nothing again.
//!
//! A file is named by the component's digest and the compiler's own version hash,
//! and holds a checksum before the code. Compiled code is trusted like a program:
//! the folder belongs to the server alone, and what does not carry the checksum is
//! compiled anew.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mainspring_engine::ids::Digest;
use wasmtime::Engine;
use wasmtime::component::Component;

/// What each file begins with.
const MAGIC: &[u8; 8] = b"mspring1";

/// The cache in one folder.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    compiler: u64,
}

impl Cache {
    /// Opens (or makes) the folder, readable by nobody else.
    pub(crate) fn open(folder: &Path, engine: &Engine) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self {
            folder: folder.to_owned(),
            compiler: hasher.finish(),
        })
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.folder
            .join(format!("{digest}-{:016x}.code", self.compiler))
    }

    /// The compiled code of a digest, if it is here and whole.
    pub(crate) fn load(&self, engine: &Engine, digest: Digest) -> Option<Component> {
        let file = std::fs::read(self.path(digest)).ok()?;
        let rest = file.strip_prefix(MAGIC)?;
        let (checksum, code) = rest.split_at_checked(32)?;
        if Digest::of(code).as_bytes() != checksum {
            tracing::warn!(%digest, "compiled code on disk is damaged; compiling again");
            return None;
        }
        // SAFETY: the bytes are what `Component::serialize` of this very compiler
        // gave (its version is in the file's name, the checksum holds), in a folder
        // that only this server's user can write.
        let component = unsafe { Component::deserialize(engine, code) };
        component
            .inspect_err(
                |error| tracing::warn!(%digest, %error, "cannot use compiled code on disk"),
            )
            .ok()
    }

    /// Keeps compiled code. A failure costs a compilation later, nothing else.
    pub(crate) fn store(&self, digest: Digest, component: &Component) {
        if let Err(error) = self.try_store(digest, component) {
            tracing::warn!(%digest, %error, "cannot keep compiled code on disk");
        }
    }

    fn try_store(&self, digest: Digest, component: &Component) -> Result<(), String> {
        let code = component.serialize().map_err(|error| error.to_string())?;
        let path = self.path(digest);
        let unfinished = path.with_extension("unfinished");
        let write = || -> std::io::Result<()> {
            let mut file = std::fs::File::create(&unfinished)?;
            file.write_all(MAGIC)?;
            file.write_all(Digest::of(&code).as_bytes())?;
            file.write_all(&code)?;
            file.sync_all()?;
            std::fs::rename(&unfinished, &path)
        };
        write().map_err(|error| error.to_string())
    }
}
