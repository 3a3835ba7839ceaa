//! Fetching, as the agent sees it: a child process that is told what to bring
//! and is killed when it takes too long, too much, or nobody wants it any more.

use super::config::{Auth, RemoteConfig, SourceConfig};
use super::location::display_url;
use crate::model::{BranchName, CommitId, Failure, RemoteName};
use crate::process::{End, Spawn, Stream};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The head of every tracked branch; `None`: the remote has no such branch.
pub type Heads = BTreeMap<BranchName, Option<CommitId>>;

/// What the child is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FetchRequest {
    pub repository: PathBuf,
    pub remote: RemoteName,
    pub url: String,
    pub branches: Vec<BranchName>,
    pub auth: Option<Auth>,
    pub ca_file: Option<PathBuf>,
    pub proxy: Option<String>,
    pub owner: Option<String>,
    /// Bytes received after which it gives up.
    pub bytes: u64,
    /// Its address space in bytes.
    pub memory: u64,
}

/// What the child answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FetchAnswer {
    Fetched(Heads),
    Failed(Failure),
}

/// How a fetch ended.
#[derive(Debug)]
pub enum FetchOutcome {
    Fetched(Heads),
    Failed(Failure),
    Cancelled,
}

/// More than this is no answer.
const ANSWER_LIMIT: u64 = 1 << 20;

impl FetchRequest {
    /// What to bring of `remote`.
    pub fn new(config: &SourceConfig, remote: &RemoteConfig) -> Self {
        FetchRequest {
            repository: config.repository.clone(),
            remote: remote.name.clone(),
            url: remote.url.clone(),
            branches: remote.branches(),
            auth: remote.auth.clone(),
            ca_file: remote.ca_file.clone(),
            proxy: remote.proxy.clone(),
            owner: remote.owner.clone(),
            bytes: config.fetch_bytes,
            memory: config.fetch_memory,
        }
    }
}

/// Brings the tracked branches of one remote into the repository. When this
/// returns the child is gone; a dropped call kills it.
pub async fn fetch(
    request: &FetchRequest,
    timeout: Duration,
    cancel: &CancellationToken,
) -> FetchOutcome {
    let url = display_url(&request.url);
    let cannot_start = |error: &dyn std::fmt::Display| {
        let message = format!("cannot start fetching {url}: {error}");
        FetchOutcome::Failed(
            Failure::transient(message).hint("kiln's own program must be in place and executable"),
        )
    };
    let body = match serde_json::to_vec(request) {
        Ok(body) => body,
        Err(error) => return cannot_start(&error),
    };
    let spawn = match Spawn::internal("fetch", body) {
        Ok(spawn) => spawn,
        Err(error) => return cannot_start(&error),
    };
    let spawn = Spawn {
        timeout: Some(timeout),
        output_limit: Some(ANSWER_LIMIT),
        ..spawn
    };
    let (mut answer, mut log) = (Vec::new(), Vec::new());
    let end = spawn.run(cancel, |stream, bytes| match stream {
        Stream::Stdout => answer.extend_from_slice(bytes),
        Stream::Stderr => log.extend_from_slice(bytes),
    });
    match end.await {
        Err(error) => cannot_start(&error),
        Ok(end) => outcome(&url, end, timeout, &answer, &log),
    }
}

/// The answer of a child that gave one, the reason why it did not otherwise.
fn outcome(url: &str, end: End, timeout: Duration, answer: &[u8], log: &[u8]) -> FetchOutcome {
    let failure = match end {
        End::Cancelled => return FetchOutcome::Cancelled,
        End::Exited(status) if status.success() => match serde_json::from_slice(answer) {
            Ok(FetchAnswer::Fetched(heads)) => return FetchOutcome::Fetched(heads),
            Ok(FetchAnswer::Failed(failure)) => return FetchOutcome::Failed(failure),
            Err(error) => Failure::transient(format!("fetching {url} gave no answer: {error}")),
        },
        End::TimedOut | End::Silent => {
            let limit = timeout.as_secs_f32();
            Failure::transient(format!(
                "fetching {url} took longer than {limit} s and was ended"
            ))
            .hint("check the network and the server, or raise timeout of the remote")
        }
        End::Stuck { pid } => Failure::transient(format!(
            "fetching {url}: process {pid} does not end, not even by SIGKILL"
        ))
        .hint("look for a hanging disk or network file system"),
        End::TooMuchOutput => Failure::certain(format!(
            "fetching {url} printed more than {ANSWER_LIMIT} bytes"
        )),
        End::Exited(status) => {
            Failure::transient(format!("the process fetching {url} ended early: {status}"))
                .hint("it may have met its memory limit: is the repository unusually large?")
        }
    };
    let log = &log[log.len().saturating_sub(Failure::LOG_TAIL)..];
    FetchOutcome::Failed(Failure {
        log_tail: String::from_utf8_lossy(log).into_owned(),
        ..failure
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FailureKind;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    fn failure(end: End, answer: &[u8]) -> Failure {
        match outcome(
            "https://h/x",
            end,
            Duration::from_secs(1),
            answer,
            b"last words",
        ) {
            FetchOutcome::Failed(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_end_of_the_child_has_its_own_message() {
        assert!(
            failure(End::TimedOut, b"")
                .message
                .contains("longer than 1 s")
        );
        let killed = failure(End::Exited(ExitStatus::from_raw(6)), b"");
        assert!(killed.message.contains("signal: 6"), "{}", killed.message);
        assert_eq!(killed.log_tail, "last words");
        let done = ExitStatus::from_raw(0);
        assert!(
            failure(End::Exited(done), b"{")
                .message
                .contains("no answer")
        );
        assert_eq!(failure(End::TooMuchOutput, b"").kind, FailureKind::Certain);
    }
}
