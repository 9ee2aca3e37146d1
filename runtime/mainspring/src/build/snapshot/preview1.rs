//! The host of a start: WASI's first preview without a world behind it.

use std::collections::BTreeSet;

use wasmtime::{Caller, ExternType, Linker, Memory, Module};

const MODULE: &str = "wasi_snapshot_preview1";
/// The only variable of the environment: libraries look for a home folder early.
const ENVIRONMENT: &[u8] = b"HOME=/\0";
/// What every clock shows, in nanoseconds since 1970. A fixed moment in the past.
const NOW: u64 = 1_700_000_000_000_000_000;
/// What the stream of random bytes begins with.
const SEED: u64 = 0x6d61_696e_7370_7269;
/// What a start may print.
const OUTPUT_BYTES: usize = 256 * 1024;

// Error numbers of the first preview.
const SUCCESS: i32 = 0;
const BAD_DESCRIPTOR: i32 = 8;
const NOT_FOUND: i32 = 44;
const NOT_SUPPORTED: i32 = 58;

/// Standard input, output and error, and the one more that programs may poll.
const LAST_DESCRIPTOR: i32 = 3;
/// Bytes of the structures that are written here.
const FDSTAT: usize = 24;
const SUBSCRIPTION: usize = 48;
const EVENT: usize = 32;

/// What the code has drawn and said.
#[derive(Debug)]
pub(super) struct World {
    random: u64,
    output: Vec<u8>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            random: SEED,
            output: Vec::new(),
        }
    }
}

impl World {
    /// What was printed so far.
    pub(super) fn take_output(&mut self) -> String {
        let bytes = std::mem::take(&mut self.output);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn print(&mut self, bytes: &[u8]) {
        let left = OUTPUT_BYTES.saturating_sub(self.output.len());
        self.output.extend(bytes.iter().take(left));
    }

    /// The generator is splitmix64: any fixed one would do.
    fn random_byte(&mut self) -> u8 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.random;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word >> 56) as u8
    }
}

/// The caller's memory, where results go.
struct View<'a> {
    caller: Caller<'a, World>,
    memory: Memory,
}

impl<'a> View<'a> {
    fn new(mut caller: Caller<'a, World>) -> wasmtime::Result<Self> {
        match caller
            .get_export("memory")
            .and_then(|export| export.into_memory())
        {
            Some(memory) => Ok(Self { caller, memory }),
            None => wasmtime::bail!("it does not export its memory as \"memory\""),
        }
    }

    fn write(&mut self, at: i32, bytes: &[u8]) -> wasmtime::Result<()> {
        Ok(self.memory.write(&mut self.caller, address(at), bytes)?)
    }

    fn write_u32(&mut self, at: i32, value: u32) -> wasmtime::Result<()> {
        self.write(at, &value.to_le_bytes())
    }

    fn read<const N: usize>(&self, at: i32) -> wasmtime::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.memory.read(&self.caller, address(at), &mut bytes)?;
        Ok(bytes)
    }

    fn read_bytes(&self, at: u32, length: u32) -> wasmtime::Result<Vec<u8>> {
        let (at, length) = (at as usize, length as usize);
        let bytes = self.memory.data(&self.caller);
        match at.checked_add(length).and_then(|end| bytes.get(at..end)) {
            Some(bytes) => Ok(bytes.to_vec()),
            None => wasmtime::bail!("it handed over bytes outside of its memory"),
        }
    }
}

/// Addresses are unsigned; WebAssembly's numbers are not.
fn address(at: i32) -> usize {
    at.cast_unsigned() as usize
}

type Answer = wasmtime::Result<i32>;

/// Adds what has a meaning here; the rest of the first preview is refused by error number.
pub(super) fn add_to_linker(linker: &mut Linker<World>) -> wasmtime::Result<()> {
    add_environment(linker)?;
    add_time_and_randomness(linker)?;
    add_descriptors(linker)
}

fn add_environment(linker: &mut Linker<World>) -> wasmtime::Result<()> {
    type C<'a> = Caller<'a, World>;
    linker.func_wrap(MODULE, "args_get", |_: i32, _: i32| SUCCESS)?;
    linker.func_wrap(
        MODULE,
        "args_sizes_get",
        |c: C<'_>, count: i32, bytes: i32| -> Answer {
            let mut view = View::new(c)?;
            view.write_u32(count, 0)?;
            view.write_u32(bytes, 0)?;
            Ok(SUCCESS)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "environ_get",
        |c: C<'_>, list: i32, text: i32| -> Answer {
            let mut view = View::new(c)?;
            view.write_u32(list, text.cast_unsigned())?;
            view.write(text, ENVIRONMENT)?;
            Ok(SUCCESS)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "environ_sizes_get",
        |c: C<'_>, count: i32, bytes: i32| -> Answer {
            let mut view = View::new(c)?;
            view.write_u32(count, 1)?;
            view.write_u32(bytes, ENVIRONMENT.len() as u32)?;
            Ok(SUCCESS)
        },
    )?;
    linker.func_wrap(MODULE, "proc_exit", |code: i32| -> wasmtime::Result<()> {
        wasmtime::bail!("the program ended itself with code {code} before its first run")
    })?;
    linker.func_wrap(MODULE, "sched_yield", || SUCCESS)?;
    Ok(())
}

