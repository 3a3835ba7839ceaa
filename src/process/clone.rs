//! A copy of this process that begins in a cgroup of its own.

use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::unistd::Pid;
use std::os::fd::RawFd;

/// The kernel's `CLONE_INTO_CGROUP`, of clone3(2) alone.
const INTO_CGROUP: u64 = 1 << 33;

/// The kernel's `struct clone_args` (clone3(2)), as long as it is since Linux 5.7.
#[repr(C)]
#[derive(Default)]
struct Arguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// Makes a copy of this process, which has one thread, in the cgroup whose folder
/// `group` is open at; it runs `begin` and ends with what that returns. With
/// `CLONE_PARENT` its end is told to the parent as this process's own would be.
///
/// # Errors
/// As clone3(2); EINVAL, E2BIG or ENOSYS where the kernel, or a filter of
/// system calls, knows nothing of it.
pub(crate) fn clone_into(
    group: RawFd,
    namespaces: CloneFlags,
    begin: impl FnOnce() -> u8,
) -> nix::Result<Pid> {
    let told = namespaces.contains(CloneFlags::CLONE_PARENT);
    let arguments = Arguments {
        flags: u64::from(namespaces.bits().cast_unsigned()) | INTO_CGROUP,
        exit_signal: if told { 0 } else { libc::SIGCHLD as u64 },
        cgroup: u64::try_from(group).map_err(|_| Errno::EBADF)?,
        ..Arguments::default()
    };
    // SAFETY: the kernel reads as many bytes as the structure has. Without
    // CLONE_VM and a stack the copy goes on here, as after fork(2), with memory of its own;
    // there is one thread, so it finds no lock held.
    let pid = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw const arguments,
            size_of::<Arguments>(),
        )
    };
    match Errno::result(pid)? {
        0 => {
            let code = begin();
            // SAFETY: ends the copy, and runs nothing that is the original's to run.
            unsafe { libc::_exit(code.into()) }
        }
        pid => Ok(Pid::from_raw(
            i32::try_from(pid).map_err(|_| Errno::EOVERFLOW)?,
        )),
    }
}
