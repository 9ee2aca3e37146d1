//! The search attributes of the namespaces, read once and kept in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use mainspring_engine::ids::Namespace;
use mainspring_engine::search::{self, AttributeType, REPORTED_PROBLEMS};
use mainspring_store::Store;
use mainspring_store::search_attributes::SearchAttributeRow;
use mainspring_store::visibility::CustomAttribute;
use parking_lot::RwLock;
use temporalio_protos::temporal::api::common::v1::SearchAttributes as Wire;

use crate::Server;
use crate::error::ServerError;

/// The search attributes of one namespace, by name; what the server itself sets is
/// among them.
pub type NamespaceAttributes = Arc<BTreeMap<String, CustomAttribute>>;

/// The search attributes of a server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SearchAttributes {
    store: Arc<dyn Store>,
    known: Arc<RwLock<HashMap<Namespace, NamespaceAttributes>>>,
    /// Held while they change, so that memory and disk change in the same order.
    changing: Arc<tokio::sync::Mutex<()>>,
}

impl SearchAttributes {
    /// Reads them.
    pub async fn open(store: Arc<dyn Store>) -> Result<Self, ServerError> {
        let rows = store.list_search_attributes().await?;
        let opened = Self {
            store,
            known: Arc::default(),
            changing: Arc::default(),
        };
        opened.keep(rows);
        Ok(opened)
    }

    /// Those of a namespace.
    pub fn of(&self, namespace: &Namespace) -> NamespaceAttributes {
        let known = self.known.read();
        known.get(namespace).cloned().unwrap_or_default()
    }

    /// The type of one, if the namespace has it.
    pub fn type_of(&self, namespace: &Namespace, name: &str) -> Option<AttributeType> {
        let known = self.known.read();
        let attribute = known.get(namespace)?.get(name)?;
        Some(attribute.attribute_type)
    }

    /// Sees to it that a namespace has what the server itself sets.
    pub async fn prepare(&self, namespace: &Namespace) -> Result<(), ServerError> {
        let _changing = self.changing.lock().await;
        if self.type_of(namespace, REPORTED_PROBLEMS).is_none() {
            let own = [(REPORTED_PROBLEMS.to_owned(), AttributeType::KeywordList)];
            self.keep(self.store.add_search_attributes(namespace, &own).await?);
        }
        Ok(())
    }

    /// Registers some, all or none; those that are there are left alone.
    pub async fn add(
        &self,
        namespace: &Namespace,
        attributes: Vec<(String, AttributeType)>,
        limit: usize,
    ) -> Result<(), ServerError> {
        let _changing = self.changing.lock().await;
        let mut new = Vec::new();
        for (name, attribute_type) in attributes {
            match self.type_of(namespace, &name) {
                None => new.push((name, attribute_type)),
                Some(there) if there == attribute_type => {}
                Some(there) => {
                    return Err(ServerError::AlreadyExists(format!(
                        "Search attribute {name} already exists with type {}; remove it first, \
                         or use another name.",
                        there.name()
                    )));
                }
            }
        }
        let has = self.of(namespace).len() + new.len();
        // What the server itself sets does not count.
        if has > limit + 1 {
            return Err(ServerError::ResourceExhausted(format!(
                "namespace {namespace} would have {} search attributes, {limit} are allowed \
                 (limit search-attributes)",
                has - 1
            )));
        }
        if !new.is_empty() {
            self.keep(self.store.add_search_attributes(namespace, &new).await?);
        }
        Ok(())
    }

    /// Removes some, all or none. Runs keep their values, unseen.
    pub async fn remove(&self, namespace: &Namespace, names: &[String]) -> Result<(), ServerError> {
        let _changing = self.changing.lock().await;
        let mut left = BTreeMap::clone(&self.of(namespace));
        for name in names {
            if left.remove(name).is_none() {
                return Err(ServerError::NotFound(format!(
                    "Search attribute {name} doesn't exist."
                )));
            }
        }
        self.store
            .remove_search_attributes(namespace, names)
            .await?;
        self.known.write().insert(namespace.clone(), Arc::new(left));
        Ok(())
    }

    fn keep(&self, rows: Vec<SearchAttributeRow>) {
        let mut known = self.known.write();
        for row in rows {
            let attributes = known.entry(row.namespace).or_default();
            Arc::make_mut(attributes).insert(row.name, row.attribute);
        }
    }
}

impl Server {
    /// The search attributes of a namespace, by name.
    pub fn search_attributes(
        &self,
        namespace: &Namespace,
    ) -> Result<NamespaceAttributes, ServerError> {
        self.core.namespaces.check(namespace)?;
        Ok(self.core.search_attributes.of(namespace))
    }

    /// Registers search attributes, all or none; those that are there are left alone.
    pub async fn add_search_attributes(
        &self,
        namespace: &Namespace,
        attributes: Vec<(String, AttributeType)>,
    ) -> Result<(), ServerError> {
        self.core.namespaces.check(namespace)?;
        let limit = self.core.limits.search_attributes;
        let known = &self.core.search_attributes;
        known.add(namespace, attributes, limit).await
    }

    /// Removes search attributes, all or none.
    pub async fn remove_search_attributes(
        &self,
        namespace: &Namespace,
        names: &[String],
    ) -> Result<(), ServerError> {
        self.core.namespaces.check(namespace)?;
        self.core.search_attributes.remove(namespace, names).await
    }

    /// The search attributes of a start, checked against those of the namespace and
    /// with their types; `None` where there are none (VIS-04).
    pub fn checked_search_attributes(
        &self,
        namespace: &Namespace,
        attributes: Option<Wire>,
    ) -> Result<Option<Wire>, ServerError> {
        let Some(mut attributes) = attributes.filter(|a| !a.indexed_fields.is_empty()) else {
            return Ok(None);
        };
        let known = self.search_attributes(namespace)?;
        let known = |name: &str| known.get(name).map(|known| known.attribute_type);
        search::check(&mut attributes, &known, &self.core.limits)
            .map_err(|bad| ServerError::InvalidArgument(bad.to_string()))?;
        Ok(Some(attributes).filter(|a| !a.indexed_fields.is_empty()))
    }
}
