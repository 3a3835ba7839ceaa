//! What a step has for itself in the root of its room: scratch space, its source and
//! files, its view of the store, its processes, terminals and shared memory. All of it
//! is mounted, into a mount namespace that goes with the step.

use super::backstage::{self, Door, object};
use super::mounts::{NONE, bind, tmpfs};
use super::root::{checked_name, make_folder, write};
use super::spec::{Attempt, GID, Layout, SetupError, Spec, UID};
use super::store_view;
use super::view::View;
use nix::fcntl::AT_FDCWD;
use nix::mount::{MsFlags, mount};
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// Makes what does not depend on the step: processes, terminals, scratch space of so
/// many bytes where it lies in memory. `room` is its namespace, where it has the host's
/// folders; else they stay at hand.
///
/// # Errors
/// Names what could not be mounted.
pub(super) fn make_ready(
    in_memory: Option<u64>,
    room: Option<&File>,
) -> Result<Option<Door>, SetupError> {
    kernel()?;
    in_memory.map_or(Ok(()), scratch_in_memory)?;
    room.map(Door::shut).transpose()
}

/// Makes the rest. From then on nothing of the host can be reached but what the
/// step sees.
///
/// # Errors
/// Names what could not be made or mounted.
pub(super) fn furnish(
    spec: &Spec,
    view: Option<&View>,
    door: Option<&Door>,
) -> Result<(), SetupError> {
    let by_name = || {
        if spec.limits.scratch_on_disk {
            scratch_on_disk(spec)?;
        }
        source(spec)?;
        files(spec)?;
        store_view::show(spec, view)
    };
    let needs_names = spec.limits.scratch_on_disk || spec.src.is_some() || spec.overlaid();
    match door {
        Some(door) if needs_names => door.open_for(by_name),
        Some(door) => {
            files(spec)?;
            store_view::show_through(door, spec, view)
        }
        None => {
            by_name()?;
            backstage::leave()
        }
    }
}

const BUILD: &str = "/build";
const TMP: &str = "/tmp";

/// `/build` and `/tmp` in one tmpfs, whose size bounds both.
fn scratch_in_memory(size: u64) -> Result<(), SetupError> {
    let options = format!("mode=755,uid={UID},gid={GID},size={size}");
    tmpfs(Path::new(BUILD), &options, MsFlags::empty())?;
    // The folder it is bound from is hidden by the other one.
    for (from, to) in [("/build/tmp", TMP), ("/build/build", BUILD)] {
        make_folder(Path::new(from))?;
        bind(Path::new(from), Path::new(to), MsFlags::empty())?;
    }
    scratch_modes()
}

/// The same on the disk.
fn scratch_on_disk(spec: &Spec) -> Result<(), SetupError> {
    let layout = Layout(&backstage::scratch(&spec.scratch)?);
    bind(&layout.build(), Path::new(BUILD), MsFlags::empty())?;
    bind(&layout.tmp(), Path::new(TMP), MsFlags::empty())?;
    scratch_modes()
}

fn scratch_modes() -> Result<(), SetupError> {
    for (folder, mode) in [(BUILD, 0o700), (TMP, 0o1777)] {
        fs::set_permissions(folder, Permissions::from_mode(mode))
            .attempt(|| format!("set the mode of {folder}"))?;
    }
    Ok(())
}

fn source(spec: &Spec) -> Result<(), SetupError> {
    match &spec.src {
        Some(source) => copy_tree(&object(source)?, &Path::new(BUILD).join("src")),
        None => Ok(()),
    }
}

fn files(spec: &Spec) -> Result<(), SetupError> {
    for (name, content) in &spec.files {
        let file = Path::new(BUILD).join(checked_name(name)?);
        write(&file, content)?;
        fs::set_permissions(&file, Permissions::from_mode(0o555))
            .attempt(|| format!("set the mode of {}", file.display()))?;
    }
    Ok(())
}

/// What the kernel itself provides.
fn kernel() -> Result<(), SetupError> {
    let safe = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let options = Some("newinstance,ptmxmode=0666,mode=620");
    mount(Some("devpts"), "/dev/pts", Some("devpts"), safe, options)
        .attempt(|| "mount the step's /dev/pts".into())?;
    let flags = safe | MsFlags::MS_NODEV;
    mount(Some("proc"), "/proc", Some("proc"), flags, NONE).attempt(|| {
        "mount the step's /proc (in a container, the container's own /proc must not be masked)"
            .into()
    })
}

/// Copies a tree: links as links, executable bits kept, everything writable and
/// of one time, so that no file is older than what it is made from.
fn copy_tree(from: &Path, to: &Path) -> Result<(), SetupError> {
    let what = || format!("copy {} to {}", from.display(), to.display());
    let metadata = fs::symlink_metadata(from).attempt(what)?;
    if metadata.is_symlink() {
        symlink(fs::read_link(from).attempt(what)?, to).attempt(what)?;
        return one_time(to).attempt(what);
    }
    if metadata.is_dir() {
        fs::create_dir(to).attempt(what)?;
        for entry in fs::read_dir(from).attempt(what)? {
            let entry = entry.attempt(what)?;
            copy_tree(&entry.path(), &to.join(entry.file_name()))?;
        }
    } else {
        fs::copy(from, to).attempt(what)?;
    }
    let mode = metadata.permissions().mode() & 0o777 | 0o200;
    fs::set_permissions(to, Permissions::from_mode(mode)).attempt(what)?;
    one_time(to).attempt(what)
}

/// The time that everything has in the store.
pub(super) fn one_time(path: &Path) -> nix::Result<()> {
    let time = TimeSpec::new(1, 0);
    utimensat(
        AT_FDCWD,
        path,
        &time,
        &time,
        UtimensatFlags::NoFollowSymlink,
    )
}
