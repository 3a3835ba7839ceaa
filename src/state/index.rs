//! The index: sled, for quick answers. The only file that calls it, because
//! sled 0.34 panics on damage: every call goes through [`guarded`]. All of it
//! can be rebuilt from the files, but events, which are only here.

use super::{StateError, record};
use crate::events::Event;
use crate::model::{Generation, GenerationNumber};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use sled::Transactional;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const SCHEMA: &[u8] = b"schema";
/// The one at `n` makes schema `n + 2` of schema `n + 1`; added to when keys or
/// trees change their meaning.
const MIGRATIONS: &[Migration] = &[];
type Migration = fn(&Index) -> Result<(), StateError>;
/// How long a database just closed may stay locked.
const LET_GO: Duration = Duration::from_secs(5);
/// Pairs copied at a time.
const COPIED: usize = 512;

pub(super) struct Index {
    path: PathBuf,
    database: sled::Db,
    generations: sled::Tree,
    events: sled::Tree,
}

/// Runs one sled call. Its panics, and errors that speak of damage, become
/// [`StateError::Index`]; a host in trouble (no space, no permission, another
/// process) is no damage and must not cost the database.
fn guarded<T>(path: &Path, call: impl FnOnce() -> sled::Result<T>) -> Result<T, StateError> {
    let broken = |message: String| StateError::Index {
        path: path.into(),
        message,
    };
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(error))) if is_of_the_host(&error) => {
            Err(StateError::io("use the index", path, error))
        }
        Ok(Err(error)) => Err(broken(error.to_string())),
        Err(panic) => Err(broken(panic_message(panic.as_ref()))),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "there are never that many migrations"
)]
pub(super) fn known_schema() -> u32 {
    MIGRATIONS.len() as u32 + 1
}

fn is_of_the_host(error: &std::io::Error) -> bool {
    use std::io::ErrorKind as Kind;
    match error.kind() {
        Kind::UnexpectedEof | Kind::InvalidData | Kind::InvalidInput => false,
        // sled reports a held lock so; everything else of this kind is its own.
        Kind::Other => is_of_a_lock(error),
        _ => true,
    }
}

fn is_of_a_lock(error: &std::io::Error) -> bool {
    error.to_string().contains("acquire lock")
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("sled panicked: {}", text.unwrap_or("without a message"))
}

impl Index {
    /// Makes a database at `path`.
    ///
    /// # Errors
    /// When the host is in the way.
    pub fn make(path: &Path) -> Result<Self, StateError> {
        let index = Self::open_as_it_is(path)?;
        index.set_schema(known_schema())?;
        Ok(index)
    }

