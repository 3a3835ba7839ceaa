//! How a newer generation takes the place of what is in work: at once, or once
//! the build that runs has finished.

use super::Refusal;
use super::actor::Actor;
use super::commands::refused;
use super::work::legal;
use crate::backend::BackendError;
use crate::events::EventKind;
use crate::model::{
    Build, Built, CancelledBy, Evaluated, Evaluation, Generation, GenerationNumber, Origin,
    Preemption,
};
use crate::source::Selection;
use crate::state::StateError;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What a backend knows it says in milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

impl Actor {
    /// Stops what runs, then makes, records and begins the next generation;
    /// `anew`: it is evaluated, whatever is known of its commit.
    pub(super) async fn new_generation(
        &mut self,
        selection: Selection,
        by_hand: bool,
        anew: bool,
    ) -> Result<Generation, Refusal> {
        self.settled().await?;
        let number = self.state.next_number();
        let by = CancelledBy::Superseded(number);
        let before = self.build_to_finish();
        self.leave_newer(by).await;
        if before.is_none() {
            self.finished_in_a_row = 0;
            self.stop_job(by).await;
            self.leave_work(by).await;
        }
        self.settled().await?;
        if self.newer.is_some() || (before.is_none() && self.work.is_some()) {
            return Err(Refusal::State(
                "what waits could not be ended; see the agent's log".into(),
            ));
        }
        let origin = if by_hand {
            Origin {
                testing: false,
                ..selection.origin
            }
        } else {
            selection.origin
        };
        let backend = self.backend.kind(&self.source_of(&selection.commit)).await;
        let pending = Generation {
            number,
            uuid: uuid::Uuid::new_v4().to_string(),
            host: self.config.host.clone(),
            backend,
            commit: selection.commit,
            origin,
            by_hand,
            settings: self.settings.clone(),
            in_a_row: 0,
            hooks: Vec::new(),
            evaluation: Evaluation::first(anew),
        };
        self.enter(pending, before)
            .await
            .map_err(|error| refused(&error))?;
        let reader = self.state.reader();
        reader
            .generation(number)
            .ok_or(Refusal::UnknownGeneration(number))
    }

    /// Records a new generation, written before anything begins: its folder is
    /// where results are rooted. Then it begins, or waits for the build of `before`.
    async fn enter(
        &mut self,
        pending: Generation,
        before: Option<GenerationNumber>,
    ) -> Result<(), StateError> {
        let Some(before) = before else {
            self.record(&pending, Vec::new()).await?;
            self.begin(pending).await;
            return Ok(());
        };
        let waits = legal(pending.evaluation_waits(before, self.now()))?;
        self.record(&waits, Vec::new()).await?;
        self.newer = Some(waits);
        Ok(())
    }

    /// The build that runs, when the newest lets it finish.
    fn build_to_finish(&self) -> Option<GenerationNumber> {
        let work = self.work.as_ref()?;
        let is_let_finish = match self.config.preemption {
            Preemption::Always => false,
            Preemption::FinishBuild(limit) => self.finished_in_a_row < limit,
        };
        let is_building = matches!(work.build(), Some(Build::Running { .. }));
        (is_let_finish && is_building).then_some(work.number)
    }

    /// Takes over what is known of its commit, or has it evaluated.
    pub(super) async fn begin(&mut self, pending: Generation) {
        let is_anew = matches!(pending.evaluation, Evaluation::Pending { anew: true, .. });
        let taken = match is_anew {
            true => None,
            false => self.take_over(pending.clone()).await,
        };
        match taken {
            Some(taken) => self.evaluated_or_ended(taken, None).await,
            None => {
                self.work = Some(pending);
                self.proceed().await;
            }
        }
    }

    /// A build ended by itself: what waited for it begins.
    pub(super) async fn build_finished(&mut self) {
        self.finished_in_a_row = match self.newer {
            None => 0,
            Some(_) => self.finished_in_a_row + 1,
        };
        self.newer_begins().await;
    }

    /// What waited for a build has nothing to wait for any more, but the disk.
    pub(super) fn newer_is_due(&self) -> bool {
        self.newer.is_some() && self.job.is_none()
    }

    /// What waited for a build begins, and takes the place of what is left of it.
    pub(super) async fn newer_begins(&mut self) {
        if self.owed.is_some() {
            return; // once what was before it is recorded
        }
        if let Some(newer) = self.newer.take() {
            let by = CancelledBy::Superseded(newer.number);
            self.leave_work(by).await;
            if self.work.is_some() {
                self.newer = Some(newer); // its end comes first; tried again
                return;
            }
            let generation = Generation {
                in_a_row: self.finished_in_a_row,
                ..newer
            };
            self.begin(generation).await;
        }
    }

    /// What waits for a build is left before it began; it stays where that
    /// cannot be recorded.
    pub(super) async fn leave_newer(&mut self, by: CancelledBy) {
        let Some(newer) = self.newer.take() else {
            return;
        };
        let left = legal(newer.clone().evaluation_left(by, self.now()));
        let event = |generation| EventKind::EvalFinished { generation };
        let recorded = match left {
            Ok(left) => self.record(&left, vec![event(left.clone())]).await,
            Err(error) => Err(error),
        };
        if let Err(error) = recorded {
            tracing::error!(%error, "the end of the generation that waits is not recorded");
            self.newer = Some(newer);
        }
    }

