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
//! its caller does (end-of-file on its socket), or when it was idle for a while;
//! not where it was asked for a job in a cgroup: then it clears after its caller.

use super::clone::clone_into;
use super::leader::{Leader, Started};
use super::{Bounds, End, GIVE_UP, Running, Stream, framed, program};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, clone};
use nix::sys::signal::{Signal, killpg};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recv,
    recvmsg, send, sendmsg, setsockopt, socketpair, sockopt::ReceiveTimeout,
};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, setpgid};
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, PipeReader, PipeWriter};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::signal::unix::{self, SignalKind};
use tokio_util::sync::CancellationToken;

const STREAMS: usize = 3;
/// A server that was not asked for so long ends, and gives its memory back.
const IDLE: Duration = Duration::from_secs(10);
/// Of a job: a few calls deep, and none of it is touched before it is used.
const STACK: usize = 1 << 20;

/// What a copy of the server is to do.
pub struct ForkJob {
    /// Where it begins, as the server's [`serve`] knows it.
    pub place: u64,
    /// The cgroup it is started in; else the server's.
    pub group: Option<OwnedFd>,
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

    /// Runs a job to its end, as [`super::Spawn::run`] does a program. Before it
    /// gets its request, `admit` is called with its process and the pipe it prints
    /// to, on a thread that may block.
    ///
    /// # Errors
    /// When the server cannot be started, or cannot fork, or what `admit` says.
    pub async fn run<E: From<io::Error> + Send + 'static>(
        self: &Arc<Self>,
        job: ForkJob,
        admit: impl FnOnce(Pid, BorrowedFd<'_>) -> Result<(), E> + Send + 'static,
        cancel: &CancellationToken,
        on_output: impl FnMut(Stream, &[u8]),
    ) -> Result<End, E> {
        // Before it starts, so that its end is not missed.
        let changes = unix::signal(SignalKind::child())?;
        let server = Arc::clone(self);
        let forked = tokio::task::spawn_blocking(move || {
            let forked = server.job(job.place, job.group.as_ref())?;
            admit(forked.forked.pid, forked.stdout.as_fd()).map(|()| forked)
        });
        let started = forked.await.map_err(io::Error::from)??.started()?;
        let request = framed(job.request);
        let running = Running::new(started, changes, request, job.bounds, on_output);
        Ok(running.run_to_end(cancel).await?)
    }

    /// A new job; a server that ended while it was idle is started again.
    fn job(self: &Arc<Self>, place: u64, group: Option<&OwnedFd>) -> io::Result<Job> {
        self.reap();
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = socket.take()
            && let Ok(forked) = self.ask(&open, place, group)
        {
            *socket = Some(open);
            return forked;
        }
        // With pipes of its own: a copy that the old server may have made
        // finds its standard input closed and ends.
        let open = self.start()?;
        let forked = self.ask(&open, place, group)?;
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
    fn ask(
        self: &Arc<Self>,
        socket: &OwnedFd,
        place: u64,
        group: Option<&OwnedFd>,
    ) -> io::Result<io::Result<Job>> {
        let (request, stdin) = io::pipe()?;
        let (stdout, out) = io::pipe()?;
        let (stderr, err) = io::pipe()?;
        let streams = [request.as_raw_fd(), out.as_raw_fd(), err.as_raw_fd()];
        let group = group.map(AsRawFd::as_raw_fd);
        let theirs: Vec<RawFd> = streams.into_iter().chain(group).collect();
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
                forked: Forked::new(Pid::from_raw(pid), Arc::clone(self)),
                stdin,
                stdout,
                stderr,
            }),
            errno => Err(io::Error::from_raw_os_error(-errno)),
        })
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

/// A copy of the server with the caller's ends of its pipes.
struct Job {
    forked: Forked,
    stdin: PipeWriter,
    stdout: PipeReader,
    stderr: PipeReader,
}

impl Job {
    fn started(self) -> io::Result<Started> {
        let stdin = std::process::ChildStdin::from(OwnedFd::from(self.stdin));
        let stdout = std::process::ChildStdout::from(OwnedFd::from(self.stdout));
        let stderr = std::process::ChildStderr::from(OwnedFd::from(self.stderr));
        Ok(Started {
            leader: Leader::Forked(self.forked),
            stdin: Some(ChildStdin::from_std(stdin)?),
            stdout: Some(ChildStdout::from_std(stdout)?),
            stderr: Some(ChildStderr::from_std(stderr)?),
        })
    }
}

/// A job's process, a child of this one; killed when dropped before it was reaped.
pub(super) struct Forked {
    pid: Pid,
    reaped: bool,
    server: Arc<ForkServer>,
}

impl Forked {
    fn new(pid: Pid, server: Arc<ForkServer>) -> Self {
        // It does so itself as well: whoever is first. It is not reaped, so
        // the number is its own.
        let _ = setpgid(pid, pid);
        Forked {
            pid,
            reaped: false,
            server,
        }
    }

