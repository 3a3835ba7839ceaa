//! Which node next: pure, so that it can be tested by tables and properties.
//! Longest remaining path first; a node that waits holds nothing.
//!
//! A node that needs more memory than is free now is passed over by others, a
//! bounded number of times: then the line waits for it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// How often others may pass a node that does not fit yet.
const PASSES: u32 = 16;

/// A node as the order sees it.
#[derive(Debug, Clone, Default)]
pub struct Job {
    /// The nodes that must be made before.
    pub inputs: Vec<usize>,
    /// How long it is expected to take.
    pub expected: Duration,
    /// Made without a sandbox, so in no job of its own.
    pub is_plain: bool,
}

/// The order of one build. Nodes are indices into the graph.
#[derive(Debug)]
pub struct Schedule {
    /// Inputs not yet made, per node.
    missing: Vec<usize>,
    dependents: Vec<Vec<usize>>,
    expected: Vec<Duration>,
    is_plain: Vec<bool>,
    /// Time of the longest path from here to the end.
    remaining: Vec<Duration>,
    ready: BinaryHeap<Ready>,
    ready_plain: BinaryHeap<Ready>,
    /// Nodes that can no longer be made.
    lost: Vec<bool>,
    /// How often the first one, which does not fit, was passed.
    passed: u32,
}

type Ready = (Duration, Reverse<usize>);

/// Nodes that wait for each other.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("these nodes wait for each other: {0:?}")]
pub struct Cycle(pub Vec<usize>);

impl Schedule {
    /// An order for these nodes.
    ///
    /// # Errors
    /// When nodes wait for each other, or for one that is not there.
    pub fn new(jobs: Vec<Job>) -> Result<Self, Cycle> {
        let count = jobs.len();
        let mut dependents = vec![Vec::new(); count];
        for (node, job) in jobs.iter().enumerate() {
            for input in &job.inputs {
                match dependents.get_mut(*input) {
                    Some(list) => list.push(node),
                    None => return Err(Cycle(vec![node, *input])),
                }
            }
        }
        let missing: Vec<usize> = jobs.iter().map(|job| job.inputs.len()).collect();
        let order = topological(&missing, &dependents)?;
        let mut remaining = vec![Duration::ZERO; count];
        for node in order.into_iter().rev() {
            let longest = dependents[node].iter().map(|d| remaining[*d]).max();
            remaining[node] = longest.unwrap_or_default() + jobs[node].expected;
        }
        let mut schedule = Schedule {
            missing,
            dependents,
            expected: jobs.iter().map(|job| job.expected).collect(),
            is_plain: jobs.iter().map(|job| job.is_plain).collect(),
            remaining,
            ready: BinaryHeap::new(),
            ready_plain: BinaryHeap::new(),
            lost: vec![false; count],
            passed: 0,
        };
        for node in 0..count {
            if schedule.missing[node] == 0 {
                schedule.make_ready(node);
            }
        }
        Ok(schedule)
    }

    fn make_ready(&mut self, node: usize) {
        let ready = (self.remaining[node], Reverse(node));
        match self.is_plain[node] {
            true => self.ready_plain.push(ready),
            false => self.ready.push(ready),
        }
    }

    /// The next step that `take` has room for, with what it took; `None` while
    /// the rest waits for running ones, or for room.
    pub fn pop<L>(&mut self, mut take: impl FnMut(usize) -> Option<L>) -> Option<(usize, L)> {
        let mut skipped = Vec::new();
        let mut found = None;
        while let Some(ready) = self.ready.pop() {
            let Reverse(node) = ready.1;
            match take(node) {
                Some(taken) => {
                    found = Some((node, taken));
                    break;
                }
                None => skipped.push(ready),
            }
            // Nobody looks through thousands that wait for the same room.
            if self.passed >= PASSES || skipped.len() >= PASSES as usize {
                break;
            }
        }
        self.passed = match (skipped.is_empty(), found.is_some()) {
            (false, true) => self.passed + 1,
            (true, _) => 0,
            (false, false) => self.passed,
        };
        self.ready.extend(skipped);
        found
    }

    /// Up to `most` nodes that need no sandbox.
    pub fn pop_plain(&mut self, most: usize) -> Vec<usize> {
        std::iter::from_fn(|| self.ready_plain.pop())
            .map(|(_, Reverse(node))| node)
            .take(most)
            .collect()
    }

    /// A step that was popped waits for somebody else's and is ready again.
    pub fn again(&mut self, node: usize) {
        self.make_ready(node);
    }

    /// Whether a step could begin, had it room.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// `node` is made: those that waited for it alone become ready.
    pub fn made(&mut self, node: usize) {
        for dependent in std::mem::take(&mut self.dependents[node]) {
            self.missing[dependent] -= 1;
            if self.missing[dependent] == 0 && !self.lost[dependent] {
                self.make_ready(dependent);
            }
        }
    }

    /// `node` failed: everything that depends on it can no longer be made.
    pub fn failed(&mut self, node: usize) {
        let mut lost = vec![node];
        while let Some(node) = lost.pop() {
            if !std::mem::replace(&mut self.lost[node], true) {
                lost.extend(&self.dependents[node]);
            }
        }
    }

    /// How long a node was expected to take.
    pub fn expected(&self, node: usize) -> Duration {
        self.expected[node]
    }

    /// What remains after `running` (node, time it runs already): no less than
    /// the longest path, and no less than all work shared by `jobs`. `work` is
    /// the expected time of every node that has not ended.
    pub fn estimate(&self, running: &[(usize, Duration)], work: Duration, jobs: u32) -> Duration {
        let spent: Duration = (running.iter())
            .map(|(node, since)| self.expected[*node].min(*since))
            .sum();
        let shared = work.saturating_sub(spent) / jobs.max(1);
        let paths = running.iter().map(|(node, since)| {
            let left = self.expected[*node].saturating_sub(*since);
            self.remaining[*node] - self.expected[*node] + left
        });
        let waiting = self.ready.peek().map(|ready| ready.0);
        paths.chain(waiting).max().unwrap_or_default().max(shared)
    }
}

fn topological(missing: &[usize], dependents: &[Vec<usize>]) -> Result<Vec<usize>, Cycle> {
    let mut missing = missing.to_vec();
    let mut order: Vec<usize> = (0..missing.len()).filter(|n| missing[*n] == 0).collect();
    let mut next = 0;
    while let Some(&node) = order.get(next) {
        next += 1;
        for dependent in &dependents[node] {
            missing[*dependent] -= 1;
            if missing[*dependent] == 0 {
                order.push(*dependent);
            }
        }
    }
    match order.len() == missing.len() {
        true => Ok(order),
        false => Err(Cycle(
            (0..missing.len()).filter(|n| missing[*n] > 0).collect(),
        )),
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
