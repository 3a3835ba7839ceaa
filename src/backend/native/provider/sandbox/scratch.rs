//! Fills the scratch folder before the step exists, with the caller's rights:
//! the sources, the step's files, and the skeleton of the private root (its
//! few files, and a mount point for everything that is mounted later).
//!
//! No program of the step has run yet, so nothing here races with one.

use super::spec::{Attempt, Layout, STORE, SetupError, Spec, UID, User};
use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::path::{Component, Path, PathBuf};

/// Device nodes the step sees: the host's, bound one by one.
pub(super) const DEVICES: [&str; 6] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
];

/// With network: what certificate checks read besides `/usr`.
const CERTIFICATES: [&str; 5] = [
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted",
    "/etc/ca-certificates/extracted",
];

/// What has to be bound into the private root: paths that are the same on both sides.
pub(super) fn prepare(spec: &Spec) -> Result<Vec<PathBuf>, SetupError> {
    let layout = Layout(&spec.scratch);
    folders(spec, &layout)?;
    sources(spec, &layout)?;
    store_mount_points(spec, &layout)?;
    etc(spec, &layout)?;
    devices(&layout)?;
    host_mount_points(spec, &layout)
}

fn folders(spec: &Spec, layout: &Layout) -> Result<(), SetupError> {
    let private = || format!("close {} to others", spec.scratch.display());
    fs::set_permissions(&spec.scratch, Permissions::from_mode(0o700)).attempt(private)?;
    for (folder, mode) in [
        (layout.build(), 0o700),
        (layout.tmp(), 0o1777),
        (layout.store(), 0o755),
    ] {
        make_folder(&folder)?;
        let mode = Permissions::from_mode(mode);
        fs::set_permissions(&folder, mode)
            .attempt(|| format!("set the mode of {}", folder.display()))?;
        own(&folder, spec.user)?;
    }
    for seen in ["/build", "/tmp", "/proc", "/etc", STORE] {
        make_folder(&layout.in_root(seen))?;
    }
    for seen in ["/dev/pts", "/dev/shm"] {
        make_folder(&layout.in_root(seen))?;
    }
    Ok(())
}

fn sources(spec: &Spec, layout: &Layout) -> Result<(), SetupError> {
    if let Some(source) = &spec.src {
        copy(source, &layout.build().join("src"), spec.user)?;
    }
    for (name, content) in &spec.files {
        let file = layout.build().join(checked_name(name)?);
        write(&file, content)?;
        fs::set_permissions(&file, Permissions::from_mode(0o555))
            .attempt(|| format!("set the mode of {}", file.display()))?;
        own(&file, spec.user)?;
    }
    Ok(())
}

/// An object that is a symlink cannot be bound; it is written again.
fn store_mount_points(spec: &Spec, layout: &Layout) -> Result<(), SetupError> {
    for (name, object) in &spec.inputs {
        mount_point(object, &layout.store().join(checked_name(name)?))?;
    }
    Ok(())
}

fn etc(spec: &Spec, layout: &Layout) -> Result<(), SetupError> {
    let gid = super::spec::GID;
    let passwd = format!(
        "root:x:0:0:root:/:/noshell\nkiln:x:{UID}:{gid}:kiln:/build:/noshell\n\
         nobody:x:65534:65534:nobody:/:/noshell\n"
    );
    let group = format!("root:x:0:\nkiln:x:{gid}:\nnogroup:x:65534:\n");
    write(&layout.in_root("/etc/passwd"), &passwd)?;
    write(&layout.in_root("/etc/group"), &group)?;
    let hosts = "127.0.0.1 localhost\n::1 localhost\n";
    write(&layout.in_root("/etc/hosts"), hosts)?;
    match fs::read_to_string("/etc/resolv.conf") {
        Ok(resolvers) if spec.network => write(&layout.in_root("/etc/resolv.conf"), &resolvers),
        _ => Ok(()), // a host without one resolves as libc does by default
    }
}

fn devices(layout: &Layout) -> Result<(), SetupError> {
    for device in DEVICES {
        write(&layout.in_root(device), "")?;
    }
    for (link, target) in [
        ("/dev/fd", "/proc/self/fd"),
        ("/dev/stdin", "/proc/self/fd/0"),
        ("/dev/stdout", "/proc/self/fd/1"),
        ("/dev/stderr", "/proc/self/fd/2"),
        ("/dev/ptmx", "pts/ptmx"),
    ] {
        let link = layout.in_root(link);
        symlink(target, &link).attempt(|| format!("make the link {}", link.display()))?;
    }
    Ok(())
}

