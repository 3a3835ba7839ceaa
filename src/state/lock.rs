//! One process owns a state directory; a second one is told who.

use super::StateError;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// A process killed while it started a program: what it started lets go of the
/// lock a moment after it is gone.
const LET_GO: Duration = Duration::from_secs(5);

fn is_gone(owner: &str) -> bool {
    let pid = owner.parse().map(nix::unistd::Pid::from_raw);
    pid.is_ok_and(|pid| nix::sys::signal::kill(pid, None) == Err(nix::errno::Errno::ESRCH))
}

/// Held as long as the state is open; the kernel lets go of it when we die.
#[derive(Debug)]
pub struct Lock {
    _file: Flock<File>,
}

impl Lock {
    /// Takes the lock of the state directory `state`.
    ///
    /// # Errors
    /// [`StateError::Owned`] with the owner's process id when another has it.
    pub fn take(state: &Path) -> Result<Self, StateError> {
        let end = Instant::now() + LET_GO;
        loop {
            match Self::take_now(state) {
                Err(StateError::Owned { owner, .. }) if is_gone(&owner) && Instant::now() < end => {
                    std::thread::park_timeout(Duration::from_millis(5));
                }
                other => return other,
            }
        }
    }

    /// Whether nobody owns the state now; takes nothing.
    ///
    /// # Errors
    /// [`StateError::Owned`] with the owner's process id when somebody does.
    pub fn check(state: &Path) -> Result<(), StateError> {
        let path = super::Places::new(state).owner();
        let mut file = match File::open(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            file => file.map_err(|e| StateError::io("open", &path, e))?,
        };
        let mut owner = String::new();
        let _ = (&mut file).take(64).read_to_string(&mut owner);
        match Flock::lock(file, FlockArg::LockSharedNonblock) {
            Ok(_) => Ok(()),
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => Err(StateError::Owned {
                state: state.into(),
                owner: owner.trim().to_owned(),
            }),
            Err((_, errno)) => Err(StateError::io("look at the lock", &path, errno.into())),
        }
    }

    fn take_now(state: &Path) -> Result<Self, StateError> {
        let path = super::Places::new(state).owner();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| StateError::io("open", &path, e))?;
        let mut owner = String::new();
        let _ = (&mut file).take(64).read_to_string(&mut owner);
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut file) => {
                let written = file
                    .rewind()
                    .and_then(|()| file.set_len(0))
                    .and_then(|()| writeln!(file, "{}", std::process::id()));
                written.map_err(|e| StateError::io("write", &path, e))?;
                Ok(Lock { _file: file })
            }
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => Err(StateError::Owned {
                state: state.into(),
                owner: owner.trim().to_owned(),
            }),
            Err((_, errno)) => Err(StateError::io("lock", &path, errno.into())),
        }
    }
}
