//! The private root that the steps of a room see: a tmpfs with a few files, and
//! mounts of the host's folders. What is a step's own is mounted into it by its PID 1
//! (`step_root.rs`).
//!
//! It is made in two parts. As the caller, who may walk through the folders of the
//! state, the room opens what is to be shown ([`Root::claim`]). As the steps' user,
//! who has an id in this namespace and so may create files, it fills the tmpfs and
//! mounts ([`Root::fill`]). No step runs yet, so nothing here races with one; then it
//! is read-only, and it goes with its namespace.

use super::backstage::Backstage;
use super::mounts::{self, Held, bind, restrict, tmpfs};
use super::spec::{Attempt, GID, OWN_FOLDERS, RoomSpec, STORE, SetupError, UID};
use nix::mount::MsFlags;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

/// Device nodes the step sees: the host's, bound one by one.
const DEVICES: [&str; 6] = [
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

/// What the steps will see, opened; the new root, still empty, is the working directory.
pub(super) struct Root<'a> {
    spec: &'a RoomSpec,
    host: Vec<(PathBuf, Held)>,
    backstage: Backstage,
}

impl<'a> Root<'a> {
    /// Opens everything, with the caller's rights.
    ///
    /// # Errors
    /// Names the path that is not there or cannot be mounted.
    pub fn claim(spec: &'a RoomSpec) -> Result<Self, SetupError> {
        mounts::make_private()?;
        let host = host(spec)?;
        let backstage = Backstage::claim(spec)?;
        // Over a folder that is not looked at by name any more.
        let root = &spec.scratch;
        let options = format!("size=1m,mode=755,uid={UID},gid={GID}");
        tmpfs(root, &options, MsFlags::empty())?;
        std::env::set_current_dir(root).attempt(|| format!("enter {}", root.display()))?;
        Ok(Root {
            spec,
            host,
            backstage,
        })
    }

    /// Fills the root and makes it this process's root, with the rights of the
    /// steps' user over its own namespaces.
    ///
    /// # Errors
    /// Names what could not be made or mounted.
    pub fn fill(self) -> Result<(), SetupError> {
        self.etc()?;
        devices()?;
        for seen in ["build", "tmp", "proc", "dev/pts", "dev/shm"] {
            make_folder(Path::new(seen))?;
        }
        make_folder(relative(Path::new(STORE)))?;
        self.backstage.build()?;
        let shown = self.host()?;
        mounts::pivot()?;
        mounts::restrict_trees(&shown)?;
        restrict(Path::new("/"), MsFlags::MS_RDONLY)
    }

    fn etc(&self) -> Result<(), SetupError> {
        make_folder(Path::new("etc"))?;
        let passwd = format!(
            "root:x:0:0:root:/:/noshell\nkiln:x:{UID}:{GID}:kiln:/build:/noshell\n\
             nobody:x:65534:65534:nobody:/:/noshell\n"
        );
        let group = format!("root:x:0:\nkiln:x:{GID}:\nnogroup:x:65534:\n");
        write("etc/passwd", &passwd)?;
        write("etc/group", &group)?;
        write("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")?;
        self.spec
            .resolvers
            .as_ref()
            .map_or(Ok(()), |text| write("etc/resolv.conf", text))
    }

    /// Returns where the host's folders are seen.
    fn host(&self) -> Result<Vec<PathBuf>, SetupError> {
        let mut shown = Vec::new();
        for (path, source) in &self.host {
            let inside = relative(path);
            if let Some(parent) = inside.parent() {
                make_folder(parent)?;
            }
            source.show(inside, MsFlags::MS_REC)?;
            if !matches!(source, Held::Link(_)) {
                shown.push(path.clone());
            }
        }
        let local = Path::new("usr/local");
        if fs::symlink_metadata(local).is_ok_and(|found| found.is_dir()) {
            tmpfs(local, "size=4k,mode=755", MsFlags::MS_RDONLY)?;
        }
        Ok(shown)
    }
}

/// Opens the host's folders that are there; one beneath another is shown with it.
fn host(spec: &RoomSpec) -> Result<Vec<(PathBuf, Held)>, SetupError> {
    let certificates = CERTIFICATES.iter().map(PathBuf::from);
    let certificates = certificates.filter(|_| spec.network);
    let mut opened: Vec<(PathBuf, Held)> = Vec::new();
    for path in spec.host_paths.iter().cloned().chain(certificates) {
        let plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
        if !path.is_absolute() || !path.components().all(plain) || path == Path::new("/") {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "not a plain absolute path");
            return Err(error).attempt(|| format!("show {} to the step", path.display()));
        }
        if let Some(own) = OWN_FOLDERS.iter().find(|own| path.starts_with(own)) {
            let why = format!("a step has a {own} of its own");
            let error = io::Error::new(io::ErrorKind::InvalidInput, why);
            return Err(error).attempt(|| format!("show {} to the step", path.display()));
        }
        let covered = |(other, held): &(PathBuf, Held)| {
            !matches!(held, Held::Link(_)) && path.starts_with(other)
        };
        if opened.iter().any(covered) || fs::symlink_metadata(&path).is_err() {
            continue;
        }
        let source = Held::open(&path)?;
        opened.push((path, source));
    }
    Ok(opened)
}

fn devices() -> Result<(), SetupError> {
    make_folder(Path::new("dev"))?;
    for device in DEVICES {
        let point = relative(Path::new(device));
        write(point, "")?;
        if Path::new(device).exists() {
            bind(Path::new(device), point, MsFlags::empty())?;
        }
    }
    for (link, target) in [
        ("dev/fd", "/proc/self/fd"),
        ("dev/stdin", "/proc/self/fd/0"),
        ("dev/stdout", "/proc/self/fd/1"),
        ("dev/stderr", "/proc/self/fd/2"),
        ("dev/ptmx", "pts/ptmx"),
    ] {
        symlink(target, link).attempt(|| format!("make the link {link}"))?;
    }
    Ok(())
}

/// As seen from the new root, which is the working directory.
pub(super) fn relative(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

pub(super) fn make_folder(path: &Path) -> Result<(), SetupError> {
    fs::create_dir_all(path).attempt(|| format!("make the folder {}", path.display()))
}

pub(super) fn write(path: impl AsRef<Path>, content: &str) -> Result<(), SetupError> {
    let path = path.as_ref();
    let attempted = || format!("write {}", path.display());
    let mut file = File::create_new(path).attempt(attempted)?;
    io::Write::write_all(&mut file, content.as_bytes()).attempt(attempted)
}

/// One that stays in the folder it is put into.
pub(super) fn checked_name(name: &str) -> Result<&str, SetupError> {
    if !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']) {
        return Ok(name);
    }
    let error = io::Error::new(io::ErrorKind::InvalidInput, "not a plain file name");
    Err(error).attempt(|| format!("put {name:?} before the step"))
}
