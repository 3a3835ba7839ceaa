//! A step in a room, as the agent has it: what is asked of the room's process, which
//! may be another one than the last step's.

use super::rooms::Room;
use super::spec::{LastWord, Object, Report, SetupError, Spec};
use super::views::{Choice, Views};
use crate::process::{End, Ended};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{MutexGuard, PoisonError};

pub(super) struct InRoom<'a> {
    room: &'a Room,
    views: MutexGuard<'a, Views>,
    /// All inputs: the choice has those that are asked for.
    inputs: BTreeMap<String, Object>,
    asked: RefCell<(Spec, Choice)>,
    /// Else the next step starts without.
    keeps_view: bool,
}

impl<'a> InRoom<'a> {
    pub fn new(room: &'a Room, mut spec: Spec) -> Self {
        InRoom {
            room,
            views: room.views.lock().unwrap_or_else(PoisonError::into_inner),
            inputs: std::mem::take(&mut spec.inputs),
            asked: RefCell::new((spec, Choice::default())),
            keeps_view: false,
        }
    }

    /// For the room's process that was started after so many others.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn request(&self, start: u64) -> io::Result<Vec<u8>> {
        let mut choice = self.views.choose(start, &self.room.spec, &self.inputs);
        let asked = &mut *self.asked.borrow_mut();
        let (spec, _) = asked;
        spec.inputs = std::mem::take(&mut choice.inputs);
        spec.view = choice.view.clone();
        spec.next = choice.next.clone();
        let request = serde_json::to_vec(spec);
        asked.1 = choice;
        Ok(request?)
    }

    /// It has ended: what is its own goes to its scratch folder.
    ///
    /// # Errors
    /// Names what could not be moved there.
    pub fn over(mut self, ended: &Ended, scratch: &Path) -> Result<(), SetupError> {
        if matches!(ended, Ended::Without(End::Stuck { .. })) {
            return Ok(()); // somebody may still write there
        }
        let choice = std::mem::take(&mut self.asked.borrow_mut().1);
        let inputs = std::mem::take(&mut self.inputs);
        self.views.ran(choice, &self.room.spec, inputs, scratch)?;
        if let Ended::Said(word) = ended
            && let Ok(LastWord { report, view_size }) = serde_json::from_slice(word)
        {
            // Else the room never heard which view it was to have.
            self.keeps_view = !matches!(report, Report::Failed { .. });
            self.views.check_size(view_size);
        }
        Ok(())
    }
}

impl Drop for InRoom<'_> {
    fn drop(&mut self) {
        if !self.keeps_view {
            self.views.forget();
        }
    }
}
