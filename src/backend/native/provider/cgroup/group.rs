//! One group: a step's limits, what it ran into, and its end.

use super::tree::{Tree, hand_over};
use crate::backend::BackendError;
use crate::backend::native::provider::sandbox::spec::{Attempt, SetupError};
use crate::backend::native::provider::{StepLimit, StepLimits, StepOutcome};
use crate::process::GIVE_UP;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill as signal};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// The kernel's word for no limit.
const NONE: &str = "max";

/// A group that steps use one after the other: to make one takes longer.
#[derive(Debug)]
pub(super) struct Group {
    folder: PathBuf,
    user: Option<u32>,
    /// The folder, held open.
    door: File,
    /// As they are set now.
    memory: String,
    processes: String,
}

impl Group {
    /// # Errors
    /// Names what could not be made or written.
    pub fn make(folder: &Path, user: Option<u32>) -> Result<Self, SetupError> {
        fs::create_dir(folder).attempt(|| format!("make the cgroup {}", folder.display()))?;
        let door = File::open(folder).attempt(|| format!("open {}", folder.display()))?;
        let group = Group {
            folder: folder.to_owned(),
            user,
            door,
            memory: NONE.into(),
            processes: NONE.into(),
        };
        user.map_or(Ok(()), |user| hand_over(folder, user))?;
        // All of a step ends when one of its processes must.
        group.write("memory.oom.group", "1")?;
        match fs::write(group.folder.join("memory.swap.max"), "0") {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {} // a kernel without swap
            other => other.attempt(|| format!("keep {} from swap", folder.display()))?,
        }
        Ok(group)
    }

    /// The build user whose steps it is for.
    pub fn user(&self) -> Option<u32> {
        self.user
    }

    /// Nobody is in it, if need be because they were killed.
    pub fn empty(&self) -> bool {
        empty(&self.folder) || kill(&self.folder).is_ok()
    }

    /// # Errors
    /// Names the file that could not be written.
    pub fn limit(&mut self, memory: Option<u64>, processes: u64) -> Result<(), SetupError> {
        let memory = memory.map_or(NONE.to_owned(), |bytes| bytes.to_string());
        let processes = processes.to_string();
        if self.memory != memory {
            self.write("memory.max", &memory)?;
            self.memory = memory;
        }
        if self.processes != processes {
            self.write("pids.max", &processes)?;
            self.processes = processes;
        }
        Ok(())
    }

    fn write(&self, file: &str, value: &str) -> Result<(), SetupError> {
        let path = self.folder.join(file);
        fs::write(&path, value).attempt(|| format!("write {value} to {}", path.display()))
    }

    fn counts(&self) -> Result<Counts, SetupError> {
        let read = |file: &str| {
            let path = self.folder.join(file);
            fs::read_to_string(&path).attempt(|| format!("read {}", path.display()))
        };
        let (memory, processes) = (read("memory.events")?, read("pids.events")?);
        Ok(Counts {
            memory: count(&memory, "oom"),
            killed: count(&memory, "oom_kill"),
            processes: count(&processes, "max"),
        })
    }
}

/// How often something happened since the group was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    /// An allocation found the group at its own limit, and nothing to take back.
    memory: u64,
    /// Processes of the group were killed for want of memory, its own or above it.
    killed: u64,
    /// A process could not be started for the limit.
    processes: u64,
}

fn count(events: &str, name: &str) -> u64 {
    let mut lines = events.lines().filter_map(|line| line.split_once(' '));
    let found = lines.find_map(|(found, count)| (found == name).then_some(count));
    found.and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// A group that is one step's.
#[derive(Debug)]
pub(in super::super) struct StepGroup {
    /// None when it was given back.
    group: Option<Group>,
    before: Counts,
    tree: Arc<Tree>,
}

impl StepGroup {
    pub(super) fn new(group: Group, tree: Arc<Tree>) -> Result<Self, SetupError> {
        Ok(StepGroup {
            before: group.counts()?,
            group: Some(group),
            tree,
        })
    }

    /// What a process is started in.
    pub fn door(&self) -> Option<BorrowedFd<'_>> {
        self.group.as_ref().map(|group| group.door.as_fd())
    }

    /// When the step is over: what it ran into. Kills whoever is still there.
    pub fn over(mut self) -> Reached {
        self.look().unwrap_or_default()
    }

    fn look(&mut self) -> Option<Reached> {
        let group = self.group.take()?;
        let emptied = group.empty();
        let (before, now) = (self.before, group.counts().ok()?);
        if emptied {
            self.tree.release(group);
        }
        Some(Reached {
            memory: now.memory > before.memory && now.killed > before.killed,
            beyond: now.memory == before.memory && now.killed > before.killed,
            processes: now.processes > before.processes,
        })
    }
}

impl Drop for StepGroup {
    fn drop(&mut self) {
        // It was not started, or is being killed; who claims it next makes sure.
        if let Some(group) = self.group.take() {
            self.tree.release(group);
        }
    }
}

/// Which limits a step ran into.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in super::super) struct Reached {
    /// It was killed at its own limit.
    pub memory: bool,
    /// It was killed because a group above it, or the host, had no memory left.
    pub beyond: bool,
    /// A process could not be started.
    pub processes: bool,
}

