//! Evaluations remembered: an entry is what an evaluation asked of the commit,
//! with what it came to. Where another commit answers all of it alike, nothing
//! is evaluated. Touching a file that this host's evaluation did not read is
//! such a commit, and so is a revert.
//!
//! In the store's own folder, one file per host and way of evaluating, the
//! newest entries first. What is lost or damaged costs one evaluation, so
//! nothing here is fsynced, and nothing here fails a call.

use super::eval::{Asked, CommitFacts, EvalRequest, Files};
use super::graph::GRAPH_VERSION;
use crate::model::{Evaluated, Failure, FailureKind};
use crate::store::{Canonical, Store};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Entries kept for one host: as many states as a host goes back and forth between.
const ENTRIES: usize = 8;
/// Hosts, and ways to evaluate them, kept at all.
const FILES: usize = 512;
/// What an evaluation printed is said again; one that prints more is not remembered.
const LOG_MAX: usize = 64 << 10;
/// A larger file would cost more to look through than most evaluations.
const BYTES_MAX: u64 = 32 << 20;

/// What is remembered.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Evaluated(Evaluated),
    /// A certain failure; limits are never remembered.
    Failed(Box<Failure>),
}

/// One evaluation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    pub asked: Asked,
    /// What it printed.
    pub log: String,
    pub outcome: Outcome,
}

impl Entry {
    /// `None` for what is not to be remembered.
    pub fn new(asked: Option<Asked>, log: &[u8], outcome: Outcome) -> Option<Self> {
        let lasts = match &outcome {
            Outcome::Evaluated(_) => true,
            // A word too many costs an evaluation, one too few would make a
            // limit that was raised stay in force.
            Outcome::Failed(failure) => {
                failure.kind == FailureKind::Certain && !failure.message.contains("limit reached")
            }
        };
        let entry = Entry {
            asked: asked?,
            log: String::from_utf8_lossy(log).into_owned(),
            outcome,
        };
        (lasts && log.len() <= LOG_MAX).then_some(entry)
    }
}

/// Gathers what an evaluation prints, as far as it may be remembered.
#[derive(Debug, Default)]
pub(super) struct Printed(pub Vec<u8>);

impl Printed {
    pub fn add(&mut self, bytes: &[u8]) {
        let room = (LOG_MAX + 1).saturating_sub(self.0.len());
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// The entries of one host.
pub(super) struct Recall {
    folder: PathBuf,
    file: PathBuf,
}

impl Recall {
    /// `None` when the running program cannot be told from another one, whose
    /// evaluations may come to something else.
    pub fn of(store: &Store, request: &EvalRequest) -> Option<Self> {
        let folder = store.dir().join(".kiln/evaluations");
        let key = Canonical::new("kiln:evaluation:1")
            .text(program()?)
            .number(u64::from(GRAPH_VERSION))
            .text(&request.subdir)
            .text(&request.file)
            .text(request.host.as_str())
            .text(&request.system)
            .finish();
        let key = crate::store::RealisationKey::from(key);
        let file = folder.join(format!("{key}.json"));
        Some(Recall { folder, file })
    }

    /// The evaluation that this commit would repeat.
    pub fn look(&self, request: &EvalRequest) -> Option<Entry> {
        let entries = self.entries();
        if entries.is_empty() {
            return None;
        }
        let files = Files::open(&request.repository, &request.tree, &request.subdir).ok()?;
        let commit = CommitFacts {
            id: &request.commit,
            time: request.commit_time,
        };
        entries
            .into_iter()
            .find(|entry| files.agree(&entry.asked, commit))
    }

    /// Remembers an evaluation, in front of the others.
    pub fn keep(&self, entry: Entry) {
        if let Err(error) = self.write(entry) {
            tracing::warn!(%error, file = %self.file.display(), "an evaluation is not remembered");
        }
    }

    fn write(&self, entry: Entry) -> std::io::Result<()> {
        let mut entries = self.entries();
        entries.retain(|known| known.asked != entry.asked);
        entries.insert(0, entry);
        entries.truncate(ENTRIES);
        fs::create_dir_all(&self.folder)?;
        let new = self.folder.join(format!("new-{:016x}", fastrand::u64(..)));
        let written = serde_json::to_vec(&entries)
            .map_err(std::io::Error::from)
            .and_then(|json| fs::write(&new, json))
            .and_then(|()| fs::rename(&new, &self.file));
        if written.is_err() {
            let _ = fs::remove_file(&new); // it may not have been made
        }
        written?;
        trim(&self.folder)
    }

    fn entries(&self) -> Vec<Entry> {
        let small = fs::metadata(&self.file).is_ok_and(|found| found.len() <= BYTES_MAX);
        let json = small.then(|| fs::read(&self.file).ok()).flatten();
        json.and_then(|json| serde_json::from_slice(&json).ok())
            .unwrap_or_default()
    }
}

/// What tells this program from another build of it.
fn program() -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let found = fs::metadata(&program).ok()?;
    let written = found
        .modified()
        .ok()?
        .duration_since(SystemTime::UNIX_EPOCH);
    Some(format!(
        "{} {} {} {}",
        env!("CARGO_PKG_VERSION"),
        program.display(),
        found.len(),
        written.ok()?.as_nanos()
    ))
}

/// The oldest files leave.
fn trim(folder: &Path) -> std::io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        files.push((entry.metadata()?.modified()?, entry.path()));
    }
    if files.len() > FILES {
        files.sort_unstable();
        for (_, path) in &files[..files.len() - FILES] {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
