//! Calling other programs.

use std::process::{Command, Stdio};

use super::BuildError;

/// What a message shows of a program's output: its end, where errors are.
const SHOWN_BYTES: usize = 16 * 1024;

/// A program that a build calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    /// Its name, for messages.
    pub(crate) program: &'static str,
    /// What it does: "installs the packages of a TypeScript project".
    pub(crate) purpose: &'static str,
    /// How to get it: "install Node.js 20 or newer (https://nodejs.org)".
    pub(crate) get: &'static str,
}

impl Tool {
    /// Runs it to its end and gives what it printed to standard output. `action` opens
    /// the message where it fails: "npm could not install the packages of /a/b". What
    /// it printed is shown then, and only then.
    pub(crate) fn run(&self, command: &mut Command, action: &str) -> Result<Vec<u8>, BuildError> {
        let answer = command
            .stdin(Stdio::null())
            .output()
            .map_err(|error| self.missing(&error))?;
        if answer.status.success() {
            return Ok(answer.stdout);
        }
        Err(BuildError::Tool {
            action: action.to_owned(),
            output: words(&answer),
        })
    }

    /// Like [`Tool::run`], where the answer is text.
    pub(crate) fn text(&self, command: &mut Command, action: &str) -> Result<String, BuildError> {
        let bytes = self.run(command, action)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// It could not be run at all.
    pub(crate) fn missing(&self, error: &std::io::Error) -> BuildError {
        BuildError::NoTool {
            program: self.program.to_owned(),
            purpose: self.purpose,
            cause: error.to_string(),
            get: self.get,
        }
    }
}

/// What a program that failed had to say.
fn words(answer: &std::process::Output) -> String {
    let mut said = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    let errors = String::from_utf8_lossy(&answer.stderr);
    if !errors.trim().is_empty() {
        if !said.is_empty() {
            said.push('\n');
        }
        said.push_str(errors.trim());
    }
    if said.is_empty() {
        return format!("it ended with {} and said nothing", answer.status);
    }
    let said = end_of(&said, SHOWN_BYTES);
    // Several lines read better below the sentence than behind it.
    if said.contains('\n') {
        format!("\n{said}")
    } else {
        said
    }
}

fn end_of(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let mut from = text.len() - bytes;
    while !text.is_char_boundary(from) {
        from += 1;
    }
    format!("[…]{}", &text[from..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHELL: Tool = Tool {
        program: "sh",
        purpose: "runs this test",
        get: "install a shell",
    };

    #[test]
    fn a_program_that_fails_is_quoted() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; exit 3"]);
        let error = SHELL.run(&mut command, "sh could not count").unwrap_err();
        assert_eq!(error.to_string(), "sh could not count: \none\ntwo");
        let mut silent = Command::new("sh");
        silent.args(["-c", "exit 3"]);
        let error = SHELL.run(&mut silent, "sh could not count").unwrap_err();
        assert!(error.to_string().contains("said nothing"), "{error}");
    }

    #[test]
    fn a_program_that_is_not_there_says_how_to_get_it() {
        let mut command = Command::new("no-such-program-anywhere");
        let error = SHELL.text(&mut command, "x").unwrap_err().to_string();
        assert!(error.contains("which runs this test"), "{error}");
        assert!(error.contains("install a shell"), "{error}");
    }

    #[test]
    fn long_output_is_cut_at_its_beginning() {
        assert_eq!(end_of("abc", 3), "abc");
        assert_eq!(end_of("aäbc", 3), "[…]bc");
    }
}
