//! A cancellation that a thread can wait for beside other descriptors.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// Asked for once, and for good: its descriptor then stays readable for
/// everybody. Clones are the same.
#[derive(Debug, Clone)]
pub struct Cancel(Arc<EventFd>);

impl Cancel {
    /// # Errors
    /// When this process may open no more files.
    pub fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let descriptor = EventFd::from_value_and_flags(0, flags)?;
        Ok(Cancel(Arc::new(descriptor)))
    }

    /// Asks for it; again changes nothing.
    pub fn cancel(&self) {
        let _ = self.0.write(1); // full: it was asked for often enough
    }

    /// Whether it was asked for.
    pub fn is_cancelled(&self) -> bool {
        let mut sources = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        loop {
            match poll(&mut sources, PollTimeout::ZERO) {
                Err(Errno::EINTR) => {}
                other => return other != Ok(0),
            }
        }
    }
}

impl AsFd for Cancel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Cancels when dropped: whoever was to ask may itself be gone.
#[derive(Debug)]
pub struct CancelOnDrop(pub Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clone_hears_of_it_and_goes_on_hearing() {
        let cancel = Cancel::new().unwrap();
        let (first, second) = (cancel.clone(), cancel.clone());
        assert!(!first.is_cancelled());
        drop(CancelOnDrop(cancel));
        assert!(first.is_cancelled() && second.is_cancelled() && first.is_cancelled());
    }
}
