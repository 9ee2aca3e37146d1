//! All random numbers come from the run's stream: none of them is a secret, and all are
//! equal in replay.

use crate::host::{Host, fault, misuse};
use crate::wasi::wasi::random::{insecure, insecure_seed, random};

/// One call gives so many bytes at most.
const MOST_BYTES: u64 = 16 * 1024 * 1024;
/// The session gives so many bytes at a time.
const DRAW_BYTES: usize = 65_536;

impl Host {
    fn draw_u64(&mut self) -> wasmtime::Result<u64> {
        match &self.session {
            Some(session) => Ok(session.lock().random_u64()),
            None => {
                self.wasi.early_draws += 1;
                Ok(scrambled(self.wasi.early_draws))
            }
        }
    }

    fn draw_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        if length > MOST_BYTES {
            return Err(misuse(format!(
                "the workflow asked for {length} random bytes; one call gives {MOST_BYTES} at most"
            )));
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let wanted = (length - bytes.len()).min(DRAW_BYTES);
            if self.session.is_some() {
                let drawn = self.session()?.random_bytes(wanted).map_err(fault)?;
                bytes.extend(drawn);
            } else {
                let word = self.draw_u64()?.to_le_bytes();
                bytes.extend(word.iter().take(wanted));
            }
        }
        Ok(bytes)
    }
}

/// The numbers before a run: the same each time, and none like another (splitmix64).
fn scrambled(count: u64) -> u64 {
    let mut word = count.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

impl random::Host for Host {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.draw_bytes(len)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.draw_u64()
    }
}

impl insecure::Host for Host {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.draw_bytes(len)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.draw_u64()
    }
}

impl insecure_seed::Host for Host {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok((self.draw_u64()?, self.draw_u64()?))
    }
}
