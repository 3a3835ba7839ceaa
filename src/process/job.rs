//! A job of the fork server, attended by one thread from its request to its end:
//! `poll` waits for its output, its end and the caller's cancellation at once.
//! A small job's time is mostly what waking threads takes, so no other is woken.

use super::bounds::{Bounds, Left};
use super::idle::Kept;
use super::{Cancel, End, GIVE_UP, GRACE, MARGIN, PIPE_MAX};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Read at once from the job's standard output.
const BUFFER: usize = 16 << 10;
/// Where the kernel tells nobody of a process's end: it is asked so often.
const ASKED_EVERY: Duration = Duration::from_millis(5);

/// What goes before a last word, as before a request.
const LENGTH: usize = size_of::<u64>();

/// How a job ended.
#[derive(Debug)]
pub enum Ended {
    /// By its last word, on standard error: nothing is left of it but its own process,
    /// which ends by itself.
    Said(Vec<u8>),
    /// Without one, or it came too late.
    Without(End),
    /// Its process had ended, or was about to, when the job came: it took nothing of it.
    NotBegun,
}

/// A process of the server's with the caller's ends of its pipes.
pub(super) struct Job {
    pub process: Forked,
    pub streams: Streams,
}

/// The caller's ends.
pub(super) struct Streams {
    /// Open to the end: the job's lifeline.
    stdin: PipeWriter,
    /// The job's end as well: what is still in the pipe nobody took.
    request: PipeReader,
    unsent: Vec<u8>,
    sent: usize,
    stdout: Option<PipeReader>,
    report: Option<PipeReader>,
    /// What came of the last word.
    said: Vec<u8>,
}

impl Streams {
    /// Puts into the pipe what it takes of the request.
    ///
    /// # Errors
    /// When a pipe cannot be set not to block.
    pub fn new(
        (request, stdin): (PipeReader, PipeWriter),
        stdout: PipeReader,
        report: PipeReader,
        unsent: Vec<u8>,
    ) -> io::Result<Self> {
        unblock(&stdin)?;
        unblock(&stdout)?;
        unblock(&report)?;
        let mut streams = Streams {
            stdin,
            request,
            unsent,
            sent: 0,
            stdout: Some(stdout),
            report: Some(report),
            said: Vec::new(),
        };
        streams.send();
        Ok(streams)
    }

    /// Whether it is there as a whole: its length, then so many bytes.
    fn hear_last_word(&mut self) -> bool {
        let room = PIPE_MAX.saturating_sub(self.said.len()) as u64;
        if let Some(report) = &self.report
            && report.take(room).read_to_end(&mut self.said).is_ok()
        {
            self.report = None; // else there is no more now, and what there was is read
        }
        let Some((length, rest)) = self.said.split_first_chunk::<LENGTH>() else {
            return false;
        };
        u64::from_le_bytes(*length) == rest.len() as u64
    }

    /// Whether all that was sent is still there.
    fn is_untouched(&self) -> bool {
        let mut left: libc::c_int = 0;
        // SAFETY: the kernel writes one number, which outlives the call.
        let asked = unsafe { libc::ioctl(self.request.as_raw_fd(), libc::FIONREAD, &raw mut left) };
        asked == 0 && usize::try_from(left) == Ok(self.sent)
    }

    fn send(&mut self) {
        match self.stdin.write(&self.unsent) {
            Ok(bytes) => {
                self.unsent.drain(..bytes);
                self.sent += bytes;
            }
            Err(error) if is_for_later(&error) => {}
            // It closed its input: it will say why itself.
            Err(_) => self.unsent.clear(),
        }
    }
}

impl Job {
    /// Serves the job to its end.
    pub fn attend(
        self,
        bounds: Bounds,
        cancel: &Cancel,
        on_output: impl FnMut(&[u8]),
    ) -> io::Result<Ended> {
        let attended = Attended {
            exit: Exit::of(self.process.id),
            process: self.process,
            streams: self.streams,
            left: Left::from(bounds),
            on_output,
        };
        attended.run_to_end(cancel)
    }
}

/// The other end of the pipe stays as it is.
fn unblock(pipe: &impl AsFd) -> io::Result<()> {
    fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(())
}

struct Attended<F> {
    process: Forked,
    exit: Exit,
    streams: Streams,
    left: Left,
    on_output: F,
}

/// What can be done now.
struct Ready {
    cancelled: bool,
    speaks: bool,
    ended: bool,
    takes_request: bool,
    has_output: bool,
}

