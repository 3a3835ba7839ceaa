//! Mounts, one by one: what the private root and `kiln shell` are made of.

use super::spec::{Attempt, SetupError};
use crate::process::privileges::set_mounts;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::Mode;
use nix::sys::statvfs::{FsFlags, statvfs};
use std::ffi::{CString, OsString};
use std::fs;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

pub(super) const NONE: Option<&str> = None;

/// Nothing mounted here is seen outside.
pub(in super::super) fn make_private() -> Result<(), SetupError> {
    let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(NONE, "/", NONE, flags, NONE).attempt(|| "make the mounts private".into())
}

/// A path kept reachable by a descriptor, whoever asks later and whatever is
/// mounted over it. A symlink is not followed but read.
#[derive(Debug)]
pub(in super::super) enum Held {
    Link(PathBuf),
    Folder(OwnedFd),
    File(OwnedFd),
}

impl Held {
    /// # Errors
    /// When there is nothing at `path`, or it may not be looked at.
    pub fn open(path: &Path) -> Result<Self, SetupError> {
        let attempted = || format!("open {}", path.display());
        let found = fs::symlink_metadata(path).attempt(attempted)?;
        if found.is_symlink() {
            return fs::read_link(path).attempt(attempted).map(Held::Link);
        }
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let held = open(path, flags, Mode::empty()).attempt(attempted)?;
        Ok(match found.is_dir() {
            true => Held::Folder(held),
            false => Held::File(held),
        })
    }

    /// Makes the mount point `at` and binds it there; a symlink is written again.
    pub fn show(&self, at: &Path, flags: MsFlags) -> Result<(), SetupError> {
        let attempted = || format!("make {}", at.display());
        let source = match self {
            Held::Link(target) => {
                return std::os::unix::fs::symlink(target, at).attempt(attempted);
            }
            Held::Folder(source) => {
                fs::create_dir(at).attempt(attempted)?;
                source
            }
            Held::File(source) => {
                fs::File::create_new(at).attempt(attempted)?;
                source
            }
        };
        bind(&held(source), at, flags)
    }
}

/// What is to be mounted somewhere.
pub(super) enum Source {
    /// In this process's mount namespace.
    At(PathBuf),
    /// A mount that is attached nowhere yet, of a namespace this process was in before.
    Detached(OwnedFd),
}

impl Source {
    /// A mount of what is at `path`, with the rights of the mount that it is on.
    ///
    /// # Errors
    /// As open_tree(2), which there is since Linux 5.2.
    pub fn detached(path: &Path) -> Result<Self, SetupError> {
        let attempted = || format!("hold {}", path.display());
        let name = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL);
        let name = name.attempt(attempted)?;
        let how = libc::OPEN_TREE_CLONE
            | libc::OPEN_TREE_CLOEXEC
            | (libc::AT_SYMLINK_NOFOLLOW | libc::AT_RECURSIVE).cast_unsigned();
        // SAFETY: the path outlives the call, which makes a descriptor or none.
        let opened =
            unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, name.as_ptr(), how) };
        let opened = Errno::result(opened).attempt(attempted)?;
        let opened = RawFd::try_from(opened).map_err(|_| Errno::EBADF);
        // SAFETY: the kernel made it just now, for nobody else.
        let opened = unsafe { OwnedFd::from_raw_fd(opened.attempt(attempted)?) };
        Ok(Source::Detached(opened))
    }

    /// # Errors
    /// As mount(2) or move_mount(2).
    pub fn mount(&self, at: &Path) -> Result<(), SetupError> {
        let mount = match self {
            Source::At(path) => return bind(path, at, MsFlags::empty()),
            Source::Detached(mount) => mount,
        };
        let attempted = || format!("mount an input at {}", at.display());
        let name = CString::new(at.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL);
        let name = name.attempt(attempted)?;
        // SAFETY: both paths outlive the call.
        let moved = unsafe {
            libc::syscall(
                libc::SYS_move_mount,
                mount.as_raw_fd(),
                c"".as_ptr(),
                libc::AT_FDCWD,
                name.as_ptr(),
                libc::MOVE_MOUNT_F_EMPTY_PATH,
            )
        };
        Errno::result(moved).map(drop).attempt(attempted)
    }
}

