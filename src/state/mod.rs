//! What survives a restart. Files are the truth (`files.rs`), sled is the index
//! (`index.rs`). A transition is one [`Change`]: it writes its files, then one
//! flushed transaction of the index, then its events are seen, then the caller
//! may answer. It is recorded whole first (`transition.rs`), so that a crash
//! between any two writes leaves no half of it. One process owns a state
//! directory (`lock.rs`); at start a child reads the index to its end
//! (`check.rs`), and a damaged one is moved aside and rebuilt from the files
//! (`recovery.rs`). What is old leaves (`retention.rs`, `upkeep.rs`,
//! `compaction.rs`).
//!
//! In: changes from the Builder, events from the sources. Out: a [`Reader`] that
//! never waits for the Builder. It decides nothing: what may follow what is the
//! Builder's business.

pub mod check;
mod compaction;
pub mod fail_point;
pub mod files;
mod hooks;
mod index;
mod lock;
mod offline;
pub(crate) mod packed_log;
mod places;
mod published;
mod reader;
mod record;
mod recovery;
mod reserve;
pub mod retention;
mod transition;
mod upkeep;

pub use lock::Lock;
pub use offline::Offline;
pub use places::Places;
pub use reader::Reader;
pub use record::RECORD_VERSION;
pub use retention::Retention;
pub use upkeep::Left;

use crate::events::{EventKind, EventLog};
use crate::model::{
    CommitId, Generation, GenerationNumber, Hold, HookPlan, Occasion, Steps, Suspension,
};
use index::{Index, Slot};
use published::{Newest, Published};
use reserve::Reserve;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use tokio::sync::watch;
use transition::{Before, Transition};

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

    /// There is no space left.
    fn is_full(&self) -> bool {
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        matches!(self, StateError::Io { source, .. } if full.contains(&source.kind()))
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
    /// `Some(None)` ends the hold.
    pub hold: Option<Option<&'a Hold>>,
    /// Moves `refs/kiln/baseline`.
    pub baseline: Option<&'a CommitId>,
    /// Makes hooks due: of `generation`, else of the current or latest one.
    pub occasion: Option<Occasion>,
    /// The baseline is moved by hand: generations up to this one, which were
    /// made before, do not move it any more.
    pub reset_after: Option<GenerationNumber>,
    pub events: Vec<EventKind>,
}

/// The one writer. Dropping it gives the directory back.
pub struct State {
    shared: Arc<Shared>,
    _lock: lock::Lock,
}

struct Shared {
    places: Places,
    index: Arc<RwLock<Slot>>,
    events: EventLog,
    published: Published,
    /// One transition at a time.
    writing: Mutex<()>,
    /// Which hooks run after what.
    plan: Mutex<HookPlan>,
    /// The highest number a generation ever had.
    highest: AtomicU32,
    /// Counts of the running build; recorded only with its end.
    live: Mutex<Option<(GenerationNumber, Steps)>>,
    /// Changes with whatever is written to logs.
    lines: watch::Sender<()>,
    /// What was recovered: said until the agent is started anew.
    damage: Mutex<Vec<String>>,
    /// Why the last transition could not be written.
    unwritten: Mutex<Option<Unwritten>>,
    suspect: Arc<Suspect>,
    reserve: Reserve,
}

/// What the disk answered to the last transition.
struct Unwritten {
    message: String,
    /// It has no space left: nothing is damaged.
    is_full: bool,
}

/// Damage of the index that a reader met; the next writer recovers it.
#[derive(Default)]
struct Suspect {
    damage: Mutex<Option<String>>,
    told: tokio::sync::Notify,
}

