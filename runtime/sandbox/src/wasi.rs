//! The host's side of WASI, generated from `wit/wasi.wit` of this crate.

#![allow(missing_docs, unreachable_pub)]

wasmtime::component::bindgen!({
    path: "wit",
    world: "mainspring:wasi/served",
    imports: {
        "wasi:io/poll.[method]pollable.block": async | trappable,
        "wasi:io/poll.poll": async | trappable,
        default: trappable,
    },
    with: {
        "wasi:io/error.error": crate::host::wasi::NoError,
        "wasi:io/poll.pollable": crate::host::wasi::Pollable,
        "wasi:io/streams.input-stream": crate::host::wasi::Nothing,
        "wasi:io/streams.output-stream": crate::host::wasi::Output,
        "wasi:cli/terminal-input.terminal-input": crate::host::wasi::NoTerminal,
        "wasi:cli/terminal-output.terminal-output": crate::host::wasi::NoTerminal,
    },
});
