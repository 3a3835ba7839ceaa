//! kiln's own sandbox: a step in its own user, mount, PID, network, IPC and
//! UTS namespaces, the same way for root and for an ordinary user.
//!
//! In: a [`StepRequest`]. Out: a [`StepOutcome`], the step's log, and its
//! outputs in `<scratch>/store`. It knows neither graph nor store.
//!
//! ```text
//! agent ──pipes──▶ server ─fork─┐
//!   │                           ▼
//!   └─────spec, lifeline─────▶ helper ──clone──▶ PID 1 ──fork──▶ the step
//!   ▲                         │  ◀──report──────┘               │
//!   └──report.json, exit──────┘                                 │
//!   ◀──────────────────────────log──────────────────────────────┘
//! ```
//!
//! The server (`process/server.rs`) is kiln's program started once: a helper is
//! a copy of it, but the agent's own child, with pipes of its own. No spec and
//! no step's data ever pass the server, so no helper inherits another's; copies
//! share where their memory lies, which no step can look at: its program starts anew.
//!
//! How one scheme serves both (privileged: the caller is root):
//! 1. The helper, with the caller's rights, makes the few folders that lie on
//!    the disk: where outputs arrive is the build user's (privileged) or the caller's.
//! 2. It clones PID 1 into all new namespaces at once and writes the maps from
//!    outside: 1000 to the build user (privileged) or to the caller itself,
//!    for whom `setgroups` must be denied first.
//! 3. PID 1 keeps the caller's uid while it opens what is to be shown: that uid
//!    owns the state's folders and may walk through them although it has lost
//!    every right of root on the host.
//! 4. Then it becomes 1000:100, without groups, keeping its rights over its own
//!    namespaces: only an id that has a place there can create files. It fills
//!    the private root, a tmpfs, mounts, pivots to it and makes it read-only.
//! 5. It binds itself to the helper's life, forbids further user namespaces,
//!    drops every capability.
//! 6. It forks the step: a session of its own, limits, default signals, no
//!    descriptor but its streams, `no_new_privs`, the filter of system calls, exec.
//! 7. While the step runs, PID 1 watches its memory and what it writes.
//!
//! PID 1 ends with the step, and the kernel then kills what else is in the
//! namespace; the helper reaps PID 1 only after that. A helper that is killed
//! takes PID 1 with it, and so does the agent's death, by the lifeline.

mod helper;
mod init;
pub(super) mod mounts;
mod privileges;
pub mod probe;
mod root;
mod scratch;
mod seccomp;
pub(super) mod spec;
mod store_view;
pub(super) mod userns;
mod users;
mod watch;

pub use helper::internal_main;

use super::{Provider, StepLimit, StepLimits, StepOutcome, StepRequest};
use crate::backend::BackendError;
use crate::process::{Bounds, End, ForkServer, GIVE_UP};
use async_trait::async_trait;
use spec::{Layout, Limit, Limits, Report, Spec, User};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use users::{Claimed, Users};

/// How steps are run on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxConfig {
    /// First uid and count of the build users; each is its own group, and
    /// nobody else uses them. Only looked at when kiln runs as root.
    pub build_users: Option<(u32, u32)>,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        SandboxConfig {
            build_users: Some((60600, 32)),
        }
    }
}

/// Runs steps in namespaces.
#[derive(Debug)]
pub struct Sandbox {
    users: Users,
    server: Arc<ForkServer>,
}

impl Sandbox {
    /// A provider; starts nothing yet.
    pub fn new(config: SandboxConfig) -> Self {
        Sandbox {
            users: Users::new(config.build_users),
            server: ForkServer::new("sandbox"),
        }
    }

    /// Whether steps can be run as configured: who they would run as.
    ///
    /// # Errors
    /// Names the build user that somebody else uses, and what to do.
    pub fn check(&self) -> Result<(), BackendError> {
        match nix::unistd::geteuid().is_root() {
            true => self
                .users
                .check()
                .map_err(|why| error("check native.build_users", why)),
            false => Ok(()),
        }
    }

    /// Root's steps run as a build user, anybody else's as themselves.
    fn user(&self, slot: u32) -> Result<(User, Option<Claimed<'_>>), BackendError> {
        if !nix::unistd::geteuid().is_root() {
            return Ok((User::Caller, None));
        }
        let claimed = self.users.claim(slot);
        let claimed = claimed.map_err(|why| error("choose a build user", why))?;
        Ok((User::Build(claimed.id()), Some(claimed)))
    }
}

