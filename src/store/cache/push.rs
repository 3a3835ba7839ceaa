//! From the store into a cache: archives first, then what is known of them,
//! what is referred to before what refers, then realisations. Whoever reads
//! meanwhile, or after an interruption, finds nothing that leads nowhere; what
//! is there already is not sent again.

use super::super::{Hash, Outputs, RealisationKey, Store, StoreError, StorePath, TreeError, nar};
use super::compression::{Compression, encoder};
use super::info::{CACHE_INFO, CACHE_INFO_MAX, cache_info, check_cache_info};
use super::level::{at_once, levels};
use super::location::{CacheError, Transport};
use super::narinfo::{NAR_INFO_MAX, NarInfo};
use super::realisation::{REALISATION_MAX, Realisation};
use super::signature::SecretKey;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::num::NonZero;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Why a push did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error("{what}: {why}")]
    NotThisStore { what: String, why: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("reading {path} failed: {source}")]
    Read { path: StorePath, source: TreeError },
    #[error("{path} is not what its record says any more: kiln store verify")]
    Damaged { path: StorePath },
    #[error("writing a temporary file failed: {0}")]
    Temporary(#[source] io::Error),
    #[error("objects refer to each other in a circle: kiln store verify")]
    Circle,
}

/// What a push did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pushed {
    /// Objects sent.
    pub objects: u64,
    /// Objects that were there.
    pub present: u64,
    /// Compressed bytes sent.
    pub bytes: u64,
    /// Realisations sent.
    pub realisations: u64,
}

/// Sends these objects and all they refer to, and with a key the realisations
/// whose outputs are among them; signs what it sends.
///
/// # Errors
/// The first failure; what was sent stays, and the same push goes on with the rest.
pub fn push(
    store: &Store,
    roots: impl IntoIterator<Item = StorePath>,
    transport: &Transport,
    key: Option<&SecretKey>,
    jobs: NonZero<usize>,
) -> Result<Pushed, PushError> {
    let push = Push {
        store,
        transport,
        key,
        jobs,
        done: Mutex::default(),
    };
    push.begin()?;
    let closure = store.closure(roots)?;
    push.objects(&closure)?;
    push.realisations(&closure)?;
    Ok(push
        .done
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner))
}

impl Store {
    /// Every object that is the output of a realisation.
    ///
    /// # Errors
    /// When the records cannot be listed.
    pub fn results(&self) -> Result<BTreeSet<StorePath>, StoreError> {
        let records = self.recorded()?.into_iter();
        let whole = records.filter(|(key, _)| self.realisation(*key).is_some());
        Ok(whole
            .flat_map(|(_, outputs)| outputs.into_values())
            .collect())
    }
}

struct Push<'a> {
    store: &'a Store,
    transport: &'a Transport,
    key: Option<&'a SecretKey>,
    jobs: NonZero<usize>,
    done: Mutex<Pushed>,
}

