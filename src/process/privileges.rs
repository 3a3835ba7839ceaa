//! What a process takes from itself for good: capabilities, rights over its mounts.

use nix::errno::Errno;
use std::ffi::CStr;

/// `CAP_DAC_READ_SEARCH`: reading what the mode of a file would forbid.
pub(crate) const READ_ANYTHING: u32 = 2;

/// What could not be given up.
#[derive(Debug, thiserror::Error)]
#[error("cannot {attempted}: {source}")]
pub(crate) struct PrivilegeError {
    pub attempted: String,
    pub source: Errno,
}

/// Drops every capability but `kept` from this thread, from every set; a kept
/// one that it does not have it does not get.
///
/// # Errors
/// Names the capability. A caller that may not change the bounding set (it has
/// no capabilities to lose) is no error: `no_new_privs` covers it.
pub(crate) fn keep_capabilities(kept: &[u32]) -> Result<(), PrivilegeError> {
    bound_capabilities(kept)?;
    hold_capabilities(kept)
}

/// Takes all capabilities but some from what this process, and what comes of it, can
/// ever get by running a program.
///
/// # Errors
/// When the kernel refuses, which it does not to whoever has them.
pub(crate) fn bound_capabilities(kept: &[u32]) -> Result<(), PrivilegeError> {
    for capability in (0..64).filter(|capability| !kept.contains(capability)) {
        // SAFETY: takes numbers only.
        let dropped = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
        match Errno::result(dropped) {
            Err(Errno::EINVAL) => break, // beyond the last one this kernel knows
            Err(Errno::EPERM) if !kept.is_empty() => break,
            other => other.map_err(failed(format!("drop capability {capability}")))?,
        };
    }
    Ok(())
}

/// Gives up all capabilities but some; [`bound_capabilities`] is about others.
///
/// # Errors
/// When the kernel refuses, which it never does.
pub(crate) fn hold_capabilities(kept: &[u32]) -> Result<(), PrivilegeError> {
    const VERSION_3: u32 = 0x2008_0522;
    let header: [u32; 2] = [VERSION_3, 0];
    let mut sets = [0u32; 6];
    // SAFETY: both arrays have the layout the kernel knows for version 3: a
    // version and a pid; two times effective, permitted, inheritable.
    let got = unsafe { libc::syscall(libc::SYS_capget, header.as_ptr(), sets.as_mut_ptr()) };
    Errno::result(got).map_err(failed("read the capabilities".into()))?;
    let mask = kept
        .iter()
        .fold(0, |mask, capability| mask | 1 << capability);
    let (effective, permitted) = (sets[0] & mask, sets[1] & mask);
    let sets = [effective, permitted, 0, 0, 0, 0];
    // SAFETY: as above.
    let set = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()) };
    Errno::result(set).map_err(failed("drop the capabilities".into()))?;
    Ok(())
}

/// Sets these `MOUNT_ATTR_`s on every mount at or below a path.
///
/// # Errors
/// `ENOSYS` before Linux 5.12, and the kernel's refusals.
pub(crate) fn set_mounts(path: &CStr, attributes: u64) -> nix::Result<()> {
    let attributes = libc::mount_attr {
        attr_set: attributes,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: path and attributes outlive the call, and the size is theirs.
    let set = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    Errno::result(set).map(drop)
}

fn failed(attempted: String) -> impl FnOnce(Errno) -> PrivilegeError {
    move |source| PrivilegeError { attempted, source }
}
