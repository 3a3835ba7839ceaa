//! What follows what: brings the generation in work from state to state.

use super::Refusal;
use super::actor::{Actor, Job, JobEnd, Owed};
use super::machine::{BuildEnd, EvaluationEnd, Guards};
use super::sink::{AttemptSink, Of};
use super::timers::asks_again;
use crate::backend::{
    BackendError, BuildOutcome, BuildRequest, EvaluateRequest, EvaluationOutcome,
    again::{self, Attempted},
};
use crate::events::EventKind;
use crate::model::{
    Build, CancelledBy, CommitId, Evaluation, Failure, Generation, Occasion, Steps,
};
use crate::state::{Change, StateError};
use std::sync::Arc;
use time::OffsetDateTime;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

impl Actor {
    /// Brings the generation in work from state to state, until a job runs, it
    /// waits, or it has ended.
    pub(super) async fn proceed(&mut self) {
        while self.advance().await {}
        self.publish();
    }

    /// One state further; whether another follows at once.
    async fn advance(&mut self) -> bool {
        let Some(generation) = self.work.take() else {
            return false;
        };
        let number = generation.number;
        let kept = generation.clone();
        let recorded = match (&generation.evaluation, generation.build()) {
            (
                Evaluation::Pending {
                    blocked: Some(blocked),
                    ..
                },
                _,
            ) if asks_again(blocked.reason) => self.wait(generation).await,
            (Evaluation::Pending { .. }, _) => self.start_evaluation(generation).await,
            (_, Some(Build::Pending { blocked: None, .. })) => self.start_build(generation).await,
            (
                _,
                Some(Build::Pending {
                    blocked: Some(_), ..
                }),
            ) => self.wait(generation).await,
            (_, Some(Build::Succeeded { .. })) => self.built(generation).await,
            (Evaluation::Running { .. }, _) | (_, Some(Build::Running { .. })) => {
                self.work = Some(generation);
                Ok(())
            }
            _ => self.ended(generation).await,
        };
        if let Err(error) = recorded {
            tracing::error!(%error, %number, "not recorded; tried again until it is");
            self.job = None;
            self.work = Some(kept);
            self.owed = Some(Owed::State);
            return false;
        }
        let is_suspended = matches!(
            kept.build(),
            Some(Build::Cancelled {
                by: CancelledBy::Suspend,
                ..
            })
        );
        is_suspended && self.waits_for_resume(kept)
    }

    /// A build that the suspension cancelled waits as its next attempt.
    fn waits_for_resume(&mut self, cancelled: Generation) -> bool {
        let waiting = cancelled.build_waits_for_resume(self.now(), &self.guards());
        self.work = waiting
            .inspect_err(|error| tracing::error!(%error, "a defect in kiln"))
            .ok();
        self.work.is_some()
    }

    /// Records what could not be recorded before.
    pub(super) async fn pay(&mut self) {
        match self.owed.take() {
            None => {}
            Some(Owed::State) => self.proceed().await,
            Some(Owed::EvaluationEnd(by)) => {
                if let Some(generation) = self.work.take() {
                    self.evaluated_or_ended(generation, by).await;
                }
            }
        }
        if self.owed.is_none() && self.job.is_none() {
            self.newer_begins().await;
        }
    }

    /// The last chance before a command changes what is in work.
    ///
    /// # Errors
    /// When the disk still refuses.
    pub(super) async fn settled(&mut self) -> Result<(), Refusal> {
        self.pay().await;
        match self.owed {
            None => Ok(()),
            Some(_) => Err(Refusal::State(
                "the end of the last work could not be recorded yet; see the agent's log".into(),
            )),
        }
    }

