//! Time that is not paused: says which operations the Builder is stuck in.

use super::Case;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// An operation takes milliseconds, and a machine may be busy.
const STUCK: Duration = Duration::from_secs(180);

enum Seen {
    Case(Case),
    Operation(usize),
}

/// Ends the process when what it saw last is not followed by anything else.
pub struct Watchdog {
    seen: Option<Sender<Seen>>,
    thread: Option<JoinHandle<()>>,
}

impl Default for Watchdog {
    fn default() -> Self {
        let (seen, sights) = channel();
        let thread = std::thread::spawn(move || {
            let (mut case, mut operation) = (None, 0);
            loop {
                match sights.recv_timeout(STUCK) {
                    Ok(Seen::Case(next)) => (case, operation) = (Some(next), 0),
                    Ok(Seen::Operation(next)) => operation = next,
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => {
                        eprintln!(
                            "nothing happens for {STUCK:?} in operation {operation} of {case:?}"
                        );
                        std::process::abort();
                    }
                }
            }
        });
        Watchdog {
            seen: Some(seen),
            thread: Some(thread),
        }
    }
}

impl Watchdog {
    pub fn begins(&self, case: &Case) {
        self.tell(Seen::Case(case.clone()));
    }

    pub fn comes_to(&self, operation: usize) {
        self.tell(Seen::Operation(operation));
    }

    fn tell(&self, seen: Seen) {
        if let Some(thread) = &self.seen {
            let _ = thread.send(seen);
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.seen.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
