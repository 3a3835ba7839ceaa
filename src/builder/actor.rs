//! The one task. It owns the generation in work and runs at most one job, an
//! evaluation or a build; commands are taken one after the other, so that each
//! finds a settled state. Every transition is recorded before it is answered.

use super::handle::{Command, Reply};
use super::interruption::at_most;
use super::machine::Guards;
use super::room::Room;
use super::timers::{Armed, next_due};
use super::{BuilderConfig, BuilderState, Handle, Phase, Refusal};
use crate::backend::{Backend, EvaluationOutcome, Source, again::Attempted};
use crate::events::EventKind;
use crate::model::{
    Build, Built, CancelledBy, Commit, Evaluation, Generation, GenerationNumber, Hold, Occasion,
    Suspension,
};
use crate::source::Selection;
use crate::state::{Change, State, StateError};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// Between two attempts to record what the disk refused.
pub(super) const AGAIN: Duration = Duration::from_secs(5);
/// Commands that may wait; a caller beyond waits for room.
const MAILBOX: usize = 64;

pub(super) fn start(
    config: BuilderConfig,
    backend: Arc<dyn Backend>,
    state: Arc<State>,
    room: Arc<dyn Room>,
) -> Result<(Handle, JoinHandle<()>), StateError> {
    let (commands, mailbox) = mpsc::channel(MAILBOX);
    let suspension = state.suspension()?;
    let suspension = suspension.map(|suspension| at_most(suspension, config.max_suspend));
    let hold = state.hold()?;
    let latest = state.reader().latest();
    let generation = latest.as_ref().map(|generation| generation.number);
    let initial = BuilderState {
        phase: Phase::Idle,
        generation,
        suspension: suspension.clone(),
        hold: hold.clone(),
    };
    let settings = settings(&config.subdir, &backend.settings());
    let (publisher, published) = watch::channel(initial);
    let actor = Actor {
        config,
        settings,
        backend,
        state,
        room,
        shortage: None,
        mailbox,
        publisher,
        work: None,
        job: None,
        newer: None,
        finished_in_a_row: 0,
        suspension,
        hold,
        held_back: None,
        owed: None,
        armed: Vec::new(),
        shutting_down: false,
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "owned by the agent through the JoinHandle"
    )]
    let task = tokio::spawn(actor.run());
    Ok((
        Handle {
            commands,
            published,
        },
        task,
    ))
}

pub(super) struct Actor {
    pub(super) config: BuilderConfig,
    /// Digest of what evaluations depend on beside commit and host.
    pub(super) settings: String,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) state: Arc<State>,
    pub(super) room: Arc<dyn Room>,
    /// What was short when something was last to begin.
    pub(super) shortage: Option<String>,
    pub(super) mailbox: mpsc::Receiver<Command>,
    pub(super) publisher: watch::Sender<BuilderState>,
    /// The generation in work: it is evaluated, waits, or is built.
    pub(super) work: Option<Generation>,
    pub(super) job: Option<Job>,
    /// Waits until the build in work has finished.
    pub(super) newer: Option<Generation>,
    /// Builds that finished while a newer generation waited.
    pub(super) finished_in_a_row: u32,
    pub(super) suspension: Option<Suspension>,
    pub(super) hold: Option<Hold>,
    /// The newest selection that the hold, or a generation made by hand, keeps
    /// from taking over.
    pub(super) held_back: Option<Selection>,
    /// What the work came to and could not be recorded: it is tried again, and
    /// nothing new begins before.
    pub(super) owed: Option<Owed>,
    /// What is due at a time.
    pub(super) armed: Vec<Armed>,
    pub(super) shutting_down: bool,
}

/// Which write of the generation in work is missing.
#[derive(Debug, Clone, Copy)]
pub(super) enum Owed {
    /// That its evaluation ended, and on whose demand.
    EvaluationEnd(Option<CancelledBy>),
    /// The state it is in.
    State,
}

/// What runs for the generation in work.
pub(super) struct Job {
    pub(super) task: JoinSet<JobEnd>,
    pub(super) cancel: CancellationToken,
}

pub(super) enum JobEnd {
    Evaluated(EvaluationOutcome, Option<Built>),
    Built(Attempted),
}

impl Actor {
    pub(super) async fn run(mut self) {
        self.start_over().await;
        while !self.shutting_down {
            self.selection_takes_over().await;
            self.publish();
            self.arm();
            let due = next_due(&self.armed, &self.config.clock);
            let again = self.owed.is_some() || self.selection_is_due() || self.newer_is_due();
            tokio::select! {
                biased;
                end = next_end(&mut self.job) => self.job_ended(end, None).await,
                command = self.mailbox.recv() => match command {
                    Some(command) => self.command(command).await,
                    None => self.shutdown().await,
                },
                wake = due => self.wake(wake).await,
                () = self.room.freed(), if self.lacks_space() => self.space_is_back().await,
                () = soon(again) => self.pay().await,
            }
        }
        self.publish();
    }

