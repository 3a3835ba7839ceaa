//! `kiln internal hook-runner FOLDER`: the process beside the agent that runs
//! one attempt of a hook, waits until everything it started is gone, ends it
//! all at the timeout, and leaves the outcome. It reads and writes nothing but
//! its folder; standard input is the lock it holds as long as it lives.

use super::run::{End, Folder, NOT_RUN, Outcome, Request};
use crate::config::owned_command;
use crate::model::{Failure, now};
use crate::process::{Credentials, GIVE_UP, GRACE, Owned, tree};
use crate::state::files;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, User, fork, geteuid, getgrouplist, getpid, setsid};
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Bytes of log after which a hook is ended.
const LOG_LIMIT: u64 = 64 << 20;
/// As a shell says that SIGXFSZ ended something.
const TOO_MUCH: i32 = 128 + 25;
/// What announces itself by no signal: the log's size, grandchildren.
const TICK: Duration = Duration::from_secs(1);
const TICK_WHILE_ENDING: Duration = Duration::from_millis(50);

/// Forks: the parent is done, the child runs the hook in a session of its own.
pub fn internal_main(folder: &Path) -> ExitCode {
    // SAFETY: no thread was started in this process.
    match unsafe { fork() } {
        Ok(ForkResult::Parent { .. }) => ExitCode::SUCCESS,
        Ok(ForkResult::Child) => match serve(folder) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // Nobody listens but whoever reads the log; the agent sees that
                // there is no outcome.
                let _ = open_log(folder).and_then(|mut log| writeln!(log, "kiln: {error}"));
                ExitCode::FAILURE
            }
        },
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve(folder: &Path) -> io::Result<()> {
    setsid()?;
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    // SAFETY: takes numbers and touches no memory of ours.
    if unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let request: Request = serde_json::from_slice(&std::fs::read(Folder(folder).request())?)?;
    let mut log = open_log(folder)?;
    if request.attempt == 1 {
        log.set_len(0)?;
    } else {
        writeln!(log, "kiln: attempt {}", request.attempt)?;
    }
    let begins = log.seek(SeekFrom::End(0))?;
    let end = attempt(&request, &mut log, begins);
    let log_tail = match end {
        End::Exited { code: 0 } => String::new(),
        End::Exited { .. } | End::TimedOut => tail(folder, begins)?,
    };
    let outcome = Outcome {
        started_at: request.started_at,
        ended_at: now(),
        end,
        log_tail,
    };
    let json = serde_json::to_vec_pretty(&outcome)?;
    files::replace(&Folder(folder).outcome(), &json).map_err(io::Error::other)
}

fn open_log(folder: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o640)
        .custom_flags(libc::O_NOFOLLOW)
        .open(Folder(folder).log())
}

/// The last lines of this attempt.
fn tail(folder: &Path, begins: u64) -> io::Result<String> {
    let mut log = File::open(Folder(folder).log())?;
    let length = log.metadata()?.len();
    let most = Failure::LOG_TAIL as u64;
    log.seek(SeekFrom::Start(begins.max(length.saturating_sub(most))))?;
    let mut bytes = Vec::new();
    log.take(most).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What went wrong with kiln's part is said in the log, as the hook's words are.
fn attempt(request: &Request, log: &mut File, begins: u64) -> End {
    let run = start(request, log).map(|(main, signals)| Tree {
        request,
        main,
        signals,
        status: None,
    });
    let ended = run.and_then(|tree| tree.wait(log, begins));
    ended.unwrap_or_else(|error| {
        let _ = writeln!(log, "kiln: {error}");
        End::Exited { code: NOT_RUN }
    })
}

fn start(request: &Request, log: &File) -> io::Result<(Pid, SignalFd)> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGCHLD);
    signals.thread_block()?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let signals = SignalFd::with_flags(&signals, flags)?;
    let program = request.command.first().map(Path::new);
    let program = owned_command(program.unwrap_or(Path::new(""))).map_err(io::Error::other)?;
    let owned = Owned {
        program,
        argv: request.command.clone(),
        env: request.env.clone(),
        input: input(&request.input)?,
        output: log.try_clone()?,
        user: match &request.user {
            Some(name) => credentials(name)?,
            None => None,
        },
    };
    let pid = owned.start().map_err(|error| {
        let program = request.command.first().map_or("", String::as_str);
        io::Error::other(format!("cannot start {program}: {error}"))
    })?;
    Ok((Pid::from_raw(pid.cast_signed()), signals))
}

