//! From whatever a crash or a bad disk left to a state that can be used.

use super::check::Found;
use super::files::{self, Sequence};
use super::index::{Index, Slot};
use super::transition::{Before, Transition};
use super::{Places, StateError, Suspect, check, compaction, fail_point, index, record};
use crate::events::{BLOCK, EventLog};
use crate::model::{GenerationNumber, Hold, Suspension, now};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// A crash between file and index concerns the generation in work, one of the newest.
const RECONCILED: usize = 50;

pub(super) struct Recovered {
    pub message: String,
    pub kept_at: PathBuf,
}

/// Refuses a state that a newer kiln wrote, before anything of it is touched.
pub(super) fn check_version(places: &Places) -> Result<(), StateError> {
    let path = places.version();
    let Some(bytes) = files::read(&path)? else {
        return Ok(()); // nothing there yet, or from before this file
    };
    let text = String::from_utf8_lossy(&bytes);
    let version = text.trim().parse().map_err(|_| StateError::Unexpected {
        path: path.clone(),
        message: format!("holds {:?}, not a version", text.trim()),
    })?;
    record::missing(version, &path, record::MIGRATIONS).map(drop)
}

/// Notes the version everything is written in from now on.
pub(super) fn note_version(places: &Places) -> Result<(), StateError> {
    let text = format!("{}\n", record::RECORD_VERSION);
    match files::read(&places.version())? {
        Some(bytes) if bytes == text.as_bytes() => Ok(()),
        _ => files::replace(&places.version(), text.as_bytes()),
    }
}

/// The index, after a child read it to its end. A damaged one is kept beside
/// and a new one made from the files.
pub(super) async fn open_index(places: &Places) -> Result<(Index, Option<Recovered>), StateError> {
    let path = places.index();
    compaction::settle(places)?;
    if !path.exists() {
        return Ok((rebuilt(places)?, None));
    }
    let found = check::check(&path)
        .await
        .map_err(|e| StateError::io("check", &path, e))?;
    fail_point::reach("index-checked");
    let damage = match found {
        Found::Whole { live } => match compaction::opened(places, live) {
            Err(StateError::Index { message, .. }) => message,
            other => return other.map(|index| (index, None)),
        },
        Found::Damaged(damage) => damage,
        Found::Newer { found } => {
            let known = index::known_schema();
            return Err(StateError::Newer { path, found, known });
        }
        Found::Refused(message) => return Err(StateError::Unexpected { path, message }),
    };
    let recovered = set_aside(places, &damage)?;
    Ok((rebuilt(places)?, Some(recovered)))
}

/// Puts a new index in the place of one found damaged while running.
pub(super) fn replace_index(
    places: &Places,
    slot: &mut Slot,
    damage: &str,
) -> Result<Recovered, StateError> {
    slot.close();
    let recovered = set_aside(places, damage)?;
    slot.set(rebuilt(places)?);
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
    fail_point::reach("index-moved-aside");
    let message = format!(
        "the index was damaged ({damage}) and was rebuilt from the generation files; events before are lost"
    );
    Ok(Recovered { message, kept_at })
}

/// A new index, filled from the generation files.
fn rebuilt(places: &Places) -> Result<Index, StateError> {
    // In its place only when it is whole: one cut short by a crash is no damage.
    let (path, new) = (places.index(), compaction::new_path(places));
    let index = Index::make(&new)?;
    let numbers = files::numbers(&places.folder)?;
    let records = numbers
        .into_iter()
        .map(|number| files::read_generation(&places.folder, number));
    index.fill(records.filter_map(|record| match record {
        Err(StateError::Damaged { .. }) => None, // [`reconcile`] says so
        record => record.transpose(),
    }))?;
    drop(index);
    fail_point::reach("index-rebuilt");
    std::fs::rename(&new, &path).map_err(|e| StateError::io("move", &new, e))?;
    files::sync_folder(&places.folder)?;
    Index::open(&path)
}

/// Does the transition again that a crash interrupted, if there is one: what
/// was there before counts no more, so nothing is kept of it.
pub(super) fn redo(places: &Places, index: &Index) -> Result<(), StateError> {
    let Some(transition) = Transition::left(places)? else {
        return Ok(());
    };
    transition.write_files(places, &mut Before::default())?;
    index.write(transition.generation.as_ref(), &transition.events)?;
    fail_point::reach("transition-redone");
    transition.forget(places);
    Ok(())
}

/// Makes the index say what the files say: records without a file go, files
/// without a record come, the newest are compared. Answers with the highest
/// number ever seen here, and with what was found damaged and became of it.
pub(super) fn reconcile(
    places: &Places,
    index: &Index,
) -> Result<(GenerationNumber, Vec<String>), StateError> {
    let mut notes = Vec::new();
    let there: BTreeSet<_> = files::numbers(&places.folder)?.into_iter().collect();
    let recorded: BTreeSet<_> = index.numbers()?.into_iter().collect();
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
    for gone in recorded.difference(&there) {
        index.forget(*gone)?;
    }
    let newest = there.iter().rev().take(RECONCILED).chain(&current);
    for number in newest.chain(there.difference(&recorded)) {
        match take_over(places, index, *number) {
            Err(StateError::Damaged { path, source }) => {
                notes.push(restore(index, *number, &path, &source)?);
            }
            other => other?,
        }
    }
    let highest = there.into_iter().chain(recorded).chain(current).max();
    Ok((highest.unwrap_or(GenerationNumber(0)), notes))
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
            files::replace(path, &record::encode(&generation)?)?;
            "was restored from the index"
        }
        None => "is lost",
    };
    Ok(format!(
        "the file of generation {number} was damaged ({why}), and {became}; the damaged one is {}",
        kept.display()
    ))
}

/// The hold in force. One that cannot be understood holds: somebody meant it to.
pub(super) fn hold(places: &Places) -> Result<Option<Hold>, StateError> {
    match files::read_hold(places) {
        Err(StateError::Damaged { path, source }) => Ok(Some(Hold {
            since: now(),
            until: None,
            by: format!("kiln: {} is damaged: {source}", path.display()),
        })),
        other => other,
    }
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
    index.write(Some(&generation), &[])
}

pub(super) struct Opened {
    pub index: Arc<RwLock<Slot>>,
    pub log: EventLog,
}

/// The event log, going on behind every number that may have been handed out.
pub(super) fn event_log(
    places: &Places,
    index: Index,
    suspect: &Arc<Suspect>,
) -> Result<Opened, StateError> {
    let kept = index.event_bounds()?;
    let reserved = match files::load::<Sequence>(&places.sequence()) {
        // No number above what was reserved was handed out: beyond that is safe.
        Err(StateError::Damaged { .. }) => kept.map_or(0, |(_, last)| last) + 2 * BLOCK,
        sequence => sequence?.map_or(0, |sequence| sequence.reserved),
    };
    let last = reserved.max(kept.map_or(0, |(_, last)| last));
    let oldest = kept.map_or(last + 1, |(first, _)| first);
    let index = Arc::new(RwLock::new(Slot::new(index)));
    let older = {
        let (index, suspect) = (Arc::clone(&index), Arc::clone(suspect));
        move |seq, size| {
            let slot = index.read().unwrap_or_else(PoisonError::into_inner);
            let found = slot.get().and_then(|index| index.events_after(seq, size));
            found.unwrap_or_else(|error| {
                tracing::error!(%error, "events are skipped");
                suspect.tell(&error);
                Vec::new()
            })
        }
    };
    Ok(Opened {
        index,
        log: EventLog::new(last, oldest, Box::new(older)),
    })
}
