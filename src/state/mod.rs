//! What survives a restart. Files are the truth (`files.rs`), sled is the index
//! (`index.rs`). A transition is one [`Change`]: it writes its files, then one
//! flushed transaction of the index, then its events are seen, then the caller
//! may answer. One process owns a state directory (`lock.rs`); at start a child
//! reads the index to its end (`check.rs`), and a damaged one is moved aside
//! and rebuilt from the files (`recovery.rs`).
//!
//! In: changes from the Builder, events from the sources. Out: a [`Reader`] that
//! never waits for the Builder. It decides nothing: what may follow what is the
//! Builder's business.

pub mod check;
pub mod files;
mod hooks;
mod index;
mod lock;
mod places;
mod reader;
mod recovery;

pub use places::Places;
pub use reader::Reader;

use crate::events::{EventKind, EventLog};
use crate::model::{CommitId, Generation, GenerationNumber, HookPlan, Occasion, Steps, Suspension};
use index::Index;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// What can go wrong with the state; paths are always named.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{} is damaged: {source}", .path.display())]
    Damaged {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("{} {message}", .path.display())]
    Unexpected { path: PathBuf, message: String },
    #[error(
        "{} was written by a newer kiln (format {found}, this one knows {known}); it was not touched",
        .path.display()
    )]
    Newer {
        path: PathBuf,
        found: u32,
        known: u32,
    },
    #[error("the index {}: {message}", .path.display())]
    Index { path: PathBuf, message: String },
    #[error("a record has no JSON form: {0}")]
    Encode(serde_json::Error),
    #[error(
        "another kiln owns {} (process {owner}); stop it first, or name another state directory",
        .state.display()
    )]
    Owned { state: PathBuf, owner: String },
}

impl StateError {
    fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        StateError::Io {
            action,
            path: path.into(),
            source,
        }
    }
}

/// One transition: all of it is durable when [`State::apply`] returns.
#[derive(Debug, Default)]
pub struct Change<'a> {
    pub generation: Option<&'a Generation>,
    /// `current` comes to point at `generation`.
    pub becomes_current: bool,
    /// `Some(None)` ends the suspension.
    pub suspension: Option<Option<&'a Suspension>>,
    /// Moves `refs/kiln/baseline`.
    pub baseline: Option<&'a CommitId>,
    /// Makes hooks due: of `generation`, else of the current or latest one.
    pub occasion: Option<Occasion>,
    pub events: Vec<EventKind>,
}

/// The one writer. Dropping it gives the directory back.
pub struct State {
    shared: Arc<Shared>,
    _lock: lock::Lock,
}

struct Shared {
    places: Places,
    index: Arc<RwLock<Index>>,
    events: EventLog,
    /// One transition at a time.
    writing: Mutex<()>,
    /// Which hooks run after what.
    plan: Mutex<HookPlan>,
    /// Counts of the running build; recorded only with its end.
    live: Mutex<Option<(GenerationNumber, Steps)>>,
    warnings: Mutex<Vec<String>>,
}

/// Progress is written in batches of this many events, fewer than are reserved.
const UNWRITTEN: usize = 256;

