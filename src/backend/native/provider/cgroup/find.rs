//! Which cgroup this process may make groups in, if any: asked of the kernel's
//! files alone, nothing is changed.

use super::clone_knows_groups;
use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What limits of steps need.
pub(super) const CONTROLLERS: [&str; 2] = ["memory", "pids"];
/// Where kiln's own processes are while there are groups of steps: a group that
/// hands controllers on may hold no process itself.
pub(super) const AGENT: &str = "kiln-agent";

/// A cgroup that is this process's to divide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub folder: PathBuf,
    /// Below it, where the processes of the folder go; none where they need
    /// not go anywhere: at the root of all groups, and where the service manager
    /// put kiln into a group below the one it gave.
    pub(in super::super) agent: Option<PathBuf>,
    /// All processes of the folder are kiln's. Else only kiln's own are moved.
    pub(in super::super) whole: bool,
}

/// Why limits are not kept by cgroups.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("no cgroup v2 tree is mounted that kiln is in")]
    NoTree,
    #[error("the cgroup {} has no controller for {missing}", folder.display())]
    Controllers { folder: PathBuf, missing: String },
    #[error(
        "the cgroup {} is not delegated to kiln (a systemd unit needs Delegate=memory pids)",
        folder.display()
    )]
    NotDelegated { folder: PathBuf },
    #[error("this kernel starts no process in a cgroup (Linux 5.7 does)")]
    Kernel,
}

/// Looks for the place of this very process.
///
/// # Errors
/// Why there is none.
pub fn place() -> Result<Place, Unusable> {
    place_of("self")
}

/// The place of a process: its number, or `self`.
pub(in super::super) fn place_of(process: &str) -> Result<Place, Unusable> {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let group = text(&format!("/proc/{process}/cgroup"));
    let own = own_group(&group, &text("/proc/self/mountinfo")).ok_or(Unusable::NoTree)?;
    let place = divided(own);
    let controllers = text(&format!("{}/cgroup.controllers", place.folder.display()));
    let found: Vec<&str> = controllers.split_whitespace().collect();
    let missing: Vec<&str> = CONTROLLERS
        .into_iter()
        .filter(|name| !found.contains(name))
        .collect();
    let folder = place.folder.clone();
    if !missing.is_empty() {
        let missing = missing.join(" and ");
        return Err(Unusable::Controllers { folder, missing });
    }
    if !Facts::of(&place.folder).is_given() {
        return Err(Unusable::NotDelegated { folder });
    }
    clone_knows_groups()
        .then_some(place)
        .ok_or(Unusable::Kernel)
}

/// The group to divide, where the process is in `own`.
fn divided(own: PathBuf) -> Place {
    let above = |own: &Path| own.parent().map_or_else(|| own.to_owned(), Path::to_owned);
    let (folder, agent) = if own.file_name().is_some_and(|name| name == AGENT) {
        (above(&own), Some(own))
    } else if !marked(&own) && marked(&above(&own)) {
        (above(&own), None)
    } else if is_root(&own) {
        (own, None)
    } else {
        let agent = own.join(AGENT);
        (own, Some(agent))
    };
    let facts = Facts::of(&folder);
    Place {
        whole: facts.marked || !facts.root,
        folder,
        agent,
    }
}

/// Whether it is the root of all groups of this kernel, which may hold processes
/// beside groups that have controllers.
pub(super) fn is_root(folder: &Path) -> bool {
    !folder.join("cgroup.type").exists()
}

/// The folder of a process's group in the v2 tree, where one is mounted. `mounts`
/// is of the form of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
fn own_group(groups: &str, mounts: &str) -> Option<PathBuf> {
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().find_map(|line| {
        let (mount, source) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, place) = (unescaped(fields.next()?), unescaped(fields.next()?));
        if source.split(' ').next() != Some("cgroup2") {
            return None;
        }
        // Above the mount's root, or above the namespace's: not to be seen.
        let below = Path::new(path).strip_prefix(root).ok()?;
        let seen = !below.starts_with("..");
        seen.then(|| Path::new(&place).join(below).components().collect())
    })
}

/// The four characters that the kernel writes as octal numbers in this table.
fn unescaped(text: &str) -> String {
    let replaced = text.replace("\\040", " ").replace("\\011", "\t");
    replaced.replace("\\012", "\n").replace("\\134", "\\")
}

