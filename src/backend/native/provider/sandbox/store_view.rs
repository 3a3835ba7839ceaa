//! The store as the step sees it: its input closure, read-only, and room for
//! its outputs beside it, in one folder at the written place.
//!
//! ```text
//!   /var/lib/kiln/store    overlay: upper = <scratch>/store (outputs), lower = a tmpfs of mount points
//!     ├ <input>            bind of the room's read-only bind of the real store, one for each path of the closure
//!     └ <output>           whatever the step creates; lands in <scratch>/store
//! ```
//! What is not in the closure is not there at all. One bind of the whole store
//! under Landlock rules cannot do it: an output may become a file, a folder or a
//! link, so it has no inode a rule could name beforehand, and a rule on the
//! folder that outputs are created in would open every object of the store. So
//! the cost of a bind for each path is brought down instead: mount points on a
//! tmpfs, which are never removed one by one, and binds of a bind that is
//! read-only already, which need no second call.
//!
//! A step whose inputs are nearly those of the one before has most of them mounted
//! already, by its room (`view.rs`); it adds the others, and its outputs, to the
//! view's folder.
//!
//! For a few inputs, and where overlay is not to be had (before Linux 5.11, or a
//! state on a file system that cannot be an upper one), mount points are made in
//! the outputs' folder: an overlay makes four files there for itself.

use super::backstage::{self, Door, object};
use super::mounts::{Source, tmpfs};
use super::root::checked_name;
use super::spec::{Attempt, GID, Layout, Object, STORE, SetupError, Spec, UID};
use super::view::View;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{Mode, SFlag, mknod};
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// As many inputs get mount points on the disk; more, an overlay.
pub(super) const ON_DISK: usize = 4;

pub(super) struct Input<'a> {
    name: &'a str,
    kind: Kind,
}

enum Kind {
    Folder(Source),
    File(Source),
    /// Cannot be mounted; is written again.
    Link(PathBuf),
}

/// How what is in a folder of the host's comes to be mounted.
type Hold = fn(&Path) -> Result<Source, SetupError>;

/// It is reached by its name then as well.
pub(super) fn by_name(path: &Path) -> Result<Source, SetupError> {
    Ok(Source::At(path.to_owned()))
}

impl<'a> Input<'a> {
    /// # Errors
    /// When it is not there, or its name is none of a file.
    pub fn find(name: &'a str, at: &Object, hold: Hold) -> Result<Self, SetupError> {
        let name = checked_name(name)?;
        let object = object(at)?;
        let attempted = || format!("look at {}", object.display());
        let found = fs::symlink_metadata(&object).attempt(attempted)?;
        let kind = match found.is_symlink() {
            true => Kind::Link(fs::read_link(&object).attempt(attempted)?),
            false if found.is_dir() => Kind::Folder(hold(&object)?),
            false => Kind::File(hold(&object)?),
        };
        Ok(Input { name, kind })
    }

    fn mount_point(&self, below: &Path) -> Result<(), SetupError> {
        let point = below.join(self.name);
        let made = match &self.kind {
            Kind::Folder(_) => fs::create_dir(&point),
            // One call, where to open it takes two.
            Kind::File(_) => {
                let mode = Mode::from_bits_truncate(0o444);
                mknod(&point, SFlag::S_IFREG, mode, 0).map_err(io::Error::from)
            }
            Kind::Link(target) => symlink(target, &point),
        };
        made.attempt(|| format!("make the mount point {}", point.display()))
    }
}

