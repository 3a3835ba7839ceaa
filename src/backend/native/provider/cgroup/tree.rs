//! The given group, divided: taken with the first step, given back with the last
//! sandbox.

use super::find::{CONTROLLERS, Place, is_root};
use super::group::{Group, StepGroup, empty, kill, procs};
use crate::backend::native::provider::sandbox::spec::{Attempt, SetupError};
use crate::process::Guard;
use crate::process::tree::below;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{Pid, getpid};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Groups of steps lie in one that begins so.
const STEPS: &str = "kiln-steps-";
/// A build user's rooms.
const ROOMS: &str = "rooms";
/// How often is tried to empty the given group of processes that start others.
const ATTEMPTS: u32 = 20;
/// Between two tries where the kernel tells nobody when it is time.
const AWHILE: Duration = Duration::from_millis(5);
/// How long a process that is gone may seem to have its lock.
const LET_GO: Duration = Duration::from_secs(1);

/// What this process has of the tree.
#[derive(Debug)]
pub(super) struct Tree {
    place: Place,
    /// Of all its steps.
    folder: PathBuf,
    /// On that folder: whose it is still lives.
    _owned: Flock<File>,
    /// By build user; the caller's are none's.
    free: Mutex<BTreeMap<Option<u32>, Vec<Group>>>,
    made: AtomicU32,
    /// Held while a user's folder is made.
    making: Mutex<()>,
    /// Clears what this process does not.
    guard: Guard,
}

impl Tree {
    /// Removes what others left, moves kiln's processes out of the way, and
    /// hands the controllers on.
    ///
    /// # Errors
    /// Names what could not be done; then everything is as it was.
    pub fn take(place: Place) -> Result<Self, SetupError> {
        let _alone = lock(&place.folder, FlockArg::LockExclusive)?;
        sweep(&place);
        let guard = || Guard::start("cgroups").attempt(|| "start what clears cgroups".into());
        let taken = hand_on(&place).and_then(|()| Ok((own_folder(&place)?, guard()?)));
        let ((folder, owned), guard) = match taken {
            Ok(taken) => taken,
            Err(error) => {
                give_back_unused(&place);
                return Err(error);
            }
        };
        Ok(Tree {
            place,
            folder,
            _owned: owned,
            free: Mutex::default(),
            made: AtomicU32::new(0),
            making: Mutex::default(),
            guard,
        })
    }

    /// An empty group with these limits; one that was used before, where there is one.
    ///
    /// # Errors
    /// Names the file of the group that could not be written.
    pub fn claim(
        tree: &Arc<Self>,
        user: Option<u32>,
        memory: Option<u64>,
        processes: u64,
    ) -> Result<StepGroup, SetupError> {
        let mut group = loop {
            let free = tree.free().get_mut(&user).and_then(Vec::pop);
            match free {
                None => break Group::make(&tree.next(user)?, user)?,
                // What does not end is left where it is.
                Some(group) if group.empty() => break group,
                Some(_) => {}
            }
        };
        group.limit(memory, processes)?;
        StepGroup::new(group, Arc::clone(tree))
    }

    /// Takes back what was claimed.
    pub fn release(&self, group: Group) {
        self.free().entry(group.user()).or_default().push(group);
    }

    /// Moves a room, which becomes this build user, to where it may start that user's steps.
    ///
    /// # Errors
    /// Names what could not be made or written.
    pub fn settle(&self, room: Pid, user: u32) -> Result<(), SetupError> {
        let rooms = self.of_user(Some(user))?.join(ROOMS);
        make(&rooms)?;
        move_one(room, &rooms)
    }

    fn next(&self, user: Option<u32>) -> Result<PathBuf, SetupError> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        Ok(self.of_user(user)?.join(number.to_string()))
    }

    /// Where a user's groups lie.
    fn of_user(&self, user: Option<u32>) -> Result<PathBuf, SetupError> {
        let Some(id) = user else {
            return Ok(self.folder.clone());
        };
        let folder = self.folder.join(id.to_string());
        let _alone = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if !folder.exists() {
            make(&folder)?;
            control_below(&folder)?;
            hand_over(&folder, id)?;
        }
        Ok(folder)
    }

    fn free(&self) -> std::sync::MutexGuard<'_, BTreeMap<Option<u32>, Vec<Group>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let given_back = lock(&self.place.folder, FlockArg::LockExclusive).and_then(|_alone| {
            remove(&self.folder)?;
            give_back_unused(&self.place);
            self.guard.dismiss();
            Ok(())
        });
        if let Err(error) = given_back {
            tracing::warn!(%error, "a cgroup of steps is left; the next start removes it");
        }
    }
}

/// What a process left that was killed, as the last one here. One that is being
/// killed may hold its lock a moment longer.
pub(super) fn clear_after_agent(place: &Place) {
    let end = Instant::now() + LET_GO;
    loop {
        if let Ok(_alone) = lock(&place.folder, FlockArg::LockExclusive) {
            sweep(place);
            give_back_unused(place);
        }
        if all_steps(&place.folder).is_empty() || Instant::now() >= end {
            return;
        }
        std::thread::park_timeout(AWHILE);
    }
}

/// A lock on a group's folder, as anybody may have on any folder.
fn lock(folder: &Path, how: FlockArg) -> Result<Flock<File>, SetupError> {
    let attempted = || format!("lock {}", folder.display());
    let mut file = File::open(folder).attempt(attempted)?;
    loop {
        match Flock::lock(file, how) {
            Ok(lock) => return Ok(lock),
            Err((same, Errno::EINTR)) => file = same,
            Err((_, errno)) => return Err(errno).attempt(attempted),
        }
    }
}