#[async_trait]
impl Provider for Sandbox {
    async fn run(&self, request: StepRequest) -> Result<StepOutcome, BackendError> {
        // Its own until every process of the step is gone.
        let (user, _claimed) = self.user(request.slot)?;
        let (scratch, limits) = (request.scratch.clone(), request.limits.clone());
        let (log, cancel) = (request.log.clone(), request.cancel.clone());
        let json = serde_json::to_vec(&to_spec(request, user))
            .map_err(|source| error("write the step for the sandbox", source))?;
        let bounds = Bounds {
            timeout: Some(limits.timeout),
            silence: Some(limits.silence),
            output_limit: Some(limits.log_size),
        };
        let helper = self
            .server
            .run(json, bounds, &cancel, |_, bytes| log(bytes));
        let end = helper.await;
        let end = end.map_err(|source| error("run the sandbox helper", source))?;
        gone(&scratch).await?;
        outcome(end, &limits, &scratch)
    }
}

fn to_spec(request: StepRequest, user: User) -> Spec {
    Spec {
        argv: request.argv,
        files: request.files,
        env: request.env,
        src: request.src,
        inputs: request.inputs,
        host_paths: request.host_paths,
        network: request.network,
        scratch: request.scratch,
        user,
        limits: Limits {
            memory: request.limits.memory,
            processes: request.limits.processes,
            output_size: request.limits.output_size,
            scratch: request.limits.scratch.bytes,
            scratch_on_disk: request.limits.scratch.on_disk,
        },
    }
}

fn outcome(end: End, limits: &StepLimits, scratch: &Path) -> Result<StepOutcome, BackendError> {
    let status = match end {
        End::TimedOut => return Ok(StepOutcome::TimedOut(limits.timeout)),
        End::Silent => return Ok(StepOutcome::Silent(limits.silence)),
        End::TooMuchOutput => return Ok(StepOutcome::LogTooLarge(limits.log_size)),
        End::Cancelled => return Ok(StepOutcome::Cancelled),
        End::Stuck { pid } => {
            return Err(error(
                "end the sandbox helper",
                format!("process {pid} does not die"),
            ));
        }
        End::Exited(status) => status,
    };
    let path = Layout(scratch).report();
    let report = std::fs::read(&path).and_then(|json| Ok(serde_json::from_slice(&json)?));
    match report {
        Ok(Report::Exited(code)) => Ok(StepOutcome::Exited(code)),
        Ok(Report::Signalled(signal)) => Ok(StepOutcome::Signalled(signal)),
        Ok(Report::OverLimit(limit)) => Ok(StepOutcome::OverLimit(match limit {
            Limit::Memory => StepLimit::Memory(limits.memory.unwrap_or_default()),
            Limit::OutputSize => StepLimit::OutputSize(limits.output_size),
            Limit::Scratch => StepLimit::Scratch(limits.scratch.bytes),
        })),
        Ok(Report::Failed {
            attempted,
            error: why,
        }) => Err(error(&format!("set up the sandbox: {attempted}"), why)),
        Err(source) => Err(error(
            &format!(
                "read {}, after the sandbox helper ended ({status})",
                path.display()
            ),
            source,
        )),
    }
}

/// Waits for a PID 1 that its helper did not outlive: it has been killed, and
/// what the kernel still takes down is waited for.
async fn gone(scratch: &Path) -> Result<(), BackendError> {
    let deadline = Instant::now() + GIVE_UP;
    let written = std::fs::read_to_string(Layout(scratch).init_pid()).unwrap_or_default();
    let init = written.split_once(' ');
    let init = init.and_then(|(pid, start)| Some((pid.parse().ok()?, start.parse::<u64>().ok()?)));
    let Some((pid, start)) = init else {
        return Ok(()); // it never got as far
    };
    // Another start time is another process that got the number.
    while started(pid).is_ok_and(|found| found == start) {
        if Instant::now() >= deadline {
            let why = format!("process {pid} does not die (uninterruptible sleep?)");
            return Err(error("end the step", why));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// When a process started, in clock ticks since boot.
///
/// # Errors
/// When there is no such process.
fn started(pid: i32) -> std::io::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may hold anything; after it the 20th field.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields);
    let start = fields.and_then(|fields| fields.split_ascii_whitespace().nth(19)?.parse().ok());
    start.ok_or_else(|| std::io::ErrorKind::InvalidData.into())
}

fn error(
    attempted: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> BackendError {
    BackendError {
        attempted: attempted.to_owned(),
        source: source.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_number_that_another_process_got_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pid = std::process::id().cast_signed();
        let earlier = started(pid).unwrap() - 1;
        std::fs::write(Layout(dir.path()).init_pid(), format!("{pid} {earlier}")).unwrap();
        let waited = tokio::time::timeout(Duration::from_secs(5), gone(dir.path()));
        waited.await.unwrap().unwrap();
    }
}
