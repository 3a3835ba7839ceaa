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
use std::collections::BTreeMap;
use std::sync::LazyLock;

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
    // How the file system treats a file, and its generation: chattr(1).
    rule(libc::SYS_ioctl, When::Is(1, 0x4008_6602), libc::EOPNOTSUPP), // FS_IOC_SETFLAGS
    rule(libc::SYS_ioctl, When::Is(1, 0x4008_7602), libc::EOPNOTSUPP), // FS_IOC_SETVERSION
    rule(libc::SYS_ioctl, When::Is(1, 0x4008_6604), libc::EOPNOTSUPP), // EXT4_IOC_SETVERSION
    rule(libc::SYS_ioctl, When::Is(1, 0x401c_5820), libc::EOPNOTSUPP), // FS_IOC_FSSETXATTR
    // What a user may have of these is given back some time after the step has ended:
    // the next one would get less.
    unknown(libc::SYS_mq_open),
    rule(
        libc::SYS_shmctl,
        When::Is(1, libc::SHM_LOCK.cast_unsigned()),
        libc::EPERM,
    ),
    // The limits of others: the kernel would end PID 1 by one of its own.
    rule(libc::SYS_prlimit64, When::Bits(0, u32::MAX), libc::EPERM),
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

/// The same for every step: made once, by the room whose memory PID 1 has.
static FILTER: LazyLock<Vec<sock_filter>> = LazyLock::new(filter);

/// Makes the filter before there is a step.
pub(super) fn make_ready() {
    LazyLock::force(&FILTER);
}

