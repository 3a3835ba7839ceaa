//! Steps, downloads and unpacked trees that are being made right now, by what their result is recorded
//! under: a second build of the same step waits for the first.

use crate::store::RealisationKey;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Flights(Arc<Mutex<HashMap<RealisationKey, watch::Sender<()>>>>);

/// The step is the holder's until this is dropped.
#[derive(Debug)]
pub(super) struct Flight {
    key: RealisationKey,
    flights: Flights,
}

/// Ends when whoever has the step is done with it, well or not.
#[derive(Debug)]
pub(super) struct Landing(watch::Receiver<()>);

impl Flights {
    /// The step for the caller, or what to wait for before asking again.
    pub fn enter(&self, key: RealisationKey) -> Result<Flight, Landing> {
        let mut flying = self.flying();
        if let Some(first) = flying.get(&key) {
            return Err(Landing(first.subscribe()));
        }
        flying.insert(key, watch::channel(()).0);
        Ok(Flight {
            key,
            flights: self.clone(),
        })
    }

    fn flying(&self) -> MutexGuard<'_, HashMap<RealisationKey, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.flying().remove(&self.key);
    }
}

impl Landing {
    /// Waits for it.
    pub async fn landed(mut self) {
        // The sender says nothing but its own end.
        while self.0.changed().await.is_ok() {}
    }
}
