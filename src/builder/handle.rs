//! How everyone else talks to the Builder.

use super::{BuilderState, Refusal, Selected, Timeouts};
use crate::model::{CommitId, Generation, GenerationNumber};
use crate::source::Selection;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

pub(super) type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

pub(super) enum Command {
    Select(Selection, Reply<Selected>),
    Eval {
        selection: Selection,
        by_hand: bool,
        hold: Option<HoldFor>,
        reply: Reply<Generation>,
    },
    SubmitBuild {
        number: Option<GenerationNumber>,
        retry: bool,
        reply: Reply<Generation>,
    },
    Confirm {
        number: Option<GenerationNumber>,
        reply: Reply<Generation>,
    },
    Suspend {
        reason: String,
        duration: Option<Duration>,
        by: String,
        reply: Reply<BuilderState>,
    },
    Resume {
        by: String,
        reply: Reply<BuilderState>,
    },
    Stop {
        reply: Reply<BuilderState>,
    },
    AcceptReset {
        commit: CommitId,
        reason: String,
        reply: Reply<Option<CommitId>>,
    },
    Configure {
        timeouts: Timeouts,
        reply: Reply<()>,
    },
    Shutdown {
        reply: Reply<BuilderState>,
    },
}

/// The selection is not to take over for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldFor {
    /// `None`: until the next evaluation by hand.
    pub duration: Option<Duration>,
    pub by: String,
}

/// Sends commands to the Builder. A caller that goes away undoes nothing.
#[derive(Clone)]
pub struct Handle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) published: watch::Receiver<BuilderState>,
}

impl Handle {
    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.commands
            .send(command(reply))
            .await
            .map_err(|_| Refusal::ShuttingDown)?;
        answer.await.unwrap_or(Err(Refusal::ShuttingDown))
    }

    /// The selection is this now: a generation is made unless the newest
    /// selected one is it already.
    ///
    /// # Errors
    /// When the state cannot be written, or the agent is stopping.
    pub async fn select(&self, selection: Selection) -> Result<Selected, Refusal> {
        self.ask(|reply| Command::Select(selection, reply)).await
    }

    /// Evaluates `selection` as a new generation; what runs is stopped first,
    /// unless builds are let finish: then it waits, PENDING.
    /// `by_hand`: it was asked for with a revision, so no baseline moves.
    /// `hold`: the selection does not take over until then; without it a hold
    /// ends. Answers once the generation is recorded.
    ///
    /// # Errors
    /// As [`Handle::select`].
    pub async fn eval(
        &self,
        selection: Selection,
        by_hand: bool,
        hold: Option<HoldFor>,
    ) -> Result<Generation, Refusal> {
        self.ask(|reply| Command::Eval {
            selection,
            by_hand,
            hold,
            reply,
        })
        .await
    }

    /// Submits a generation (default: the latest) for building; `retry`: also
    /// when an earlier one of the same input is known to fail.
    ///
    /// # Errors
    /// Unknown, another in work, not evaluated, for another machine, already
    /// building, already built, failed before.
    pub async fn submit_build(
        &self,
        number: Option<GenerationNumber>,
        retry: bool,
    ) -> Result<Generation, Refusal> {
        self.ask(|reply| Command::SubmitBuild {
            number,
            retry,
            reply,
        })
        .await
    }

    /// Consents to the build of a generation (default: the latest) that waits
    /// for it.
    ///
    /// # Errors
    /// Unknown, not evaluated, for another machine, or it waits for no consent.
    pub async fn confirm(&self, number: Option<GenerationNumber>) -> Result<Generation, Refusal> {
        self.ask(|reply| Command::Confirm { number, reply }).await
    }

    /// Stops a running build and holds builds back; `duration` `None`: until
    /// [`Handle::resume`].
    ///
    /// # Errors
    /// When suspended already.
    pub async fn suspend(
        &self,
        reason: String,
        duration: Option<Duration>,
        by: String,
    ) -> Result<BuilderState, Refusal> {
        self.ask(|reply| Command::Suspend {
            reason,
            duration,
            by,
            reply,
        })
        .await
    }

    /// Ends a suspension; what is evaluated and not built is built.
    ///
    /// # Errors
    /// When not suspended.
    pub async fn resume(&self, by: String) -> Result<BuilderState, Refusal> {
        self.ask(|reply| Command::Resume { by, reply }).await
    }

    /// Cancels what runs or waits; answers once its processes are gone.
    ///
    /// # Errors
    /// When that cannot be recorded, or the agent is stopping.
    pub async fn stop(&self) -> Result<BuilderState, Refusal> {
        self.ask(|reply| Command::Stop { reply }).await
    }

    /// Moves the baseline to `commit`, by hand; answers with where it was.
    /// Generations made before do not move it again.
    ///
    /// # Errors
    /// When it is there already, there is none to move, or the state cannot be written.
    pub async fn accept_reset(
        &self,
        commit: CommitId,
        reason: String,
    ) -> Result<Option<CommitId>, Refusal> {
        self.ask(|reply| Command::AcceptReset {
            commit,
            reason,
            reply,
        })
        .await
    }

    /// Other limits for what begins from now on; what runs keeps its own.
    ///
    /// # Errors
    /// When the agent is stopping.
    pub async fn configure(&self, timeouts: Timeouts) -> Result<(), Refusal> {
        self.ask(|reply| Command::Configure { timeouts, reply })
            .await
    }

    /// Cancels what runs and ends the Builder; the next start takes it up.
    ///
    /// # Errors
    /// When that happens already.
    pub async fn shutdown(&self) -> Result<BuilderState, Refusal> {
        self.ask(|reply| Command::Shutdown { reply }).await
    }

    /// What it is doing now; never waits.
    pub fn state(&self) -> BuilderState {
        self.published.borrow().clone()
    }

    /// Wakes at every change of the state.
    pub fn watch(&self) -> watch::Receiver<BuilderState> {
        self.published.clone()
    }
}
