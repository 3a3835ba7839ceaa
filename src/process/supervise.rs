//! `kiln internal supervise`: stands between kiln and a program that starts
//! processes of its own, in sessions of their own. It is the subreaper of all of
//! them: none outlives the program, a cancellation, or kiln.
//!
//! ```text
//! kiln ──request, then the lifeline──▶ supervise ──▶ program ──▶ what it starts
//! ```
//! The program has this process's output, and its exit status becomes this
//! process's own.

use super::{GIVE_UP, GRACE, Spawn, read_request, tree};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// The exit code when the program cannot be started, as a shell's.
pub const CANNOT_START: i32 = 127;
/// Between two looks at what still lives.
const TICK: Duration = Duration::from_millis(20);

/// A program whose descendants are to end with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Supervised {
    /// A path, or a name that is looked for in the `PATH` of `env`.
    pub program: String,
    pub args: Vec<String>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// Address-space limit of each process, in bytes.
    pub memory: Option<u64>,
    /// A file or pipe that is its standard input; without one there is nothing.
    pub stdin: Option<PathBuf>,
}

impl Supervised {
    /// What starts it, in `/` and without limits of time or output.
    ///
    /// # Errors
    /// When this very program's path cannot be found out.
    pub fn spawn(&self) -> io::Result<Spawn> {
        Spawn::internal("supervise", serde_json::to_vec(self)?)
    }
}

/// Runs what the request says; ends as the program does.
pub fn internal_main() -> ExitCode {
    match serve() {
        Ok(WaitStatus::Exited(_, code)) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        Ok(WaitStatus::Signaled(_, signal, _)) => die_of(signal),
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "kiln: {error}"); // nobody else can be told
            ExitCode::from(CANNOT_START as u8)
        }
    }
}

fn serve() -> io::Result<WaitStatus> {
    let request: Supervised = serde_json::from_slice(&read_request()?)?;
    // SAFETY: takes numbers and touches no memory of ours.
    if unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) } != 0 {
        return Err(io::Error::last_os_error());
    }
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    let mut mask = SigSet::empty();
    for signal in [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT] {
        mask.add(signal);
    }
    mask.thread_block()?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let signals = SignalFd::with_flags(&mask, flags)?;
    let program = start(&request)?;
    Family {
        program,
        signals,
        ended: None,
        kill_at: None,
    }
    .wait()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the place that starts programs"
)]
fn start(request: &Supervised) -> io::Result<Pid> {
    let mut command = Command::new(&request.program);
    command.args(&request.args).env_clear().envs(&request.env);
    command.stdin(match &request.stdin {
        Some(path) => Stdio::from(File::open(path).map_err(|error| named(path, error))?),
        None => Stdio::null(),
    });
    let memory = request.memory;
    // SAFETY: between fork and exec only system calls are made, on values that
    // were made before; nothing is allocated.
    unsafe {
        command.pre_exec(move || {
            SigSet::empty().thread_set_mask()?;
            if let Some(bytes) = memory {
                setrlimit(Resource::RLIMIT_AS, bytes, bytes)?;
            }
            match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        });
    }
    let child = command.spawn().map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("cannot start {}: {error}", request.program),
        )
    })?;
    Ok(Pid::from_raw(child.id().cast_signed()))
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("cannot open {}: {error}", path.display()),
    )
}

/// The program and all it started.
struct Family {
    program: Pid,
    signals: SignalFd,
    /// Of the program itself, once it is reaped.
    ended: Option<WaitStatus>,
    /// It was asked to end; then it is made to.
    kill_at: Option<Instant>,
}

impl Family {
    /// Until the program is gone, and with it all it started.
    fn wait(mut self) -> io::Result<WaitStatus> {
        loop {
            self.reap();
            if let Some(status) = self.ended {
                self.kill_all()?;
                return Ok(status);
            }
            if self.kill_at.is_some_and(|at| at <= Instant::now()) {
                self.kill_all()?;
                // Not even SIGKILL ends it: kiln reports what is left.
                return self.ended.ok_or_else(|| io::ErrorKind::TimedOut.into());
            }
            if self.pause()? && self.kill_at.is_none() {
                let _ = nix::sys::signal::kill(self.program, Signal::SIGTERM); // it may be gone
                self.kill_at = Some(Instant::now() + GRACE);
            }
        }
    }

    /// SIGKILL until none is left; those that are made meanwhile are found the
    /// next time round.
    fn kill_all(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + GIVE_UP;
        loop {
            if self.reap() {
                return Ok(()); // who looks through all processes takes some milliseconds
            }
            let living = tree::below(getpid(), None);
            if living.is_empty() || deadline <= Instant::now() {
                return Ok(());
            }
            tree::signal(&living, Signal::SIGKILL);
            let mut sources = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            wait_for(&mut sources, Some(TICK))?;
            while let Ok(Some(_)) = self.signals.read_signal() {}
        }
    }

    /// Whether no child is left, and so nobody below: whoever loses its parent
    /// becomes a child.
    fn reap(&mut self) -> bool {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Err(error) => return error == nix::errno::Errno::ECHILD,
                Ok(WaitStatus::StillAlive) => return false,
                Ok(status) if status.pid() == Some(self.program) => self.ended = Some(status),
                Ok(_) => {}
            }
        }
    }

    /// Waits for a child's end, the next limit, or to be asked to end; whether
    /// that was asked. The lifeline's end asks too.
    fn pause(&self) -> io::Result<bool> {
        let stdin = io::stdin();
        let left = self
            .kill_at
            .map(|at| at.saturating_duration_since(Instant::now()));
        let signals = PollFd::new(self.signals.as_fd(), PollFlags::POLLIN);
        let mut sources = [signals, PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        // Once the lifeline has ended it is ready for ever.
        let watched = if self.kill_at.is_some() { 1 } else { 2 };
        wait_for(&mut sources[..watched], left)?;
        let mut asked = watched == 2 && sources[1].any().unwrap_or(false);
        while let Ok(Some(signal)) = self.signals.read_signal() {
            asked |= signal.ssi_signo != libc::SIGCHLD as u32;
        }
        Ok(asked)
    }
}

fn wait_for(sources: &mut [PollFd<'_>], most: Option<Duration>) -> io::Result<()> {
    let most = most.map_or(PollTimeout::NONE, |most| {
        PollTimeout::try_from(most).unwrap_or(PollTimeout::MAX)
    });
    match poll(sources, most) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Ends this process as the program ended.
fn die_of(signal: Signal) -> ExitCode {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: the default action runs no code of ours.
    let _ = unsafe { sigaction(signal, &default) }; // SIGKILL has no other
    let _ = SigSet::empty().thread_set_mask();
    let _ = raise(signal);
    // A signal that does not end anybody did not end the program either.
    ExitCode::from(u8::try_from(128 + signal as i32).unwrap_or(u8::MAX))
}
