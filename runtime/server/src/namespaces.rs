//! The namespaces, read once and kept in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mainspring_engine::ids::Namespace;
use mainspring_store::Store;
use mainspring_store::namespaces::NamespaceRow;
use parking_lot::RwLock;

use crate::error::ServerError;
use crate::outside::{Clock, Entropy};

/// How long closed runs are kept unless a namespace says otherwise.
pub const DEFAULT_RETENTION: Duration = Duration::from_secs(72 * 3_600);

/// The namespaces of a server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Namespaces {
    store: Arc<dyn Store>,
    known: Arc<RwLock<BTreeMap<Namespace, NamespaceRow>>>,
}

/// A namespace to be registered.
#[derive(Clone, Debug)]
pub struct RegisterNamespace {
    /// Its name.
    pub name: Namespace,
    /// For people.
    pub description: String,
    /// For people.
    pub owner_email: String,
    /// `None`: the default, 72 hours.
    pub retention: Option<Duration>,
    /// Free key and value pairs, as a wire message; empty for none.
    pub data: Vec<u8>,
}

impl Namespaces {
    /// Reads them.
    pub async fn open(store: Arc<dyn Store>) -> Result<Self, ServerError> {
        let rows = store.list_namespaces().await?;
        let known = rows
            .into_iter()
            .map(|row| (row.name.clone(), row))
            .collect();
        Ok(Self {
            store,
            known: Arc::new(RwLock::new(known)),
        })
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<NamespaceRow> {
        self.known.read().values().cloned().collect()
    }

    /// One of them.
    pub fn get(&self, name: &Namespace) -> Result<NamespaceRow, ServerError> {
        let known = self.known.read();
        known
            .get(name)
            .cloned()
            .ok_or_else(|| ServerError::NamespaceNotFound(name.clone()))
    }

    /// Whether it is registered.
    pub fn check(&self, name: &Namespace) -> Result<(), ServerError> {
        if self.known.read().contains_key(name) {
            return Ok(());
        }
        Err(ServerError::NamespaceNotFound(name.clone()))
    }

    /// Registers one.
    pub async fn register(
        &self,
        request: RegisterNamespace,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<(), ServerError> {
        let row = NamespaceRow {
            id: entropy.uuid().to_string(),
            created_at: clock.now(),
            retention: request.retention.unwrap_or(DEFAULT_RETENTION),
            name: request.name,
            description: request.description,
            owner_email: request.owner_email,
            data: request.data,
        };
        if !self.store.create_namespace(&row).await? {
            return Err(ServerError::AlreadyExists(format!(
                "namespace {} is registered already",
                row.name
            )));
        }
        self.known.write().insert(row.name.clone(), row);
        Ok(())
    }
}
