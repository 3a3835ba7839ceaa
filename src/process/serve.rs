//! The fork server's own side: it waits for requests and lends itself to one job after
//! the other (see `server.rs`).

use super::clone::clone_into;
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
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A server that was not asked for so long ends, and gives its memory back.
const IDLE: Duration = Duration::from_secs(10);
/// Of a job. The deepest copies a source, whose folders are `DEPTH_MAX` deep at most
/// (`store/fs.rs`): a small part of it.
const STACK: usize = 1 << 20;

/// The server: sets itself up as its caller's greeting says, then answers on standard
/// input until its caller is gone or it was idle. In the process of each job `job` is
/// run, with its request on *its* standard input.
///
/// `set_up` may ask once to be admitted; its error is for the caller to read. What it
/// made is asked before each job which namespaces that one gets for itself.
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
    let told = tell(&socket, &[Word::READY], &[]);
    while told.is_ok()
        && let Ok(Some(asked)) = asked(&socket)
    {
        let lent = next(&mut place).and_then(|new| match &asked.group {
            Some(group) => copy(new, group, &asked.streams, &mut job),
            None => lend(new, &asked.streams, &mut stack, &mut job),
        });
        match lent {
            Ok(Lent::Back) => {}
            // SAFETY: runs nothing more in this memory.
            Ok(Lent::Broken) => unsafe { libc::_exit(1) },
            Err(errno) => {
                // Nor can it be relied on where it is then.
                let _ = tell(&socket, &(errno as i32).to_ne_bytes(), &[]); // or nobody hears
                return ExitCode::FAILURE;
            }
        }
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

/// What the next job gets.
struct Asked {
    streams: [File; STREAMS],
    /// The cgroup it begins in; else this process's.
    group: Option<File>,
}

/// The next job; none when there will be no more.
fn asked(socket: &(impl AsFd + AsRawFd)) -> io::Result<Option<Asked>> {
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
    let mut space = nix::cmsg_space!([RawFd; STREAMS + 1]);
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
    let group = (passed.len() > STREAMS).then(|| passed.pop()).flatten();
    // Nothing came: the other end is closed.
    let streams = passed.try_into().ok();
    Ok(streams.map(|streams| Asked { streams, group }))
}

/// What became of this process's memory, which a job had.
enum Lent {
    Back,
    /// The job was killed in the midst of something: nothing in it can be relied on.
    Broken,
}

/// Makes a process for the job that has this one's memory while this one stands
/// still, until the job has ended (`vfork`): to copy the memory, to fault its pages in
/// once more and to unmap them would be a third of what a small job costs.
fn lend(
    namespaces: CloneFlags,
    streams: &[File; STREAMS],
    stack: &mut [u8],
    job: &mut impl FnMut() -> u8,
) -> nix::Result<Lent> {
    let over = AtomicBool::new(false);
    let begin = || {
        let code = begin(streams, job);
        over.store(true, Ordering::Release);
        isize::from(code)
    };
    let shared = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK | CloneFlags::CLONE_PARENT;
    // SAFETY: this process has one thread, which stands still until the job has
    // ended: what it lends outlives that, and never do two use it at once.
    unsafe {
        clone(
            Box::new(begin),
            stack,
            namespaces | shared,
            Some(libc::SIGCHLD),
        )
    }?;
    Ok(match over.load(Ordering::Acquire) {
        true => Lent::Back,
        false => Lent::Broken,
    })
}

/// Makes a process for the job in a cgroup, which has a copy of this one's memory: the
/// call that starts it there lends none without a stack, which only assembly can give.
fn copy(
    namespaces: CloneFlags,
    group: &File,
    streams: &[File; STREAMS],
    job: &mut impl FnMut() -> u8,
) -> nix::Result<Lent> {
    let flags = namespaces | CloneFlags::CLONE_PARENT;
    clone_into(group.as_raw_fd(), flags, || begin(streams, job)).map(|_| Lent::Back)
}

/// In the job's process.
fn begin(streams: &[File; STREAMS], job: &mut impl FnMut() -> u8) -> u8 {
    let taken = announced().and_then(|()| Ok(take_over(streams)?));
    taken.map_or(1, |()| job())
}

/// The job tells the caller that it is there; the kernel adds which process it is.
fn announced() -> io::Result<()> {
    tell(&io::stdin(), &0_i32.to_ne_bytes(), &[])
}

/// The streams of the job become the standard ones; with standard input it loses the
/// server's socket. What it closes stays open in the server, whose memory has them.
fn take_over(streams: &[File; STREAMS]) -> nix::Result<()> {
    let [stdin, stdout, stderr] = streams;
    setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
    nix::unistd::dup2_stdin(stdin)?;
    nix::unistd::dup2_stdout(stdout)?;
    nix::unistd::dup2_stderr(stderr)?;
    streams
        .iter()
        .try_for_each(|stream| nix::unistd::close(stream.as_raw_fd()))
}
