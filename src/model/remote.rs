//! A remote as its owner describes it.

use super::{BranchName, RemoteName};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// One remote and the branches of it that count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteConfig {
    pub name: RemoteName,
    /// `https://`, `git://`, `file://` or an absolute path; never with a password.
    pub url: String,
    pub main: BranchName,
    /// `None`: there is no testing branch.
    pub testing: Option<BranchName>,
    /// Zero: polled at start, on request and on file changes only.
    pub poll_interval: Duration,
    /// A fetch that takes longer is killed.
    pub timeout: Duration,
    pub auth: Option<Auth>,
    /// Certificates trusted in addition to the host's own, in PEM.
    pub ca_file: Option<PathBuf>,
    /// An HTTP or SOCKS proxy for `https://`.
    pub proxy: Option<String>,
    /// A local repository may belong to this user, besides root and the agent's.
    pub owner: Option<String>,
}

impl RemoteConfig {
    /// A remote with the defaults of the configuration file.
    pub fn new(name: RemoteName, url: impl Into<String>, main: BranchName) -> Self {
        RemoteConfig {
            name,
            url: url.into(),
            main,
            testing: None,
            poll_interval: Duration::from_secs(60),
            timeout: Duration::from_secs(300),
            auth: None,
            ca_file: None,
            proxy: None,
            owner: None,
        }
    }

    /// The tracked branches, main first.
    pub fn branches(&self) -> Vec<BranchName> {
        let testing = self.testing.iter().filter(|testing| **testing != self.main);
        std::iter::once(&self.main)
            .chain(testing)
            .cloned()
            .collect()
    }
}

/// Who kiln is to an `https://` remote. The token is read from its file at
/// every use and is sent to the configured host only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auth {
    pub username: String,
    pub token_file: PathBuf,
}
