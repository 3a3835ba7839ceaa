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

#[cfg(test)]
mod tests {
    use crate::fixtures::{commit, evaluated, generation, succeeded};
    use crate::model::GenerationNumber;
    use crate::state::{Change, State};
    use std::sync::PoisonError;
    use std::sync::mpsc;
    use std::time::Duration;

    #[tokio::test]
    async fn c04_what_a_status_is_made_of_is_answered_while_nobody_can_use_the_index() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).await.unwrap();
        let made = generation(1, 'a', evaluated(succeeded()));
        let baseline = commit('a').id;
        let change = Change {
            generation: Some(&made),
            becomes_current: true,
            baseline: Some(&baseline),
            ..Change::default()
        };
        state.apply(&change).unwrap();
        let reader = state.reader();
        let replaced = state.shared.index.write();
        let _replaced = replaced.unwrap_or_else(PoisonError::into_inner);
        let _written = state.shared.writing.lock();
        let (answers, answered) = mpsc::channel();
        std::thread::spawn(move || {
            let newest = (reader.latest(), reader.current());
            let by_number = reader.generation(GenerationNumber(1));
            let rest = (reader.baseline(), reader.warnings(), reader.is_damaged());
            let _ = answers.send((newest, by_number, rest));
        });
        let answered = answered.recv_timeout(Duration::from_secs(60)).unwrap();
        let made = Some(made);
        let rest = (Some(baseline.to_string()), Vec::new(), false);
        assert_eq!(answered, ((made.clone(), made.clone()), made, rest));
    }

    #[tokio::test]
    async fn what_is_known_after_a_start_is_what_was_known_before() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).await.unwrap();
        let [first, second] = [1, 2].map(|n| generation(n, 'a', evaluated(succeeded())));
        for (made, becomes_current) in [(&first, true), (&second, false)] {
            let change = Change {
                generation: Some(made),
                becomes_current,
                ..Change::default()
            };
            state.apply(&change).unwrap();
        }
        drop(state);
        let reader = State::open(folder.path()).await.unwrap().reader();
        let newest = (reader.current(), reader.latest());
        assert_eq!(newest, (Some(first), Some(second)));
        assert_eq!(reader.baseline(), None);
    }
}
