//! Deleting a run: an open one is terminated first, then all that is kept of it goes
//! (LIF-13). The answer leaves when nothing of it can be found any more; what a long
//! history has left on disk goes [afterwards](crate::remains).

use mainspring_engine::ids::RunId;
use mainspring_engine::transition::Write;

use super::messages::server_error;
use super::step::Step;
use super::{Actor, State};
use crate::error::ServerError;
use crate::mailbox::message::{Reply, RunSelector};

/// A run that is deleted once the step is committed.
pub(super) struct Deletion {
    run_id: RunId,
    reply: Reply<()>,
}

impl Actor {
    pub(super) async fn take_delete(
        &mut self,
        selector: RunSelector,
        reply: Reply<()>,
        step: &mut Step,
    ) {
        match self.closed_for_deletion(selector).await {
            Ok(run_id) => step.deletions.push(Deletion { run_id, reply }),
            Err(error) => step.answer(reply, Err(error)),
        }
    }

    /// The run that is meant, terminated if it was open.
    async fn closed_for_deletion(&mut self, selector: RunSelector) -> Result<RunId, ServerError> {
        if let Some(other) = self.selected(selector).await? {
            return Ok(other.run_id());
        }
        let now = self.core.clock.now();
        let Some(latest) = self.latest() else {
            return Err(self.unknown_run(selector.run_id));
        };
        if latest.run.is_open() {
            let reason = "the workflow execution is deleted".to_owned();
            latest
                .run
                .terminate(now, reason, None, "mainspring".to_owned())
                .map_err(server_error)?;
        }
        Ok(latest.run.run_id())
    }

    /// Deletes what the step was asked to, now that it is committed. Once a run is gone
    /// its workflow ID is read anew.
    pub(super) async fn carry_out_deletions(&mut self, deletions: Vec<Deletion>) {
        for Deletion { run_id, reply } in deletions {
            let write = Write::Delete {
                key: self.key.clone(),
                run_id,
            };
            let deleted = self.core.committer.commit(write).await;
            let is_latest =
                matches!(&self.state, State::Run(latest) if latest.run.run_id() == run_id);
            if is_latest || deleted.is_err() {
                self.forget();
            }
            if deleted.is_ok() {
                self.core.remains.notify_one();
                if is_latest {
                    self.core.alarms.set(&self.key, None);
                }
            }
            let answer = deleted.map_err(|error| {
                ServerError::Unavailable(format!(
                    "the workflow may not have been deleted ({error}); try again"
                ))
            });
            // The caller may have hung up.
            let _ = reply.send(answer);
        }
    }
}
