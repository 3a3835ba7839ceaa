//! Inputs that a room has mounted in the store already when the next step comes: those
//! that the steps before it had in common.
//!
//! To mount an input takes ten times as long as to copy its mount with the namespace of
//! the next step, and that goes on before there is a step. The mount points lie in a
//! folder on the disk that all steps with this view have as their store, one after the
//! other; after each the agent takes out what it left there (`views.rs`). None of them
//! can touch a mount point: in its namespace something is mounted there.

use super::backstage;
use super::mounts::Source;
use super::spec::{Attempt, Layout, STORE, SetupError, Spec};
use super::step_root::one_time;
use super::store_view::{Input, by_name, show_in};
use nix::mount::{MntFlags, umount2};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

/// What is mounted in the room's store.
pub(super) struct View {
    /// The name of the folder that is the store.
    pub folder: String,
    pub inputs: BTreeSet<String>,
    /// Of the folder itself, with its mount points.
    pub size: u64,
}

/// A view that is to be made: inputs of the step that has just ended.
pub(super) struct Wanted {
    pub folder: String,
    pub inputs: BTreeSet<String>,
    pub of: Spec,
}

impl View {
    /// Mounts it, where nothing is mounted yet.
    ///
    /// # Errors
    /// Names the input that is not there, or could not be mounted.
    pub fn make(wanted: Wanted) -> Result<Self, SetupError> {
        let Wanted { folder, inputs, of } = wanted;
        let found = inputs.iter().map(|name| match of.inputs.get(name) {
            Some(at) => Input::find(name, at, by_name),
            None => Err(io::Error::from(io::ErrorKind::NotFound))
                .attempt(|| format!("find the input {name} of a view")),
        });
        let found = found.collect::<Result<Vec<_>, _>>()?;
        let store = Layout(&backstage::scratch(&folder)?).store();
        show_in(&Source::At(store), &found)?;
        drop(found);
        // Which of its steps is the first is nothing for it to see.
        one_time(Path::new(STORE)).attempt(|| "set the time of the room's store".into())?;
        let made = fs::metadata(STORE).attempt(|| "look at the room's store".into())?;
        Ok(View {
            folder,
            inputs,
            size: made.len(),
        })
    }

    /// Takes it out of the store.
    ///
    /// # Errors
    /// As umount(2).
    pub fn leave() -> Result<(), SetupError> {
        umount2(STORE, MntFlags::MNT_DETACH).attempt(|| "leave the store of the room".into())
    }
}
