//! The step's namespaces and the mapping of its user.

use super::spec::{Attempt, GID, SetupError, UID, User};
use nix::unistd::{Gid, Pid, Uid};
use std::fs;
use std::io;
use std::os::fd::BorrowedFd;

/// Lets the step reopen its own output (`> /dev/stderr`).
pub(super) fn own(log: BorrowedFd<'_>, user: User) -> io::Result<()> {
    match user {
        User::Build(id) => std::os::unix::fs::fchown(log, Some(id), Some(id)),
        User::Caller => Ok(()),
    }
}

/// Maps the step's user to one of the host, from outside.
pub(super) fn map(child: Pid, user: User) -> Result<(), SetupError> {
    let (uid, gid) = match user {
        User::Build(id) => (id, id),
        User::Caller => {
            // Without rights over other groups, dropping them must be ruled out first.
            write(child, "setgroups", "deny")?;
            (
                nix::unistd::geteuid().as_raw(),
                nix::unistd::getegid().as_raw(),
            )
        }
    };
    write(child, "uid_map", &format!("{UID} {uid} 1\n"))?;
    write(child, "gid_map", &format!("{GID} {gid} 1\n"))
}

fn write(child: Pid, file: &str, content: &str) -> Result<(), SetupError> {
    let path = format!("/proc/{child}/{file}");
    fs::write(&path, content).attempt(|| format!("write {:?} to {path}", content.trim_end()))
}

/// Becomes the mapped user, with no group but its own.
pub(super) fn become_step_user(user: User) -> Result<(), SetupError> {
    if matches!(user, User::Build(_)) {
        nix::unistd::setgroups(&[]).attempt(|| "leave all groups".into())?;
    }
    let (uid, gid) = (Uid::from_raw(UID), Gid::from_raw(GID));
    nix::unistd::setresgid(gid, gid, gid).attempt(|| format!("become group {GID}"))?;
    nix::unistd::setresuid(uid, uid, uid).attempt(|| format!("become user {UID}"))
}

/// Settings with which a kernel forbids user namespaces: file, forbidding value, cure.
const FORBIDDING: [(&str, &str, &str); 3] = [
    ("user.max_user_namespaces", "0", "15000"),
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
];

/// A refusal of the kernel with what forbids it and what to do.
pub(in super::super) fn explain(error: io::Error) -> io::Error {
    let refused = [libc::EPERM, libc::EACCES, libc::ENOSPC, libc::EUSERS];
    if !error
        .raw_os_error()
        .is_some_and(|code| refused.contains(&code))
    {
        return error;
    }
    let hint = hint(|name| {
        let path = format!("/proc/sys/{}", name.replace('.', "/"));
        fs::read_to_string(path)
            .ok()
            .map(|value| value.trim().to_owned())
    });
    io::Error::new(error.kind(), format!("{error}; {hint}"))
}

fn hint(read: impl Fn(&str) -> Option<String>) -> String {
    let found: Vec<String> = FORBIDDING
        .iter()
        .filter(|(name, forbids, _)| read(name).as_deref() == Some(*forbids))
        .map(|(name, value, cure)| format!("{name} is {value}: run `sysctl -w {name}={cure}`"))
        .collect();
    match found.is_empty() {
        false => format!("user namespaces are restricted here: {}", found.join("; ")),
        true => "user namespaces may be forbidden by a container's seccomp profile or a security \
                 module (user.max_user_namespaces, kernel.unprivileged_userns_clone and \
                 kernel.apparmor_restrict_unprivileged_userns allow them): allow them there, or \
                 set `sandbox = \"off\"` if every step is trusted"
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_setting_that_forbids_and_the_command_that_allows() {
        let hint = hint(|name| (name == "user.max_user_namespaces").then(|| "0".into()));
        assert!(
            hint.contains("sysctl -w user.max_user_namespaces=15000"),
            "{hint}"
        );
        assert!(!hint.contains("apparmor"), "{hint}");
    }

    #[test]
    fn an_error_that_is_no_refusal_stays_as_it_is() {
        let error = explain(io::Error::from_raw_os_error(libc::ENOENT));
        assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
    }
}