    pub(super) async fn start_evaluation(
        &mut self,
        generation: Generation,
    ) -> Result<(), StateError> {
        let number = generation.number;
        if let Some(short) = self.look_for_space().await {
            let waits = legal(generation.evaluation_lacks_space(&short, self.now()))?;
            return self.wait(waits).await;
        }
        let generation = Generation {
            settings: self.settings.clone(),
            ..legal(generation.evaluation_starts(self.now()))?
        };
        let announced = EventKind::EvalStarted {
            generation: generation.clone(),
        };
        // An attempt that only asks the caches again has been announced.
        let events = match &generation.evaluation {
            Evaluation::Running { asked: 1.., .. } => Vec::new(),
            _ => vec![announced],
        };
        self.record(&generation, events).await?;
        tracing::info!(generation = %number, commit = %generation.commit.id, "evaluating");
        let cancel = CancellationToken::new();
        let roots = self.state.places().generation(number);
        let request = self.evaluation_of(&generation, Of::Evaluation, &cancel)();
        let asked = cancel.clone();
        let (backend, host) = (Arc::clone(&self.backend), self.config.host.clone());
        self.run_job(cancel, async move {
            let outcome = match backend.evaluate(request).await {
                Ok(outcome) => outcome,
                Err(error) => EvaluationOutcome::Failed(broken(&error)),
            };
            let existing = match &outcome {
                EvaluationOutcome::Succeeded(evaluated) => {
                    let found = backend.is_built(evaluated, &host, &roots, &asked).await;
                    found
                        .inspect_err(|error| tracing::error!(%error))
                        .ok()
                        .flatten()
                }
                _ => None,
            };
            JobEnd::Evaluated(outcome, existing)
        });
        self.work = Some(generation);
        Ok(())
    }

    /// Makes the request when it is called: with it, the log begins anew.
    fn evaluation_of(
        &self,
        generation: &Generation,
        of: Of,
        cancel: &CancellationToken,
    ) -> impl FnOnce() -> EvaluateRequest + Send + use<> {
        let (number, cancel) = (generation.number, cancel.clone());
        let source = self.source_of(&generation.commit);
        let (host, state) = (self.config.host.clone(), Arc::clone(&self.state));
        let (timeout, memory) = (self.config.eval_timeout, self.config.eval_memory);
        move || EvaluateRequest {
            source,
            host,
            roots: state.places().generation(number),
            timeout,
            memory,
            again: false,
            sink: Arc::new(AttemptSink::new(state, number, of)),
            cancel,
        }
    }

    pub(super) async fn start_build(&mut self, generation: Generation) -> Result<(), StateError> {
        let number = generation.number;
        let Some(evaluated) = generation.evaluated().cloned() else {
            return Ok(());
        };
        if self.look_for_space().await.is_some() {
            let waits = legal(generation.build_reconsidered(self.now(), &self.guards()))?;
            return self.wait(waits).await;
        }
        let generation = legal(generation.build_starts(self.now()))?;
        let announced = EventKind::BuildStarted {
            generation: generation.clone(),
        };
        // An attempt that only asks the caches again has been announced.
        let events = match generation.build() {
            Some(Build::Running { asked: 1.., .. }) => Vec::new(),
            _ => vec![announced],
        };
        self.record(&generation, events).await?;
        tracing::info!(generation = %number, "building");
        let cancel = CancellationToken::new();
        let request = BuildRequest {
            evaluated,
            host: self.config.host.clone(),
            roots: self.state.places().generation(number),
            timeout: self.config.build_timeout,
            silence: self.config.silence_timeout,
            sink: Arc::new(AttemptSink::new(Arc::clone(&self.state), number, Of::Build)),
            cancel: cancel.clone(),
        };
        let evaluation = self.evaluation_of(&generation, Of::EvaluationForBuild, &cancel);
        let backend = Arc::clone(&self.backend);
        self.run_job(cancel, async move {
            let outcome = again::build(backend.as_ref(), request, evaluation).await;
            JobEnd::Built(outcome.unwrap_or_else(|error| {
                let (failure, steps) = (broken(&error), Steps::default());
                BuildOutcome::Failed { failure, steps }.into()
            }))
        });
        self.work = Some(generation);
        Ok(())
    }

    pub(super) fn run_job(
        &mut self,
        cancel: CancellationToken,
        job: impl Future<Output = JobEnd> + Send + 'static,
    ) {
        let mut task = JoinSet::new();
        task.spawn(job);
        self.job = Some(Job { task, cancel });
    }

