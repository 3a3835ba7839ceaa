//! Which inputs a room has mounted before the next step comes (`view.rs`), as the agent
//! decides it: those that two steps had in common, until one comes that lacks some.
//!
//! ```text
//!            two steps have many in common          step has all of them
//!   nothing ──────────────────────────────▶ view ─────────────────────────▶ used
//!      ▲                                     │                               │
//!      └─────────── a step lacks one, one is another object now, ────────────┘
//!                   or many more are in common; the room's process ended
//! ```

use super::scratch;
use super::spec::{Attempt, Layout, Next, Object, RoomSpec, SetupError};
use super::store_view::ON_DISK;
use crate::process::IDLE;
use crate::store::remove_all;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, renameat};
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat, fstatat};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// A room whose process ended so often before its view was used makes no more.
const TRIES: u32 = 3;

type Inputs = BTreeMap<String, Object>;

/// Of one room.
#[derive(Default)]
pub(super) struct Views {
    /// What the last step had.
    last: Inputs,
    view: Option<View>,
    /// Views in a row that were not used before the room's process ended.
    unused: u32,
    /// The room may still have one that was given up.
    stale: bool,
    /// When the last step was in the room.
    left: Option<Instant>,
}

struct View {
    /// Which of the room's processes has it: an earlier one than this has ended.
    start: u64,
    folder: Folder,
    inputs: BTreeMap<String, Shown>,
    used: bool,
}

struct Shown {
    object: Object,
    /// Device and inode: whoever was collected and built again is another one, and what
    /// the room has mounted is gone.
    is: (u64, u64),
}

/// What a step does with the room's view.
#[derive(Default)]
pub(super) struct Choice {
    start: u64,
    /// Those that it mounts itself.
    pub inputs: Inputs,
    /// The name of the view's folder, when it is used.
    pub view: Option<String>,
    pub next: Next,
    planned: Option<View>,
}

impl Views {
    /// For a step with these inputs, in the room's process of this number.
    pub fn choose(&self, start: u64, room: &RoomSpec, inputs: &Inputs) -> Choice {
        let view = self.view.as_ref().filter(|view| view.start == start);
        match view.filter(|view| view.fits(room, inputs)) {
            Some(view) => self.with(view, inputs),
            None => {
                let planned = self.plan(start, room, inputs);
                let next = match (&planned, view) {
                    (Some(planned), _) => planned.asked_for(),
                    (None, Some(_)) => Next::Nothing,
                    (None, None) if self.stale => Next::Nothing,
                    (None, None) => Next::Same,
                };
                Choice {
                    start,
                    inputs: inputs.clone(),
                    view: None,
                    next,
                    planned,
                }
            }
        }
    }

    fn with(&self, view: &View, inputs: &Inputs) -> Choice {
        let own = inputs
            .iter()
            .filter(|(name, _)| !view.inputs.contains_key(*name));
        let own: Inputs = own.map(|(name, at)| (name.clone(), at.clone())).collect();
        let more = own.iter().filter(|input| self.had(input)).count();
        Choice {
            start: view.start,
            inputs: own,
            view: Some(view.folder.name()),
            next: match more > ON_DISK + view.inputs.len() / 4 {
                true => Next::Nothing,
                false => Next::Same,
            },
            planned: None,
        }
    }

    fn had(&self, (name, at): &(&String, &Object)) -> bool {
        self.last.get(*name) == Some(at)
    }

    /// A view of what this step and the last one have in common, where that is worth it.
    fn plan(&self, start: u64, room: &RoomSpec, inputs: &Inputs) -> Option<View> {
        let common = inputs.iter().filter(|input| self.had(input));
        let common: Vec<_> = common.collect();
        if self.unused >= TRIES || common.len() <= ON_DISK {
            return None;
        }
        let inputs = common.into_iter();
        let mut place = Place::default();
        let inputs = inputs.filter_map(|(name, object)| {
            let is = place.identity(room, object)?;
            let object = object.clone();
            Some((name.clone(), Shown { object, is }))
        });
        let folder = Folder::new(room).map_err(|error| {
            tracing::warn!(%error, "inputs that steps have in common are not kept mounted");
        });
        Some(View {
            start,
            folder: folder.ok()?,
            inputs: inputs.collect(),
            used: false,
        })
    }

    /// When the step is over and nobody is left of it: what it put into the view's
    /// folder goes to its scratch folder.
    ///
    /// # Errors
    /// Names what could not be moved.
    pub fn ran(
        &mut self,
        choice: Choice,
        room: &RoomSpec,
        inputs: Inputs,
        scratch: &Path,
    ) -> Result<(), SetupError> {
        let mut view = self.view.take();
        self.stale = false;
        if let (Some(_), Some(view)) = (&choice.view, &mut view) {
            view.used = true;
            view.empty_into(room, &Layout(scratch).store())?;
        }
        self.count(view.as_ref(), choice.start);
        self.last = inputs;
        self.view = match (choice.planned, choice.next) {
            (Some(planned), _) => Some(planned),
            (None, Next::Nothing) => None,
            (None, _) => view.filter(|view| view.start == choice.start),
        };
        Ok(())
    }