/// The path of something held open.
pub(in super::super) fn held(descriptor: &OwnedFd) -> PathBuf {
    format!("/proc/self/fd/{}", descriptor.as_raw_fd()).into()
}

/// Makes the working directory the root of this mount namespace; the host's is
/// gone then.
pub(in super::super) fn pivot() -> Result<(), SetupError> {
    let attempted = || "make the private root the root".to_owned();
    nix::unistd::pivot_root(".", ".").attempt(attempted)?;
    umount2(".", MntFlags::MNT_DETACH).attempt(attempted)?;
    std::env::set_current_dir("/").attempt(attempted)
}

pub(in super::super) fn bind(from: &Path, to: &Path, flags: MsFlags) -> Result<(), SetupError> {
    mount(Some(from), to, NONE, flags | MsFlags::MS_BIND, NONE)
        .attempt(|| format!("mount {} at {}", from.display(), to.display()))
}

pub(in super::super) fn tmpfs(to: &Path, options: &str, flags: MsFlags) -> Result<(), SetupError> {
    let flags = flags | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), to, Some("tmpfs"), flags, Some(options))
        .attempt(|| format!("mount a tmpfs at {}", to.display()))
}

/// Takes rights from one mount: always nosuid and nodev, and `more`. What it
/// lacks already is kept, since a user namespace may not give it back.
pub(in super::super) fn restrict(target: &Path, more: MsFlags) -> Result<(), SetupError> {
    let attempted = || format!("restrict the mount at {}", target.display());
    let has = statvfs(target).attempt(attempted)?.flags();
    let mut flags = more | MsFlags::MS_REMOUNT | MsFlags::MS_BIND;
    flags |= MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    for (found, kept) in [
        (FsFlags::ST_RDONLY, MsFlags::MS_RDONLY),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ] {
        if has.contains(found) {
            flags |= kept;
        }
    }
    mount(NONE, target, NONE, flags, NONE).attempt(attempted)
}

/// Makes every mount at or beneath each of `roots` read-only, nosuid and nodev.
pub(super) fn restrict_trees(roots: &[PathBuf]) -> Result<(), SetupError> {
    for root in roots {
        match restrict_tree(root) {
            // Before Linux 5.12 there is no call for a whole tree.
            Err(Errno::ENOSYS) => return restrict_below(roots),
            other => other.attempt(|| format!("restrict the mounts below {}", root.display()))?,
        }
    }
    Ok(())
}

fn restrict_tree(root: &Path) -> nix::Result<()> {
    let path = CString::new(root.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
    let attributes = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
    set_mounts(&path, attributes)
}

/// The same, mount by mount. One that another hides cannot be reached and need not be.
fn restrict_below(roots: &[PathBuf]) -> Result<(), SetupError> {
    let table = "/proc/self/mountinfo";
    let mounts = fs::read(table).attempt(|| format!("read {table}"))?;
    for line in mounts.split(|byte| *byte == b'\n') {
        let Some(target) = line.split(|byte| *byte == b' ').nth(4).map(unescape) else {
            continue;
        };
        if roots.iter().any(|root| target.starts_with(root)) {
            restrict(&target, MsFlags::MS_RDONLY)?;
        }
    }
    Ok(())
}

/// The kernel writes white space and backslashes in paths as `\ooo`.
fn unescape(field: &[u8]) -> PathBuf {
    let mut path = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let digits = after.get(..3).filter(|_| byte == b'\\');
        let octal = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(decoded) => {
                path.push(decoded);
                rest = &after[3..];
            }
            None => path.push(byte),
        }
    }
    PathBuf::from(OsString::from_vec(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_in_a_mount_point_is_decoded() {
        assert_eq!(unescape(br"/a\040b\134c"), Path::new(r"/a b\c"));
        assert_eq!(unescape(br"/a\9"), Path::new(r"/a\9"));
        assert_eq!(unescape(br"/a\"), Path::new(r"/a\"));
    }
}
