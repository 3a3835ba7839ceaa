//! The process that leads a group: a program, or a copy made by a fork server.

use super::server::Forked;
use std::io;
use std::process::ExitStatus;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};

/// A child of this process that leads a group, with this side of its streams.
pub(super) struct Started {
    pub leader: Leader,
    pub stdin: Option<ChildStdin>,
    pub stdout: Option<ChildStdout>,
    pub stderr: Option<ChildStderr>,
}

/// Either way a child of this process; killed when dropped.
pub(super) enum Leader {
    Program(Child),
    /// Made by a fork server.
    Forked(Forked),
}

impl From<Child> for Started {
    fn from(mut child: Child) -> Self {
        Started {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            leader: Leader::Program(child),
        }
    }
}

impl Leader {
    pub fn id(&self) -> Option<u32> {
        match self {
            Leader::Program(child) => child.id(),
            Leader::Forked(forked) => forked.id(),
        }
    }

    /// Reaps it, once it has ended.
    pub async fn reap(&mut self) -> io::Result<ExitStatus> {
        match self {
            Leader::Program(child) => child.wait().await,
            Leader::Forked(forked) => forked.reap(),
        }
    }
}