/// A poisoned lock guards data that each holder leaves whole: go on with it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// Opens the state in `folder`, making what is missing and recovering an
    /// index that is damaged.
    ///
    /// # Errors
    /// When another process owns it, a newer kiln wrote it, or it cannot be written.
    pub async fn open(folder: &Path) -> Result<Self, StateError> {
        let places = Places::new(folder);
        places.prepare()?;
        let lock = lock::Lock::take(folder)?;
        let (index, recovered) = recovery::open_index(&places).await?;
        let notes = recovery::reconcile(&places, &index)?;
        for note in &notes {
            tracing::error!("{note}");
        }
        let events = recovery::event_log(&places, index)?;
        let shared = Arc::new(Shared {
            places,
            index: events.index,
            events: events.log,
            writing: Mutex::new(()),
            plan: Mutex::default(),
            live: Mutex::new(None),
            warnings: Mutex::new(notes),
        });
        let state = State {
            shared,
            _lock: lock,
        };
        if let Some(recovered) = recovered {
            state.announce_recovery(recovered)?;
        }
        Ok(state)
    }

    fn announce_recovery(&self, recovered: recovery::Recovered) -> Result<(), StateError> {
        tracing::error!(kept_at = %recovered.kept_at.display(), "{}", recovered.message);
        let kept_at = recovered.kept_at.display().to_string();
        locked(&self.shared.warnings).push(format!(
            "{}; the damaged copy is kept at {kept_at}, remove it once it was looked at",
            recovered.message
        ));
        let event = EventKind::StateRecovered {
            message: recovered.message,
            kept_at,
        };
        self.apply(&Change {
            events: vec![event],
            ..Change::default()
        })
    }

    /// Writes one transition: files, then index, then its events are seen.
    /// Blocks on the disk: call it off the async threads.
    ///
    /// # Errors
    /// When a file cannot be written; then nothing of the change was announced.
    pub fn apply(&self, change: &Change<'_>) -> Result<(), StateError> {
        let writing = locked(&self.shared.writing);
        let (generation, events) = self.with_hooks(change);
        let change = &Change {
            generation: generation.as_ref(),
            events,
            ..*change
        };
        self.transition(change, writing)
    }

    /// One transition, by the holder of the writing lock.
    fn transition(
        &self,
        change: &Change<'_>,
        writing: MutexGuard<'_, ()>,
    ) -> Result<(), StateError> {
        self.write_files(change)?;
        let events = self
            .shared
            .events
            .begin(&change.events, &self.shared.places)?;
        let recovered = self.write_index(change.generation, events.durable())?;
        events.publish();
        drop(writing);
        recovered.map_or(Ok(()), |recovered| self.announce_recovery(recovered))
    }

    fn write_files(&self, change: &Change<'_>) -> Result<(), StateError> {
        let places = &self.shared.places;
        if let Some(generation) = change.generation {
            let folder = places.make_generation(generation.number)?;
            files::replace(&folder.join("generation.json"), &files::encode(generation)?)?;
            if change.becomes_current {
                let target = format!("generations/{}/result", generation.number);
                files::point(&places.current(), Path::new(&target))?;
            }
        }
        match change.suspension {
            Some(Some(suspension)) => {
                files::replace(&places.suspension(), &files::encode(suspension)?)?;
            }
            Some(None) => files::remove(&places.suspension())?,
            None => {}
        }
        match change.baseline {
            Some(commit) => files::replace(&places.baseline(), format!("{commit}\n").as_bytes()),
            None => Ok(()),
        }
    }

    /// Writes the transaction; an index found damaged is rebuilt from the files,
    /// which have the change already, and then written once more.
    fn write_index(
        &self,
        generation: Option<&Generation>,
        events: &[Arc<crate::events::Event>],
    ) -> Result<Option<recovery::Recovered>, StateError> {
        let mut index = self
            .shared
            .index
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match index.write(generation, events) {
            Err(StateError::Index { message, .. }) => {
                let recovered = recovery::replace_index(&self.shared.places, &mut index, &message)?;
                index.write(generation, events)?;
                Ok(Some(recovered))
            }
            other => other.map(|()| None),
        }
    }

    /// Progress of the running build, for readers; not durable.
    pub fn progress(&self, number: GenerationNumber, steps: Steps, event: EventKind) {
        *locked(&self.shared.live) = Some((number, steps));
        if self.shared.events.progress(event) >= UNWRITTEN
            && let Err(error) = self.apply(&Change::default())
        {
            tracing::error!(%error, "progress is not in the index");
        }
    }

    /// The suspension in force, as its file has it.
    ///
    /// # Errors
    /// When the file cannot be read, or a newer kiln wrote it.
    pub fn suspension(&self) -> Result<Option<Suspension>, StateError> {
        recovery::suspension(&self.shared.places)
    }

    /// The number the next generation gets; numbers are never used twice.
    ///
    /// # Errors
    /// When the generations cannot be listed.
    pub fn next_number(&self) -> Result<GenerationNumber, StateError> {
        let numbers = files::numbers(&self.shared.places.folder)?;
        Ok(GenerationNumber(numbers.last().map_or(0, |n| n.0) + 1))
    }

    /// A cheap reader.
    pub fn reader(&self) -> Reader {
        Reader {
            shared: Arc::clone(&self.shared),
        }
    }

    /// The event log.
    pub fn events(&self) -> EventLog {
        self.shared.events.clone()
    }

    /// Where things lie.
    pub fn places(&self) -> &Places {
        &self.shared.places
    }

    /// Writes what waits and the exact sequence number, before a clean end.
    ///
    /// # Errors
    /// When that cannot be written; the next start then skips numbers.
    pub fn close(&self) -> Result<(), StateError> {
        self.apply(&Change::default())?;
        self.shared.events.settle(&self.shared.places)
    }
}
