//! Uploaded components: immutable bytes by digest, and the named versions that
//! point at them.

use mainspring_engine::ids::{Digest, Namespace};
use mainspring_engine::time::Timestamp;

use crate::StoreFuture;

/// One version of one component name.
#[derive(Clone, Debug, PartialEq)]
pub struct ComponentVersionRow {
    /// The namespace.
    pub namespace: Namespace,
    /// The component's name in it.
    pub name: String,
    /// The version label, unique per name, never re-pointed.
    pub version: String,
    /// The bytes.
    pub digest: Digest,
    /// Their length.
    pub size_bytes: u64,
    /// When it was uploaded.
    pub uploaded_at: Timestamp,
    /// By whom.
    pub uploaded_by: String,
    /// Whether new runs start on it. One version of a name is current.
    pub current: bool,
    /// What its `describe` answered, in the server's encoding.
    pub description: Vec<u8>,
}

/// How many runs began on a digest in a namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ComponentUse {
    /// Open now.
    pub open_runs: u64,
    /// Closed and still kept.
    pub closed_runs: u64,
}

/// The components of a server.
pub trait ComponentStore {
    /// Adds a version (and its bytes, if the digest is new) and, if `row.current`,
    /// makes it the only current one of its name. If the same name and label
    /// stand there already with the same digest, only `current` changes; with
    /// another digest nothing does and the answer is false.
    fn put_component<'a>(
        &'a self,
        row: &'a ComponentVersionRow,
        bytes: &'a [u8],
    ) -> StoreFuture<'a, bool>;

    /// Every version of every namespace. (Read once at start, then kept in
    /// memory; the bytes stay on disk.)
    fn list_components(&self) -> StoreFuture<'_, Vec<ComponentVersionRow>>;

    /// The bytes of a digest.
    fn component_bytes(&self, digest: Digest) -> StoreFuture<'_, Option<Vec<u8>>>;

    /// Counts the runs of a namespace that began on a digest, by index.
    fn component_use<'a>(
        &'a self,
        namespace: &'a Namespace,
        digest: Digest,
    ) -> StoreFuture<'a, ComponentUse>;

    /// Deletes a version, and its bytes where no other version of any namespace
    /// points at them. False if there is no such version.
    fn delete_component<'a>(
        &'a self,
        namespace: &'a Namespace,
        name: &'a str,
        version: &'a str,
    ) -> StoreFuture<'a, bool>;
}
