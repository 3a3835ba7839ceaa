//! What PID 1 looks at while the step runs, where the kernel has no limit for
//! it: the memory of all its processes together, and what it puts on the disk.

use super::spec::{Limit, Limits, Object, STORE, Spec};
use super::view::View;
use nix::sys::statvfs::statvfs;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Between two looks; longer where a look takes long, so that watching a large
/// tree costs a twentieth of a core at most.
const INTERVAL: Duration = Duration::from_millis(100);
const SHARE: u32 = 20;
/// What an entry costs beside its content, so that a million empty files count.
const ENTRY: u64 = 512;
/// Bytes left below which a tmpfs is called full.
const FULL: u64 = 64 << 10;

/// The step's use, measured from inside its namespaces.
pub(super) struct Watch<'a> {
    limits: Limits,
    inputs: &'a BTreeMap<String, Object>,
    view: Option<&'a View>,
    page: u64,
    /// Free bytes of the outputs' file system when the step began.
    free: u64,
    next: Instant,
}

impl<'a> Watch<'a> {
    pub fn new(spec: &'a Spec, view: Option<&'a View>) -> Self {
        // SAFETY: takes a number and returns one.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        Watch {
            limits: spec.limits,
            inputs: &spec.inputs,
            view: view.filter(|_| spec.view.is_some()),
            page: u64::try_from(page).unwrap_or(4096),
            free: disk().map_or(0, |(free, _)| free),
            next: Instant::now() + INTERVAL,
        }
    }

    /// The limit a step that failed by itself ran into: its scratch space is full.
    pub fn full(&self) -> Option<Limit> {
        let found = statvfs("/build").ok()?;
        let free = found.blocks_available() * found.fragment_size();
        (!self.limits.scratch_on_disk && free < FULL).then_some(Limit::Scratch)
    }

    /// How long until the next look.
    pub fn due_in(&self) -> Duration {
        self.next.saturating_duration_since(Instant::now())
    }

    /// Looks, when it is time; the limit that is exceeded.
    pub fn look(&mut self) -> Option<Limit> {
        let began = Instant::now();
        if began < self.next {
            return None;
        }
        let exceeded = self.exceeded();
        let now = Instant::now();
        self.next = now + INTERVAL.max((now - began) * SHARE);
        exceeded
    }

    fn exceeded(&self) -> Option<Limit> {
        let Limits {
            memory,
            output_size,
            scratch,
            scratch_on_disk,
            ..
        } = self.limits;
        if memory.is_some_and(|limit| self.memory(limit) > limit) {
            return Some(Limit::Memory);
        }
        if self.outputs(output_size) > output_size || self.drains() {
            return Some(Limit::OutputSize);
        }
        let used = || {
            ["/build", "/tmp"]
                .iter()
                .map(|folder| size(Path::new(folder), scratch))
                .sum::<u64>()
        };
        if scratch_on_disk && used() > scratch {
            return Some(Limit::Scratch);
        }
        None
    }

    /// Bytes of memory in use. First by what costs little and counts pages that
    /// a fork shares twice; beyond the limit by what counts them once.
    fn memory(&self, limit: u64) -> u64 {
        let processes = processes();
        let files = in_memory("/dev/shm")
            + if self.limits.scratch_on_disk {
                0
            } else {
                in_memory("/build")
            };
        let total = |of: &dyn Fn(&Path) -> u64| {
            files + processes.iter().map(|process| of(process)).sum::<u64>()
        };
        let rough = total(&|process| self.resident(process));
        match rough > limit {
            true => {
                total(&|process| proportional(process).unwrap_or_else(|| self.resident(process)))
            }
            false => rough,
        }
    }

    /// Resident pages that are not a file's.
    fn resident(&self, process: &Path) -> u64 {
        let text = fs::read_to_string(process.join("statm")).unwrap_or_default();
        let mut pages = text
            .split(' ')
            .skip(1)
            .map(|pages| pages.parse().unwrap_or(0));
        let (resident, shared): (u64, u64) = (pages.next().unwrap_or(0), pages.next().unwrap_or(0));
        resident.saturating_sub(shared) * self.page
    }

    /// Whether the disk is nearly full and lost more than the step may take: a
    /// step can hide what it writes from the count, too deep or closed to it.
    fn drains(&self) -> bool {
        let scratch = if self.limits.scratch_on_disk {
            self.limits.scratch
        } else {
            0
        };
        let allowed = self.limits.output_size.saturating_add(scratch);
        disk().is_some_and(|(free, size)| {
            free < size / 20 && self.free.saturating_sub(free) > allowed
        })
    }

    fn is_input(&self, name: &str) -> bool {
        let shown = |view: &View| view.inputs.contains(name);
        self.inputs.contains_key(name) || self.view.is_some_and(shown)
    }

    /// Everything in the store's folder but the inputs.
    fn outputs(&self, enough: u64) -> u64 {
        let Ok(entries) = fs::read_dir(STORE) else {
            return 0;
        };
        let made = entries.flatten().filter(|entry| {
            entry
                .file_name()
                .to_str()
                .is_none_or(|name| !self.is_input(name))
        });
        let mut total = 0;
        for entry in made {
            total += size(&entry.path(), enough.saturating_sub(total));
        }
        total
    }
}

