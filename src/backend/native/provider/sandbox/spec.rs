//! What the agent and a step's PID 1 tell each other: the spec on standard input,
//! the report on standard error.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

/// Where the step sees the store.
pub(in super::super) const STORE: &str = "/var/lib/kiln/store";
/// What is mounted there for each step hides what the host has there.
pub(crate) const OWN_FOLDERS: [&str; 6] =
    ["/build", "/tmp", "/proc", "/dev/pts", "/dev/shm", STORE];
/// The step's user and group, whatever they are on the host.
pub(super) const UID: u32 = 1000;
pub(super) const GID: u32 = 100;

/// What a room is made for: steps that differ in any of it have another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RoomSpec {
    pub user: User,
    pub network: bool,
    /// How names are resolved, where there is a network to ask.
    pub resolvers: Option<String>,
    /// The host's folders the steps see, read-only.
    pub host_paths: Vec<PathBuf>,
    /// The folder that steps' scratch folders lie in.
    pub scratch: PathBuf,
    /// The folders that inputs and sources lie in.
    pub folders: Vec<PathBuf>,
    /// Bytes of `/build` and `/tmp` together, where these lie in memory.
    pub in_memory: Option<u64>,
}

/// A step, resolved for its PID 1.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Spec {
    pub argv: Vec<String>,
    pub files: Vec<(String, String)>,
    pub env: BTreeMap<String, String>,
    pub src: Option<Object>,
    /// By their names in the step's store; those that its view shows are not among them.
    pub inputs: BTreeMap<String, Object>,
    /// The room's view, when the step has it: the name of its folder.
    pub view: Option<String>,
    pub next: Next,
    pub network: bool,
    /// Its name in the room's scratch folder.
    pub scratch: String,
    pub limits: Limits,
}

/// Something in one of the room's folders: which one, and its name there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Object(pub usize, pub String);

/// What a room shows in the store of the next step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Next {
    /// As before.
    #[default]
    Same,
    Nothing,
    /// These of the step's inputs, in the folder of this name beside scratch folders.
    View {
        folder: String,
        inputs: BTreeSet<String>,
    },
}

impl Spec {
    /// Whether inputs are shown beside outputs by an overlay (see `store_view.rs`).
    pub fn overlaid(&self) -> bool {
        self.view.is_none() && self.inputs.len() > super::store_view::ON_DISK
    }
}

/// Who the step is on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum User {
    /// The caller, who is not root and may map nobody but itself.
    Caller,
    /// A build user; the number is its uid and its gid. Needs root.
    Build(u32),
}

impl User {
    /// Its number on the host, where it is not the caller's.
    pub fn build_user(self) -> Option<u32> {
        match self {
            User::Caller => None,
            User::Build(id) => Some(id),
        }
    }
}

/// Kept by rlimits, the size of the tmpfs and `watch.rs`; the agent keeps time, silence and log.
/// What the kernel keeps by a cgroup is none here.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Limits {
    /// Bytes of memory all processes have together.
    pub memory: Option<u64>,
    pub processes: Option<u64>,
    /// Bytes of all outputs together.
    pub output_size: u64,
    /// Bytes of `/build` and `/tmp` together.
    pub scratch: u64,
    /// Whether these lie on the disk; else in memory.
    pub scratch_on_disk: bool,
}

impl Limits {
    /// Memory and processes are another's to keep.
    pub fn kept_by_group(&mut self) {
        (self.memory, self.processes) = (None, None);
    }
}

/// A limit that ends a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Limit {
    Memory,
    OutputSize,
    Scratch,
}

/// How the step ended.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Report {
    Exited(i32),
    Signalled(i32),
    OverLimit(Limit),
    /// The step was never started: this host could not set it up.
    Failed {
        attempted: String,
        error: String,
    },
}

impl Report {
    /// As JSON, for the agent.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default() // numbers and texts can be written
    }
}

/// A PID 1's, when nobody else is left.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LastWord {
    pub report: Report,
    /// How large the folder of the room's view was when it was made: a file system may
    /// keep it as large as it ever was.
    pub view_size: Option<u64>,
}

impl LastWord {
    /// As JSON, for the agent.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default() // as above
    }
}

/// The folders of a step that lie on the disk, below the scratch folder.
pub(super) struct Layout<'a>(pub &'a Path);

impl Layout<'_> {
    pub fn build(&self) -> PathBuf {
        self.0.join("build")
    }
    pub fn tmp(&self) -> PathBuf {
        self.0.join("tmp")
    }
    /// Where outputs arrive.
    pub fn store(&self) -> PathBuf {
        self.0.join("store")
    }
    /// The kernel's, beside the outputs (see `store_view.rs`).
    pub fn work(&self) -> PathBuf {
        self.0.join("work")
    }
}

/// The set-up of a step failed: what was attempted, and why.
#[derive(Debug, thiserror::Error)]
#[error("{attempted}: {source}")]
pub(in crate::backend::native::provider) struct SetupError {
    pub attempted: String,
    pub source: io::Error,
}

impl From<io::Error> for SetupError {
    fn from(source: io::Error) -> Self {
        SetupError {
            attempted: "start the step's PID 1".into(),
            source,
        }
    }
}

/// Says what was attempted when it failed.
pub(in super::super) trait Attempt<T> {
    fn attempt(self, what: impl FnOnce() -> String) -> Result<T, SetupError>;
}

impl<T, E: Into<io::Error>> Attempt<T> for Result<T, E> {
    fn attempt(self, what: impl FnOnce() -> String) -> Result<T, SetupError> {
        self.map_err(|error| SetupError {
            attempted: what(),
            source: error.into(),
        })
    }
}

impl From<SetupError> for Report {
    fn from(error: SetupError) -> Self {
        Report::Failed {
            attempted: error.attempted,
            error: error.source.to_string(),
        }
    }
}
