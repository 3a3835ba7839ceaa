//! Notices that the configuration was written: the file, `conf.d/*.toml`
//! beside it, or a link that one of them is reached by.

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Editors write in several steps, and people several files.
const QUIET: Duration = Duration::from_millis(200);
/// Writers that never rest do not put a reload off for ever.
const STEPS: u32 = 25;

/// Watches as long as it lives. Where the host gives no watches, a signal is
/// the only way to have the file read again.
pub(super) struct ConfigWatch {
    written: Arc<Notify>,
    watcher: Mutex<Option<RecommendedWatcher>>,
    folders: Vec<PathBuf>,
}

impl ConfigWatch {
    pub fn new(file: &Path) -> Self {
        let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        let folder = file.parent().unwrap_or(Path::new("/")).to_owned();
        let written = Arc::new(Notify::new());
        let (note, confd) = (Arc::clone(&written), folder.join("conf.d"));
        let matters = move |path: &Path| concerns(path, &file, &confd);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // An error is an overflow of the queue: anything may have changed.
            if event.map_or(true, |event| {
                !matches!(event.kind, EventKind::Access(_))
                    && (event.need_rescan() || event.paths.iter().any(|path| matters(path)))
            }) {
                note.notify_one();
            }
        });
        let watcher = watcher.inspect_err(cannot).ok();
        let watch = ConfigWatch {
            written,
            watcher: Mutex::new(watcher),
            folders: vec![folder.clone(), folder.join("conf.d")],
        };
        watch.arm();
        watch
    }

    /// `conf.d` comes and goes.
    fn arm(&self) {
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(watcher) = watcher.as_mut() else {
            return;
        };
        for folder in self.folders.iter().filter(|folder| folder.is_dir()) {
            if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                cannot(&error);
            }
        }
    }

    /// Returns once it was written and nobody writes any more.
    pub async fn changed(&self) {
        self.written.notified().await;
        for _ in 0..STEPS {
            let more = tokio::time::timeout(QUIET, self.written.notified());
            if more.await.is_err() {
                break;
            }
        }
        self.arm();
    }
}

fn cannot(error: &notify::Error) {
    tracing::warn!(%error, "cannot watch the configuration; send SIGHUP after changing it");
}

/// Whether the configuration may be another one once `path` changed.
fn concerns(path: &Path, file: &Path, confd: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    path == file || path.starts_with(confd) || name.starts_with(b"..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_beside_the_configuration_do_not_matter() {
        let (file, confd) = (
            Path::new("/etc/kiln/kiln.toml"),
            Path::new("/etc/kiln/conf.d"),
        );
        for (path, wanted) in [
            ("/etc/kiln/kiln.toml", true),
            ("/etc/kiln/conf.d", true),
            ("/etc/kiln/conf.d/a.toml", true),
            ("/etc/kiln/..data", true),
            ("/etc/kiln/agent.log", false),
            ("/etc/kiln", false),
        ] {
            assert_eq!(concerns(Path::new(path), file, confd), wanted, "{path}");
        }
    }
}