impl Push<'_> {
    fn done(&self) -> MutexGuard<'_, Pushed> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A cache for this store, or none yet.
    fn begin(&self) -> Result<(), PushError> {
        match self.transport.text(CACHE_INFO, CACHE_INFO_MAX)? {
            None => self.put(CACHE_INFO, &cache_info()),
            Some(text) => check_cache_info(&text).map_err(|why| PushError::NotThisStore {
                what: self.transport.called(""),
                why,
            }),
        }
    }

    fn objects(&self, closure: &BTreeSet<StorePath>) -> Result<(), PushError> {
        let new = Mutex::new(BTreeMap::new());
        at_once(closure.iter().collect(), self.jobs, |path| {
            match self.object(path)? {
                Some(info) => {
                    let mut new = new.lock().unwrap_or_else(PoisonError::into_inner);
                    new.insert(path.clone(), info);
                }
                None => self.done().present += 1,
            }
            Ok::<(), PushError>(())
        })?;
        let new: BTreeMap<StorePath, NarInfo> =
            new.into_inner().unwrap_or_else(PoisonError::into_inner);
        let graph = new
            .iter()
            .map(|(path, info)| (path.clone(), info.references.clone()));
        for level in levels(&graph.collect()).ok_or(PushError::Circle)? {
            at_once(level, self.jobs, |path| match new.get(&path) {
                Some(info) => self.put(&info_file(&path), &info.to_string()),
                None => Ok(()),
            })?;
        }
        Ok(())
    }

    /// What is to be said of the object once its archive is there; `None` when
    /// it is said already.
    fn object(&self, path: &StorePath) -> Result<Option<NarInfo>, PushError> {
        let here = self
            .store
            .info(path)
            .ok_or_else(|| StoreError::Missing(path.clone()))?;
        let there = self.transport.text(&info_file(path), NAR_INFO_MAX)?;
        let there = there.and_then(|text| text.parse::<NarInfo>().ok());
        let same = there.filter(|there| {
            there.path == *path
                && there.nar_hash == here.nar_hash
                && there.references == here.references
        });
        let mut info = match same {
            Some(there) => match self.key {
                Some(key) if !there.is_signed_by(&[key.public()]) => there,
                _ => return Ok(None),
            },
            None => self.archive(path, here.nar_hash, here.references.clone())?,
        };
        if let Some(key) = self.key {
            info.sign(key);
        }
        Ok(Some(info))
    }

    /// Packs, compresses and sends an object.
    fn archive(
        &self,
        path: &StorePath,
        nar_hash: Hash,
        references: BTreeSet<StorePath>,
    ) -> Result<NarInfo, PushError> {
        let file = tempfile::tempfile().map_err(PushError::Temporary)?;
        let compressed = Hashing::new(file);
        let mut plain = Hashing::new(encoder(compressed).map_err(PushError::Temporary)?);
        nar::dump(&self.store.real_path(path), &mut plain).map_err(|source| PushError::Read {
            path: path.clone(),
            source,
        })?;
        let (encoder, found, nar_size) = plain.finish();
        if found != nar_hash {
            return Err(PushError::Damaged { path: path.clone() });
        }
        let compressed = encoder.finish().map_err(PushError::Temporary)?;
        let (mut file, file_hash, file_size) = compressed.finish();
        let url = format!(
            "nar/{}.nar.zst",
            super::super::encoding::base32(&file_hash.0)
        );
        if !self.transport.has(&url)? {
            self.transport.put(&url, &mut file)?;
            self.done().bytes += file_size;
        }
        self.done().objects += 1;
        Ok(NarInfo {
            path: path.clone(),
            url,
            compression: Compression::Zstd,
            file_hash: Some(file_hash),
            file_size: Some(file_size),
            nar_hash,
            nar_size,
            references,
            deriver: None,
            signatures: BTreeSet::new(),
            ca: None,
        })
    }

    /// Those whose outputs are all among these objects: the graph's own too.
    fn realisations(&self, closure: &BTreeSet<StorePath>) -> Result<(), PushError> {
        let Some(key) = self.key else {
            return Ok(()); // a claim nobody signed would count nowhere
        };
        let is_whole = |(_, outputs): &(RealisationKey, Outputs)| {
            outputs.values().all(|output| closure.contains(output))
        };
        let all = self.store.recorded()?.into_iter().filter(is_whole);
        let each = all.flat_map(|(of, outputs)| {
            let one = move |(name, path)| Realisation::new(of, name, path);
            outputs.into_iter().map(one)
        });
        at_once(each.collect(), self.jobs, |realisation| {
            self.realisation(realisation, key)
        })
    }

    /// The first that was pushed stays: what others took already is not changed.
    fn realisation(&self, mut new: Realisation, key: &SecretKey) -> Result<(), PushError> {
        let file = Realisation::file(new.key, &new.output);
        if let Some(text) = self.transport.text(&file, REALISATION_MAX)?
            && let Ok(there) = Realisation::read(text.as_bytes(), new.key, &new.output)
        {
            if there.path != new.path {
                let (there, here) = (there.path, new.path);
                tracing::warn!(%file, %there, %here, "the cache has another result of this step: it stays");
                return Ok(());
            }
            if there.is_signed_by(&[key.public()]) {
                return Ok(());
            }
            new = there;
        }
        new.sign(key);
        self.put(&file, &new.text())?;
        self.done().realisations += 1;
        Ok(())
    }

    fn put(&self, name: &str, text: &str) -> Result<(), PushError> {
        let mut file = tempfile::tempfile().map_err(PushError::Temporary)?;
        file.write_all(text.as_bytes())
            .map_err(PushError::Temporary)?;
        Ok(self.transport.put(name, &mut file)?)
    }
}

fn info_file(path: &StorePath) -> String {
    format!("{}.narinfo", path.digest_text())
}

/// Hashes and counts what is written.
struct Hashing<W> {
    output: W,
    sha: Sha256,
    count: u64,
}

impl<W> Hashing<W> {
    fn new(output: W) -> Self {
        let sha = Sha256::new();
        Hashing {
            output,
            sha,
            count: 0,
        }
    }

    fn finish(self) -> (W, Hash, u64) {
        (self.output, Hash(self.sha.finalize().into()), self.count)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.sha.update(&bytes[..written]);
        self.count += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}
