//! kiln's own sandbox: a step in its own user, mount, PID, network, IPC and
//! UTS namespaces, the same way for root and for an ordinary user.
//!
//! In: a [`StepRequest`]. Out: a [`StepOutcome`], the step's log, and its
//! outputs in `<scratch>/store`. It knows neither graph nor store.
//!
//! ```text
//! agent ──pipes──▶ server ──clone──┐
//!   │                              ▼
//!   └──maps, spec, lifeline────▶ PID 1 ──fork──▶ the step
//!   ◀──report, exit──────────────┘               │
//!   ◀──log───────────────────────────────────────┘
//! ```
//!
//! The server (`process/server.rs`) is kiln's program started once: a PID 1 is
//! a copy of it, but the agent's own child, with pipes of its own. No spec and
//! no step's data ever pass the server, so no PID 1 inherits another's; copies
//! share where their memory lies, which no step can look at: its program starts anew.
//!
//! How one scheme serves both (privileged: the agent is root):
//! 1. The agent makes the few folders that lie on the disk: where outputs arrive
//!    is the build user's (privileged) or the agent's.
//! 2. The server clones PID 1 into all new namespaces at once (the network's may be
//!    one that it keeps, see `places.rs`), and the agent writes
//!    the maps from outside: 1000 to the build user (privileged) or to the agent
//!    itself, for whom `setgroups` must be denied first. Then it sends the spec.
//! 3. PID 1 keeps the agent's uid while it opens what is to be shown: that uid
//!    owns the state's folders and may walk through them although it has lost
//!    every right of root on the host.
//! 4. Then it becomes 1000:100, without groups, keeping its rights over its own
//!    namespaces: only an id that has a place there can create files. It fills
//!    the private root, a tmpfs, mounts, pivots to it and makes it read-only.
//! 5. It forbids further user namespaces and drops every capability.
//! 6. It forks the step: a session of its own, limits, default signals, no
//!    descriptor but its streams, `no_new_privs`, the filter of system calls, exec.
//! 7. While the step runs, PID 1 watches its memory and what it writes.
//!
//! PID 1 ends with the step, and the kernel then kills what else is in the
//! namespace; the agent can reap PID 1 only after that. The agent's death ends
//! PID 1 by the lifeline.

mod init;
pub(super) mod mounts;
mod places;
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

pub use init::internal_main;

use super::{Provider, StepLimit, StepLimits, StepOutcome, StepRequest};
use crate::backend::BackendError;
use crate::process::{Bounds, End, ForkJob, ForkServer};
use places::Network;
use spec::{Limit, Limits, Report, SetupError, Spec, User};
use std::os::fd::BorrowedFd;
use std::sync::Arc;

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

impl Provider for Sandbox {
    fn run(&self, request: StepRequest) -> Result<StepOutcome, BackendError> {
        // Its own until every process of the step is gone.
        let (user, _claimed) = self.user(request.slot)?;
        let (limits, log, cancel) = (
            request.limits.clone(),
            request.log.clone(),
            request.cancel.clone(),
        );
        let spec = to_spec(request, user);
        let request = serde_json::to_vec(&spec)
            .map_err(|source| error("write the step for the sandbox", source))?;
        let job = ForkJob {
            place: Network::of(spec.network, user).into(),
            request,
            bounds: Bounds {
                timeout: Some(limits.timeout),
                silence: Some(limits.silence),
                output_limit: Some(limits.log_size),
            },
        };
        let admit = move |init, log: BorrowedFd<'_>| {
            scratch::prepare(&spec)?;
            userns::own(log, user)?;
            userns::map(init, user)
        };
        let ended = self.server.run(job, admit, &cancel, |bytes| log(bytes));
        let ended = ended.map_err(|SetupError { attempted, source }| {
            error(
                &format!("set up the sandbox: {attempted}"),
                userns::explain(source),
            )
        })?;
        outcome(ended.end, &limits, &ended.report)
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

/// `report` is what PID 1 said; the step cannot write there.
fn outcome(end: End, limits: &StepLimits, report: &[u8]) -> Result<StepOutcome, BackendError> {
    let status = match end {
        End::TimedOut => return Ok(StepOutcome::TimedOut(limits.timeout)),
        End::Silent => return Ok(StepOutcome::Silent(limits.silence)),
        End::TooMuchOutput => return Ok(StepOutcome::LogTooLarge(limits.log_size)),
        End::Cancelled => return Ok(StepOutcome::Cancelled),
        End::Stuck { pid } => {
            return Err(error("end the step", format!("process {pid} does not die")));
        }
        End::Exited(status) => status,
    };
    match serde_json::from_slice(report) {
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
        Err(source) => {
            let said = String::from_utf8_lossy(report);
            let attempted = format!("read the report of the step's PID 1 ({status}): {said:?}");
            Err(error(&attempted, source))
        }
    }
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
