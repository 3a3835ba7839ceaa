//! The store as the step sees it: its input closure, read-only, and room for
//! its outputs beside it, in one folder at the written place.
//!
//! ```text
//!   /var/lib/kiln/store    overlay: upper = <scratch>/store (outputs), lower = a tmpfs of mount points
//!     ├ <input>            bind of a read-only bind of the real store, one for each path of the closure
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
//! For a few inputs, and where overlay is not to be had (before Linux 5.11, or a
//! state on a file system that cannot be an upper one), mount points are made in
//! the outputs' folder: an overlay makes four files there for itself.

use super::mounts::{bind, held, restrict, tmpfs};
use super::root::{checked_name, folder, make_folder, store_inside};
use super::spec::{Attempt, GID, Layout, SetupError, Spec, UID};
use nix::fcntl::AtFlags;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{SFlag, fstatat};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// As many inputs get mount points on the disk; more, an overlay.
pub(super) const ON_DISK: usize = 4;

/// Folders that hold inputs, each bound read-only, and the outputs' folder.
pub(super) struct StoreView {
    folders: Vec<OwnedFd>,
    inputs: Vec<Input>,
    outputs: OwnedFd,
    /// The overlay's own, where there is to be one.
    work: Option<OwnedFd>,
}

struct Input {
    name: String,
    /// The folder it lies in, and its name there.
    folder: usize,
    entry: OsString,
    kind: Kind,
}

enum Kind {
    Folder,
    File,
    /// Cannot be bound; is written again.
    Link(PathBuf),
}

impl StoreView {
    /// Opens what is needed, with the caller's rights.
    ///
    /// # Errors
    /// Names the input that is not there.
    pub fn claim(spec: &Spec, layout: &Layout) -> Result<Self, SetupError> {
        let mut known = BTreeMap::new();
        let mut view = StoreView {
            folders: Vec::new(),
            inputs: Vec::with_capacity(spec.inputs.len()),
            outputs: folder(&layout.store())?,
            work: match spec.overlaid() {
                true => Some(folder(&layout.work())?),
                false => None,
            },
        };
        for (name, object) in &spec.inputs {
            let input = view.input(checked_name(name)?, object, &mut known)?;
            view.inputs.push(input);
        }
        Ok(view)
    }

    fn input<'a>(
        &mut self,
        name: &str,
        object: &'a Path,
        known: &mut BTreeMap<&'a Path, usize>,
    ) -> Result<Input, SetupError> {
        let attempted = || format!("look at {}", object.display());
        let no_name = || io::Error::from(io::ErrorKind::InvalidInput);
        let parent = object.parent().ok_or_else(no_name).attempt(attempted)?;
        let entry = object.file_name().ok_or_else(no_name).attempt(attempted)?;
        let folder = match known.get(parent) {
            Some(folder) => *folder,
            None => {
                self.folders.push(read_only(parent)?);
                known.insert(parent, self.folders.len() - 1);
                self.folders.len() - 1
            }
        };
        let found = fstatat(&self.folders[folder], entry, AtFlags::AT_SYMLINK_NOFOLLOW);
        let kind =
            match SFlag::from_bits_truncate(found.attempt(attempted)?.st_mode) & SFlag::S_IFMT {
                SFlag::S_IFLNK => Kind::Link(fs::read_link(object).attempt(attempted)?),
                SFlag::S_IFDIR => Kind::Folder,
                _ => Kind::File,
            };
        Ok(Input {
            name: name.to_owned(),
            folder,
            entry: entry.to_owned(),
            kind,
        })
    }

    /// Mounts the view; the working directory, the new root, is the same afterwards.
    ///
    /// # Errors
    /// Names what could not be mounted.
    pub fn show(&self) -> Result<(), SetupError> {
        let store = store_inside();
        make_folder(store)?;
        let root = folder(Path::new("."))?;
        let overlaid = match &self.work {
            Some(work) => self.overlay(store, work)?,
            None => false,
        };
        if !overlaid {
            bind(&held(&self.outputs), store, MsFlags::empty())?;
            restrict(store, MsFlags::empty())?;
            self.mount_points(store)?;
        }
        // From inside, so that each target is one name.
        std::env::set_current_dir(store).attempt(|| "enter the step's store".into())?;
        let folders: Vec<PathBuf> = self.folders.iter().map(held).collect();
        for input in &self.inputs {
            if !matches!(input.kind, Kind::Link(_)) {
                let object = folders[input.folder].join(&input.entry);
                bind(&object, Path::new(&input.name), MsFlags::empty())?;
            }
        }
        nix::unistd::fchdir(root).attempt(|| "return to the step's root".into())
    }

    /// Whether an overlay with all mount points could be made at `store`.
    fn overlay(&self, store: &Path, work: &OwnedFd) -> Result<bool, SetupError> {
        let options = format!("mode=755,uid={UID},gid={GID}");
        tmpfs(store, &options, MsFlags::empty())?;
        self.mount_points(store)?;
        // Nothing of a step's folder has to survive the machine: no syncs.
        let options = format!(
            "lowerdir={},upperdir={},workdir={},userxattr,volatile",
            store.display(),
            held(&self.outputs).display(),
            held(work).display()
        );
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        match mount(
            Some("overlay"),
            store,
            Some("overlay"),
            flags,
            Some(options.as_str()),
        ) {
            Ok(()) => Ok(true),
            Err(_) => {
                umount2(store, MntFlags::MNT_DETACH)
                    .attempt(|| "take the mount points away".into())?;
                Ok(false)
            }
        }
    }

    fn mount_points(&self, below: &Path) -> Result<(), SetupError> {
        for input in &self.inputs {
            let point = below.join(&input.name);
            let made = match &input.kind {
                Kind::Folder => fs::create_dir(&point),
                Kind::File => File::create_new(&point).map(drop),
                Kind::Link(target) => symlink(target, &point),
            };
            made.attempt(|| format!("make the mount point {}", point.display()))?;
        }
        Ok(())
    }
}

/// Binds a folder to itself, read-only, in this mount namespace: what is bound
/// from there is read-only from the start.
fn read_only(path: &Path) -> Result<OwnedFd, SetupError> {
    bind(path, path, MsFlags::empty())?;
    restrict(path, MsFlags::MS_RDONLY)?;
    folder(path)
}
