//! What deleted runs leave behind: the transaction that deletes a run takes away all
//! that can be found of it, and one piece of its history. The rest goes here, piece by
//! piece through the commit pipeline, so that a long history holds nobody up; a restart
//! goes on with it.

use std::sync::Arc;
use std::time::Duration;

use mainspring_engine::transition::Write;

use crate::commit::CommitError;
use crate::core::Core;
use crate::error::ServerError;

/// How long to wait after the store failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Deletes what is left until the server stops. Sleeps while nothing is.
pub(crate) async fn run(core: Arc<Core>) {
    loop {
        let began = core.clock.now();
        let next = match delete_a_piece(&core).await {
            // Half of the disk's time belongs to others.
            Ok(true) => core.clock.now() + core.clock.now().since(began),
            Ok(false) => {
                tokio::select! {
                    () = core.remains.notified() => continue,
                    () = core.stop.cancelled() => return,
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a deleted run is not gone from the disk yet");
                core.clock.now() + RETRY_AFTER
            }
        };
        tokio::select! {
            () = core.clock.sleep_until(next) => {}
            () = core.stop.cancelled() => return,
        }
    }
}

/// False: nothing is left.
async fn delete_a_piece(core: &Core) -> Result<bool, ServerError> {
    let left = core.store.remains(1).await?;
    let Some(run_id) = left.first().copied() else {
        return Ok(false);
    };
    match core.committer.commit(Write::DeleteRemains { run_id }).await {
        Ok(()) | Err(CommitError::Conflict) => Ok(true),
        Err(error) => Err(ServerError::Unavailable(error.to_string())),
    }
}
