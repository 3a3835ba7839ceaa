//! kiln's own backend: `kiln.star` to a graph, the graph to store objects.
//!
//! ```text
//! evaluate: commit ─eval (child)─▶ Graph ─sources into the store─▶ <host>.drv, an object
//! build:    <host>.drv ─schedule─▶ resolve ─realisation?─▶ provider ─outputs─▶ store
//! ```
//! The stored graph names its sources as store paths, so it is closed under
//! references: one root keeps everything a build needs, and a build needs no
//! repository. In: [`EvaluateRequest`], [`BuildRequest`]. It knows nothing of
//! generations; what it makes is kept by links in the request's roots folder.

pub mod build;
mod confined;
pub mod download;
pub mod eval;
pub mod graph;
pub mod materialise;
mod platform;
pub mod provider;
mod resolve;
pub mod schedule;
mod stored;
pub mod unpack;

pub use platform::{Platform, system};

use super::{
    Backend, BackendError, BuildOutcome, BuildRequest, EvaluateRequest, EvaluationOutcome, Sink,
};
use crate::model::{Built, Evaluated, Failure, HostName};
use crate::store::Store;
use async_trait::async_trait;
use download::DownloadConfig;
use eval::{EvalEnd, EvalRequest};
use provider::{Provider, StepLimits};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stored::Stored;

/// What stays the same as long as the agent runs.
#[derive(Debug, Clone)]
pub struct NativeConfig {
    /// The file that declares the hosts, in the repository's subdirectory.
    pub file: String,
    /// Steps at a time.
    pub jobs: u32,
    /// Build everything that does not depend on a failed step.
    pub keep_going: bool,
    /// Whose tools steps see, where the graph does not say.
    pub platform: Platform,
    /// Other platforms whose steps may run here.
    pub platforms: Vec<String>,
    /// The host's folders that steps with host tools see.
    pub host_paths: Vec<PathBuf>,
    /// How a `fetch()` gets its file.
    pub download: DownloadConfig,
    /// A step's limits; time and silence are the request's.
    pub limits: StepLimits,
}

/// Evaluates `kiln.star` and builds its graph.
pub struct Native {
    config: NativeConfig,
    store: Store,
    provider: Arc<dyn Provider>,
}

impl Native {
    /// A backend on this store, running its steps with `provider`.
    pub fn new(config: NativeConfig, store: Store, provider: Arc<dyn Provider>) -> Self {
        Native {
            config,
            store,
            provider,
        }
    }
}

impl NativeConfig {
    /// The platform's name as it is now, for one whole call: the host may be
    /// upgraded while steps run.
    fn bound(&self) -> Self {
        NativeConfig {
            platform: Platform::Named(self.platform.name()),
            ..self.clone()
        }
    }
}

/// `BackendError` for something attempted.
pub(super) fn attempted<E>(what: impl Into<String>) -> impl FnOnce(E) -> BackendError
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let attempted = what.into();
    move |source| BackendError {
        attempted,
        source: source.into(),
    }
}

/// Runs what blocks on its own thread.
pub(super) async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, BackendError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(attempted(what))
}

/// A failed evaluation; its text is in the log too.
fn failed(sink: &dyn Sink, failure: Failure) -> EvaluationOutcome {
    sink.log(
        None,
        format!("{}\n{}\n", failure.message, failure.log_tail).as_bytes(),
    );
    EvaluationOutcome::Failed(failure)
}

#[async_trait]
impl Backend for Native {
    async fn evaluate(&self, request: EvaluateRequest) -> Result<EvaluationOutcome, BackendError> {
        let commit = &request.source.commit;
        let evaluation = EvalRequest {
            repository: request.source.repository.clone(),
            tree: commit.tree.clone(),
            commit: commit.id.to_string(),
            commit_time: commit.time,
            subdir: request.source.subdir.clone(),
            file: self.config.file.clone(),
            host: request.host.clone(),
            system: system(),
            timeout: request.timeout,
            memory: request.memory,
        };
        let sink = Arc::clone(&request.sink);
        let end =
            eval::evaluate(&evaluation, &request.cancel, |bytes| sink.log(None, bytes)).await?;
        let graph = match end {
            EvalEnd::Graph(graph) => graph,
            EvalEnd::Failed(failure) => return Ok(failed(sink.as_ref(), failure)),
            EvalEnd::UndeclaredHost { failure, .. } => {
                return Ok(failed(
                    sink.as_ref(),
                    Failure {
                        usage: true,
                        ..failure
                    },
                ));
            }
            EvalEnd::TimedOut(failure) => return Ok(EvaluationOutcome::TimedOut(failure)),
            EvalEnd::Cancelled => return Ok(EvaluationOutcome::Cancelled),
        };
        let (store, config) = (self.store.clone(), self.config.bound());
        blocking("store the graph", move || {
            Stored {
                store: &store,
                config: &config,
            }
            .save(graph, &request)
        })
        .await?
    }

    async fn is_built(
        &self,
        evaluated: &Evaluated,
        _host: &HostName,
        roots: &Path,
    ) -> Result<Option<Built>, BackendError> {
        let (store, config) = (self.store.clone(), self.config.bound());
        let (evaluated, roots) = (evaluated.clone(), roots.to_owned());
        blocking("look for the result", move || {
            let stored = Stored {
                store: &store,
                config: &config,
            };
            stored.existing(&evaluated, &roots)
        })
        .await?
    }

    async fn build(&self, request: BuildRequest) -> Result<BuildOutcome, BackendError> {
        let config = self.config.bound();
        let stored = Stored {
            store: &self.store,
            config: &config,
        };
        let graph = stored.load(&request.evaluated)?;
        let _in_use = self.store.in_use();
        let build = build::Build {
            store: self.store.clone(),
            provider: Arc::clone(&self.provider),
            config,
            graph: Arc::new(graph),
            request,
        };
        build.run().await
    }
}
