//! Records as the Builder writes them, for tests of the state alone.
#![allow(dead_code, reason = "each test file uses its part")]

use kiln::events::EventKind;
use kiln::model::{CommitId, Generation};
use kiln::state::{Change, State};
use std::path::Path;

pub async fn open(folder: &Path) -> State {
    kiln::process::set_program(env!("CARGO_BIN_EXE_kiln"));
    State::open(folder).await.unwrap()
}

pub fn commit(number: u32) -> CommitId {
    format!("{number:040x}").parse().unwrap()
}

fn record(name: &str, number: u32) -> Generation {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/records-v1");
    let text = std::fs::read_to_string(format!("{folder}/generation-{name}.json")).unwrap();
    let mut generation: Generation = serde_json::from_str(&text).unwrap();
    generation.number = kiln::model::GenerationNumber(number);
    generation.commit.id = commit(number);
    generation
}

pub fn built(number: u32) -> Generation {
    record("build-succeeded", number)
}

pub fn failed(number: u32) -> Generation {
    record("build-failed", number)
}

pub fn running(number: u32) -> Generation {
    record("build-running", number)
}

/// The whole end of a build: record, current, baseline, events.
pub fn built_change(generation: &Generation) -> Change<'_> {
    let events = vec![
        EventKind::BuildFinished {
            generation: generation.clone(),
        },
        EventKind::BaselineMoved {
            from: None,
            to: generation.commit.id.to_string(),
            reason: "built".into(),
        },
    ];
    Change {
        generation: Some(generation),
        becomes_current: true,
        baseline: Some(&generation.commit.id),
        events,
        ..Change::default()
    }
}

pub fn build(state: &State, number: u32) {
    state.apply(&built_change(&built(number))).unwrap();
}
