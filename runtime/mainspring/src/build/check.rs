//! Asking what a server would say: the admission of an upload, run here.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mainspring_engine::limits::Limits;
use mainspring_sandbox::{ComponentDescription, Sandbox, SandboxConfig};

use super::BuildError;

/// A developer's machine may be slower than the server, and nobody else waits for it.
const COMPILE_TIME: Duration = Duration::from_secs(600);

/// Checks the component as a server with the usual limits does, and gives what it says
/// of itself. `path` is for messages.
pub(crate) fn admit(component: &[u8], path: &Path) -> Result<ComponentDescription, BuildError> {
    let refused = |reason: String| BuildError::Refused {
        path: path.to_owned(),
        reason,
    };
    let limits = Limits {
        live_instances: 1,
        compile_time: COMPILE_TIME,
        ..Limits::default()
    };
    let config = SandboxConfig {
        limits,
        cache_dir: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| refused(format!("it could not be checked: {error}")))?;
    let sandbox = Sandbox::new(config).map_err(|error| refused(error.to_string()))?;
    let admitted = runtime
        .block_on(sandbox.admit(Arc::from(component)))
        .map_err(|refusal| refused(refusal.to_string()))?;
    Ok(admitted.description)
}
