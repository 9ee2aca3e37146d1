//! What all worlds of a process share: the sandbox, and the component in it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mainspring_engine::limits::Limits;
use mainspring_engine::search::AttributeType;
use mainspring_engine::time::Timestamp;
use mainspring_sandbox::{Component, Pace, Sandbox, SandboxConfig};
use mainspring_server::outside::SystemEntropy;
use mainspring_server::{Options, Parts, RegisterNamespace, Server, UploadComponent};

use simulated_program::COLOR;

use crate::Violation;
use crate::clock::VirtualClock;
use crate::store::{ModelStore, Shelf};

/// The namespace of every world.
pub const NAMESPACE: &str = "default";

/// Shared by worlds on all threads.
#[derive(Clone, Debug)]
pub struct Lab {
    /// Where code runs.
    pub sandbox: Sandbox,
    /// The code.
    pub component: Component,
    /// What the store of a new world holds.
    pub shelf: Shelf,
}

/// Time must not pass where code runs: no slice ends and no deadline strikes.
pub fn limits() -> Limits {
    Limits {
        activation_slice: Duration::from_secs(3_600),
        event_cpu: Duration::from_secs(3_600),
        // Nor is the machine that the simulator runs on a matter of the worlds.
        compile_time: Duration::from_secs(3_600),
        ..Limits::default()
    }
}

impl Lab {
    /// Compiles the component in a file.
    pub fn open(component: &Path) -> Result<Self, Violation> {
        let bytes = std::fs::read(component)
            .map_err(|error| format!("cannot read {}: {error}", component.display()))?;
        // Each thread has a few runs at a time.
        let limits = Limits {
            live_instances: 1_000,
            ..limits()
        };
        let config = SandboxConfig {
            limits,
            cache_dir: None,
        };
        let sandbox = Sandbox::with_pace(config, Pace::Drawn).map_err(|error| error.to_string())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| error.to_string())?;
        let store = Arc::new(ModelStore::new(Shelf::default(), Vec::new(), 0));
        let digest = runtime
            .block_on(upload(sandbox.clone(), store.clone(), bytes))
            .map_err(|error| format!("the component cannot be uploaded: {error}"))?;
        let component = sandbox
            .loaded(digest)
            .ok_or_else(|| "the component is not loaded".to_owned())?;
        Ok(Self {
            sandbox,
            component,
            shelf: store.shelf(),
        })
    }
}

async fn upload(
    sandbox: Sandbox,
    store: Arc<ModelStore>,
    bytes: Vec<u8>,
) -> Result<mainspring_engine::ids::Digest, mainspring_server::ServerError> {
    let server = Server::open(Parts {
        store,
        sandbox,
        clock: Arc::new(VirtualClock::at(Timestamp::EPOCH)),
        entropy: Arc::new(SystemEntropy),
        limits: limits(),
        options: Options::default(),
    })
    .await?;
    server
        .register_namespace(RegisterNamespace {
            name: NAMESPACE.into(),
            description: String::new(),
            owner_email: String::new(),
            retention: None,
            data: Vec::new(),
        })
        .await?;
    let color = (COLOR.to_owned(), AttributeType::Keyword);
    server
        .add_search_attributes(&NAMESPACE.into(), vec![color])
        .await?;
    let uploaded = server
        .upload_component(UploadComponent {
            namespace: NAMESPACE.into(),
            name: String::new(),
            version: String::new(),
            identity: "simulator".to_owned(),
            bytes,
        })
        .await?;
    server.shutdown().await?;
    Ok(uploaded.version.digest)
}
