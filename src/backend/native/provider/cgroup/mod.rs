//! Limits of a step that the kernel keeps: a cgroup (version 2) for each step
//! that runs, where kiln was given a part of the tree.
//!
//! In: the limits of a step. Out: a group to start its first process in, and afterwards
//! which limit it ran into. It knows neither sandbox nor store.
//!
//! ```text
//! <given>/                     memory and pids handed on while there are groups of steps
//!   kiln-agent/                kiln and everything else that it started, hooks too
//!   kiln-steps-<n>/            one for each process of kiln's; it holds a lock on it
//!     <m>/                     a step's: memory.max, pids.max; used again by the next
//!     <uid>/                   root's alone, for each build user; it may move its own
//!       rooms/                 the rooms of this user's steps
//!       <m>/                   as above
//! ```
//! A room, which starts the step, has the rights of the step's user: so what lies
//! between the two must be that user's. Limits stay root's.
//!
//! Nothing is made before the first step, and everything is given back with the
//! last sandbox: the groups are removed, processes return to where they were, and
//! the given group hands no controllers on. That matters: while it does, systemd
//! cannot start kiln anew in it beside a hook that goes on. Where kiln is killed, a
//! guard does so instead, and the next start removes what both left.
//!
//! A process is started in its group (`CLONE_INTO_CGROUP`): to move one there
//! takes a lock over all processes of the host, and waits for every processor.

mod find;
mod group;
mod guard;
mod tree;

pub(super) use find::place_of;
pub use find::{Place, Unusable, place};
pub(super) use group::{Reached, StepGroup};
pub use guard::internal_main;

use super::StepLimits;
use crate::process::{Stack, clone_into};
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use tree::Tree;

/// The groups of a sandbox's steps; several sandboxes share one tree.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups {
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Clone, Default)]
enum Known {
    #[default]
    NotYet,
    /// Limits are kept without groups.
    None,
    Taken(Arc<Tree>),
}

/// What this process was given, as long as anybody uses it.
static SHARED: Mutex<Weak<Tree>> = Mutex::new(Weak::new());

impl Groups {
    /// A group for a step, of a build user of root's or of the caller; none where kiln was given none, which is said once. May block,
    /// but not where it is known that there is none.
    pub fn claim(&self, limits: &StepLimits, user: Option<u32>) -> Option<StepGroup> {
        let known = self.known().clone();
        let tree = match known {
            Known::None => None,
            Known::Taken(tree) => Some(tree),
            Known::NotYet => shared(),
        };
        let claimed = tree.and_then(|tree| {
            let claimed = Tree::claim(&tree, user, limits.memory, limits.processes);
            let group = claimed.map_err(|error| say(&error)).ok()?;
            Some((tree, group))
        });
        let (known, group) = match claimed {
            Some((tree, group)) => (Known::Taken(tree), Some(group)),
            None => (Known::None, None),
        };
        *self.known() = known;
        group
    }

    /// A room that is to start steps of this build user in groups must be where it may.
    pub fn settle(&self, room: nix::unistd::Pid, user: Option<u32>) {
        if let (Known::Taken(tree), Some(user)) = (self.known().clone(), user)
            && let Err(error) = tree.settle(room, user)
        {
            say(&error); // the room says that it cannot
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tree of this process, taken now where nobody uses it yet.
fn shared() -> Option<Arc<Tree>> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(tree) = shared.upgrade() {
        return Some(tree);
    }
    let place = place().ok()?; // why not is said at the agent's start
    let tree = Tree::take(place).map_err(|error| say(&error)).ok()?;
    let tree = Arc::new(tree);
    *shared = Arc::downgrade(&tree);
    Some(tree)
}

/// Once for this process.
fn say(error: &dyn std::error::Error) {
    static SAID: Once = Once::new();
    SAID.call_once(|| tracing::warn!(%error, "cgroups keep no limits of steps: a watch does"));
}

/// Shows the process's group, and what is in its group later, as the root of all groups:
/// which place a step has is nothing for it to see.
pub(super) fn hide() -> nix::Result<()> {
    match nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWCGROUP) {
        Err(nix::errno::Errno::EINVAL) => Ok(()), // a kernel without groups has nothing to show
        other => other,
    }
}

/// Whether the kernel, and what filters its calls, lets a process be started in a group.
fn clone_knows_groups() -> bool {
    // A descriptor that cannot be open: nothing is started. Who does not know the
    // flag does not come to look at it.
    refusal() == Some(nix::errno::Errno::EBADF)
}

fn refusal() -> Option<nix::errno::Errno> {
    /// None of no bytes, which is refused first.
    const STACK: usize = 1 << 12;
    let mut stack = Stack::new(STACK).ok()?;
    // SAFETY: as nothing is started, nobody shares this process's memory.
    unsafe { clone_into(RawFd::MAX, &mut stack, || 0) }.err()
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    #[test]
    fn a_kernel_that_starts_processes_in_groups_is_known() {
        match super::refusal() {
            Some(Errno::EBADF) => assert!(super::clone_knows_groups()),
            // What a filter of system calls, or a kernel before 5.7, says.
            Some(Errno::ENOSYS | Errno::EPERM | Errno::E2BIG) => {}
            other => panic!("{other:?}"),
        }
    }
}
