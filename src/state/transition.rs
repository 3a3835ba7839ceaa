//! One transition touches several files and the index. It is written whole into
//! `transition.json` first; from then on it is durable, and a start that finds
//! the file does it (again): a crash between any two writes leaves no half of it.

use super::record::{decode, encode};
use super::{Change, Places, StateError, fail_point, files};
use crate::events::Event;
use crate::model::{CommitId, Generation, GenerationNumber, Hold, Suspension};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What becomes of the suspension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NextSuspension {
    Unchanged,
    Ended,
    Begun(Suspension),
}

/// What becomes of the hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NextHold {
    #[default]
    Unchanged,
    Ended,
    Begun(Hold),
}

/// Everything a transition writes; doing it twice is doing it once.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Transition {
    pub generation: Option<Generation>,
    pub becomes_current: bool,
    suspension: NextSuspension,
    #[serde(default)]
    hold: NextHold,
    pub baseline: Option<CommitId>,
    #[serde(default)]
    reset_after: Option<GenerationNumber>,
    /// With their numbers, progress that waited included.
    pub events: Vec<Event>,
}

impl Transition {
    pub fn new(change: &Change<'_>, events: &[Arc<Event>]) -> Self {
        // Named one by one: a new part of a change is not forgotten here.
        let Change {
            generation,
            becomes_current,
            suspension,
            hold,
            baseline,
            occasion: _, // what it makes due is in the generation
            reset_after,
            events: _,
        } = change;
        Transition {
            generation: generation.cloned(),
            becomes_current: *becomes_current,
            suspension: match suspension {
                None => NextSuspension::Unchanged,
                Some(None) => NextSuspension::Ended,
                Some(Some(suspension)) => NextSuspension::Begun((*suspension).clone()),
            },
            hold: match hold {
                None => NextHold::Unchanged,
                Some(None) => NextHold::Ended,
                Some(Some(hold)) => NextHold::Begun((*hold).clone()),
            },
            baseline: baseline.cloned(),
            reset_after: *reset_after,
            events: events.iter().map(|e| Event::clone(e)).collect(),
        }
    }

    /// What a crash left to be done.
    ///
    /// # Errors
    /// When it is damaged or of a newer kiln.
    pub fn left(places: &Places) -> Result<Option<Self>, StateError> {
        let path = places.transition();
        match files::read(&path)? {
            Some(bytes) => decode(&bytes, &path).map(Some),
            None => Ok(None),
        }
    }

    /// What of a suspension is in force once this is done.
    pub fn suspension_after(&self, before: Option<Suspension>) -> Option<Suspension> {
        match &self.suspension {
            NextSuspension::Unchanged => before,
            NextSuspension::Ended => None,
            NextSuspension::Begun(suspension) => Some(suspension.clone()),
        }
    }

    /// What of a hold is in force once this is done.
    pub fn hold_after(&self, before: Option<Hold>) -> Option<Hold> {
        match &self.hold {
            NextHold::Unchanged => before,
            NextHold::Ended => None,
            NextHold::Begun(hold) => Some(hold.clone()),
        }
    }

    /// Only the index is touched, in one transaction of its own: no record is needed.
    fn has_files(&self) -> bool {
        self.generation.is_some()
            || self.baseline.is_some()
            || self.suspension != NextSuspension::Unchanged
            || self.hold != NextHold::Unchanged
    }

    /// Makes the transition durable as a whole.
    pub fn record(&self, places: &Places) -> Result<(), StateError> {
        if self.has_files() {
            files::replace(&places.transition(), &encode(self)?)?;
        }
        fail_point::reach("transition-recorded");
        Ok(())
    }

    /// Its files; what they held before is in `before`, for [`Before::restore`].
    pub fn write_files(&self, places: &Places, before: &mut Before) -> Result<(), StateError> {
        if let Some(generation) = &self.generation {
            let folder = places.make_generation(generation.number)?;
            fail_point::reach("generation-folder");
            before.replace(&folder.join("generation.json"), &encode(generation)?)?;
            fail_point::reach("generation-written");
            if self.becomes_current {
                let target = format!("generations/{}/result", generation.number);
                before.point(&places.current(), Path::new(&target))?;
                fail_point::reach("current-moved");
            }
        }
        match &self.suspension {
            NextSuspension::Begun(s) => before.replace(&places.suspension(), &encode(s)?)?,
            NextSuspension::Ended => before.remove(&places.suspension())?,
            NextSuspension::Unchanged => {}
        }
        fail_point::reach("suspension-written");
        if let Some(generation) = self.reset_after {
            before.replace(&places.reset(), &encode(&files::Reset { generation })?)?;
        }
        match &self.hold {
            NextHold::Begun(hold) => before.replace(&places.hold(), &encode(hold)?)?,
            NextHold::Ended => before.remove(&places.hold())?,
            NextHold::Unchanged => {}
        }
        if let Some(commit) = &self.baseline {
            before.replace(&places.baseline(), format!("{commit}\n").as_bytes())?;
        }
        fail_point::reach("baseline-moved");
        Ok(())
    }

    /// It is done. Not synced: found again after a power cut, it is done again,
    /// and it is still the last one.
    pub fn forget(&self, places: &Places) {
        if self.has_files() {
            let _ = std::fs::remove_file(places.transition());
        }
        fail_point::reach("transition-done");
    }
}

/// What was there before, so that a transition that cannot be finished leaves
/// the files as its caller is told: unchanged.
#[derive(Default)]
pub(super) struct Before {
    files: Vec<(PathBuf, Option<Vec<u8>>)>,
    links: Vec<(PathBuf, Option<PathBuf>)>,
}

impl Before {
    fn replace(&mut self, path: &Path, bytes: &[u8]) -> Result<(), StateError> {
        self.files.push((path.into(), files::read(path)?));
        files::replace(path, bytes)
    }

    fn remove(&mut self, path: &Path) -> Result<(), StateError> {
        self.files.push((path.into(), files::read(path)?));
        files::remove(path)
    }

    fn point(&mut self, link: &Path, target: &Path) -> Result<(), StateError> {
        self.links
            .push((link.into(), std::fs::read_link(link).ok()));
        files::point(link, target)
    }

    /// Puts everything back, as far as the disk lets us.
    pub fn restore(self, places: &Places) -> Result<(), StateError> {
        files::remove(&places.transition())?;
        for (link, target) in self.links.into_iter().rev() {
            match target {
                Some(target) => files::point(&link, &target)?,
                None => files::remove(&link)?,
            }
        }
        for (path, bytes) in self.files.into_iter().rev() {
            match bytes {
                Some(bytes) => files::replace(&path, &bytes)?,
                None => files::remove(&path)?,
            }
        }
        Ok(())
    }
}
