//! The uploaded components: which code a new run of a type gets, and the compiled
//! code of every digest in use.
//!
//! The versions are read once and kept in memory; the bytes stay on disk. The
//! newest upload of a name is current; a run keeps the digest that it began with.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

mod children;
mod succession;

use mainspring_engine::ids::{Digest, Namespace, WorkflowType};
use mainspring_sandbox::{Component, ComponentDescription, Sandbox};
use mainspring_store::Store;
use mainspring_store::components::{ComponentUse, ComponentVersionRow};
use parking_lot::{Mutex, RwLock};

pub use self::children::ChildVersion;
use crate::error::ServerError;
use crate::outside::Clock;
use crate::request::{ComponentVersion, UploadComponent, UploadedComponent};

/// Where a new run's code comes from.
#[derive(Clone, Debug)]
pub struct Route {
    /// The code.
    pub digest: Digest,
    /// The component's name.
    pub name: String,
    /// Its version label.
    pub version: String,
    /// Keeps the version from being deleted until the start is committed.
    pub pin: Pin,
}

/// Somebody is about to start a run on a digest.
#[derive(Debug)]
pub struct Pin {
    pins: Arc<Mutex<HashMap<Digest, usize>>>,
    digest: Digest,
}

impl Clone for Pin {
    fn clone(&self) -> Self {
        Pin::new(&self.pins, self.digest)
    }
}

impl Pin {
    fn new(pins: &Arc<Mutex<HashMap<Digest, usize>>>, digest: Digest) -> Self {
        *pins.lock().entry(digest).or_default() += 1;
        Self {
            pins: pins.clone(),
            digest,
        }
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut pins = self.pins.lock();
        if let Some(count) = pins.get_mut(&self.digest) {
            *count -= 1;
            if *count == 0 {
                pins.remove(&self.digest);
            }
        }
    }
}

/// The components of a server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Components {
    store: Arc<dyn Store>,
    sandbox: Sandbox,
    versions: Arc<RwLock<Vec<ComponentVersion>>>,
    pins: Arc<Mutex<HashMap<Digest, usize>>>,
    /// Uploads and deletes go one at a time: what they check must still hold when
    /// they write.
    changing: Arc<tokio::sync::Mutex<()>>,
}

