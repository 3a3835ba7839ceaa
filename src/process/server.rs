//! A server that forks: a program of kiln's own, started once, whose memory the process
//! of each job has in turn, instead of a program being started anew. To start a large
//! program, and to set up where a job runs, costs more than a small job does.
//!
//! ```text
//! caller ──greeting──▶ server: sets itself up ──"admit me"──▶ caller: does what only it may
//!                      server ──vfork──▶ process of the next job: makes itself ready
//!   ▲ ▲ ◀───────── who it is (SCM_CREDENTIALS) ──────────────┘ │
//!   │ └─────────── or why there is none ────── server          │
//!   │    stdin, stdout, stderr (SCM_RIGHTS) ──▶ takes the job ──▶ its last word
//!   └──────────── child of the caller (CLONE_PARENT): waited for, killed
//! ```
//! The greeting says what the server is for; its jobs begin where it is then. A
//! job is the caller's child as if the caller had started it: the same group,
//! lifeline and kill path, reaped by the caller alone. Its process is there before it
//! is asked for, so that a job need not wait until it has been made. The server has one
//! thread, and one job at a time, during which it stands still; a job that was killed
//! while it had the memory ends the server too. It ends when its caller does
//! (end-of-file on its socket), or closes it, because it was idle for a while.

use super::idle::{Kept, Open, close_when_idle};
use super::job::{Ended, Forked, Job, Streams, rounded_up};
use super::{Bounds, Cancel, End, GIVE_UP, framed, has_ended, program};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::PassCred;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType,
    UnixCredentials, recv, recvmsg, sendmsg, setsockopt, socketpair,
};
use nix::unistd::Pid;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::process::Command;
use tokio::task::JoinSet;

pub(super) const STREAMS: usize = 3;

/// What is to be done.
pub struct ForkJob<'a> {
    /// The cgroup it begins in; else the server's.
    pub group: Option<BorrowedFd<'a>>,
    /// The request, for a server that was started so many times.
    pub request: &'a dyn Fn(u64) -> io::Result<Vec<u8>>,
    pub bounds: Bounds,
}

/// A job was not begun.
#[derive(Debug, thiserror::Error)]
pub enum ForkError {
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The server could not set itself up, and said why.
    #[error("the server could not be set up")]
    Refused(Vec<u8>),
    /// Before there was a job.
    #[error("cancelled")]
    Cancelled,
}

/// Does what only the caller may do to the server, whose number is given.
type Admit = Box<dyn Fn(Pid) -> io::Result<()> + Send + Sync>;

/// A job as the server is asked for it.
struct Asked<'a> {
    request: &'a dyn Fn(u64) -> io::Result<Vec<u8>>,
    group: Option<BorrowedFd<'a>>,
    own: &'a dyn Fn(BorrowedFd<'_>) -> io::Result<()>,
}

/// The caller's side. The server is started when the first job is run.
pub struct ForkServer {
    /// The `internal` subcommand that calls [`super::serve`].
    name: &'static str,
    greeting: Vec<u8>,
    admit: Admit,
    kept: Arc<Kept>,
    starts: AtomicU64,
    /// Ends the server that was not asked for a while, and goes with this.
    watch: Mutex<JoinSet<()>>,
}

impl ForkServer {
    /// Starts nothing yet.
    pub fn new(name: &'static str, greeting: Vec<u8>, admit: Admit) -> Self {
        ForkServer {
            name,
            greeting,
            admit,
            kept: Arc::default(),
            starts: AtomicU64::new(0),
            watch: Mutex::default(),
        }
    }

    /// Whether the process of the next job waits for it.
    pub fn is_ready(&self) -> bool {
        let kept = self.kept.server();
        kept.as_ref().is_some_and(|server| {
            let mut sources = [PollFd::new(server.socket.as_fd(), PollFlags::POLLIN)];
            poll(&mut sources, PollTimeout::ZERO) == Ok(1)
        })
    }

