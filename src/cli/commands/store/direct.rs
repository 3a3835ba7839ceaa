//! The store by its files: under the state's lock, or only read.

use crate::cli::error::{CliError, Problem};
use crate::cli::render::Output;
use crate::pb;
use crate::server::convert;
use crate::state::{Lock, Places, StateError};
use crate::store::{ImportError, Objects, Store, StoreError, StorePath, Verification};
use std::path::Path;
use std::sync::Arc;

/// Bytes of an object that is imported; `[limits] output_size` where none is set.
const OBJECT_MAX: u64 = 8 << 30;

/// A store that no agent owns.
#[derive(Clone)]
pub struct Direct {
    objects: Objects,
    /// `None`: only read.
    _lock: Option<Arc<Lock>>,
}

impl Direct {
    /// Becomes the owner of the state.
    ///
    /// # Errors
    /// When there is none, or another process owns it.
    pub fn locked(state: &Path) -> Result<Self, CliError> {
        let places = there(state)?;
        places.check_owner().map_err(|error| owned(&error))?;
        let lock = Lock::take(state).map_err(|error| owned(&error))?;
        let store = Store::open(&places.store()).map_err(|error| failed(&error))?;
        Ok(Direct {
            objects: Objects::new(store, &places.generations()),
            _lock: Some(Arc::new(lock)),
        })
    }

    /// Reads what nobody owns.
    ///
    /// # Errors
    /// As [`Direct::locked`].
    pub fn to_read(state: &Path) -> Result<Self, CliError> {
        let places = there(state)?;
        Lock::check(state).map_err(|error| owned(&error))?;
        let store = Store::open_to_read(&places.store()).map_err(|error| failed(&error))?;
        Ok(Direct {
            objects: Objects::new(store, &places.generations()),
            _lock: None,
        })
    }

    /// Runs what blocks beside the signals.
    pub async fn on_a_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Direct) -> Result<T, CliError> + Send + 'static,
    ) -> Result<T, CliError> {
        let here = self.clone();
        on_a_thread(move || work(&here)).await
    }

    pub fn path_info(&self, path: &StorePath) -> Result<pb::PathInfoResponse, CliError> {
        let store = &self.objects.store;
        let info = store.info(path);
        let info = info.ok_or_else(|| failed(&StoreError::Missing(path.clone())))?;
        Ok(convert::store::path_info(store, &info))
    }

    pub fn verify(&self, repair: bool) -> Result<pb::VerifyResponse, CliError> {
        let cancelled = &|| false;
        let found = self
            .objects
            .store
            .verify(&Verification { repair, cancelled });
        Ok(convert::store::verified(&found.map_err(|e| failed(&e))?))
    }

    pub fn collect(&self, dry_run: bool) -> Result<pb::CollectGarbageResponse, CliError> {
        let gone = self.objects.collect(dry_run, &|| false);
        Ok(convert::store::collected(&gone.map_err(|e| failed(&e))?))
    }

    pub fn optimise(&self) -> Result<pb::OptimiseResponse, CliError> {
        let done = self.objects.store.optimise(&|| false);
        Ok(convert::store::optimised(&done.map_err(|e| failed(&e))?))
    }

    pub fn roots(&self) -> Result<pb::ListRootsResponse, CliError> {
        let roots = self.objects.list_roots().map_err(|e| failed(&e))?;
        Ok(convert::store::roots(&roots))
    }

    pub fn export(&self, out: &Output, paths: Vec<StorePath>) -> Result<(), CliError> {
        let mut writer = out.writer();
        let written = self.objects.store.export(paths, &mut writer);
        written.map_err(|error| writer.blame(&error))?;
        writer.end()
    }

    pub fn import(&self) -> Result<pb::ImportResponse, CliError> {
        let taken = self
            .objects
            .store
            .import(&mut std::io::stdin().lock(), OBJECT_MAX, &|| false);
        let paths = taken.map_err(|error| not_imported(&error))?;
        Ok(pb::ImportResponse {
            store_paths: paths.iter().map(ToString::to_string).collect(),
        })
    }
}

/// Runs what blocks.
///
/// # Errors
/// What `work` says.
pub async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CliError> + Send + 'static,
) -> Result<T, CliError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Problem::failed(format!("a defect in kiln: {error}")).into()))
}

fn there(state: &Path) -> Result<Places, CliError> {
    let places = Places::new(state);
    match places.store().is_dir() {
        true => Ok(places),
        false => {
            let message = format!("there is no store in {}", state.display());
            Err(Problem::failed(message)
                .hint("name the state: --state-dir DIR")
                .into())
        }
    }
}

fn owned(error: &StateError) -> CliError {
    let problem = Problem::failed(error.to_string());
    match error {
        StateError::Owned { .. } => problem.hint(
            "ask its agent: name its socket with --socket, and leave --offline and --state-dir out",
        ),
        _ => problem,
    }
    .into()
}

fn failed(error: &StoreError) -> CliError {
    let problem = Problem::failed(error.to_string());
    match error {
        StoreError::Missing(_) => Problem {
            code: "NOT_FOUND",
            ..problem.hint("kiln store roots lists what is kept")
        },
        StoreError::Io { .. } => problem,
    }
    .into()
}

fn not_imported(error: &ImportError) -> CliError {
    let problem = Problem::failed(error.to_string());
    match error.is_certain() {
        true => Problem {
            code: "INVALID_ARGUMENT",
            ..problem.hint("nothing was taken; make the archive again: kiln store export")
        },
        false => problem.hint("nothing was taken"),
    }
    .into()
}
