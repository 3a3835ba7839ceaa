//! From a cache into the store: a closure, what is referred to first. What a
//! cache sends is bounded, hashed while it is unpacked, and looked at again
//! before it counts.

use super::super::{Hash, RestoreError, Store, StoreError, StorePath, nar};
use super::adopt::AdoptError;
use super::level::{at_once, levels};
use super::location::{CacheError, Transport};
use super::narinfo::{InvalidNarInfo, NAR_INFO_MAX, NarInfo};
use super::signature::PublicKey;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, BufReader, Read};
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Objects of one closure that are taken from a cache.
const OBJECTS_MAX: usize = 100_000;
/// At a time, for one closure.
const AT_ONCE: NonZero<usize> = NonZero::<usize>::MIN.saturating_add(5);
/// An archive must come within a minute and what it takes at this rate, in
/// bytes a second: slower than that a cache is of no use.
const SLOWEST: u64 = 64 << 10;

/// What a cache may send.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one object's NAR.
    pub object: u64,
}

/// Why an object of a cache was not taken.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error("{path} is not in the cache")]
    Missing { path: StorePath },
    #[error("{what}: {source}")]
    NarInfo {
        what: String,
        source: InvalidNarInfo,
    },
    #[error("{what} is of {found}")]
    Other { what: String, found: StorePath },
    #[error("{path} has {size} bytes, more than the {limit} of [limits] output_size")]
    TooLarge {
        path: StorePath,
        size: u64,
        limit: u64,
    },
    #[error("{what}: {source}")]
    Unpack { what: String, source: RestoreError },
    #[error("{what}: {source}")]
    Unreadable { what: String, source: io::Error },
    #[error("{what} has another hash or length than its narinfo says")]
    Differs { what: String },
    #[error("{what}: {source}")]
    Refused { what: String, source: AdoptError },
    #[error("objects of the cache refer to each other in a circle")]
    Circle,
    #[error("the closure has more than {OBJECTS_MAX} objects")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("interrupted")]
    Interrupted,
}

impl DownloadError {
    /// The cache, not this one answer, is in trouble.
    pub fn is_trouble(&self) -> bool {
        matches!(
            self,
            DownloadError::Cache(
                CacheError::Unreachable { .. }
                    | CacheError::Status { .. }
                    | CacheError::Io { .. }
                    | CacheError::Hangs { .. }
            ) | DownloadError::Unreadable { .. }
        )
    }
}

/// One after another makes the same object.
#[derive(Debug, Default)]
pub(super) struct InFlight(Mutex<HashMap<StorePath, Arc<Mutex<()>>>>);

impl InFlight {
    fn of(&self, path: &StorePath) -> Arc<Mutex<()>> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.entry(path.clone()).or_default().clone()
    }
}

/// Takes objects of one cache.
pub(super) struct Download<'a> {
    pub store: &'a Store,
    pub transport: &'a Transport,
    pub keys: &'a [PublicKey],
    pub limits: Limits,
    pub in_flight: &'a InFlight,
    pub stopped: &'a AtomicBool,
}

