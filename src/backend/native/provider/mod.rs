//! Where a step runs. A provider takes a resolved step and leaves its outputs
//! in the step's scratch folder; it knows neither graph nor store.

pub(crate) mod cgroup;
pub mod enter;
pub mod kept;
pub mod sandbox;

use crate::backend::BackendError;
use crate::process::Cancel;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Takes a piece of a step's output; must not block.
pub type LogSink = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// One resolved step. All paths in `argv`, `env` and `outputs` are as the step
/// sees them; `scratch` and the right sides of `inputs` are the host's.
pub struct StepRequest {
    pub name: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Files to put below the step's `/build` before it starts: name, content.
    pub files: Vec<(String, String)>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// Copied, writable, to `/build/src`, which becomes the working directory;
    /// without it that is `/build`.
    pub src: Option<PathBuf>,
    /// Input closure: base name in the store -> the object on the host.
    pub inputs: Arc<BTreeMap<String, PathBuf>>,
    /// Base names the step may create in the store.
    pub outputs: Vec<String>,
    /// The host's folders the step sees, read-only; empty without host tools.
    pub host_paths: Vec<PathBuf>,
    pub network: bool,
    /// An empty folder on the store's file system, the provider's to fill; the
    /// outputs lie in its `store/` afterwards. Removed by the caller.
    pub scratch: PathBuf,
    /// A number below the job limit that no other running step has.
    pub slot: u32,
    pub limits: StepLimits,
    /// Called with each piece of the step's output, stdout and stderr as one.
    pub log: LogSink,
    pub cancel: Cancel,
}

#[derive(Debug, Clone)]
pub struct StepLimits {
    pub timeout: Duration,
    pub silence: Duration,
    /// Bytes all processes of the step may have in memory together.
    pub memory: Option<u64>,
    pub processes: u64,
    /// Bytes of all outputs together.
    pub output_size: u64,
    /// `/build` and `/tmp` together.
    pub scratch: ScratchLimit,
    /// Bytes of log; a step that prints more is ended.
    pub log_size: u64,
}

/// How much a step may put into `/build` and `/tmp`, and where they lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScratchLimit {
    pub bytes: u64,
    /// On the store's file system; else in memory.
    pub on_disk: bool,
}

impl ScratchLimit {
    /// In memory up to half of it, and half of it by default; more goes to disk.
    pub fn new(asked: Option<u64>, memory: u64) -> Self {
        let half = memory / 2;
        let bytes = asked.unwrap_or(half);
        ScratchLimit {
            bytes,
            on_disk: bytes > half,
        }
    }

    /// The bytes, where they lie in memory.
    pub fn in_memory(self) -> Option<u64> {
        (!self.on_disk).then_some(self.bytes)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepOutcome {
    /// Ended by itself; 0 is success.
    Exited(i32),
    Signalled(i32),
    TimedOut(Duration),
    /// Printed nothing for this long.
    Silent(Duration),
    LogTooLarge(u64),
    OverLimit(StepLimit),
    Cancelled,
}

/// A limit that ended a step, and its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepLimit {
    Memory(u64),
    /// Not a limit of bytes: so many processes.
    Processes(u64),
    OutputSize(u64),
    Scratch(u64),
}

impl std::fmt::Display for StepLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StepLimit::Memory(bytes) => {
                write!(f, "used more than {bytes} bytes of memory (limits.memory)")
            }
            StepLimit::Processes(count) => write!(
                f,
                "failed, and could not start more than {count} processes (limits.processes)"
            ),
            StepLimit::OutputSize(bytes) => write!(
                f,
                "wrote outputs of more than {bytes} bytes (limits.output_size)"
            ),
            StepLimit::Scratch(bytes) => write!(
                f,
                "filled the {bytes} bytes of /build and /tmp (limits.scratch)"
            ),
        }
    }
}

/// Bytes of this host's memory.
pub fn physical_memory() -> u64 {
    // SAFETY: both take a number and return one; -1 when they do not know.
    let (pages, size) = unsafe {
        (
            libc::sysconf(libc::_SC_PHYS_PAGES),
            libc::sysconf(libc::_SC_PAGESIZE),
        )
    };
    match (u64::try_from(pages), u64::try_from(size)) {
        (Ok(pages), Ok(size)) => pages.saturating_mul(size),
        _ => u64::MAX, // no host is refused because it does not say
    }
}

/// Runs steps, each on the thread that asks for it.
///
/// - It comes back soon after the step was cancelled.
/// - When `run` returns, every process of the step is gone: nothing of it can write.
/// - The step sees its inputs, its scratch folder and what is asked for, nothing else.
/// - Outcomes are data; `Err` is a host that cannot run steps.
pub trait Provider: Send + Sync {
    /// Runs a step to its end; blocks.
    ///
    /// # Errors
    /// When this host cannot run it.
    fn run(&self, request: StepRequest) -> Result<StepOutcome, BackendError>;
}
