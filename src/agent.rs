//! (to come)
// SKELETON: replaced by the agent's wiring; the types stay.

use crate::model::Generation;
use std::path::PathBuf;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// What `kiln agent` was asked for.
#[derive(Debug)]
pub struct AgentOptions {
    pub config: PathBuf,
    /// Overrides the configuration's socket.
    pub socket: Option<PathBuf>,
}

/// What `kiln dev` was asked for.
#[derive(Debug)]
pub struct DevOptions {
    /// A work tree, a folder inside one, or a bare repository.
    pub path: PathBuf,
    /// Default: this host's name.
    pub host: Option<String>,
    /// Default: HEAD, followed wherever it goes.
    pub rev: Option<String>,
    /// `auto`, `native`, `nix-flake` or `nix`.
    pub backend: String,
    /// `false`: steps run without the sandbox.
    pub sandbox: bool,
    /// Steps at a time; `None`: one per core.
    pub jobs: Option<u32>,
    pub state_dir: PathBuf,
    pub socket: PathBuf,
    /// End after one generation.
    pub once: bool,
    /// Build tracked and unignored files as they are.
    pub worktree: bool,
}

/// Sent once the dev agent's socket answers and before anything is evaluated.
#[derive(Debug)]
pub struct Started {
    pub socket: PathBuf,
    pub host: String,
    /// Events of this run have greater sequence numbers.
    pub after_seq: u64,
    /// To be said once, such as the files not committed.
    pub notes: Vec<String>,
}

/// Why an agent could not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Wrong use or configuration: exit 2.
    #[error("{message}")]
    Usage { message: String, hint: String },
    /// The host or the state is in the way: exit 1.
    #[error("{message}")]
    Failed { message: String, hint: String },
}

/// Runs the daemon until SIGTERM.
///
/// # Errors
/// When it cannot start, or ends for another reason than being asked to.
pub async fn run(_options: AgentOptions) -> Result<(), RunError> {
    todo!()
}

/// Runs a dev agent until `cancel` fires (signals are the caller's) or, with
/// `once`, until a generation ended, which is returned; an up-to-date one of an
/// earlier run counts.
///
/// # Errors
/// When there is nothing to evaluate, or the agent cannot run.
pub async fn run_dev(
    _options: DevOptions,
    _started: oneshot::Sender<Started>,
    _cancel: CancellationToken,
) -> Result<Option<Generation>, RunError> {
    todo!()
}
