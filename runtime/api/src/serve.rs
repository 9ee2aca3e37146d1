//! The gRPC server: which services, which limits, how it ends.

use std::future::Future;
use std::time::Duration;

use mainspring_server::Server;
use tokio::net::TcpListener;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;

use crate::component_service::Components;
use crate::operator_service::Operators;
use crate::proto::FILE_DESCRIPTOR_SET;
use crate::proto::component::v1::component_service_server::ComponentServiceServer;
use crate::proto::temporal::operatorservice::operator_service_server::OperatorServiceServer;
use crate::proto::temporal::workflowservice::workflow_service_server::WorkflowServiceServer;
use crate::workflow_service::Workflows;

/// The service whose health clients ask for.
const WORKFLOW_SERVICE: &str = "temporal.api.workflowservice.v1.WorkflowService";
/// How often the server asks a silent connection whether it is alive.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(60);
/// How long it waits for the answer.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// What one connection may have sent and the server not read yet. The transport also
/// counts small frames against it and hangs up where they are too many: it must hold
/// the requests of a client that waits for ten thousand runs at once.
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;
/// Messages up to this many times the request limit are read, so that they can be
/// refused in words: what the transport itself refuses, clients try again for ever.
const REFUSED_IN_WORDS: usize = 4;

/// The front door cannot be opened or kept open.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Reflection's descriptors are broken: a build problem.
    #[error("the API's descriptors cannot be served: {0}")]
    Reflection(String),
    /// The transport failed.
    #[error("the gRPC server failed: {0}")]
    Transport(String),
}

/// Serves requests on `listener` until `shutdown` resolves; requests under way are
/// finished.
pub async fn serve(
    server: Server,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let routes = routes(server).await?;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    tonic::transport::Server::builder()
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, shutdown)
        .await
        .map_err(|error| ServeError::Transport(error.to_string()))
}

async fn routes(server: Server) -> Result<Routes, ServeError> {
    let largest_read = server
        .limits()
        .request_bytes
        .saturating_mul(REFUSED_IN_WORDS);
    let (health_reporter, health) = tonic_health::server::health_reporter();
    health_reporter
        .set_service_status(WORKFLOW_SERVICE, tonic_health::ServingStatus::Serving)
        .await;
    let broken = |error: tonic_reflection::server::Error| ServeError::Reflection(error.to_string());
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
    };
    let workflows = WorkflowServiceServer::new(Workflows::new(server.clone()))
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(largest_read)
        .max_encoding_message_size(usize::MAX);
    let operators = OperatorServiceServer::new(Operators::new(server.clone()))
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(largest_read);
    let components = ComponentServiceServer::new(Components::new(server))
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(largest_read);
    let mut routes = Routes::builder();
    routes
        .add_service(workflows)
        .add_service(operators)
        .add_service(components)
        .add_service(health.accept_compressed(CompressionEncoding::Gzip))
        .add_service(
            reflection()
                .build_v1()
                .map_err(broken)?
                .accept_compressed(CompressionEncoding::Gzip),
        )
        .add_service(
            reflection()
                .build_v1alpha()
                .map_err(broken)?
                .accept_compressed(CompressionEncoding::Gzip),
        );
    Ok(routes.routes())
}
