//! How a command ends: exit codes, and failures with what to do about them.

use crate::agent::RunError;
use crate::client::ConnectError;
use crate::pb;
use crate::server::HINT;
use std::error::Error as _;
use std::process::ExitCode;
use tonic::Code;

/// The contract's exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// 0
    Done,
    /// 1: what was asked failed or was refused.
    Failed,
    /// 2: wrong usage or configuration.
    Usage,
    /// 3: the agent cannot be reached.
    Unreachable,
    /// 130
    Interrupted,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        ExitCode::from(match outcome {
            Outcome::Done => 0,
            Outcome::Failed => 1,
            Outcome::Usage => 2,
            Outcome::Unreachable => 3,
            Outcome::Interrupted => 130,
        })
    }
}

/// Why a command did not end well.
#[derive(Debug)]
pub enum CliError {
    /// Whoever read standard output left: nobody is there to be told.
    Closed,
    /// Ctrl-C; whether something is left to an agent.
    Interrupted { is_agent_asked: bool },
    /// Something to tell.
    Problem(Box<Problem>),
}

/// What is told, on stderr and in JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    pub outcome: Outcome,
    /// A gRPC code's name.
    pub code: &'static str,
    pub message: String,
    /// The next step; may be empty.
    pub hint: String,
    /// Of the evaluation or build, where that is what failed.
    pub failure: Option<pb::Failure>,
}

impl Problem {
    /// What was asked failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Problem {
            outcome: Outcome::Failed,
            code: "FAILED_PRECONDITION",
            message: message.into(),
            hint: String::new(),
            failure: None,
        }
    }

    /// Asked for in a wrong way; `hint` says what to type.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Problem {
            outcome: Outcome::Usage,
            code: "INVALID_ARGUMENT",
            ..Problem::failed(message).hint(hint)
        }
    }

    /// The same with a next step.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The same with the failure behind it.
    pub fn because(mut self, failure: Option<pb::Failure>) -> Self {
        self.failure = failure;
        self
    }
}

impl From<Problem> for CliError {
    fn from(problem: Problem) -> Self {
        CliError::Problem(Box::new(problem))
    }
}

impl From<ConnectError> for CliError {
    fn from(error: ConnectError) -> Self {
        let message = match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        let (code, outcome) = ("UNAVAILABLE", Outcome::Unreachable);
        Problem {
            code,
            outcome,
            ..Problem::failed(message).hint(error.hint())
        }
        .into()
    }
}

impl From<tonic::Status> for CliError {
    fn from(status: tonic::Status) -> Self {
        let hint = status
            .metadata()
            .get(HINT)
            .and_then(|hint| hint.to_str().ok());
        let mut problem = Problem {
            code: name(status.code()),
            ..Problem::failed(status.message()).hint(hint.unwrap_or_default())
        };
        match status.code() {
            Code::InvalidArgument => problem.outcome = Outcome::Usage,
            Code::Unavailable => problem.outcome = Outcome::Unreachable,
            // The transport broke: the words are its own.
            Code::Unknown | Code::Internal if status.source().is_some() => {
                problem.outcome = Outcome::Unreachable;
                problem.message = format!(
                    "the agent went away in the middle of the answer: {}",
                    problem.message
                );
                problem.hint = "ask again: what it acknowledged is kept".into();
            }
            _ => {}
        }
        problem.into()
    }
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Usage { message, hint } => Problem::usage(message, hint),
            RunError::Failed { message, hint } => Problem::failed(message).hint(hint),
        }
        .into()
    }
}

impl From<std::io::Error> for CliError {
    /// Of writing to standard output; everything else says where it happened.
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => CliError::Closed,
            _ => Problem::failed(format!("writing the output failed: {error}")).into(),
        }
    }
}

fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(error: impl Into<CliError>) -> Problem {
        match error.into() {
            CliError::Problem(problem) => *problem,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn blame_decides_the_exit_code() {
        let status = |code| problem(tonic::Status::new(code, "x")).outcome;
        assert_eq!(status(Code::FailedPrecondition), Outcome::Failed);
        assert_eq!(status(Code::PermissionDenied), Outcome::Failed);
        assert_eq!(status(Code::InvalidArgument), Outcome::Usage);
        assert_eq!(status(Code::Unavailable), Outcome::Unreachable);
        let missing = problem(ConnectError::Missing("/x".into()));
        assert_eq!(missing.outcome, Outcome::Unreachable);
        assert!(missing.hint.contains("kiln dev --once"), "{missing:?}");
    }

    #[test]
    fn a_closed_pipe_is_nobodys_fault() {
        let closed = CliError::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        assert!(matches!(closed, CliError::Closed));
    }
}
