//! The fork server's own side: it waits for requests and makes copies of itself
//! (see `server.rs`).

use super::server::STREAMS;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, clone};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, send};
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
    while let Ok(Some((place, streams))) = asked(io::stdin()) {
        let entered = enter(place);
        let forked = entered.and_then(|new| copy(new, streams, &mut stack, &mut job));
        let answer = forked.map_or_else(|errno| -(errno as i32), Pid::as_raw);
        let socket = io::stdin().as_raw_fd();
        if send(socket, &answer.to_ne_bytes(), MsgFlags::MSG_NOSIGNAL).is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
}

/// Place and streams of the next job; none when there will be no more.
fn asked(socket: impl AsFd + AsRawFd) -> io::Result<Option<(u64, [File; STREAMS])>> {
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
    let mut place = [0; 8];
    let mut space = nix::cmsg_space!([RawFd; STREAMS]);
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
    // Nothing came: the other end is closed.
    Ok(passed
        .try_into()
        .ok()
        .map(|streams| (u64::from_ne_bytes(place), streams)))
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