    /// What waits in work, for a time, a consent or a resume, is left; it stays
    /// where that cannot be recorded: a command that is refused ends nothing.
    pub(super) async fn leave_work(&mut self, by: CancelledBy) {
        if self.owed.is_some() {
            return; // it stays in work until it is recorded
        }
        let Some(generation) = self.work.take() else {
            return;
        };
        if generation.next_try().is_some() {
            self.leave_retry(generation, by).await;
            return;
        }
        let left = match (&generation.evaluation, generation.build()) {
            (Evaluation::Pending { .. }, _) => generation.clone().evaluation_left(by, self.now()),
            (_, Some(Build::Pending { .. })) => generation.clone().build_left(by, self.now()),
            _ => return,
        };
        let recorded = match legal(left) {
            Ok(left) => self.ended(left).await,
            Err(error) => Err(error),
        };
        if let Err(error) = recorded {
            tracing::error!(%error, number = %generation.number, "that it is left is not recorded");
            self.work = Some(generation);
        }
        self.publish();
    }

    /// Its end was announced before; it stays in work where this cannot be recorded.
    async fn leave_retry(&mut self, generation: Generation, by: CancelledBy) {
        let recorded = match legal(generation.clone().retry_left(by)) {
            Ok(left) => self.record(&left, Vec::new()).await,
            Err(error) => Err(error),
        };
        if let Err(error) = recorded {
            tracing::error!(%error, number = %generation.number, "that it is not tried again is not recorded");
            self.work = Some(generation);
        }
    }

    /// What is known of this commit from before: its evaluation and the result
    /// when that is there, or the certain failure of either.
    async fn take_over(&self, pending: Generation) -> Option<Generation> {
        let is_known = |earlier: &Generation| {
            earlier.evaluated().is_some() || earlier.certain_evaluation_failure().is_some()
        };
        let known = self.earlier(&pending, is_known).await?;
        let Some(evaluated) = known.evaluated() else {
            let failed = pending.evaluation_failure_is_remembered(&known, self.now());
            return failed.inspect_err(defect).ok();
        };
        if !self.is_evaluated(evaluated, pending.number).await {
            return None; // its graph was collected: evaluated again
        }
        let existing = self.existing(evaluated, pending.number).await;
        let cached = pending.evaluation_is_cached(&known, existing, self.now(), &self.guards());
        let cached = cached.inspect_err(defect).ok()?;
        Some(self.with_remembered_failure(cached).await)
    }

    async fn with_remembered_failure(&self, cached: Generation) -> Generation {
        if cached.built().is_some() {
            return cached;
        }
        let is_known = |earlier: &Generation| {
            earlier.built().is_some() || earlier.certain_build_failure().is_some()
        };
        let known = self.earlier(&cached, is_known).await;
        match known.filter(|known| known.certain_build_failure().is_some()) {
            Some(known) => {
                let failed = cached
                    .clone()
                    .build_failure_is_remembered(&known, self.now());
                failed.inspect_err(defect).unwrap_or(cached)
            }
            None => cached,
        }
    }

    /// The newest generation before `of` with the same input that `wanted` holds for.
    async fn earlier(
        &self,
        of: &Generation,
        wanted: fn(&Generation) -> bool,
    ) -> Option<Generation> {
        let of = of.clone();
        self.newest(Some(of.number), move |earlier| {
            earlier.commit.id == of.commit.id
                && earlier.commit.tree == of.commit.tree
                && earlier.settings == of.settings
                && earlier.host == of.host
                && earlier.backend == of.backend
                && wanted(earlier)
        })
        .await
    }

    /// What the evaluation left for its build is there.
    async fn is_evaluated(&self, evaluated: &Evaluated, number: GenerationNumber) -> bool {
        let roots = self.state.places().generation(number);
        let cancel = CancellationToken::new();
        let found = self.backend.is_evaluated(evaluated, &roots, &cancel);
        answered(found, number).await.unwrap_or(false)
    }

    /// The result, when it is there already.
    pub(super) async fn existing(
        &self,
        evaluated: &Evaluated,
        number: GenerationNumber,
    ) -> Option<Built> {
        let roots = self.state.places().generation(number);
        let (host, cancel) = (&self.config.host, CancellationToken::new());
        let found = self.backend.is_built(evaluated, host, &roots, &cancel);
        answered(found, number).await.flatten()
    }
}

/// What the backend knows, if it says so in time: the actor serves nobody meanwhile.
async fn answered<T>(
    question: impl Future<Output = Result<T, BackendError>>,
    number: GenerationNumber,
) -> Option<T> {
    match tokio::time::timeout(PATIENCE, question).await {
        Ok(answer) => answer
            .inspect_err(|error| tracing::error!(%error, %number))
            .ok(),
        Err(_) => {
            tracing::error!(%number, "the backend does not say what is there: taken as nothing");
            None
        }
    }
}

pub(super) fn defect(error: &super::Illegal) {
    tracing::error!(%error, "a defect in kiln");
}
