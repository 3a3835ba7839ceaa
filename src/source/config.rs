//! What the source is told: valid already, however it was written down.

pub use crate::model::{Auth, RemoteConfig};

use crate::model::CommitId;
use std::path::PathBuf;

/// Every remote, and where their objects are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceConfig {
    /// In order of preference.
    pub remotes: Vec<RemoteConfig>,
    /// The bare repository of the state, created when it is missing.
    pub repository: PathBuf,
    /// Without a baseline every head must be this commit or descend from it.
    pub initial_commit: Option<CommitId>,
    /// Address space of one fetching child, in bytes.
    pub fetch_memory: u64,
    /// The most one fetch may receive, in bytes.
    pub fetch_bytes: u64,
}

impl SourceConfig {
    /// [`SourceConfig::fetch_memory`] unless told otherwise.
    pub const FETCH_MEMORY: u64 = 2 << 30;
    /// [`SourceConfig::fetch_bytes`] unless told otherwise.
    pub const FETCH_BYTES: u64 = 4 << 30;

    /// The given remotes with the default limits.
    pub fn new(repository: impl Into<PathBuf>, remotes: Vec<RemoteConfig>) -> Self {
        SourceConfig {
            remotes,
            repository: repository.into(),
            initial_commit: None,
            fetch_memory: Self::FETCH_MEMORY,
            fetch_bytes: Self::FETCH_BYTES,
        }
    }
}