    pub fn id(&self) -> Option<u32> {
        (!self.reaped).then_some(self.pid.as_raw().cast_unsigned())
    }

    /// Reaps it; call when it has ended, since it is waited for.
    pub fn reap(&mut self) -> io::Result<ExitStatus> {
        loop {
            let mut status = 0;
            // SAFETY: the status outlives the call.
            let waited = unsafe { libc::waitpid(self.pid.as_raw(), &raw mut status, 0) };
            match Errno::result(waited) {
                Err(Errno::EINTR) => {}
                other => {
                    self.reaped = true; // or it never was ours to wait for
                    return Ok(other.map(|_| ExitStatus::from_raw(status))?);
                }
            }
        }
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        if !self.reaped {
            let _ = killpg(self.pid, Signal::SIGKILL); // ended already is what we want
            let mut left = self
                .server
                .left
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            left.push(self.pid);
            drop(left);
            self.server.reap();
        }
    }
}

/// The server: answers on standard input until its caller is gone or it was
/// idle; each copy runs `job`, with its request on *its* standard input. `enter`
/// brings the server to the place of the next one, and says which namespaces the
/// copy gets for itself.
///
/// The calling process must have one thread.
pub fn serve(
    mut enter: impl FnMut(u64) -> nix::Result<CloneFlags>,
    mut job: impl FnMut() -> u8,
) -> ExitCode {
    let mut stack = vec![0; STACK];
    let mut patience = Some(IDLE);
    while let Ok(Some(Asked {
        place,
        streams,
        group,
    })) = asked(io::stdin(), patience)
    {
        if group.is_some() {
            // What the groups need done when the caller is gone, its copies cannot do.
            patience = None;
        }
        let entered = enter(place);
        let forked = entered.and_then(|new| copy(new, streams, group, &mut stack, &mut job));
        let answer = forked.map_or_else(|errno| -(errno as i32), Pid::as_raw);
        let socket = io::stdin().as_raw_fd();
        if send(socket, &answer.to_ne_bytes(), MsgFlags::MSG_NOSIGNAL).is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
}

/// What a caller wants.
struct Asked {
    place: u64,
    streams: [File; STREAMS],
    group: Option<File>,
}

/// The next job; none when there will be no more.
fn asked(socket: impl AsFd + AsRawFd, patience: Option<Duration>) -> io::Result<Option<Asked>> {
    let patience = patience.map_or(PollTimeout::NONE, |patience| {
        PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX)
    });
    let mut sources = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    loop {
        match poll(&mut sources, patience) {
            Ok(0) => return Ok(None),
            Ok(_) => break,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut place = [0; 8];
    let mut space = nix::cmsg_space!([RawFd; STREAMS + 1]);
    let mut parts = [IoSliceMut::new(&mut place)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
    let mut passed = Vec::new();
    for part in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(descriptors) = part {
            // SAFETY: the kernel made them for this process just now.
            passed.extend(
                descriptors
                    .iter()
                    .map(|fd| unsafe { File::from_raw_fd(*fd) }),
            );
        }
    }
    let group = (passed.len() > STREAMS).then(|| passed.pop()).flatten();
    // Nothing came: the other end is closed.
    Ok(passed.try_into().ok().map(|streams| Asked {
        place: u64::from_ne_bytes(place),
        streams,
        group,
    }))
}

fn copy(
    namespaces: CloneFlags,
    streams: [File; STREAMS],
    group: Option<File>,
    stack: &mut [u8],
    job: &mut impl FnMut() -> u8,
) -> nix::Result<Pid> {
    let mut streams = Some(streams);
    let mut begin = || match streams.take().map(take_over) {
        Some(Ok(())) => job(),
        Some(Err(_)) | None => 1,
    };
    if let Some(group) = group {
        let flags = namespaces | CloneFlags::CLONE_PARENT;
        let door = group.as_raw_fd();
        return clone_into(door, flags, move || {
            drop(group); // the copy's own
            begin()
        });
    }
    // SAFETY: this process has one thread, so the copy finds no lock held; the
    // memory is not shared (no CLONE_VM), so stack and closure are its own.
    unsafe {
        clone(
            Box::new(|| isize::from(begin())),
            stack,
            namespaces | CloneFlags::CLONE_PARENT,
            Some(libc::SIGCHLD),
        )
    }
}

/// The streams of the job become the standard ones; with standard input the
/// copy loses the server's socket.
fn take_over([stdin, stdout, stderr]: [File; STREAMS]) -> nix::Result<()> {
    setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
    nix::unistd::dup2_stdin(&stdin)?;
    nix::unistd::dup2_stdout(&stdout)?;
    nix::unistd::dup2_stderr(&stderr)
}