fn add_time_and_randomness(linker: &mut Linker<World>) -> wasmtime::Result<()> {
    type C<'a> = Caller<'a, World>;
    linker.func_wrap(
        MODULE,
        "clock_time_get",
        |c: C<'_>, _: i32, _: i64, at: i32| -> Answer {
            View::new(c)?.write(at, &NOW.to_le_bytes())?;
            Ok(SUCCESS)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "clock_res_get",
        |c: C<'_>, _: i32, at: i32| -> Answer {
            View::new(c)?.write(at, &1_u64.to_le_bytes())?;
            Ok(SUCCESS)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "random_get",
        |c: C<'_>, at: i32, length: i32| -> Answer {
            let mut view = View::new(c)?;
            for offset in 0..length {
                let byte = view.caller.data_mut().random_byte();
                view.write(at.wrapping_add(offset), &[byte])?;
            }
            Ok(SUCCESS)
        },
    )?;
    // Waiting for a clock is over at once: this one stands still.
    linker.func_wrap(
        MODULE,
        "poll_oneoff",
        |c: C<'_>, subscriptions: i32, events: i32, count: i32, happened: i32| -> Answer {
            const KIND: usize = 8;
            const CLOCK: u8 = 0;
            let mut view = View::new(c)?;
            let mut elapsed = 0;
            for index in 0..count {
                let at = subscriptions.wrapping_add(index.wrapping_mul(SUBSCRIPTION as i32));
                let subscription: [u8; SUBSCRIPTION] = view.read(at)?;
                if subscription[KIND] == CLOCK {
                    let mut event = [0; EVENT];
                    event[..KIND].copy_from_slice(&subscription[..KIND]);
                    view.write(events, &event)?;
                    elapsed = 1;
                    break;
                }
            }
            view.write_u32(happened, elapsed)?;
            Ok(SUCCESS)
        },
    )?;
    Ok(())
}

fn add_descriptors(linker: &mut Linker<World>) -> wasmtime::Result<()> {
    type C<'a> = Caller<'a, World>;
    linker.func_wrap(
        MODULE,
        "fd_write",
        |c: C<'_>, descriptor: i32, vectors: i32, count: i32, written: i32| -> Answer {
            if !(1..=2).contains(&descriptor) {
                return Ok(BAD_DESCRIPTOR);
            }
            let mut view = View::new(c)?;
            let mut total = 0_u32;
            for index in 0..count {
                let vector: [u8; 8] = view.read(vectors.wrapping_add(index.wrapping_mul(8)))?;
                let [a, b, c, d, e, f, g, h] = vector;
                let (at, length) = (
                    u32::from_le_bytes([a, b, c, d]),
                    u32::from_le_bytes([e, f, g, h]),
                );
                let bytes = view.read_bytes(at, length)?;
                view.caller.data_mut().print(&bytes);
                total = total.saturating_add(length);
            }
            view.write_u32(written, total)?;
            Ok(SUCCESS)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "fd_fdstat_get",
        |c: C<'_>, descriptor: i32, at: i32| -> Answer {
            const SOCKET: u8 = 6;
            const NON_BLOCKING: u8 = 4;
            if descriptor > LAST_DESCRIPTOR {
                return Ok(BAD_DESCRIPTOR);
            }
            let mut stat = [0; FDSTAT];
            stat[0] = SOCKET;
            stat[2] = NON_BLOCKING;
            stat[8..].fill(0xff);
            View::new(c)?.write(at, &stat)?;
            Ok(SUCCESS)
        },
    )?;
    linker.func_wrap(MODULE, "fd_fdstat_set_flags", |_: i32, _: i32| SUCCESS)?;
    linker.func_wrap(MODULE, "fd_prestat_get", |_: i32, _: i32| BAD_DESCRIPTOR)?;
    linker.func_wrap(MODULE, "fd_close", |_: i32| SUCCESS)?;
    Ok(())
}

/// Gives every import that is not there yet an answer: files are not found, and a call of
/// the contract says that it belongs to a run.
pub(super) fn refuse_the_rest(linker: &mut Linker<World>, module: &Module) -> wasmtime::Result<()> {
    let mut probe = wasmtime::Store::new(module.engine(), World::default());
    let mut seen = BTreeSet::new();
    for import in module.imports() {
        let ExternType::Func(ty) = import.ty() else {
            continue;
        };
        let name = (import.module().to_owned(), import.name().to_owned());
        if linker.get(&mut probe, &name.0, &name.1).is_ok() || !seen.insert(name.clone()) {
            continue;
        }
        if name.0 == MODULE {
            let number = match name.1.as_str() {
                path if path.starts_with("path_") => NOT_FOUND,
                descriptor if descriptor.starts_with("fd_") => BAD_DESCRIPTOR,
                _ => NOT_SUPPORTED,
            };
            linker.func_new(&name.0, &name.1, ty, move |_, _, results| {
                if let Some(result) = results.first_mut() {
                    *result = wasmtime::Val::I32(number);
                }
                Ok(())
            })?;
        } else {
            let sentence = format!(
                "the program called {} {} before its first run; that call belongs to a run: make it \
                 in the workflow's own code",
                name.0, name.1
            );
            linker.func_new(&name.0, &name.1, ty, move |_, _, _| {
                Err(wasmtime::Error::msg(sentence.clone()))
            })?;
        }
    }
    Ok(())
}
