//! Store, sandbox, server and front door, put together.

use std::sync::Arc;
use std::time::Duration;

use mainspring_engine::ids::Namespace;
use mainspring_sandbox::{Sandbox, SandboxConfig};
use mainspring_server::outside::{SystemClock, SystemEntropy};
use mainspring_server::{Options, Parts, RegisterNamespace, Server};
use mainspring_store::Store;
use mainspring_store::sqlite::SqliteStore;
use tokio::net::TcpListener;

use super::{ResolvedOptions, ServeError, Shutdown};
use crate::output;

/// How long requests under way may take to end after a signal.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until `shutdown` asks to stop; then waiting polls are answered, what is
/// under way ends, and the database is closed.
pub(super) async fn start(
    options: ResolvedOptions,
    mut shutdown: Shutdown,
) -> Result<(), ServeError> {
    let store: Arc<dyn Store> = Arc::new(
        SqliteStore::open(&options.database)
            .await
            .map_err(|error| ServeError::Store(error.to_string()))?,
    );
    let listener =
        TcpListener::bind(options.address)
            .await
            .map_err(|source| ServeError::Listen {
                address: options.address,
                source,
            })?;
    let server = open_server(&options, store).await?;
    register_namespaces(&server, &options.namespaces).await?;
    let address = listener.local_addr().map_err(|source| ServeError::Listen {
        address: options.address,
        source,
    })?;
    output::note(&format!("Mainspring listens on {address}."));
    let stopping = {
        let server = server.clone();
        async move {
            shutdown.requested().await;
            // Long polls first, or their connections would never become quiet.
            server.begin_shutdown();
        }
    };
    let serving = mainspring_api::serve(server.clone(), listener, stopping);
    let graceful = async {
        server.shutdown_notified().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = serving => served.map_err(|error| ServeError::Serve(error.to_string()))?,
        () = graceful => tracing::warn!("some requests did not end in time"),
    }
    server
        .shutdown()
        .await
        .map_err(|error| ServeError::Store(error.to_string()))
}

async fn open_server(
    options: &ResolvedOptions,
    store: Arc<dyn Store>,
) -> Result<Server, ServeError> {
    let limits = options.limits.clone();
    let compiled = options.compiled.clone();
    let sandbox_limits = limits.clone();
    let sandbox = tokio::task::spawn_blocking(move || {
        Sandbox::new(SandboxConfig {
            limits: sandbox_limits,
            cache_dir: Some(compiled),
        })
    })
    .await
    .map_err(|error| ServeError::Sandbox(error.to_string()))?
    .map_err(|error| ServeError::Sandbox(error.to_string()))?;
    Server::open(Parts {
        store,
        sandbox,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        limits,
        options: Options {
            evict_after_each_activation: options.evict_after_each_activation,
            ..Options::default()
        },
    })
    .await
    .map_err(|error| ServeError::Store(error.to_string()))
}

async fn register_namespaces(server: &Server, names: &[String]) -> Result<(), ServeError> {
    for name in names {
        let name = Namespace::from(name.as_str());
        if server.namespace(&name).is_ok() {
            continue;
        }
        let request = RegisterNamespace {
            name,
            description: String::new(),
            owner_email: String::new(),
            retention: None,
            data: Vec::new(),
        };
        server
            .register_namespace(request)
            .await
            .map_err(|error| ServeError::Store(error.to_string()))?;
    }
    Ok(())
}