    /// Runs a job to its end, on this thread; `own` is called before with the pipe it
    /// prints to.
    ///
    /// # Errors
    /// When the server cannot be started, or cannot fork, or what `own` says.
    pub fn run(
        &self,
        job: ForkJob<'_>,
        own: impl Fn(BorrowedFd<'_>) -> io::Result<()>,
        cancel: &Cancel,
        mut on_output: impl FnMut(&[u8]),
    ) -> Result<Ended, ForkError> {
        let asked = Asked {
            request: job.request,
            group: job.group,
            own: &own,
        };
        let _used = self.kept.used();
        let mut attend = || match self.job(&asked, cancel) {
            Ok(begun) => Ok(begun.attend(job.bounds, cancel, &mut on_output)?),
            Err(ForkError::Cancelled) => Ok(Ended::Without(End::Cancelled)),
            Err(error) => Err(error),
        };
        match attend()? {
            Ended::NotBegun => {
                // Its process is gone, so it is too, or soon.
                if let Some(open) = self.kept.server().take() {
                    self.kept.give_up(open);
                }
                attend()
            }
            ended => Ok(ended),
        }
    }

    /// A new job; a server that ended meanwhile is started again.
    fn job(&self, asked: &Asked<'_>, cancel: &Cancel) -> Result<Job, ForkError> {
        self.kept.reap();
        let mut kept = self.kept.server();
        // Also one that refuses: what was asked of it before may be why.
        if let Some(open) = kept.take() {
            if let Ok(Ok(job)) = self.ask(&open, asked, cancel) {
                *kept = Some(open);
                return Ok(job);
            }
            self.kept.give_up(open);
        }
        if cancel.is_cancelled() {
            return Err(ForkError::Cancelled);
        }
        // With pipes of its own: a job that the old server may have begun
        // finds its lifeline closed and ends.
        let open = self.open(cancel)?;
        match self.ask(&open, asked, cancel) {
            Ok(job) => {
                *kept = Some(open);
                Ok(job?)
            }
            Err(error) => {
                self.kept.give_up(open);
                Err(error)
            }
        }
    }

    /// Starts the server before there is a job for it, on this thread.
    ///
    /// # Errors
    /// As [`ForkServer::run`].
    pub fn start_ahead(&self) -> Result<(), ForkError> {
        let _used = self.kept.used();
        let mut kept = self.kept.server();
        if kept.is_none() {
            *kept = Some(self.open(&Cancel::new()?)?);
        }
        Ok(())
    }

    fn open(&self, cancel: &Cancel) -> Result<Open, ForkError> {
        let open = Open {
            start: self.starts.fetch_add(1, Ordering::Relaxed),
            socket: self.start(cancel)?,
        };
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        watch.abort_all();
        watch.spawn(close_when_idle(Arc::downgrade(&self.kept)));
        Ok(open)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "as the module above: this is the place that starts programs"
    )]
    fn start(&self, cancel: &Cancel) -> Result<OwnedFd, ForkError> {
        let (ours, theirs) = sockets()?;
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
        let server = command.process_group(0).spawn()?;
        let id = server.id().map(|id| Pid::from_raw(id.cast_signed()));
        drop(command); // it holds the server's end, whose close is to be noticed
        tell(&ours, &self.greeting, &[])?;
        loop {
            answers(&ours, cancel)?;
            let said = hear(&ours)?;
            match said.split_first() {
                Some((&Word::ADMIT, _)) => {
                    let gone = || io::Error::from(io::ErrorKind::NotFound);
                    (self.admit)(id.ok_or_else(gone)?)?;
                    tell(&ours, &[Word::ADMITTED], &[])?;
                }
                Some((&Word::READY, _)) => return Ok(ours),
                Some((_, why)) => return Err(ForkError::Refused(why.to_vec())),
                None => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            }
        }
    }

