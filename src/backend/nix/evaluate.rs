//! A commit to a derivation, by one Nix process; another, started
//! beside it, roots what it comes to.

mod answer;
mod command;
mod failure;

pub(super) use answer::{is_store_path, path_of};

use super::cache::{self, InUse};
use super::expression::{Answer, Question};
use super::messages::Message;
use super::program::attempted;
use super::progress::Progress;
use super::reference::Reference;
use super::{NixConfig, roots};
use crate::backend::{BackendError, EvaluateRequest, EvaluationOutcome};
use crate::model::{Evaluated, Failure};
use crate::process::End;
use std::sync::Arc;
use tokio::sync::oneshot;

/// One evaluation.
pub(super) struct Evaluation<'a> {
    pub config: &'a NixConfig,
    pub request: EvaluateRequest,
    /// Two Nix may open the store at once.
    pub is_open: bool,
    /// What fails goes to the log too; else who asks is told by the failure alone.
    pub logs_errors: bool,
}

impl Evaluation<'_> {
    pub async fn run(self) -> Result<EvaluationOutcome, BackendError> {
        let (tell, told) = oneshot::channel();
        let EvaluateRequest { roots, cancel, .. } = &self.request;
        let rooted = async { self.is_open && roots::soon(self.config, roots, told, cancel).await };
        match tokio::join!(self.evaluate(tell), rooted) {
            (Ok(EvaluationOutcome::Succeeded(evaluated)), false) => self.root(evaluated).await,
            (outcome, _) => outcome,
        }
    }

    /// Tells the derivation as soon as it is known.
    async fn evaluate(
        &self,
        tell: oneshot::Sender<String>,
    ) -> Result<EvaluationOutcome, BackendError> {
        let names = self.config.attribute.names(&self.request.host);
        Ok(match self.ask(Question::Derivation, &names).await? {
            Ok(answer) => self.answered(&answer, tell),
            Err(outcome) => outcome,
        })
    }

    /// The names in an attribute of the commit, or why they are not known.
    pub async fn names(
        self,
        path: &[String],
    ) -> Result<Result<Vec<String>, EvaluationOutcome>, BackendError> {
        let answer = match self.ask(Question::Names, path).await? {
            Ok(answer) => self.parsed(&answer),
            Err(outcome) => return Ok(Err(outcome)),
        };
        let names = answer.and_then(|answer| match answer {
            Answer::Names { names } => Ok(names),
            other => Err(self.refused(other, path)),
        });
        Ok(names.map_err(|failure| self.say(failure)))
    }

    /// What Nix answers about an attribute; where it does not, the evaluation's end.
    /// A cache that is damaged is made anew, once.
    async fn ask(
        &self,
        question: Question,
        names: &[String],
    ) -> Result<Result<String, EvaluationOutcome>, BackendError> {
        let asked = self.ask_once(question, names).await?;
        if let Err(EvaluationOutcome::Failed(failure)) = &asked
            && cache::is_damage(&self.config.home, &failure.message)
            && self.sets_cache_aside().await
        {
            return self.ask_once(question, names).await;
        }
        Ok(asked)
    }

    async fn sets_cache_aside(&self) -> bool {
        let is_done = cache::is_set_aside(&self.config.home).await;
        if is_done && self.logs_errors {
            let what = "Nix's cache is damaged: it is put away, and the commit evaluated again\n";
            self.request.sink.log(None, what.as_bytes());
        }
        is_done
    }

    async fn ask_once(
        &self,
        question: Question,
        names: &[String],
    ) -> Result<Result<String, EvaluationOutcome>, BackendError> {
        let (reference, in_use) = self.prepare().await?;
        let mut progress = Progress::of_evaluation(match self.logs_errors {
            true => Arc::clone(&self.request.sink),
            false => Arc::new(roots::Unheard),
        });
        let ran = match self.program(&reference, question, names) {
            Ok(program) => {
                let heard = |message| {
                    self.hand_on(&message);
                    progress.hear(message);
                };
                program.run(&self.request.cancel, heard).await
            }
            Err(error) => Err(error),
        };
        // Whatever came of it.
        self.clear_up(reference, in_use).await?;
        let ran = ran?;
        Ok(Err(match ran.end {
            End::Exited(status) if status.success() => return Ok(Ok(ran.answer)),
            End::Cancelled => EvaluationOutcome::Cancelled,
            End::TimedOut | End::Silent => EvaluationOutcome::TimedOut(self.out_of_time()),
            End::TooMuchOutput => EvaluationOutcome::Failed(self.too_much()),
            End::Exited(status) => self.failed(&ran, status, &progress).await,
            End::Stuck { .. } => EvaluationOutcome::Cancelled, // `run` reports it
        }))
    }

    /// What is no error, where errors are not logged.
    fn hand_on(&self, message: &Message) {
        let line = match message {
            Message::Said(line) | Message::LogLine { line, .. } => line,
            Message::Started { .. }
            | Message::Stopped { .. }
            | Message::Counts { .. }
            | Message::Error { .. } => return,
        };
        if !self.logs_errors {
            let line = format!("{line}\n");
            self.request.sink.log(None, line.as_bytes());
        }
    }

    /// The ref of the commit, and Nix's caches, which stay meanwhile.
    async fn prepare(&self) -> Result<(Reference, InUse), BackendError> {
        let (source, roots) = (self.request.source.clone(), self.request.roots.clone());
        let home = self.config.home.clone();
        let made = tokio::task::spawn_blocking(move || {
            let in_use = InUse::begin(&home)
                .map_err(|error| attempted(format!("use the folder {}", home.display()), error))?;
            Ok((Reference::make(&source, &roots)?, in_use))
        });
        let made = made.await;
        made.map_err(|error| attempted("make a ref for the evaluation", error))?
    }

    async fn clear_up(&self, reference: Reference, in_use: InUse) -> Result<(), BackendError> {
        let config = self.config.clone();
        let cleared = tokio::task::spawn_blocking(move || {
            drop((reference, in_use));
            cache::prune(&config);
        });
        let cleared = cleared.await;
        cleared.map_err(|error| attempted("remove the ref of an evaluation", error))
    }
    fn answered(&self, answer: &str, tell: oneshot::Sender<String>) -> EvaluationOutcome {
        match self.parsed(answer).and_then(|answer| self.read(answer)) {
            Ok(evaluated) => {
                let _ = tell.send(evaluated.drv_path.clone()); // or it is rooted afterwards
                EvaluationOutcome::Succeeded(evaluated)
            }
            Err(failure) => self.say(failure),
        }
    }

    /// Roots the derivation that could not be rooted at once, or says why not.
    async fn root(&self, evaluated: Evaluated) -> Result<EvaluationOutcome, BackendError> {
        let (drv, roots) = (&evaluated.drv_path, &self.request.roots);
        match roots::derivation(self.config, drv, roots, &self.request.cancel).await {
            Ok(true) => Ok(EvaluationOutcome::Succeeded(evaluated)),
            Ok(false) => {
                let gone = "the derivation was collected as garbage while it was evaluated";
                Ok(self.say(Failure::transient(gone)))
            }
            Err(_) if self.request.cancel.is_cancelled() => Ok(EvaluationOutcome::Cancelled),
            Err(error) => Err(error),
        }
    }
}