    /// A room's process that ended before its view was used may have ended of it.
    fn count(&mut self, view: Option<&View>, start: u64) {
        match view {
            Some(view) if view.used => self.unused = 0,
            // One that nobody asked for a while ended because of that.
            Some(view) if view.start != start && self.is_in_use() => self.unused += 1,
            _ => {}
        }
        self.left = Some(Instant::now());
    }

    fn is_in_use(&self) -> bool {
        self.left.is_some_and(|left| left.elapsed() < IDLE / 2)
    }

    /// A step did not come to its end as it should.
    pub fn forget(&mut self) {
        self.stale |= self.view.take().is_some();
    }

    /// Gives the view up where its folder is not as large as it was when it was made: the
    /// next step would see that, and look through what once was there.
    pub fn check_size(&mut self, made: Option<u64>) {
        let now = self
            .view
            .as_ref()
            .filter(|view| view.used)
            .and_then(|view| fs::metadata(view.folder.store()).ok())
            .map(|found| found.len());
        if now.is_some() && now != made {
            self.forget();
        }
    }
}

impl View {
    /// Whether a step with these inputs has all that it shows.
    fn fits(&self, room: &RoomSpec, inputs: &Inputs) -> bool {
        let mut place = Place::default();
        // Both are sorted: one walk through each.
        let mut inputs = inputs.iter();
        self.inputs.iter().all(|(name, shown)| {
            inputs.find(|(input, _)| *input >= name) == Some((name, &shown.object))
                && place.identity(room, &shown.object) == Some(shown.is)
        })
    }

    fn asked_for(&self) -> Next {
        Next::View {
            folder: self.folder.name(),
            inputs: self.inputs.keys().cloned().collect(),
        }
    }

    /// Makes the folder what the next step is to find, and moves all but the mount points:
    /// the agent sees these as empty files and folders.
    fn empty_into(&self, room: &RoomSpec, to: &Path) -> Result<(), SetupError> {
        let store = self.folder.store();
        let attempted = || format!("take what a step left from {}", store.display());
        // The step may have closed it. It is the same folder: it was mounted.
        scratch::make(&store, room.user)?;
        let (from, to) = (open_folder(&store), open_folder(to));
        let (from, to) = (from.attempt(attempted)?, to.attempt(attempted)?);
        for entry in fs::read_dir(&store).attempt(attempted)? {
            let name = entry.attempt(attempted)?.file_name();
            if name
                .to_str()
                .is_none_or(|name| !self.inputs.contains_key(name))
            {
                take(&from, &to, &name).attempt(attempted)?;
            }
        }
        // What the step set would tell the next one of it.
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        let times = FileTimes::new().set_accessed(time).set_modified(time);
        from.set_times(times).attempt(attempted)
    }
}

/// None that a link leads to.
fn open_folder(path: &Path) -> io::Result<File> {
    let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// From one folder to another, whatever it is and never through a link. A folder that
/// its owner may not write to can be moved by root alone.
fn take(from: &File, to: &File, name: &OsStr) -> nix::Result<()> {
    match renameat(from, name, to, name) {
        Err(Errno::EACCES) => {
            let found = fstatat(from, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
            if found.st_mode & libc::S_IFMT != libc::S_IFDIR {
                return Err(Errno::EACCES);
            }
            let rights = Mode::from_bits_truncate(found.st_mode);
            fchmodat(
                from,
                name,
                rights | Mode::S_IRWXU,
                FchmodatFlags::NoFollowSymlink,
            )?;
            renameat(from, name, to, name)?;
            fchmodat(to, name, rights, FchmodatFlags::NoFollowSymlink)
        }
        other => other,
    }
}

/// The room's folder that was looked into last: no path to walk for each object.
#[derive(Default)]
struct Place(Option<(usize, File)>);

impl Place {
    /// Which file or folder an object is; none of a link, which is not mounted but
    /// written for each step, and of nothing.
    fn identity(&mut self, room: &RoomSpec, Object(folder, name): &Object) -> Option<(u64, u64)> {
        if self.0.as_ref().is_none_or(|(open, _)| open != folder) {
            self.0 = Some((*folder, File::open(room.folders.get(*folder)?).ok()?));
        }
        let (_, open) = self.0.as_ref()?;
        let found = fstatat(open, name.as_str(), AtFlags::AT_SYMLINK_NOFOLLOW).ok()?;
        let is_link = found.st_mode & libc::S_IFMT == libc::S_IFLNK;
        (!is_link).then_some((found.st_dev, found.st_ino))
    }
}

/// A view's, beside scratch folders; removed when dropped. A room that has something
/// mounted in it then loses that.
struct Folder(PathBuf);

impl Folder {
    fn new(room: &RoomSpec) -> Result<Self, SetupError> {
        let path = room
            .scratch
            .join(format!("view-{:016x}", fastrand::u64(..)));
        fs::create_dir(&path).attempt(|| format!("make the folder {}", path.display()))?;
        let folder = Folder(path);
        scratch::open(&folder.0, room.user)?;
        scratch::make(&folder.store(), room.user)?;
        Ok(folder)
    }

    fn name(&self) -> String {
        let name = self.0.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// What is the store of a step that has the view.
    fn store(&self) -> PathBuf {
        Layout(&self.0).store()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = remove_all(&self.0) {
            // The next start sweeps what stays.
            tracing::warn!(path = %self.0.display(), %error, "cannot remove the folder of a view");
        }
    }
}

#[cfg(test)]
#[path = "views_tests.rs"]
mod tests;
