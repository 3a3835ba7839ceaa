//! An order in which nothing comes before what it refers to, and work on it at
//! several places at once.

use super::super::StorePath;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::sync::{Mutex, PoisonError};

/// The paths in levels: each refers to paths of earlier levels only, to itself,
/// and to what is not among them. `None` when they refer to each other in a
/// circle: no content-addressed objects do.
pub(super) fn levels(
    references: &BTreeMap<StorePath, BTreeSet<StorePath>>,
) -> Option<Vec<Vec<StorePath>>> {
    let is_open = |path: &StorePath, of: &StorePath| path != of && references.contains_key(path);
    let mut missing = BTreeMap::new();
    let mut dependents: BTreeMap<&StorePath, Vec<&StorePath>> = BTreeMap::new();
    for (path, names) in references {
        let names: Vec<_> = names.iter().filter(|name| is_open(name, path)).collect();
        missing.insert(path, names.len());
        for name in names {
            dependents.entry(name).or_default().push(path);
        }
    }
    let mut level: Vec<&StorePath> = missing
        .iter()
        .filter(|(_, n)| **n == 0)
        .map(|(p, _)| *p)
        .collect();
    let (mut levels, mut count) = (Vec::new(), 0);
    while !level.is_empty() {
        count += level.len();
        let mut next = Vec::new();
        for path in &level {
            for dependent in dependents.get(path).into_iter().flatten() {
                if let Some(left) = missing.get_mut(dependent) {
                    *left -= 1;
                    if *left == 0 {
                        next.push(*dependent);
                    }
                }
            }
        }
        levels.push(level.into_iter().cloned().collect());
        level = next;
    }
    (count == references.len()).then_some(levels)
}

/// Does `work` for every item, `at_once` at a time, in threads that have ended
/// when it returns; after the first error nothing new is begun.
///
/// # Errors
/// The first error.
pub(super) fn at_once<T: Send, E: Send>(
    items: Vec<T>,
    at_once: NonZero<usize>,
    work: impl Fn(T) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let threads = at_once.get().min(items.len());
    let (items, failed) = (Mutex::new(items.into_iter()), Mutex::new(None));
    let one_after_another = || {
        loop {
            if lock(&failed).is_some() {
                return;
            }
            let Some(item) = lock(&items).next() else {
                return;
            };
            if let Err(error) = work(item) {
                lock(&failed).get_or_insert(error);
            }
        }
    };
    match threads {
        0 => {}
        1 => one_after_another(),
        _ => std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(one_after_another);
            }
        }),
    }
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn path(n: u8) -> StorePath {
        StorePath::new([n; 20], "x").unwrap()
    }

    #[test]
    fn nothing_comes_before_what_it_refers_to() {
        let set = |paths: &[u8]| paths.iter().map(|n| path(*n)).collect();
        let graph = BTreeMap::from([
            (path(1), set(&[1, 2, 3])),
            (path(2), set(&[3, 9])),
            (path(3), set(&[])),
        ]);
        let order = levels(&graph).unwrap();
        assert_eq!(order, [vec![path(3)], vec![path(2)], vec![path(1)]]);
        let circle = BTreeMap::from([(path(1), set(&[2])), (path(2), set(&[1]))]);
        assert_eq!(levels(&circle), None);
    }

    #[test]
    fn all_is_done_and_the_first_error_ends_it() {
        let eight = NonZero::new(8).unwrap();
        let sum = AtomicU32::new(0);
        let add = |n: u32| {
            sum.fetch_add(n, Ordering::Relaxed);
            Ok::<(), u32>(())
        };
        assert_eq!(at_once((1..=100).collect(), eight, add), Ok(()));
        assert_eq!(sum.into_inner(), 5050);
        let fail = |n: u32| if n == 7 { Err(n) } else { Ok(()) };
        assert_eq!(at_once((1..=100).collect(), eight, fail), Err(7));
    }
}