    /// Opens the database at `path`. One without its schema was cut short: sled
    /// opens what is left of a truncated log as if there had never been more.
    ///
    /// # Errors
    /// When it is damaged, a newer kiln wrote it, or the host is in the way.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let index = Self::open_as_it_is(path)?;
        index.check_schema()?;
        Ok(index)
    }

    /// sled's threads may hold on for a moment to what was closed before.
    fn open_as_it_is(path: &Path) -> Result<Self, StateError> {
        let end = Instant::now() + LET_GO;
        loop {
            match Self::open_now(path) {
                Err(StateError::Io { source, .. })
                    if is_of_a_lock(&source) && Instant::now() < end =>
                {
                    std::thread::park_timeout(Duration::from_millis(2));
                }
                other => return other,
            }
        }
    }

    fn open_now(path: &Path) -> Result<Self, StateError> {
        remove_half_snapshots(path)?;
        #[expect(clippy::disallowed_methods, reason = "the only home of sled")]
        guarded(path, || {
            // No thread flushes behind our back: every transaction is flushed here.
            let config = sled::Config::new().path(path).flush_every_ms(None);
            let database = config.cache_capacity(8 << 20).open()?;
            let generations = database.open_tree("generations")?;
            let events = database.open_tree("events")?;
            Ok(Index {
                path: path.into(),
                database,
                generations,
                events,
            })
        })
    }

    fn check_schema(&self) -> Result<(), StateError> {
        let found = guarded(&self.path, || self.database.get(SCHEMA))?;
        let found = found.ok_or_else(|| self.damaged("it is empty: its file was cut short"))?;
        let found = found.as_ref().try_into().map(u32::from_be_bytes);
        let found = found.map_err(|_| self.damaged("the schema version is not four bytes"))?;
        let missing = record::missing(found, &self.path, MIGRATIONS)?;
        for migration in missing {
            migration(self)?;
        }
        match missing.is_empty() {
            true => Ok(()),
            false => self.set_schema(known_schema()),
        }
    }

    fn set_schema(&self, version: u32) -> Result<(), StateError> {
        let version = version.to_be_bytes();
        guarded(&self.path, || {
            self.database.insert(SCHEMA, &version)?;
            self.database.flush().map(drop)
        })
    }

    fn damaged(&self, message: impl Into<String>) -> StateError {
        StateError::Index {
            path: self.path.clone(),
            message: message.into(),
        }
    }

    /// One transaction, flushed: a generation's record and events, all or nothing.
    pub fn write(
        &self,
        generation: Option<&Generation>,
        events: &[Event],
    ) -> Result<(), StateError> {
        let generation = match generation {
            Some(generation) => Some((
                generation.number.0.to_be_bytes(),
                record::encode_compact(generation)?,
            )),
            None => None,
        };
        let mut encoded = Vec::with_capacity(events.len());
        for event in events {
            encoded.push((event.seq.to_be_bytes(), record::encode_compact(event)?));
        }
        guarded(&self.path, || {
            let trees = (&self.generations, &self.events);
            let written = trees.transaction(|(generations, events)| {
                if let Some((key, value)) = &generation {
                    generations.insert(key, value.as_slice())?;
                }
                for (key, value) in &encoded {
                    events.insert(key, value.as_slice())?;
                }
                generations.flush();
                sled::transaction::ConflictableTransactionResult::<_, ()>::Ok(())
            });
            match written {
                Ok(()) => self.database.flush().map(|_| ()),
                Err(sled::transaction::TransactionError::Storage(error)) => Err(error),
                Err(sled::transaction::TransactionError::Abort(())) => Ok(()),
            }
        })
    }

    pub fn generation(&self, number: GenerationNumber) -> Result<Option<Generation>, StateError> {
        let key = number.0.to_be_bytes();
        let record = guarded(&self.path, || self.generations.get(key))?;
        record
            .map(|bytes| record::decode(&bytes, &self.path))
            .transpose()
    }

    /// At most `size` generations below `before`, newest first.
    pub fn page(
        &self,
        before: Option<GenerationNumber>,
        size: usize,
    ) -> Result<Vec<Generation>, StateError> {
        let end = before.map_or([0xff; 5].to_vec(), |n| n.0.to_be_bytes().to_vec());
        let records: Vec<_> = guarded(&self.path, || {
            self.generations
                .range(..end)
                .values()
                .rev()
                .take(size)
                .collect()
        })?;
        records
            .iter()
            .map(|bytes| record::decode(bytes, &self.path))
            .collect()
    }

    /// At most `size` events after `seq`, oldest first.
    pub fn events_after(&self, seq: u64, size: usize) -> Result<Vec<Event>, StateError> {
        let start = seq.saturating_add(1).to_be_bytes();
        let records: Vec<_> = guarded(&self.path, || {
            self.events.range(start..).values().take(size).collect()
        })?;
        records
            .iter()
            .map(|bytes| record::decode(bytes, &self.path))
            .collect()
    }

    /// Sequence numbers of the oldest and the newest event kept.
    pub fn event_bounds(&self) -> Result<Option<(u64, u64)>, StateError> {
        let (first, last) = guarded(&self.path, || {
            Ok((self.events.first()?, self.events.last()?))
        })?;
        let (Some((first, _)), Some((last, _))) = (first, last) else {
            return Ok(None);
        };
        match (key_number(&first), key_number(&last)) {
            (Some(first), Some(last)) => Ok(Some((first, last))),
            _ => Err(self.damaged(KEY)),
        }
    }

    /// Many generations at once, durable with the last.
    pub fn fill(
        &self,
        generations: impl Iterator<Item = Result<Generation, StateError>>,
    ) -> Result<(), StateError> {
        let mut batch = sled::Batch::default();
        for (n, generation) in generations.enumerate() {
            let generation = generation?;
            let record = record::encode_compact(&generation)?;
            batch.insert(&generation.number.0.to_be_bytes(), record);
            if n % COPIED == COPIED - 1 {
                let full = std::mem::take(&mut batch);
                guarded(&self.path, || self.generations.apply_batch(full))?;
            }
        }
        guarded(&self.path, || {
            self.generations.apply_batch(batch)?;
            self.database.flush().map(drop)
        })
    }

    /// Removes what is recorded of a generation.
    pub fn forget(&self, number: GenerationNumber) -> Result<(), StateError> {
        guarded(&self.path, || {
            self.generations.remove(number.0.to_be_bytes())?;
            self.database.flush().map(drop)
        })
    }

    /// Removes events until at most `count` are kept, and none of a number below
    /// that of the oldest kept: which is answered, when there were any to remove.
    pub fn excess_events(&self, count: usize) -> Result<Option<u64>, StateError> {
        let Some((first, last)) = self.event_bounds()? else {
            return Ok(None);
        };
        if last - first < count as u64 {
            return Ok(None);
        }
        // Numbers have gaps: what counts is how many there are.
        let kept = guarded(&self.path, || {
            self.events
                .iter()
                .keys()
                .rev()
                .take(count)
                .last()
                .transpose()
        })?;
        let oldest = match kept {
            Some(key) => key_number(&key).ok_or_else(|| self.damaged(KEY))?,
            None => last + 1,
        };
        Ok((oldest > first).then_some(oldest))
    }

    /// Removes the events below `oldest`, a part at a time.
    pub fn forget_events(&self, oldest: u64) -> Result<(), StateError> {
        loop {
            let gone: Vec<_> = guarded(&self.path, || {
                let below = self.events.range(..oldest.to_be_bytes());
                below.keys().take(COPIED).collect()
            })?;
            if gone.is_empty() {
                return Ok(());
            }
            let mut batch = sled::Batch::default();
            gone.into_iter().for_each(|key| batch.remove(key));
            guarded(&self.path, || {
                self.events.apply_batch(batch)?;
                self.database.flush().map(drop)
            })?;
        }
    }

    /// Numbers of all generations recorded, oldest first.
    pub fn numbers(&self) -> Result<Vec<GenerationNumber>, StateError> {
        let keys: Vec<_> = guarded(&self.path, || self.generations.iter().keys().collect())?;
        let number = |key: &sled::IVec| key.as_ref().try_into().map(u32::from_be_bytes);
        let numbers = keys.iter().map(|key| number(key).map(GenerationNumber));
        numbers
            .collect::<Result<_, _>>()
            .map_err(|_| self.damaged("a generation's key is not four bytes"))
    }

    /// Reads every tree to its end: flipped bytes show only when they are read.
    /// Answers with the bytes that live in it.
    pub fn read_all(&self) -> Result<u64, StateError> {
        let mut live = 0;
        for name in guarded(&self.path, || Ok(self.database.tree_names()))? {
            let tree = guarded(&self.path, || self.database.open_tree(&name))?;
            live += guarded(&self.path, || {
                tree.iter().try_fold(0, |live, pair| {
                    pair.map(|(key, value)| live + (key.len() + value.len()) as u64)
                })
            })?;
        }
        Ok(live)
    }

    /// Everything in it goes to `new`, durably.
    pub fn copy_to(&self, new: &Index) -> Result<(), StateError> {
        for (from, to) in [
            (&self.generations, &new.generations),
            (&self.events, &new.events),
        ] {
            guarded(&self.path, || {
                let mut batch = sled::Batch::default();
                for (n, pair) in from.iter().enumerate() {
                    let (key, value) = pair?;
                    batch.insert(key, value);
                    if n % COPIED == COPIED - 1 {
                        to.apply_batch(std::mem::take(&mut batch))?;
                    }
                }
                to.apply_batch(batch)
            })?;
        }
        guarded(&new.path, || new.database.flush()).map(drop)
    }
}

