//! Which limit of a step is kept by what on this host: what `kiln doctor` and the
//! agent's log say.

use std::fs;
use std::path::{Path, PathBuf};

/// What of cgroup v2 this process was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delegation {
    /// No such tree, or none of it is this process' own.
    None,
    /// A folder it may make groups in, with these controllers.
    Given(Vec<String>),
}

/// How the limits of steps are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub delegation: Delegation,
}

/// Looks at this host.
pub fn kept() -> Kept {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let folder = own_group(&text("/proc/self/cgroup"), &text("/proc/self/mounts"));
    Kept {
        delegation: folder.map_or(Delegation::None, |folder| delegation(&folder)),
    }
}

impl Kept {
    /// Each limit with what keeps it.
    pub fn by_what(&self) -> &'static str {
        "memory, outputs and scratch on disk by a watch every 100 ms; scratch in memory by its tmpfs; \
         processes by rlimit; time, silence and log by the agent"
    }

    /// What is less than it could be.
    pub fn shortfall(&self) -> String {
        const BETWEEN: &str = "between two looks a step may take more memory than it may";
        match &self.delegation {
            Delegation::None => format!("no cgroup v2 is delegated: {BETWEEN}"),
            Delegation::Given(controllers) => format!(
                "cgroup v2 is delegated ({}), and this version does not use it: {BETWEEN}",
                controllers.join(" ")
            ),
        }
    }
}

/// The folder of this process' group in the v2 tree, where one is mounted.
fn own_group(groups: &str, mounts: &str) -> Option<PathBuf> {
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let mount = mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (place, kind) = (fields.next()?, fields.next()?);
        (kind == "cgroup2").then_some(place)
    })?;
    Some(Path::new(mount).join(path))
}

fn delegation(folder: &Path) -> Delegation {
    let writable = nix::unistd::access(folder, nix::unistd::AccessFlags::W_OK);
    let controllers = fs::read_to_string(folder.join("cgroup.controllers")).unwrap_or_default();
    let controllers: Vec<String> = controllers.split_whitespace().map(str::to_owned).collect();
    let needed = ["memory", "pids"];
    let has = |name: &&str| controllers.iter().any(|found| found == name);
    match writable.is_ok() && needed.iter().all(has) {
        true => Delegation::Given(controllers),
        false => Delegation::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_group_is_found_in_a_whole_and_in_a_hybrid_tree() {
        let whole = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n";
        let hybrid = "cgroup /sys/fs/cgroup/memory cgroup rw 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        let own = "4:memory:/x\n0::/system.slice/kiln.service\n";
        let at = |mounts| own_group(own, mounts).map(|path| path.display().to_string());
        let place = "system.slice/kiln.service";
        assert_eq!(at(whole), Some(format!("/sys/fs/cgroup/{place}")));
        assert_eq!(at(hybrid), Some(format!("/sys/fs/cgroup/unified/{place}")));
        assert_eq!(at("tmpfs / tmpfs rw 0 0\n"), None);
        assert_eq!(own_group("4:memory:/x\n", whole), None);
    }

    #[test]
    fn a_group_is_given_when_it_has_what_limits_need() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cgroup.controllers");
        fs::write(&file, "cpu pids\n").unwrap();
        assert_eq!(delegation(folder.path()), Delegation::None);
        fs::write(&file, "memory pids\n").unwrap();
        let given = Kept {
            delegation: delegation(folder.path()),
        };
        assert!(given.shortfall().contains("(memory pids)"));
    }
}
