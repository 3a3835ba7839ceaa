//! What a step's PID 1 needs of the host while it sets the step up: the folders of
//! inputs and of scratch, and a `/proc` without which the kernel allows no other.
//! It lies where the step's `/dev/shm` will be, and is gone when that is mounted.
//!
//! To unmount makes the kernel wait for every processor, so a PID 1 does that before
//! there is a step. What a step then needs it takes in the room's namespace, where the
//! folders still are, as mounts attached nowhere: a [`Door`] leads there and back.

use super::mounts::{Held, Source, bind, restrict, restrict_trees, tmpfs};
use super::root::{checked_name, make_folder, relative};
use super::spec::{Attempt, GID, Object, RoomSpec, SetupError, UID};
use nix::mount::{MntFlags, MsFlags, umount2};
use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::path::{Path, PathBuf};

const PLACE: &str = "/dev/shm";

/// Of the step's own `/dev/shm`.
const SHARED_MEMORY: &str = "256m";

/// The folders, opened with the caller's rights.
pub(super) struct Backstage {
    scratch: Limited,
    folders: Vec<Limited>,
}

impl Backstage {
    /// # Errors
    /// Names the folder that is not there.
    pub fn claim(spec: &RoomSpec) -> Result<Self, SetupError> {
        // Before the folders above it are read-only.
        let scratch = Limited::open(&spec.scratch, false)?;
        let folders = spec.folders.iter();
        let folders = folders.map(|folder| Limited::open(folder, true));
        Ok(Backstage {
            scratch,
            folders: folders.collect::<Result<_, _>>()?,
        })
    }

    /// Below the new root, which is the working directory.
    ///
    /// # Errors
    /// Names what could not be mounted.
    pub fn build(&self) -> Result<(), SetupError> {
        let place = relative(Path::new(PLACE));
        let options = format!("size=64k,mode=755,uid={UID},gid={GID}");
        tmpfs(place, &options, MsFlags::empty())?;
        self.scratch.show(&place.join("scratch"))?;
        for (number, folder) in self.folders.iter().enumerate() {
            folder.show(&place.join(number.to_string()))?;
        }
        let proc = place.join("proc");
        make_folder(&proc)?;
        bind(Path::new("/proc"), &proc, MsFlags::MS_REC)
    }
}

/// A folder bound to itself, with fewer rights: what is bound from there has no more.
struct Limited {
    folder: Held,
    /// With what is mounted beneath.
    how: MsFlags,
}

impl Limited {
    fn open(folder: &Path, read_only: bool) -> Result<Self, SetupError> {
        let more = match read_only {
            true => MsFlags::MS_RDONLY,
            false => MsFlags::empty(),
        };
        // Refused where something is mounted beneath, which must not be uncovered.
        let how = match bind(folder, folder, MsFlags::empty()) {
            Ok(()) => restrict(folder, more).map(|()| MsFlags::empty())?,
            Err(_) if read_only => {
                bind(folder, folder, MsFlags::MS_REC)?;
                restrict_trees(&[folder.to_owned()])?;
                MsFlags::MS_REC
            }
            Err(error) => return Err(error),
        };
        let folder = Held::open(folder)?;
        Ok(Limited { folder, how })
    }

    fn show(&self, at: &Path) -> Result<(), SetupError> {
        self.folder.show(at, self.how)
    }
}

/// Where in it something is.
pub(super) fn place(name: &str) -> PathBuf {
    Path::new(PLACE).join(name)
}

/// Where the room's folder of this number is.
pub(super) fn folder(number: usize) -> PathBuf {
    place(&number.to_string())
}

/// The scratch folder of this name.
pub(super) fn scratch(name: &str) -> Result<PathBuf, SetupError> {
    Ok(place("scratch").join(checked_name(name)?))
}

/// An input or a source.
pub(super) fn object(Object(folder, name): &Object) -> Result<PathBuf, SetupError> {
    Ok(self::folder(*folder).join(checked_name(name)?))
}

/// Exchanges it for the step's shared memory.
pub(super) fn leave() -> Result<(), SetupError> {
    uncover()?;
    let options = format!("size={SHARED_MEMORY},mode=1777,uid={UID},gid={GID}");
    tmpfs(Path::new(PLACE), &options, MsFlags::empty())
}

/// Takes away what lies over the step's shared memory, or where it will be.
fn uncover() -> Result<(), SetupError> {
    umount2(PLACE, MntFlags::MNT_DETACH).attempt(|| "leave the host's folders".into())
}

/// The room's mount namespace, while its process is in it; none where the kernel has
/// no mounts that are attached nowhere.
pub(super) fn namespace() -> Result<Option<File>, SetupError> {
    if Source::detached(&place("scratch")).is_err() {
        return Ok(None);
    }
    let path = place("proc/self/ns/mnt");
    let namespace = File::open(&path).attempt(|| format!("open {}", path.display()))?;
    Ok(Some(namespace))
}

/// From a PID 1's own mount namespace to the room's and back.
pub(super) struct Door {
    room: File,
    own: File,
}

impl Door {
    /// Leaves the folders behind.
    ///
    /// # Errors
    /// Names what could not be opened, unmounted or mounted.
    pub fn shut(room: &File) -> Result<Self, SetupError> {
        let path = "/proc/self/ns/mnt";
        let own = File::open(path).attempt(|| format!("open {path}"))?;
        let room = room.try_clone();
        let room = room.attempt(|| "keep the room's namespace".into())?;
        leave()?;
        Ok(Door { room, own })
    }

    /// What is found there; this process is back then. Its working directory is the root.
    ///
    /// # Errors
    /// What `look` says.
    pub fn beyond<T>(&self, look: impl FnOnce() -> Result<T, SetupError>) -> Result<T, SetupError> {
        let into = |namespace: &File| {
            setns(namespace, CloneFlags::CLONE_NEWNS)
                .attempt(|| "change the mount namespace".into())
        };
        into(&self.room)?;
        let found = look();
        into(&self.own)?;
        found
    }

    /// Has all of it here while `work` is done, over the shared memory.
    ///
    /// # Errors
    /// What `work` says, or why it could not be had.
    pub fn open_for(
        &self,
        work: impl FnOnce() -> Result<(), SetupError>,
    ) -> Result<(), SetupError> {
        let place = Path::new(PLACE);
        let all = self.beyond(|| Source::detached(place))?;
        all.mount(place)?;
        work()?;
        uncover()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_reached_beside_the_folders() {
        for name in ["..", "a/b", ".", "", "../../etc"] {
            assert!(object(&Object(0, name.into())).is_err(), "{name:?}");
        }
        let found = object(&Object(1, "x-name".into())).unwrap();
        assert_eq!(found, Path::new("/dev/shm/1/x-name"));
    }
}