/// Removes what a kill left of a snapshot that sled was writing.
///
/// sled 0.34 writes `snap.<number>.generating`, renames it, and then removes the
/// older ones; but it takes any `snap.*` for one that is whole, and reads the newest:
/// after a kill in between it finds itself damaged. Without the half one it goes on
/// from the snapshot before, or from its log. Under sled's own lock: a check that
/// lost its agent may still be about to end.
fn remove_half_snapshots(path: &Path) -> Result<(), StateError> {
    let io = |e| StateError::io("look for half snapshots in", path, e);
    let Ok(database) = std::fs::File::open(path.join("db")) else {
        return Ok(()); // nothing was made yet, or sled says what is wrong
    };
    let _lock = Flock::lock(database, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
        io(match errno {
            Errno::EWOULDBLOCK => std::io::Error::other("could not acquire lock"),
            errno => errno.into(),
        })
    })?;
    for entry in std::fs::read_dir(path).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            tracing::info!(%name, "half a snapshot of the index is removed: a kill left it");
            std::fs::remove_file(entry.path()).map_err(io)?;
        }
    }
    Ok(())
}

const KEY: &str = "an event's key is not eight bytes";

fn key_number(key: &[u8]) -> Option<u64> {
    key.try_into().map(u64::from_be_bytes).ok()
}

/// Where the index stands: open, or closed after the disk refused a write.
pub(super) struct Slot {
    index: Option<Index>,
    path: PathBuf,
}

impl Slot {
    pub fn new(index: Index) -> Self {
        let path = index.path.clone();
        let index = Some(index);
        Slot { index, path }
    }

    /// The index, while it can be used.
    pub fn get(&self) -> Result<&Index, StateError> {
        self.index.as_ref().ok_or_else(|| {
            let closed = std::io::Error::other("it was closed after a write failed");
            StateError::io("use the index", &self.path, closed)
        })
    }

    pub fn set(&mut self, index: Index) -> &Index {
        self.close();
        self.index.insert(index)
    }

    /// Lets go of the database, which may panic where it is damaged.
    pub fn close(&mut self) {
        let index = self.index.take();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(index))) {
            tracing::error!("closing the index: {}", panic_message(panic.as_ref()));
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.close();
    }
}
