//! What a job does while the actor takes commands: one evaluation, or one build.

use super::BuilderConfig;
use super::actor::{Actor, JobEnd};
use super::sink::AttemptSink;
use crate::backend::{
    Backend, BackendError, BuildOutcome, BuildRequest, EvaluateRequest, EvaluationOutcome, Source,
};
use crate::model::{Built, Commit, Evaluated, Failure, Generation, GenerationNumber, Steps};
use crate::state::State;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// All that one job needs, as it was when the job began.
pub(super) struct Order {
    config: BuilderConfig,
    backend: Arc<dyn Backend>,
    state: Arc<State>,
    number: GenerationNumber,
    commit: Commit,
    cancel: CancellationToken,
}

/// What a build came to.
pub(super) struct BuildJobEnd {
    pub outcome: BuildOutcome,
    /// What it was evaluated to anew, where that had to be.
    pub evaluated: Option<Evaluated>,
}

impl Actor {
    pub(super) fn order(&self, of: &Generation, cancel: CancellationToken) -> Order {
        Order {
            config: self.config.clone(),
            backend: Arc::clone(&self.backend),
            state: Arc::clone(&self.state),
            number: of.number,
            commit: of.commit.clone(),
            cancel,
        }
    }
}

impl Order {
    pub async fn evaluate(self) -> JobEnd {
        let outcome = self.evaluation().await;
        let existing = match &outcome {
            EvaluationOutcome::Succeeded(evaluated) => self.existing(evaluated).await,
            EvaluationOutcome::Failed(_)
            | EvaluationOutcome::TimedOut(_)
            | EvaluationOutcome::Cancelled => None,
        };
        JobEnd::Evaluated(outcome, existing)
    }

    /// What the evaluation left may have been collected since, whoever did that:
    /// a build that fails for it is evaluated once more, and built, in the same attempt.
    pub async fn build(self, evaluated: Evaluated) -> JobEnd {
        let first = self.backend.build(self.build_request(evaluated.clone()));
        let first = first.await;
        let again = match &first {
            Ok(BuildOutcome::Failed { .. }) | Err(_) => self.is_collected(&evaluated).await,
            Ok(_) => false,
        };
        JobEnd::Built(match again {
            true => self.build_anew(&evaluated).await,
            false => BuildJobEnd {
                outcome: first.unwrap_or_else(|error| failed(broken(&error))),
                evaluated: None,
            },
        })
    }

    async fn build_anew(&self, before: &Evaluated) -> BuildJobEnd {
        tracing::info!(generation = %self.number,
            "what it was evaluated to is not there any more: it is evaluated once more");
        let ends = |outcome| BuildJobEnd {
            outcome,
            evaluated: None,
        };
        let steps = Steps::default();
        let evaluated = match self.evaluation().await {
            EvaluationOutcome::Succeeded(evaluated) => evaluated,
            EvaluationOutcome::Failed(failure) => return ends(failed(failure)),
            EvaluationOutcome::TimedOut(failure) => {
                return ends(BuildOutcome::TimedOut { failure, steps });
            }
            EvaluationOutcome::Cancelled => return ends(BuildOutcome::Cancelled { steps }),
        };
        if evaluated.machine_id != before.machine_id {
            return ends(failed(another_machine(self.number)));
        }
        let built = self.backend.build(self.build_request(evaluated.clone()));
        let outcome = built.await;
        BuildJobEnd {
            outcome: outcome.unwrap_or_else(|error| failed(broken(&error))),
            evaluated: Some(evaluated),
        }
    }

    async fn evaluation(&self) -> EvaluationOutcome {
        let evaluated = self.backend.evaluate(self.evaluate_request()).await;
        evaluated.unwrap_or_else(|error| EvaluationOutcome::Failed(broken(&error)))
    }

    async fn existing(&self, evaluated: &Evaluated) -> Option<Built> {
        let (host, roots) = (&self.config.host, self.roots());
        let found = self.backend.is_built(evaluated, host, &roots).await;
        found
            .inspect_err(|error| tracing::error!(%error))
            .ok()
            .flatten()
    }

    async fn is_collected(&self, evaluated: &Evaluated) -> bool {
        let is_there = self.backend.is_evaluated(evaluated, &self.roots()).await;
        is_there
            .inspect_err(|error| tracing::error!(%error))
            .is_ok_and(|is_there| !is_there)
    }

    fn roots(&self) -> PathBuf {
        self.state.places().generation(self.number)
    }

    fn sink(&self, evaluation: bool) -> Arc<AttemptSink> {
        let state = Arc::clone(&self.state);
        Arc::new(AttemptSink::new(state, self.number, evaluation))
    }

    fn evaluate_request(&self) -> EvaluateRequest {
        EvaluateRequest {
            source: Source {
                repository: self.config.repository.clone(),
                commit: self.commit.clone(),
                subdir: self.config.subdir.clone(),
            },
            host: self.config.host.clone(),
            roots: self.roots(),
            timeout: self.config.eval_timeout,
            memory: self.config.eval_memory,
            sink: self.sink(true),
            cancel: self.cancel.clone(),
        }
    }

    fn build_request(&self, evaluated: Evaluated) -> BuildRequest {
        BuildRequest {
            evaluated,
            host: self.config.host.clone(),
            roots: self.roots(),
            timeout: self.config.build_timeout,
            silence: self.config.silence_timeout,
            sink: self.sink(false),
            cancel: self.cancel.clone(),
        }
    }
}

fn failed(failure: Failure) -> BuildOutcome {
    let steps = Steps::default();
    BuildOutcome::Failed { failure, steps }
}

/// kiln or its host is broken: trying again later may help.
fn broken(error: &BackendError) -> Failure {
    Failure::transient(error.to_string())
        .hint("this is not the repository's fault: see what `kiln doctor` and the agent's log say")
}

/// An evaluation is pure, but a backend's need not be: what was admitted was another.
fn another_machine(number: GenerationNumber) -> Failure {
    let message = format!("generation {number} was evaluated once more, for another machine id");
    Failure::certain(message).hint("kiln eval evaluates it as a new generation")
}
