//! What callers ask for: each command finds a settled state and leaves one.

use super::Phase;
use super::actor::{Actor, next_end};
use super::machine::admit_build;
use super::{BuilderState, Refusal, Selected, Timeouts};
use crate::events::EventKind;
use crate::model::{
    Build, Built, CancelledBy, CommitId, Evaluated, Evaluation, Generation, GenerationNumber,
    Occasion, Origin, Suspension, now,
};
use crate::process::{GIVE_UP, GRACE};
use crate::source::Selection;
use crate::state::{Change, StateError};
use std::time::Duration;

/// A backend that does not come back by then broke its contract; its task is dropped.
const FIRM: Duration = Duration::from_secs(10)
    .saturating_add(GRACE)
    .saturating_add(GIVE_UP);

impl Actor {
    pub(super) async fn select(&mut self, selection: Selection) -> Result<Selected, Refusal> {
        let newest = self
            .state
            .reader()
            .newest(None, |generation| !generation.by_hand);
        if let Some(newest) = newest.filter(|newest| self.is_selection(newest, &selection)) {
            let there = match newest.evaluated() {
                Some(evaluated) if newest.built().is_some() => {
                    self.existing(evaluated, newest.number).await.is_some()
                }
                _ => true, // in work, or ended in a way that only somebody's asking changes
            };
            if there {
                return Ok(Selected::Unchanged(newest));
            }
        }
        self.new_generation(selection, false, true)
            .await
            .map(Selected::New)
    }

    pub(super) fn is_selection(&self, generation: &Generation, selection: &Selection) -> bool {
        generation.commit.id == selection.commit.id
            && generation.commit.tree == selection.commit.tree
            && generation.origin.testing == selection.origin.testing
            && generation.host == self.config.host
            && generation.backend == self.config.backend
    }

    /// Stops what runs, then makes, records and begins the next generation.
    pub(super) async fn new_generation(
        &mut self,
        selection: Selection,
        by_hand: bool,
        take_over: bool,
    ) -> Result<Generation, Refusal> {
        self.settled().await?;
        let number = self.state.next_number();
        self.stop_job(CancelledBy::Superseded(number)).await;
        self.leave_waiting(CancelledBy::Superseded(number)).await;
        self.settled().await?;
        let origin = if by_hand {
            Origin {
                testing: false,
                ..selection.origin
            }
        } else {
            selection.origin
        };
        let pending = Generation {
            number,
            uuid: uuid::Uuid::new_v4().to_string(),
            host: self.config.host.clone(),
            backend: self.config.backend,
            commit: selection.commit,
            origin,
            by_hand,
            evaluation: Evaluation::Pending { attempt: 1 },
            hooks: Vec::new(),
        };
        // Written before anything begins: the folder is where results are rooted.
        self.record(&pending, Vec::new()).await.map_err(refused)?;
        match self.earlier_evaluation(&pending).filter(|_| take_over) {
            Some(earlier) => {
                let taken_over = self.take_over(pending, &earlier).await;
                self.evaluated_or_ended(taken_over, None).await;
            }
            None => {
                self.work = Some(pending);
                self.proceed().await;
            }
        }
        let reader = self.state.reader();
        reader
            .generation(number)
            .ok_or(Refusal::UnknownGeneration(number))
    }

    /// An earlier generation of the same commit whose evaluation can be taken over.
    pub(super) fn earlier_evaluation(&self, of: &Generation) -> Option<Generation> {
        self.state.reader().newest(Some(of.number), |earlier| {
            earlier.evaluated().is_some()
                && earlier.commit.id == of.commit.id
                && earlier.commit.tree == of.commit.tree
                && earlier.host == of.host
                && earlier.backend == of.backend
        })
    }

    pub(super) async fn take_over(&self, pending: Generation, earlier: &Generation) -> Generation {
        let Some(evaluated) = earlier.evaluated() else {
            return pending;
        };
        let existing = self.existing(evaluated, pending.number).await;
        let taken = pending
            .clone()
            .evaluation_is_cached(earlier, existing, now(), &self.guards());
        taken.unwrap_or(pending)
    }

    /// The result, when it is there already.
    pub(super) async fn existing(
        &self,
        evaluated: &Evaluated,
        number: GenerationNumber,
    ) -> Option<Built> {
        let roots = self.state.places().generation(number);
        let found = self
            .backend
            .is_built(evaluated, &self.config.host, &roots)
            .await;
        found
            .inspect_err(|error| tracing::error!(%error, %number))
            .ok()
            .flatten()
    }

    pub(super) async fn submit(
        &mut self,
        number: Option<GenerationNumber>,
    ) -> Result<Generation, Refusal> {
        self.settled().await?;
        let reader = self.state.reader();
        let asked = match number {
            Some(number) => number,
            None => reader.latest().ok_or(Refusal::NoGeneration)?.number,
        };
        let in_work = self.work.as_ref().map(|generation| generation.number);
        let generation = reader.generation(asked);
        admit_build(asked, generation.as_ref(), in_work, &self.guards())?;
        let generation = generation.ok_or(Refusal::UnknownGeneration(asked))?;
        let submitted = generation.build_submitted(now(), &self.guards());
        self.work = Some(submitted.map_err(|error| Refusal::State(error.to_string()))?);
        self.proceed().await;
        self.state
            .reader()
            .generation(asked)
            .ok_or(Refusal::UnknownGeneration(asked))
    }

