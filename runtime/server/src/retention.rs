//! Retention: closed runs are deleted when their namespace has kept them long enough
//! (LIF-22).
//!
//! The oldest closed runs of a namespace are found by the index of close times. Each is
//! deleted through its mailbox, as a person would delete it, so that nothing is under
//! way in it; the commit pipeline makes large transactions of them. In between this
//! service sleeps until the oldest run that is left comes of age.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use mainspring_engine::time::Timestamp;
use mainspring_store::namespaces::NamespaceRow;

use crate::core::Core;
use crate::error::ServerError;
use crate::mailbox::message::{Message, RunSelector};

/// Closed runs looked at together.
const PAGE: usize = 512;
/// Runs deleted at once.
const AT_ONCE: usize = 64;
/// The longest sleep: a namespace may be registered meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(3_600);
/// The shortest: runs that come of age one after the other are deleted together.
const SHORTEST_SLEEP: Duration = Duration::from_secs(1);
/// How long to wait after something was not deleted.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// Deletes what is due until the server stops.
pub(crate) async fn run(core: Arc<Core>) {
    let longest = LONGEST_SLEEP.min(core.limits.shortest_retention);
    loop {
        let mut next = core.clock.now() + longest;
        for namespace in core.namespaces.all() {
            next = next.min(sweep(&core, &namespace).await);
        }
        let next = next.max(core.clock.now() + SHORTEST_SLEEP);
        tokio::select! {
            () = core.clock.sleep_until(next) => {}
            () = core.stop.cancelled() => return,
        }
    }
}

/// Deletes what is due in a namespace; answers when to look again.
async fn sweep(core: &Core, namespace: &NamespaceRow) -> Timestamp {
    loop {
        let now = core.clock.now();
        let oldest = core.store.oldest_closed_runs(&namespace.name, PAGE).await;
        let oldest = match oldest {
            Ok(oldest) => oldest,
            Err(error) => {
                tracing::warn!(namespace = %namespace.name, %error, "cannot look for old runs");
                return now + RETRY_AFTER;
            }
        };
        let found = oldest.len();
        let (due, kept): (Vec<_>, Vec<_>) = oldest
            .into_iter()
            .partition(|run| run.closed_at + namespace.retention <= now);
        let failed = stream::iter(due)
            .map(|run| async move {
                let selector = RunSelector {
                    run_id: Some(run.run_id),
                    first_run_id: None,
                };
                let deleted = core
                    .ask(&run.key, |reply| Message::Delete(selector, reply))
                    .await;
                match deleted {
                    // Somebody was faster.
                    Ok(()) | Err(ServerError::NotFound(_)) => 0,
                    Err(error) => {
                        tracing::warn!(key = %run.key, %error, "an old run was not deleted");
                        1
                    }
                }
            })
            .buffer_unordered(AT_ONCE)
            .fold(0, |failed, one| async move { failed + one })
            .await;
        if failed > 0 {
            return now + RETRY_AFTER;
        }
        match kept.first() {
            Some(run) => return run.closed_at + namespace.retention,
            None if found < PAGE => return now + namespace.retention,
            None => {}
        }
    }
}
