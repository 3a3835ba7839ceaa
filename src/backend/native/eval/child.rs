//! The evaluator's own process: `kiln internal eval`. Request on standard
//! input, [`Answer`] on standard output, what the repository prints on standard
//! error.

use super::run::evaluate_traced;
use super::{EvalEnd, EvalRequest, Refusal, last_words};
use crate::backend::BackendError;
use crate::backend::native::graph::Graph;
use crate::model::Failure;
use crate::process;
use nix::sys::resource::{Resource, setrlimit};
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Graph(Graph),
    Refused(Refusal),
    TimedOut(Failure),
}

/// What the child answered.
pub(super) fn read(answer: &[u8]) -> Result<EvalEnd, BackendError> {
    // The graph is wide, not deep, whatever the repository says.
    match serde_json::from_slice(answer).map_err(super::broken("read the evaluator's answer"))? {
        Answer::Graph(graph) => Ok(EvalEnd::Graph(graph)),
        Answer::TimedOut(failure) => Ok(EvalEnd::TimedOut(failure)),
        Answer::Refused(Refusal::Failed(failure)) => Ok(EvalEnd::Failed(*failure)),
        Answer::Refused(Refusal::UndeclaredHost { known, failure }) => {
            Ok(EvalEnd::UndeclaredHost {
                known,
                failure: *failure,
            })
        }
    }
}

/// `kiln internal eval`: limits itself, evaluates, answers.
pub fn internal_main() -> ExitCode {
    match answer() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "kiln internal eval: {error}");
            ExitCode::FAILURE
        }
    }
}

fn answer() -> io::Result<()> {
    let request: EvalRequest = serde_json::from_slice(&process::read_request()?)?;
    limit(&request)?;
    process::die_with_parent();
    // SAFETY: called once, before any other use of libgit2 in this process and
    // before the thread that evaluates exists.
    unsafe { git2::opts::set_verify_owner_validation(false) }.map_err(io::Error::other)?;
    let print = |line: &str| {
        let _ = writeln!(io::stderr(), "{line}"); // a lost log line is no failure
    };
    let trace = Arc::default();
    last_words::prepare(&request, &trace)?;
    let answer = match evaluate_traced(&request, &print, &trace) {
        Ok(graph) => Answer::Graph(graph),
        Err(refusal) => Answer::Refused(refusal),
    };
    while !last_words::may_answer() {
        std::thread::park(); // another thread is answering, and then ends us
    }
    write(&answer)
}

pub(super) fn write(answer: &Answer) -> io::Result<()> {
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    serde_json::to_writer(&mut stdout, answer)?;
    stdout.flush()
}

/// The kernel's own limits. Processor time may reach the wall-clock limit, and
/// a little more: the parent, which knows why, should be the first.
fn limit(request: &EvalRequest) -> io::Result<()> {
    let reserved = request.memory.saturating_add(last_words::RESERVE);
    setrlimit(Resource::RLIMIT_AS, request.memory, reserved)?;
    let seconds = request.timeout.as_secs().saturating_add(5);
    setrlimit(Resource::RLIMIT_CPU, seconds, seconds)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    Ok(())
}
