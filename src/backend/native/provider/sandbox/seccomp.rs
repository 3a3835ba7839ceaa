//! What a step may not ask of the kernel: a filter in the kernel's own BPF,
//! the last thing installed before the step's program runs.
//!
//! A refusal is an error that programs know how to go on from: `ENOSYS` as from
//! an older kernel, `EOPNOTSUPP` as from a file system without attributes,
//! `EPERM` as for anybody without rights. Nothing is killed, so that what a
//! `configure` tries out leads to an answer.

use super::spec::{Attempt, SetupError};
use libc::{c_long, sock_filter};
use nix::errno::Errno;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the sandbox knows the system calls of x86_64 and aarch64 only");

/// x32 programs use the same architecture with this bit in the number.
#[cfg(target_arch = "x86_64")]
const X32: u32 = 0x4000_0000;

/// `setxattrat`, `fchmodat2`: the same numbers everywhere; not in libc yet.
const FCHMODAT2: c_long = 452;
const SETXATTRAT: c_long = 463;
const OPEN_TREE_ATTR: c_long = 467;

const SET_ID: u32 = libc::S_ISUID | libc::S_ISGID;
const NEW_USER: u32 = libc::CLONE_NEWUSER.cast_unsigned();

/// When a system call is refused.
#[derive(Debug, Clone, Copy)]
enum When {
    Always,
    /// Any of these bits is set in that argument.
    Bits(u32, u32),
    /// That argument is this value.
    Is(u32, u32),
}

#[derive(Debug, Clone, Copy)]
struct Rule {
    call: c_long,
    when: When,
    answer: i32,
}

const fn rule(call: c_long, when: When, answer: i32) -> Rule {
    Rule { call, when, answer }
}

const fn never(call: c_long) -> Rule {
    rule(call, When::Always, libc::EPERM)
}

const fn unknown(call: c_long) -> Rule {
    rule(call, When::Always, libc::ENOSYS)
}

const fn unsupported(call: c_long) -> Rule {
    rule(call, When::Always, libc::EOPNOTSUPP)
}

const fn set_id(call: c_long, argument: u32) -> Rule {
    rule(call, When::Bits(argument, SET_ID), libc::EPERM)
}

/// A family of sockets that reaches beyond a network namespace.
const fn family(family: i32) -> Rule {
    let family = family.cast_unsigned();
    rule(libc::SYS_socket, When::Is(0, family), libc::EAFNOSUPPORT)
}

const RULES: &[Rule] = &[
    // Files that would give rights to whoever runs them, or say more than a NAR can.
    set_id(libc::SYS_fchmod, 1),
    set_id(libc::SYS_fchmodat, 2),
    set_id(FCHMODAT2, 2),
    set_id(libc::SYS_openat, 3),
    set_id(libc::SYS_mknodat, 2),
    unknown(libc::SYS_openat2), // its mode is behind a pointer, which cannot be looked at
    unsupported(libc::SYS_setxattr),
    unsupported(libc::SYS_lsetxattr),
    unsupported(libc::SYS_fsetxattr),
    unsupported(SETXATTRAT),
    // Keyrings are shared by all processes of a uid.
    unknown(libc::SYS_add_key),
    unknown(libc::SYS_request_key),
    unknown(libc::SYS_keyctl),
    // Namespaces. The flags of clone3 are behind a pointer: libc falls back to clone.
    rule(libc::SYS_unshare, When::Bits(0, NEW_USER), libc::EPERM),
    rule(libc::SYS_clone, When::Bits(0, NEW_USER), libc::EPERM),
    unknown(libc::SYS_clone3),
    never(libc::SYS_setns),
    // Mounts.
    never(libc::SYS_mount),
    never(libc::SYS_umount2),
    never(libc::SYS_pivot_root),
    never(libc::SYS_chroot),
    never(libc::SYS_open_tree),
    never(OPEN_TREE_ATTR),
    never(libc::SYS_move_mount),
    never(libc::SYS_fsopen),
    never(libc::SYS_fsconfig),
    never(libc::SYS_fsmount),
    never(libc::SYS_fspick),
    never(libc::SYS_mount_setattr),
    never(libc::SYS_open_by_handle_at),
    // Doors into the kernel that no build needs.
    unknown(libc::SYS_io_uring_setup),
    unknown(libc::SYS_io_uring_enter),
    unknown(libc::SYS_io_uring_register),
    never(libc::SYS_bpf),
    never(libc::SYS_perf_event_open),
    never(libc::SYS_userfaultfd),
    never(libc::SYS_init_module),
    never(libc::SYS_finit_module),
    never(libc::SYS_delete_module),
    never(libc::SYS_kexec_load),
    never(libc::SYS_syslog),
    // Typing into the terminal the agent may have been started from.
    rule(libc::SYS_ioctl, When::Is(1, 0x5412), libc::EPERM), // TIOCSTI
    rule(libc::SYS_ioctl, When::Is(1, 0x541c), libc::EPERM), // TIOCLINUX
    family(libc::AF_VSOCK),
    family(42), // AF_QIPCRTR
];

