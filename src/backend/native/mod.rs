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
mod durations;
pub mod eval;
mod flights;
pub mod graph;
pub mod inspect;
pub mod materialise;
mod platform;
mod pool;
pub mod provider;
mod recall;
mod resolve;
pub mod schedule;
mod stored;
pub mod unpack;

pub use platform::{Platform, system};

use super::inspect::{DerivationGraph, Files};
use super::{
    Backend, BackendError, BuildOutcome, BuildRequest, EvaluateRequest, EvaluationOutcome, Sink,
    Source,
};
use crate::model::{BackendKind, Built, Evaluated, Failure, HostName, Steps};
use crate::store::Store;
use crate::store::cache::{Caches, Session};
use async_trait::async_trait;
use download::DownloadConfig;
use eval::{EvalEnd, EvalRequest};
use graph::GRAPH_VERSION;
use provider::{Provider, StepLimits};
use recall::{Entry, Outcome, Printed, Recall};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stored::Stored;
use tokio_util::sync::CancellationToken;

/// Bytes of address space of an evaluation of which nobody says more.
const EVAL_MEMORY: u64 = 1 << 30;

/// What stays the same as long as the agent runs.
#[derive(Debug, Clone)]
pub struct NativeConfig {
    /// The file that declares the hosts, in the repository's subdirectory.
    pub file: String,
    /// Steps at a time.
    pub jobs: u32,
    /// Build everything that does not depend on a failed step.
    pub keep_going: bool,
    /// Where the folders of failed steps are kept; `None`: nowhere.
    pub keep_failed: Option<PathBuf>,
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
    /// Bytes of memory for all steps together.
    pub memory: u64,
}

/// Evaluates `kiln.star` and builds its graph.
pub struct Native {
    config: NativeConfig,
    store: Store,
    provider: Arc<dyn Provider>,
    shared: build::Shared,
    caches: Option<Caches>,
    /// Steps run here; else what no cache has is waited for.
    builds: bool,
}

impl Native {
    /// A backend on this store, running its steps with `provider`.
    pub fn new(config: NativeConfig, store: Store, provider: Arc<dyn Provider>) -> Self {
        let shared = build::Shared {
            pool: pool::Pool::new(config.jobs, config.memory),
            flights: flights::Flights::default(),
            durations: durations::Durations::load(&store.dir().join(".kiln")),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        };
        Native {
            config,
            store,
            provider,
            shared,
            caches: None,
            builds: true,
        }
    }

    /// With binary caches that are asked before anything is built.
    #[must_use]
    pub fn with_caches(self, caches: Caches) -> Self {
        let caches = Some(caches);
        Native { caches, ..self }
    }

    /// No step runs here: what no cache has is waited for.
    #[must_use]
    pub fn without_building(self) -> Self {
        Native {
            builds: false,
            ..self
        }
    }
}

impl Native {
    /// What evaluating would come to, when it was found out before.
    async fn recalled(
        &self,
        evaluation: &EvalRequest,
        request: &EvaluateRequest,
    ) -> Result<Option<EvaluationOutcome>, BackendError> {
        let (store, config) = (self.store.clone(), self.config.bound());
        let (evaluation, roots) = (evaluation.clone(), request.roots.clone());
        let entry = blocking("look for the evaluation", move || {
            let stored = Stored {
                store: &store,
                config: &config,
            };
            let entry = Recall::of(&store, &evaluation)?.look(&evaluation)?;
            match entry.outcome {
                Outcome::Failed(failure) => Some((entry.log, EvaluationOutcome::Failed(*failure))),
                Outcome::Evaluated(known) => {
                    let evaluated = stored.again(known, &roots)?;
                    Some((entry.log, EvaluationOutcome::Succeeded(evaluated)))
                }
            }
        });
        let Some((log, outcome)) = entry.await? else {
            return Ok(None);
        };
        let sink = request.sink.as_ref();
        sink.log(None, log.as_bytes());
        Ok(Some(match outcome {
            EvaluationOutcome::Failed(failure) => failed(sink, failure),
            other => other,
        }))
    }

