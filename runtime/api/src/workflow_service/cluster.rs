//! What clients ask when they connect.

use temporalio_protos::temporal::api::version::v1::{ReleaseInfo, VersionInfo};
use temporalio_protos::temporal::api::workflowservice::v1::get_system_info_response::Capabilities;
use temporalio_protos::temporal::api::workflowservice::v1::{
    GetClusterInfoRequest, GetClusterInfoResponse, GetSystemInfoRequest, GetSystemInfoResponse,
};
use tonic::{Request, Status};

use super::Workflows;

/// The server version whose API this server speaks, with our own behind it.
const SERVER_VERSION: &str = concat!("1.32.0+mainspring.", env!("CARGO_PKG_VERSION"));
/// The official clients whose requests are understood.
const CLIENTS: [&str; 10] = [
    "temporal-go",
    "temporal-java",
    "temporal-typescript",
    "temporal-python",
    "temporal-dotnet",
    "temporal-php",
    "temporal-ruby",
    "temporal-rust",
    "temporal-cli",
    "temporal-ui",
];

impl Workflows {
    pub(super) async fn get_system_info(
        &self,
        _request: Request<GetSystemInfoRequest>,
    ) -> Result<GetSystemInfoResponse, Status> {
        Ok(GetSystemInfoResponse {
            server_version: SERVER_VERSION.to_owned(),
            capabilities: Some(Capabilities {
                signal_and_query_header: true,
                internal_error_differentiation: true,
                activity_failure_include_heartbeat: true,
                encoded_failure_attributes: true,
                sdk_metadata: true,
                count_group_by_execution_status: true,
                ..Capabilities::default()
            }),
        })
    }

    pub(super) async fn get_cluster_info(
        &self,
        _request: Request<GetClusterInfoRequest>,
    ) -> Result<GetClusterInfoResponse, Status> {
        let supported = |client: &str| (client.to_owned(), "<2.0.0".to_owned());
        Ok(GetClusterInfoResponse {
            supported_clients: CLIENTS.into_iter().map(supported).collect(),
            server_version: SERVER_VERSION.to_owned(),
            cluster_id: "mainspring".to_owned(),
            cluster_name: "active".to_owned(),
            version_info: Some(VersionInfo {
                current: Some(ReleaseInfo {
                    version: SERVER_VERSION.to_owned(),
                    ..ReleaseInfo::default()
                }),
                ..VersionInfo::default()
            }),
            history_shard_count: 1,
            persistence_store: "sqlite".to_owned(),
            visibility_store: "sqlite".to_owned(),
            ..GetClusterInfoResponse::default()
        })
    }
}
