//! Which code a child gets (VER-04).

use mainspring_engine::ids::{Digest, Namespace, WorkflowType};

use super::{Components, Route};
use crate::error::ServerError;
use crate::request::ComponentVersion;

/// Which version a child is to start on.
#[derive(Clone, Copy, Debug)]
pub enum ChildVersion<'a> {
    /// Its parent's, if that exports the type; otherwise what is current.
    OfParent(Digest),
    /// What is current.
    Current,
    /// A version of its parent's component, by its label.
    Named {
        /// The component.
        component: &'a str,
        /// The label.
        label: &'a str,
    },
}

impl Components {
    /// The code that a child gets: its parent's component if that exports the type,
    /// unless another version is asked for.
    pub(crate) fn route_child(
        &self,
        namespace: &Namespace,
        workflow_type: &WorkflowType,
        wish: &ChildVersion<'_>,
    ) -> Result<Route, ServerError> {
        let name = workflow_type.as_str();
        let wished = |version: &&ComponentVersion| {
            let description = &version.description;
            version.namespace == *namespace
                && (description.exports(name) || description.exports(""))
                && match wish {
                    ChildVersion::OfParent(digest) => version.digest == *digest,
                    ChildVersion::Named { component, label } => {
                        version.name == *component && version.version == *label
                    }
                    ChildVersion::Current => false,
                }
        };
        let route = {
            let versions = self.versions.read();
            let version = versions.iter().find(wished);
            version.map(|version| self.route_to(version))
        };
        match (route, wish) {
            (Some(route), _) => Ok(route),
            (None, ChildVersion::Named { component, label }) => {
                Err(ServerError::NotFound(format!(
                    "component {component} has no version {label:?} in namespace {namespace} that \
                 exports workflow type {workflow_type}"
                )))
            }
            (None, ChildVersion::OfParent(_) | ChildVersion::Current) => {
                self.route(namespace, workflow_type)
            }
        }
    }
}
