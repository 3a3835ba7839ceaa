//! Reads for everyone who is not the Builder. What a status is made of comes from
//! memory (`published.rs`); the rest reads the disk: ask for it off the async
//! threads. Failures of the index are logged and answered from the files: a
//! reader never brings the agent down.

use super::index::Index;
use super::{Shared, StateError, Unwritten, files, locked};
use crate::model::{Build, Evaluation, Generation, GenerationNumber};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use tokio::sync::watch;

/// How many generations are looked at for the newest of some outcome.
const PAGE: usize = 64;

/// A cheap, cloneable reader of what is recorded; never blocks on the Builder.
#[derive(Clone)]
pub struct Reader {
    pub(super) shared: Arc<Shared>,
}

impl Reader {
    /// One generation, with the counts of its running build; the latest and the
    /// current one from memory.
    pub fn generation(&self, number: GenerationNumber) -> Option<Generation> {
        let newest = self.shared.published.get();
        let known = [&newest.latest, &newest.current].into_iter().flatten();
        if let Some(known) = known.into_iter().find(|known| known.number == number) {
            return Some(self.live(Generation::clone(known)));
        }
        let found = self.index(|index| index.generation(number));
        let found = found.unwrap_or_else(|error| {
            tracing::error!(%error, %number, "reading the file instead");
            files::read_generation(&self.shared.places.folder, number)
                .ok()
                .flatten()
        });
        found.map(|generation| self.live(generation))
    }

    /// The newest generation of any outcome; from memory.
    pub fn latest(&self) -> Option<Generation> {
        let newest = self.shared.published.get();
        newest.latest.as_deref().cloned().map(|g| self.live(g))
    }

    /// The newest built generation; from memory.
    pub fn current(&self) -> Option<Generation> {
        let newest = self.shared.published.get();
        newest.current.as_deref().cloned().map(|g| self.live(g))
    }

    /// The newest built generation before current.
    pub fn previous(&self) -> Option<Generation> {
        let current = self.current()?.number;
        self.newest(Some(current), |generation| generation.built().is_some())
    }

    /// The newest generation below `before` that `wanted` holds for.
    pub fn newest(
        &self,
        before: Option<GenerationNumber>,
        wanted: impl Fn(&Generation) -> bool,
    ) -> Option<Generation> {
        let mut before = before;
        loop {
            let page = self.page(before, PAGE);
            before = Some(page.last()?.number);
            if let Some(found) = page.into_iter().find(|generation| wanted(generation)) {
                return Some(found);
            }
        }
    }

    /// At most `size` generations below `before`, newest first.
    pub fn page(&self, before: Option<GenerationNumber>, size: usize) -> Vec<Generation> {
        let page = self.index(|index| index.page(before, size));
        let page = page.unwrap_or_else(|error| {
            tracing::error!(%error, "reading the files instead");
            self.page_of_files(before, size)
        });
        page.into_iter()
            .map(|generation| self.live(generation))
            .collect()
    }

    /// Asks the index; damage met on the way is recovered by the next writer.
    fn index<T>(&self, ask: impl Fn(&Index) -> Result<T, StateError>) -> Result<T, StateError> {
        let slot = self.shared.index.read();
        let slot = slot.unwrap_or_else(PoisonError::into_inner);
        let answer = slot.get().and_then(ask);
        answer.inspect_err(|error| self.shared.suspect.tell(error))
    }

    fn page_of_files(&self, before: Option<GenerationNumber>, size: usize) -> Vec<Generation> {
        let folder = &self.shared.places.folder;
        let numbers = files::numbers(folder).unwrap_or_default();
        let below = numbers
            .into_iter()
            .rev()
            .filter(|n| before.is_none_or(|before| *n < before));
        below
            .take(size)
            .filter_map(|n| files::read_generation(folder, n).ok().flatten())
            .collect()
    }

    fn live(&self, mut generation: Generation) -> Generation {
        let live = *locked(&self.shared.live);
        if let Some((number, counted)) = live
            && number == generation.number
            && let Evaluation::Succeeded {
                build: Build::Running { steps, .. },
                ..
            } = &mut generation.evaluation
        {
            *steps = counted;
        }
        generation
    }

    /// Commit id of `refs/kiln/baseline`; from memory.
    pub fn baseline(&self) -> Option<String> {
        let newest = self.shared.published.get();
        newest.baseline.clone().map(String::from)
    }

    /// What status must warn of.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = locked(&self.shared.damage).clone();
        let unwritten = locked(&self.shared.unwritten);
        warnings.extend(unwritten.as_ref().map(|Unwritten { message, .. }| {
            format!("the state cannot be written: {message}; nothing new begins until it can")
        }));
        drop(unwritten);
        warnings.extend(self.shared.reserve.warning(&self.shared.places));
        warnings
    }

    /// Something of the state was lost, or it cannot be written though there is space.
    pub fn is_damaged(&self) -> bool {
        let unwritten = locked(&self.shared.unwritten);
        !locked(&self.shared.damage).is_empty()
            || unwritten
                .as_ref()
                .is_some_and(|unwritten| !unwritten.is_full)
    }

    /// The state's folder, while it cannot be written for lack of space.
    pub fn full_disk(&self) -> Option<&Path> {
        let unwritten = locked(&self.shared.unwritten);
        let is_full = unwritten
            .as_ref()
            .is_some_and(|unwritten| unwritten.is_full);
        is_full.then_some(&*self.shared.places.folder)
    }

    /// Changes with whatever is written to logs.
    pub fn lines(&self) -> watch::Receiver<()> {
        self.shared.lines.subscribe()
    }

    /// The folder with a generation's logs: `evaluation.log`, and
    /// `steps/<order>-<name>.log` in the order the steps began.
    pub fn logs(&self, number: GenerationNumber) -> PathBuf {
        self.shared.places.logs(number)
    }

    /// The folder with a generation's hooks: `<name>/log` for each that ran.
    pub fn hooks(&self, number: GenerationNumber) -> PathBuf {
        self.shared.places.hooks(number)
    }
}