/// Free bytes and size of the file system outputs lie on.
fn disk() -> Option<(u64, u64)> {
    let found = statvfs(STORE).ok()?;
    let unit = found.fragment_size();
    Some((found.blocks_free() * unit, found.blocks() * unit))
}

/// Those of the step: PID 1 is kiln's.
fn processes() -> Vec<PathBuf> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_process = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    entries
        .filter(|entry| {
            let name = entry.file_name();
            name.to_str()
                .is_some_and(|name| name != "1" && is_process(name))
        })
        .map(|entry| entry.path())
        .collect()
}

/// Anonymous memory, a page shared by several processes in parts.
fn proportional(process: &Path) -> Option<u64> {
    let text = fs::read_to_string(process.join("smaps_rollup")).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Pss_Anon:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Bytes a tmpfs holds.
fn in_memory(mounted: &str) -> u64 {
    statvfs(mounted).map_or(0, |found| {
        let used = found.blocks().saturating_sub(found.blocks_free());
        used * found.fragment_size()
    })
}

/// Bytes on the disk at and below a path, or more than `enough`. The step
/// changes the tree meanwhile: what is gone or cannot be read counts nothing.
fn size(path: &Path, enough: u64) -> u64 {
    let mut total: u64 = 0;
    let mut folders = vec![path.to_owned()];
    let mut linked = BTreeSet::new();
    if let Ok(found) = fs::symlink_metadata(path) {
        total += found.blocks() * 512;
    }
    while let Some(folder) = folders.pop() {
        if !fs::symlink_metadata(&folder).is_ok_and(|found| found.is_dir()) {
            continue;
        }
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(found) = entry.metadata() else {
                continue;
            };
            if found.is_dir() {
                folders.push(entry.path());
            }
            if found.is_dir() || found.nlink() == 1 || linked.insert(found.ino()) {
                total += found.blocks() * 512 + ENTRY;
            }
            if total > enough {
                return total;
            }
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_counted_with_its_entries_and_links_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, vec![1; 100_000]).unwrap();
        fs::File::open(&file).unwrap().sync_all().unwrap(); // blocks are counted once written
        let alone = size(folder.path(), u64::MAX);
        assert!(alone >= 100_000, "{alone}");
        fs::hard_link(&file, folder.path().join("b")).unwrap();
        assert!(size(folder.path(), u64::MAX) < alone + 50_000);
        fs::create_dir(folder.path().join("deep")).unwrap();
        fs::copy(&file, folder.path().join("deep/c")).unwrap();
        fs::File::open(folder.path().join("deep/c"))
            .unwrap()
            .sync_all()
            .unwrap();
        assert!(size(folder.path(), u64::MAX) >= alone + 100_000);
        assert!(size(folder.path(), 10) > 10);
    }
}
