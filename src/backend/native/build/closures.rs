//! What the steps of one build may see, by what they name: many of them name the same.

use crate::store::{Store, StoreError, StorePath};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// As many are remembered; the one that was found first is forgotten first.
const KEPT: usize = 16;

/// Of one build, during which nothing that it names is collected.
#[derive(Debug, Default)]
pub(in super::super) struct Closures(Mutex<Vec<Arc<Closure>>>);

/// Store objects and all that they refer to.
#[derive(Debug)]
pub(in super::super) struct Closure {
    named: BTreeSet<StorePath>,
    pub paths: BTreeSet<StorePath>,
    /// Base name -> where it lies on the host.
    pub inputs: Arc<BTreeMap<String, PathBuf>>,
}

impl Closures {
    /// The closure of these.
    ///
    /// # Errors
    /// When one of its objects is not there.
    pub fn of(
        &self,
        store: &Store,
        named: &BTreeSet<StorePath>,
    ) -> Result<Arc<Closure>, StoreError> {
        if let Some(known) = self.known(named) {
            return Ok(known);
        }
        let closure = Arc::new(Closure::find(store, named)?);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT {
            known.remove(0);
        }
        known.push(Arc::clone(&closure));
        Ok(closure)
    }

    fn known(&self, named: &BTreeSet<StorePath>) -> Option<Arc<Closure>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut newest_first = known.iter().rev();
        newest_first
            .find(|closure| closure.named == *named)
            .map(Arc::clone)
    }
}

impl Closure {
    fn find(store: &Store, named: &BTreeSet<StorePath>) -> Result<Self, StoreError> {
        let paths = store.closure(named.iter().cloned())?;
        let inputs = paths.iter();
        let inputs = inputs.map(|path| (path.base_name(), store.real_path(path)));
        Ok(Closure {
            named: named.clone(),
            inputs: Arc::new(inputs.collect()),
            paths,
        })
    }
}
