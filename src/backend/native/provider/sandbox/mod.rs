//! kiln's own sandbox: a step in user, mount, PID, network, IPC and UTS namespaces of
//! its room or its own, the same way for root and for an ordinary user.
//!
//! In: a [`StepRequest`]. Out: a [`StepOutcome`], the step's log, and its
//! outputs in `<scratch>/store`. It knows neither graph nor store.
//!
//! ```text
//! agent ──greeting, map──▶ room: namespaces, private root ──vfork──▶ PID 1: waits
//!   │                                                                  │
//!   └──spec, lifeline─────────────────────────────────────────────▶ the same ──▶ the step
//!   ◀──log─────────────────────────────────────────────────────────────────────────┘
//!   ◀──last word: nobody is left─────────────────────────────────────┘
//! ```
//!
//! A room (`room.rs`) is kiln's program started once for the steps of one user, one
//! after the other; a PID 1 has its memory (`process/serve.rs`), but is the agent's
//! own child, with pipes of its own. No step can look at that memory: its program
//! starts anew, and PID 1 is closed to it.
//!
//! How one scheme serves both (privileged: the agent is root):
//! 1. The room leaves the host: user, mount, UTS and network namespace. The agent
//!    writes the maps from outside: 1000 to the build user (privileged) or to the
//!    agent itself, for whom `setgroups` must be denied first.
//! 2. The room keeps the agent's uid while it opens what is to be shown: that uid
//!    owns the state's folders and may walk through them although it has lost
//!    every right of root on the host.
//! 3. Then it becomes 1000:100, without groups, keeping its rights over its own
//!    namespaces: only an id that has a place there can create files. It fills
//!    the private root, a tmpfs, pivots to it and makes it read-only.
//! 4. Before each step comes the room clones its PID 1 into PID, mount and IPC
//!    namespaces of its own. It mounts what no step differs in, forbids further user
//!    namespaces, and lets go of the host's folders (`step_root.rs`).
//! 5. For the step the agent makes the few folders that lie on the disk, and PID 1
//!    mounts inputs and outputs (`store_view.rs`), but those inputs that the room has
//!    there already (`views.rs`).
//! 6. It forks the step: a session of its own, in a cgroup of its own where the agent
//!    has one, no capability, limits, default signals, no descriptor but its streams,
//!    `no_new_privs`, the filter of system calls, exec. Then it has no capability either.
//! 7. While the step runs, PID 1 watches its memory and what it writes; where the
//!    step has a cgroup, the kernel keeps memory and processes instead.
//! 8. When the step has ended PID 1 ends what is left, reaps all of it, and says how the
//!    step ended: the agent takes the outputs then.
//!
//! When PID 1 is killed, or a limit ends the step, the kernel kills what else is in the
//! namespace, and the agent goes on when it has reaped PID 1. The agent's death ends
//! PID 1 by the lifeline, and the room by its socket.

mod backstage;
mod in_room;
mod init;
pub(super) mod mounts;
mod privileges;
pub mod probe;
mod program;
mod room;
mod rooms;
mod root;
mod scratch;
mod seccomp;
pub(super) mod spec;
mod step_root;
mod store_view;
pub(super) mod userns;
mod users;
mod view;
mod views;
mod watch;

pub(crate) use spec::OWN_FOLDERS;

pub use init::internal_main;

use super::cgroup::{Groups, Reached, StepGroup};
use super::{Provider, StepLimit, StepLimits, StepOutcome, StepRequest};
use crate::backend::BackendError;
use crate::process::{Bounds, End, Ended, ForkError, ForkJob};
use in_room::InRoom;
use rooms::{Placed, Rooms};
use spec::{LastWord, Limit, Limits, Next, Report, RoomSpec, SetupError, Spec, User};
use std::io;
use std::os::fd::BorrowedFd;

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
pub struct Sandbox {
    users: Users,
    rooms: Rooms,
    groups: Groups,
}

