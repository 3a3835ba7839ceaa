//! The index: sled, for quick answers. The only file that calls it, because
//! sled 0.34 panics on damage: every call goes through [`guarded`]. All of it
//! can be rebuilt from the files, but events, which are only here.

use super::{StateError, files};
use crate::events::Event;
use crate::model::{Generation, GenerationNumber};
use sled::Transactional;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

const SCHEMA: &[u8] = b"schema";
/// Raised when keys or trees change their meaning.
const SCHEMA_VERSION: u32 = 1;

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

fn is_of_the_host(error: &std::io::Error) -> bool {
    use std::io::ErrorKind as Kind;
    match error.kind() {
        Kind::UnexpectedEof | Kind::InvalidData | Kind::InvalidInput => false,
        // sled reports a held lock so; everything else of this kind is its own.
        Kind::Other => error.to_string().contains("acquire lock"),
        _ => true,
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("sled panicked: {}", text.unwrap_or("without a message"))
}

impl Index {
    /// Opens the database at `path`, making it if it is absent.
    ///
    /// # Errors
    /// When it is damaged, a newer kiln wrote it, or the host is in the way.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        #[expect(clippy::disallowed_methods, reason = "the only home of sled")]
        let index = guarded(path, || {
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
        })?;
        index.check_schema()?;
        Ok(index)
    }

    /// A database without its schema was cut short: sled opens what is left of a
    /// truncated log as if there had never been more.
    ///
    /// # Errors
    /// As [`Index::open`].
    pub fn open_existing(path: &Path) -> Result<Self, StateError> {
        #[expect(clippy::disallowed_methods, reason = "the only home of sled")]
        let schema = guarded(path, || sled::Config::new().path(path).open()?.get(SCHEMA))?;
        match schema {
            Some(_) => Self::open(path),
            None => Err(StateError::Index {
                path: path.into(),
                message: "it is empty: its file was cut short".into(),
            }),
        }
    }

    fn check_schema(&self) -> Result<(), StateError> {
        let found = guarded(&self.path, || self.database.get(SCHEMA))?;
        let Some(found) = found else {
            let version = SCHEMA_VERSION.to_be_bytes();
            guarded(&self.path, || self.database.insert(SCHEMA, &version))?;
            guarded(&self.path, || self.database.flush())?;
            return Ok(());
        };
        match found.as_ref().try_into().map(u32::from_be_bytes) {
            Ok(SCHEMA_VERSION) => Ok(()),
            Ok(found) => Err(StateError::Newer {
                path: self.path.clone(),
                found,
                known: SCHEMA_VERSION,
            }),
            Err(_) => Err(self.damaged("the schema version is not four bytes")),
        }
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
        events: &[impl AsRef<Event>],
    ) -> Result<(), StateError> {
        let generation = match generation {
            Some(generation) => Some((
                generation.number.0.to_be_bytes(),
                files::encode_compact(generation)?,
            )),
            None => None,
        };
        let mut encoded = Vec::with_capacity(events.len());
        for event in events {
            let event = event.as_ref();
            encoded.push((event.seq.to_be_bytes(), files::encode_compact(event)?));
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
            .map(|bytes| files::decode(&bytes, &self.path))
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
            .map(|bytes| files::decode(bytes, &self.path))
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
            .map(|bytes| files::decode(bytes, &self.path))
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
        let number = |key: &[u8]| key.try_into().map(u64::from_be_bytes);
        match (number(&first), number(&last)) {
            (Ok(first), Ok(last)) => Ok(Some((first, last))),
            _ => Err(self.damaged("an event's key is not eight bytes")),
        }
    }

    /// Reads every tree to its end: flipped bytes show only when they are read.
    pub fn read_all(&self) -> Result<u64, StateError> {
        let mut read = 0;
        for name in guarded(&self.path, || Ok(self.database.tree_names()))? {
            let tree = guarded(&self.path, || self.database.open_tree(&name))?;
            read += guarded(&self.path, || {
                tree.iter()
                    .try_fold(0, |count, pair| pair.map(|_| count + 1))
            })?;
        }
        for record in guarded(&self.path, || {
            self.generations
                .iter()
                .values()
                .collect::<Result<Vec<_>, _>>()
        })? {
            files::decode::<Generation>(&record, &self.path)?;
        }
        Ok(read)
    }
}
