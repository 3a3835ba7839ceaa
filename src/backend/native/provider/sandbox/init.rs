//! PID 1 of a step's namespaces, in the memory of its room (`room.rs`): sets
//! everything up, starts the step, reaps, ends what is left, reports. When it is killed
//! the kernel kills what is left, and only then can the agent reap it.

use super::backstage::Door;
use super::program::Program;
use super::room::{Change, Room};
use super::spec::{Attempt, LastWord, Next, Report, RoomSpec, SetupError, Spec};
use super::view::Wanted;
use super::watch::Watch;
use super::{privileges, seccomp, step_root, userns};
use crate::backend::native::provider::cgroup;
use crate::process::{self, GRACE, Serve, Stack, clone_into};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, clone};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// As shells say it: the program could not be run, or is not there.
const CANNOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;

/// A room: serves the agent until it is gone; a PID 1 for each step has its memory.
pub fn internal_main() -> ExitCode {
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    process::serve::<Room>()
}

impl Serve for Room {
    type Ready = Result<Waiting, SetupError>;

    fn set_up(greeting: &[u8], admit: &dyn Fn() -> io::Result<()>) -> Result<Self, Vec<u8>> {
        let room = || {
            // Blocked from its first moment on, or a PID 1 that is asked to end before
            // it listens would never hear of it.
            let blocked = signals().thread_block();
            blocked.attempt(|| "listen to signals".into())?;
            privileges::default_signals();
            seccomp::make_ready();
            let spec: RoomSpec =
                serde_json::from_slice(greeting).attempt(|| "read what the room is for".into())?;
            Room::enter(&spec, admit)
        };
        room().map_err(|error| Report::from(explained(error)).to_bytes())
    }

    fn next(&mut self) -> io::Result<CloneFlags> {
        self.renew()
    }

    fn make_ready(&mut self) -> Self::Ready {
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(&signals(), flags);
        let signals = signals.attempt(|| "listen to signals".into())?;
        let door = step_root::make_ready(self.in_memory, self.mounts.as_ref());
        let door = door.map_err(explained)?;
        if !self.closed {
            privileges::forbid_user_namespaces()?;
            self.closed = true;
        }
        Ok(Waiting { signals, door })
    }

    /// The spec on standard input, which then is the lifeline; the step's log on
    /// standard output; one [`LastWord`] on standard error.
    fn job(&mut self, ready: Self::Ready, group: Option<OwnedFd>) -> bool {
        let report = ready.and_then(|ready| {
            let request = process::read_request();
            let spec = request.and_then(|json| Ok(serde_json::from_slice::<Spec>(&json)?));
            let spec = spec.attempt(|| "read the step".into())?;
            let report = self.run(&spec, &ready, group.as_ref());
            self.next = Change::after(spec);
            report
        });
        let report = match report {
            Ok(Some(report)) => report,
            Ok(None) => return false,
            Err(error) => error.into(),
        };
        // The agent takes the outputs when it hears this: nobody may write any more.
        let view_size = self.view.as_ref().map(|view| view.size);
        end_all() && is_told(&LastWord { report, view_size })
    }
}

/// What a PID 1 has before there is a step.
pub struct Waiting {
    signals: SignalFd,
    door: Option<Door>,
}

impl Change {
    /// As its agent wants it.
    fn after(mut step: Spec) -> Self {
        match std::mem::replace(&mut step.next, Next::Same) {
            Next::Same => Change::None,
            Next::Nothing => Change::Leave,
            Next::View { folder, inputs } => Change::Make(Box::new(Wanted {
                folder,
                inputs,
                of: step,
            })),
        }
    }
}

fn is_told(word: &LastWord) -> bool {
    let word = process::framed(word.to_bytes());
    io::stderr().write_all(&word).is_ok()
}

/// Ends what is left of the step, and waits until it is gone: all processes are this
/// one's children then, however they were started.
fn end_all() -> bool {
    loop {
        let _ = kill(Pid::from_raw(-1), Signal::SIGKILL); // none left is what we want
        match waitpid(None, None) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return error == Errno::ECHILD,
        }
    }
}

fn explained(SetupError { attempted, source }: SetupError) -> SetupError {
    SetupError {
        attempted,
        source: userns::explain(source),
    }
}

impl Room {
    /// `None` when nobody waits for the step any more.
    fn run(
        &mut self,
        spec: &Spec,
        ready: &Waiting,
        group: Option<&OwnedFd>,
    ) -> Result<Option<Report>, SetupError> {
        let (view, door) = (self.view.as_ref(), ready.door.as_ref());
        step_root::furnish(spec, view, door).map_err(explained)?;
        let watch = Watch::new(spec, self.view.as_ref());
        let step = start(spec, group, &mut self.stack)?;
        privileges::drop_capabilities()?;
        supervise(step, watch, &ready.signals)
    }
}

