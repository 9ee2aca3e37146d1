//! Sleeping: code that waits for a moment and for nothing else (`wasi:io/poll`). What
//! comes in meanwhile stays in its order for the time after.

use std::time::Duration;

use temporalio_protos::temporal::api::failure::v1::Failure;

use super::{GuestFault, Session};
use crate::failure;
use crate::guest::GuestEvent;

impl Session {
    /// Begins a sleep, as a timer of the run. Ask [`Session::sleep_is_over`].
    pub fn begin_sleep(&mut self, duration: Duration) -> Result<(), GuestFault> {
        if self.in_read() {
            return Err(self.read_only("sleep"));
        }
        self.sleeping = Some(self.start_timer(duration, None)?);
        Ok(())
    }

    /// Whether the sleep is over; its timer is then heard of no more.
    pub fn sleep_is_over(&mut self) -> bool {
        let Some(own) = self.sleeping else {
            return true;
        };
        let is_own = |event: &GuestEvent| matches!(event, GuestEvent::Resolved { handle, .. } if *handle == own);
        let Some(at) = self.batch.iter().position(is_own) else {
            return false;
        };
        self.batch.remove(at);
        self.sleeping = None;
        self.delivered += 1;
        true
    }

    /// An update that came while the code sleeps: nobody takes it.
    pub(super) fn turn_update_away(&mut self) -> Option<Failure> {
        self.sleeping?;
        self.batch
            .retain(|event| !matches!(event, GuestEvent::Update { .. }));
        Some(failure::non_retryable(
            "the workflow's code sleeps and takes no updates meanwhile; let it wait for events \
             instead",
            "UnprocessedUpdate",
        ))
    }
}
