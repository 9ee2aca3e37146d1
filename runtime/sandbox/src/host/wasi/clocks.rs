//! Both clocks show workflow time: it stands still inside a task and is equal in replay.

use wasmtime::component::Resource;

use super::Pollable;
use crate::host::Host;
use crate::wasi::wasi::clocks::wall_clock::Datetime;
use crate::wasi::wasi::clocks::{monotonic_clock, wall_clock};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

impl Host {
    /// Nanoseconds since 1970; zero where no run stands behind the code yet.
    pub(super) fn instant(&self) -> u64 {
        let nanos = self
            .session
            .as_ref()
            .map_or(0, |session| session.lock().now().as_nanos());
        u64::try_from(nanos).unwrap_or(0)
    }
}

impl monotonic_clock::Host for Host {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.instant())
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(1)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<Pollable>> {
        self.keep(Pollable::At(when))
    }

    fn subscribe_duration(&mut self, when: u64) -> wasmtime::Result<Resource<Pollable>> {
        let at = self.instant().saturating_add(when);
        self.keep(Pollable::At(at))
    }
}

impl wall_clock::Host for Host {
    fn now(&mut self) -> wasmtime::Result<Datetime> {
        let nanos = self.instant();
        Ok(Datetime {
            seconds: nanos / NANOS_PER_SECOND,
            nanoseconds: (nanos % NANOS_PER_SECOND) as u32,
        })
    }

    fn resolution(&mut self) -> wasmtime::Result<Datetime> {
        Ok(Datetime {
            seconds: 0,
            nanoseconds: 1,
        })
    }
}
