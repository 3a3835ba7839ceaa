//! The private root: a tmpfs with a few files, and mounts for everything else.
//!
//! PID 1 makes it in two parts. As the caller, who may walk through the folders
//! of the state, it opens what is to be shown ([`Root::claim`]). As the step's
//! user, who has an id in this namespace and so may create files, it fills the
//! tmpfs and mounts ([`Root::fill`]). No program of the step runs yet, so
//! nothing here races with one, and nothing is left to be removed afterwards:
//! the tmpfs goes with its namespace.

use super::mounts::{self, Held, NONE, bind, held, restrict, tmpfs};
use super::spec::{Attempt, GID, Layout, STORE, SetupError, Spec, UID};
use super::store_view::StoreView;
use nix::fcntl::{AT_FDCWD, OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sys::stat::{Mode, UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
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

/// What the step will see, opened; the new root, still empty, is the working directory.
pub(super) struct Root<'a> {
    spec: &'a Spec,
    host: Vec<(PathBuf, Held)>,
    resolvers: Option<String>,
    source: Option<Held>,
    /// Where `/build` and `/tmp` lie on the disk; none: in the tmpfs.
    on_disk: Option<(OwnedFd, OwnedFd)>,
    store: StoreView,
}

impl<'a> Root<'a> {
    /// Opens everything, with the caller's rights.
    ///
    /// # Errors
    /// Names the path that is not there or cannot be mounted.
    pub fn claim(spec: &'a Spec) -> Result<Self, SetupError> {
        let layout = Layout(&spec.scratch);
        mounts::make_private()?;
        let on_disk = match spec.limits.scratch_on_disk {
            true => Some((folder(&layout.build())?, folder(&layout.tmp())?)),
            false => None,
        };
        // From here on the folders of the inputs are read-only, by their paths.
        let store = StoreView::claim(spec, &layout)?;
        let source = spec.src.as_deref().map(Held::open).transpose()?;
        let resolvers = match spec.network {
            // A host without one resolves as libc does by default.
            true => fs::read_to_string("/etc/resolv.conf").ok(),
            false => None,
        };
        let host = host(spec)?;
        // Over the scratch folder itself, which is not looked at by name any more.
        let root = &spec.scratch;
        let size = spec.limits.scratch;
        let options = format!("mode=755,uid={UID},gid={GID},size={size}");
        tmpfs(root, &options, MsFlags::empty())?;
        std::env::set_current_dir(root).attempt(|| format!("enter {}", root.display()))?;
        Ok(Root {
            spec,
            host,
            resolvers,
            source,
            on_disk,
            store,
        })
    }

    /// Fills the root and makes it this process's root, with the rights of the
    /// step's user over its own namespaces.
    ///
    /// # Errors
    /// Names what could not be made or mounted.
    pub fn fill(self) -> Result<(), SetupError> {
        self.etc()?;
        self.writable()?;
        self.sources()?;
        devices()?;
        kernel()?;
        self.store.show()?;
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
        self.resolvers
            .as_ref()
            .map_or(Ok(()), |text| write("etc/resolv.conf", text))
    }

    /// `/build` and `/tmp`, mounts of their own, so that they stay writable.
    fn writable(&self) -> Result<(), SetupError> {
        let on_disk = self.on_disk.as_ref();
        for (seen, mode, on_disk) in [
            ("build", 0o700, on_disk.map(|(build, _)| build)),
            ("tmp", 0o1777, on_disk.map(|(_, tmp)| tmp)),
        ] {
            let seen = Path::new(seen);
            make_folder(seen)?;
            match on_disk {
                Some(folder) => bind(&held(folder), seen, MsFlags::empty())?,
                None => bind(seen, seen, MsFlags::empty())?,
            }
            fs::set_permissions(seen, Permissions::from_mode(mode))
                .attempt(|| format!("set the mode of {}", seen.display()))?;
            restrict(seen, MsFlags::empty())?;
        }
        Ok(())
    }

    fn sources(&self) -> Result<(), SetupError> {
        let build = Path::new("build");
        match &self.source {
            Some(Held::Link(target)) => {
                symlink(target, build.join("src")).attempt(|| "copy the source".into())?;
            }
            Some(Held::Folder(source) | Held::File(source)) => {
                // The link behind a descriptor is followed once, here.
                copy_tree(&held(source), &build.join("src"), true)?;
            }
            None => {}
        }
        for (name, content) in &self.spec.files {
            let file = build.join(checked_name(name)?);
            write(&file, content)?;
            fs::set_permissions(&file, Permissions::from_mode(0o555))
                .attempt(|| format!("set the mode of {}", file.display()))?;
        }
        Ok(())
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
fn host(spec: &Spec) -> Result<Vec<(PathBuf, Held)>, SetupError> {
    let certificates = CERTIFICATES.iter().map(PathBuf::from);
    let certificates = certificates.filter(|_| spec.network);
    let mut opened: Vec<(PathBuf, Held)> = Vec::new();
    for path in spec.host_paths.iter().cloned().chain(certificates) {
        let plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
        if !path.is_absolute() || !path.components().all(plain) || path == Path::new("/") {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "not a plain absolute path");
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

/// What the kernel itself provides: processes, terminals, shared memory.
fn kernel() -> Result<(), SetupError> {
    for seen in ["dev/pts", "dev/shm", "proc"] {
        make_folder(Path::new(seen))?;
    }
    let safe = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let options = Some("newinstance,ptmxmode=0666,mode=620");
    mount(Some("devpts"), "dev/pts", Some("devpts"), safe, options)
        .attempt(|| "mount the step's /dev/pts".into())?;
    let shm = format!("size=256m,mode=1777,uid={UID},gid={GID}");
    tmpfs(Path::new("dev/shm"), &shm, MsFlags::empty())?;
    let flags = safe | MsFlags::MS_NODEV;
    mount(Some("proc"), "proc", Some("proc"), flags, NONE).attempt(|| {
        "mount the step's /proc (in a container, the container's own /proc must not be masked)"
            .into()
    })
}

/// Copies a tree: links as links, executable bits kept, everything writable and
/// of one time, so that no file is older than what it is made from.
fn copy_tree(from: &Path, to: &Path, follow: bool) -> Result<(), SetupError> {
    let what = || format!("copy {} to {}", from.display(), to.display());
    let metadata = match follow {
        true => fs::metadata(from).attempt(what)?,
        false => fs::symlink_metadata(from).attempt(what)?,
    };
    if metadata.is_symlink() {
        symlink(fs::read_link(from).attempt(what)?, to).attempt(what)?;
        return one_time(to).attempt(what);
    }
    if metadata.is_dir() {
        fs::create_dir(to).attempt(what)?;
        for entry in fs::read_dir(from).attempt(what)? {
            let entry = entry.attempt(what)?;
            copy_tree(&entry.path(), &to.join(entry.file_name()), false)?;
        }
    } else {
        fs::copy(from, to).attempt(what)?;
    }
    let mode = metadata.permissions().mode() & 0o777 | 0o200;
    fs::set_permissions(to, Permissions::from_mode(mode)).attempt(what)?;
    one_time(to).attempt(what)
}

/// The time that everything has in the store.
fn one_time(path: &Path) -> nix::Result<()> {
    let time = TimeSpec::new(1, 0);
    utimensat(
        AT_FDCWD,
        path,
        &time,
        &time,
        UtimensatFlags::NoFollowSymlink,
    )
}

/// A folder, held open.
pub(super) fn folder(path: &Path) -> Result<OwnedFd, SetupError> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    open(path, flags, Mode::empty()).attempt(|| format!("open {}", path.display()))
}

/// As seen from the new root, which is the working directory.
pub(super) fn relative(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

pub(super) fn make_folder(path: &Path) -> Result<(), SetupError> {
    fs::create_dir_all(path).attempt(|| format!("make the folder {}", path.display()))
}

fn write(path: impl AsRef<Path>, content: &str) -> Result<(), SetupError> {
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

/// Where the store is seen, from the new root.
pub(super) fn store_inside() -> &'static Path {
    relative(Path::new(STORE))
}
