//! The fork server's own side: it lends itself to the process of one job after the
//! other, each of which waits for its job (see `server.rs`).

use super::server::{STREAMS, Word, hear, tell};
use super::stack::Stack;
use nix::errno::Errno;
use nix::sched::{CloneFlags, clone};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use nix::unistd::{Pid, setpgid};
use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU8, Ordering};

/// Of a job. The deepest copies a source, whose folders are `DEPTH_MAX` deep at most
/// (`store/fs.rs`): a small part of it.
const STACK: usize = 1 << 20;

/// What a fork server is for.
pub trait Serve: Sized {
    /// What a job's process made ready before there was a job.
    type Ready;

    /// Sets this process up as its caller's greeting says; it may ask once to be
    /// admitted.
    ///
    /// # Errors
    /// What is for the caller to read.
    fn set_up(greeting: &[u8], admit: &dyn Fn() -> io::Result<()>) -> Result<Self, Vec<u8>>;

    /// Which namespaces the next job's process gets for itself. Nothing of the last
    /// job is left.
    ///
    /// # Errors
    /// When no further job can be served.
    fn next(&mut self) -> io::Result<CloneFlags>;

    /// In the next job's process, before there is a job.
    fn make_ready(&mut self) -> Self::Ready;

    /// In the same process: runs the job, with its request on its standard input, and
    /// the cgroup that it is to begin in. Whether nothing of it is left: else the
    /// server ends with it.
    fn job(&mut self, ready: Self::Ready, group: Option<OwnedFd>) -> bool;
}

/// The server: answers on standard input until its caller is gone, or wants no more.
///
/// The calling process must have one thread.
pub fn serve<S: Serve>() -> ExitCode {
    let socket = io::stdin();
    let Ok(greeting) = hear(&socket) else {
        return ExitCode::FAILURE;
    };
    let (mut place, mut stack) = match S::set_up(&greeting, &admitted) {
        Ok(place) => match Stack::new(STACK) {
            Ok(stack) => (place, stack),
            Err(_) => return ExitCode::FAILURE,
        },
        Err(why) => {
            let _ = tell(&socket, &[&[Word::REFUSED], &why[..]].concat(), &[]); // or nobody hears
            return ExitCode::FAILURE;
        }
    };
    if tell(&socket, &[Word::READY], &[]).is_err() {
        return ExitCode::FAILURE;
    }
    loop {
        match place
            .next()
            .and_then(|new| Ok(lend(new, &mut stack, &mut place)?))
        {
            Ok(Lent::Back) => {}
            Ok(Lent::Unused) => return ExitCode::SUCCESS,
            // SAFETY: runs nothing more in this memory.
            Ok(Lent::Broken) => unsafe { libc::_exit(1) },
            Err(error) => {
                // Nor can it be relied on where it is then.
                let errno = error.raw_os_error().unwrap_or(libc::EIO);
                let _ = tell(&socket, &errno.to_ne_bytes(), &[]); // or nobody hears
                return ExitCode::FAILURE;
            }
        }
    }
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

/// What became of this process's memory, which a job had.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Lent {
    /// The job was killed in the midst of something, or left something: nothing here
    /// can be relied on.
    Broken,
    Back,
    /// No job came, and none will.
    Unused,
}

impl From<u8> for Lent {
    fn from(number: u8) -> Self {
        [Lent::Broken, Lent::Back, Lent::Unused]
            .into_iter()
            .find(|lent| *lent as u8 == number)
            .unwrap_or(Lent::Broken)
    }
}

/// Makes a process for the next job that has this one's memory while this one stands
/// still, until the job has ended (`vfork`): to copy the memory, to fault its pages in
/// once more and to unmap them would be a third of what a small job costs.
fn lend<S: Serve>(namespaces: CloneFlags, stack: &mut Stack, place: &mut S) -> nix::Result<Lent> {
    let lent = AtomicU8::new(Lent::Broken as u8);
    let begin = || {
        let came_to = wait(place);
        lent.store(came_to as u8, Ordering::Release);
        0
    };
    let shared = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK | CloneFlags::CLONE_PARENT;
    // SAFETY: this process has one thread, which stands still until the job has
    // ended: what it lends outlives that, and never do two use it at once.
    unsafe {
        clone(
            Box::new(begin),
            stack.bytes(),
            namespaces | shared,
            Some(libc::SIGCHLD),
        )
    }?;
    Ok(lent.load(Ordering::Acquire).into())
}

/// In the job's process: makes itself ready, tells the caller, waits for the job, runs it.
fn wait<S: Serve>(place: &mut S) -> Lent {
    // Of its own before the caller hears of it, who may end the whole group.
    if setpgid(Pid::from_raw(0), Pid::from_raw(0)).is_err() {
        return Lent::Broken;
    }
    let ready = place.make_ready();
    if announced().is_err() {
        return Lent::Unused;
    }
    match asked().map(|asked| asked.map(Asked::take_over)) {
        Ok(Some(Ok(group))) => match place.job(ready, group) {
            true => Lent::Back,
            false => Lent::Broken,
        },
        Ok(Some(Err(_))) => Lent::Broken,
        Ok(None) | Err(_) => Lent::Unused,
    }
}

/// The kernel adds which process it is.
fn announced() -> io::Result<()> {
    tell(&io::stdin(), &0_i32.to_ne_bytes(), &[])
}

/// What a job gets.
struct Asked {
    streams: [OwnedFd; STREAMS],
    /// The cgroup it begins in; else this process's.
    group: Option<OwnedFd>,
}

/// The next job; none when there will be no more.
fn asked() -> io::Result<Option<Asked>> {
    let socket = io::stdin();
    let mut word = [0];
    let mut space = nix::cmsg_space!([RawFd; STREAMS + 1]);
    let mut parts = [IoSliceMut::new(&mut word)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = loop {
        match recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags) {
            Err(Errno::EINTR) => {}
            other => break other?,
        }
    };
    let mut passed = Vec::new();
    for part in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(descriptors) = part {
            let new = descriptors.iter();
            // SAFETY: the kernel made them for this process just now.
            passed.extend(new.map(|fd| unsafe { OwnedFd::from_raw_fd(*fd) }));
        }
    }
    let group = (passed.len() > STREAMS).then(|| passed.pop()).flatten();
    // Nothing came: the other end is closed.
    let streams = passed.try_into().ok();
    Ok(streams.map(|streams| Asked { streams, group }))
}

impl Asked {
    /// The streams become the standard ones; with standard input this process loses
    /// the server's socket.
    fn take_over(self) -> nix::Result<Option<OwnedFd>> {
        let [stdin, stdout, stderr] = self.streams;
        nix::unistd::dup2_stdin(&stdin)?;
        nix::unistd::dup2_stdout(&stdout)?;
        nix::unistd::dup2_stderr(&stderr)?;
        Ok(self.group)
    }
}
