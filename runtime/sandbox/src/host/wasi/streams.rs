//! Streams: an input that is at its end, and outputs that take everything at once.

use wasmtime::component::Resource;

use super::{NoError, Nothing, Output, Pollable};
use crate::host::{Host, misuse};
use crate::wasi::wasi::io::streams::StreamError;
use crate::wasi::wasi::io::{error, streams};

/// What one call may write.
const WRITE_BYTES: u64 = 64 * 1024;

type Done<T> = wasmtime::Result<Result<T, StreamError>>;

impl error::Host for Host {}
impl error::HostError for Host {
    fn to_debug_string(&mut self, _: Resource<NoError>) -> wasmtime::Result<String> {
        Ok("no error".to_owned())
    }

    fn drop(&mut self, error: Resource<NoError>) -> wasmtime::Result<()> {
        self.let_go(error)
    }
}

impl streams::Host for Host {}

impl streams::HostInputStream for Host {
    fn read(&mut self, _: Resource<Nothing>, _: u64) -> Done<Vec<u8>> {
        Ok(Err(StreamError::Closed))
    }

    fn blocking_read(&mut self, _: Resource<Nothing>, _: u64) -> Done<Vec<u8>> {
        Ok(Err(StreamError::Closed))
    }

    fn skip(&mut self, _: Resource<Nothing>, _: u64) -> Done<u64> {
        Ok(Err(StreamError::Closed))
    }

    fn blocking_skip(&mut self, _: Resource<Nothing>, _: u64) -> Done<u64> {
        Ok(Err(StreamError::Closed))
    }

    fn subscribe(&mut self, _: Resource<Nothing>) -> wasmtime::Result<Resource<Pollable>> {
        self.keep(Pollable::Ready)
    }

    fn drop(&mut self, stream: Resource<Nothing>) -> wasmtime::Result<()> {
        self.let_go(stream)
    }
}

impl Host {
    fn write_to(&mut self, stream: &Resource<Output>, bytes: &[u8]) -> Done<()> {
        let to = *self.table().get(stream)?;
        self.print(to, bytes)?;
        Ok(Ok(()))
    }

    fn write_zeroes_to(&mut self, stream: &Resource<Output>, length: u64) -> Done<()> {
        if length > WRITE_BYTES {
            return Err(misuse(format!(
                "the workflow writes {length} zeroes at once; a stream takes {WRITE_BYTES} bytes \
                 a call"
            )));
        }
        let zeroes = vec![0; usize::try_from(length).unwrap_or(0)];
        self.write_to(stream, &zeroes)
    }
}

impl streams::HostOutputStream for Host {
    fn check_write(&mut self, _: Resource<Output>) -> Done<u64> {
        Ok(Ok(WRITE_BYTES))
    }

    fn write(&mut self, stream: Resource<Output>, bytes: Vec<u8>) -> Done<()> {
        self.write_to(&stream, &bytes)
    }

    fn blocking_write_and_flush(&mut self, stream: Resource<Output>, bytes: Vec<u8>) -> Done<()> {
        self.write_to(&stream, &bytes)
    }

    // A flush ends no line: programs flush between the pieces of one.
    fn flush(&mut self, _: Resource<Output>) -> Done<()> {
        Ok(Ok(()))
    }

    fn blocking_flush(&mut self, _: Resource<Output>) -> Done<()> {
        Ok(Ok(()))
    }

    fn subscribe(&mut self, _: Resource<Output>) -> wasmtime::Result<Resource<Pollable>> {
        self.keep(Pollable::Ready)
    }

    fn write_zeroes(&mut self, stream: Resource<Output>, length: u64) -> Done<()> {
        self.write_zeroes_to(&stream, length)
    }

    fn blocking_write_zeroes_and_flush(
        &mut self,
        stream: Resource<Output>,
        length: u64,
    ) -> Done<()> {
        self.write_zeroes_to(&stream, length)
    }

    fn splice(&mut self, _: Resource<Output>, _: Resource<Nothing>, _: u64) -> Done<u64> {
        Ok(Err(StreamError::Closed))
    }

    fn blocking_splice(&mut self, _: Resource<Output>, _: Resource<Nothing>, _: u64) -> Done<u64> {
        Ok(Err(StreamError::Closed))
    }

    fn drop(&mut self, stream: Resource<Output>) -> wasmtime::Result<()> {
        self.let_go(stream)
    }
}
