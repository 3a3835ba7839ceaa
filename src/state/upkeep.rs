//! What is done beside the transitions: leftovers of a crash are swept, what is
//! old leaves. Blocks on the disk: call it off the async threads.

use super::retention::{Candidate, Retention, leaving};
use super::{Change, Places, State, StateError, fail_point, files, locked, packed_log};
use crate::model::{GenerationNumber, now};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// Generations looked at together.
const PAGE: usize = 256;
/// Folders of generations swept: a crash leaves something in the newest.
const SWEPT: usize = 50;
/// Begins the name of what is being written.
const NEW: &str = ".new-";
/// Begins the name of a generation's folder that is being removed.
const GONE: &str = ".gone-";

/// What left.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Left {
    pub generations: Vec<GenerationNumber>,
    /// Generations whose logs left before them.
    pub logs: Vec<GenerationNumber>,
    /// Events below this number.
    pub events: Option<u64>,
}

impl State {
    /// Lets go of what `retention` does not keep. The roots of a generation go
    /// with its folder; what they kept in the store is the collector's.
    ///
    /// # Errors
    /// When something cannot be read or removed; it is tried again next time.
    pub fn retain(&self, retention: &Retention) -> Result<Left, StateError> {
        let places = &self.shared.places;
        let candidates = self.candidates();
        let current = files::read_current(&places.folder)?;
        let generations = leaving(&candidates, current, retention, now());
        for number in &generations {
            self.remove(*number)?;
        }
        let in_work = candidates.iter().filter(|c| c.ended_at.is_none());
        let kept: Vec<_> = in_work
            .chain(candidates.first())
            .map(|c| c.number)
            .collect();
        pack_logs(places, &candidates);
        let logs = retain_logs(places, &kept, retention.logs)?;
        let events = self.retain_events(retention.events)?;
        self.shared.reserve.ensure(places);
        Ok(Left {
            generations,
            logs,
            events,
        })
    }

    /// Waits until a reader met damage of the index; then [`State::recover`] is due.
    pub async fn damage(&self) {
        self.shared.suspect.told.notified().await;
    }

    /// Rebuilds an index whose damage a reader met.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn recover(&self) -> Result<(), StateError> {
        self.apply(&Change::default())
    }

    fn candidates(&self) -> Vec<Candidate> {
        let (reader, mut before) = (self.reader(), None);
        let mut candidates = Vec::new();
        loop {
            let page = reader.page(before, PAGE);
            candidates.extend(page.iter().map(Candidate::from));
            match page.last() {
                Some(last) => before = Some(last.number),
                None => return candidates,
            }
        }
    }

    /// Out of sight first, then out of the index, then off the disk: a crash in
    /// between leaves what the next start sweeps.
    fn remove(&self, number: GenerationNumber) -> Result<(), StateError> {
        let places = &self.shared.places;
        let _writing = locked(&self.shared.writing);
        if files::read_current(&places.folder)? == Some(number) {
            return Ok(()); // it became current meanwhile
        }
        let folder = places.generation(number);
        let gone = places.generations().join(format!("{GONE}{number}"));
        match fs::rename(&folder, &gone) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(StateError::io("move aside", &folder, e));
            }
            _ => files::sync_folder(&places.generations())?,
        }
        fail_point::reach("generation-moved-aside");
        self.index().get()?.forget(number)?;
        fail_point::reach("generation-forgotten");
        remove_tree(&places.logs(number))?;
        remove_tree(&gone)
    }

    /// The oldest event still kept, when others left.
    fn retain_events(&self, count: u32) -> Result<Option<u64>, StateError> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let slot = self.index();
        let oldest = slot.get()?.excess_events(count)?;
        if let Some(oldest) = oldest {
            // Readers learn first that they lag, then what they lack goes.
            self.shared.events.forget_below(oldest);
            slot.get()?.forget_events(oldest)?;
        }
        Ok(oldest)
    }
}

/// Packs the logs of what has ended; a log that cannot be packed stays as it is.
fn pack_logs(places: &Places, candidates: &[Candidate]) {
    for ended in candidates.iter().filter(|c| c.ended_at.is_some()) {
        let folder = places.logs(ended.number);
        for folder in [folder.join("steps"), folder] {
            if let Err(error) = packed_log::pack_folder(&folder) {
                tracing::warn!(%error, folder = %folder.display(), "logs are not packed");
            }
        }
    }
}

/// Removes the oldest logs until all together have at most `limit` bytes.
fn retain_logs(
    places: &Places,
    kept: &[GenerationNumber],
    limit: u64,
) -> Result<Vec<GenerationNumber>, StateError> {
    let folder = places.folder.join("logs");
    let mut sizes = BTreeMap::new();
    for entry in list(&folder)? {
        if let Some(number) = entry.file_name().to_str().and_then(|n| n.parse().ok()) {
            sizes.insert(GenerationNumber(number), size(&entry.path()));
        }
    }
    let mut total: u64 = sizes.values().sum();
    let mut left = Vec::new();
    for (number, size) in sizes {
        if total <= limit {
            break;
        }
        if !kept.contains(&number) {
            remove_tree(&places.logs(number))?;
            total -= size;
            left.push(number);
        }
    }
    Ok(left)
}

/// Bytes of all files below `path`; what goes away meanwhile counts nothing.
fn size(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else {
        return 0;
    };
    let of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}

/// Removes what a crash left half written or half removed.
pub(super) fn sweep(places: &Places) -> Result<(), StateError> {
    let refs = places.repository().join("refs/kiln");
    let numbers = files::numbers(&places.folder)?;
    let newest = numbers.iter().rev().take(SWEPT);
    let folders = newest.map(|number| places.generation(*number));
    for folder in folders.chain([places.folder.clone(), refs, places.generations()]) {
        for entry in list(&folder)? {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if let Some(number) = name.strip_prefix(GONE) {
                remove_tree(&places.folder.join("logs").join(number))?;
            }
            if name.starts_with(NEW) || name.starts_with(GONE) {
                remove_tree(&entry.path())?;
            }
        }
    }
    Ok(())
}

fn list(folder: &Path) -> Result<Vec<fs::DirEntry>, StateError> {
    let io = |e| StateError::io("list", folder, e);
    fs::read_dir(folder)
        .map_err(io)?
        .collect::<Result<_, _>>()
        .map_err(io)
}

/// Removes a file, a link or a folder; it need not exist. Links are not followed.
fn remove_tree(path: &Path) -> Result<(), StateError> {
    let removed = match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(StateError::io("remove", path, e)),
        _ => Ok(()),
    }
}
