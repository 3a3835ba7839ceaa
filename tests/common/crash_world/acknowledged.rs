//! What an agent said, which it may not take back.

use kiln::pb;
use std::collections::BTreeMap;

/// What was answered or announced; from the other side it cannot be taken back.
#[derive(Default)]
pub(super) struct Acknowledged {
    /// Number to id and whether its build was said to have succeeded.
    pub(super) generations: BTreeMap<u32, (String, bool)>,
    /// Durable events, by number, as they were sent.
    pub(super) events: BTreeMap<u64, pb::Event>,
    /// `None`: an answer was cut off, it may be either.
    pub(super) suspended: Option<bool>,
    pub(super) baseline: String,
    pub(super) answers: usize,
}

impl Acknowledged {
    pub(super) fn generation(&mut self, generation: &pb::Generation) {
        let known = self.generations.entry(generation.number);
        let (uuid, built) = known.or_insert_with(|| (generation.uuid.clone(), false));
        assert_eq!(
            *uuid, generation.uuid,
            "number {} is used twice",
            generation.number
        );
        *built |= is_built(generation);
    }

    pub(super) fn event(&mut self, event: pb::Event) {
        if !event.durable {
            return;
        }
        if let Some(generation) = generation_of(&event) {
            self.generation(generation);
        }
        if let Some(known) = self.events.get(&event.seq) {
            assert_eq!(*known, event, "event {} is another one now", event.seq);
        }
        self.events.insert(event.seq, event);
    }
}

pub(super) fn is_built(generation: &pb::Generation) -> bool {
    let status = generation.build.as_ref().map(|build| build.status);
    status == Some(pb::BuildStatus::Succeeded.into())
}

fn generation_of(event: &pb::Event) -> Option<&pb::Generation> {
    use pb::event::Event;
    match event.event.as_ref()? {
        Event::EvalStarted(e) => e.generation.as_ref(),
        Event::EvalFinished(e) => e.generation.as_ref(),
        Event::BuildStarted(e) => e.generation.as_ref(),
        Event::BuildFinished(e) => e.generation.as_ref(),
        _ => None,
    }
}
