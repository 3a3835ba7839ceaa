//! `kiln internal sandbox`: the server, and its copy that is the outer process
//! of one step, each with one thread. The copy
//! prepares the scratch folder, makes the namespaces, waits until the last
//! process in them is gone, and leaves the report.

use super::spec::{Attempt, Layout, Report, SetupError, Spec};
use super::{init, scratch, userns};
use crate::process::{self, GRACE};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, pipe2};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Instant;

/// The request could not be read, or the report not be written.
const NO_REPORT: u8 = 70;

/// Serves the agent until it is gone: a copy of this process for each step.
pub fn internal_main() -> ExitCode {
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    process::serve(step)
}

/// Runs one step: the spec on standard input, which then is the lifeline; the
/// step's log on standard output; the report in the scratch folder.
fn step() -> u8 {
    let request = process::read_request();
    let spec = request.and_then(|json| Ok(serde_json::from_slice::<Spec>(&json)?));
    let spec = match spec {
        Ok(spec) => spec,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "kiln: read the step: {error}");
            return NO_REPORT;
        }
    };
    let report = run(&spec).unwrap_or_else(Report::from);
    match leave(&spec, &report) {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "kiln: {error}");
            NO_REPORT
        }
    }
}

fn leave(spec: &Spec, report: &Report) -> Result<(), SetupError> {
    let path = Layout(&spec.scratch).report();
    let written = serde_json::to_vec(report).map_err(std::io::Error::from);
    let written = written.and_then(|json| fs::write(&path, json));
    written.attempt(|| format!("write {}", path.display()))
}

fn run(spec: &Spec) -> Result<Report, SetupError> {
    scratch::prepare(spec)?;
    scratch::own_output(spec.user)?;
    let signals = listen()?;
    let mut init = Init::start(spec)?;
    let pid_file = Layout(&spec.scratch).init_pid();
    let pid = init.pid.as_raw();
    // Its number alone could be another process's once this helper has ended.
    let started = super::started(pid).attempt(|| format!("look at process {pid}"))?;
    fs::write(&pid_file, format!("{pid} {started}"))
        .attempt(|| format!("write {}", pid_file.display()))?;
    userns::map(init.pid, spec.user)?;
    init.order(init::GO);
    wait(&mut init, &signals)?;
    init.report()
}

/// Blocks the signals that are read from the descriptor instead.
fn listen() -> Result<SignalFd, SetupError> {
    let mut signals = SigSet::empty();
    for signal in [
        Signal::SIGCHLD,
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
    ] {
        signals.add(signal);
    }
    signals.thread_block().attempt(|| "block signals".into())?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    SignalFd::with_flags(&signals, flags).attempt(|| "listen to signals".into())
}

/// The step's PID 1, killed and waited for when dropped: once it is reaped,
/// the kernel has ended every process of its namespace.
struct Init {
    pid: Pid,
    gone: bool,
    orders: Option<File>,
    reports: File,
}

impl Init {
    fn start(spec: &Spec) -> Result<Self, SetupError> {
        let pipe = || pipe2(OFlag::O_CLOEXEC).attempt(|| "make a pipe".into());
        let (orders, ordering) = pipe()?;
        let (reports, reporting) = pipe()?;
        let (orders, mut reporting) = (File::from(orders), File::from(reporting));
        let mut ordering = Some(File::from(ordering));
        let pid = userns::clone(spec.network, || {
            // The copy must not hold its own orders open.
            ordering = None;
            init::run(spec, &orders, &mut reporting)
        })?;
        Ok(Init {
            pid,
            gone: false,
            orders: ordering,
            reports: File::from(reports),
        })
    }

    fn order(&mut self, order: u8) {
        if let Some(pipe) = &mut self.orders {
            let _ = pipe.write_all(&[order]); // a PID 1 that is gone is seen by `wait`
        }
    }

    fn kill(&self) {
        let _ = kill(self.pid, Signal::SIGKILL); // not reaped yet, so it is still ours
    }

    /// Whether it has been reaped, looking without waiting.
    fn reap(&mut self) -> bool {
        let waited = waitpid(self.pid, Some(WaitPidFlag::WNOHANG));
        self.gone = !matches!(waited, Ok(WaitStatus::StillAlive) | Err(Errno::EINTR));
        self.gone
    }

    fn report(mut self) -> Result<Report, SetupError> {
        let mut json = Vec::new();
        let read = self.reports.read_to_end(&mut json);
        let report = read.and_then(|_| Ok(serde_json::from_slice(&json)?));
        report.attempt(|| "read the report of the step's PID 1, which was killed".into())
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        if !self.gone {
            self.kill();
            let _ = waitpid(self.pid, None);
        }
    }
}

/// Until PID 1 is reaped. A signal asks the step to end and kills it after the
/// grace; the end of the lifeline kills it at once.
fn wait(init: &mut Init, signals: &SignalFd) -> Result<(), SetupError> {
    let stdin = std::io::stdin();
    let mut deadline: Option<Instant> = None;
    let mut lifeline = true;
    loop {
        while let Ok(Some(signal)) = signals.read_signal() {
            if signal.ssi_signo != Signal::SIGCHLD as u32 && deadline.is_none() {
                init.order(init::TERMINATE);
                deadline = Some(Instant::now() + GRACE);
            }
        }
        if init.reap() {
            return Ok(());
        }
        let timeout = match deadline {
            Some(at) if at <= Instant::now() => {
                init.kill();
                PollTimeout::NONE
            }
            Some(at) => PollTimeout::try_from(at - Instant::now()).unwrap_or(PollTimeout::MAX),
            None => PollTimeout::NONE,
        };
        let mut sources = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        if lifeline {
            sources.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut sources, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error).attempt(|| "wait for the step".into()),
        }
        if sources.get(1).and_then(PollFd::any) == Some(true) {
            lifeline = false; // nothing is ever sent after the request
            init.kill();
        }
    }
}