impl Components {
    /// Reads the versions.
    pub async fn open(store: Arc<dyn Store>, sandbox: Sandbox) -> Result<Self, ServerError> {
        let versions = store
            .list_components()
            .await?
            .into_iter()
            .map(version_of_row)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            store,
            sandbox,
            versions: Arc::new(RwLock::new(versions)),
            pins: Arc::default(),
            changing: Arc::default(),
        })
    }

    /// The code that a new run of a type gets.
    pub fn route(
        &self,
        namespace: &Namespace,
        workflow_type: &WorkflowType,
    ) -> Result<Route, ServerError> {
        let versions = self.versions.read();
        let current = current(&versions, namespace, workflow_type);
        let current = current.ok_or_else(|| {
            ServerError::NotFound(format!(
                "no component in namespace {namespace} exports workflow type {workflow_type}; \
                 upload one with `mainspring component upload DIR --namespace {namespace}`"
            ))
        })?;
        Ok(self.route_to(current))
    }

    fn route_to(&self, version: &ComponentVersion) -> Route {
        Route {
            digest: version.digest,
            name: version.name.clone(),
            version: version.version.clone(),
            pin: Pin::new(&self.pins, version.digest),
        }
    }

    /// Whether the compiled code of a digest is in memory.
    pub fn is_loaded(&self, digest: Digest) -> bool {
        self.sandbox.loaded(digest).is_some()
    }

    /// The compiled code of a digest: from memory, from the cache on disk, or
    /// compiled again from the stored bytes.
    pub async fn load(&self, digest: Digest) -> Result<Component, ServerError> {
        if let Some(component) = self.sandbox.loaded(digest) {
            return Ok(component);
        }
        let bytes = self.store.component_bytes(digest).await?.ok_or_else(|| {
            ServerError::Internal(format!("the bytes of component {digest} are missing"))
        })?;
        self.sandbox
            .load(digest, bytes)
            .await
            .map_err(|error| ServerError::Internal(format!("component {digest}: {error}")))
    }

    /// Checks a file as an upload would.
    pub async fn check(
        &self,
        upload: UploadComponent,
        clock: &dyn Clock,
    ) -> Result<UploadedComponent, ServerError> {
        let (version, _, compile_time) = self.admit(upload, clock).await?;
        self.check_names(&version)?;
        Ok(UploadedComponent {
            version,
            created: false,
            compile_time,
        })
    }

    /// Stores a file and makes it current.
    pub async fn upload(
        &self,
        upload: UploadComponent,
        clock: &dyn Clock,
    ) -> Result<UploadedComponent, ServerError> {
        let (version, bytes, compile_time) = self.admit(upload, clock).await?;
        let _changing = self.changing.lock().await;
        let known = self.check_names(&version)?;
        let version = ComponentVersion {
            current: true,
            ..known.clone().unwrap_or(version)
        };
        let stored = self
            .store
            .put_component(&row_of_version(&version), &bytes)
            .await?;
        if !stored {
            return Err(label_taken(&version));
        }
        let mut versions = self.versions.write();
        for other in versions.iter_mut() {
            if other.namespace == version.namespace && other.name == version.name {
                other.current = false;
            }
        }
        versions.retain(|other| !is_same_version(other, &version));
        versions.push(version.clone());
        Ok(UploadedComponent {
            version,
            created: known.is_none(),
            compile_time,
        })
    }

    async fn admit(
        &self,
        upload: UploadComponent,
        clock: &dyn Clock,
    ) -> Result<(ComponentVersion, Arc<[u8]>, Duration), ServerError> {
        let bytes: Arc<[u8]> = upload.bytes.into();
        let admitted = self.sandbox.admit(bytes.clone()).await?;
        let first_type = admitted
            .description
            .workflows
            .first()
            .map(|workflow| or(workflow.workflow_type.clone(), CATCH_ALL.to_owned()));
        let version = ComponentVersion {
            namespace: upload.namespace,
            name: or(upload.name, first_type.unwrap_or_default()),
            version: or(upload.version, admitted.digest.short()),
            digest: admitted.digest,
            size_bytes: bytes.len() as u64,
            uploaded_at: clock.now(),
            uploaded_by: upload.identity,
            current: false,
            description: admitted.description,
        };
        Ok((version, bytes, admitted.compile_time.unwrap_or_default()))
    }

    /// A label stands for one digest, a type belongs to one name. Answers with
    /// the version if it is there already.
    fn check_names(
        &self,
        version: &ComponentVersion,
    ) -> Result<Option<ComponentVersion>, ServerError> {
        let versions = self.versions.read();
        let known = versions
            .iter()
            .find(|other| is_same_version(other, version));
        if known.is_some_and(|known| known.digest != version.digest) {
            return Err(label_taken(version));
        }
        for workflow in &version.description.workflows {
            let owner = versions.iter().find(|other| {
                other.current
                    && other.namespace == version.namespace
                    && other.name != version.name
                    && other.description.exports(&workflow.workflow_type)
            });
            if let Some(owner) = owner {
                let what = match workflow.workflow_type.as_str() {
                    "" => "the catch-all workflow".to_owned(),
                    name => format!("workflow type {name}"),
                };
                return Err(ServerError::FailedPrecondition(format!(
                    "{what} belongs to component {}; upload it under that name, \
                     or rename the type",
                    owner.name
                )));
            }
        }
        Ok(known.cloned())
    }

    /// The versions of a namespace, newest first; of one name if it is given.
    pub fn list(&self, namespace: &Namespace, name: Option<&str>) -> Vec<ComponentVersion> {
        let versions = self.versions.read();
        let mut listed: Vec<ComponentVersion> = versions
            .iter()
            .filter(|version| version.namespace == *namespace)
            .filter(|version| name.is_none_or(|name| version.name == name))
            .cloned()
            .collect();
        listed.sort_by(|a, b| {
            (b.uploaded_at, &a.name, &a.version).cmp(&(a.uploaded_at, &b.name, &b.version))
        });
        listed
    }

    /// One version; an empty label is the current one.
    pub fn get(
        &self,
        namespace: &Namespace,
        name: &str,
        version: &str,
    ) -> Result<ComponentVersion, ServerError> {
        let versions = self.versions.read();
        let found = versions.iter().find(|other| {
            other.namespace == *namespace
                && other.name == name
                && (other.version == version || (version.is_empty() && other.current))
        });
        found.cloned().ok_or_else(|| {
            ServerError::NotFound(format!(
                "component {name} has no version {version:?} in namespace {namespace}; \
                 `mainspring component list` shows what there is"
            ))
        })
    }

    /// How many runs began on a version.
    pub async fn usage(&self, version: &ComponentVersion) -> Result<ComponentUse, ServerError> {
        let usage = self
            .store
            .component_use(&version.namespace, version.digest)
            .await?;
        Ok(usage)
    }

    /// The bytes of a version.
    pub async fn bytes(&self, version: &ComponentVersion) -> Result<Vec<u8>, ServerError> {
        let bytes = self.store.component_bytes(version.digest).await?;
        bytes.ok_or_else(|| {
            ServerError::Internal(format!(
                "the bytes of component {} are missing",
                version.digest
            ))
        })
    }

    /// Deletes a version that nothing uses.
    pub async fn delete(
        &self,
        namespace: &Namespace,
        name: &str,
        label: &str,
    ) -> Result<(), ServerError> {
        let _changing = self.changing.lock().await;
        let version = self.get(namespace, name, label)?;
        let others = self.list(namespace, Some(name)).len() - 1;
        if version.current && others > 0 {
            return Err(ServerError::FailedPrecondition(format!(
                "version {} of component {name} is current; upload another version first, \
                 or delete the {others} others before it",
                version.version
            )));
        }
        // No new run can be routed to it from here on.
        self.versions
            .write()
            .retain(|other| !is_same_version(other, &version));
        let outcome = self.delete_unused(&version).await;
        if outcome.is_err() {
            self.versions.write().push(version);
        }
        outcome
    }

    async fn delete_unused(&self, version: &ComponentVersion) -> Result<(), ServerError> {
        let starting = self.pins.lock().contains_key(&version.digest);
        let usage = self.usage(version).await?;
        if starting || usage != ComponentUse::default() {
            return Err(ServerError::FailedPrecondition(format!(
                "version {} of component {} is used by {} open and {} closed runs; \
                 wait until they are gone",
                version.version, version.name, usage.open_runs, usage.closed_runs
            )));
        }
        self.store
            .delete_component(&version.namespace, &version.name, &version.version)
            .await?;
        Ok(())
    }
}

