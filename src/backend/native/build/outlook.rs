//! What a build still has before it: expected times for the order, and an
//! estimate of what remains.

use crate::backend::native::durations::Durations;
use crate::backend::native::graph::Node;
use crate::backend::native::schedule::{Job, Schedule};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// Whether it holds a job, and is counted.
pub(super) fn is_step(node: &Node) -> bool {
    node.step().is_some()
}

/// The estimate's books.
#[derive(Debug)]
pub(super) struct Outlook {
    /// Steps that run, and since when.
    running: HashMap<usize, Instant>,
    /// Expected time of all steps that have not ended.
    left: Duration,
    /// Some of these steps ran here before.
    is_known: bool,
    /// Of the steps built so far: expected and real times.
    expected: Duration,
    took: Duration,
    jobs: u32,
}

/// The graph's nodes as the schedule sees them, and the outlook before any ran.
pub(super) fn plan(nodes: &[Node], durations: &Durations, jobs: u32) -> (Vec<Job>, Outlook) {
    let steps = || nodes.iter().filter(|node| is_step(node));
    let (expected, known) = durations.expected(steps().map(Node::name));
    let outlook = Outlook {
        running: HashMap::new(),
        left: expected.iter().sum(),
        is_known: known.is_some(),
        expected: Duration::ZERO,
        took: Duration::ZERO,
        jobs,
    };
    let mut expected = expected.into_iter();
    let jobs = nodes.iter().map(|node| {
        let mut inputs: Vec<usize> = node.inputs().iter().map(|i| i.node as usize).collect();
        inputs.dedup();
        let is_plain = !is_step(node);
        let expected = (!is_plain).then(|| expected.next()).flatten();
        Job {
            inputs,
            expected: expected.unwrap_or_default(),
            is_plain,
        }
    });
    (jobs.collect(), outlook)
}

impl Outlook {
    pub fn begins(&mut self, node: usize, at: Instant) {
        self.running.insert(node, at);
    }

    /// A step ended; `built` is how long it took, when it was really built.
    pub fn ends(&mut self, node: usize, schedule: &Schedule, built: Option<Duration>) {
        self.running.remove(&node);
        let expected = schedule.expected(node);
        self.left = self.left.saturating_sub(expected);
        if let Some(took) = built {
            self.expected += expected;
            self.took += took;
        }
    }

    /// What remains; `None` as long as nothing is known of how long steps take.
    pub fn remaining(&self, schedule: &Schedule) -> Option<Duration> {
        let running: Vec<(usize, Duration)> = (self.running.iter())
            .map(|(node, since)| (*node, since.elapsed()))
            .collect();
        let estimate = schedule.estimate(&running, self.left, self.jobs);
        match (self.is_known, self.expected.is_zero()) {
            (true, _) => Some(estimate),
            (false, true) => None,
            // Nothing but what this build showed so far.
            (false, false) => {
                Some(estimate.mul_f64(self.took.as_secs_f64() / self.expected.as_secs_f64()))
            }
        }
    }
}
