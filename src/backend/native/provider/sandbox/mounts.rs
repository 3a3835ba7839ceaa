//! The step's mounts, made by its PID 1 inside the new namespaces while it is
//! still the owner of the scratch folder. Every path is the host's until
//! [`pivot`].

use super::scratch::DEVICES;
use super::spec::{Attempt, GID, Layout, STORE, SetupError, Spec, UID};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::statvfs::{FsFlags, statvfs};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

const NONE: Option<&str> = None;

/// Mounts what the step sees beneath the private root and makes that the root.
pub(super) fn enter(spec: &Spec, host_paths: &[PathBuf]) -> Result<(), SetupError> {
    let layout = Layout(&spec.scratch);
    make_private()?;
    bind(&layout.root(), &layout.root(), MsFlags::MS_REC)?;
    host(&layout, host_paths)?;
    writable(&layout)?;
    inputs(spec, &layout)?;
    kernel(&layout)?;
    pivot(&layout.root())?;
    restrict(Path::new("/"), MsFlags::MS_RDONLY)
}

/// Nothing mounted here is seen outside.
pub(in super::super) fn make_private() -> Result<(), SetupError> {
    let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(NONE, "/", NONE, flags, NONE).attempt(|| "make the mounts private".into())
}

fn host(layout: &Layout, host_paths: &[PathBuf]) -> Result<(), SetupError> {
    for path in host_paths {
        bind(path, &layout.in_root(path), MsFlags::MS_REC)?;
    }
    let local = layout.in_root("/usr/local");
    if fs::symlink_metadata(&local).is_ok_and(|found| found.is_dir()) {
        tmpfs(&local, "size=4k,mode=755", MsFlags::MS_RDONLY)?;
    }
    let roots: Vec<_> = host_paths.iter().map(|path| layout.in_root(path)).collect();
    restrict_below(&roots)
}

fn writable(layout: &Layout) -> Result<(), SetupError> {
    for (folder, seen) in [(layout.build(), "/build"), (layout.tmp(), "/tmp")] {
        let inside = layout.in_root(seen);
        bind(&folder, &inside, MsFlags::empty())?;
        restrict(&inside, MsFlags::empty())?;
    }
    Ok(())
}

/// The store as the step sees it: its outputs' folder with each input object
/// mounted in it. The one place that decides how inputs are shown.
fn inputs(spec: &Spec, layout: &Layout) -> Result<(), SetupError> {
    let store = layout.in_root(STORE);
    bind(&layout.store(), &store, MsFlags::empty())?;
    restrict(&store, MsFlags::empty())?;
    for (name, object) in &spec.inputs {
        let inside = store.join(name);
        if fs::symlink_metadata(&inside).is_ok_and(|found| found.is_symlink()) {
            continue;
        }
        bind(object, &inside, MsFlags::empty())?;
        restrict(&inside, MsFlags::MS_RDONLY)?;
    }
    Ok(())
}

/// What the kernel itself provides: processes, devices, shared memory.
fn kernel(layout: &Layout) -> Result<(), SetupError> {
    for device in DEVICES {
        let inside = layout.in_root(device);
        if Path::new(device).exists() {
            bind(Path::new(device), &inside, MsFlags::empty())?;
        }
    }
    let safe = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let pts = layout.in_root("/dev/pts");
    let options = Some("newinstance,ptmxmode=0666,mode=620");
    mount(Some("devpts"), &pts, Some("devpts"), safe, options)
        .attempt(|| "mount the step's /dev/pts".into())?;
    let shm = format!("size=256m,mode=1777,uid={UID},gid={GID}");
    tmpfs(&layout.in_root("/dev/shm"), &shm, MsFlags::empty())?;
    let proc = layout.in_root("/proc");
    let flags = safe | MsFlags::MS_NODEV;
    mount(Some("proc"), &proc, Some("proc"), flags, NONE).attempt(|| {
        "mount the step's /proc (in a container, the container's own /proc must not be masked)"
            .into()
    })
}

/// Makes `root` the root of this mount namespace; the host's is gone then.
pub(in super::super) fn pivot(root: &Path) -> Result<(), SetupError> {
    let attempted = || format!("make {} the root", root.display());
    std::env::set_current_dir(root).attempt(attempted)?;
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

/// Makes every mount at or beneath one of `roots` read-only. A mount that
/// another one hides cannot be reached and need not be.
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