    async fn evaluated(
        &self,
        evaluation: EvalRequest,
        request: EvaluateRequest,
    ) -> Result<EvaluationOutcome, BackendError> {
        let sink = Arc::clone(&request.sink);
        let mut printed = Printed::default();
        let heard = |bytes: &[u8]| {
            printed.add(bytes);
            sink.log(None, bytes);
        };
        let (end, asked) = eval::evaluate_asking(&evaluation, &request.cancel, heard).await?;
        let (store, config) = (self.store.clone(), self.config.bound());
        let keep = move |outcome: Outcome| {
            let recall = Recall::of(&store, &evaluation);
            if let (Some(recall), Some(entry)) = (recall, Entry::new(asked, &printed.0, outcome)) {
                recall.keep(entry);
            }
        };
        let failure = match end {
            EvalEnd::Graph(graph) => {
                let store = self.store.clone();
                return blocking("store the graph", move || {
                    let stored = Stored {
                        store: &store,
                        config: &config,
                    };
                    let outcome = stored.save(graph, &request)?;
                    if let EvaluationOutcome::Succeeded(evaluated) = &outcome {
                        keep(Outcome::Evaluated(evaluated.clone()));
                    }
                    Ok(outcome)
                })
                .await?;
            }
            EvalEnd::Failed(failure) => failure,
            EvalEnd::UndeclaredHost { failure, .. } => Failure {
                usage: true,
                ..failure
            },
            EvalEnd::TimedOut(failure) => return Ok(EvaluationOutcome::TimedOut(failure)),
            EvalEnd::Cancelled => return Ok(EvaluationOutcome::Cancelled),
        };
        let remembered = Outcome::Failed(Box::new(failure.clone()));
        blocking("remember the evaluation", move || keep(remembered)).await?;
        Ok(failed(sink.as_ref(), failure))
    }
}

impl Native {
    /// Looks at a stored graph.
    async fn inspect<T: Send + 'static>(
        &self,
        evaluated: &Evaluated,
        look: impl FnOnce(inspect::Inspection<'_>) -> Result<T, inspect::InspectError> + Send + 'static,
    ) -> Result<T, BackendError> {
        let (store, config) = (self.store.clone(), self.config.clone());
        let evaluated = evaluated.clone();
        blocking("look at the graph", move || {
            // What is looked at stays until it was.
            let _session = store.session();
            let stored = Stored {
                store: &store,
                config: &config,
            };
            let graph = stored.load(&evaluated)?;
            let sources = inspect::InStore(&store);
            let inspection = inspect::Inspection::new(&graph, &sources);
            let looked = inspection.and_then(look);
            looked.map_err(attempted(format!("look at {}", evaluated.drv_path)))
        })
        .await?
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
            memory: request.memory.unwrap_or(EVAL_MEMORY),
        };
        if let Some(outcome) = self.recalled(&evaluation, &request).await? {
            return Ok(outcome);
        }
        self.evaluated(evaluation, request).await
    }

    async fn kind(&self, _source: &Source) -> BackendKind {
        BackendKind::Native
    }

    fn settings(&self) -> String {
        format!("graph {GRAPH_VERSION}, {}", self.config.file)
    }

    async fn is_evaluated(
        &self,
        evaluated: &Evaluated,
        roots: &Path,
        _cancel: &CancellationToken,
    ) -> Result<bool, BackendError> {
        let (store, config) = (self.store.clone(), self.config.clone());
        let (evaluated, roots) = (evaluated.clone(), roots.to_owned());
        blocking("look for the graph", move || {
            let stored = Stored {
                store: &store,
                config: &config,
            };
            stored.again(evaluated, &roots).is_some()
        })
        .await
    }

    async fn is_built(
        &self,
        evaluated: &Evaluated,
        _host: &HostName,
        roots: &Path,
        _cancel: &CancellationToken,
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
        let config = Arc::new(self.config.bound());
        let stored = Stored {
            store: &self.store,
            config: &config,
        };
        // Until it ends, all that the build comes by is kept.
        let _session = self.store.session();
        if !stored.is_there(&request.evaluated) {
            let steps = Steps::default();
            return Ok(BuildOutcome::NotEvaluated { steps });
        }
        let graph = stored.load(&request.evaluated)?;
        let drv = stored.drv(&request.evaluated)?;
        let none = || Session::none(&self.store);
        let asks = |caches: &Caches| caches.session(&self.store);
        let build = build::Build {
            caches: self.caches.as_ref().map_or_else(none, asks),
            builds: self.builds,
            closures: Arc::default(),
            store: self.store.clone(),
            provider: Arc::clone(&self.provider),
            config,
            shared: self.shared.clone(),
            graph: Arc::new(graph),
            drv,
            request,
        };
        build.run().await
    }

    async fn graph(&self, evaluated: &Evaluated) -> Result<DerivationGraph, BackendError> {
        self.inspect(evaluated, |inspection| Ok(inspection.graph()))
            .await
    }

    async fn files(&self, evaluated: &Evaluated) -> Result<Files, BackendError> {
        self.inspect(evaluated, |inspection| inspection.files())
            .await
    }
}