/// What is read from a descriptor instead.
fn signals() -> SigSet {
    [
        Signal::SIGCHLD,
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
    ]
    .into_iter()
    .collect()
}

/// Waits for the step's end; `None` when the agent is gone, or when
/// a step that was asked to end has not done so within the grace.
fn supervise(
    step: Pid,
    mut watch: Watch<'_>,
    signals: &SignalFd,
) -> Result<Option<Report>, SetupError> {
    let mut deadline: Option<Instant> = None;
    loop {
        while let Ok(Some(signal)) = signals.read_signal() {
            if signal.ssi_signo != Signal::SIGCHLD as u32 && deadline.is_none() {
                let _ = kill(Pid::from_raw(-1), Signal::SIGTERM); // none left is what we want
                deadline = Some(Instant::now() + GRACE);
            }
        }
        match reap(step) {
            Some(Report::Exited(0)) => return Ok(Some(Report::Exited(0))),
            Some(report) => return Ok(Some(watch.full().map_or(report, Report::OverLimit))),
            None => {}
        }
        // What is left of it is ended afterwards.
        if let Some(limit) = watch.look() {
            return Ok(Some(Report::OverLimit(limit)));
        }
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO)
            || !patient(signals, watch.due_in().min(left.unwrap_or(Duration::MAX)))?
        {
            return Ok(None);
        }
    }
}

/// Waits for a signal, for a while at most; `false` when the agent is gone: it
/// sends nothing after the request.
fn patient(signals: &SignalFd, patience: Duration) -> Result<bool, SetupError> {
    let stdin = std::io::stdin();
    let mut sources = [
        PollFd::new(signals.as_fd(), PollFlags::POLLIN),
        PollFd::new(stdin.as_fd(), PollFlags::POLLIN),
    ];
    let patience = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
    match poll(&mut sources, patience) {
        Ok(_) | Err(Errno::EINTR) => Ok(sources[1].any() != Some(true)),
        Err(error) => Err(error).attempt(|| "wait for the step".into()),
    }
}

/// Reaps whatever ended; the report once the step itself did.
fn reap(step: Pid) -> Option<Report> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == step => return Some(Report::Exited(code)),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == step => {
                return Some(Report::Signalled(signal as i32));
            }
            Ok(WaitStatus::StillAlive) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

/// The step's first process: it shares this one's memory, which stands still
/// until the program begins, since a copy would cost more than all it does before.
/// Nobody frees what it takes of that memory, so what it needs is made here.
fn start(spec: &Spec, group: Option<&OwnedFd>, stack: &mut Stack) -> Result<Pid, SetupError> {
    let program = Program::of(spec);
    let begin = || {
        let error = match &program {
            Ok(program) => match exec(spec, program) {
                Err(error) => error,
                Ok(never) => match never {},
            },
            Err(error) => {
                let _ = writeln!(io::stderr(), "kiln: {error}");
                return CANNOT_RUN;
            }
        };
        let _ = writeln!(io::stderr(), "kiln: {error}");
        match error.source.kind() {
            io::ErrorKind::NotFound => NOT_FOUND,
            _ => CANNOT_RUN,
        }
    };
    // SAFETY: this process has one thread, and it waits until the other has the
    // program's memory or has ended: stack, closure and heap outlive that.
    let step = unsafe {
        match group {
            Some(group) => clone_into(group.as_raw_fd(), stack, begin),
            None => {
                let shared = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK;
                let begin = Box::new(|| isize::from(begin()));
                clone(begin, stack.bytes(), shared, Some(libc::SIGCHLD))
            }
        }
    };
    step.attempt(|| "start the step's process".into())
}

/// Gives up what is left and becomes the step's program.
fn exec(spec: &Spec, program: &Program) -> Result<Infallible, SetupError> {
    nix::unistd::setsid().attempt(|| "start a session".into())?;
    let null = File::open("/dev/null").attempt(|| "open /dev/null".into())?;
    nix::unistd::dup2_stdin(&null).attempt(|| "close standard input".into())?;
    nix::unistd::dup2_stderr(io::stdout()).attempt(|| "join the outputs".into())?;
    // Not before: from within a namespace no process can be started in a group beside it.
    cgroup::hide().attempt(|| "enter a cgroup namespace".into())?;
    privileges::drop_capabilities()?;
    privileges::limit(&spec.limits)?;
    privileges::unblock_signals()?;
    nix::sys::prctl::set_no_new_privs().attempt(|| "rule out new privileges".into())?;
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    let source = Path::new("/build/src");
    let folder = if source.is_dir() {
        source
    } else {
        Path::new("/build")
    };
    std::env::set_current_dir(folder).attempt(|| format!("enter {}", folder.display()))?;
    privileges::close_descriptors()?;
    if spec.network {
        privileges::leave_abstract_sockets()?;
    }
    seccomp::install()?;
    program.begin().attempt(|| format!("run {}", spec.argv[0]))
}