/// Mounts what the step sees in its store; `view` is what its room has there.
///
/// # Errors
/// Names what is not there, or could not be mounted.
pub(super) fn show(spec: &Spec, view: Option<&View>) -> Result<(), SetupError> {
    let scratch = backstage::scratch(&spec.scratch)?;
    let layout = Layout(&scratch);
    let inputs = find(spec, by_name)?;
    let is_there = take_or_leave(spec, view)?;
    if is_there {
        return add(&inputs);
    }
    let store = Path::new(STORE);
    let overlaid = spec.overlaid() && {
        let options = format!("mode=755,uid={UID},gid={GID}");
        tmpfs(store, &options, MsFlags::empty())?;
        points(&inputs, store)?;
        overlay(store, &layout)?
    };
    if !overlaid {
        return show_in(&Source::At(layout.store()), &inputs);
    }
    mount_all(&inputs)
}

/// The same without an overlay, and without the host's folders at hand.
///
/// # Errors
/// As [`show`].
pub(super) fn show_through(
    door: &Door,
    spec: &Spec,
    view: Option<&View>,
) -> Result<(), SetupError> {
    let (store, inputs) = door.beyond(|| {
        let scratch = backstage::scratch(&spec.scratch)?;
        let store = match spec.view {
            Some(_) => None,
            None => Some(Source::detached(&Layout(&scratch).store())?),
        };
        Ok((store, find(spec, Source::detached)?))
    })?;
    match (take_or_leave(spec, view)?, store) {
        (false, Some(store)) => show_in(&store, &inputs),
        _ => add(&inputs),
    }
}

fn find(spec: &Spec, hold: Hold) -> Result<Vec<Input<'_>>, SetupError> {
    let inputs = spec.inputs.iter();
    inputs
        .map(|(name, at)| Input::find(name, at, hold))
        .collect()
}

/// Whether the store is there already: the step has the room's view. Else that is none of
/// its concern.
fn take_or_leave(spec: &Spec, view: Option<&View>) -> Result<bool, SetupError> {
    match (&spec.view, view) {
        (Some(wanted), Some(view)) if *wanted == view.folder => Ok(true),
        (Some(wanted), _) => {
            let error = io::Error::from(io::ErrorKind::NotFound);
            Err(error).attempt(|| format!("use the view in {wanted}"))
        }
        (None, Some(_)) => View::leave().map(|()| false),
        (None, None) => Ok(false),
    }
}

/// The store is this folder of the disk, with these inputs in it.
pub(super) fn show_in(store: &Source, inputs: &[Input<'_>]) -> Result<(), SetupError> {
    store.mount(Path::new(STORE))?;
    add(inputs)
}

/// More inputs in a store that is a folder of the disk.
fn add(inputs: &[Input<'_>]) -> Result<(), SetupError> {
    points(inputs, Path::new(STORE))?;
    mount_all(inputs)
}

fn points(inputs: &[Input<'_>], below: &Path) -> Result<(), SetupError> {
    inputs.iter().try_for_each(|input| input.mount_point(below))
}

/// On their mount points.
fn mount_all(inputs: &[Input<'_>]) -> Result<(), SetupError> {
    // From inside, so that each target is one name.
    std::env::set_current_dir(STORE).attempt(|| "enter the step's store".into())?;
    for input in inputs {
        match &input.kind {
            Kind::Folder(source) | Kind::File(source) => source.mount(Path::new(input.name))?,
            Kind::Link(_) => {}
        }
    }
    std::env::set_current_dir("/").attempt(|| "return to the step's root".into())
}

/// Whether an overlay could be made, over the tmpfs of mount points at `store`.
fn overlay(store: &Path, layout: &Layout<'_>) -> Result<bool, SetupError> {
    // Nothing of a step's folder has to survive the machine: no syncs.
    let options = format!(
        "lowerdir={},upperdir={},workdir={},userxattr,volatile",
        store.display(),
        layout.store().display(),
        layout.work().display()
    );
    let (kind, flags) = (Some("overlay"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV);
    match mount(kind, store, kind, flags, Some(options.as_str())) {
        Ok(()) => Ok(true),
        Err(_) => {
            umount2(store, MntFlags::MNT_DETACH).attempt(|| "take the mount points away".into())?;
            Ok(false)
        }
    }
}