/// The current version that runs a type: one with a catch-all workflow runs what no
/// other exports (WF-17).
fn current<'a>(
    versions: &'a [ComponentVersion],
    namespace: &Namespace,
    workflow_type: &WorkflowType,
) -> Option<&'a ComponentVersion> {
    let exporting = |name: &str| {
        versions.iter().find(|version| {
            version.current && version.namespace == *namespace && version.description.exports(name)
        })
    };
    exporting(workflow_type.as_str()).or_else(|| exporting(""))
}

/// The name of a component whose first workflow is a catch-all, unless it is given
/// one.
const CATCH_ALL: &str = "catch-all";

fn or(given: String, default: String) -> String {
    if given.is_empty() { default } else { given }
}

fn is_same_version(a: &ComponentVersion, b: &ComponentVersion) -> bool {
    a.namespace == b.namespace && a.name == b.name && a.version == b.version
}

fn label_taken(version: &ComponentVersion) -> ServerError {
    ServerError::AlreadyExists(format!(
        "version {} of component {} stands for other bytes; choose another --version",
        version.version, version.name
    ))
}

fn row_of_version(version: &ComponentVersion) -> ComponentVersionRow {
    ComponentVersionRow {
        namespace: version.namespace.clone(),
        name: version.name.clone(),
        version: version.version.clone(),
        digest: version.digest,
        size_bytes: version.size_bytes,
        uploaded_at: version.uploaded_at,
        uploaded_by: version.uploaded_by.clone(),
        current: version.current,
        description: version.description.encode(),
    }
}

fn version_of_row(row: ComponentVersionRow) -> Result<ComponentVersion, ServerError> {
    let description = ComponentDescription::decode(&row.description).map_err(|error| {
        ServerError::Internal(format!(
            "the stored description of component {} {} cannot be read: {error}",
            row.name, row.version
        ))
    })?;
    Ok(ComponentVersion {
        namespace: row.namespace,
        name: row.name,
        version: row.version,
        digest: row.digest,
        size_bytes: row.size_bytes,
        uploaded_at: row.uploaded_at,
        uploaded_by: row.uploaded_by,
        current: row.current,
        description,
    })
}