/// Calls that newer architectures do not have.
#[cfg(target_arch = "x86_64")]
const OLD_RULES: &[Rule] = &[
    set_id(libc::SYS_chmod, 1),
    set_id(libc::SYS_open, 2),
    set_id(libc::SYS_creat, 1),
    set_id(libc::SYS_mknod, 1),
];
#[cfg(target_arch = "aarch64")]
const OLD_RULES: &[Rule] = &[];

/// Offsets in the kernel's `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const ARGUMENTS: u32 = 16;

/// Installs the filter in this process and all that come of it.
///
/// # Errors
/// When the kernel has no seccomp filters; `no_new_privs` must be set.
pub(super) fn install() -> Result<(), SetupError> {
    let mut filter = program();
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).unwrap_or(u16::MAX),
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the kernel copies the program, which lives longer than the call.
    let set = unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const program,
        )
    };
    Errno::result(set).map(drop).attempt(|| {
        "install the filter of system calls (the kernel needs CONFIG_SECCOMP_FILTER)".into()
    })
}

fn program() -> Vec<sock_filter> {
    let mut filter = vec![load(ARCH), skip_unless_equal(ARCHITECTURE, 1, 0)];
    filter.push(refuse(libc::ENOSYS));
    filter.push(load(NUMBER));
    #[cfg(target_arch = "x86_64")]
    filter.extend([jump(libc::BPF_JGE, X32, 0, 1), refuse(libc::ENOSYS)]);
    for rule in RULES.iter().chain(OLD_RULES) {
        filter.extend(compile(*rule));
    }
    filter.push(answer(libc::SECCOMP_RET_ALLOW));
    filter
}

/// Begins and ends with the number loaded.
fn compile(rule: Rule) -> Vec<sock_filter> {
    let Ok(number) = u32::try_from(rule.call) else {
        return Vec::new();
    };
    let condition = match rule.when {
        When::Always => return vec![skip_unless_equal(number, 0, 1), refuse(rule.answer)],
        When::Bits(argument, bits) => (argument, jump(libc::BPF_JSET, bits, 0, 1)),
        When::Is(argument, value) => (argument, jump(libc::BPF_JEQ, value, 0, 1)),
    };
    let (argument, test) = condition;
    // Little-endian: the lower half comes first. All these arguments have 32 bits.
    vec![
        skip_unless_equal(number, 0, 4),
        load(ARGUMENTS + 8 * argument),
        test,
        refuse(rule.answer),
        load(NUMBER),
    ]
}

fn load(offset: u32) -> sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset)
}

fn skip_unless_equal(value: u32, then: u8, otherwise: u8) -> sock_filter {
    jump(libc::BPF_JEQ, value, then, otherwise)
}

fn refuse(errno: i32) -> sock_filter {
    answer(libc::SECCOMP_RET_ERRNO | errno.cast_unsigned())
}

fn answer(value: u32) -> sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, value)
}

fn statement(code: u32, k: u32) -> sock_filter {
    instruction(code, 0, 0, k)
}

fn jump(test: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    instruction(libc::BPF_JMP | test | libc::BPF_K, jt, jf, k)
}

fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter {
        code: u16::try_from(code).unwrap_or(u16::MAX), // an unknown code is refused by the kernel
        jt,
        jf,
        k,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_within_what_the_kernel_takes() {
        assert!(program().len() < 4096);
    }

    #[test]
    fn no_rule_is_lost() {
        for rule in RULES.iter().chain(OLD_RULES) {
            assert!(!compile(*rule).is_empty(), "{rule:?}");
        }
    }
}