/// A file without a name: a hook that reads none of it holds nobody up.
fn input(text: &str) -> io::Result<File> {
    let mut file = File::from(memfd_create(c"generation.json", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

/// `None`: it is the user we are, so nothing has to change.
fn credentials(name: &str) -> io::Result<Option<Credentials>> {
    let missing = || io::Error::other(format!("there is no user {name:?} here"));
    let user = User::from_name(name)?.ok_or_else(missing)?;
    if user.uid == geteuid() {
        return Ok(None);
    }
    let groups = getgrouplist(&CString::new(name)?, user.gid)?;
    Ok(Some(Credentials {
        uid: user.uid,
        gid: user.gid,
        groups,
    }))
}

/// The hook and all it started.
struct Tree<'a> {
    request: &'a Request,
    main: Pid,
    signals: SignalFd,
    /// Of the hook itself, once it is reaped.
    status: Option<i32>,
}

impl Tree<'_> {
    /// Until the last process is gone; at the timeout, all of them are ended.
    fn wait(mut self, log: &mut File, begins: u64) -> io::Result<End> {
        let deadline = Instant::now().checked_add(self.request.timeout);
        loop {
            self.reap();
            if let Some(code) = self.status
                && self.living().is_empty()
            {
                return Ok(End::Exited { code });
            }
            if deadline.is_some_and(|at| at <= Instant::now()) {
                let timeout = self.request.timeout.as_secs();
                self.end(log, &format!("it took longer than {timeout} s"))?;
                return Ok(End::TimedOut);
            }
            if log.metadata()?.len().saturating_sub(begins) > LOG_LIMIT {
                self.end(log, "it printed more than 64 MiB")?;
                return Ok(End::Exited { code: TOO_MUCH });
            }
            let left = deadline.map_or(TICK, |at| at.saturating_duration_since(Instant::now()));
            self.pause(left.min(TICK))?;
        }
    }

    /// SIGTERM, a grace, SIGKILL until none is left.
    fn end(&mut self, log: &mut File, why: &str) -> io::Result<()> {
        let names: Vec<String> = self.living().into_iter().map(tree::name).collect();
        writeln!(log, "kiln: {why}: ending {}", names.join(", "))?;
        tree::signal(&self.living(), Signal::SIGTERM);
        if self.gone_within(GRACE, |_| {})? {
            return Ok(());
        }
        // Those that are made meanwhile are found the next time round.
        if !self.gone_within(GIVE_UP, |living| tree::signal(living, Signal::SIGKILL))? {
            let names: Vec<String> = self.living().into_iter().map(tree::name).collect();
            writeln!(log, "kiln: not even SIGKILL ends {}", names.join(", "))?;
        }
        Ok(())
    }

    fn gone_within(&mut self, patience: Duration, each: impl Fn(&[Pid])) -> io::Result<bool> {
        let deadline = Instant::now() + patience;
        loop {
            self.reap();
            let living = self.living();
            if living.is_empty() {
                return Ok(true);
            }
            if deadline <= Instant::now() {
                return Ok(false);
            }
            each(&living);
            self.pause(TICK_WHILE_ENDING)?;
        }
    }

    /// All but an agent that the hook started, as the restart of a service does
    /// where nothing but its caller starts it.
    fn living(&self) -> Vec<Pid> {
        let agent = std::fs::read_to_string(&self.request.agent).ok();
        let agent = agent.and_then(|text| text.trim().parse().ok());
        tree::below(getpid(), agent.map(Pid::from_raw))
    }

    fn reap(&mut self) {
        while self
            .signals
            .read_signal()
            .is_ok_and(|signal| signal.is_some())
        {}
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) if pid == self.main => self.status = Some(code),
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == self.main => {
                    self.status = Some(128 + signal as i32);
                }
                Ok(WaitStatus::StillAlive) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    fn pause(&self, most: Duration) -> io::Result<()> {
        let most = PollTimeout::try_from(most).unwrap_or(PollTimeout::MAX);
        let mut sources = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        match poll(&mut sources, most) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
