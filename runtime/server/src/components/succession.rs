//! Which code the next run of a chain gets (VER-04, VER-09).

use mainspring_engine::guest::{ComponentRef, VersioningIntent};
use mainspring_engine::ids::{Namespace, WorkflowType};
use mainspring_sandbox::VersioningPolicy;

use super::{Components, Pin, Route, current};
use crate::error::ServerError;

impl Components {
    /// The code of a run that follows one whose code is `own`. Without a wish the
    /// policy of the type decides: a pinned type stays, any other goes to what is
    /// current. A type that the own component does not have is looked for among
    /// the current ones. `Err` says what to upload.
    pub(crate) fn successor(
        &self,
        namespace: &Namespace,
        own: &ComponentRef,
        workflow_type: &WorkflowType,
        wish: VersioningIntent,
    ) -> Result<Route, ServerError> {
        let versions = self.versions.read();
        let name = workflow_type.as_str();
        let described = versions
            .iter()
            .find(|version| version.namespace == *namespace && version.digest == own.digest)
            .map(|version| &version.description);
        let own_has_it = described
            .is_some_and(|description| description.exports(name) || description.exports(""));
        let stays = match wish {
            VersioningIntent::Inherit => true,
            VersioningIntent::Current => false,
            VersioningIntent::Unspecified => described.is_none_or(|description| {
                description.versioning_of(name) == VersioningPolicy::Pinned
            }),
        };
        let stay = || Route {
            digest: own.digest,
            name: own.name.clone(),
            version: own.version.clone(),
            pin: Pin::new(&self.pins, own.digest),
        };
        if stays && own_has_it {
            return Ok(stay());
        }
        match current(&versions, namespace, workflow_type) {
            Some(version) => Ok(self.route_to(version)),
            // A chain that runs well does not stop because a later version has
            // dropped its type.
            None if own_has_it && wish == VersioningIntent::Unspecified => Ok(stay()),
            None => Err(ServerError::NotFound(format!(
                "the workflow continues as type {workflow_type}, which no current component in \
                 namespace {namespace} exports; upload one with `mainspring component upload \
                 DIR --namespace {namespace}`"
            ))),
        }
    }
}
