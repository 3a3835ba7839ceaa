//! Every process below one, also those that left its session: whoever asks is
//! the subreaper of all of them, so what loses its parent becomes its child.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::HashMap;

/// Processes below `root`, but for `spared` and what is below that.
pub(crate) fn below(root: Pid, spared: Option<Pid>) -> Vec<Pid> {
    let mut children: HashMap<Pid, Vec<Pid>> = HashMap::new();
    for (pid, parent) in all() {
        children.entry(parent).or_default().push(pid);
    }
    let mut found = Vec::new();
    let mut left = vec![root];
    while let Some(parent) = left.pop() {
        let living = children.remove(&parent).unwrap_or_default();
        let counted = living.into_iter().filter(|pid| Some(*pid) != spared);
        let from = found.len();
        found.extend(counted);
        left.extend_from_slice(&found[from..]);
    }
    found
}

/// Every process that runs, with its parent.
fn all() -> Vec<(Pid, Pid)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let with_parent = |pid: i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some((Pid::from_raw(pid), parent(&stat)?))
    };
    pids.filter_map(with_parent).collect()
}

/// The parent in a line of `/proc/<pid>/stat`; `None` for one that has ended
/// and is not reaped yet, and so cannot have children.
fn parent(stat: &str) -> Option<Pid> {
    // The name in parentheses may hold anything, parentheses too.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let is_dead = matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    (!is_dead).then(|| Pid::from_raw(parent))
}

/// What a process calls itself, for people.
pub(crate) fn name(pid: Pid) -> String {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    format!("{} ({pid})", name.trim())
}

/// Sends `signal`; one that is gone already is what we want.
pub(crate) fn signal(pids: &[Pid], signal: Signal) {
    for pid in pids {
        let _ = kill(*pid, signal); // the caller looks again whether it is gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_read_whatever_a_process_calls_itself() {
        let pid = |stat| parent(stat).map(Pid::as_raw);
        assert_eq!(pid("12 (sh) S 7 12 12 0"), Some(7));
        assert_eq!(pid("12 (a) b) R 9 1) S 8 12"), Some(8));
        assert_eq!(pid("12 (sh) Z 7 12"), None);
        assert_eq!(pid("nonsense"), None);
    }

    #[test]
    fn a_spared_process_and_what_it_started_are_left_out() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", "read line; :"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let pid = Pid::from_raw(child.id().cast_signed());
        let me = nix::unistd::getpid();
        assert!(below(me, None).contains(&pid));
        assert!(!below(me, Some(pid)).contains(&pid));
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(!below(me, None).contains(&pid));
    }
}