/// Installs the filter in this process and all that come of it.
///
/// # Errors
/// When the kernel has no seccomp filters; `no_new_privs` must be set.
pub(super) fn install() -> Result<(), SetupError> {
    let program = libc::sock_fprog {
        len: u16::try_from(FILTER.len()).unwrap_or(u16::MAX),
        filter: FILTER.as_ptr().cast_mut(), // only read
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

fn filter() -> Vec<sock_filter> {
    let mut filter = vec![load(ARCH), skip_unless_equal(ARCHITECTURE, 1, 0)];
    filter.push(refuse(libc::ENOSYS));
    filter.push(load(NUMBER));
    #[cfg(target_arch = "x86_64")]
    filter.extend([jump(libc::BPF_JGE, X32, 0, 1), refuse(libc::ENOSYS)]);
    filter.extend(search(&ranges(by_call())));
    filter
}

/// Calls with numbers one after the other, and the same answer.
struct Range {
    first: u32,
    last: u32,
    rules: Vec<Rule>,
}

impl Range {
    /// Whether a call that always has these rules' answer may join.
    fn answers_like(&self, rules: &[Rule]) -> bool {
        match (&self.rules[..], rules) {
            ([own], [other]) => {
                let always = [own.when, other.when].map(|when| matches!(when, When::Always));
                always == [true; 2] && own.answer == other.answer
            }
            _ => false,
        }
    }
}

/// A shorter filter is compiled sooner, which the kernel does for each step.
fn ranges(calls: BTreeMap<u32, Vec<Rule>>) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::new();
    for (number, rules) in calls {
        match ranges.last_mut() {
            Some(range) if range.last + 1 == number && range.answers_like(&rules) => {
                range.last = number;
            }
            _ => ranges.push(Range {
                first: number,
                last: number,
                rules,
            }),
        }
    }
    ranges
}

/// The rules of each system call, by its number.
fn by_call() -> BTreeMap<u32, Vec<Rule>> {
    let mut calls: BTreeMap<u32, Vec<Rule>> = BTreeMap::new();
    for rule in RULES.iter().chain(OLD_RULES) {
        if let Ok(number) = u32::try_from(rule.call) {
            calls.entry(number).or_default().push(*rule);
        }
    }
    calls
}

/// Looks the loaded number up by halves. Whenever a filter is installed the kernel
/// tries it with every number there is: comparing each with all rules, one after
/// the other, was a fortieth of what a small step costs.
fn search(ranges: &[Range]) -> Vec<sock_filter> {
    match ranges {
        [] => vec![allow()],
        [range] => {
            let mut found = match range.first == range.last {
                true => vec![skip_unless_equal(range.first, 1, 0), allow()],
                false => vec![
                    jump(libc::BPF_JGE, range.first, 0, 1),
                    jump(libc::BPF_JGT, range.last, 0, 1),
                    allow(),
                ],
            };
            found.extend(range.rules.iter().copied().flat_map(compile));
            if !matches!(
                range.rules[..],
                [Rule {
                    when: When::Always,
                    ..
                }]
            ) {
                found.push(allow());
            }
            found
        }
        _ => {
            let (below, rest) = ranges.split_at(ranges.len() / 2);
            let first = rest.first().map_or(u32::MAX, |range| range.first);
            let below = search(below);
            let mut tree = match u8::try_from(below.len()) {
                Ok(over) => vec![jump(libc::BPF_JGE, first, over, 0)],
                Err(_) => vec![jump(libc::BPF_JGE, first, 0, 1), skip(below.len())],
            };
            tree.extend(below);
            tree.extend(search(rest));
            tree
        }
    }
}

/// Of a rule whose call it is: refused, or the next instruction is looked at.
fn compile(rule: Rule) -> Vec<sock_filter> {
    let (argument, test) = match rule.when {
        When::Always => return vec![refuse(rule.answer)],
        When::Bits(argument, bits) => (argument, jump(libc::BPF_JSET, bits, 0, 1)),
        When::Is(argument, value) => (argument, jump(libc::BPF_JEQ, value, 0, 1)),
    };
    // Little-endian: the lower half comes first. All these arguments have 32 bits.
    let argument = load(ARGUMENTS + 8 * argument);
    vec![argument, test, refuse(rule.answer)]
}

fn allow() -> sock_filter {
    answer(libc::SECCOMP_RET_ALLOW)
}

/// Over so many instructions; over too many is refused by the kernel.
fn skip(over: usize) -> sock_filter {
    let over = u32::try_from(over).unwrap_or(u32::MAX);
    instruction(libc::BPF_JMP | libc::BPF_JA, 0, 0, over)
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

    /// What the filter answers, by the few instructions it is made of.
    fn answers(architecture: u32, number: u32, arguments: [u32; 6]) -> u32 {
        let mut data = vec![number, architecture, 0, 0];
        data.extend(arguments.iter().flat_map(|argument| [*argument, 0]));
        let (mut at, mut loaded) = (0, 0);
        loop {
            let sock_filter { code, jt, jf, k } = FILTER[at];
            at += 1;
            let code = u32::from(code);
            let next = |holds| usize::from(if holds { jt } else { jf });
            match code & 0x07 {
                libc::BPF_LD => loaded = data[k as usize / 4],
                libc::BPF_RET => return k,
                _ => {
                    at += match code & 0xf0 {
                        libc::BPF_JEQ => next(loaded == k),
                        libc::BPF_JGE => next(loaded >= k),
                        libc::BPF_JGT => next(loaded > k),
                        libc::BPF_JSET => next(loaded & k != 0),
                        _ => k as usize, // BPF_JA
                    }
                }
            }
        }
    }

    fn refused(errno: i32) -> u32 {
        libc::SECCOMP_RET_ERRNO | errno.cast_unsigned()
    }

    #[test]
    fn every_rule_answers_and_every_other_call_is_allowed() {
        let calls = by_call();
        for number in 0..600 {
            let rules = calls.get(&number).map_or(&[][..], Vec::as_slice);
            // An argument that is as no rule has it, then as each has it.
            let always = rules.iter().find(|rule| matches!(rule.when, When::Always));
            let otherwise = always.map_or(libc::SECCOMP_RET_ALLOW, |rule| refused(rule.answer));
            assert_eq!(answers(ARCHITECTURE, number, [0; 6]), otherwise, "{number}");
            for rule in rules {
                let mut arguments = [0; 6];
                if let When::Bits(at, value) | When::Is(at, value) = rule.when {
                    arguments[at as usize] = value;
                }
                let answer = answers(ARCHITECTURE, number, arguments);
                assert_eq!(answer, refused(rule.answer), "{rule:?}");
            }
        }
        assert_eq!(
            by_call().values().flatten().count(),
            RULES.len() + OLD_RULES.len()
        );
    }

    #[test]
    fn other_architectures_have_no_system_calls() {
        assert_eq!(answers(0x4000_0003, 1, [0; 6]), refused(libc::ENOSYS));
        #[cfg(target_arch = "x86_64")]
        assert_eq!(
            answers(ARCHITECTURE, X32 | 1, [0; 6]),
            refused(libc::ENOSYS)
        );
    }

    #[test]
    fn no_number_takes_more_than_a_few_comparisons() {
        // Two for each halving, and the beginning.
        let halvings = by_call().len().ilog2() + 1;
        assert!(depth(&FILTER, 0) <= 2 * halvings as usize + 24);
        assert!(FILTER.len() < 250, "of 4096: {}", FILTER.len());
    }

    /// Instructions on the longest way.
    fn depth(filter: &[sock_filter], at: usize) -> usize {
        let sock_filter { code, jt, jf, k } = filter[at];
        let code = u32::from(code);
        1 + match (code & 0x07, code & 0xf0) {
            (libc::BPF_RET, _) => 0,
            (libc::BPF_JMP, libc::BPF_JA) => depth(filter, at + 1 + k as usize),
            (libc::BPF_JMP, _) => {
                let ways = [jt, jf].map(|way| depth(filter, at + 1 + usize::from(way)));
                ways[0].max(ways[1])
            }
            _ => depth(filter, at + 1),
        }
    }
}