impl Sandbox {
    /// A provider; starts nothing yet.
    pub fn new(config: SandboxConfig) -> Self {
        Sandbox {
            users: Users::new(config.build_users),
            rooms: Rooms::default(),
            groups: Groups::default(),
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
        let limits = request.limits.clone();
        let placed = Placed::of(&request, user);
        let ended = placed.and_then(|placed| self.run_in(placed, request));
        let (room, ended, reached) = ended.map_err(|SetupError { attempted, source }| {
            error(&format!("set up the sandbox: {attempted}"), source)
        })?;
        reached.explain(outcome(&room, ended, &limits), &limits)
    }
}

impl Sandbox {
    fn run_in(
        &self,
        placed: Placed,
        request: StepRequest,
    ) -> Result<(RoomSpec, Ended, Reached), SetupError> {
        let Placed {
            room,
            scratch,
            src,
            inputs,
        } = placed;
        let (user, limits) = (room.user, request.limits);
        let group = self.groups.claim(&limits, user.build_user());
        let mut spec = Spec {
            argv: request.argv,
            files: request.files,
            env: request.env,
            src,
            inputs,
            view: None,
            next: Next::Same,
            network: request.network,
            scratch,
            limits: Limits {
                memory: limits.memory,
                processes: Some(limits.processes),
                output_size: limits.output_size,
                scratch: limits.scratch.bytes,
                scratch_on_disk: limits.scratch.on_disk,
            },
        };
        if group.is_some() {
            spec.limits.kept_by_group();
        }
        scratch::prepare(&request.scratch, &spec, user)?;
        let room = self.rooms.room(room, &self.groups)?;
        let step = InRoom::new(&room, spec);
        let job = ForkJob {
            group: group.as_ref().and_then(StepGroup::door),
            request: &|start| step.request(start),
            bounds: Bounds {
                timeout: Some(limits.timeout),
                silence: Some(limits.silence),
                output_limit: Some(limits.log_size),
            },
        };
        let (own, log) = (|pipe: BorrowedFd<'_>| userns::own(pipe, user), &request.log);
        let ended = room
            .server
            .run(job, own, &request.cancel, |bytes| log(bytes));
        let ended = ended.map_err(|error| match error {
            ForkError::Io(error) => error.into(),
            ForkError::Refused(said) => rooms::refusal(&said),
            ForkError::Cancelled => io::Error::from(io::ErrorKind::Interrupted).into(),
        })?;
        step.over(&ended, &request.scratch)?;
        let reached = group.map_or(Reached::default(), StepGroup::over);
        Ok((room.spec.clone(), ended, reached))
    }
}

/// By PID 1's last word; the step cannot write there.
fn outcome(
    room: &RoomSpec,
    ended: Ended,
    limits: &StepLimits,
) -> Result<StepOutcome, BackendError> {
    let said = match ended {
        Ended::Said(said) => said,
        Ended::Without(end) => return silent(end, limits),
        Ended::NotBegun => {
            let why = "it ended before it took the step";
            return Err(error("have the step's PID 1 run it", why));
        }
    };
    let word = serde_json::from_slice(&said);
    match word.map(|LastWord { report, .. }| report) {
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
        }) => {
            let attempted = room.in_words_of_the_host(&attempted);
            Err(error(&format!("set up the sandbox: {attempted}"), why))
        }
        Err(source) => {
            let said = String::from_utf8_lossy(&said);
            Err(error(
                &format!("read the report of the step's PID 1: {said:?}"),
                source,
            ))
        }
    }
}

/// Without a word of PID 1's.
fn silent(end: End, limits: &StepLimits) -> Result<StepOutcome, BackendError> {
    match end {
        End::TimedOut => Ok(StepOutcome::TimedOut(limits.timeout)),
        End::Silent => Ok(StepOutcome::Silent(limits.silence)),
        End::TooMuchOutput => Ok(StepOutcome::LogTooLarge(limits.log_size)),
        End::Cancelled => Ok(StepOutcome::Cancelled),
        End::Stuck { pid } => Err(error("end the step", format!("process {pid} does not die"))),
        End::Exited(status) => Err(error(
            "hear of the step's PID 1 how the step ended",
            format!("it ended without a word: {status}"),
        )),
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
