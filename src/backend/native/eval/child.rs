//! The evaluator's own process: `kiln internal eval`. Request on standard
//! input, [`Answer`] on standard output, what the repository prints on standard
//! error.

use super::asked::Asked;
use super::run::evaluate_traced;
use super::survey::{survey_here, tests_here};
use super::{EvalEnd, EvalRequest, Job, Refusal, confine, last_words};
use crate::backend::BackendError;
use crate::backend::inspect::{Survey, TestEnd};
use crate::backend::native::graph::Graph;
use crate::model::Failure;
use crate::process;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Graph(Graph),
    Refused(Refusal),
    TimedOut(Failure),
    Surveyed(Survey),
    Tested(Vec<TestEnd>),
}

/// What the child says at its end.
#[derive(Serialize, Deserialize)]
pub(super) struct Reply {
    pub answer: Answer,
    /// What the evaluation asked of the commit, where it came to its own end.
    pub asked: Option<Asked>,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Reply {
            answer,
            asked: None,
        }
    }
}

/// What the repository may print, in bytes; the rest is left out.
pub(super) const MAX_LOG: usize = 64 << 20;

/// The log, by the bytes it may still get.
struct Log(AtomicUsize);

impl Log {
    /// A lost log line is no failure.
    fn print(&self, line: &str) {
        let left = self.0.load(Ordering::Relaxed);
        if left == 0 {
            return;
        }
        let mut stderr = io::stderr().lock();
        let whole = line.len() < left; // with its end of line
        let kept = if whole { line.len() } else { left - 1 };
        let _ = stderr.write_all(&line.as_bytes()[..kept]);
        let _ = stderr.write_all(b"\n");
        if !whole {
            let limit = MAX_LOG >> 20;
            let _ = writeln!(stderr, "(print: the rest is left out after {limit} MiB)");
        }
        let left = if whole { left - kept - 1 } else { 0 };
        self.0.store(left, Ordering::Relaxed);
    }
}

/// What the child wrote.
pub(super) fn reply(bytes: &[u8]) -> Result<Reply, BackendError> {
    // The graph is wide, not deep, whatever the repository says.
    serde_json::from_slice(bytes).map_err(super::broken("read the evaluator's answer"))
}

/// The answer of a child that was asked for a graph.
pub(super) fn read(reply: Reply) -> Result<(EvalEnd, Option<Asked>), BackendError> {
    let end = match reply.answer {
        Answer::Graph(graph) => EvalEnd::Graph(graph),
        Answer::TimedOut(failure) => EvalEnd::TimedOut(failure),
        Answer::Refused(Refusal::Failed(failure)) => EvalEnd::Failed(*failure),
        Answer::Refused(Refusal::UndeclaredHost { known, failure }) => EvalEnd::UndeclaredHost {
            known,
            failure: *failure,
        },
        Answer::Surveyed(_) | Answer::Tested(_) => return Err(unasked()),
    };
    Ok((end, reply.asked))
}

/// A child answered what nobody asked.
pub(super) fn unasked() -> BackendError {
    let odd = io::Error::other("it answers another question");
    super::broken("read the evaluator's answer")(odd)
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
    let (request, job): (EvalRequest, Job) = serde_json::from_slice(&process::read_request()?)?;
    process::die_with_parent();
    // SAFETY: called once, before any other use of libgit2 in this process and
    // before the thread that evaluates exists.
    unsafe { git2::opts::set_verify_owner_validation(false) }.map_err(io::Error::other)?;
    let log = Log(AtomicUsize::new(MAX_LOG));
    let print = |line: &str| log.print(line);
    confine::confine(&request)?;
    let trace = Arc::default();
    last_words::prepare(&request, &trace)?;
    let ready = confine::start_nothing;
    let (answer, asked) = match job {
        Job::Graph => {
            let (outcome, asked) = evaluate_traced(&request, &print, &trace, ready);
            (outcome.map(Answer::Graph), asked)
        }
        Job::Survey => {
            let surveyed = survey_here(&request, &print, &trace, ready);
            (surveyed.map(Answer::Surveyed), None)
        }
        Job::Tests { file } => {
            let tested = tests_here(&request, &file, &print, &trace, ready);
            (tested.map(Answer::Tested), None)
        }
    };
    let answer = answer.unwrap_or_else(Answer::Refused);
    while !last_words::may_answer() {
        std::thread::park(); // another thread is answering, and then ends us
    }
    write(&Reply { answer, asked })
}

pub(super) fn write(reply: &Reply) -> io::Result<()> {
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    serde_json::to_writer(&mut stdout, reply)?;
    stdout.flush()
}
