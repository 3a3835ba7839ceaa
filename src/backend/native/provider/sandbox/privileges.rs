//! What PID 1 and the step give up before the step's program runs.

use super::spec::{Attempt, Limits, SetupError};
use crate::process::privileges::{self, PrivilegeError};
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::SigSet;
use std::fs;

/// No user namespace inside this one: they are the widest door into the kernel.
/// Needs the capabilities this process still has.
pub(super) fn forbid_user_namespaces() -> Result<(), SetupError> {
    let setting = "/proc/sys/user/max_user_namespaces";
    match fs::write(setting, "0") {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.attempt(|| format!("write 0 to {setting}")),
    }
}

/// No program that a step runs can get a capability; this process keeps those it has.
pub(super) fn rule_out_capabilities() -> Result<(), SetupError> {
    Ok(privileges::bound_capabilities(&[])?)
}

/// Every capability that this process has.
pub(super) fn drop_capabilities() -> Result<(), SetupError> {
    Ok(privileges::hold_capabilities(&[])?)
}

impl From<PrivilegeError> for SetupError {
    fn from(error: PrivilegeError) -> Self {
        SetupError {
            attempted: error.attempted,
            source: error.source.into(),
        }
    }
}

/// Processes of the step's user that are kiln's: the room and PID 1.
const KILNS_OWN: u64 = 2;

/// Never above what the caller may have itself.
pub(super) fn limit(limits: &Limits) -> Result<(), SetupError> {
    for (resource, value) in [
        (Resource::RLIMIT_CORE, Some(0)),
        (
            Resource::RLIMIT_NPROC,
            limits
                .processes
                .map(|count| count.saturating_add(KILNS_OWN)),
        ),
        // So that one file alone cannot run far ahead of the watch.
        (Resource::RLIMIT_FSIZE, Some(limits.output_size)),
    ] {
        let Some(value) = value else { continue };
        let attempted = || format!("set {resource:?} to {value}");
        let (_, hard) = getrlimit(resource).attempt(attempted)?;
        let value = value.min(hard);
        setrlimit(resource, value, value).attempt(attempted)?;
    }
    Ok(())
}

/// The kernel's `LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET` and `_SIGNAL`.
const SCOPES: u64 = 0b11;

/// A step that shares the host's network shall not reach the host's abstract
/// sockets by it. Before Linux 6.12 nothing can keep it from them.
pub(super) fn leave_abstract_sockets() -> Result<(), SetupError> {
    /// `struct landlock_ruleset_attr`: files, network, scopes.
    const RULESET: [u64; 3] = [0, 0, SCOPES];
    // SAFETY: the kernel reads as many bytes as the array has.
    let made = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            RULESET.as_ptr(),
            size_of_val(&RULESET),
            0,
        )
    };
    let ruleset = match Errno::result(made) {
        // Not built in, not switched on, or older than these scopes.
        Err(Errno::ENOSYS | Errno::EOPNOTSUPP | Errno::E2BIG | Errno::EINVAL) => return Ok(()),
        other => other.attempt(|| "make a Landlock ruleset".into())?,
    };
    // SAFETY: takes numbers only; the descriptor closes on exec.
    let set = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset, 0) };
    Errno::result(set)
        .map(drop)
        .attempt(|| "leave the host's abstract sockets".into())
}

/// Every signal does what it does by default, in what comes of this process too.
pub(super) fn default_signals() {
    /// The kernel's `struct sigaction`, all zero: the default, no flags, no mask.
    const DEFAULT: [u64; 4] = [0; 4];
    /// Bytes of the kernel's signal set.
    const SET: usize = 8;
    for signal in 1..=64 {
        // By number, since libc keeps two from its callers, which an ancestor
        // may have left ignored. SIGKILL and SIGSTOP refuse, rightly.
        // SAFETY: sets no handler; the kernel reads no more than the array has.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                DEFAULT.as_ptr(),
                std::ptr::null_mut::<libc::c_void>(),
                SET,
            )
        };
    }
}

/// None is blocked.
pub(super) fn unblock_signals() -> Result<(), SetupError> {
    SigSet::empty()
        .thread_set_mask()
        .attempt(|| "unblock all signals".into())
}

/// Everything but the standard streams is closed when the step's program starts.
pub(super) fn close_descriptors() -> Result<(), SetupError> {
    // SAFETY: changes a flag of descriptors of this process, which has one thread.
    let closed = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    match Errno::result(closed) {
        // Before Linux 5.11 one by one.
        Err(Errno::ENOSYS | Errno::EINVAL) => close_each(),
        other => other
            .map(drop)
            .attempt(|| "close descriptors on exec".into()),
    }
}

fn close_each() -> Result<(), SetupError> {
    let folder = "/proc/self/fd";
    for entry in fs::read_dir(folder).attempt(|| format!("list {folder}"))? {
        let name = entry.attempt(|| format!("list {folder}"))?.file_name();
        let number: Option<i32> = name.to_str().and_then(|name| name.parse().ok());
        if let Some(descriptor) = number.filter(|number| *number > 2) {
            // SAFETY: changes a flag of a descriptor of this process, which has one thread.
            let set = unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
            Errno::result(set).attempt(|| format!("close descriptor {descriptor} on exec"))?;
        }
    }
    Ok(())
}
