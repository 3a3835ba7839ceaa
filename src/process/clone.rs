//! Processes that begin in a cgroup of their own.

use super::stack::Stack;
use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::unistd::Pid;
use std::ffi::c_void;
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

/// Starts a process in the cgroup whose folder `group` is open at; it runs `begin`
/// and ends with what that returns. It has this one's memory, on a stack of its own,
/// while this one stands still (`vfork`); where that cannot be had, a copy of it.
///
/// # Errors
/// As clone3(2); EINVAL, E2BIG or ENOSYS where the kernel, or a filter of
/// system calls, knows nothing of it.
///
/// # Safety
/// This process has one thread.
pub(crate) unsafe fn clone_into<F: FnMut() -> u8>(
    group: RawFd,
    stack: &mut Stack,
    mut begin: F,
) -> nix::Result<Pid> {
    let shared = match can_lend() {
        true => CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK,
        false => CloneFlags::empty(),
    };
    let stack = stack.bytes();
    let arguments = Arguments {
        flags: u64::from(shared.bits().cast_unsigned()) | INTO_CGROUP,
        exit_signal: libc::SIGCHLD as u64,
        cgroup: u64::try_from(group).map_err(|_| Errno::EBADF)?,
        stack: if can_lend() { stack.as_ptr() as u64 } else { 0 },
        stack_size: if can_lend() { stack.len() as u64 } else { 0 },
        ..Arguments::default()
    };
    // SAFETY: what both point to outlives the call, and with it the new process's use
    // of this memory: it has other memory, or has ended, when the call returns here.
    let pid = unsafe { clone3(&arguments, run::<F>, (&raw mut begin).cast()) };
    let pid = Errno::result(pid)?;
    Ok(Pid::from_raw(
        i32::try_from(pid).map_err(|_| Errno::EOVERFLOW)?,
    ))
}

/// The new process's part.
extern "C" fn run<F: FnMut() -> u8>(begin: *mut c_void) -> ! {
    // SAFETY: `clone_into` points to its own `begin`, which nobody else uses meanwhile.
    let code = unsafe { (*begin.cast::<F>())() };
    // SAFETY: ends the process, and runs nothing that is the other one's to run.
    unsafe { libc::_exit(code.into()) }
}

/// Whether a process can be lent memory with clone3(2): with a stack that is not the
/// caller's nothing that a compiler put on this one can be used, so it takes assembly.
const fn can_lend() -> bool {
    cfg!(target_arch = "x86_64")
}

/// The system call; the new process calls `run` with `with` and nothing else.
#[cfg(target_arch = "x86_64")]
unsafe fn clone3(
    arguments: &Arguments,
    run: extern "C" fn(*mut c_void) -> !,
    with: *mut c_void,
) -> libc::c_long {
    let answer;
    // SAFETY: as syscall(2) clobbers; the new process, which finds 0 and an empty
    // stack (its end is a multiple of 16), leaves this code for good.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, {with}",
            "call {run}",
            "ud2",
            "2:",
            with = in(reg) with,
            run = in(reg) run,
            inlateout("rax") libc::SYS_clone3 => answer,
            in("rdi") arguments,
            in("rsi") size_of::<Arguments>(),
            out("rcx") _,
            out("r11") _,
        );
    }
    match answer {
        0.. => answer,
        error => {
            Errno::set_raw(i32::try_from(-error).unwrap_or(libc::EINVAL));
            -1
        }
    }
}

/// Without a stack the new process goes on here, as after fork(2), with memory of its own.
#[cfg(not(target_arch = "x86_64"))]
unsafe fn clone3(
    arguments: &Arguments,
    run: extern "C" fn(*mut c_void) -> !,
    with: *mut c_void,
) -> libc::c_long {
    // SAFETY: the kernel reads as many bytes as the structure has.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, arguments, size_of::<Arguments>()) };
    if pid == 0 {
        run(with);
    }
    pid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn a_process_that_is_lent_memory_writes_to_it_from_a_stack_of_its_own() {
        let mut stack = Stack::new(1 << 16).unwrap();
        let top = stack.bytes().as_ptr_range();
        let mut seen = std::ptr::null();
        let mut begin = || {
            let here = 0_u8;
            seen = &raw const here;
            7
        };
        let bytes = stack.bytes();
        let arguments = Arguments {
            flags: (libc::CLONE_VM | libc::CLONE_VFORK) as u64,
            exit_signal: libc::SIGCHLD as u64,
            stack: bytes.as_ptr() as u64,
            stack_size: bytes.len() as u64,
            ..Arguments::default()
        };
        fn run_it<F: FnMut() -> u8>(_: &F) -> extern "C" fn(*mut c_void) -> ! {
            run::<F>
        }
        let run = run_it(&begin);
        // SAFETY: as `clone_into`; what it runs touches its own stack and one variable.
        let pid = unsafe { clone3(&arguments, run, (&raw mut begin).cast()) };
        let pid = Pid::from_raw(i32::try_from(Errno::result(pid).unwrap()).unwrap());
        let ended = nix::sys::wait::waitpid(pid, None).unwrap();
        assert_eq!(ended, nix::sys::wait::WaitStatus::Exited(pid, 7));
        assert!(top.contains(&seen));
    }

    #[test]
    fn what_the_kernel_refuses_is_told() {
        let mut stack = Stack::new(1 << 16).unwrap();
        // SAFETY: nothing is started.
        let refused = unsafe { clone_into(RawFd::MAX, &mut stack, || 0) };
        assert!(matches!(
            refused,
            Err(Errno::EBADF | Errno::ENOSYS | Errno::EPERM)
        ));
    }
}
