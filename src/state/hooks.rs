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
        | EventKind::ConfigurationReloaded { .. }
        | EventKind::StateRecovered { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Item;
    use crate::fixtures::{NOW, at, evaluated, generation, succeeded};
    use crate::model::HookStatus;

    fn plan() -> HookPlan {
        let entry = |name: &str, on| (name.parse().unwrap(), vec![on]);
        HookPlan(vec![
            entry("apply", Occasion::Built),
            entry("tell", Occasion::Suspended),
        ])
    }

    async fn built(folder: &std::path::Path) -> (State, Generation) {
        let state = State::open(folder).await.unwrap();
        state.plan_hooks(plan());
        let generation = generation(1, 'a', evaluated(succeeded()));
        let told = generation.clone();
        let change = Change {
            generation: Some(&generation),
            becomes_current: true,
            occasion: Some(Occasion::Built),
            events: vec![EventKind::BuildFinished { generation: told }],
            ..Change::default()
        };
        state.apply(&change).unwrap();
        (state, generation)
    }

    fn hooks(state: &State) -> Vec<Hook> {
        let number = GenerationNumber(1);
        let indexed = state.reader().generation(number).unwrap().hooks;
        let folder = &state.places().folder;
        let filed = files::read_generation(folder, number).unwrap().unwrap();
        assert_eq!(indexed, filed.hooks);
        indexed
    }

    #[tokio::test]
    async fn hooks_become_due_with_the_transition_they_run_after_and_its_event_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let (state, _) = built(folder.path()).await;
        let due = [Hook::due("apply".parse().unwrap(), Occasion::Built)];
        assert_eq!(hooks(&state), due);
        let Some(Item::Event(event)) = state.events().subscribe(0).next().await else {
            panic!("there is an event");
        };
        match &event.kind {
            EventKind::BuildFinished { generation } => assert_eq!(generation.hooks, due),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn the_builders_copy_of_a_generation_never_takes_back_what_a_hook_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let (state, copy) = built(folder.path()).await;
        let running = HookStatus::Running {
            attempt: 1,
            started_at: at(NOW),
        };
        let update = |hooks: &mut Vec<Hook>| {
            hooks[0].status = running.clone();
            Vec::new()
        };
        state.update_hooks(GenerationNumber(1), update).unwrap();
        assert_eq!(copy.hooks, [], "it was made before");
        let change = Change {
            generation: Some(&copy),
            ..Change::default()
        };
        state.apply(&change).unwrap();
        assert_eq!(hooks(&state)[0].status, running);
    }

    #[tokio::test]
    async fn what_is_about_no_generation_is_recorded_with_the_current_one() {
        let folder = tempfile::tempdir().unwrap();
        let (state, _) = built(folder.path()).await;
        let change = Change {
            occasion: Some(Occasion::Suspended),
            ..Change::default()
        };
        state.apply(&change).unwrap();
        assert_eq!(hooks(&state).len(), 2);
        let change = Change {
            occasion: Some(Occasion::Resumed),
            ..Change::default()
        };
        state.apply(&change).unwrap();
        assert_eq!(hooks(&state).len(), 2, "no hook runs after that");
        let gone = state.update_hooks(GenerationNumber(9), |_| Vec::new());
        assert!(gone.is_err());
    }
}
