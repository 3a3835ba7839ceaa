//! What this host gives the sandbox: asked of the kernel, and of a real step.

use super::{Sandbox, SandboxConfig};
use crate::backend::native::provider::{
    Provider, ScratchLimit, StepLimits, StepOutcome, StepRequest, physical_memory,
};
use crate::process::Cancel;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Longer than the slowest host needs for nothing.
const TIMEOUT: Duration = Duration::from_secs(60);
/// One input more than get mount points on the disk.
const INPUTS: usize = super::store_view::ON_DISK + 1;

/// What a trial step found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    pub took: Duration,
    /// Inputs are mounted over an overlay; else in the outputs' folder.
    pub overlay: bool,
}

/// Runs a step that does next to nothing, with a few inputs, in a folder made
/// below `folder` and removed again.
///
/// # Errors
/// What keeps this host from running steps, and what to do.
pub async fn trial(
    folder: &Path,
    config: SandboxConfig,
    host_paths: &[PathBuf],
) -> Result<Trial, String> {
    let plain = |error: &dyn std::error::Error| error.to_string();
    let place = tempfile::Builder::new()
        .prefix("doctor-")
        .tempdir_in(folder);
    let place = place.map_err(|error| format!("make a folder in {}: {error}", folder.display()))?;
    // The step's user walks through it.
    let walked = fs::Permissions::from_mode(0o711);
    fs::set_permissions(place.path(), walked).map_err(|error| plain(&error))?;
    let store = place.path().join("store");
    let scratch = place.path().join("scratch");
    for folder in [&store, &scratch] {
        fs::create_dir(folder).map_err(|error| plain(&error))?;
    }
    let names = (0..INPUTS).map(|n| format!("{n:032}-input"));
    let inputs: BTreeMap<_, _> = names.map(|name| (name.clone(), store.join(name))).collect();
    for input in inputs.values() {
        fs::write(input, "").map_err(|error| plain(&error))?;
    }
    let heard = Arc::new(Mutex::new(Vec::new()));
    let cancel = Cancel::new().map_err(|error| plain(&error))?;
    let request = request(scratch, inputs, host_paths, Arc::clone(&heard), cancel);
    let began = std::time::Instant::now();
    let sandbox = Sandbox::new(config);
    let ran = tokio::task::spawn_blocking(move || sandbox.run(request)).await;
    let outcome = ran.map_err(|error| plain(&error))?;
    let took = began.elapsed();
    let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    let said = String::from_utf8_lossy(&heard);
    match outcome {
        Ok(StepOutcome::Exited(0)) => Ok(Trial {
            took,
            overlay: said
                .lines()
                .any(|line| line.starts_with("overlay /var/lib/kiln/store ")),
        }),
        Ok(other) => Err(format!(
            "a trial step ended with {other:?}: {}",
            said.trim()
        )),
        Err(error) => Err(error.to_string()),
    }
}

fn request(
    scratch: PathBuf,
    inputs: BTreeMap<String, PathBuf>,
    host_paths: &[PathBuf],
    heard: Arc<Mutex<Vec<u8>>>,
    cancel: Cancel,
) -> StepRequest {
    let script = "while read -r line; do echo \"$line\"; done < /proc/mounts";
    StepRequest {
        name: "doctor".into(),
        argv: ["/bin/sh", "-c", script].map(String::from).into(),
        files: Vec::new(),
        env: BTreeMap::new(),
        src: None,
        inputs: Arc::new(inputs),
        outputs: Vec::new(),
        host_paths: host_paths.to_vec(),
        network: false,
        scratch,
        slot: 0,
        limits: StepLimits {
            timeout: TIMEOUT,
            silence: TIMEOUT,
            memory: None,
            processes: 64,
            output_size: 1 << 20,
            scratch: ScratchLimit::new(None, physical_memory()),
            log_size: 1 << 20,
        },
        log: Arc::new(move |bytes| {
            heard
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(bytes);
        }),
        cancel,
    }
}

/// Which version of Landlock this kernel has; none: not built in or not switched on.
pub fn landlock() -> Option<i64> {
    const VERSION: u32 = 1;
    // SAFETY: with this flag the kernel reads no attributes and returns a number.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<libc::c_void>(),
            0,
            VERSION,
        )
    };
    (version > 0).then_some(version)
}

/// Whether this kernel filters system calls.
pub fn seccomp() -> bool {
    Path::new("/proc/sys/kernel/seccomp/actions_avail").exists()
}
