//! Notices at once when a repository on this host moves: its HEAD, its refs,
//! loose or packed; for `kiln dev --worktree` its files too. Polling goes on
//! beside it, so a notification that does not come costs time, never truth.

use super::location::LocalRepository;
use notify::event::{EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Watches one repository until it is dropped. The watches themselves are made
/// and renewed by [`RepositoryWatch::arm`].
pub struct RepositoryWatch {
    path: PathBuf,
    files: bool,
    watcher: Mutex<RecommendedWatcher>,
    /// Something was created, replaced or removed: watches may be gone.
    stale: Arc<AtomicBool>,
}

impl RepositoryWatch {
    /// Prepares to watch the repository at `path` (its files too when `files`).
    /// `on_change` is called from a thread of the watcher and must not block.
    ///
    /// # Errors
    /// When the host gives no more file watches.
    pub fn new(
        path: &Path,
        files: bool,
        on_change: impl Fn() + Send + 'static,
    ) -> notify::Result<Self> {
        let stale = Arc::new(AtomicBool::new(true));
        let (root, flag) = (path.to_owned(), stale.clone());
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // An error is an overflow of the queue: anything may have changed.
            if event.map_or(true, |event| {
                event.need_rescan() || is_change(&root, files, &event)
            }) {
                flag.store(true, Ordering::SeqCst);
                on_change();
            }
        })?;
        Ok(RepositoryWatch {
            path: path.to_owned(),
            files,
            watcher: Mutex::new(watcher),
            stale,
        })
    }

    /// Makes the watches, or renews them after a change, since folders of refs
    /// come and go. Call before looking at the repository, so that nothing is
    /// missed in between. Blocking.
    pub fn arm(&self) {
        if !self.stale.swap(false, Ordering::SeqCst) {
            return;
        }
        for (folder, mode) in self.folders() {
            let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = watcher.watch(&folder, mode)
                && folder.exists()
            {
                tracing::warn!(folder = %folder.display(), %error, "cannot watch for changes; polling goes on");
            }
        }
    }

    fn folders(&self) -> Vec<(PathBuf, RecursiveMode)> {
        use RecursiveMode::{NonRecursive, Recursive};
        let mut folders = Vec::new();
        // Notices the repository itself being made or replaced.
        if let Some(parent) = self.path.ancestors().skip(1).find(|parent| parent.is_dir()) {
            folders.push((parent.to_owned(), NonRecursive));
        }
        if let Some(found) = LocalRepository::find(&self.path) {
            folders.push((found.common_dir.join("refs"), Recursive));
            folders.push((found.git_dir.clone(), NonRecursive));
            if found.common_dir != found.git_dir {
                folders.push((found.common_dir, NonRecursive));
            }
        }
        if self.files {
            folders.push((self.path.clone(), Recursive));
        } else if self.path.is_dir() {
            folders.push((self.path.clone(), NonRecursive));
        }
        folders
    }
}

/// Whether an event says that a ref, HEAD or a watched file may be another now.
/// Reading is no change: fetching reads, and must not wake itself.
fn is_change(root: &Path, files: bool, event: &Event) -> bool {
    let kind = match event.kind {
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)) => {
            files && is_mode(event)
        }
        _ => true,
    };
    kind && event.paths.iter().any(|path| matters(root, files, path))
}

/// A file that was made executable.
fn is_mode(event: &Event) -> bool {
    matches!(event.kind, EventKind::Modify(ModifyKind::Metadata(_)))
}

fn matters(root: &Path, files: bool, path: &Path) -> bool {
    if path.extension().is_some_and(|end| end == "lock") {
        return false; // renamed onto what it locks, which is the change
    }
    let Ok(inside) = path.strip_prefix(root) else {
        return names_refs(path); // of a linked work tree
    };
    match inside.strip_prefix(".git") {
        Err(_) if files || inside.as_os_str().is_empty() => true,
        Ok(inside) if inside.starts_with("logs") => false,
        Err(_) if inside.starts_with("logs") => false,
        Ok(inside) if inside.as_os_str().is_empty() => true,
        Ok(inside) => names_refs(inside),
        Err(_) => names_refs(inside),
    }
}

fn names_refs(path: &Path) -> bool {
    let name = path
        .file_name()
        .map(std::ffi::OsStr::as_encoded_bytes)
        .unwrap_or_default();
    matches!(name, b"HEAD" | b"packed-refs")
        || path.components().any(|part| part.as_os_str() == "refs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_move_a_ref_matters() {
        let root = Path::new("/srv/x");
        for yes in [
            ".git/HEAD",
            ".git/packed-refs",
            ".git/refs/heads/a/b",
            ".git/refs",
            "HEAD",
            "refs/heads/main",
            "",
            ".git",
        ] {
            assert!(matters(root, false, &root.join(yes)), "{yes}");
        }
        for no in [
            ".git/index",
            ".git/HEAD.lock",
            ".git/refs/heads/main.lock",
            ".git/logs/HEAD",
            ".git/logs/refs/heads/main",
            "file",
            "../other",
        ] {
            assert!(!matters(root, false, &root.join(no)), "{no}");
        }
        assert!(matters(root, true, &root.join("src/file")));
        assert!(!matters(root, true, &root.join(".git/index")));
        assert!(matters(
            root,
            false,
            Path::new("/elsewhere/.git/worktrees/x/HEAD")
        ));
    }
}