impl<F: FnMut(&[u8])> Attended<F> {
    fn run_to_end(mut self, cancel: &Cancel) -> io::Result<Ended> {
        match self.until(None, Some(cancel))? {
            Over::Said => Ok(Ended::Said(self.streams.said.split_off(LENGTH))),
            Over::Ended(_) if self.streams.is_untouched() => Ok(Ended::NotBegun),
            Over::Ended(status) => Ok(Ended::Without(End::Exited(status))),
            Over::Limit(end) => Ok(Ended::Without(self.kill(end)?)),
        }
    }

    /// SIGTERM to the group, a grace, SIGKILL, wait; what it says meanwhile is
    /// still heard.
    fn kill(&mut self, why: End) -> io::Result<End> {
        for (signal, patience) in [
            (Signal::SIGTERM, GRACE + MARGIN),
            (Signal::SIGKILL, GIVE_UP),
        ] {
            let _ = killpg(self.process.id, signal); // gone already is what we want
            match self.until(Some(Instant::now() + patience), None)? {
                Over::Said | Over::Ended(_) => return Ok(why),
                Over::Limit(_) => {}
            }
        }
        let pid = self.process.id.as_raw().cast_unsigned();
        Ok(End::Stuck { pid })
    }

    /// Serves the pipes until the job is over or a limit is reached. With
    /// `killing` that is the only limit, and its end reads `TimedOut`.
    fn until(&mut self, killing: Option<Instant>, cancel: Option<&Cancel>) -> io::Result<Over> {
        loop {
            let deadline = match killing {
                Some(at) => Some((at, End::TimedOut)),
                None => self.left.deadline(),
            };
            let ready = self.ready(deadline.as_ref().map(|(at, _)| *at), cancel)?;
            if ready.speaks && self.streams.hear_last_word() {
                self.hear_rest();
                self.process.ends_by_itself();
                return Ok(Over::Said);
            }
            if ready.cancelled {
                return Ok(Over::Limit(End::Cancelled));
            }
            if ready.ended {
                return self.over();
            }
            if let Some((at, end)) = deadline
                && at <= Instant::now()
            {
                return Ok(Over::Limit(end));
            }
            if ready.takes_request {
                self.streams.send();
            }
            if ready.has_output && !self.read() && killing.is_none() {
                return Ok(Over::Limit(End::TooMuchOutput));
            }
        }
    }

    /// Waits until something can be done, or for the deadline.
    fn ready(&self, deadline: Option<Instant>, cancel: Option<&Cancel>) -> io::Result<Ready> {
        let streams = &self.streams;
        let stdin = (!streams.unsent.is_empty()).then_some(&streams.stdin);
        let sources = [
            cancel.map(|cancel| PollFd::new(cancel.as_fd(), PollFlags::POLLIN)),
            self.exit.source(),
            stdin.map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLOUT)),
            streams
                .stdout
                .as_ref()
                .map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)),
            streams
                .report
                .as_ref()
                .map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)),
        ];
        let there = sources.each_ref().map(Option::is_some);
        let mut asked: Vec<PollFd<'_>> = sources.into_iter().flatten().collect();
        let patience = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let patience = match self.exit {
            Exit::Told(_) => patience,
            Exit::Asked => Some(patience.map_or(ASKED_EVERY, |most| most.min(ASKED_EVERY))),
        };
        match poll(&mut asked, rounded_up(patience)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut answers = asked.iter().map(|source| source.any() == Some(true));
        let [cancelled, told, takes_request, has_output, speaks] =
            there.map(|there| there && answers.next() == Some(true));
        Ok(Ready {
            cancelled,
            speaks,
            ended: told || matches!(self.exit, Exit::Asked) && has_ended(self.process.id),
            takes_request,
            has_output,
        })
    }

    /// Hands on what was printed; whether it was within the limit.
    fn read(&mut self) -> bool {
        let mut buffer = [0; BUFFER];
        let Some(pipe) = &mut self.streams.stdout else {
            return true;
        };
        match pipe.read(&mut buffer) {
            Err(error) if is_for_later(&error) => true,
            Ok(0) | Err(_) => {
                self.streams.stdout = None;
                true
            }
            Ok(bytes) => self.hear(&buffer[..bytes]),
        }
    }

    fn hear(&mut self, bytes: &[u8]) -> bool {
        let heard = self.left.heard(bytes);
        if !heard.is_empty() {
            (self.on_output)(heard);
        }
        heard.len() == bytes.len()
    }

    /// It has ended: what it left running in its group ends with it.
    fn over(&mut self) -> io::Result<Over> {
        let _ = killpg(self.process.id, Signal::SIGKILL); // none left is what we want
        let status = self.process.reap();
        self.hear_rest();
        // Nobody writes any more.
        match self.streams.hear_last_word() {
            true => Ok(Over::Said),
            false => status.map(Over::Ended),
        }
    }

    /// What the pipe holds, without waiting; bounded, since a process that escaped may
    /// go on writing.
    fn hear_rest(&mut self) {
        for _ in 0..PIPE_MAX / BUFFER {
            let Some(pipe) = &mut self.streams.stdout else {
                break;
            };
            let mut buffer = [0; BUFFER];
            match pipe.read(&mut buffer) {
                Ok(bytes) if bytes > 0 => self.hear(&buffer[..bytes]),
                _ => break,
            };
        }
    }
}

