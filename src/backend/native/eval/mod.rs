//! The language: `kiln.star` in, a [`Graph`] out.
//!
//! In: a Git repository, the tree of a commit, a host's name, limits. Out: the
//! graph of what the host's root needs, or a [`Failure`] with the place and
//! the cure. May know Git's objects and the graph; knows no store, no
//! scheduler, no generation, and reads nothing but the commit.
//!
//! ```text
//! evaluate ──request──▶ child: limits ▶ run (files ▶ parse ▶ names ▶ arena) ──Answer──▶ EvalEnd
//! ```
//! A repository is hostile: it is evaluated in a child whose memory, time,
//! depth and steps are bounded, and the limit that ended it is named.

mod arena;
mod asked;
mod child;
mod confine;
mod diagnose;
mod files;
mod last_words;
mod library;
mod markers;
mod names;
mod nesting;
mod paths;
pub mod pattern;
mod plain_words;
mod run;
mod secrets;
mod state;
mod survey;
#[cfg(test)]
mod tests;
mod trace;
mod traps;
mod values;

pub use asked::{Asked, CommitFacts, Question};
pub use child::internal_main;
pub use files::{Files, Filter, Found};
pub use run::{evaluate_here, hosts};
pub use survey::{survey, tests_of};

use super::graph::Graph;
use crate::backend::BackendError;
use crate::model::{Failure, HostName};
use crate::process::{End, Spawn, Stream};
use serde::{Deserialize, Serialize};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

/// What to evaluate, for whom, within which limits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EvalRequest {
    /// A Git repository (bare, or the `.git` of a work tree) holding the objects.
    pub repository: PathBuf,
    /// Object id of the root tree.
    pub tree: String,
    /// The commit's full id, for `commit()`.
    pub commit: String,
    #[serde(with = "time::serde::rfc3339")]
    pub commit_time: OffsetDateTime,
    /// Folder inside the tree that counts as the root; `.` for the tree itself.
    pub subdir: String,
    /// The file that declares the hosts, in `subdir`: `kiln.star`.
    pub file: String,
    pub host: HostName,
    /// What a host without `system` is taken for: `x86_64-linux`.
    pub system: String,
    /// Wall-clock limit of the whole evaluation.
    pub timeout: Duration,
    /// Address-space limit of the evaluator, in bytes.
    pub memory: u64,
}

/// How an evaluation ended.
#[derive(Debug)]
pub enum EvalEnd {
    Graph(Graph),
    Failed(Failure),
    /// The repository is fine, but does not declare the host; `known` are the
    /// names it declares, sorted.
    UndeclaredHost {
        known: Vec<String>,
        failure: Failure,
    },
    TimedOut(Failure),
    Cancelled,
}

/// Why there is no graph.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    Failed(Box<Failure>),
    /// See [`EvalEnd::UndeclaredHost`].
    UndeclaredHost {
        known: Vec<String>,
        failure: Box<Failure>,
    },
}

impl Refusal {
    fn undeclared(request: &EvalRequest, known: Vec<String>) -> Self {
        let shown = match known.len() {
            0 => format!("{} declares no host", request.file),
            1..=30 => format!("declared: {}", known.join(", ")),
            n => format!("declared: {} and {} more", known[..30].join(", "), n - 30),
        };
        let message = format!(
            "{} does not declare host {:?}; {shown}",
            request.file,
            request.host.as_str()
        );
        let hint = format!(
            "add host({:?}, ...), or choose another name: `kiln dev --host NAME`, for the agent `host = \"NAME\"` in kiln.toml",
            request.host.as_str()
        );
        let failure = Failure::certain(message).hint(hint);
        Refusal::UndeclaredHost {
            known,
            failure: Box::new(failure),
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Refusal::Failed(Box::new(failure))
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Failed(failure) | Refusal::UndeclaredHost { failure, .. } => *failure,
        }
    }
}

/// A graph larger than this is a mistake in the repository.
const MAX_ANSWER: u64 = 512 << 20;

/// Evaluates in a child. `on_log` gets what the repository prints.
///
/// # Errors
/// When kiln or its host is broken: the child cannot be started, or gives no
/// answer that can be read. A repository cannot cause it.
pub async fn evaluate(
    request: &EvalRequest,
    cancel: &CancellationToken,
    on_log: impl FnMut(&[u8]) + Send,
) -> Result<EvalEnd, BackendError> {
    let (end, _) = evaluate_asking(request, cancel, on_log).await?;
    Ok(end)
}

