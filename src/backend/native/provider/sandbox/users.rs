//! The build users: uids that nobody else uses, each for one step at a time.
//!
//! A uid is looked at when it is first claimed: one that runs something already
//! is passed over, since a step could be signalled or traced by what has its
//! uid. What a step itself leaves running ends with its PID namespace.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Below it are a system's own accounts.
const FIRST: u32 = 1000;
/// Nix's build users: it kills every process of theirs.
const NIX: std::ops::RangeInclusive<u32> = 30_001..=30_032;
const NOBODY: u32 = 65_534;

/// Why a step cannot have a build user.
#[derive(Debug, thiserror::Error)]
pub(super) enum UserError {
    #[error("kiln runs as root and native.build_users is not set: set it")]
    None,
    #[error(
        "uid {id} of native.build_users is {whose}: choose another range, which nobody else uses"
    )]
    Taken { id: u32, whose: String },
    #[error("native.build_users is empty or beyond the last uid: set first and count")]
    Empty,
    #[error(
        "all {count} uids of native.build_users are in use: raise its count or lower native.jobs"
    )]
    AllInUse { count: u32 },
}

/// A range of uids; each is its own group.
#[derive(Debug)]
pub(super) struct Users {
    range: Option<(u32, u32)>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    in_use: BTreeSet<u32>,
    /// Found without processes once.
    seen_idle: BTreeSet<u32>,
}

/// A uid that is this step's until it is dropped.
#[derive(Debug)]
pub(super) struct Claimed<'a> {
    users: &'a Users,
    id: u32,
}

impl Claimed<'_> {
    pub fn id(&self) -> u32 {
        self.id
    }
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        self.users.state().in_use.remove(&self.id);
    }
}

impl Users {
    pub fn new(range: Option<(u32, u32)>) -> Self {
        Users {
            range,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn range(&self) -> Result<std::ops::Range<u32>, UserError> {
        let (first, count) = self.range.ok_or(UserError::None)?;
        match first.checked_add(count) {
            Some(end) if count > 0 && end < u32::MAX => Ok(first..end),
            _ => Err(UserError::Empty),
        }
    }

    /// # Errors
    /// When one of the uids is somebody's.
    pub fn check(&self) -> Result<(), UserError> {
        let range = self.range()?;
        let taken = |id, whose: String| Err(UserError::Taken { id, whose });
        for id in range.clone() {
            match id {
                0..FIRST => return taken(id, "a system account's".into()),
                id if NIX.contains(&id) => return taken(id, "Nix's".into()),
                NOBODY => return taken(id, "nobody's".into()),
                _ => {}
            }
        }
        // Read once: asking for each uid would ask a directory server each time.
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        for line in accounts.lines() {
            let mut fields = line.split(':');
            let (name, id) = (fields.next(), fields.nth(1));
            if let (Some(name), Some(Ok(id))) = (name, id.map(str::parse::<u32>))
                && range.contains(&id)
            {
                return taken(id, format!("the uid of {name} in /etc/passwd"));
            }
        }
        Ok(())
    }

    /// A uid for one step, the `preferred`th if it can be had.
    ///
    /// # Errors
    /// When none is free.
    pub fn claim(&self, preferred: u32) -> Result<Claimed<'_>, UserError> {
        let range = self.range()?;
        let count = range.end - range.start;
        let from = preferred % count;
        let mut running = None;
        let mut state = self.state();
        for offset in (from..count).chain(0..from) {
            let id = range.start + offset;
            if state.in_use.contains(&id) {
                continue;
            }
            if !state.seen_idle.contains(&id) {
                if running.get_or_insert_with(running_users).contains(&id) {
                    continue;
                }
                state.seen_idle.insert(id);
            }
            state.in_use.insert(id);
            return Ok(Claimed { users: self, id });
        }
        Err(UserError::AllInUse { count })
    }
}

/// The uids that run something now.
fn running_users() -> BTreeSet<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = processes.filter(|entry| {
        let name = entry.file_name();
        name.to_str()
            .is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
    });
    processes
        .filter_map(|entry| entry.metadata().ok())
        .map(|found| found.uid())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_one_steps_at_a_time_and_free_again_afterwards() {
        let users = Users::new(Some((3_000_000_000, 2)));
        let first = users.claim(0).unwrap();
        let second = users.claim(0).unwrap();
        assert_eq!((first.id(), second.id()), (3_000_000_000, 3_000_000_001));
        let none = users.claim(1).unwrap_err().to_string();
        assert!(none.contains("raise its count"), "{none}");
        drop(first);
        assert_eq!(users.claim(1).unwrap().id(), 3_000_000_000);
    }

    #[test]
    fn a_uid_that_runs_something_is_passed_over() {
        let own = nix::unistd::geteuid().as_raw();
        let users = Users::new(Some((own, 2)));
        assert_eq!(users.claim(0).unwrap().id(), own + 1);
    }

    #[test]
    fn uids_of_others_are_refused_by_name() {
        let refused = |first, count| {
            let checked = Users::new(Some((first, count))).check();
            checked.unwrap_err().to_string()
        };
        assert!(refused(0, 1).contains("system account"));
        assert!(refused(30_000, 2).contains("Nix's"));
        assert!(refused(65_500, 40).contains("nobody's") || refused(65_500, 40).contains("passwd"));
        assert!(refused(u32::MAX, 2).contains("set first and count"));
        assert!(
            Users::new(None)
                .check()
                .unwrap_err()
                .to_string()
                .contains("not set")
        );
        Users::new(Some((3_000_000_000, 32))).check().unwrap();
    }
}
