//! The fork server's own side: it waits for requests and makes copies of itself
//! (see `server.rs`).

use super::server::{STREAMS, Word, hear, tell};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, clone};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use nix::unistd::{Pid, setpgid};
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, RawFd};
use std::process::ExitCode;
use std::time::Duration;

/// A server that was not asked for so long ends, and gives its memory back.
const IDLE: Duration = Duration::from_secs(10);
/// Of a job: a few calls deep, and none of it is touched before it is used.
const STACK: usize = 1 << 20;

/// The server: sets itself up as its caller's greeting says, then answers on standard
/// input until its caller is gone or it was idle; each copy runs `job`, with its
/// request on *its* standard input.
///
/// `set_up` may ask once to be admitted; its error is for the caller to read. What it
/// made is asked before each copy which namespaces that one gets for itself.
///
/// The calling process must have one thread.
pub fn serve<S>(
    set_up: impl FnOnce(&[u8], &dyn Fn() -> io::Result<()>) -> Result<S, Vec<u8>>,
    mut next: impl FnMut(&mut S) -> nix::Result<CloneFlags>,
    mut job: impl FnMut() -> u8,
) -> ExitCode {
    let socket = io::stdin();
    let Ok(greeting) = hear(&socket) else {
        return ExitCode::FAILURE;
    };
    let mut place = match set_up(&greeting, &admitted) {
        Ok(place) => place,
        Err(why) => {
            let _ = tell(&socket, &[&[Word::REFUSED], &why[..]].concat(), &[]); // or nobody hears
            return ExitCode::FAILURE;
        }
    };
    let mut stack = vec![0; STACK];
    let mut told = tell(&socket, &[Word::READY], &[]);
    while told.is_ok()
        && let Ok(Some(streams)) = asked(&socket)
    {
        let forked = next(&mut place).and_then(|new| copy(new, streams, &mut stack, &mut job));
        let answer = forked.map_or_else(|errno| -(errno as i32), Pid::as_raw);
        told = tell(&socket, &answer.to_ne_bytes(), &[]);
    }
    ExitCode::SUCCESS
}

/// Asks the caller for what only it may do, and waits until it is done.
fn admitted() -> io::Result<()> {
    let socket = io::stdin();
    tell(&socket, &[Word::ADMIT], &[])?;
    match hear(&socket)?.first() {
        Some(&Word::ADMITTED) => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// The streams of the next job; none when there will be no more.
fn asked(socket: &(impl AsFd + AsRawFd)) -> io::Result<Option<[File; STREAMS]>> {
    let patience = PollTimeout::try_from(IDLE).unwrap_or(PollTimeout::MAX);
    let mut sources = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    loop {
        match poll(&mut sources, patience) {
            Ok(0) => return Ok(None),
            Ok(_) => break,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut word = [0];
    let mut space = nix::cmsg_space!([RawFd; STREAMS]);
    let mut parts = [IoSliceMut::new(&mut word)];
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
    // Nothing came: the other end is closed.
    Ok(passed.try_into().ok())
}

fn copy(
    namespaces: CloneFlags,
    streams: [File; STREAMS],
    stack: &mut [u8],
    job: &mut impl FnMut() -> u8,
) -> nix::Result<Pid> {
    let mut streams = Some(streams);
    let begin = || match streams.take().map(take_over) {
        Some(Ok(())) => isize::from(job()),
        Some(Err(_)) | None => 1,
    };
    // SAFETY: this process has one thread, so the copy finds no lock held; the
    // memory is not shared (no CLONE_VM), so stack and closure are its own.
    unsafe {
        clone(
            Box::new(begin),
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