/// The same, with what it asked of the commit; `None` where the same answers
/// need not bring the same end.
///
/// # Errors
/// As [`evaluate`].
pub async fn evaluate_asking(
    request: &EvalRequest,
    cancel: &CancellationToken,
    mut on_log: impl FnMut(&[u8]) + Send,
) -> Result<(EvalEnd, Option<Asked>), BackendError> {
    Ok(match ask(request, Job::Graph, cancel, &mut on_log).await? {
        Ended::Answered(reply) => child::read(reply)?,
        Ended::Failed(failure) => (EvalEnd::Failed(failure), None),
        Ended::TimedOut(failure) => (EvalEnd::TimedOut(failure), None),
        Ended::Cancelled => (EvalEnd::Cancelled, None),
    })
}

/// What a child is to find out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Job {
    /// The host's graph.
    Graph,
    /// What the repository declares, and what is odd about it.
    Survey,
    /// How the test functions of a file end.
    Tests { file: String },
}

/// How a child ended.
enum Ended {
    Answered(child::Reply),
    Failed(Failure),
    TimedOut(Failure),
    Cancelled,
}

/// Runs a child to its answer.
async fn ask(
    request: &EvalRequest,
    job: Job,
    cancel: &CancellationToken,
    on_log: &mut (dyn FnMut(&[u8]) + Send),
) -> Result<Ended, BackendError> {
    let body = serde_json::to_vec(&(request, job));
    let body = body.map_err(broken("write the evaluator's request"))?;
    let mut spawn = Spawn::internal("eval", body).map_err(broken("find this very program"))?;
    spawn.timeout = Some(request.timeout);
    spawn.output_limit = Some(MAX_ANSWER + (child::MAX_LOG as u64) + 4096);
    let (mut answer, mut last_words) = (Vec::new(), Vec::new());
    let end = spawn.run(cancel, |stream, bytes| match stream {
        Stream::Stdout => answer.extend_from_slice(bytes),
        Stream::Stderr => {
            on_log(bytes);
            last_words.extend_from_slice(bytes);
            let excess = last_words.len().saturating_sub(Failure::LOG_TAIL);
            last_words.drain(..excess);
        }
    });
    let end = end.await;
    match end.map_err(broken("run the evaluator (kiln internal eval)"))? {
        End::Cancelled => Ok(Ended::Cancelled),
        End::TimedOut | End::Silent => Ok(Ended::TimedOut(out_of_time(request))),
        End::TooMuchOutput => Ok(Ended::Failed(Failure::certain(format!(
            "limit reached: the evaluation's graph has more than {} MiB",
            MAX_ANSWER >> 20
        )))),
        End::Stuck { pid } => {
            let stuck = std::io::Error::other(format!("process {pid} does not die"));
            Err(broken("end the evaluator")(stuck))
        }
        End::Exited(status) if status.success() => Ok(Ended::Answered(child::reply(&answer)?)),
        End::Exited(status) => killed(request, status, &last_words),
    }
}

fn broken<E>(attempted: &str) -> impl FnOnce(E) -> BackendError
where
    E: std::error::Error + Send + Sync + 'static,
{
    let attempted = format!("cannot {attempted}");
    move |source| BackendError {
        attempted,
        source: Box::new(source),
    }
}

fn out_of_time(request: &EvalRequest) -> Failure {
    let seconds = request.timeout.as_secs_f64();
    Failure::certain(format!(
        "limit reached: the evaluation took longer than {seconds} s"
    ))
    .hint("look for a loop over too much, or raise the evaluation's timeout in the configuration")
}

/// A child that died without an answer died of a limit, or of kiln's mistake.
fn killed(
    request: &EvalRequest,
    status: ExitStatus,
    last_words: &[u8],
) -> Result<Ended, BackendError> {
    let words = String::from_utf8_lossy(last_words);
    let limit = match status.signal() {
        Some(libc::SIGXCPU) => return Ok(Ended::TimedOut(out_of_time(request))),
        Some(libc::SIGABRT | libc::SIGSEGV) if words.contains("overflowed its stack") => {
            "limit reached: expressions or values are nested too deeply".to_owned()
        }
        Some(libc::SIGABRT | libc::SIGSEGV | libc::SIGBUS | libc::SIGKILL) => format!(
            "limit reached: the evaluation needs more than its {} MiB of memory",
            request.memory >> 20
        ),
        _ => {
            let ended = std::io::Error::other(format!("it ended with {status}: {words}"));
            return Err(broken("run the evaluator (kiln internal eval)")(ended));
        }
    };
    let failure = Failure::certain(limit).hint(diagnose::MEMORY_CURE);
    Ok(Ended::Failed(failure))
}
