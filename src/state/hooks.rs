//! Hooks in a generation's record. The Builder and the hooks' task write the
//! same file: here, under the writing lock, each keeps its hands off what the
//! other wrote. Hooks come from the file alone, never from the Builder's copy.

use super::{Change, State, StateError, files, locked};
use crate::events::EventKind;
use crate::model::{Generation, GenerationNumber, Hook, HookPlan, Occasion};

impl State {
    /// Which hooks the transitions from now on make due.
    pub fn plan_hooks(&self, plan: HookPlan) {
        *locked(&self.shared.plan) = plan;
    }

    /// Reads a generation's hooks, lets `update` change them, and records them
    /// with the events it answers with, in one transition.
    ///
    /// # Errors
    /// When there is no such generation, or it cannot be written; then nothing
    /// was announced.
    pub fn update_hooks(
        &self,
        number: GenerationNumber,
        update: impl FnOnce(&mut Vec<Hook>) -> Vec<EventKind>,
    ) -> Result<(), StateError> {
        let writing = locked(&self.shared.writing);
        let places = &self.shared.places;
        let found = files::read_generation(&places.folder, number)?;
        let mut generation = found.ok_or_else(|| StateError::Unexpected {
            path: places.generation(number),
            message: "is gone with its hooks".into(),
        })?;
        let events = update(&mut generation.hooks);
        let change = Change {
            generation: Some(&generation),
            events,
            ..Change::default()
        };
        self.transition(&change, writing)
    }

    /// What to write for `change`: its generation with the hooks that are
    /// recorded and those it makes due, in its events too.
    pub(super) fn with_hooks(&self, change: &Change<'_>) -> (Option<Generation>, Vec<EventKind>) {
        let mut events = change.events.clone();
        let plan = locked(&self.shared.plan).clone();
        let about = match (change.generation, change.occasion) {
            (Some(generation), _) => Some(generation.clone()),
            (None, Some(occasion)) if plan.has(occasion) => self.newest(),
            (None, _) => None,
        };
        let Some(mut generation) = about else {
            return (None, events);
        };
        generation.hooks = self.recorded_hooks(generation.number);
        if let Some(occasion) = change.occasion {
            plan.make_due(&mut generation.hooks, occasion);
        }
        for event in &mut events {
            if let Some(told) = generation_of(event)
                && told.number == generation.number
            {
                told.hooks.clone_from(&generation.hooks);
            }
        }
        (Some(generation), events)
    }

    /// The current generation, else the latest, as its file has it.
    fn newest(&self) -> Option<Generation> {
        let folder = &self.shared.places.folder;
        let current = files::read_current(folder).ok().flatten();
        let number = current.or_else(|| files::numbers(folder).ok()?.pop())?;
        files::read_generation(folder, number).ok().flatten()
    }

    fn recorded_hooks(&self, number: GenerationNumber) -> Vec<Hook> {
        let read = files::read_generation(&self.shared.places.folder, number);
        let found = read.unwrap_or_else(|error| {
            tracing::error!(%error, "its hooks are forgotten");
            None
        });
        found.map_or_else(Vec::new, |generation| generation.hooks)
    }
}

impl HookPlan {
    fn has(&self, occasion: Occasion) -> bool {
        self.0.iter().any(|(_, on)| on.contains(&occasion))
    }
}

/// The generation an event carries.
fn generation_of(event: &mut EventKind) -> Option<&mut Generation> {
    match event {
        EventKind::EvalStarted { generation }
        | EventKind::EvalFinished { generation }
        | EventKind::BuildStarted { generation }
        | EventKind::BuildFinished { generation } => Some(generation),
        EventKind::Fetched { .. }
        | EventKind::Selected { .. }
        | EventKind::StepStarted { .. }
        | EventKind::StepFinished { .. }
        | EventKind::HookFinished { .. }
        | EventKind::Suspended { .. }
        | EventKind::Resumed { .. }
        | EventKind::BaselineMoved { .. }
        | EventKind::StateRecovered { .. } => None,
    }
}
