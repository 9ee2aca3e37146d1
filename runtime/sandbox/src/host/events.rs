//! Hearing and waiting.

use std::future::poll_fn;
use std::task::Poll;

use super::{Host, fault};
use crate::bindings::mainspring::workflow::events::{self, Event};
use crate::convert::event::to_wit;
use crate::convert::payload::duration;

impl events::Host for Host {
    /// Pending where there is nothing to hear: whoever drives the instance polls
    /// again after the next task has begun.
    async fn next(&mut self) -> wasmtime::Result<Event> {
        self.begin_to_wait();
        self.pauses.give_way().await;
        let event = poll_fn(|_| match self.session() {
            Err(error) => Poll::Ready(Err(error)),
            Ok(mut session) => match session.next_event() {
                Some(event) => Poll::Ready(Ok(to_wit(event))),
                None => {
                    drop(session);
                    self.set_waiting();
                    Poll::Pending
                }
            },
        })
        .await;
        self.pauses.give_way().await;
        event
    }

    fn take(&mut self) -> wasmtime::Result<Option<Event>> {
        Ok(self.session()?.next_event().map(to_wit))
    }

    async fn wait(&mut self, timeout_ns: u64) -> wasmtime::Result<bool> {
        self.begin_to_wait();
        let can_take = self.session()?.begin_wait(duration(timeout_ns));
        if can_take.map_err(fault)? {
            return Ok(true);
        }
        self.pauses.give_way().await;
        poll_fn(|_| match self.session() {
            Err(error) => Poll::Ready(Err(error)),
            Ok(mut session) => match session.poll_wait() {
                Err(misused) => Poll::Ready(Err(fault(misused))),
                Ok(Some(can_take)) => Poll::Ready(Ok(can_take)),
                Ok(None) => {
                    drop(session);
                    self.set_waiting();
                    Poll::Pending
                }
            },
        })
        .await
    }
}