/// Why serving a job ended.
enum Over {
    Said,
    Ended(ExitStatus),
    Limit(End),
}

fn is_for_later(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, WouldBlock};
    matches!(error.kind(), WouldBlock | Interrupted)
}

/// Whole milliseconds, not to wake before it is time.
pub(super) fn rounded_up(patience: Option<Duration>) -> PollTimeout {
    let patience = patience.map(|left| left.saturating_add(Duration::from_nanos(999_999)));
    patience.map_or(PollTimeout::NONE, |patience| {
        PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX)
    })
}

/// How a process's end is noticed.
pub(super) enum Exit {
    /// A descriptor of the process becomes readable.
    Told(OwnedFd),
    /// Before Linux 5.3.
    Asked,
}

impl Exit {
    /// Of a child that is not reaped.
    pub fn of(pid: Pid) -> Self {
        // SAFETY: two numbers go in, and a descriptor or -1 comes back.
        let opened = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
        match RawFd::try_from(opened) {
            Ok(descriptor) if descriptor >= 0 => {
                // SAFETY: the kernel made it just now, for nobody else.
                Exit::Told(unsafe { OwnedFd::from_raw_fd(descriptor) })
            }
            _ => Exit::Asked,
        }
    }

    pub fn source(&self) -> Option<PollFd<'_>> {
        match self {
            Exit::Told(descriptor) => Some(PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)),
            Exit::Asked => None,
        }
    }
}

/// Whether a child has ended; it is left to be reaped.
pub(super) fn has_ended(pid: Pid) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
    !matches!(
        waitid(Id::Pid(pid), flags),
        Ok(WaitStatus::StillAlive) | Err(Errno::EINTR)
    )
}

/// A job's process, a child of this one; killed when dropped before its end was seen.
pub(super) struct Forked {
    pub id: Pid,
    over: bool,
    kept: Arc<Kept>,
}

impl Forked {
    pub fn new(id: Pid, kept: Arc<Kept>) -> Self {
        Forked {
            id,
            over: false,
            kept,
        }
    }

    /// It is reaped later.
    fn ends_by_itself(&mut self) {
        self.over = true;
        self.kept.leave(self.id);
    }

    /// Reaps it; call when it has ended, since it is waited for.
    fn reap(&mut self) -> io::Result<ExitStatus> {
        loop {
            let mut status = 0;
            // SAFETY: the status outlives the call.
            let waited = unsafe { libc::waitpid(self.id.as_raw(), &raw mut status, 0) };
            match Errno::result(waited) {
                Err(Errno::EINTR) => {}
                other => {
                    self.over = true; // or it never was ours to wait for
                    return Ok(other.map(|_| ExitStatus::from_raw(status))?);
                }
            }
        }
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        if !self.over {
            let _ = killpg(self.id, Signal::SIGKILL); // ended already is what we want
            self.kept.leave(self.id);
            self.kept.reap();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_never_shorter_than_what_is_left() {
        assert_eq!(rounded_up(None), PollTimeout::NONE);
        for (left, waited) in [(0, 0_u16), (1, 1), (999_999, 1), (1_000_001, 2)] {
            let rounded = rounded_up(Some(Duration::from_nanos(left)));
            assert_eq!(rounded, PollTimeout::from(waited), "{left} ns");
        }
        assert_eq!(rounded_up(Some(Duration::MAX)), PollTimeout::MAX);
    }
}
