//! How long steps took, by name, for the order of the next build and for the
//! estimate of what remains. In the store's own folder; what is lost or
//! damaged is learned again, so nothing here fails a call.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Names kept; those not seen for the most builds leave first.
const MAX: usize = 20_000;
/// What nothing is known of, in a graph of which nothing is known.
const UNKNOWN: Duration = Duration::from_secs(1);

/// Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Durations(Arc<Mutex<Table>>);

#[derive(Debug, Default, Serialize, Deserialize)]
struct Table {
    #[serde(skip)]
    file: PathBuf,
    #[serde(skip)]
    changed: bool,
    /// Builds recorded so far.
    build: u64,
    steps: HashMap<String, Known>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Known {
    /// Milliseconds.
    took: u64,
    /// The build it was last seen in.
    seen: u64,
}

impl Durations {
    /// What the file in this folder has.
    pub fn load(folder: &Path) -> Self {
        let file = folder.join("durations.json");
        let json = std::fs::read(&file).ok();
        let table: Option<Table> = json.and_then(|json| serde_json::from_slice(&json).ok());
        let table = Table {
            file,
            ..table.unwrap_or_default()
        };
        Durations(Arc::new(Mutex::new(table)))
    }

    /// What these steps are expected to take. Of one that never ran the median
    /// of the others is expected; `None` when none of them ever ran.
    pub fn expected<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
    ) -> (Vec<Duration>, Option<Duration>) {
        let table = self.table();
        let known: Vec<Option<Duration>> = names
            .map(|name| {
                let known = table.steps.get(name)?;
                Some(Duration::from_millis(known.took))
            })
            .collect();
        let mut sorted: Vec<Duration> = known.iter().copied().flatten().collect();
        sorted.sort_unstable();
        let median = sorted.get(sorted.len() / 2).copied();
        let unknown = median.unwrap_or(UNKNOWN);
        let expected = known.into_iter().map(|known| known.unwrap_or(unknown));
        (expected.collect(), median)
    }

    /// A step ran to its end. Half of what was known counts on, so that one
    /// run on a busy host does not decide.
    pub fn note(&self, name: &str, took: Duration) {
        let mut table = self.table();
        let seen = table.build;
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let known = table.steps.get(name).map_or(took, |known| known.took);
        let took = known / 2 + took / 2 + (known & took & 1);
        table.steps.insert(name.to_owned(), Known { took, seen });
        table.changed = true;
    }

    /// Writes what is new; blocks.
    pub fn save(&self) {
        let mut table = self.table();
        if !std::mem::take(&mut table.changed) {
            return;
        }
        table.build += 1;
        table.trim(MAX);
        let (file, json) = (table.file.clone(), serde_json::to_vec(&*table));
        drop(table);
        let written = json.map_err(std::io::Error::from).and_then(|json| {
            let new = file.with_extension(format!("{:016x}", fastrand::u64(..)));
            std::fs::write(&new, json)?;
            std::fs::rename(&new, &file)
        });
        if let Err(error) = written {
            tracing::warn!(%error, file = %file.display(), "how long steps took is not kept");
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn trim(&mut self, most: usize) {
        let over = self.steps.len().saturating_sub(most);
        if over == 0 {
            return;
        }
        let mut seen: Vec<(u64, String)> = self
            .steps
            .iter()
            .map(|(name, known)| (known.seen, name.clone()))
            .collect();
        seen.sort_unstable();
        for (_, name) in &seen[..over] {
            self.steps.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_never_ran_is_expected_to_take_what_the_others_do() {
        let folder = tempfile::tempdir().unwrap();
        let durations = Durations::load(folder.path());
        let names = || ["a", "b", "new"].into_iter();
        assert_eq!(durations.expected(names()), (vec![UNKNOWN; 3], None));
        durations.note("a", SECOND * 8);
        durations.note("b", SECOND * 2);
        durations.note("b", SECOND * 4);
        durations.save();
        let again = Durations::load(folder.path()).expected(names());
        assert_eq!(
            again,
            (vec![SECOND * 8, SECOND * 3, SECOND * 8], Some(SECOND * 8))
        );
    }

    #[test]
    fn a_damaged_file_is_learned_again_and_the_oldest_leave() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("durations.json"), "{\"build\": 3, ").unwrap();
        let durations = Durations::load(folder.path());
        durations.note("old", SECOND);
        durations.save();
        durations.note("new", SECOND);
        durations.table().trim(1);
        let kept = durations.table().steps.keys().cloned().collect::<Vec<_>>();
        assert_eq!(kept, ["new"]);
    }
}