    /// The job is gone: what it came to is recorded, then what follows begins,
    /// unless it was ended on purpose.
    pub(super) async fn job_ended(&mut self, end: Option<JobEnd>, by: Option<CancelledBy>) {
        self.job = None;
        let Some(generation) = self.work.take() else {
            return;
        };
        let number = generation.number;
        let is_build = generation.build().is_some();
        let next = match end {
            // Whoever ended it on purpose need not know how far it had come.
            Some(JobEnd::Evaluated(EvaluationOutcome::Blocked { .. }, _)) if by.is_some() => {
                let end = EvaluationEnd::Cancelled(by.unwrap_or(CancelledBy::Stop));
                generation.evaluation_ends(end, self.now(), &self.guards())
            }
            Some(JobEnd::Evaluated(EvaluationOutcome::Cancelled, _)) => {
                let end = EvaluationEnd::Cancelled(by.unwrap_or(CancelledBy::Stop));
                generation.evaluation_ends(end, self.now(), &self.guards())
            }
            Some(JobEnd::Evaluated(outcome, existing)) => {
                let end = EvaluationEnd::Outcome(outcome, existing);
                generation.evaluation_ends(end, self.now(), &self.guards())
            }
            Some(JobEnd::Built(Attempted { outcome, instead })) => generation
                .build_was_of(instead)
                .build_ends(build_end(outcome, by), self.now(), &self.guards()),
            None => lost(generation, by, self.now(), &self.guards()),
        };
        match next {
            Ok(next) if is_build && matches!(next.build(), Some(Build::Pending { .. })) => {
                self.work = Some(next);
                self.proceed().await;
            }
            Ok(next) => self.evaluated_or_ended(next, by).await,
            Err(error) => tracing::error!(%error, %number, "a defect in kiln"),
        }
        if is_build && by.is_none() {
            self.build_finished().await;
        }
    }

    pub(super) async fn evaluated_or_ended(
        &mut self,
        generation: Generation,
        by: Option<CancelledBy>,
    ) {
        if let Some(Build::Pending { .. }) = generation.build() {
            let event = EventKind::EvalFinished {
                generation: generation.clone(),
            };
            let occasion = generation
                .is_for_another_machine()
                .then_some(Occasion::Refused);
            if let Err(error) = self.record_with(&generation, vec![event], occasion).await {
                tracing::error!(%error, number = %generation.number, "the evaluation's end is not recorded; tried again until it is");
                self.work = Some(generation);
                self.owed = Some(Owed::EvaluationEnd(by));
                return;
            }
            self.work = Some(generation);
            if by.is_some() {
                return; // ended on purpose: whoever asked says what follows
            }
        } else {
            self.work = Some(generation);
        }
        self.proceed().await;
    }

    pub(super) async fn wait(&mut self, generation: Generation) -> Result<(), StateError> {
        self.record(&generation, Vec::new()).await?;
        self.work = Some(generation);
        Ok(())
    }

    pub(super) async fn ended(&mut self, generation: Generation) -> Result<(), StateError> {
        if let Some(failure) = generation.failure() {
            tracing::warn!(generation = %generation.number, "failed: {}", failure.message);
        }
        let announced = generation.clone();
        let event = match generation.build() {
            None => EventKind::EvalFinished {
                generation: announced,
            },
            Some(_) => EventKind::BuildFinished {
                generation: announced,
            },
        };
        // A failure that is tried again is not the last word.
        let is_final = generation.next_try().is_none();
        let failed = generation.failure().filter(|_| is_final);
        let occasion = failed.map(|_| Occasion::Failed);
        self.record_with(&generation, vec![event], occasion).await?;
        if !is_final {
            self.work = Some(generation); // until its time comes
        }
        Ok(())
    }

