//! What running steps share on this host, whichever build they belong to: a
//! slot each, which is a build user of its own, and the memory for steps.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Slots and memory; clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Pool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    free: Mutex<Free>,
    /// Counts what was given back, for those that wait.
    given_back: watch::Sender<u64>,
    /// Somebody has taken a step's outputs.
    taken: Condvar,
}

#[derive(Debug)]
struct Free {
    /// The one that was given back last is the next step's: what its provider has ready
    /// for it is there, and a chain needs no more of that than one step does.
    slots: Vec<u32>,
    memory: u64,
    in_use: u32,
    /// How many may still take a step's outputs: as many as there are slots.
    taking: u32,
    /// How many wait for that.
    waiting: u32,
}

/// A slot and memory, until dropped.
#[derive(Debug)]
pub(super) struct Lease {
    pub slot: u32,
    memory: u64,
    pool: Pool,
}

impl Pool {
    /// `memory` in bytes is for all steps together.
    pub fn new(slots: u32, memory: u64) -> Self {
        let free = Free {
            slots: (0..slots.max(1)).rev().collect(),
            memory,
            in_use: 0,
            taking: slots.max(1),
            waiting: 0,
        };
        Pool(Arc::new(Shared {
            free: Mutex::new(free),
            given_back: watch::channel(0).0,
            taken: Condvar::new(),
        }))
    }

    /// Room for a step that needs so much memory, when there is. One that needs
    /// more than there is at all runs alone.
    pub fn take(&self, memory: u64) -> Option<Lease> {
        let mut free = self.free();
        if memory > free.memory && free.in_use > 0 {
            return None;
        }
        let slot = free.slots.pop()?;
        let memory = memory.min(free.memory);
        free.memory -= memory;
        free.in_use += 1;
        Some(Lease {
            slot,
            memory,
            pool: self.clone(),
        })
    }

    /// Whether a slot is free; memory aside.
    pub fn has_slot(&self) -> bool {
        !self.free().slots.is_empty()
    }

    /// Changes whenever something is given back.
    pub fn given_back(&self) -> watch::Receiver<u64> {
        self.0.given_back.subscribe()
    }

    fn free(&self) -> MutexGuard<'_, Free> {
        self.0.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Exchanges the slot, once no process of the step is left, for the right to
    /// take its outputs. Blocks until another step's are taken, and keeps the slot
    /// meanwhile: steps that end quicker than their outputs are taken wait, no matter
    /// how many there are, as no more than slots.
    pub fn taking(self) -> Taking {
        let pool = self.pool.clone();
        let mut free = pool.free();
        free.waiting += 1;
        while free.taking == 0 {
            let woken = pool.0.taken.wait(free);
            free = woken.unwrap_or_else(PoisonError::into_inner);
        }
        free.waiting -= 1;
        free.taking -= 1;
        drop(free);
        drop(self);
        Taking(pool)
    }
}

/// The right to take a step's outputs, until dropped.
#[derive(Debug)]
pub(super) struct Taking(Pool);

impl Drop for Taking {
    fn drop(&mut self) {
        let mut free = self.0.free();
        free.taking += 1;
        // The kernel is not asked to wake nobody.
        if free.waiting > 0 {
            self.0.0.taken.notify_one();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut free = self.pool.free();
        free.slots.push(self.slot);
        free.memory += self.memory;
        free.in_use -= 1;
        drop(free);
        self.pool.0.given_back.send_modify(|count| *count += 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_bounds_what_runs_at_once_and_the_largest_runs_alone() {
        let pool = Pool::new(3, 100);
        let first = pool.take(60).unwrap();
        assert!(pool.take(60).is_none(), "together they exceed it");
        let small = pool.take(40).unwrap();
        assert_ne!(first.slot, small.slot);
        drop(first);
        assert!(
            pool.take(500).is_none(),
            "larger than all there is: not beside another"
        );
        drop(small);
        let huge = pool.take(500).unwrap();
        assert!(pool.take(1).is_none());
        drop(huge);
        assert!(pool.take(100).is_some(), "all of it came back");
    }

    #[test]
    fn as_many_outputs_are_taken_at_once_as_there_are_slots() {
        let pool = Pool::new(1, 0);
        let first = pool.take(0).unwrap().taking();
        assert!(pool.has_slot(), "the next step runs meanwhile");
        let second = pool.take(0).unwrap();
        let (order, happened) = std::sync::mpsc::channel();
        std::thread::scope(|threads| {
            let waits = order.clone();
            threads.spawn(move || {
                let taking = second.taking();
                waits.send("second takes").unwrap();
                drop(taking);
            });
            while pool.free().waiting == 0 {
                std::thread::yield_now();
            }
            assert!(!pool.has_slot(), "no third step until the second is taken");
            order.send("first is done").unwrap();
            drop(first);
        });
        assert_eq!(happened.try_iter().next(), Some("first is done"));
        assert!(pool.has_slot());
    }

    #[test]
    fn the_slot_that_was_given_back_last_is_the_next_steps() {
        let pool = Pool::new(3, 0);
        let [first, second, third] = [0; 3].map(|_| pool.take(0).unwrap());
        let last_first = [first.slot, third.slot, second.slot];
        drop(second);
        drop(third);
        drop(first);
        let taken = [0; 3].map(|_| pool.take(0).unwrap());
        assert_eq!(taken.map(|lease| lease.slot), last_first);
    }

    #[test]
    fn who_waits_hears_of_what_is_given_back() {
        let pool = Pool::new(1, 0);
        let lease = pool.take(0).unwrap();
        let waiting = pool.given_back();
        assert!(pool.take(0).is_none() && !pool.has_slot());
        drop(lease);
        assert!(waiting.has_changed().unwrap());
        assert!(pool.take(0).is_some());
    }
}