impl Suspect {
    fn tell(&self, error: &StateError) {
        if let StateError::Index { message, .. } = error {
            *locked(&self.damage) = Some(message.clone());
            self.told.notify_one();
        }
    }
}

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
        recovery::check_version(&places)?;
        places.prepare()?;
        let lock = lock::Lock::take(folder)?;
        let reserve = Reserve::default();
        if places.probe().is_err_and(|error| error.is_full()) {
            reserve.spend(&places);
        }
        upkeep::sweep(&places)?;
        fail_point::reach("locked");
        let (index, recovered) = recovery::open_index(&places).await?;
        recovery::redo(&places, &index)?;
        let (highest, notes) = recovery::reconcile(&places, &index)?;
        for note in &notes {
            tracing::error!("{note}");
        }
        recovery::note_version(&places)?;
        let published = Published::new(Newest::read(&places, &index)?);
        let suspect = Arc::new(Suspect::default());
        let events = recovery::event_log(&places, index, &suspect)?;
        reserve.ensure(&places);
        if let Err(error) = events.log.open(&places) {
            tracing::error!(%error, "events wait for what can be written");
        }
        let shared = Arc::new(Shared {
            places,
            index: events.index,
            events: events.log,
            published,
            writing: Mutex::new(()),
            plan: Mutex::default(),
            highest: AtomicU32::new(highest.0),
            live: Mutex::new(None),
            lines: watch::Sender::new(()),
            damage: Mutex::new(notes),
            unwritten: Mutex::default(),
            suspect,
            reserve,
        });
        let state = State {
            shared,
            _lock: lock,
        };
        if let Some(recovered) = recovered {
            state.announce_recovery(recovered)?;
        }
        fail_point::reach("opened");
        Ok(state)
    }

    fn announce_recovery(&self, recovered: recovery::Recovered) -> Result<(), StateError> {
        tracing::error!(kept_at = %recovered.kept_at.display(), "{}", recovered.message);
        let kept_at = recovered.kept_at.display().to_string();
        locked(&self.shared.damage).push(format!(
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

    /// Writes one transition: files, then index, then its events are seen. On a
    /// full disk the reserve is spent to finish it.
    /// Blocks on the disk: call it off the async threads.
    ///
    /// # Errors
    /// When it cannot be written; then nothing of the change was announced, and
    /// what its files held before is put back.
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
        let written = match self.write(change) {
            Err(error) if error.is_full() && self.shared.reserve.spend(&self.shared.places) => {
                self.write(change)
            }
            other => other,
        };
        let failed = written.as_ref().err();
        *locked(&self.shared.unwritten) = failed.map(|error| Unwritten {
            message: error.to_string(),
            is_full: error.is_full(),
        });
        let recovered = written?;
        self.shared.reserve.ensure_if_spent(&self.shared.places);
        drop(writing);
        recovered.map_or(Ok(()), |recovered| self.announce_recovery(recovered))
    }

    fn write(&self, change: &Change<'_>) -> Result<Option<recovery::Recovered>, StateError> {
        let places = &self.shared.places;
        let events = self.shared.events.begin(&change.events, places)?;
        fail_point::reach("numbered");
        if let Some(generation) = change.generation {
            let number = generation.number.0;
            self.shared.highest.fetch_max(number, Ordering::SeqCst);
        }
        let transition = Transition::new(change, events.durable());
        let mut before = Before::default();
        let written = transition
            .record(places)
            .and_then(|()| transition.write_files(places, &mut before))
            .and_then(|()| self.write_index(&transition));
        match &written {
            Ok(_) => transition.forget(places),
            Err(_) => before.restore(places).unwrap_or_else(|error| {
                tracing::error!(%error, "what could not be written is not undone either");
            }),
        }
        if written.is_ok() {
            self.shared.published.follow(&transition);
            events.publish();
            fail_point::reach("announced");
        }
        written
    }

    /// The index for use, by readers and the one writer alike: nobody waits for a
    /// flush but who asked for it.
    fn index(&self) -> RwLockReadGuard<'_, Slot> {
        let index = self.shared.index.read();
        index.unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the transaction; an index that refuses it is replaced, and then it
    /// is written once more.
    fn write_index(&self, of: &Transition) -> Result<Option<recovery::Recovered>, StateError> {
        let write = |index: &Index| index.write(of.generation.as_ref(), &of.events);
        let suspected = locked(&self.shared.suspect.damage).take();
        let first = match suspected {
            Some(message) => Err(StateError::Index {
                path: self.shared.places.index(),
                message,
            }),
            None => self.index().get().and_then(write),
        };
        let recovered = match first {
            Ok(()) => None,
            Err(error) => {
                let recovered = self.reopen(error)?;
                self.index().get().and_then(write)?;
                recovered
            }
        };
        fail_point::reach("index-written");
        Ok(recovered)
    }

    /// After a write failed sled takes none any more. A damaged index is rebuilt
    /// from the files, which have the change already; else it is opened anew. Only
    /// here readers wait: for an index there is.
    fn reopen(&self, error: StateError) -> Result<Option<recovery::Recovered>, StateError> {
        let places = &self.shared.places;
        let slot = self.shared.index.write();
        let slot = &mut *slot.unwrap_or_else(PoisonError::into_inner);
        slot.close();
        // A full disk makes sled panic, too: then its data is not at fault.
        places.probe()?;
        let opened = match error {
            StateError::Index { .. } => Err(error),
            _ => Index::open(&places.index()),
        };
        match opened {
            Ok(index) => {
                recovery::reconcile(places, &index)?;
                slot.set(index);
                Ok(None)
            }
            Err(StateError::Index { message, .. }) => {
                recovery::replace_index(places, slot, &message).map(Some)
            }
            Err(other) => Err(other),
        }
    }

    /// Something was written to a log: who follows one looks.
    pub fn log_written(&self) {
        self.shared.lines.send_replace(());
    }

    /// Progress of the running build, for readers; not durable. Never blocks.
    pub fn progress(&self, number: GenerationNumber, steps: Steps, event: EventKind) {
        *locked(&self.shared.live) = Some((number, steps));
        self.shared.events.progress(event);
    }

    /// Waits until so much progress was announced that [`State::write_progress`]
    /// is due.
    pub async fn progress_due(&self) {
        self.shared.events.due().await;
    }

    /// Takes progress that waits to the index. Blocks on the disk.
    ///
    /// # Errors
    /// When that cannot be written; it is kept, within bounds, for the next time.
    pub fn write_progress(&self) -> Result<(), StateError> {
        self.apply(&Change::default())
    }

    /// The suspension in force, as its file has it.
    ///
    /// # Errors
    /// When the file cannot be read, or a newer kiln wrote it.
    pub fn suspension(&self) -> Result<Option<Suspension>, StateError> {
        recovery::suspension(&self.shared.places)
    }

    /// The newest generation made before the baseline was last moved by hand.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn reset_after(&self) -> Result<Option<GenerationNumber>, StateError> {
        let reset: Option<files::Reset> = files::load(&self.shared.places.reset())?;
        Ok(reset.map(|reset| reset.generation))
    }

    /// The hold in force, as its file has it.
    ///
    /// # Errors
    /// When the file cannot be read, or a newer kiln wrote it.
    pub fn hold(&self) -> Result<Option<Hold>, StateError> {
        recovery::hold(&self.shared.places)
    }

    /// The number the next generation gets; numbers are never used twice.
    pub fn next_number(&self) -> GenerationNumber {
        GenerationNumber(self.shared.highest.load(Ordering::SeqCst) + 1)
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