/// The steps' folders of all processes of kiln's here.
fn all_steps(place: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let named = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        name.to_str().is_some_and(|name| name.starts_with(STEPS))
    };
    entries.filter(named).map(|entry| entry.path()).collect()
}

/// Ends and removes the steps of processes that are gone. One that is not to be
/// removed stays for the next time; nothing of this process's depends on it.
fn sweep(place: &Place) {
    for folder in all_steps(&place.folder) {
        if let Ok(_nobodys) = lock(&folder, FlockArg::LockExclusiveNonblock)
            && let Err(error) = remove(&folder)
        {
            tracing::warn!(%error, "a cgroup of steps is left");
        }
    }
}

/// A group with all groups below, once every process in them is gone.
fn remove(folder: &Path) -> Result<(), SetupError> {
    if !empty(folder) {
        kill(folder).attempt(|| format!("end what is in {}", folder.display()))?;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path())?;
        }
    }
    fs::remove_dir(folder).attempt(|| format!("remove the cgroup {}", folder.display()))
}

/// Lets the given group hand its controllers on, when no process is in it any more.
fn hand_on(place: &Place) -> Result<(), SetupError> {
    let controlled = place.folder.join("cgroup.subtree_control");
    let wanted = CONTROLLERS.map(|name| format!("+{name}")).join(" ");
    let mut attempt = 0;
    loop {
        if let Some(agent) = &place.agent {
            make(agent)?;
            move_all(&place.folder, agent, place.whole)?;
        }
        attempt += 1;
        match fs::write(&controlled, &wanted) {
            // Somebody is in it, or was a moment ago.
            Err(error) if busy(&error) && attempt < ATTEMPTS => {
                std::thread::park_timeout(AWHILE);
            }
            Err(error) if busy(&error) => {
                let others = "processes are in it that are not kiln's to move";
                let error = io::Error::new(error.kind(), others);
                return Err(error).attempt(|| format!("divide {}", place.folder.display()));
            }
            other => return other.attempt(|| format!("write {}", controlled.display())),
        }
    }
}

fn busy(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EBUSY)
}

fn make(folder: &Path) -> Result<(), SetupError> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.attempt(|| format!("make the cgroup {}", folder.display())),
    }
}

/// Moves the processes of one group to another: all, or this one and its own.
fn move_all(from: &Path, to: &Path, whole: bool) -> Result<(), SetupError> {
    let found = procs(from).attempt(|| format!("list {}", from.display()))?;
    let own = match whole || found.is_empty() {
        true => Vec::new(),
        false => below(getpid(), None),
    };
    let is_own = |pid: &Pid| whole || *pid == getpid() || own.contains(pid);
    for pid in found.into_iter().filter(is_own) {
        move_one(pid, to)?;
    }
    Ok(())
}

fn move_one(pid: Pid, to: &Path) -> Result<(), SetupError> {
    match fs::write(to.join("cgroup.procs"), pid.to_string()) {
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()), // gone
        other => other.attempt(|| format!("move process {pid} to {}", to.display())),
    }
}

/// Lets a user move what is its own between the groups in this one; not more: limits stay
/// whose they are.
pub(super) fn hand_over(folder: &Path, user: u32) -> Result<(), SetupError> {
    let procs = folder.join("cgroup.procs");
    std::os::unix::fs::chown(&procs, Some(user), None)
        .attempt(|| format!("give {} to uid {user}", procs.display()))
}

/// Lets the groups in this one have limits.
fn control_below(folder: &Path) -> Result<(), SetupError> {
    let controlled = folder.join("cgroup.subtree_control");
    let wanted = CONTROLLERS.map(|name| format!("+{name}")).join(" ");
    fs::write(&controlled, wanted).attempt(|| format!("write {}", controlled.display()))
}

/// A folder for this process's steps, locked before anybody can find it unlocked.
fn own_folder(place: &Place) -> Result<(PathBuf, Flock<File>), SetupError> {
    let free = |number: u32| Some(place.folder.join(format!("{STEPS}{number}")));
    let folder = (0..).find_map(|number| free(number).filter(|path| !path.exists()));
    let folder = folder.ok_or_else(|| io::Error::from(io::ErrorKind::StorageFull));
    let folder = folder.attempt(|| "name a cgroup of steps".into())?;
    make(&folder)?;
    let owned = lock(&folder, FlockArg::LockExclusiveNonblock)?;
    control_below(&folder)?;
    Ok((folder, owned))
}

/// Makes the given group what it was, where nobody has steps in it: it hands
/// nothing on, so that processes may be in it again, and they return.
fn give_back_unused(place: &Place) {
    if !all_steps(&place.folder).is_empty() {
        return;
    }
    if let Err(error) = hand_nothing_on(place).and_then(|()| bring_back(place)) {
        tracing::debug!(%error, "a cgroup of kiln's is left");
    }
}

/// But for the root of all groups: what that hands on may be others' concern.
fn hand_nothing_on(place: &Place) -> Result<(), SetupError> {
    if is_root(&place.folder) {
        return Ok(());
    }
    let nothing = CONTROLLERS.map(|name| format!("-{name}")).join(" ");
    fs::write(place.folder.join("cgroup.subtree_control"), nothing)
        .attempt(|| format!("give {} back", place.folder.display()))
}

fn bring_back(place: &Place) -> Result<(), SetupError> {
    let Some(agent) = &place.agent else {
        return Ok(());
    };
    move_all(agent, &place.folder, true)?;
    fs::remove_dir(agent).attempt(|| format!("remove {}", agent.display()))
}
