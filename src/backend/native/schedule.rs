//! Which node next: pure, so that it can be tested by tables and properties.
//! Longest remaining path first; a node that waits holds nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The order of one build. Nodes are indices into the graph.
#[derive(Debug)]
pub struct Schedule {
    /// Inputs not yet made, per node.
    missing: Vec<usize>,
    dependents: Vec<Vec<usize>>,
    /// Weight of the longest path from here to the end.
    remaining: Vec<u64>,
    ready: BinaryHeap<(u64, Reverse<usize>)>,
    /// Nodes that can no longer be made.
    lost: Vec<bool>,
}

/// Nodes that wait for each other.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("these nodes wait for each other: {0:?}")]
pub struct Cycle(pub Vec<usize>);

impl Schedule {
    /// An order for nodes with these inputs and weights (their expected cost).
    ///
    /// # Errors
    /// When nodes wait for each other, or for one that is not there.
    pub fn new(inputs: &[Vec<usize>], weights: &[u64]) -> Result<Self, Cycle> {
        let count = inputs.len();
        let mut dependents = vec![Vec::new(); count];
        for (node, inputs) in inputs.iter().enumerate() {
            for input in inputs {
                match dependents.get_mut(*input) {
                    Some(list) => list.push(node),
                    None => return Err(Cycle(vec![node, *input])),
                }
            }
        }
        let missing: Vec<usize> = inputs.iter().map(Vec::len).collect();
        let order = topological(&missing, &dependents)?;
        let mut remaining = vec![0; count];
        for node in order.into_iter().rev() {
            let longest = dependents[node]
                .iter()
                .map(|d| remaining[*d])
                .max()
                .unwrap_or(0);
            remaining[node] = longest + weights.get(node).copied().unwrap_or(1);
        }
        let first = (0..count).filter(|node| missing[*node] == 0);
        let ready = first.map(|node| (remaining[node], Reverse(node))).collect();
        Ok(Schedule {
            missing,
            dependents,
            remaining,
            ready,
            lost: vec![false; count],
        })
    }

    /// The next node to make; `None` while the rest waits for running ones.
    pub fn pop(&mut self) -> Option<usize> {
        self.ready.pop().map(|(_, Reverse(node))| node)
    }

    /// A step that was popped waits for something else and is ready again.
    pub fn again(&mut self, node: usize) {
        self.ready.push((self.remaining[node], Reverse(node)));
    }

    /// `node` is made: those that waited for it alone become ready.
    pub fn made(&mut self, node: usize) {
        for dependent in std::mem::take(&mut self.dependents[node]) {
            self.missing[dependent] -= 1;
            if self.missing[dependent] == 0 && !self.lost[dependent] {
                self.ready
                    .push((self.remaining[dependent], Reverse(dependent)));
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
mod tests {
    use super::*;

    fn order(inputs: &[Vec<usize>]) -> Vec<usize> {
        let mut schedule = Schedule::new(inputs, &vec![1; inputs.len()]).unwrap();
        let mut order = Vec::new();
        while let Some(node) = schedule.pop() {
            order.push(node);
            schedule.made(node);
        }
        order
    }

    #[test]
    fn n01_a_chain_with_one_job_finishes() {
        // A; B needs C; C needs A: "fewest direct inputs first" deadlocks here.
        assert_eq!(order(&[vec![], vec![2], vec![0]]), [0, 2, 1]);
    }

    #[test]
    fn the_longest_remaining_path_goes_first() {
        // 0 and 1 stand alone; 2 is the start of a chain of three.
        let mut schedule =
            Schedule::new(&[vec![], vec![], vec![], vec![2], vec![3]], &[1; 5]).unwrap();
        assert_eq!(schedule.pop(), Some(2));
        assert_eq!(schedule.pop(), Some(0));
        schedule.made(2);
        assert_eq!(schedule.pop(), Some(3), "before 1, which nothing waits for");
    }

    #[test]
    fn n02_what_depends_on_a_failure_is_not_made_and_the_rest_is() {
        let mut schedule = Schedule::new(&[vec![], vec![], vec![0, 1], vec![1]], &[1; 4]).unwrap();
        assert_eq!((schedule.pop(), schedule.pop()), (Some(0), Some(1)));
        schedule.failed(0);
        schedule.made(1);
        assert_eq!((schedule.pop(), schedule.pop()), (Some(3), None));
    }

    #[test]
    fn nodes_that_wait_for_each_other_are_named() {
        let cycle = Schedule::new(&[vec![], vec![2], vec![1]], &[1; 3]).unwrap_err();
        assert_eq!(cycle, Cycle(vec![1, 2]));
        assert!(Schedule::new(&[vec![7]], &[1]).is_err());
    }
}
