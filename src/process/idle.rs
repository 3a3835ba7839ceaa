//! What a caller keeps of a fork server between two jobs: its socket, and the processes
//! of jobs that are over.

use super::job::Exit;
use super::server::announced;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, Shutdown, shutdown};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// A server that was not asked for so long ends, and gives its memory back.
pub(crate) const IDLE: Duration = Duration::from_secs(10);
/// From one look to the next, while there is a server.
const LOOK: Duration = Duration::from_secs(1);
/// What ends by itself gets, where it is waited for: it takes a thousandth of it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shared with those who attend its jobs, and with who ends it.
#[derive(Default)]
pub(super) struct Kept {
    server: Mutex<Option<Open>>,
    /// They end by themselves or were killed; to be waited for.
    left: Mutex<Vec<Pid>>,
    /// Of servers that were given up: each may still say which process it made, which
    /// then finds that there will be no job.
    given_up: Mutex<Vec<OwnedFd>>,
    used: Mutex<Used>,
}

/// A server that was started and has not ended, as far as is known.
pub(super) struct Open {
    /// How many were started before it.
    pub start: u64,
    pub socket: OwnedFd,
}

struct Used {
    jobs: u32,
    last: Instant,
}

impl Default for Used {
    fn default() -> Self {
        Used {
            jobs: 0,
            last: Instant::now(),
        }
    }
}

/// A job runs, as long as this lives.
pub(super) struct InUse<'a>(&'a Kept);

impl Kept {
    /// The server, where there is one.
    pub fn server(&self) -> MutexGuard<'_, Option<Open>> {
        lock(&self.server)
    }

    pub fn used(&self) -> InUse<'_> {
        lock(&self.used).jobs += 1;
        InUse(self)
    }

    /// Somebody has to wait for it: whoever looks next does.
    pub fn leave(&self, pid: Pid) {
        lock(&self.left).push(pid);
    }

    /// Ends a server, and with it the process that waits for the next job, which is this
    /// process's child.
    pub fn give_up(&self, Open { socket, .. }: Open) {
        let _ = shutdown(socket.as_raw_fd(), Shutdown::Write); // it is gone already then
        lock(&self.given_up).push(socket);
    }

    /// Those that have ended.
    pub fn reap(&self) {
        lock(&self.given_up).retain(|socket| match announced(socket, MsgFlags::MSG_DONTWAIT) {
            Ok(None) => true,
            Ok(Some(Ok(waiting))) => {
                self.leave(waiting);
                true
            }
            Ok(Some(Err(_))) | Err(_) => false, // no more processes of its
        });
        lock(&self.left).retain(|pid| {
            let waited = waitpid(*pid, Some(WaitPidFlag::WNOHANG));
            matches!(waited, Ok(WaitStatus::StillAlive) | Err(Errno::EINTR))
        });
    }

    /// There is no server, and nothing left of one; one that is being asked, or started,
    /// is not waited for.
    fn has_ended(&self) -> bool {
        matches!(self.server.try_lock(), Ok(server) if server.is_none())
            && lock(&self.left).is_empty()
            && lock(&self.given_up).is_empty()
    }

    fn is_idle(&self) -> bool {
        let used = lock(&self.used);
        used.jobs == 0 && used.last.elapsed() >= IDLE
    }

    /// Ends the server that is idle.
    fn close_if_idle(&self) {
        let mut server = self.server();
        // Whoever uses it says so before they ask for it.
        if self.is_idle()
            && let Some(server) = server.take()
        {
            self.give_up(server);
        }
    }
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        let mut used = lock(&self.0.used);
        used.jobs -= 1;
        used.last = Instant::now();
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let patience = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::ZERO);
        if let Some(server) = self.server().take() {
            self.give_up(server);
        }
        // The process is there, or about to be, or the server has ended.
        for socket in lock(&self.given_up).iter() {
            let mut sources = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut sources, patience); // what is not said then is not waited for
        }
        self.reap();
        for pid in lock(&self.left).iter() {
            if let Some(source) = Exit::of(*pid).source() {
                let _ = poll(&mut [source], patience); // what is not over then, init reaps later
            }
        }
        self.reap();
    }
}

/// Ends the server once it was idle for a while; reaps what is over meanwhile.
pub(super) async fn close_when_idle(kept: Weak<Kept>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(kept) = kept.upgrade() else {
            return;
        };
        kept.reap();
        if kept.is_idle() {
            kept.close_if_idle();
        }
        if kept.has_ended() {
            return;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
