//! One call of the backend, and the answers a test may give.

use super::built;
use kiln::backend::{BuildOutcome, EvaluationOutcome};
use kiln::model::{BlockedReason, Evaluated, Failure, Steps};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::oneshot;

pub(super) enum Answer {
    Evaluate(EvaluationOutcome),
    Build(BuildOutcome),
}

/// One call of the backend, waiting for the test's answer.
pub struct Call {
    pub(super) what: String,
    pub(super) answer: Option<oneshot::Sender<Answer>>,
    pub(super) gone: Arc<AtomicUsize>,
}

impl Call {
    fn answers(mut self, answer: Answer) {
        let sent = self.answer.take().unwrap().send(answer);
        assert!(sent.is_ok(), "{} was cancelled", self.what);
    }
    pub fn evaluates(self) {
        self.evaluates_for(None);
    }
    pub fn evaluates_for_machine(self, id: &str) {
        self.evaluates_for(Some(id.to_owned()));
    }
    fn evaluates_for(self, machine_id: Option<String>) {
        let drv_path = self.what.replace("evaluate ", "");
        let evaluated = Evaluated {
            drv_path,
            out_path: None,
            machine_id,
            secrets: Vec::new(),
            nix: None,
            record: None,
        };
        self.answers(Answer::Evaluate(EvaluationOutcome::Succeeded(evaluated)));
    }
    pub fn builds(self) {
        let built = built(&self.what.replace("build ", ""));
        self.answers(Answer::Build(BuildOutcome::Succeeded {
            built,
            steps: Steps::default(),
        }));
    }
    pub fn fails(self, failure: Failure) {
        let answer = match self.what.starts_with("evaluate") {
            true => Answer::Evaluate(EvaluationOutcome::Failed(failure)),
            false => Answer::Build(BuildOutcome::Failed {
                failure,
                steps: Steps::default(),
            }),
        };
        self.answers(answer);
    }
    pub fn times_out(self) {
        let failure = Failure::certain("took longer than its limit");
        let answer = match self.what.starts_with("evaluate") {
            true => Answer::Evaluate(EvaluationOutcome::TimedOut(failure)),
            false => Answer::Build(BuildOutcome::TimedOut {
                failure,
                steps: Steps::default(),
            }),
        };
        self.answers(answer);
    }
    /// No cache has what is missing.
    pub fn lacks_cache(self) {
        let (reason, message) = (BlockedReason::Cache, "no cache has hello".to_owned());
        let answer = match self.is_evaluation() {
            true => Answer::Evaluate(EvaluationOutcome::Blocked { reason, message }),
            false => Answer::Build(BuildOutcome::Blocked {
                reason,
                message,
                steps: Steps::default(),
            }),
        };
        self.answers(answer);
    }
    /// What the evaluation left is not in the store any more.
    pub fn finds_nothing(self) {
        let steps = Steps::default();
        self.answers(Answer::Build(BuildOutcome::NotEvaluated { steps }));
    }
    pub fn is_evaluation(&self) -> bool {
        self.what.starts_with("evaluate")
    }
    /// Ends when its processes have ended, once it was answered or cancelled.
    pub fn gone(&self) -> impl Future<Output = ()> + use<> {
        let gone = Arc::clone(&self.gone);
        async move {
            while gone.load(Ordering::SeqCst) == 0 {
                tokio::task::yield_now().await;
            }
        }
    }
    /// Its processes have ended.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::SeqCst) == 1
    }
}
