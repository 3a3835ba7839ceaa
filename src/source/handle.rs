// SKELETON: replaced by the poller's handle.

use super::{RemoteStatus, Selection};
use crate::model::RemoteName;
use tokio::sync::watch;

/// Why a fetch asked for could not be done.
#[derive(Debug, thiserror::Error)]
#[error("fetch")]
pub struct FetchError;

/// Why a revision could not become a selection.
#[derive(Debug, thiserror::Error)]
#[error("resolve")]
pub struct ResolveError;

/// Asks the poller; cheap to clone.
#[derive(Clone)]
pub struct Handle {}

impl Handle {
    /// Polls `remotes` (empty: all) now.
    pub async fn fetch(&self, _remotes: Vec<RemoteName>) -> Result<Vec<RemoteStatus>, FetchError> {
        todo!()
    }
    /// Every remote, in order of preference.
    pub fn statuses(&self) -> Vec<RemoteStatus> {
        todo!()
    }
    /// The commit `rev` names, if the trust rules let it pass.
    pub async fn resolve(
        &self,
        _rev: &str,
        _remote: Option<&str>,
        _branch: Option<&str>,
    ) -> Result<Selection, ResolveError> {
        todo!()
    }
    /// The selection as it changes.
    pub fn selection(&self) -> watch::Receiver<Option<Selection>> {
        todo!()
    }
}
