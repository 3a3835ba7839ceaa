//! The one task. It owns the generation in work and runs at most one job, an
//! evaluation or a build; commands are taken one after the other, so that each
//! finds a settled state. Every transition is recorded before it is answered.

use super::handle::{Command, Reply};
use super::machine::{BuildEnd, EvaluationEnd, Guards, admit_build};
use super::sink::AttemptSink;
use super::{BuilderConfig, BuilderState, Handle, Phase, Refusal, Selected};
use crate::backend::{
    Backend, BackendError, BuildOutcome, BuildRequest, EvaluateRequest, EvaluationOutcome, Source,
};
use crate::events::EventKind;
use crate::model::{
    Build, Built, CancelledBy, Evaluation, Failure, Generation, GenerationNumber, Origin, Steps,
    Suspension, now,
};
use crate::process::{GIVE_UP, GRACE};
use crate::source::Selection;
use crate::state::{Change, State, StateError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// Commands that may wait; a caller beyond waits for room.
const MAILBOX: usize = 64;
/// A backend that does not come back by then broke its contract; its task is dropped.
const FIRM: Duration = Duration::from_secs(10)
    .saturating_add(GRACE)
    .saturating_add(GIVE_UP);

pub(super) fn start(
    config: BuilderConfig,
    backend: Arc<dyn Backend>,
    state: Arc<State>,
) -> Result<(Handle, JoinHandle<()>), StateError> {
    let (commands, mailbox) = mpsc::channel(MAILBOX);
    let suspension = state.suspension()?;
    let latest = state.reader().latest();
    let generation = latest.as_ref().map(|generation| generation.number);
    let hold = None;
    let initial = BuilderState {
        phase: Phase::Idle,
        generation,
        suspension: suspension.clone(),
        hold,
    };
    let (publisher, published) = watch::channel(initial);
    let actor = Actor {
        config,
        backend,
        state,
        mailbox,
        publisher,
        work: None,
        job: None,
        suspension,
        shutting_down: false,
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "owned by the agent through the JoinHandle"
    )]
    let task = tokio::spawn(actor.run(latest));
    Ok((
        Handle {
            commands,
            published,
        },
        task,
    ))
}

struct Actor {
    config: BuilderConfig,
    backend: Arc<dyn Backend>,
    state: Arc<State>,
    mailbox: mpsc::Receiver<Command>,
    publisher: watch::Sender<BuilderState>,
    /// The generation in work: it is evaluated, waits, or is built.
    work: Option<Generation>,
    job: Option<Job>,
    suspension: Option<Suspension>,
    shutting_down: bool,
}

/// What runs for the generation in work.
struct Job {
    task: JoinSet<JobEnd>,
    cancel: CancellationToken,
}

enum JobEnd {
    Evaluated(EvaluationOutcome, Option<Built>),
    Built(BuildOutcome),
}

impl Actor {
    async fn run(mut self, latest: Option<Generation>) {
        if let Some(unfinished) = latest.and_then(|g| g.taken_up(now(), &self.guards())) {
            tracing::info!(generation = %unfinished.number, "an unfinished generation is taken up");
            self.work = Some(unfinished);
            self.proceed().await;
        }
        while !self.shutting_down {
            self.publish();
            let until = self.suspension.as_ref().and_then(|s| s.until);
            tokio::select! {
                biased;
                end = next_end(&mut self.job) => self.job_ended(end, None).await,
                command = self.mailbox.recv() => match command {
                    Some(command) => self.command(command).await,
                    None => self.shutdown().await,
                },
                () = wall_clock(until) => self.suspension_is_over().await,
            }
        }
        self.publish();
    }

    async fn command(&mut self, command: Command) {
        // A caller that is gone has no use for the answer; the work is done all the same.
        match command {
            Command::Select(selection, reply) => answer(reply, self.select(selection).await),
            Command::Eval {
                selection,
                by_hand,
                reply,
            } => {
                let made = self.new_generation(selection, by_hand, false).await;
                answer(reply, made);
            }
            Command::SubmitBuild { number, reply } => answer(reply, self.submit(number).await),
            Command::Suspend {
                reason,
                duration,
                by,
                reply,
            } => {
                let suspended = self.suspend(reason, duration, by).await;
                answer(reply, suspended);
            }
            Command::Resume { by, reply } => answer(reply, self.resume(by).await),
            Command::Stop { reply } => {
                self.stop_job(CancelledBy::Stop).await;
                if self.is_ready_to_build() {
                    self.leave_waiting(CancelledBy::Stop).await; // evaluated while it was stopped
                }
                self.publish();
                answer(reply, Ok(self.published()));
            }
            Command::Shutdown { reply } => {
                self.shutdown().await;
                answer(reply, Ok(self.published()));
            }
        }
    }

