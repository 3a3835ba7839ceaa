//! One process owns a state directory; a second one is told who.

use super::StateError;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

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
