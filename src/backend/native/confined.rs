//! What a child gives up before it meets bytes of the network: it may write
//! through the descriptors it holds, and otherwise nowhere; it starts nothing;
//! as root it becomes a build user, so that not even the agent's files are its.
//!
//! Every mount is made read-only in a mount namespace of the child's own. A
//! descriptor opened before belongs to the mount it was opened on, which stays
//! as it was.

use crate::process::privileges;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::process::ExitCode;
use std::{fs, io};

/// What the child may still do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Confinement {
    /// The build user to become, who is its own group; none: the caller, who
    /// is not root.
    pub user: Option<u32>,
    /// Bytes of address space.
    pub memory: u64,
    /// Bytes of one file.
    pub file_size: u64,
}

/// This host does not let the child give something up.
#[derive(Debug, thiserror::Error)]
#[error("confine the child: cannot {attempted}: {source}")]
pub(super) struct ConfineError {
    attempted: &'static str,
    source: io::Error,
}

fn failed<E: Into<io::Error>>(attempted: &'static str) -> impl FnOnce(E) -> ConfineError {
    move |source| ConfineError {
        attempted,
        source: source.into(),
    }
}

/// What such a child does: an order on standard input, lines of JSON on standard
/// output, the last of them what `run` came to. `broken` says in the child's
/// words that the host could not set it up.
pub(super) fn obey<O: DeserializeOwned, S: Serialize>(
    run: impl FnOnce(O) -> Result<S, String>,
    broken: impl FnOnce(String) -> S,
) -> ExitCode {
    let order = crate::process::read_request()
        .and_then(|json| Ok(serde_json::from_slice(&json)?))
        .map_err(|error| format!("read the order: {error}"));
    match say(&order.and_then(run).unwrap_or_else(broken)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE, // nobody is left to be told
    }
}

/// One line to whoever started this child.
pub(super) fn say(said: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(said)?;
    line.push(b'\n');
    let mut stdout = io::stdout();
    stdout.write_all(&line)?;
    stdout.flush()
}

impl Confinement {
    /// Gives everything else up, for good. Call with one thread, after the
    /// request was read and every descriptor is open; from then on this
    /// process ends with its parent.
    ///
    /// # Errors
    /// Names what the kernel refused.
    pub fn enter(&self) -> Result<(), ConfineError> {
        own_mounts(self.user.is_some())?;
        read_only()?;
        match self.user {
            Some(user) => become_user(user)?,
            None => privileges::keep_capabilities(&[])
                .map_err(|error| failed("drop the capabilities")(error.source))?,
        }
        nix::sys::prctl::set_no_new_privs().map_err(failed("rule out new privileges"))?;
        nix::sys::prctl::set_dumpable(false).map_err(failed("close itself to others"))?;
        // A write beyond the limit is an error, not the end of the process.
        // SAFETY: no handler is set.
        unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) }.map_err(failed("ignore SIGXFSZ"))?;
        limit(Resource::RLIMIT_AS, self.memory)?;
        limit(Resource::RLIMIT_FSIZE, self.file_size)?;
        limit(Resource::RLIMIT_CORE, 0)?;
        crate::process::die_with_parent();
        limit(Resource::RLIMIT_NPROC, 0)
    }
}

fn limit(resource: Resource, value: u64) -> Result<(), ConfineError> {
    let (_, hard) = getrlimit(resource).map_err(failed("read a limit"))?;
    let value = value.min(hard);
    setrlimit(resource, value, value).map_err(failed("set a limit"))
}

fn own_mounts(privileged: bool) -> Result<(), ConfineError> {
    if privileged {
        unshare(CloneFlags::CLONE_NEWNS).map_err(failed("make a mount namespace"))?;
    } else {
        let (uid, gid) = (Uid::effective(), Gid::effective());
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)
            .map_err(failed("make a user and a mount namespace"))?;
        for (file, content) in [
            ("/proc/self/setgroups", "deny".to_owned()),
            ("/proc/self/uid_map", format!("{uid} {uid} 1\n")),
            ("/proc/self/gid_map", format!("{gid} {gid} 1\n")),
        ] {
            fs::write(file, content).map_err(failed("map its user"))?;
        }
    }
    let none: Option<&str> = None;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(none, "/", none, private, none).map_err(failed("keep its mounts to itself"))
}

/// Every mount at once. Kernels before 5.12 cannot; there the file modes and
/// the user alone keep the child from writing.
fn read_only() -> Result<(), ConfineError> {
    let attributes = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID;
    match privileges::set_mounts(c"/", attributes) {
        Ok(()) | Err(nix::errno::Errno::ENOSYS) => Ok(()),
        Err(error) => Err(failed("make its mounts read-only")(error)),
    }
}

fn become_user(user: u32) -> Result<(), ConfineError> {
    let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
    setgroups(&[]).map_err(failed("leave its groups"))?;
    setresgid(gid, gid, gid).map_err(failed("become the build group"))?;
    // Takes every capability with it.
    setresuid(uid, uid, uid).map_err(failed("become the build user"))
}
