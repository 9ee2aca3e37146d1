//! What a program finds around it: nothing, but for a place to print to.

use wasmtime::component::Resource;

use super::{NoTerminal, Nothing, Output};
use crate::host::{Host, misuse};
use crate::wasi::wasi::cli::{
    environment, exit, stderr, stdin, stdout, terminal_input, terminal_output, terminal_stderr,
    terminal_stdin, terminal_stdout,
};

impl environment::Host for Host {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}

impl Host {
    fn ended_itself(&mut self, how: &str) -> wasmtime::Error {
        self.finish_output();
        let said = match self.last_error() {
            Some(said) => format!("; it said before: {said}"),
            None => String::new(),
        };
        misuse(format!(
            "the workflow's code ended its program ({how}); a workflow ends by returning from its \
             function{said}"
        ))
    }
}

impl exit::Host for Host {
    fn exit(&mut self, status: Result<(), ()>) -> wasmtime::Result<()> {
        let how = match status {
            Ok(()) => "exit with success",
            Err(()) => "exit with failure",
        };
        Err(self.ended_itself(how))
    }

    fn exit_with_code(&mut self, code: u8) -> wasmtime::Result<()> {
        Err(self.ended_itself(&format!("exit with code {code}")))
    }
}

impl stdin::Host for Host {
    fn get_stdin(&mut self) -> wasmtime::Result<Resource<Nothing>> {
        self.keep(Nothing)
    }
}

impl stdout::Host for Host {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<Output>> {
        self.keep(Output::Standard)
    }
}

impl stderr::Host for Host {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<Output>> {
        self.keep(Output::Error)
    }
}

impl terminal_input::Host for Host {}
impl terminal_input::HostTerminalInput for Host {
    fn drop(&mut self, terminal: Resource<NoTerminal>) -> wasmtime::Result<()> {
        self.let_go(terminal)
    }
}

impl terminal_output::Host for Host {}
impl terminal_output::HostTerminalOutput for Host {
    fn drop(&mut self, terminal: Resource<NoTerminal>) -> wasmtime::Result<()> {
        self.let_go(terminal)
    }
}

impl terminal_stdin::Host for Host {
    fn get_terminal_stdin(&mut self) -> wasmtime::Result<Option<Resource<NoTerminal>>> {
        Ok(None)
    }
}

impl terminal_stdout::Host for Host {
    fn get_terminal_stdout(&mut self) -> wasmtime::Result<Option<Resource<NoTerminal>>> {
        Ok(None)
    }
}

impl terminal_stderr::Host for Host {
    fn get_terminal_stderr(&mut self) -> wasmtime::Result<Option<Resource<NoTerminal>>> {
        Ok(None)
    }
}
