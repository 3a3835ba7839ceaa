//! A backend that is chosen anew for each commit, by the files it has: `auto`.
//!
//! ```text
//! commit ──its files──▶ the first candidate whose file it has ──evaluate──▶ Evaluated
//! Evaluated ──whose it is──▶ the candidate it came from ──is_built, build──▶ Built
//! ```
//! In: candidates in the order of preference, of which some may not work on this
//! host. The kind of a commit is what its files say, also where that candidate
//! does not work here: then evaluating fails and says what is missing. It knows
//! Git and nothing of what the candidates do.

#[cfg(test)]
mod tests;

use super::inspect::{DerivationGraph, Files};
use super::{
    Backend, BackendError, BuildOutcome, BuildRequest, EvaluateRequest, EvaluationOutcome, Source,
};
use crate::model::{BackendKind, Built, Evaluated, Failure, HostName, Steps};
use async_trait::async_trait;
use git2::{ObjectType, Oid, Repository};
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// One of the backends to choose from.
pub struct Candidate {
    pub kind: BackendKind,
    /// A commit that has this file in the repository's subdirectory is its.
    pub file: String,
    pub backend: Result<Arc<dyn Backend>, Unavailable>,
    /// Whether an evaluation came from it.
    pub made: fn(&Evaluated) -> bool,
}

/// Why a backend does not work on this host, for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unavailable {
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// Chooses among its candidates for each commit.
pub struct Choice {
    candidates: Arc<[Candidate]>,
}

/// The place of a candidate, or that the commit has the file of none.
type Chosen = Option<usize>;

impl Choice {
    /// The first candidate whose file a commit has is the commit's.
    pub fn new(candidates: Vec<Candidate>) -> Self {
        let candidates = candidates.into();
        Choice { candidates }
    }

    async fn choose(&self, source: &Source) -> Result<Chosen, BackendError> {
        let (candidates, source) = (Arc::clone(&self.candidates), source.clone());
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| BackendError {
            attempted: "look for what a commit is evaluated by".into(),
            source,
        };
        let looked = tokio::task::spawn_blocking(move || {
            let files = candidates.iter().map(|candidate| candidate.file.as_str());
            first_of(&source, files)
        });
        let looked = looked.await.map_err(|error| failed(error.into()))?;
        looked.map_err(|error| failed(error.into()))
    }

    /// The backend an evaluation came from.
    fn maker(&self, evaluated: &Evaluated) -> Result<&Arc<dyn Backend>, Failure> {
        let made = |candidate: &&Candidate| (candidate.made)(evaluated);
        // Several may be able to go on with it: one that works here does.
        let mut makers = self.candidates.iter().filter(made);
        match makers.clone().find_map(|found| found.backend.as_ref().ok()) {
            Some(backend) => Ok(backend),
            None => Err(match makers.next().map(|found| &found.backend) {
                Some(Err(why)) => why.failure(),
                Some(Ok(_)) | None => Failure::certain(format!(
                    "{} came from no backend that is configured",
                    evaluated.drv_path
                )),
            }),
        }
    }

    /// The same, to look at what it made.
    fn looker(&self, evaluated: &Evaluated) -> Result<&Arc<dyn Backend>, BackendError> {
        self.maker(evaluated).map_err(|why| BackendError {
            attempted: format!("look at {}", evaluated.drv_path),
            source: why.message.into(),
        })
    }

    fn nothing(&self, source: &Source) -> Failure {
        let files = self.candidates.iter().map(|c| c.file.as_str());
        let files: Vec<&str> = files.collect();
        let place = match source.subdir.as_str() {
            "." => "commit".to_owned(),
            subdir => format!("commit's {subdir}"),
        };
        Failure::certain(format!(
            "there is nothing kiln can evaluate: this {place} has no {}",
            files.join(" and no ")
        ))
        .hint("add one of them, or set [repository] subdir to where it lies")
    }
}

impl Unavailable {
    /// As the failure of what needs it. The backend's settings change when it
    /// becomes available, so it is certain as long as it is remembered.
    pub fn failure(&self) -> Failure {
        Failure {
            usage: true,
            ..Failure::certain(&self.message).hint(&self.hint)
        }
    }
}

/// Which of `files` lies first in the source's tree. A file's content is not
/// looked at, and links are not followed.
fn first_of<'a>(
    source: &Source,
    mut files: impl Iterator<Item = &'a str>,
) -> Result<Chosen, git2::Error> {
    let repository = Repository::open(&source.repository)?;
    let tree = repository.find_tree(Oid::from_str(&source.commit.tree)?)?;
    let root = Path::new(&source.subdir);
    let root = root.strip_prefix(".").unwrap_or(root);
    Ok(files.position(|file| {
        let entry = tree.get_path(&root.join(file)).ok();
        entry.and_then(|entry| entry.kind()) == Some(ObjectType::Blob)
    }))
}

#[async_trait]
impl Backend for Choice {
    /// Where the files cannot be read, or none fits: the first, whose evaluation
    /// says so.
    async fn kind(&self, source: &Source) -> BackendKind {
        let chosen = self.choose(source).await;
        let chosen = chosen
            .inspect_err(|error| tracing::error!(%error, "chosen by preference instead"))
            .ok()
            .flatten();
        let candidate = self.candidates.get(chosen.unwrap_or(0));
        candidate.map_or(BackendKind::Native, |candidate| candidate.kind)
    }

    async fn evaluate(&self, request: EvaluateRequest) -> Result<EvaluationOutcome, BackendError> {
        let chosen = self.choose(&request.source).await?;
        match chosen.map(|place| &self.candidates[place].backend) {
            Some(Ok(backend)) => backend.evaluate(request).await,
            Some(Err(why)) => Ok(EvaluationOutcome::Failed(why.failure())),
            None => Ok(EvaluationOutcome::Failed(self.nothing(&request.source))),
        }
    }

    fn settings(&self) -> String {
        let of = |candidate: &Candidate| {
            let settings = match &candidate.backend {
                Ok(backend) => backend.settings(),
                Err(_) => "not available".to_owned(),
            };
            format!("{} by {}: {settings}", candidate.kind, candidate.file)
        };
        let all: Vec<String> = self.candidates.iter().map(of).collect();
        all.join("\n")
    }

    async fn is_evaluated(
        &self,
        evaluated: &Evaluated,
        roots: &Path,
        cancel: &CancellationToken,
    ) -> Result<bool, BackendError> {
        match self.maker(evaluated) {
            Ok(backend) => backend.is_evaluated(evaluated, roots, cancel).await,
            Err(_) => Ok(false),
        }
    }

    async fn is_built(
        &self,
        evaluated: &Evaluated,
        host: &HostName,
        roots: &Path,
        cancel: &CancellationToken,
    ) -> Result<Option<Built>, BackendError> {
        match self.maker(evaluated) {
            Ok(backend) => backend.is_built(evaluated, host, roots, cancel).await,
            Err(_) => Ok(None),
        }
    }

    async fn build(&self, request: BuildRequest) -> Result<BuildOutcome, BackendError> {
        match self.maker(&request.evaluated) {
            Ok(backend) => backend.build(request).await,
            Err(failure) => Ok(BuildOutcome::Failed {
                failure,
                steps: Steps::default(),
            }),
        }
    }

    async fn graph(&self, evaluated: &Evaluated) -> Result<DerivationGraph, BackendError> {
        self.looker(evaluated)?.graph(evaluated).await
    }

    async fn files(&self, evaluated: &Evaluated) -> Result<Files, BackendError> {
        self.looker(evaluated)?.files(evaluated).await
    }
}
