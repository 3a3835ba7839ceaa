//! The state read by its files alone, while no agent owns it: they are the truth,
//! the index is not opened. A transition that a crash cut short counts as done,
//! as the next start would do it. Nothing is written.

use super::transition::Transition;
use super::{Lock, Places, StateError, files, recovery};
use crate::model::{Generation, GenerationNumber, Hold, Suspension};
use std::path::{Path, PathBuf};

/// A state nobody owns.
pub struct Offline {
    places: Places,
    cut_short: Option<Transition>,
}

impl Offline {
    /// Looks at the state in `folder`.
    ///
    /// # Errors
    /// [`StateError::Owned`] while an agent owns it, [`StateError::Newer`] for a later
    /// kiln's; when there is none, or it cannot be read.
    pub fn open(folder: &Path) -> Result<Self, StateError> {
        let places = Places::new(folder);
        let listed = std::fs::read_dir(places.generations());
        listed.map_err(|e| StateError::io("read", &places.generations(), e))?;
        Lock::check(folder)?;
        recovery::check_version(&places)?;
        let cut_short = Transition::left(&places)?;
        Ok(Offline { places, cut_short })
    }

    /// One generation; `None` where there is none.
    ///
    /// # Errors
    /// When its file cannot be read or understood.
    pub fn generation(&self, number: GenerationNumber) -> Result<Option<Generation>, StateError> {
        let next = self.cut_short.as_ref().and_then(|t| t.generation.as_ref());
        match next.filter(|next| next.number == number) {
            Some(next) => Ok(Some(next.clone())),
            None => files::read_generation(&self.places.folder, number),
        }
    }

    /// Every generation's number, the newest first.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn numbers(&self) -> Result<Vec<GenerationNumber>, StateError> {
        let mut numbers = files::numbers(&self.places.folder)?;
        let next = self.cut_short.as_ref().and_then(|t| t.generation.as_ref());
        numbers.extend(next.map(|next| next.number));
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        numbers.dedup();
        Ok(numbers)
    }

    /// The newest built generation.
    ///
    /// # Errors
    /// When it cannot be read or understood.
    pub fn current(&self) -> Result<Option<Generation>, StateError> {
        let next = self.cut_short.as_ref().filter(|t| t.becomes_current);
        if let Some(next) = next.and_then(|t| t.generation.clone()) {
            return Ok(Some(next));
        }
        match files::read_current(&self.places.folder)? {
            Some(number) => self.generation(number),
            None => Ok(None),
        }
    }

    /// The newest below `before` that `wanted` holds for.
    ///
    /// # Errors
    /// When one on the way cannot be read or understood.
    pub fn newest(
        &self,
        before: Option<GenerationNumber>,
        wanted: impl Fn(&Generation) -> bool,
    ) -> Result<Option<Generation>, StateError> {
        let numbers = self.numbers()?.into_iter();
        for number in numbers.filter(|n| before.is_none_or(|before| *n < before)) {
            match self.generation(number)? {
                Some(found) if wanted(&found) => return Ok(Some(found)),
                // A folder without its file was never acknowledged.
                Some(_) | None => {}
            }
        }
        Ok(None)
    }

    /// The suspension and the hold in force.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn held_back(&self) -> Result<(Option<Suspension>, Option<Hold>), StateError> {
        let suspension = recovery::suspension(&self.places)?;
        let hold = recovery::hold(&self.places)?;
        Ok(match &self.cut_short {
            Some(next) => (next.suspension_after(suspension), next.hold_after(hold)),
            None => (suspension, hold),
        })
    }

    /// Commit id of the baseline.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn baseline(&self) -> Result<Option<String>, StateError> {
        let next = self.cut_short.as_ref().and_then(|t| t.baseline.clone());
        let baseline = match next {
            Some(next) => Some(next),
            None => files::read_baseline(&self.places)?,
        };
        Ok(baseline.map(String::from))
    }

    /// The folder with a generation's logs.
    pub fn logs(&self, number: GenerationNumber) -> PathBuf {
        self.places.logs(number)
    }

    /// The folder with a generation's hooks.
    pub fn hooks(&self, number: GenerationNumber) -> PathBuf {
        self.places.hooks(number)
    }

    /// Whether a crash left a transition to be done.
    pub fn is_cut_short(&self) -> bool {
        self.cut_short.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{commit, evaluated, generation, succeeded};
    use crate::state::{Change, State};

    #[tokio::test]
    async fn d02_a_transition_that_was_cut_short_counts_as_the_next_start_will_have_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).await.unwrap();
        let [first, second] = [1, 2].map(|n| generation(n, 'a', evaluated(succeeded())));
        let built = |made| Change {
            generation: Some(made),
            becomes_current: true,
            ..Change::default()
        };
        state.apply(&built(&first)).unwrap();
        assert!(matches!(
            Offline::open(folder.path()).err(),
            Some(StateError::Owned { .. })
        ));
        drop(state);
        let baseline = commit('b').id;
        let suspended = Suspension {
            since: crate::model::now(),
            until: None,
            reason: "a crash".into(),
            by: "ann".into(),
        };
        let change = Change {
            suspension: Some(Some(&suspended)),
            baseline: Some(&baseline),
            ..built(&second)
        };
        let places = Places::new(folder.path());
        Transition::new(&change, &[]).record(&places).unwrap();
        let read = Offline::open(folder.path()).unwrap();
        assert_eq!(read.current().unwrap(), Some(second.clone()));
        assert_eq!(read.newest(None, |_| true).unwrap(), Some(second));
        assert_eq!(read.numbers().unwrap(), [2, 1].map(GenerationNumber));
        assert_eq!(read.held_back().unwrap(), (Some(suspended), None));
        assert_eq!(read.baseline().unwrap(), Some(baseline.to_string()));
        assert!(places.generation(GenerationNumber(2)).metadata().is_err());
    }

    #[tokio::test]
    async fn d05_a_state_of_a_newer_kiln_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        drop(State::open(folder.path()).await.unwrap());
        std::fs::write(folder.path().join("version"), "99\n").unwrap();
        let refused = Offline::open(folder.path()).err();
        assert!(matches!(refused, Some(StateError::Newer { found: 99, .. })));
    }
}