impl Download<'_> {
    /// Brings these objects and all they refer to into the store; answers with
    /// how many came and their NARs' bytes. Durable after [`Store::sync`].
    ///
    /// # Errors
    /// When one of them cannot be had; what came before stays.
    pub fn closure(
        &self,
        roots: impl IntoIterator<Item = StorePath>,
    ) -> Result<(usize, u64), DownloadError> {
        let infos = self.missing(roots.into_iter().collect())?;
        let graph = infos
            .iter()
            .map(|(path, info)| (path.clone(), info.references.clone()));
        let order = levels(&graph.collect()).ok_or(DownloadError::Circle)?;
        let bytes = AtomicU64::new(0);
        for level in order {
            at_once(level, AT_ONCE, |path| {
                let Some(info) = infos.get(&path) else {
                    return Ok(());
                };
                bytes.fetch_add(info.nar_size, Ordering::Relaxed);
                self.object(info)
            })?;
        }
        Ok((infos.len(), bytes.into_inner()))
    }

    /// What the cache says of every object of the closure that is not here.
    fn missing(
        &self,
        roots: BTreeSet<StorePath>,
    ) -> Result<BTreeMap<StorePath, NarInfo>, DownloadError> {
        let (mut seen, mut found) = (roots.clone(), BTreeMap::new());
        let mut waiting: Vec<StorePath> = roots.into_iter().collect();
        while !waiting.is_empty() {
            let (mut next, mut ask) = (BTreeSet::new(), Vec::new());
            for path in waiting {
                match self.store.info(&path) {
                    Some(here) => next.extend(here.references.iter().cloned()),
                    None => ask.push(path),
                }
            }
            let answers = Mutex::new(Vec::new());
            at_once(ask, AT_ONCE, |path| {
                let info = self.info(&path)?;
                let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                answers.push(info);
                Ok::<(), DownloadError>(())
            })?;
            for info in answers.into_inner().unwrap_or_else(PoisonError::into_inner) {
                next.extend(info.references.iter().cloned());
                found.insert(info.path.clone(), info);
            }
            waiting = next
                .into_iter()
                .filter(|path| seen.insert(path.clone()))
                .collect();
            if seen.len() > OBJECTS_MAX {
                return Err(DownloadError::TooMany);
            }
        }
        Ok(found)
    }

    fn info(&self, path: &StorePath) -> Result<NarInfo, DownloadError> {
        self.go_on()?;
        let name = format!("{}.narinfo", path.digest_text());
        let what = || self.transport.called(&name);
        let text = self.transport.text(&name, NAR_INFO_MAX)?;
        let text = text.ok_or_else(|| DownloadError::Missing { path: path.clone() })?;
        let info: NarInfo = text.parse().map_err(|source| DownloadError::NarInfo {
            what: what(),
            source,
        })?;
        if info.path != *path {
            return Err(DownloadError::Other {
                what: what(),
                found: info.path,
            });
        }
        if info.nar_size > self.limits.object {
            return Err(DownloadError::TooLarge {
                path: info.path,
                size: info.nar_size,
                limit: self.limits.object,
            });
        }
        Ok(info)
    }

    fn object(&self, info: &NarInfo) -> Result<(), DownloadError> {
        let one = self.in_flight.of(&info.path);
        let _one = one.lock().unwrap_or_else(PoisonError::into_inner);
        if self.store.contains(&info.path) {
            return Ok(());
        }
        self.go_on()?;
        let scratch = self.store.scratch()?;
        let tree = scratch.path().join("object");
        self.unpack(info, &tree)?;
        self.go_on()?;
        let is_trusted = info.is_signed_by(self.keys);
        let adopted = self.store.adopt(&tree, info, is_trusted);
        adopted.map_err(|source| DownloadError::Refused {
            what: self.transport.called(&info.url),
            source,
        })
    }

    /// The hash of the compressed file is not asked for: nobody signs it, and
    /// the NAR's own hash says all.
    fn unpack(&self, info: &NarInfo, tree: &std::path::Path) -> Result<(), DownloadError> {
        let what = || self.transport.called(&info.url);
        let size = info
            .file_size
            .unwrap_or(info.nar_size)
            .min(self.limits.object);
        let within = Duration::from_secs(60 + size / SLOWEST);
        let file = self.transport.get(&info.url, within)?;
        let file = file.ok_or_else(|| DownloadError::Missing {
            path: info.path.clone(),
        })?;
        let unreadable = |source| DownloadError::Unreadable {
            what: what(),
            source,
        };
        let plain = info
            .compression
            .decoder(file, info.nar_size)
            .map_err(unreadable)?;
        let hashed = Hashed {
            // One byte more than there may be shows that there is more.
            input: plain.take(info.nar_size.saturating_add(1)),
            sha: Sha256::new(),
            count: 0,
        };
        let mut input = BufReader::with_capacity(128 << 10, hashed);
        let unpacked = nar::restore(&mut input, tree, info.nar_size);
        unpacked.map_err(|source| match source {
            RestoreError::Read(source) => DownloadError::Unreadable {
                what: what(),
                source,
            },
            source => DownloadError::Unpack {
                what: what(),
                source,
            },
        })?;
        io::copy(&mut input, &mut io::sink()).map_err(unreadable)?;
        let hashed = input.into_inner();
        let is_same =
            hashed.count == info.nar_size && Hash(hashed.sha.finalize().into()) == info.nar_hash;
        match is_same {
            true => Ok(()),
            false => Err(DownloadError::Differs { what: what() }),
        }
    }

    fn go_on(&self) -> Result<(), DownloadError> {
        match self.stopped.load(Ordering::Relaxed) {
            true => Err(DownloadError::Interrupted),
            false => Ok(()),
        }
    }
}

/// Hashes and counts what is read.
struct Hashed<R> {
    input: R,
    sha: Sha256,
    count: u64,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.sha.update(&buffer[..read]);
        self.count += read as u64;
        Ok(read)
    }
}
