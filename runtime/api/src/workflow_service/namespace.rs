//! Namespaces: describe, list, register.

use std::collections::HashMap;

use mainspring_engine::ids::Namespace;
use mainspring_engine::limits::Limits;
use mainspring_engine::time::wire_duration;
use mainspring_server::RegisterNamespace;
use mainspring_store::namespaces::NamespaceRow;
use prost::Message;
use temporalio_protos::temporal::api::enums::v1::NamespaceState;
use temporalio_protos::temporal::api::namespace::v1::{
    NamespaceConfig, NamespaceInfo, namespace_info,
};
use temporalio_protos::temporal::api::replication::v1::NamespaceReplicationConfig;
use temporalio_protos::temporal::api::workflowservice::v1::{
    DescribeNamespaceRequest, DescribeNamespaceResponse, ListNamespacesRequest,
    ListNamespacesResponse, RegisterNamespaceRequest, RegisterNamespaceResponse,
};
use tonic::{Request, Status};

use super::Workflows;
use crate::status;
use crate::validate::{namespace, short, timeout};

/// Namespaces on one page.
const PAGE: usize = 100;
/// Namespaces on one page, at most.
const LARGEST_PAGE: usize = 1_000;
/// The one cluster that there is.
const CLUSTER: &str = "active";

/// A namespace's free key and value pairs, as they are stored.
#[derive(Clone, PartialEq, Message)]
struct Data {
    #[prost(map = "string, string", tag = "1")]
    pairs: HashMap<String, String>,
}

impl Workflows {
    pub(super) async fn describe_namespace(
        &self,
        request: Request<DescribeNamespaceRequest>,
    ) -> Result<DescribeNamespaceResponse, Status> {
        let request = request.into_inner();
        let limits = self.server.limits();
        if request.namespace.is_empty() && !request.id.is_empty() {
            let all = self.server.namespaces();
            let found = all.into_iter().find(|row| row.id == request.id);
            let unknown = || {
                let named = Namespace::from(request.id.as_str());
                status::of(mainspring_server::ServerError::NamespaceNotFound(named))
            };
            return found.map(|row| describe(row, limits)).ok_or_else(unknown);
        }
        let name = namespace(&request.namespace, limits)?;
        let row = self.server.namespace(&name).map_err(status::of)?;
        Ok(describe(row, limits))
    }

    pub(super) async fn list_namespaces(
        &self,
        request: Request<ListNamespacesRequest>,
    ) -> Result<ListNamespacesResponse, Status> {
        let request = request.into_inner();
        let limits = self.server.limits();
        let size = match usize::try_from(request.page_size) {
            Ok(0) | Err(_) => PAGE,
            Ok(size) => size.min(LARGEST_PAGE),
        };
        let after = String::from_utf8(request.next_page_token)
            .map_err(|_| Status::invalid_argument("Invalid NextPageToken."))?;
        let mut rows: Vec<NamespaceRow> = self.server.namespaces();
        rows.retain(|row| row.name.as_str() > after.as_str());
        let more = rows.len() > size;
        rows.truncate(size);
        let next_page_token = match rows.last() {
            Some(last) if more => last.name.as_str().as_bytes().to_vec(),
            _ => Vec::new(),
        };
        Ok(ListNamespacesResponse {
            namespaces: rows.into_iter().map(|row| describe(row, limits)).collect(),
            next_page_token,
        })
    }

    pub(super) async fn register_namespace(
        &self,
        request: Request<RegisterNamespaceRequest>,
    ) -> Result<RegisterNamespaceResponse, Status> {
        let request = request.into_inner();
        let limits = self.server.limits();
        let name = namespace(&request.namespace, limits)?;
        short("OwnerEmail", &request.owner_email, limits)?;
        let retention = timeout(
            "WorkflowExecutionRetentionPeriod",
            request.workflow_execution_retention_period.as_ref(),
        )?;
        let shortest = limits.shortest_retention;
        if retention.is_some_and(|retention| retention < shortest) {
            return Err(Status::invalid_argument(format!(
                "A minimum retention period of {shortest:?} is required \
                 (limit shortest-retention)."
            )));
        }
        let data = Data {
            pairs: request.data,
        };
        let registered = self
            .server
            .register_namespace(RegisterNamespace {
                name,
                description: request.description,
                owner_email: request.owner_email,
                retention,
                data: data.encode_to_vec(),
            })
            .await;
        registered.map_err(status::of)?;
        Ok(RegisterNamespaceResponse::default())
    }
}

fn describe(row: NamespaceRow, limits: &Limits) -> DescribeNamespaceResponse {
    let bytes = i64::try_from(limits.payload_bytes).unwrap_or(i64::MAX);
    DescribeNamespaceResponse {
        namespace_info: Some(NamespaceInfo {
            name: row.name.to_string(),
            state: NamespaceState::Registered as i32,
            description: row.description,
            owner_email: row.owner_email,
            data: Data::decode(row.data.as_slice()).unwrap_or_default().pairs,
            id: row.id,
            capabilities: Some(namespace_info::Capabilities {
                reported_problems_search_attribute: true,
                worker_poll_complete_on_shutdown: true,
                ..namespace_info::Capabilities::default()
            }),
            limits: Some(namespace_info::Limits {
                blob_size_limit_error: bytes,
                memo_size_limit_error: bytes,
                ..namespace_info::Limits::default()
            }),
            supports_schedules: false,
        }),
        config: Some(NamespaceConfig {
            workflow_execution_retention_ttl: Some(wire_duration(row.retention)),
            ..NamespaceConfig::default()
        }),
        replication_config: Some(NamespaceReplicationConfig {
            active_cluster_name: CLUSTER.to_owned(),
            ..NamespaceReplicationConfig::default()
        }),
        ..DescribeNamespaceResponse::default()
    }
}
