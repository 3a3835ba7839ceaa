//! From whatever a crash or a bad disk left to a state that can be used.

use super::files::{self, Sequence};
use super::index::Index;
use super::{Places, StateError, check};
use crate::events::{BLOCK, EventLog};
use crate::model::{GenerationNumber, Suspension, now};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// A crash between file and index concerns the generation in work, one of the newest.
const RECONCILED: usize = 50;

pub(super) struct Recovered {
    pub message: String,
    pub kept_at: PathBuf,
}

/// The index, after a child read it to its end. A damaged one is kept beside
/// and a new one made from the files.
pub(super) async fn open_index(places: &Places) -> Result<(Index, Option<Recovered>), StateError> {
    let path = places.index();
    if !path.exists() {
        return Ok((rebuilt(places)?, None));
    }
    let damage = check::damage(&path)
        .await
        .map_err(|e| StateError::io("check", &path, e))?;
    let damage = match damage {
        Some(damage) => damage,
        None => match Index::open(&path) {
            Err(StateError::Index { message, .. }) => message,
            other => return other.map(|index| (index, None)),
        },
    };
    let recovered = set_aside(places, &damage)?;
    Ok((rebuilt(places)?, Some(recovered)))
}

/// Puts a new index in the place of one found damaged while running.
pub(super) fn replace_index(
    places: &Places,
    index: &mut Index,
    damage: &str,
) -> Result<Recovered, StateError> {
    let recovered = set_aside(places, damage)?;
    *index = rebuilt(places)?;
    Ok(recovered)
}

fn set_aside(places: &Places, damage: &str) -> Result<Recovered, StateError> {
    let path = places.index();
    let stamp = now().unix_timestamp();
    let mut kept_at = places.folder.join(format!("sled.damaged-{stamp}"));
    for n in 1.. {
        if !kept_at.exists() {
            break;
        }
        kept_at = places.folder.join(format!("sled.damaged-{stamp}-{n}"));
    }
    std::fs::rename(&path, &kept_at).map_err(|e| StateError::io("move aside", &path, e))?;
    let message = format!(
        "the index was damaged ({damage}) and was rebuilt from the generation files; events before are lost"
    );
    Ok(Recovered { message, kept_at })
}

/// A new index, filled from the generation files.
fn rebuilt(places: &Places) -> Result<Index, StateError> {
    let index = Index::open(&places.index())?;
    for number in files::numbers(&places.folder)? {
        take_over(places, &index, number)?;
    }
    Ok(index)
}

/// Copies the newest generations' files over index records that differ.
///
/// Answers with what was found damaged and what became of it.
pub(super) fn reconcile(places: &Places, index: &Index) -> Result<Vec<String>, StateError> {
    let mut notes = Vec::new();
    let numbers = files::numbers(&places.folder)?;
    let current = match files::read_current(&places.folder) {
        Err(StateError::Unexpected { path, message }) => {
            notes.push(format!(
                "{} {message}: the next build sets it right",
                path.display()
            ));
            None
        }
        current => current?,
    };
    for number in numbers.into_iter().rev().take(RECONCILED).chain(current) {
        match take_over(places, index, number) {
            Err(StateError::Damaged { path, source }) => {
                notes.push(restore(index, number, &path, &source)?);
            }
            other => other?,
        }
    }
    Ok(notes)
}

/// A generation's file that cannot be understood is kept beside; what the index
/// knows of it takes its place.
fn restore(
    index: &Index,
    number: GenerationNumber,
    path: &Path,
    why: &serde_json::Error,
) -> Result<String, StateError> {
    let kept = path.with_extension("json.damaged");
    std::fs::rename(path, &kept).map_err(|e| StateError::io("move aside", path, e))?;
    let became = match index.generation(number)? {
        Some(generation) => {
            files::replace(path, &files::encode(&generation)?)?;
            "was restored from the index"
        }
        None => "is lost",
    };
    Ok(format!(
        "the file of generation {number} was damaged ({why}), and {became}; the damaged one is {}",
        kept.display()
    ))
}

/// The suspension in force. One that cannot be understood holds builds back:
/// somebody meant them to be.
pub(super) fn suspension(places: &Places) -> Result<Option<Suspension>, StateError> {
    match files::read_suspension(places) {
        Err(StateError::Damaged { path, source }) => Ok(Some(Suspension {
            since: now(),
            until: None,
            reason: format!("{} is damaged: {source}", path.display()),
            by: "kiln".into(),
        })),
        other => other,
    }
}

fn take_over(places: &Places, index: &Index, number: GenerationNumber) -> Result<(), StateError> {
    // A folder without its file: killed before the generation was acknowledged.
    let Some(generation) = files::read_generation(&places.folder, number)? else {
        return Ok(());
    };
    if index.generation(number)?.as_ref() == Some(&generation) {
        return Ok(());
    }
    index.write(Some(&generation), &[] as &[Arc<crate::events::Event>])
}

pub(super) struct Opened {
    pub index: Arc<RwLock<Index>>,
    pub log: EventLog,
}

/// The event log, going on behind every number that may have been handed out.
pub(super) fn event_log(places: &Places, index: Index) -> Result<Opened, StateError> {
    let kept = index.event_bounds()?;
    let reserved = match files::load::<Sequence>(&places.sequence()) {
        // No number above what was reserved was handed out: beyond that is safe.
        Err(StateError::Damaged { .. }) => kept.map_or(0, |(_, last)| last) + 2 * BLOCK,
        sequence => sequence?.map_or(0, |sequence| sequence.reserved),
    };
    let last = reserved.max(kept.map_or(0, |(_, last)| last));
    let oldest = kept.map_or(last + 1, |(first, _)| first);
    let index = Arc::new(RwLock::new(index));
    let older = {
        let index = Arc::clone(&index);
        move |seq, size| {
            let index = index.read().unwrap_or_else(PoisonError::into_inner);
            index.events_after(seq, size).unwrap_or_else(|error| {
                tracing::error!(%error, "events are skipped");
                Vec::new()
            })
        }
    };
    Ok(Opened {
        index,
        log: EventLog::new(last, oldest, Box::new(older)),
    })
}
