//! Namespaces: who they are and how long they keep closed runs.

use std::time::Duration;

use mainspring_engine::ids::Namespace;
use mainspring_engine::time::Timestamp;

use crate::StoreFuture;

/// A namespace as registered.
#[derive(Clone, Debug, PartialEq)]
pub struct NamespaceRow {
    /// Its name.
    pub name: Namespace,
    /// Its UUID, in text.
    pub id: String,
    /// For people.
    pub description: String,
    /// For people.
    pub owner_email: String,
    /// How long closed runs are kept.
    pub retention: Duration,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Free key and value pairs, as a wire message; empty for none.
    pub data: Vec<u8>,
}

/// The namespaces of a server.
pub trait NamespaceStore {
    /// Registers a namespace; false if the name is taken (nothing changes).
    fn create_namespace<'a>(&'a self, row: &'a NamespaceRow) -> StoreFuture<'a, bool>;

    /// All namespaces, by name. (Read once at start, then kept in memory.)
    fn list_namespaces(&self) -> StoreFuture<'_, Vec<NamespaceRow>>;
}
