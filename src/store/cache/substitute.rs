//! Asking caches, in their order, for what would have to be built. No answer
//! of theirs breaks a build: what is missing, wrong, slow or endless is logged,
//! and the next one is asked.

use super::super::{Outputs, RealisationKey, Store, StorePath};
use super::download::{Download, DownloadError, InFlight, Limits};
use super::info::{CACHE_INFO, CACHE_INFO_MAX, check_cache_info};
use super::location::{Location, Transport, TransportOptions};
use super::realisation::{REALISATION_MAX, Realisation};
use super::signature::PublicKey;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Steps asked for at a time.
const AT_ONCE: usize = 8;
/// A cache in trouble this often in a row is not asked again in this build.
const STRIKES: u32 = 3;

/// One cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheConfig {
    pub location: Location,
    /// Whose signatures are believed.
    pub keys: Vec<PublicKey>,
}

/// The caches of a host, in the order they are asked.
#[derive(Debug, Clone)]
pub struct Caches {
    pub list: Vec<CacheConfig>,
    pub options: TransportOptions,
    pub limits: Limits,
}

impl Caches {
    /// What one build asks: it remembers what is not there.
    pub fn session(&self, store: &Store) -> Session {
        let source = |config: &CacheConfig| Source {
            config: config.clone(),
            transport: Transport::new(&config.location, self.options.clone()),
            is_usable: OnceLock::new(),
            strikes: AtomicU32::new(0),
        };
        Session::new(store, self.list.iter().map(source).collect(), self.limits)
    }
}
/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub key: RealisationKey,
    /// Every output it has.
    pub outputs: Vec<String>,
    /// Where the one output's hash is promised: its path, which needs nobody's word.
    pub fixed: Option<StorePath>,
}

/// One build's questions.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    store: Store,
    sources: Vec<Source>,
    limits: Limits,
    at_once: Arc<Semaphore>,
    missing: Mutex<HashSet<RealisationKey>>,
    in_flight: InFlight,
    stopped: AtomicBool,
    /// The newest thing that went wrong.
    trouble: Mutex<Option<String>>,
}

struct Source {
    config: CacheConfig,
    transport: Transport,
    /// It is a cache for this store; asked once.
    is_usable: OnceLock<bool>,
    strikes: AtomicU32,
}

impl Session {
    /// A session without caches: nothing is found.
    pub fn none(store: &Store) -> Self {
        Session::new(store, Vec::new(), Limits { object: 0 })
    }

    fn new(store: &Store, sources: Vec<Source>, limits: Limits) -> Self {
        Session(Arc::new(Inner {
            store: store.clone(),
            sources,
            limits,
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
            missing: Mutex::default(),
            in_flight: InFlight::default(),
            stopped: AtomicBool::new(false),
            trouble: Mutex::default(),
        }))
    }

    /// Whether there is a cache to ask.
    pub fn is_empty(&self) -> bool {
        self.0.sources.is_empty()
    }

    /// The outputs, brought into the store with all they refer to and recorded;
    /// `None` when no cache has them, or `cancel` fired.
    pub async fn find(&self, wanted: Wanted, cancel: &CancellationToken) -> Option<Outputs> {
        if self.is_empty() || self.0.is_known_missing(wanted.key) {
            return None;
        }
        let at_once = Arc::clone(&self.0.at_once);
        let permit = tokio::select! {
            () = cancel.cancelled() => return None,
            permit = at_once.acquire_owned() => permit.ok()?,
        };
        let inner = Arc::clone(&self.0);
        let asked = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            inner.find(&wanted)
        });
        tokio::select! {
            () = cancel.cancelled() => {
                // Its sockets are shut and it installs nothing more: what is
                // left of the thread ends by itself.
                self.interrupt();
                None
            }
            found = asked => found.ok().flatten(),
        }
    }

    /// Ends what is being asked.
    pub fn interrupt(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
        for source in &self.0.sources {
            source.transport.interrupt();
        }
    }

    /// The newest thing that went wrong with a cache.
    pub fn trouble(&self) -> Option<String> {
        self.0.lock_trouble().clone()
    }
}

