//! The only place that writes to standard output and standard error: text for
//! people, or JSON. Nobody reading any more is not an error.

use super::When;
use super::environment::Environment;
use super::error::{CliError, Outcome, Problem};
use super::human;
use crate::pb::{self, Sanitise};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};

/// Where a command's output goes.
#[derive(Debug, Clone)]
pub struct Output {
    /// Print JSON.
    pub json: bool,
    /// Colour on stdout.
    pub color: bool,
    color_stderr: bool,
    /// Standard error is a terminal: progress may overwrite itself.
    pub bars: bool,
    /// Standard output is a terminal: control characters would act on it.
    pub terminal: bool,
}

impl Output {
    /// As asked for, else as the streams allow.
    pub fn new(json: bool, color: When, env: &Environment) -> Self {
        let (stdout, stderr) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let wanted = |terminal| match color {
            When::Always => true,
            When::Never => false,
            When::Auto => terminal && !env.no_color,
        };
        Output {
            json,
            color: wanted(stdout) && !json,
            color_stderr: wanted(stderr),
            bars: stderr,
            terminal: stdout,
        }
    }

    /// Text on standard output; a line end is added where it is missing.
    pub fn text(&self, text: &str) -> Result<(), CliError> {
        let end = if text.ends_with('\n') || text.is_empty() {
            ""
        } else {
            "\n"
        };
        Ok(write!(io::stdout().lock(), "{text}{end}")?)
    }

    /// Bytes on standard output, as they are.
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), CliError> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        Ok(stdout.flush()?)
    }

    /// Standard output for bytes that are written bit by bit.
    pub fn writer(&self) -> Writer {
        Writer {
            out: io::BufWriter::with_capacity(1 << 16, io::stdout()),
            failed: None,
        }
    }

    /// A message of the wire as one line of JSON.
    pub fn message<M: Serialize + Sanitise + Clone>(&self, message: &M) -> Result<(), CliError> {
        self.text(&json(message)?)
    }

    /// `{"<key>": message}` as one line.
    pub fn keyed<M: Serialize + Sanitise + Clone>(
        &self,
        key: &str,
        message: &M,
    ) -> Result<(), CliError> {
        self.text(&format!(
            "{{{}:{}}}",
            serde_json::Value::from(key),
            json(message)?
        ))
    }

    /// The message as JSON if that was asked for, else its text.
    pub fn either<M: Serialize + Sanitise + Clone>(
        &self,
        message: &M,
        text: impl FnOnce() -> String,
    ) -> Result<(), CliError> {
        match self.json {
            true => self.message(message),
            false => self.text(&text()),
        }
    }

    /// A line of progress on standard error.
    pub fn note(&self, line: &str) {
        let clear = if self.bars { "\r\x1b[K" } else { "" };
        let _ = writeln!(io::stderr().lock(), "{clear}{line}"); // nobody left to tell
    }

    /// A line that the next one overwrites; on a terminal only.
    pub fn bar(&self, line: &str) {
        if self.bars {
            let mut stderr = io::stderr().lock();
            let _ = write!(stderr, "\r\x1b[K{line}").and_then(|()| stderr.flush());
        }
    }

    /// Tells why a command failed and says how to exit.
    pub fn error(&self, error: &CliError) -> Outcome {
        match error {
            CliError::Closed => Outcome::Done,
            CliError::Interrupted { is_agent_asked } => {
                self.note(match is_agent_asked {
                    true => "interrupted; what the agent was asked to do goes on",
                    false => "interrupted; what this command began has ended with it",
                });
                Outcome::Interrupted
            }
            CliError::Problem(problem) => {
                if self.json {
                    let _ = self.text(&problem_json(problem)); // told on stderr too
                }
                self.note(&human::problem(problem, self.color_stderr));
                problem.outcome
            }
        }
    }
}

/// Standard output; tells a reader that left from what failed itself.
pub struct Writer {
    out: io::BufWriter<io::Stdout>,
    failed: Option<io::ErrorKind>,
}

impl Writer {
    /// What a failure of whoever wrote here was about.
    pub fn blame(&self, error: &dyn std::error::Error) -> CliError {
        match self.failed {
            Some(kind) => io::Error::from(kind).into(),
            None => Problem::failed(error.to_string()).into(),
        }
    }

    /// All was written.
    ///
    /// # Errors
    /// When the last of it cannot be.
    pub fn end(mut self) -> Result<(), CliError> {
        Ok(self.out.flush()?)
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        written.inspect_err(|error| self.failed = Some(error.kind()))
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        flushed.inspect_err(|error| self.failed = Some(error.kind()))
    }
}

/// The JSON mapping of a message; enum numbers this build does not know are 0.
fn json<M: Serialize + Sanitise + Clone>(message: &M) -> Result<String, CliError> {
    let mut message = message.clone();
    message.sanitise();
    serde_json::to_string(&message).map_err(|error| {
        CliError::from(Problem::failed(format!(
            "the agent's answer cannot be printed as JSON: {error}"
        )))
    })
}

/// What a failed command prints on standard output when JSON was asked for.
#[derive(Serialize)]
struct ErrorObject<'a> {
    code: &'a str,
    message: &'a str,
    hint: &'a str,
    failure: Option<pb::Failure>,
}

fn problem_json(problem: &Problem) -> String {
    let mut failure = problem.failure.clone();
    if let Some(failure) = &mut failure {
        failure.sanitise();
    }
    let error = ErrorObject {
        code: problem.code,
        message: &problem.message,
        hint: &problem.hint,
        failure,
    };
    let error = serde_json::to_string(&error).unwrap_or_else(|_| "{}".into());
    format!("{{\"error\":{error}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_command_is_an_object_with_code_message_hint_and_failure() {
        let problem = Problem::usage("wrong", "type this");
        let found: serde_json::Value = serde_json::from_str(&problem_json(&problem)).unwrap();
        let wanted = serde_json::json!({"error": {
            "code": "INVALID_ARGUMENT", "message": "wrong", "hint": "type this", "failure": null,
        }});
        assert_eq!(found, wanted);
    }
}