fn host_mount_points(spec: &Spec, layout: &Layout) -> Result<Vec<PathBuf>, SetupError> {
    let certificates = CERTIFICATES.iter().map(PathBuf::from);
    let certificates = certificates.filter(|_| spec.network);
    let mut bound = Vec::new();
    for path in spec.host_paths.iter().cloned().chain(certificates) {
        let plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
        if !path.is_absolute() || !path.components().all(plain) || path == Path::new("/") {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "not a plain absolute path");
            return Err(error).attempt(|| format!("show {} to the step", path.display()));
        }
        let inside = layout.in_root(&path);
        // One beneath another is there already.
        let is_covered = bound.iter().any(|other: &PathBuf| path.starts_with(other));
        if is_covered || !fs::symlink_metadata(&path).is_ok_and(|_| true) {
            continue;
        }
        if let Some(parent) = inside.parent() {
            make_folder(parent)?;
        }
        if mount_point(&path, &inside)? {
            bound.push(path);
        }
    }
    Ok(bound)
}

/// Makes `point` such that `shown` can be bound on it; a symlink is written
/// again instead. Says whether a bind is wanted.
fn mount_point(shown: &Path, point: &Path) -> Result<bool, SetupError> {
    let kind = fs::symlink_metadata(shown).attempt(|| format!("look at {}", shown.display()))?;
    if kind.is_symlink() {
        let target = fs::read_link(shown).attempt(|| format!("read {}", shown.display()))?;
        symlink(target, point).attempt(|| format!("make the link {}", point.display()))?;
        return Ok(false);
    }
    match kind.is_dir() {
        true => make_folder(point)?,
        false => write(point, "")?,
    }
    Ok(true)
}

/// Copies a tree: links as links, executable bits kept, everything writable and
/// of one time, so that no file is older than what it is made from.
fn copy(from: &Path, to: &Path, user: User) -> Result<(), SetupError> {
    let what = || format!("copy {} to {}", from.display(), to.display());
    let metadata = fs::symlink_metadata(from).attempt(what)?;
    if metadata.is_symlink() {
        symlink(fs::read_link(from).attempt(what)?, to).attempt(what)?;
        return own(to, user);
    }
    if metadata.is_dir() {
        fs::create_dir(to).attempt(what)?;
        for entry in fs::read_dir(from).attempt(what)? {
            let entry = entry.attempt(what)?;
            copy(&entry.path(), &to.join(entry.file_name()), user)?;
        }
    } else {
        fs::copy(from, to).attempt(what)?;
    }
    let mode = metadata.permissions().mode() & 0o777 | 0o200;
    fs::set_permissions(to, Permissions::from_mode(mode)).attempt(what)?;
    let time = TimeSpec::new(1, 0); // as in the store
    utimensat(AT_FDCWD, to, &time, &time, UtimensatFlags::NoFollowSymlink).attempt(what)?;
    own(to, user)
}

/// Gives a file to the build user; as an ordinary user it is ours already.
fn own(path: &Path, user: User) -> Result<(), SetupError> {
    let User::Build(id) = user else {
        return Ok(());
    };
    lchown(path, Some(id), Some(id)).attempt(|| format!("give {} to uid {id}", path.display()))
}

/// Lets the step reopen its own output (`> /dev/stderr`).
pub(super) fn own_output(user: User) -> Result<(), SetupError> {
    let User::Build(id) = user else {
        return Ok(());
    };
    chown("/proc/self/fd/1", Some(id), Some(id))
        .attempt(|| format!("give the step's log pipe to uid {id}"))
}

fn make_folder(path: &Path) -> Result<(), SetupError> {
    fs::create_dir_all(path).attempt(|| format!("make the folder {}", path.display()))
}

fn write(path: &Path, content: &str) -> Result<(), SetupError> {
    let attempted = || format!("write {}", path.display());
    let mut file = File::create_new(path).attempt(attempted)?;
    io::Write::write_all(&mut file, content.as_bytes()).attempt(attempted)
}

fn checked_name(name: &str) -> Result<&str, SetupError> {
    if !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']) {
        return Ok(name);
    }
    let error = io::Error::new(io::ErrorKind::InvalidInput, "not a plain file name");
    Err(error).attempt(|| format!("put {name:?} before the step"))
}