    fn guards(&self) -> Guards<'_> {
        let machine_id = self.config.machine_id.as_deref();
        Guards {
            machine_id,
            suspension: self.suspension.as_ref(),
        }
    }

    // ---- Evaluation -------------------------------------------------------

    async fn select(&mut self, selection: Selection) -> Result<Selected, Refusal> {
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

    fn is_selection(&self, generation: &Generation, selection: &Selection) -> bool {
        generation.commit.id == selection.commit.id
            && generation.commit.tree == selection.commit.tree
            && generation.origin.testing == selection.origin.testing
            && generation.host == self.config.host
            && generation.backend == self.config.backend
    }

    /// Stops what runs, then makes, records and begins the next generation.
    async fn new_generation(
        &mut self,
        selection: Selection,
        by_hand: bool,
        take_over: bool,
    ) -> Result<Generation, Refusal> {
        let number = self.state.next_number().map_err(refused)?;
        self.stop_job(CancelledBy::Superseded(number)).await;
        self.leave_waiting(CancelledBy::Superseded(number)).await;
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
            .ok_or_else(|| Refusal::UnknownGeneration(number))
    }

    /// An earlier generation of the same commit whose evaluation can be taken over.
    fn earlier_evaluation(&self, of: &Generation) -> Option<Generation> {
        self.state.reader().newest(Some(of.number), |earlier| {
            earlier.evaluated().is_some()
                && earlier.commit.id == of.commit.id
                && earlier.commit.tree == of.commit.tree
                && earlier.host == of.host
                && earlier.backend == of.backend
        })
    }

    async fn take_over(&self, pending: Generation, earlier: &Generation) -> Generation {
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
    async fn existing(
        &self,
        evaluated: &crate::model::Evaluated,
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

    // ---- What follows what ------------------------------------------------

    /// Brings the generation in work one state further, until a job runs, it
    /// waits, or it has ended.
    async fn proceed(&mut self) {
        let Some(generation) = self.work.take() else {
            return;
        };
        let number = generation.number;
        let recorded = match (&generation.evaluation, generation.build()) {
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
            tracing::error!(%error, %number, "left as it was recorded; the next start takes it up");
            self.job = None;
            self.work = None;
        }
        self.publish();
    }

    async fn start_evaluation(&mut self, generation: Generation) -> Result<(), StateError> {
        let number = generation.number;
        let generation = legal(generation.evaluation_starts(now()))?;
        let event = EventKind::EvalStarted {
            generation: generation.clone(),
        };
        self.record(&generation, vec![event]).await?;
        tracing::info!(generation = %number, commit = %generation.commit.id, "evaluating");
        let cancel = CancellationToken::new();
        let roots = self.state.places().generation(number);
        let request = EvaluateRequest {
            source: Source {
                repository: self.config.repository.clone(),
                commit: generation.commit.clone(),
                subdir: self.config.subdir.clone(),
            },
            host: self.config.host.clone(),
            roots: roots.clone(),
            timeout: self.config.eval_timeout,
            memory: self.config.eval_memory,
            sink: Arc::new(AttemptSink::new(Arc::clone(&self.state), number, true)),
            cancel: cancel.clone(),
        };
        let (backend, host) = (Arc::clone(&self.backend), self.config.host.clone());
        self.run_job(cancel, async move {
            let outcome = match backend.evaluate(request).await {
                Ok(outcome) => outcome,
                Err(error) => EvaluationOutcome::Failed(broken(&error)),
            };
            let existing = match &outcome {
                EvaluationOutcome::Succeeded(evaluated) => {
                    let found = backend.is_built(evaluated, &host, &roots).await;
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

    async fn start_build(&mut self, generation: Generation) -> Result<(), StateError> {
        let number = generation.number;
        let Some(evaluated) = generation.evaluated().cloned() else {
            return Ok(());
        };
        let generation = legal(generation.build_starts(now()))?;
        let event = EventKind::BuildStarted {
            generation: generation.clone(),
        };
        self.record(&generation, vec![event]).await?;
        tracing::info!(generation = %number, "building");
        let cancel = CancellationToken::new();
        let request = BuildRequest {
            evaluated,
            host: self.config.host.clone(),
            roots: self.state.places().generation(number),
            timeout: self.config.build_timeout,
            silence: self.config.silence_timeout,
            sink: Arc::new(AttemptSink::new(Arc::clone(&self.state), number, false)),
            cancel: cancel.clone(),
        };
        let backend = Arc::clone(&self.backend);
        self.run_job(cancel, async move {
            JobEnd::Built(match backend.build(request).await {
                Ok(outcome) => outcome,
                Err(error) => BuildOutcome::Failed {
                    failure: broken(&error),
                    steps: Steps::default(),
                },
            })
        });
        self.work = Some(generation);
        Ok(())
    }

    fn run_job(
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
    async fn job_ended(&mut self, end: Option<JobEnd>, by: Option<CancelledBy>) {
        self.job = None;
        let Some(generation) = self.work.take() else {
            return;
        };
        let number = generation.number;
        let next = match end {
            Some(JobEnd::Evaluated(EvaluationOutcome::Cancelled, _)) => {
                let end = EvaluationEnd::Cancelled(by.unwrap_or(CancelledBy::Stop));
                generation.evaluation_ends(end, now(), &self.guards())
            }
            Some(JobEnd::Evaluated(outcome, existing)) => {
                let end = EvaluationEnd::Outcome(outcome, existing);
                generation.evaluation_ends(end, now(), &self.guards())
            }
            Some(JobEnd::Built(BuildOutcome::Cancelled { steps })) => {
                let end = BuildEnd::Cancelled(by.unwrap_or(CancelledBy::Stop), steps);
                generation.build_ends(end, now())
            }
            Some(JobEnd::Built(outcome)) => {
                generation.build_ends(BuildEnd::Outcome(outcome), now())
            }
            None => lost(generation, by, &self.guards()),
        };
        match next {
            Ok(next) => self.evaluated_or_ended(next, by).await,
            Err(error) => tracing::error!(%error, %number, "a defect in kiln"),
        }
    }

    async fn evaluated_or_ended(&mut self, generation: Generation, by: Option<CancelledBy>) {
        if let Some(Build::Pending { .. }) = generation.build() {
            let event = EventKind::EvalFinished {
                generation: generation.clone(),
            };
            if let Err(error) = self.record(&generation, vec![event]).await {
                tracing::error!(%error, number = %generation.number, "the evaluation is not recorded");
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

    async fn wait(&mut self, generation: Generation) -> Result<(), StateError> {
        self.record(&generation, Vec::new()).await?;
        self.work = Some(generation);
        Ok(())
    }

    async fn ended(&mut self, generation: Generation) -> Result<(), StateError> {
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
        self.record(&generation, vec![event]).await
    }

    async fn built(&mut self, generation: Generation) -> Result<(), StateError> {
        tracing::info!(generation = %generation.number, "built");
        let current = self.state.reader().current().map(|current| current.number);
        let becomes_current = current.is_none_or(|current| current <= generation.number);
        let mut events = vec![EventKind::BuildFinished {
            generation: generation.clone(),
        }];
        let to = &generation.commit.id;
        let from = self.state.reader().baseline();
        let is_main = !generation.origin.testing && !generation.by_hand;
        let moves = self.config.has_baseline
            && is_main
            && becomes_current
            && from.as_deref() != Some(to.as_str());
        if moves {
            let reason = format!("generation {} is built", generation.number);
            events.push(EventKind::BaselineMoved {
                from,
                to: to.to_string(),
                reason,
            });
        }
        let baseline = moves.then(|| to.clone());
        self.write(move |state| {
            let baseline = baseline.as_ref();
            let generation = Some(&generation);
            state.apply(&Change {
                generation,
                becomes_current,
                baseline,
                events,
                ..Change::default()
            })
        })
        .await
    }

    // ---- Commands ---------------------------------------------------------

    async fn submit(&mut self, number: Option<GenerationNumber>) -> Result<Generation, Refusal> {
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

    async fn suspend(
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
    async fn wait_for_resume(&mut self) {
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

    async fn resume(&mut self, by: String) -> Result<BuilderState, Refusal> {
        if self.suspension.is_none() {
            return Err(Refusal::NotSuspended);
        }
        self.write(move |state| {
            let events = vec![EventKind::Resumed { by }];
            state.apply(&Change {
                suspension: Some(None),
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

    async fn suspension_is_over(&mut self) {
        if let Err(error) = self.resume("kiln: its time was over".to_owned()).await {
            tracing::error!(%error, "the suspension that is over could not be ended");
            tokio::time::sleep(Duration::from_secs(1)).await; // not at full speed
        }
    }

    async fn shutdown(&mut self) {
        self.stop_job(CancelledBy::Shutdown).await;
        self.shutting_down = true;
    }

    /// Ends what runs, firmly, and records what it came to. When this returns
    /// its processes are gone.
    async fn stop_job(&mut self, by: CancelledBy) {
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
    async fn leave_waiting(&mut self, by: CancelledBy) {
        let Some(generation) = self.work.take() else {
            return;
        };
        let Some(Build::Pending { .. }) = generation.build() else {
            return;
        };
        let number = generation.number;
        match generation.build_left(by, now()) {
            Ok(left) => {
                if let Err(error) = self.ended(left).await {
                    tracing::error!(%error, %number, "its end is not recorded");
                }
            }
            Err(error) => tracing::error!(%error, "a defect in kiln"),
        }
    }

    fn is_ready_to_build(&self) -> bool {
        let build = self.work.as_ref().and_then(Generation::build);
        matches!(build, Some(Build::Pending { blocked: None, .. }))
    }

    // ---- Recording and publishing -----------------------------------------

    async fn record(
        &self,
        generation: &Generation,
        events: Vec<EventKind>,
    ) -> Result<(), StateError> {
        let generation = generation.clone();
        self.write(move |state| {
            state.apply(&Change {
                generation: Some(&generation),
                events,
                ..Change::default()
            })
        })
        .await
    }

    /// Runs one write on a thread that may block.
    async fn write(
        &self,
        write: impl FnOnce(&State) -> Result<(), StateError> + Send + 'static,
    ) -> Result<(), StateError> {
        let state = Arc::clone(&self.state);
        let written = tokio::task::spawn_blocking(move || write(&state)).await;
        written.unwrap_or_else(|error| {
            let path = self.state.places().folder.clone();
            Err(StateError::Unexpected {
                path,
                message: format!("a write was lost: {error}"),
            })
        })
    }

    fn published(&self) -> BuilderState {
        self.publisher.borrow().clone()
    }

    fn publish(&self) {
        let phase = match self
            .work
            .as_ref()
            .map(|work| (&work.evaluation, work.build()))
        {
            None => Phase::Idle,
            Some((_, Some(Build::Running { .. }))) => Phase::Building,
            Some((_, Some(_))) => Phase::Waiting,
            Some((_, None)) => Phase::Evaluating,
        };
        let latest = || self.state.reader().latest().map(|latest| latest.number);
        let generation = self.work.as_ref().map(|work| work.number).or_else(latest);
        let suspension = self.suspension.clone();
        let next = BuilderState {
            phase,
            generation,
            suspension,
            hold: None,
        };
        self.publisher.send_if_modified(|state| {
            let changed = *state != next;
            *state = next;
            changed
        });
    }
}

fn answer<T>(reply: Reply<T>, result: Result<T, Refusal>) {
    let _ = reply.send(result);
}

fn refused(error: StateError) -> Refusal {
    Refusal::State(error.to_string())
}

fn legal(next: Result<Generation, super::Illegal>) -> Result<Generation, StateError> {
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

/// A job that ended without an outcome: it panicked, or was left behind.
fn lost(
    generation: Generation,
    by: Option<CancelledBy>,
    guards: &Guards<'_>,
) -> Result<Generation, super::Illegal> {
    let failure = Failure::transient("the work ended without an outcome: a defect in kiln");
    let is_building = generation.build().is_some();
    match (is_building, by) {
        (false, Some(by)) => {
            generation.evaluation_ends(EvaluationEnd::Cancelled(by), now(), guards)
        }
        (true, Some(by)) => generation.build_ends(BuildEnd::Cancelled(by, Steps::default()), now()),
        (false, None) => {
            let outcome = EvaluationOutcome::Failed(failure);
            generation.evaluation_ends(EvaluationEnd::Outcome(outcome, None), now(), guards)
        }
        (true, None) => {
            let outcome = BuildOutcome::Failed {
                failure,
                steps: Steps::default(),
            };
            generation.build_ends(BuildEnd::Outcome(outcome), now())
        }
    }
}

async fn next_end(job: &mut Option<Job>) -> Option<JobEnd> {
    match job {
        Some(job) => match job.task.join_next().await {
            Some(Ok(end)) => Some(end),
            Some(Err(error)) => {
                tracing::error!(%error, "a job ended without an outcome");
                None
            }
            None => None,
        },
        None => std::future::pending().await,
    }
}

/// Until a time of the wall clock.
async fn wall_clock(until: Option<time::OffsetDateTime>) {
    match until {
        Some(until) => {
            let left = (until - now()).try_into().unwrap_or(Duration::ZERO);
            tokio::time::sleep(left).await;
        }
        None => std::future::pending().await,
    }
}