impl Inner {
    fn find(&self, wanted: &Wanted) -> Option<Outputs> {
        for source in &self.sources {
            if self.stopped.load(Ordering::Relaxed) || !self.is_usable(source) {
                continue;
            }
            match self.ask(source, wanted) {
                Ok(found) => {
                    source.strikes.store(0, Ordering::Relaxed);
                    if found.is_some() {
                        return found;
                    }
                }
                Err(error) => self.failed(source, &error),
            }
        }
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        missing.insert(wanted.key);
        None
    }

    fn ask(&self, source: &Source, wanted: &Wanted) -> Result<Option<Outputs>, DownloadError> {
        let Some(outputs) = self.claimed(source, wanted)? else {
            return Ok(None);
        };
        let download = Download {
            store: &self.store,
            transport: &source.transport,
            keys: &source.config.keys,
            limits: self.limits,
            in_flight: &self.in_flight,
            stopped: &self.stopped,
        };
        match download.closure(outputs.values().cloned()) {
            // Nobody had claimed that it is there.
            Err(DownloadError::Missing { .. }) if wanted.fixed.is_some() => return Ok(None),
            came => came?,
        };
        Ok(Some(self.store.remember_realisation(wanted.key, &outputs)?))
    }

    /// What a trusted key says the outputs are.
    fn claimed(&self, source: &Source, wanted: &Wanted) -> Result<Option<Outputs>, DownloadError> {
        if let (Some(path), [output]) = (&wanted.fixed, wanted.outputs.as_slice()) {
            return Ok(Some(Outputs::from([(output.clone(), path.clone())])));
        }
        let mut outputs = Outputs::new();
        for output in &wanted.outputs {
            let file = Realisation::file(wanted.key, output);
            let Some(text) = source.transport.text(&file, REALISATION_MAX)? else {
                return Ok(None);
            };
            let what = || source.transport.called(&file);
            match Realisation::read(text.as_bytes(), wanted.key, output) {
                Ok(claim) if claim.is_signed_by(&source.config.keys) => {
                    outputs.insert(output.clone(), claim.path);
                }
                Ok(_) => {
                    self.note(&format!("{} is not signed by a trusted key", what()));
                    return Ok(None);
                }
                Err(error) => {
                    self.note(&format!("{}: {error}", what()));
                    return Ok(None);
                }
            }
        }
        Ok(Some(outputs))
    }

    /// A cache that is none, or is in trouble, is left out for this build.
    fn is_usable(&self, source: &Source) -> bool {
        if source.strikes.load(Ordering::Relaxed) >= STRIKES {
            return false;
        }
        *source.is_usable.get_or_init(|| {
            let cache = &source.config.location;
            let why = match source.transport.text(CACHE_INFO, CACHE_INFO_MAX) {
                Ok(Some(text)) => match check_cache_info(&text) {
                    Ok(()) => return true,
                    Err(why) => why,
                },
                Ok(None) => format!("it has no {CACHE_INFO}: it is no binary cache"),
                Err(error) => error.to_string(),
            };
            self.note(&format!(
                "the cache {cache} is not used in this build: {why}"
            ));
            false
        })
    }

    fn failed(&self, source: &Source, error: &DownloadError) {
        if self.stopped.load(Ordering::Relaxed) {
            return;
        }
        let cache = &source.config.location;
        self.note(&format!("the cache {cache}: {error}"));
        if !error.is_trouble() {
            source.strikes.store(0, Ordering::Relaxed);
            return;
        }
        if source.strikes.fetch_add(1, Ordering::Relaxed) + 1 == STRIKES {
            let what = "is in trouble and not asked again in this build";
            tracing::warn!(%cache, "the cache {what}");
        }
    }

    fn note(&self, trouble: &str) {
        tracing::warn!("{trouble}");
        *self.lock_trouble() = Some(trouble.to_owned());
    }

    fn lock_trouble(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_known_missing(&self, key: RealisationKey) -> bool {
        let missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        missing.contains(&key)
    }
}