impl Reached {
    /// How the step ended, with the limit named that ended it, or that a step
    /// which failed by itself had run into.
    pub fn explain(
        self,
        outcome: Result<StepOutcome, BackendError>,
        limits: &StepLimits,
    ) -> Result<StepOutcome, BackendError> {
        let memory = StepLimit::Memory(limits.memory.unwrap_or_default());
        match outcome {
            Ok(StepOutcome::Exited(_) | StepOutcome::Signalled(_)) if self.memory => {
                Ok(StepOutcome::OverLimit(memory))
            }
            // All of it is killed then, its first process too.
            Ok(StepOutcome::Signalled(signal)) if self.beyond => Err(BackendError {
                attempted: "run the step: the host, or the cgroup kiln is in, ran out of memory"
                    .into(),
                source: format!("it was ended by signal {signal}").into(),
            }),
            Ok(StepOutcome::Exited(1..) | StepOutcome::Signalled(_)) if self.processes => Ok(
                StepOutcome::OverLimit(StepLimit::Processes(limits.processes)),
            ),
            other => other,
        }
    }
}

/// The processes of a group; those of another PID namespace are left out.
pub(super) fn procs(folder: &Path) -> io::Result<Vec<Pid>> {
    let text = fs::read_to_string(folder.join("cgroup.procs"))?;
    let pids = text.lines().filter_map(|line| line.parse::<i32>().ok());
    Ok(pids.filter(|pid| *pid > 0).map(Pid::from_raw).collect())
}

/// Whether no process is in the group, or below it.
pub(super) fn empty(folder: &Path) -> bool {
    let events = fs::read_to_string(folder.join("cgroup.events"));
    events.is_ok_and(|events| count(&events, "populated") == 0)
}

/// Kills what is in a group and below it, and waits until it is gone.
///
/// # Errors
/// When it cannot be killed, or is not gone after [`GIVE_UP`].
pub(super) fn kill(folder: &Path) -> io::Result<()> {
    match fs::write(folder.join("cgroup.kill"), "1") {
        // Before Linux 5.14 one by one.
        Err(error) if error.kind() == io::ErrorKind::NotFound => kill_each(folder)?,
        other => other?,
    }
    let mut events = File::open(folder.join("cgroup.events"))?;
    let end = Instant::now() + GIVE_UP;
    loop {
        let mut text = String::new();
        events.rewind()?;
        events.read_to_string(&mut text)?;
        if count(&text, "populated") == 0 {
            return Ok(());
        }
        if !changes(events.as_fd(), end)? {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
}

fn kill_each(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            kill_each(&entry.path())?;
        }
    }
    for pid in procs(folder)? {
        let _ = signal(pid, Signal::SIGKILL); // gone already is what we want
    }
    Ok(())
}

/// Waits until a file of a group says something else than when it was read;
/// `false` when it did not until `end`.
fn changes(file: BorrowedFd<'_>, end: Instant) -> io::Result<bool> {
    let left = end.saturating_duration_since(Instant::now());
    let patience = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
    match poll(&mut [PollFd::new(file, PollFlags::POLLPRI)], patience) {
        Ok(0) => Ok(false),
        Ok(_) | Err(Errno::EINTR) => Ok(Instant::now() < end),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_found_by_its_whole_name() {
        let events = "low 0\nhigh 1\nmax 7\noom 2\noom_kill 3\noom_group_kill 1\n";
        assert_eq!(count(events, "oom"), 2);
        assert_eq!(count(events, "oom_kill"), 3);
        assert_eq!(count(events, "kill"), 0);
        assert_eq!(count("populated many\n", "populated"), 0);
    }

    fn limits() -> StepLimits {
        StepLimits {
            timeout: std::time::Duration::MAX,
            silence: std::time::Duration::MAX,
            memory: Some(100),
            processes: 5,
            output_size: 0,
            scratch: crate::backend::native::provider::ScratchLimit::new(None, 0),
            log_size: 0,
        }
    }

    #[test]
    fn a_limit_is_named_only_where_it_can_have_ended_the_step() {
        let memory = Reached {
            memory: true,
            ..Reached::default()
        };
        let crowd = Reached {
            processes: true,
            ..Reached::default()
        };
        let explained =
            |reached: Reached, outcome| reached.explain(Ok(outcome), &limits()).unwrap();
        let over = |limit| StepOutcome::OverLimit(limit);
        assert_eq!(
            explained(memory, StepOutcome::Signalled(9)),
            over(StepLimit::Memory(100))
        );
        assert_eq!(
            explained(crowd, StepOutcome::Exited(2)),
            over(StepLimit::Processes(5))
        );
        for ended in [
            StepOutcome::Exited(0),
            StepOutcome::Cancelled,
            StepOutcome::TimedOut(limits().timeout),
            over(StepLimit::Scratch(1)),
        ] {
            assert_eq!(explained(crowd, ended.clone()), ended);
        }
    }

    #[test]
    fn a_step_that_was_killed_for_want_of_memory_elsewhere_is_not_blamed() {
        let beyond = Reached {
            beyond: true,
            ..Reached::default()
        };
        let killed = beyond.explain(Ok(StepOutcome::Signalled(9)), &limits());
        let error = killed.unwrap_err().to_string();
        assert!(error.contains("ran out of memory"), "{error}");
        // By itself, with a process of its killed: what it says counts.
        let failed = StepOutcome::Exited(2);
        assert_eq!(
            beyond.explain(Ok(failed.clone()), &limits()).unwrap(),
            failed
        );
    }
}
