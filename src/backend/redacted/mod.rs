//! A backend whose logs and failures hold no secret that the agent holds.
//!
//! ```text
//! secret files ──read at each call──▶ Patterns ─┐
//! inner backend ──log bytes, failures──▶ Redactor ──▶ the Builder's sink, the outcome
//! ```
//! In: any backend, and where secrets lie. It stands before all of them, so that
//! none can forget it. Steps see no secret of the agent's; one may still be in
//! what they print, because somebody wrote it into the repository too.

mod patterns;
mod stream;

use crate::backend::inspect::{DerivationGraph, Files};
use crate::backend::{
    Backend, BackendError, BuildOutcome, BuildRequest, EvaluateRequest, EvaluationOutcome, Sink,
    Source, StepEvent,
};
use crate::model::{BackendKind, Built, Evaluated, Failure, HostName};
use async_trait::async_trait;
use patterns::Patterns;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use stream::{Redactor, redact};
use tokio_util::sync::CancellationToken;

/// Reads the secrets of now. It may block on the disk; what cannot be read is
/// left out.
pub type ReadSecrets = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// Passes everything on to `inner`, without secrets.
pub struct Redacted {
    inner: Arc<dyn Backend>,
    secrets: ReadSecrets,
}

impl Redacted {
    /// `secrets` is asked at the beginning of each evaluation and build.
    pub fn new(inner: Arc<dyn Backend>, secrets: ReadSecrets) -> Self {
        Redacted { inner, secrets }
    }

    async fn patterns(&self) -> Result<Arc<Patterns>, BackendError> {
        let secrets = Arc::clone(&self.secrets);
        let read = tokio::task::spawn_blocking(move || Patterns::new(&secrets()));
        let read = read.await.map_err(|error| BackendError {
            attempted: "read the secrets that no log may show".into(),
            source: Box::new(error),
        });
        read.map(Arc::new)
    }
}

#[async_trait]
impl Backend for Redacted {
    async fn evaluate(
        &self,
        mut request: EvaluateRequest,
    ) -> Result<EvaluationOutcome, BackendError> {
        let patterns = self.patterns().await?;
        if patterns.is_empty() {
            return self.inner.evaluate(request).await;
        }
        let sink = RedactedSink::new(&request.sink, &patterns);
        request.sink = Arc::clone(&sink) as Arc<dyn Sink>;
        let outcome = self.inner.evaluate(request).await;
        sink.finish();
        Ok(match outcome.map_err(|error| broken(&patterns, error))? {
            EvaluationOutcome::Failed(why) => EvaluationOutcome::Failed(failure(&patterns, why)),
            EvaluationOutcome::TimedOut(why) => {
                EvaluationOutcome::TimedOut(failure(&patterns, why))
            }
            EvaluationOutcome::Blocked { reason, message } => EvaluationOutcome::Blocked {
                reason,
                message: redact(&patterns, &message),
            },
            outcome @ (EvaluationOutcome::Succeeded(_) | EvaluationOutcome::Cancelled) => outcome,
        })
    }

    async fn kind(&self, source: &Source) -> BackendKind {
        self.inner.kind(source).await
    }

    fn settings(&self) -> String {
        self.inner.settings()
    }

    async fn is_evaluated(
        &self,
        evaluated: &Evaluated,
        roots: &Path,
        cancel: &CancellationToken,
    ) -> Result<bool, BackendError> {
        self.inner.is_evaluated(evaluated, roots, cancel).await
    }

    async fn is_built(
        &self,
        evaluated: &Evaluated,
        host: &HostName,
        roots: &Path,
        cancel: &CancellationToken,
    ) -> Result<Option<Built>, BackendError> {
        self.inner.is_built(evaluated, host, roots, cancel).await
    }

    async fn graph(&self, evaluated: &Evaluated) -> Result<DerivationGraph, BackendError> {
        self.inner.graph(evaluated).await
    }

    async fn files(&self, evaluated: &Evaluated) -> Result<Files, BackendError> {
        self.inner.files(evaluated).await
    }

    async fn build(&self, mut request: BuildRequest) -> Result<BuildOutcome, BackendError> {
        let patterns = self.patterns().await?;
        if patterns.is_empty() {
            return self.inner.build(request).await;
        }
        let sink = RedactedSink::new(&request.sink, &patterns);
        request.sink = Arc::clone(&sink) as Arc<dyn Sink>;
        let outcome = self.inner.build(request).await;
        sink.finish();
        let clean = |why| failure(&patterns, why);
        Ok(match outcome.map_err(|error| broken(&patterns, error))? {
            BuildOutcome::Failed { failure, steps } => BuildOutcome::Failed {
                failure: clean(failure),
                steps,
            },
            BuildOutcome::TimedOut { failure, steps } => BuildOutcome::TimedOut {
                failure: clean(failure),
                steps,
            },
            BuildOutcome::Blocked {
                reason,
                message,
                steps,
            } => BuildOutcome::Blocked {
                reason,
                message: redact(&patterns, &message),
                steps,
            },
            outcome @ (BuildOutcome::Succeeded { .. }
            | BuildOutcome::Cancelled { .. }
            | BuildOutcome::NotEvaluated { .. }) => outcome,
        })
    }
}

fn broken(patterns: &Arc<Patterns>, error: BackendError) -> BackendError {
    BackendError {
        attempted: redact(patterns, &error.attempted),
        source: redact(patterns, &error.source.to_string()).into(),
    }
}

fn failure(patterns: &Arc<Patterns>, failure: Failure) -> Failure {
    Failure {
        message: redact(patterns, &failure.message),
        log_tail: redact(patterns, whole_lines(&failure.log_tail)),
        hint: redact(patterns, &failure.hint),
        ..failure
    }
}

/// A tail that was cut may begin in the middle of a secret, where nothing tells
/// it: no secret spans lines here, so the line that was cut goes.
fn whole_lines(tail: &str) -> &str {
    match tail.len() < Failure::LOG_TAIL {
        true => tail,
        false => tail.split_once('\n').map_or("", |(_, whole)| whole),
    }
}

/// Redacts each log by itself.
struct RedactedSink {
    inner: Arc<dyn Sink>,
    patterns: Arc<Patterns>,
    logs: Mutex<HashMap<Option<String>, Redactor>>,
}

impl RedactedSink {
    fn new(inner: &Arc<dyn Sink>, patterns: &Arc<Patterns>) -> Arc<Self> {
        Arc::new(RedactedSink {
            inner: Arc::clone(inner),
            patterns: Arc::clone(patterns),
            logs: Mutex::default(),
        })
    }

    /// Nothing more comes, also of steps whose end was not said.
    fn finish(&self) {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        for (derivation, mut log) in logs.drain() {
            self.pass(derivation.as_deref(), &log.finish());
        }
    }

    fn pass(&self, derivation: Option<&str>, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.inner.log(derivation, bytes);
        }
    }
}

impl Sink for RedactedSink {
    fn log(&self, derivation: Option<&str>, bytes: &[u8]) {
        // Held while it is passed on: two pieces of one log keep their order.
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let log = logs
            .entry(derivation.map(str::to_owned))
            .or_insert_with(|| Redactor::new(Arc::clone(&self.patterns)));
        let shown = log.push(bytes);
        self.pass(derivation, &shown);
    }

    fn step(&self, event: StepEvent) {
        if let StepEvent::Finished { derivation, .. } = &event {
            let key = Some(derivation.clone());
            let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(mut log) = logs.remove(&key) {
                self.pass(key.as_deref(), &log.finish());
            }
        }
        self.inner.step(event);
    }
}
