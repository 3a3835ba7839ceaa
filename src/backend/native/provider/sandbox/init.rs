//! PID 1 of the step's namespaces: sets everything up, starts the step, reaps,
//! reports. When it ends, the kernel kills what is left.

use super::root::Root;
use super::spec::{Attempt, Report, STORE, SetupError, Spec};
use super::watch::Watch;
use super::{privileges, seccomp, userns};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::Path;

/// The helper's orders. The end of the pipe means that the helper is gone.
pub(super) const GO: u8 = b'g';
pub(super) const TERMINATE: u8 = b't';

/// Runs the step and writes one [`Report`]; returns PID 1's exit status.
pub(super) fn run(spec: &Spec, orders: &File, report: &mut File) -> isize {
    let outcome = set_up(spec, orders).and_then(|()| supervise(spec, orders));
    let outcome = match outcome {
        Ok(Some(report)) => report,
        Ok(None) => return 1,
        Err(error) => error.into(),
    };
    let written = serde_json::to_vec(&outcome).map(|json| report.write_all(&json));
    isize::from(!matches!(written, Ok(Ok(()))))
}

fn set_up(spec: &Spec, mut orders: &File) -> Result<(), SetupError> {
    let mut order = [0];
    orders
        .read_exact(&mut order)
        .attempt(|| "wait for the user mapping".into())?;
    nix::unistd::sethostname("localhost").attempt(|| "set the host name".into())?;
    if !spec.network {
        loopback_up()?;
    }
    let explained = |SetupError { attempted, source }| SetupError {
        attempted,
        source: userns::explain(source),
    };
    let root = Root::claim(spec).map_err(explained)?;
    // It keeps its capabilities over the namespaces: its uid was no root there.
    userns::become_step_user(spec.user)?;
    root.fill().map_err(explained)?;
    // After the change of user, which takes it away. The pipe of orders covers
    // a helper that died before.
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).attempt(|| "bind to the helper".into())?;
    privileges::forbid_user_namespaces()?;
    privileges::drop_capabilities()?;
    // The step has the same uid: it shall not look into this process.
    nix::sys::prctl::set_dumpable(false).attempt(|| "close PID 1 to the step".into())
}

fn loopback_up() -> Result<(), SetupError> {
    let attempted = || "bring the loopback interface up".to_owned();
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").attempt(attempted)?;
    // SAFETY: an all-zero ifreq is a valid one.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    let flags = libc::IFF_UP | libc::IFF_RUNNING;
    request.ifr_ifru.ifru_flags = flags as libc::c_short;
    let socket = std::os::fd::AsRawFd::as_raw_fd(&socket);
    // SAFETY: the request outlives the call and has the type it expects.
    let answer = unsafe { libc::ioctl(socket, libc::SIOCSIFFLAGS as _, &raw const request) };
    Errno::result(answer).map(drop).attempt(attempted)
}

/// Starts the step and waits for its end; `None` when the helper is gone.
fn supervise(spec: &Spec, orders: &File) -> Result<Option<Report>, SetupError> {
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    children.thread_block().attempt(|| "block SIGCHLD".into())?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let signals = SignalFd::with_flags(&children, flags).attempt(|| "listen to SIGCHLD".into())?;
    let mut watch = Watch::new(spec);
    let step = start(spec)?;
    let mut orders = orders;
    loop {
        while let Ok(Some(_)) = signals.read_signal() {}
        match reap(step) {
            Some(Report::Exited(0)) => return Ok(Some(Report::Exited(0))),
            Some(report) => return Ok(Some(watch.full().map_or(report, Report::OverLimit))),
            None => {}
        }
        // The rest of the namespace ends with this process.
        if let Some(limit) = watch.look() {
            return Ok(Some(Report::OverLimit(limit)));
        }
        let mut sources = [
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(orders.as_fd(), PollFlags::POLLIN),
        ];
        let patience = PollTimeout::try_from(watch.due_in()).unwrap_or(PollTimeout::MAX);
        match poll(&mut sources, patience) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error).attempt(|| "wait for the step".into()),
        }
        if sources[1].any() == Some(true) {
            let mut order = [0];
            match orders.read(&mut order) {
                Ok(1) if order[0] == TERMINATE => {
                    let _ = kill(Pid::from_raw(-1), Signal::SIGTERM); // none left is what we want
                }
                _ => return Ok(None),
            }
        }
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

fn start(spec: &Spec) -> Result<Pid, SetupError> {
    // SAFETY: this process has one thread.
    match unsafe { fork() }.attempt(|| "start the step's process".into())? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            let error = match exec(spec) {
                Err(error) => error,
                Ok(never) => match never {},
            };
            let _ = writeln!(std::io::stderr(), "kiln: {error}");
            let missing = error.source.kind() == std::io::ErrorKind::NotFound;
            // SAFETY: ends this copy at once, without the destructors of PID 1.
            unsafe { libc::_exit(if missing { 127 } else { 126 }) }
        }
    }
}

/// Gives up what is left and becomes the step's program.
fn exec(spec: &Spec) -> Result<std::convert::Infallible, SetupError> {
    nix::unistd::setsid().attempt(|| "start a session".into())?;
    let null = File::open("/dev/null").attempt(|| "open /dev/null".into())?;
    nix::unistd::dup2_stdin(&null).attempt(|| "close standard input".into())?;
    nix::unistd::dup2_stderr(std::io::stdout()).attempt(|| "join the outputs".into())?;
    privileges::limit(&spec.limits)?;
    privileges::default_signals()?;
    nix::sys::prctl::set_no_new_privs().attempt(|| "rule out new privileges".into())?;
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    let source = Path::new("/build/src");
    let folder = if source.is_dir() {
        source
    } else {
        Path::new("/build")
    };
    std::env::set_current_dir(folder).attempt(|| format!("enter {}", folder.display()))?;
    let argv = c_strings(spec.argv.iter().cloned())?;
    let env = c_strings(
        spec.env
            .iter()
            .map(|(name, value)| format!("{name}={value}")),
    )?;
    let nothing = || std::io::Error::from(std::io::ErrorKind::InvalidInput);
    let program = argv
        .first()
        .ok_or_else(nothing)
        .attempt(|| "run an empty command".into())?;
    privileges::close_descriptors()?;
    if spec.network {
        privileges::leave_abstract_sockets()?;
    }
    seccomp::install()?;
    nix::unistd::execve(program, &argv, &env).attempt(|| format!("run {}", spec.argv[0]))
}

fn c_strings(texts: impl Iterator<Item = String>) -> Result<Vec<CString>, SetupError> {
    texts
        .map(|text| CString::new(text).attempt(|| format!("run a step of {STORE}")))
        .collect()
}
