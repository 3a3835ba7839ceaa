//! How nodes end, and what a build's ends add up to.

use super::step_end;
use crate::backend::StepEnd;
use crate::model::{Failure, Steps};
use crate::store::Outputs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Made {
    pub outputs: Outputs,
    /// Was there already.
    pub reused: bool,
}

#[derive(Debug)]
pub(super) enum NodeEnd {
    Made(Made),
    /// A cache had it.
    Substituted(Outputs),
    Failed(Failure),
    TimedOut(Failure),
    Cancelled,
}

impl NodeEnd {
    /// It was there already.
    pub fn reused(outputs: Outputs) -> Self {
        NodeEnd::Made(Made {
            outputs,
            reused: true,
        })
    }
}

/// Counts steps; clones share the count of running ones, which jobs raise.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    ended: Steps,
    running: Arc<AtomicU32>,
    pub failures: Vec<Failure>,
    /// The first failure was a step's time limit.
    pub timed_out: bool,
    /// As far as it can be said.
    pub estimated_remaining: Option<Duration>,
}

impl Tally {
    pub fn new(total: u32) -> Self {
        let ended = Steps {
            total,
            ..Steps::default()
        };
        Tally {
            ended,
            running: Arc::default(),
            failures: Vec::new(),
            timed_out: false,
            estimated_remaining: None,
        }
    }

    /// The counts now.
    pub fn steps(&self) -> Steps {
        Steps {
            running: self.running.load(Ordering::Relaxed),
            estimated_remaining: self.estimated_remaining,
            ..self.ended
        }
    }

    /// A step begins to run; answers with the counts then.
    pub fn begin(&self) -> Steps {
        self.running.fetch_add(1, Ordering::Relaxed);
        self.steps()
    }

    pub fn has_failed(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Counts a node's end; only steps are counted, but any node may fail.
    pub fn count(&mut self, end: &NodeEnd, is_step: bool) -> StepEnd {
        let kind = step_end(end);
        if kind == StepEnd::TimedOut && self.failures.is_empty() {
            self.timed_out = true;
        }
        if !is_step {
            return kind;
        }
        if !matches!(kind, StepEnd::Reused | StepEnd::Substituted) {
            let running = self.running.load(Ordering::Relaxed);
            self.running
                .store(running.saturating_sub(1), Ordering::Relaxed);
        }
        match kind {
            StepEnd::Built => self.ended.done += 1,
            StepEnd::Reused | StepEnd::Substituted => {
                self.ended.done += 1;
                self.ended.reused += 1;
            }
            StepEnd::Failed | StepEnd::TimedOut => self.ended.failed += 1,
            StepEnd::Cancelled => {}
        }
        kind
    }

    /// All failures as one: the first, and the names of the others.
    pub fn failure(mut self) -> Option<Failure> {
        if self.failures.is_empty() {
            return None;
        }
        let mut first = self.failures.remove(0);
        let others: Vec<_> = self
            .failures
            .iter()
            .filter_map(|f| f.derivation.as_deref())
            .collect();
        if !others.is_empty() {
            first.message = format!("{}; also failed: {}", first.message, others.join(", "));
        }
        Some(first)
    }
}
