//! A step in a room, as the agent has it: what is asked of the room's process, which
//! may be another one than the last step's.

use super::rooms::Room;
use super::spec::{LastWord, SetupError, Spec};
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
    inputs: BTreeMap<String, super::spec::Object>,
    asked: RefCell<(Spec, Choice)>,
}

impl<'a> InRoom<'a> {
    pub fn new(room: &'a Room, mut spec: Spec) -> Self {
        InRoom {
            room,
            views: room.views.lock().unwrap_or_else(PoisonError::into_inner),
            inputs: std::mem::take(&mut spec.inputs),
            asked: RefCell::new((spec, Choice::default())),
        }
    }

    /// For the room's process that was started after so many others.
    ///
    /// # Errors
    /// When it cannot be written, or the view it relies on cannot be made ready.
    pub fn request(&self, start: u64) -> io::Result<Vec<u8>> {
        let mut choice = self.views.choose(start, &self.room.spec, &self.inputs);
        let prepared = self.views.prepare(&choice, &self.room.spec);
        prepared.map_err(io::Error::other)?;
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
    pub fn over(self, ended: &Ended, scratch: &Path) -> Result<(), SetupError> {
        let InRoom {
            room,
            mut views,
            inputs,
            asked,
        } = self;
        let (_, choice) = asked.into_inner();
        let spoils = |said: &[u8]| {
            serde_json::from_slice(said).is_ok_and(|LastWord { spoils_view, .. }| spoils_view)
        };
        match ended {
            // Somebody may still write.
            Ended::Without(End::Stuck { .. }) => views.forget(),
            Ended::Said(_) | Ended::Without(_) | Ended::NotBegun => {
                views.ran(choice, &room.spec, inputs, scratch)?;
            }
        }
        if matches!(ended, Ended::Said(said) if spoils(said)) {
            views.forget();
        }
        Ok(())
    }
}
