//! The signals that end an agent, or make it read its configuration again.

use super::RunError;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Stop,
    /// Read the configuration again.
    Reload,
    /// See whether the configuration is another one.
    Look,
}

impl Signals {
    /// Takes over the signals; from now on none of them ends the process by itself.
    pub fn new() -> Result<Self, RunError> {
        let listen = |kind| signal(kind).map_err(|error| RunError::failed(&error));
        Ok(Signals {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }
}