/// What tells whether a group is this process's own.
#[derive(Debug, Clone, Copy)]
struct Facts {
    writable: bool,
    /// By systemd: the unit has `Delegate=`.
    marked: bool,
    root: bool,
    /// systemd runs this host: what it did not delegate is its own.
    systemd: bool,
    /// The folder is this user's and the one above is another's, who gave it.
    handed_over: bool,
}

impl Facts {
    fn of(folder: &Path) -> Self {
        let user = nix::unistd::geteuid();
        let is_own = |path: &Path| fs::metadata(path).is_ok_and(|at| at.uid() == user.as_raw());
        let writable = ["", "cgroup.procs", "cgroup.subtree_control"]
            .iter()
            .all(|name| {
                nix::unistd::access(&folder.join(name), nix::unistd::AccessFlags::W_OK).is_ok()
            });
        Facts {
            writable,
            marked: marked(folder),
            root: user.is_root(),
            systemd: Path::new("/run/systemd/system").exists(),
            handed_over: is_own(folder) && folder.parent().is_some_and(|above| !is_own(above)),
        }
    }

    fn is_given(self) -> bool {
        let own = match self.root {
            true => !self.systemd,
            false => self.handed_over,
        };
        self.writable && (self.marked || own)
    }
}

/// systemd marks what it delegates: by the one since version 236, for everybody
/// to read by the other since 251.
fn marked(folder: &Path) -> bool {
    let Ok(path) = CString::new(folder.as_os_str().as_bytes()) else {
        return false;
    };
    [c"user.delegate", c"trusted.delegate"].iter().any(|name| {
        let mut value = [0_u8; 4];
        // SAFETY: both strings end with a zero byte, and the kernel writes no
        // more than the array has.
        let length = unsafe {
            libc::getxattr(
                path.as_ptr(),
                name.as_ptr(),
                value.as_mut_ptr().cast(),
                value.len(),
            )
        };
        length == 1 && value[0] == b'1'
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "4:memory:/x\n0::/system.slice/kiln.service\n";

    fn mounted(root: &str, place: &str) -> String {
        format!(
            "30 24 0:26 / /proc rw - proc proc rw\n29 1 0:25 {root} {place} rw,relatime shared:4 - cgroup2 cgroup2 rw\n"
        )
    }

    fn at(groups: &str, mounts: &str) -> Option<String> {
        own_group(groups, mounts).map(|path| path.display().to_string())
    }

    #[test]
    fn the_own_group_is_found_in_a_whole_a_hybrid_and_a_partly_mounted_tree() {
        let unit = "system.slice/kiln.service";
        let whole = at(OWN, &mounted("/", "/sys/fs/cgroup"));
        assert_eq!(whole, Some(format!("/sys/fs/cgroup/{unit}")));
        let hybrid = at(OWN, &mounted("/", "/sys/fs/cgroup/unified"));
        assert_eq!(hybrid, Some(format!("/sys/fs/cgroup/unified/{unit}")));
        let part = at(OWN, &mounted("/system.slice", "/my\\040groups"));
        assert_eq!(part, Some("/my groups/kiln.service".into()));
        let root = at("0::/\n", &mounted("/", "/sys/fs/cgroup"));
        assert_eq!(root, Some("/sys/fs/cgroup".into()));
    }

    #[test]
    fn a_group_that_is_not_to_be_seen_is_none() {
        assert_eq!(at(OWN, "30 24 0:26 / /proc rw - proc proc rw\n"), None);
        assert_eq!(at(OWN, &mounted("/user.slice", "/sys/fs/cgroup")), None);
        assert_eq!(at("0::/../other\n", &mounted("/", "/sys/fs/cgroup")), None);
        assert_eq!(at("4:memory:/x\n", &mounted("/", "/sys/fs/cgroup")), None);
    }

    #[test]
    fn only_what_was_given_is_taken() {
        let none = Facts {
            writable: true,
            marked: false,
            root: true,
            systemd: true,
            handed_over: false,
        };
        assert!(!none.is_given(), "root's session beneath systemd");
        assert!(
            Facts {
                marked: true,
                ..none
            }
            .is_given()
        );
        assert!(
            Facts {
                systemd: false,
                ..none
            }
            .is_given()
        );
        let user = Facts {
            root: false,
            ..none
        };
        assert!(
            !Facts {
                systemd: false,
                ..user
            }
            .is_given(),
            "a user's terminal"
        );
        assert!(
            Facts {
                handed_over: true,
                ..user
            }
            .is_given()
        );
        let unwritable = Facts {
            writable: false,
            marked: true,
            ..none
        };
        assert!(!unwritable.is_given());
    }
}
