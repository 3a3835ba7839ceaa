//! What everybody asks for at every moment, in memory: a status never waits for
//! the disk, nor for a transition that is being made durable.

use super::index::Index;
use super::transition::Transition;
use super::{Places, StateError, files};
use crate::model::{CommitId, Generation};
use std::sync::{Arc, PoisonError, RwLock};

/// As the files have it since the last transition.
#[derive(Debug, Clone, Default)]
pub(super) struct Newest {
    /// The newest built generation: the one `current` points to.
    pub current: Option<Arc<Generation>>,
    /// The newest of any outcome.
    pub latest: Option<Arc<Generation>>,
    pub baseline: Option<CommitId>,
}

/// [`Newest`], replaced whole; both sides hold the lock for a copy of pointers.
#[derive(Debug, Default)]
pub(super) struct Published(RwLock<Arc<Newest>>);

impl Published {
    pub fn new(newest: Newest) -> Self {
        Published(RwLock::new(Arc::new(newest)))
    }

    pub fn get(&self) -> Arc<Newest> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// `transition` is durable: before its events are seen, this is.
    pub fn follow(&self, transition: &Transition) {
        let next = self.get().after(transition);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
    }
}

impl Newest {
    /// From the files, and from the index which generation is the latest. A link or
    /// a record that cannot be understood is said by the recovery, and is none here.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn read(places: &Places, index: &Index) -> Result<Self, StateError> {
        let current = match files::read_current(&places.folder) {
            Err(StateError::Unexpected { .. }) => None,
            current => current?,
        };
        let current = match current {
            Some(number) => index.generation(number)?,
            None => None,
        };
        Ok(Newest {
            current: current.map(Arc::new),
            latest: index.page(None, 1)?.pop().map(Arc::new),
            baseline: files::read_baseline(places)?,
        })
    }

    fn after(&self, transition: &Transition) -> Self {
        let mut next = self.clone();
        if let Some(generation) = &transition.generation {
            let number = generation.number;
            let generation = Arc::new(generation.clone());
            let is = |of: &Option<Arc<Generation>>| of.as_ref().map(|of| of.number);
            if transition.becomes_current || is(&next.current) == Some(number) {
                next.current = Some(Arc::clone(&generation));
            }
            if is(&next.latest).is_none_or(|latest| latest <= number) {
                next.latest = Some(generation);
            }
        }
        if let Some(baseline) = &transition.baseline {
            next.baseline = Some(baseline.clone());
        }
        next
    }
}
