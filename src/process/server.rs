//! A server that forks: a program of kiln's own, started once, which makes a
//! copy of itself for each job instead of being started anew. To start a large
//! program costs more than a small job does: exec, the loader, relocations.
//!
//! ```text
//! caller ──place; stdin, stdout, stderr (SCM_RIGHTS)──▶ server ──clone──▶ job
//!   ▲  ◀──────────── pid, or minus errno ───────────────┘                  │
//!   └────────── child of the caller (CLONE_PARENT): waited for, killed ────┘
//! ```
//! The place says which namespaces the job begins in. A job is the caller's child
//! as if the caller had started it: the same group, lifeline and kill path,
//! reaped by the caller alone. It gets its request last, so that the caller can
//! do before what only the caller may (map its users). The server has one
//! thread, reads no request itself, so that no job finds another's in its
//! memory, and holds no end of a job's pipes once it has answered. It ends when
//! its caller does (end-of-file on its socket), or when it was idle for a while.

use super::job::{Ended, Forked, Job};
use super::{Bounds, Cancel, GIVE_UP, framed, program};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, recv, sendmsg, setsockopt,
    socketpair, sockopt::ReceiveTimeout,
};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::process::Command;

pub(super) const STREAMS: usize = 3;

/// What a copy of the server is to do.
pub struct ForkJob {
    /// Where it begins, as the server's [`serve`] knows it.
    pub place: u64,
    pub request: Vec<u8>,
    pub bounds: Bounds,
}

/// The caller's side. The server is started when the first job is run.
#[derive(Debug)]
pub struct ForkServer {
    /// The `internal` subcommand that calls [`serve`].
    name: &'static str,
    socket: Mutex<Option<OwnedFd>>,
    /// Killed, and not waited for by anybody else.
    left: Mutex<Vec<Pid>>,
}

impl ForkServer {
    /// Starts nothing yet.
    pub fn new(name: &'static str) -> Arc<Self> {
        Arc::new(ForkServer {
            name,
            socket: Mutex::default(),
            left: Mutex::default(),
        })
    }

    /// Runs a job to its end, on this thread. Before the job gets its request,
    /// `admit` is called with its process and the pipe it prints to.
    ///
    /// # Errors
    /// When the server cannot be started, or cannot fork, or what `admit` says.
    pub fn run<E: From<io::Error>>(
        self: &Arc<Self>,
        job: ForkJob,
        admit: impl FnOnce(Pid, BorrowedFd<'_>) -> Result<(), E>,
        cancel: &Cancel,
        on_output: impl FnMut(&[u8]),
    ) -> Result<Ended, E> {
        let started = self.job(job.place)?;
        admit(started.process.id(), started.stdout.as_fd())?;
        Ok(started.attend(framed(job.request), job.bounds, cancel, on_output)?)
    }

    /// A new job; a server that ended while it was idle is started again.
    fn job(self: &Arc<Self>, place: u64) -> io::Result<Job> {
        self.reap();
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = socket.take()
            && let Ok(forked) = self.ask(&open, place)
        {
            *socket = Some(open);
            return forked;
        }
        // With pipes of its own: a copy that the old server may have made
        // finds its standard input closed and ends.
        let open = self.start()?;
        let forked = self.ask(&open, place)?;
        *socket = Some(open);
        forked
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "as the module above: this is the place that starts programs"
    )]
    fn start(&self) -> io::Result<OwnedFd> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
        let patience = TimeVal::seconds(GIVE_UP.as_secs().cast_signed());
        setsockopt(&ours, ReceiveTimeout, &patience)?;
        let mut command = Command::new(program()?);
        command
            .args(["internal", self.name])
            .env_clear()
            .current_dir("/");
        command
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // Not killed but left: it ends by its socket, and the runtime reaps it.
        command.process_group(0).spawn().map(drop)?;
        Ok(ours)
    }

    /// The outer error is a server that is gone; the inner one its refusal.
    fn ask(self: &Arc<Self>, socket: &OwnedFd, place: u64) -> io::Result<io::Result<Job>> {
        let (request, stdin) = io::pipe()?;
        let (stdout, out) = io::pipe()?;
        let (report, err) = io::pipe()?;
        let theirs = [request.as_raw_fd(), out.as_raw_fd(), err.as_raw_fd()];
        let pass = [ControlMessage::ScmRights(&theirs)];
        let flags = MsgFlags::MSG_NOSIGNAL;
        // A child's end interrupts both calls, and neither goes on by itself.
        let place = place.to_ne_bytes();
        let parts = [IoSlice::new(&place)];
        uninterrupted(|| sendmsg::<()>(socket.as_raw_fd(), &parts, &pass, flags, None))?;
        let mut answer = [0; 4];
        let length = uninterrupted(|| recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty()))?;
        if length != answer.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(match i32::from_ne_bytes(answer) {
            pid if pid > 0 => Ok(Job {
                process: Forked::new(Pid::from_raw(pid), Arc::clone(self)),
                stdin,
                stdout,
                report,
            }),
            errno => Err(io::Error::from_raw_os_error(-errno)),
        })
    }

    /// Somebody has to wait for it: the next job's thread does.
    pub(super) fn leave(&self, pid: Pid) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.push(pid);
        drop(left);
        self.reap();
    }

    /// Those that were killed without anybody waiting.
    fn reap(&self) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.retain(|pid| {
            let waited = waitpid(*pid, Some(WaitPidFlag::WNOHANG));
            matches!(
                waited,
                Ok(nix::sys::wait::WaitStatus::StillAlive) | Err(Errno::EINTR)
            )
        });
    }
}

fn uninterrupted<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            other => return other,
        }
    }
}
