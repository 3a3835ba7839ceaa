//! What is known to be there with all it refers to, so that a look at a graph
//! of ten thousand objects that did not change is one look at a folder.
//!
//! An object is there when its name stands in the store's folder and its record
//! in the records' folder. A folder says when its names changed last, so what
//! was whole stays whole while both folders say the same time. A time is
//! believed only once it is older than its clock's steps are long: two changes
//! within one step look like one. Kept in a file beside the records, so that it
//! outlasts a restart; losing it costs one walk.

use super::{Store, StorePath, fs};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Longer than the steps of any file system's clock.
const SETTLED: Duration = Duration::from_secs(2);
/// More roots than any host goes back and forth between.
const ROOTS_MAX: usize = 4096;

const VERSION: u32 = 1;

/// Roots whose closure was there when the store's folders were as `seen`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Whole {
    /// Raised when the meaning changes.
    version: u32,
    seen: Option<Seen>,
    pub(super) roots: HashSet<StorePath>,
}

/// When the names in the store's folder, and in its records', changed last:
/// device, inode, seconds and nanoseconds of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Seen([(u64, u64, i64, i64); 2]);

impl Store {
    /// Whether these objects and all they refer to are there. Sessions keep them
    /// with all they refer to, so it is enough that the roots are touched.
    pub(crate) fn is_whole(&self, roots: impl IntoIterator<Item = StorePath>) -> bool {
        self.is_whole_at(roots, SystemTime::now())
    }

    fn is_whole_at(&self, roots: impl IntoIterator<Item = StorePath>, now: SystemTime) -> bool {
        let _open = self.pass();
        let roots: Vec<StorePath> = roots.into_iter().collect();
        // Before the walk: what changes meanwhile makes the answer a stale one.
        let seen = self.seen(now);
        if self.was_whole(&roots, seen) {
            self.touch_all(&roots);
            return true;
        }
        if !self.walk_whole(roots.clone()) {
            return false;
        }
        self.touch_all(&roots);
        if let Some(seen) = seen {
            self.keep_whole(roots, seen);
        }
        true
    }

    fn touch_all(&self, roots: &[StorePath]) {
        for root in roots {
            self.inner.sessions.touch(root);
        }
    }

    fn was_whole(&self, roots: &[StorePath], seen: Option<Seen>) -> bool {
        let mut index = self.index();
        if index.whole.version == 0 {
            index.whole = Whole::read(&self.whole_file());
        }
        let whole = &index.whole;
        seen.is_some() && whole.seen == seen && roots.iter().all(|root| whole.roots.contains(root))
    }

    fn keep_whole(&self, roots: Vec<StorePath>, seen: Seen) {
        let mut index = self.index();
        index.whole.keep(roots, seen);
        // What has no record yet is gone with this process, and what a mere reader
        // remembers may be gone already.
        if self.inner.owned
            && index.unsaved_objects.is_empty()
            && let Err(error) = index.whole.write(&self.whole_file(), &self.inner.tmp)
        {
            tracing::debug!(%error, "what is whole is not remembered");
        }
    }

    fn whole_file(&self) -> PathBuf {
        self.inner.dir.join(".kiln/whole.json")
    }

    fn walk_whole(&self, mut waiting: Vec<StorePath>) -> bool {
        let mut seen: HashSet<StorePath> = waiting.iter().cloned().collect();
        while let Some(path) = waiting.pop() {
            let Some(info) = self.look(&path) else {
                return false;
            };
            for reference in &info.references {
                if !seen.contains(reference) {
                    seen.insert(reference.clone());
                    waiting.push(reference.clone());
                }
            }
        }
        true
    }