    /// The state may have been copied from another host, or be of another backend.
    pub(super) async fn is_ours(&self, generation: &Generation) -> bool {
        let source = self.source_of(&generation.commit);
        generation.host == self.config.host
            && generation.backend == self.backend.kind(&source).await
    }

    /// A commit's files, as backends are given them.
    pub(super) fn source_of(&self, commit: &Commit) -> Source {
        Source {
            repository: self.config.repository.clone(),
            commit: commit.clone(),
            subdir: self.config.subdir.clone(),
        }
    }

    /// The newest generation below `before` that `wanted` holds for. All that are
    /// kept may have to be read, on a thread that may block.
    pub(super) async fn newest(
        &self,
        before: Option<GenerationNumber>,
        wanted: impl Fn(&Generation) -> bool + Send + 'static,
    ) -> Option<Generation> {
        let state = Arc::clone(&self.state);
        let found = tokio::task::spawn_blocking(move || state.reader().newest(before, wanted));
        found
            .await
            .inspect_err(|error| tracing::error!(%error, "what is kept could not be read"))
            .ok()
            .flatten()
    }

    pub(super) async fn command(&mut self, command: Command) {
        self.pay().await;
        // A caller that is gone has no use for the answer; the work is done all the same.
        match command {
            Command::Select(selection, reply) => answer(reply, self.select(selection).await),
            Command::Eval {
                selection,
                by_hand,
                hold,
                reply,
            } => answer(reply, self.eval(selection, by_hand, hold).await),
            Command::SubmitBuild {
                number,
                retry,
                reply,
            } => answer(reply, self.submit(number, retry).await),
            Command::Confirm { number, reply } => answer(reply, self.confirm(number).await),
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
                let stopped = self.stop().await;
                answer(reply, stopped.map(|()| self.published()));
            }
            Command::AcceptReset {
                commit,
                reason,
                reply,
            } => answer(reply, self.accept_reset(commit, reason).await),
            Command::Configure { timeouts, reply } => {
                self.configure(timeouts);
                answer(reply, Ok(()));
            }
            Command::Shutdown { reply } => {
                self.shutdown().await;
                answer(reply, Ok(self.published()));
            }
        }
    }

    pub(super) fn now(&self) -> OffsetDateTime {
        self.config.clock.now()
    }

    pub(super) fn guards(&self) -> Guards<'_> {
        let machine_id = self.config.machine_id.as_deref();
        Guards {
            machine_id,
            any_machine: self.config.any_machine,
            suspension: self.suspension.as_ref(),
            shortage: self.shortage.as_deref(),
            confirmation: self.config.confirmation,
            retry: self.config.retry,
            chance: fastrand::f64(),
        }
    }

    pub(super) async fn record(
        &self,
        generation: &Generation,
        events: Vec<EventKind>,
    ) -> Result<(), StateError> {
        self.record_with(generation, events, None).await
    }

    /// As [`Actor::record`]; the hooks of `occasion` become due with it.
    pub(super) async fn record_with(
        &self,
        generation: &Generation,
        events: Vec<EventKind>,
        occasion: Option<Occasion>,
    ) -> Result<(), StateError> {
        let generation = generation.clone();
        self.write(move |state| {
            state.apply(&Change {
                generation: Some(&generation),
                occasion,
                events,
                ..Change::default()
            })
        })
        .await
    }

    /// Runs one write on a thread that may block.
    pub(super) async fn write(
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

    pub(super) fn published(&self) -> BuilderState {
        self.publisher.borrow().clone()
    }

    pub(super) fn publish(&self) {
        let phase = match self
            .work
            .as_ref()
            .map(|work| (&work.evaluation, work.build()))
        {
            None => Phase::Idle,
            Some((_, Some(Build::Running { .. }))) => Phase::Building,
            Some(
                (_, Some(_))
                | (
                    Evaluation::Failed { .. }
                    | Evaluation::Pending {
                        blocked: Some(_), ..
                    },
                    None,
                ),
            ) => Phase::Waiting,
            Some((_, None)) => Phase::Evaluating,
        };
        let latest = || self.state.reader().latest().map(|latest| latest.number);
        let generation = self.work.as_ref().map(|work| work.number).or_else(latest);
        let suspension = self.suspension.clone();
        let next = BuilderState {
            phase,
            generation,
            suspension,
            hold: self.hold.clone(),
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

pub(super) async fn next_end(job: &mut Option<Job>) -> Option<JobEnd> {
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

/// Of what evaluations depend on beside commit and host; each part with its length.
fn settings(subdir: &str, of_the_backend: &str) -> String {
    let text = format!("{}:{subdir},{of_the_backend}", subdir.len());
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A while, when something is to be tried again.
async fn soon(again: bool) {
    match again {
        true => tokio::time::sleep(AGAIN).await,
        false => std::future::pending().await,
    }
}
