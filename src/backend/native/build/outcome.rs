//! How nodes end, and what a build's ends add up to.

use super::step_end;
use crate::backend::native::pool::Lease;
use crate::backend::{BackendError, StepEnd};
use crate::model::{Failure, Steps};
use crate::store::Outputs;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// What a job comes back with, and the slot it holds until that is known: the
/// next step is not to start before.
pub(super) struct Ended {
    pub end: Result<NodeEnd, BackendError>,
    pub lease: Option<Lease>,
}

/// Counts steps; clones share the counts, which jobs raise when a step begins.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    counts: Arc<Mutex<Counts>>,
    pub failures: Vec<Failure>,
    /// The first failure was a step's time limit.
    pub timed_out: bool,
    /// As far as it can be said.
    pub estimated_remaining: Option<Duration>,
}

#[derive(Debug, Default)]
struct Counts {
    ended: Steps,
    /// Nodes of the steps that have begun and not ended.
    running: HashSet<usize>,
}

impl Counts {
    fn steps(&self) -> Steps {
        Steps {
            running: u32::try_from(self.running.len()).unwrap_or(u32::MAX),
            ..self.ended
        }
    }
}

impl Tally {
    pub fn new(total: u32) -> Self {
        let ended = Steps {
            total,
            ..Steps::default()
        };
        let counts = Counts {
            ended,
            ..Counts::default()
        };
        Tally {
            counts: Arc::new(Mutex::new(counts)),
            failures: Vec::new(),
            timed_out: false,
            estimated_remaining: None,
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counts now.
    pub fn steps(&self) -> Steps {
        self.estimated(self.counts().steps())
    }

    fn estimated(&self, counts: Steps) -> Steps {
        Steps {
            estimated_remaining: self.estimated_remaining,
            ..counts
        }
    }

    /// The step of `node` begins to run; answers with the counts then.
    pub fn begin(&self, node: usize) -> Steps {
        let mut counts = self.counts();
        counts.running.insert(node);
        self.estimated(counts.steps())
    }

    pub fn has_failed(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Counts a node's end; only steps are counted, but any node may fail. A step
    /// may end without having begun: it was there, or cannot run at all.
    pub fn count(&mut self, end: &NodeEnd, node: usize, is_step: bool) -> StepEnd {
        let kind = step_end(end);
        if kind == StepEnd::TimedOut && self.failures.is_empty() {
            self.timed_out = true;
        }
        if !is_step {
            return kind;
        }
        let mut counts = self.counts();
        counts.running.remove(&node);
        let ended = &mut counts.ended;
        match kind {
            StepEnd::Built => ended.done += 1,
            StepEnd::Reused | StepEnd::Substituted => {
                ended.done += 1;
                ended.reused += 1;
            }
            StepEnd::Failed | StepEnd::TimedOut => ended.failed += 1,
            StepEnd::Cancelled => {}
        }
        drop(counts);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn made(reused: bool) -> NodeEnd {
        let outputs = Outputs::new();
        NodeEnd::Made(Made { outputs, reused })
    }

    fn counts(done: u32, running: u32, failed: u32, reused: u32) -> Steps {
        Steps {
            total: 9,
            done,
            running,
            failed,
            reused,
            estimated_remaining: None,
        }
    }

    #[test]
    fn only_steps_that_had_begun_stop_running() {
        let mut tally = Tally::new(9);
        let other = tally.clone();
        assert_eq!(tally.begin(0), counts(0, 1, 0, 0));
        tally.count(&made(true), 1, true);
        let cannot_run = NodeEnd::Failed(Failure::certain("no such input"));
        tally.count(&cannot_run, 2, true);
        assert_eq!(tally.steps(), counts(1, 1, 1, 1));
        // What begins says how things are then, not how they were when it was queued.
        assert_eq!(other.begin(3), counts(1, 2, 1, 1));
        tally.count(&NodeEnd::Cancelled, 4, true);
        tally.count(&NodeEnd::Cancelled, 3, true);
        tally.count(&made(false), 0, true);
        tally.count(&cannot_run, 5, false);
        assert_eq!(tally.steps(), counts(2, 0, 1, 1));
    }
}