    pub(super) async fn built(&mut self, generation: Generation) -> Result<(), StateError> {
        tracing::info!(generation = %generation.number, "built");
        let current = self.state.reader().current().map(|current| current.number);
        let becomes_current = current.is_none_or(|current| current <= generation.number);
        let mut events = vec![EventKind::BuildFinished {
            generation: generation.clone(),
        }];
        let moved = match becomes_current {
            true => self.baseline_moved(&generation).await?,
            false => None,
        };
        let baseline = moved.as_ref().map(|_| generation.commit.id.clone());
        events.extend(moved);
        self.write(move |state| {
            let baseline = baseline.as_ref();
            let generation = Some(&generation);
            state.apply(&Change {
                generation,
                becomes_current,
                occasion: becomes_current.then_some(Occasion::Built),
                baseline,
                events,
                ..Change::default()
            })
        })
        .await
    }

    /// The baseline's move by a generation that is built; `None`: it stays. It
    /// only moves forward, and what was selected before may since have become a
    /// line beside it: so its ancestry is asked again, of the baseline there is now.
    async fn baseline_moved(&self, of: &Generation) -> Result<Option<EventKind>, StateError> {
        let reset_after = self.state.reset_after()?;
        let is_main = !of.origin.testing && !of.by_hand;
        let is_before_reset = reset_after.is_some_and(|before| of.number <= before);
        if !self.config.has_baseline || !is_main || is_before_reset {
            return Ok(None);
        }
        let from = self.state.reader().baseline();
        let to = of.commit.id.clone();
        if from.as_deref() == Some(to.as_str()) {
            return Ok(None);
        }
        if let Some(baseline) = from.as_deref().and_then(|from| from.parse().ok())
            && !self.descends(baseline, to.clone()).await
        {
            tracing::warn!(generation = %of.number, from, %to,
                "the baseline stays: what is built does not descend from it");
            return Ok(None);
        }
        let reason = format!("generation {} is built", of.number);
        let to = to.to_string();
        Ok(Some(EventKind::BaselineMoved { from, to, reason }))
    }

    /// The walk is bounded, and ends by itself.
    async fn descends(&self, ancestor: CommitId, head: CommitId) -> bool {
        let lineage = self.config.lineage.clone();
        let walk = tokio::task::spawn_blocking(move || lineage.descends(&ancestor, &head));
        walk.await.unwrap_or(false)
    }
}

pub(super) fn legal(next: Result<Generation, super::Illegal>) -> Result<Generation, StateError> {
    next.map_err(|error| StateError::Unexpected {
        path: error.number.to_string().into(),
        message: format!("a defect in kiln: {error}"),
    })
}

/// kiln or its host is broken: trying again later may help.
fn broken(error: &BackendError) -> Failure {
    Failure::transient(error.to_string())
        .hint("this is not the repository's fault: see what `kiln doctor` and the agent's log say")
}

fn build_end(outcome: BuildOutcome, by: Option<CancelledBy>) -> BuildEnd {
    match (outcome, by) {
        // Whoever ended it on purpose need not know how far it had come.
        (BuildOutcome::Blocked { steps, .. }, Some(by)) => BuildEnd::Cancelled(by, steps),
        (BuildOutcome::Cancelled { steps }, by) => {
            BuildEnd::Cancelled(by.unwrap_or(CancelledBy::Stop), steps)
        }
        (outcome, _) => BuildEnd::Outcome(outcome),
    }
}

/// A job that ended without an outcome: it panicked, or was left behind.
fn lost(
    generation: Generation,
    by: Option<CancelledBy>,
    now: OffsetDateTime,
    guards: &Guards<'_>,
) -> Result<Generation, super::Illegal> {
    let failure = Failure::transient("the work ended without an outcome: a defect in kiln");
    let is_building = generation.build().is_some();
    match (is_building, by) {
        (false, Some(by)) => generation.evaluation_ends(EvaluationEnd::Cancelled(by), now, guards),
        (true, Some(by)) => {
            generation.build_ends(BuildEnd::Cancelled(by, Steps::default()), now, guards)
        }
        (false, None) => {
            let outcome = EvaluationOutcome::Failed(failure);
            generation.evaluation_ends(EvaluationEnd::Outcome(outcome, None), now, guards)
        }
        (true, None) => {
            let outcome = BuildOutcome::Failed {
                failure,
                steps: Steps::default(),
            };
            generation.build_ends(BuildEnd::Outcome(outcome), now, guards)
        }
    }
}