    /// `None`: a folder changed just now, or cannot be asked.
    fn seen(&self, now: SystemTime) -> Option<Seen> {
        let mut seen = Seen([Default::default(); 2]);
        for (folder, seen) in [".", ".kiln/objects"].into_iter().zip(&mut seen.0) {
            let stat = fs::stat_at(&self.inner.folder, folder.as_ref()).ok()?;
            let changed = Duration::new(
                u64::try_from(stat.st_ctime).ok()?,
                u32::try_from(stat.st_ctime_nsec).ok()?,
            );
            let age = now.duration_since(SystemTime::UNIX_EPOCH + changed);
            if age.ok()? < SETTLED {
                return None;
            }
            *seen = (stat.st_dev, stat.st_ino, stat.st_ctime, stat.st_ctime_nsec);
        }
        Some(seen)
    }
}

impl Whole {
    /// What cannot be read is nothing.
    fn read(file: &Path) -> Self {
        let json = std::fs::read(file).ok();
        let whole = json.and_then(|json| serde_json::from_slice::<Whole>(&json).ok());
        let known = whole.filter(|whole| whole.version == VERSION);
        known.unwrap_or(Whole {
            version: VERSION,
            ..Whole::default()
        })
    }

    fn write(&self, file: &Path, tmp: &Path) -> std::io::Result<()> {
        let new = tmp.join(format!("whole-{:016x}", fastrand::u64(..)));
        std::fs::write(&new, serde_json::to_vec(self)?)?;
        std::fs::rename(&new, file)
    }

    fn keep(&mut self, roots: Vec<StorePath>, seen: Seen) {
        if self.seen != Some(seen) || self.roots.len() > ROOTS_MAX {
            self.roots.clear();
        }
        self.seen = Some(seen);
        self.roots.extend(roots);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Collection;
    use std::collections::BTreeSet;

    struct Fixture {
        dir: tempfile::TempDir,
        store: Store,
        /// Refers to `dep`.
        root: StorePath,
        dep: StorePath,
    }

    impl Fixture {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let store = Store::open(&dir.path().join("store")).unwrap();
            let dep = store.add_data("dep", b"x", &BTreeSet::new()).unwrap();
            let referred = BTreeSet::from([dep.clone()]);
            let root = store.add_data("root", b"y", &referred).unwrap();
            store.sync().unwrap();
            let fixture = Fixture {
                dir,
                store,
                root,
                dep,
            };
            assert!(fixture.is_whole_later());
            fixture
        }

        fn is_whole_later(&self) -> bool {
            let later = SystemTime::now() + SETTLED * 5;
            self.store.is_whole_at([self.root.clone()], later)
        }

        fn reopen(&mut self) {
            self.store = Store::open(&self.dir.path().join("store")).unwrap();
        }
    }

    #[test]
    fn what_was_whole_is_known_after_a_restart_without_reading_its_records() {
        let mut f = Fixture::new();
        f.reopen();
        let record = f.store.inner.records.object_file(&f.dep);
        std::fs::write(record, "in place: the folder does not change").unwrap();
        assert!(f.is_whole_later(), "remembered");
        let just_now = f.store.is_whole([f.root.clone()]);
        assert!(!just_now, "a folder that just changed is not believed");
    }

    #[test]
    fn what_somebody_took_away_is_missed_though_all_was_whole() {
        for reopened in [false, true] {
            let mut f = Fixture::new();
            std::fs::remove_file(f.store.real_path(&f.dep)).unwrap();
            if reopened {
                f.reopen();
            }
            assert!(!f.is_whole_later());
        }
    }

    #[test]
    fn what_was_collected_is_not_whole_and_what_a_session_asked_for_is_not_collected() {
        let f = Fixture::new();
        let collection = Collection {
            roots: &|| Ok(BTreeSet::new()),
            dry_run: false,
            companions: false,
            cancelled: &|| false,
        };
        let session = f.store.session();
        assert!(f.is_whole_later(), "touches the root alone");
        assert_eq!(f.store.gc(&collection).unwrap().objects, []);
        assert!(f.store.closure([f.root.clone()]).is_ok());
        drop(session);
        assert_eq!(f.store.gc(&collection).unwrap().objects.len(), 2);
        assert!(!f.is_whole_later());
    }
}
