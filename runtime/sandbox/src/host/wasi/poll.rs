//! Waiting. Streams are always ready; waiting for a clock is a timer of the run, started
//! only where the code really waits, for the earliest of the moments it waits for.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use wasmtime::component::Resource;

use crate::host::{Host, fault, misuse};
use crate::wasi::wasi::io::poll;

/// What the code may wait for.
#[derive(Debug)]
pub enum Pollable {
    /// Ready from the beginning.
    Ready,
    /// Ready at a moment, in nanoseconds since 1970.
    At(u64),
}

impl Pollable {
    fn at(&self) -> u64 {
        match self {
            Self::Ready => 0,
            Self::At(at) => *at,
        }
    }
}

impl Host {
    /// Pending until workflow time has reached `at`. Whoever drives the instance polls
    /// again after the next task has begun.
    async fn sleep_until(&mut self, at: u64) -> wasmtime::Result<()> {
        let Some(left) = at.checked_sub(self.instant()).filter(|left| *left > 0) else {
            return Ok(());
        };
        if !self.wasi.running {
            return Err(misuse(
                "the code waited for a clock before its `run` was called; it has no time of its \
                 own then"
                    .to_owned(),
            ));
        }
        self.begin_to_wait();
        self.session()?
            .begin_sleep(Duration::from_nanos(left))
            .map_err(fault)?;
        poll_fn(|_| match self.session() {
            Err(error) => Poll::Ready(Err(error)),
            Ok(mut session) => {
                if session.sleep_is_over() {
                    return Poll::Ready(Ok(()));
                }
                drop(session);
                self.set_waiting();
                Poll::Pending
            }
        })
        .await
    }
}

impl poll::HostPollable for Host {
    fn ready(&mut self, pollable: Resource<Pollable>) -> wasmtime::Result<bool> {
        let at = self.table().get(&pollable)?.at();
        Ok(at <= self.instant())
    }

    async fn block(&mut self, pollable: Resource<Pollable>) -> wasmtime::Result<()> {
        let at = self.table().get(&pollable)?.at();
        self.sleep_until(at).await
    }

    fn drop(&mut self, pollable: Resource<Pollable>) -> wasmtime::Result<()> {
        self.let_go(pollable)
    }
}

impl poll::Host for Host {
    async fn poll(&mut self, list: Vec<Resource<Pollable>>) -> wasmtime::Result<Vec<u32>> {
        let mut moments = Vec::with_capacity(list.len());
        for pollable in &list {
            moments.push(self.table().get(pollable)?.at());
        }
        let Some(earliest) = moments.iter().copied().min() else {
            return Err(misuse(
                "the code waits for one of no pollables (wasi:io/poll poll with an empty list)"
                    .to_owned(),
            ));
        };
        self.sleep_until(earliest).await?;
        let now = self.instant();
        let ready = (0..).zip(moments).filter(|(_, at)| *at <= now);
        Ok(ready.map(|(index, _)| index).collect())
    }
}
