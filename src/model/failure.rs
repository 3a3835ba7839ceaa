//! What went wrong, where, and what to do: data, not an error type.

use serde::{Deserialize, Serialize};

/// Whether trying the same input again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The same input fails again: an evaluation error, an exit code.
    Certain,
    /// May pass by itself: network, a daemon that is gone, no space.
    Transient,
}

/// A place in a file of the commit; line and column count from 1, 0 is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    pub file: String,
    pub line: u32,
    pub column: u32,
}

/// A failed evaluation or build, as a person is told about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: FailureKind,
    pub message: String,
    pub location: Option<Location>,
    /// The step that failed, by name.
    pub derivation: Option<String>,
    pub exit_code: Option<i32>,
    /// The last lines of the log, at most [`Failure::LOG_TAIL`] bytes.
    pub log_tail: String,
    /// The next step for the reader; may be empty.
    pub hint: String,
    /// The words of the command or the configuration are off, not the
    /// repository: a host it does not declare.
    #[serde(default)]
    pub usage: bool,
}

impl Failure {
    /// How many bytes of log a failure carries.
    pub const LOG_TAIL: usize = 4096;

    /// A failure that the same input brings again.
    pub fn certain(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Certain, message.into())
    }

    /// A failure that may pass by itself.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Transient, message.into())
    }

    fn new(kind: FailureKind, message: String) -> Self {
        Failure {
            kind,
            message,
            location: None,
            derivation: None,
            exit_code: None,
            log_tail: String::new(),
            hint: String::new(),
            usage: false,
        }
    }

    /// The same failure with a next step for the reader.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The same failure, bound to a step.
    pub fn in_step(mut self, derivation: impl Into<String>) -> Self {
        self.derivation = Some(derivation.into());
        self
    }
}
