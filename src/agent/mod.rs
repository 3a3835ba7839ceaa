//! Builds the parts, wires them, owns start, drain and stop. The only place
//! that sees them all, and wiring is all it does.
//!
//! ```text
//! start: state ▶ store ▶ backend ▶ builder ▶ source ▶ server ▶ ready
//! stop:  source ▶ builder (what runs is cancelled and awaited) ▶ server ▶ state
//! ```

mod backends;
mod daemon;
mod dev;
mod keeper;
mod memory;
mod nix;
mod notify;
mod parts;
pub mod publish;
mod reload;
pub mod revision;
mod secrets;
mod signals;
mod watch;

pub use daemon::run;
pub use dev::run_dev;

use crate::backend::choice::Unavailable;
use crate::backend::nix::Attribute;
use crate::config::BackendChoice;
use std::path::PathBuf;

/// What a command takes from its environment for the programs it starts.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `PATH`: where programs are looked for.
    pub search_path: Option<std::ffi::OsString>,
    /// Variables by which programs reach the network.
    pub network: Vec<(String, String)>,
    /// Where the settings of the person at the keyboard lie, `~/.config`; the agent
    /// has none.
    pub config_home: Option<PathBuf>,
}

/// What `kiln agent` was asked for.
#[derive(Debug, Clone)]
pub struct AgentOptions {
    pub config: PathBuf,
    /// Overrides the configuration's socket.
    pub socket: Option<PathBuf>,
    pub surroundings: Surroundings,
    /// Where a service manager wants to be told of readiness.
    pub notify_socket: Option<std::ffi::OsString>,
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
    /// How commits are evaluated.
    pub backend: BackendChoice,
    /// What Nix builds for the host; `None`: as without a configuration.
    pub attribute: Option<Attribute>,
    pub surroundings: Surroundings,
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
    /// Build what is for another machine too.
    pub any_machine: bool,
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

/// As the failure of whatever needs it.
impl From<RunError> for Unavailable {
    fn from(error: RunError) -> Self {
        let (RunError::Usage { message, hint } | RunError::Failed { message, hint }) = error;
        Unavailable { message, hint }
    }
}

impl RunError {
    fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        RunError::Usage {
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// The host or the state is in the way; the causes are part of the message.
    fn failed(error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !message.ends_with(&text) {
                message = format!("{message}: {text}");
            }
            cause = error.source();
        }
        RunError::Failed {
            message,
            hint: String::new(),
        }
    }
}
