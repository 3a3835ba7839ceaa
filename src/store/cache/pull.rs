//! Objects by name, without anybody's word on what they are for.

use super::super::{Store, StoreError, StorePath};
use super::download::{Download, DownloadError, InFlight, Limits};
use super::info::{CACHE_INFO, CACHE_INFO_MAX, check_cache_info};
use super::location::{CacheError, Transport, TransportOptions};
use super::substitute::CacheConfig;
use std::sync::atomic::AtomicBool;

/// Why a pull did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error("{what}: {why}")]
    NotThisStore { what: String, why: String },
    #[error(transparent)]
    Download(#[from] DownloadError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Brings these objects and all they refer to into the store and makes them
/// durable; answers with how many came and their NARs' bytes.
///
/// # Errors
/// When one cannot be had, or is not what it is said to be; what came before
/// stays.
pub fn pull(
    store: &Store,
    cache: &CacheConfig,
    options: TransportOptions,
    limits: Limits,
    paths: impl IntoIterator<Item = StorePath>,
) -> Result<(usize, u64), PullError> {
    let transport = Transport::new(&cache.location, options);
    let not_this = |why: String| PullError::NotThisStore {
        what: cache.location.to_string(),
        why,
    };
    let info = transport.text(CACHE_INFO, CACHE_INFO_MAX)?;
    let info = info.ok_or_else(|| not_this(format!("it has no {CACHE_INFO}")))?;
    check_cache_info(&info).map_err(not_this)?;
    let download = Download {
        store,
        transport: &transport,
        keys: &cache.keys,
        limits,
        in_flight: &InFlight::default(),
        stopped: &AtomicBool::new(false),
    };
    let came = download.closure(paths)?;
    store.sync()?;
    Ok(came)
}
