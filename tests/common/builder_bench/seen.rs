//! What tests see of a Builder.

use super::Bench;
use kiln::events::{Event, EventKind, Item};
use kiln::model::{BlockedReason, GenerationNumber};
use std::sync::Arc;
use std::time::Duration;

impl Bench {
    pub fn why_it_waits(&self, number: GenerationNumber) -> Option<BlockedReason> {
        Some(self.generation(number).blocked()?.reason)
    }

    /// How often this was announced so far: see [`Bench::events`].
    pub async fn times(&self, event: &str) -> usize {
        let events = self.events().await;
        events.iter().filter(|found| *found == event).count()
    }

    /// What was announced after `seq` so far. Numbers are skipped over a crash:
    /// waiting for the newest to arrive would be waiting for ever. A moment of
    /// the paused clock passes when nothing else can happen, reading included.
    pub async fn announced(&self, seq: u64) -> Vec<Arc<Event>> {
        let mut subscription = self.state.events().subscribe(seq);
        let mut events = Vec::new();
        let moment = Duration::from_micros(1);
        while let Ok(item) = tokio::time::timeout(moment, subscription.next()).await {
            let Some(Item::Event(event)) = item else {
                panic!("lagged")
            };
            events.push(event);
        }
        events
    }

    /// Everything announced so far, each as a word and a number.
    pub async fn events(&self) -> Vec<String> {
        let mut names = Vec::new();
        for event in self.announced(0).await {
            names.push(match &event.kind {
                EventKind::EvalStarted { generation } => {
                    format!("eval_started {}", generation.number)
                }
                EventKind::EvalFinished { generation } => {
                    format!("eval_finished {}", generation.number)
                }
                EventKind::BuildStarted { generation } => {
                    format!("build_started {}", generation.number)
                }
                EventKind::BuildFinished { generation } => {
                    format!("build_finished {}", generation.number)
                }
                EventKind::BaselineMoved { .. } => "baseline_moved".into(),
                EventKind::StateRecovered { .. } => "state_recovered".into(),
                other => format!("{other:?}"),
            });
        }
        names
    }
}