    pub(super) async fn suspend(
        &mut self,
        reason: String,
        duration: Option<Duration>,
        by: String,
    ) -> Result<BuilderState, Refusal> {
        if let Some(suspension) = &self.suspension {
            return Err(Refusal::AlreadySuspended(suspension.clone()));
        }
        let since = now();
        let until = duration.map(|duration| {
            since.saturating_add(duration.try_into().unwrap_or(time::Duration::MAX))
        });
        let suspension = Suspension {
            since,
            until,
            reason,
            by,
        };
        let recorded = suspension.clone();
        self.write(move |state| {
            let events = vec![EventKind::Suspended {
                suspension: recorded.clone(),
            }];
            state.apply(&Change {
                suspension: Some(Some(&recorded)),
                occasion: Some(Occasion::Suspended),
                events,
                ..Change::default()
            })
        })
        .await
        .map_err(refused)?;
        self.suspension = Some(suspension);
        let is_building = matches!(
            self.work.as_ref().and_then(Generation::build),
            Some(Build::Running { .. })
        );
        if is_building {
            self.stop_job(CancelledBy::Suspend).await;
            self.wait_for_resume().await;
        }
        self.publish();
        Ok(self.published())
    }

    /// A build that the suspension cancelled waits as its next attempt.
    pub(super) async fn wait_for_resume(&mut self) {
        let latest = self.state.reader().latest();
        let cancelled = latest.filter(|g| {
            matches!(
                g.build(),
                Some(Build::Cancelled {
                    by: CancelledBy::Suspend,
                    ..
                })
            )
        });
        if let Some(waiting) = cancelled.and_then(|g| g.build_submitted(now(), &self.guards()).ok())
        {
            self.work = Some(waiting);
            self.proceed().await;
        }
    }

    pub(super) async fn resume(&mut self, by: String) -> Result<BuilderState, Refusal> {
        if self.suspension.is_none() {
            return Err(Refusal::NotSuspended);
        }
        self.write(move |state| {
            let events = vec![EventKind::Resumed { by }];
            state.apply(&Change {
                suspension: Some(None),
                occasion: Some(Occasion::Resumed),
                events,
                ..Change::default()
            })
        })
        .await
        .map_err(refused)?;
        self.suspension = None;
        if self.job.is_none()
            && let Some(waiting) = self.work.take()
        {
            let resumed = waiting.clone().build_submitted(now(), &self.guards());
            self.work = Some(resumed.unwrap_or(waiting));
            self.proceed().await;
        }
        self.publish();
        Ok(self.published())
    }

    pub(super) async fn suspension_is_over(&mut self) {
        if let Err(error) = self.resume("kiln: its time was over".to_owned()).await {
            tracing::error!(%error, "the suspension that is over could not be ended");
            tokio::time::sleep(Duration::from_secs(1)).await; // not at full speed
        }
    }

    /// Moves the baseline by hand. What was made before is of the history that
    /// was left, and moves it no more: the number is kept beside the baseline.
    pub(super) async fn accept_reset(
        &mut self,
        commit: CommitId,
        reason: String,
    ) -> Result<Option<CommitId>, Refusal> {
        if !self.config.has_baseline {
            return Err(Refusal::NoBaseline);
        }
        let reader = self.state.reader();
        let from = reader.baseline();
        if from.as_deref() == Some(commit.as_str()) {
            return Err(Refusal::BaselineAlready(commit));
        }
        let event = EventKind::BaselineMoved {
            from: from.clone(),
            to: commit.to_string(),
            reason,
        };
        let before = reader.latest().map(|latest| latest.number);
        self.write(move |state| {
            state.apply(&Change {
                baseline: Some(&commit),
                reset_after: before,
                events: vec![event],
                ..Change::default()
            })
        })
        .await
        .map_err(refused)?;
        Ok(from.and_then(|from| from.parse().ok()))
    }

    /// What begins from now on has these limits.
    pub(super) fn configure(&mut self, timeouts: Timeouts) {
        let config = &mut self.config;
        config.eval_timeout = timeouts.eval_timeout;
        config.eval_memory = timeouts.eval_memory;
        config.build_timeout = timeouts.build_timeout;
        config.silence_timeout = timeouts.silence_timeout;
    }

    pub(super) async fn shutdown(&mut self) {
        self.stop_job(CancelledBy::Shutdown).await;
        self.shutting_down = true;
    }

    /// Ends what runs, firmly, and records what it came to. When this returns
    /// its processes are gone.
    pub(super) async fn stop_job(&mut self, by: CancelledBy) {
        let Some(job) = &mut self.job else { return };
        job.cancel.cancel();
        self.publisher
            .send_modify(|state| state.phase = Phase::Stopping);
        let end = match tokio::time::timeout(FIRM, next_end(&mut self.job)).await {
            Ok(end) => end,
            Err(_) => {
                tracing::error!("a cancelled job does not end; it is left behind");
                None
            }
        };
        self.job_ended(end, Some(by)).await;
    }

    /// A generation that waits is not in work any more; what holds it back no
    /// longer matters, it is superseded.
    pub(super) async fn leave_waiting(&mut self, by: CancelledBy) {
        if self.owed.is_some() {
            return; // it stays in work until it is recorded
        }
        let Some(generation) = self.work.take() else {
            return;
        };
        let Some(Build::Pending { .. }) = generation.build() else {
            return;
        };
        match generation.build_left(by, now()) {
            Ok(left) => {
                self.work = Some(left);
                self.proceed().await;
            }
            Err(error) => tracing::error!(%error, "a defect in kiln"),
        }
    }

    pub(super) fn is_ready_to_build(&self) -> bool {
        let build = self.work.as_ref().and_then(Generation::build);
        matches!(build, Some(Build::Pending { blocked: None, .. }))
    }
}

fn refused(error: StateError) -> Refusal {
    Refusal::State(error.to_string())
}