    /// The outer error is a server that is gone; the inner one its refusal.
    fn ask(
        &self,
        server: &Open,
        asked: &Asked<'_>,
        cancel: &Cancel,
    ) -> Result<io::Result<Job>, ForkError> {
        let socket = &server.socket;
        // Nothing is sent before it is known who takes it: else a job that is cancelled
        // meanwhile might still begin.
        let process = match self.comes(socket, cancel)? {
            Ok(process) => process,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if has_ended(process.id) {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let (request, stdin) = io::pipe()?;
        let (stdout, out) = io::pipe()?;
        let (report, err) = io::pipe()?;
        (asked.own)(stdout.as_fd())?;
        // Before there is a job: it need not be waited for, nor wait.
        let unsent = framed((asked.request)(server.start)?);
        let theirs = [request.as_raw_fd(), out.as_raw_fd(), err.as_raw_fd()];
        let streams = Streams::new((request, stdin), stdout, report, unsent)?;
        let group = asked.group.map(|group| group.as_raw_fd());
        let theirs: Vec<RawFd> = theirs.into_iter().chain(group).collect();
        tell(socket, &[Word::JOB], &theirs)?;
        Ok(Ok(Job { process, streams }))
    }

    /// The process of the next job: it is there already, but for the first job and after
    /// a quick one.
    fn comes(&self, socket: &OwnedFd, cancel: &Cancel) -> Result<io::Result<Forked>, ForkError> {
        let pid = match announced(socket, MsgFlags::MSG_DONTWAIT)? {
            Some(pid) => pid,
            None => {
                answers(socket, cancel)?;
                let gone = || io::Error::from(io::ErrorKind::UnexpectedEof);
                announced(socket, MsgFlags::empty())?.ok_or_else(gone)?
            }
        };
        Ok(pid.map(|pid| Forked::new(pid, Arc::clone(&self.kept))))
    }
}

/// Both ends of what caller and server talk over.
fn sockets() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
    setsockopt(&ours, PassCred, &true)?;
    Ok((ours, theirs))
}

/// What the two say to each other, by a message's first byte.
pub(super) struct Word;

impl Word {
    /// The server: do what only you may.
    pub const ADMIT: u8 = b'?';
    /// The caller: done.
    pub const ADMITTED: u8 = b'.';
    /// The server: jobs may come.
    pub const READY: u8 = b'!';
    /// The server: why they may not.
    pub const REFUSED: u8 = b'-';
    /// The caller: one more, with its streams.
    pub const JOB: u8 = b'+';
}

/// No message is longer.
pub(super) const MESSAGE: usize = 64 << 10;

pub(super) fn tell(socket: &impl AsRawFd, message: &[u8], pass: &[RawFd]) -> io::Result<()> {
    if message.len() > MESSAGE {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let rights = [ControlMessage::ScmRights(pass)];
    let rights = if pass.is_empty() { &[][..] } else { &rights };
    let (parts, flags) = ([IoSlice::new(message)], MsgFlags::MSG_NOSIGNAL);
    // A child's end interrupts the call, and it does not go on by itself.
    uninterrupted(|| sendmsg::<()>(socket.as_raw_fd(), &parts, rights, flags, None))?;
    Ok(())
}

/// One message; empty when the other side is gone.
pub(super) fn hear(socket: &impl AsRawFd) -> io::Result<Vec<u8>> {
    let mut message = vec![0; MESSAGE];
    let length = hear_into(socket, &mut message)?;
    message.truncate(length);
    Ok(message)
}

/// Waits until the server says something, or is gone.
fn answers(socket: &OwnedFd, cancel: &Cancel) -> Result<(), ForkError> {
    let end = Instant::now() + GIVE_UP;
    loop {
        let mut sources =
            [socket.as_fd(), cancel.as_fd()].map(|source| PollFd::new(source, PollFlags::POLLIN));
        let left = end.saturating_duration_since(Instant::now());
        match poll(&mut sources, rounded_up(Some(left))) {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(io::Error::from(errno).into()),
            Ok(_) if sources[0].any() == Some(true) => return Ok(()),
            Ok(_) if sources[1].any() == Some(true) => return Err(ForkError::Cancelled),
            Ok(_) if left.is_zero() => {
                let why = format!("it did not answer for {} s", GIVE_UP.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, why).into());
            }
            Ok(_) => {}
        }
    }
}

/// The process of the next job, which says 0 itself; else the server says why there
/// is none. None when nothing is said yet and `flags` say not to wait.
///
/// # Errors
/// When the server is gone.
pub(super) fn announced(socket: &OwnedFd, flags: MsgFlags) -> io::Result<Option<io::Result<Pid>>> {
    let mut errno = [0; 4];
    let mut space = nix::cmsg_space!(UnixCredentials);
    let (length, sender) = loop {
        let mut parts = [IoSliceMut::new(&mut errno)];
        match recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags) {
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return Ok(None),
            Err(error) => return Err(error.into()),
            Ok(message) => {
                let sender = message.cmsgs()?.find_map(|part| match part {
                    ControlMessageOwned::ScmCredentials(sender) => Some(sender.pid()),
                    _ => None,
                });
                break (message.bytes, sender);
            }
        }
    };
    match (i32::from_ne_bytes(errno), sender) {
        (0, Some(job)) if length > 0 => Ok(Some(Ok(Pid::from_raw(job)))),
        (errno @ 1.., _) => Ok(Some(Err(io::Error::from_raw_os_error(errno)))),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn hear_into(socket: &impl AsRawFd, message: &mut [u8]) -> io::Result<usize> {
    let socket = socket.as_raw_fd();
    Ok(uninterrupted(|| recv(socket, message, MsgFlags::empty()))?)
}

fn uninterrupted<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            other => return other,
        }
    }
}
