//! What callers ask for: each command finds a settled state and leaves one.

use super::actor::Actor;
use super::machine::{Illegal, admit_build, admit_confirmation};
use super::{HoldFor, Refusal, Selected, Timeouts};
use crate::events::EventKind;
use crate::model::{CommitId, Generation, GenerationNumber, Hold, now};
use crate::source::Selection;
use crate::state::{Change, StateError};

impl Actor {
    pub(super) async fn select(&mut self, selection: Selection) -> Result<Selected, Refusal> {
        if let Some(hold) = self.hold.clone() {
            self.held_back = Some(selection);
            return Ok(Selected::Held(hold));
        }
        let newest = self
            .state
            .reader()
            .newest(None, |generation| !generation.by_hand);
        if let Some(newest) = newest.filter(|newest| self.is_selection(newest, &selection)) {
            let there = match newest.evaluated() {
                Some(evaluated) if newest.built().is_some() => {
                    self.existing(evaluated, newest.number).await.is_some()
                }
                _ => true, // in work, or ended in a way that only somebody's asking changes
            };
            if there {
                return Ok(Selected::Unchanged(newest));
            }
        }
        self.new_generation(selection, false, true)
            .await
            .map(Selected::New)
    }

    pub(super) fn is_selection(&self, generation: &Generation, selection: &Selection) -> bool {
        generation.commit.id == selection.commit.id
            && generation.commit.tree == selection.commit.tree
            && generation.origin.testing == selection.origin.testing
            && generation.host == self.config.host
            && generation.backend == self.config.backend
    }

    /// Asked for by somebody: it always evaluates. Without a hold, one that was
    /// in force ends, and what it held back with it.
    pub(super) async fn eval(
        &mut self,
        selection: Selection,
        by_hand: bool,
        hold: Option<HoldFor>,
    ) -> Result<Generation, Refusal> {
        if hold.is_some() || self.hold.is_some() {
            self.record_hold(hold.map(in_force)).await?;
        }
        if self.hold.is_none() {
            self.held_back = None;
        }
        self.new_generation(selection, by_hand, false).await
    }

    pub(super) async fn record_hold(&mut self, hold: Option<Hold>) -> Result<(), Refusal> {
        let recorded = hold.clone();
        self.write(move |state| {
            state.apply(&Change {
                hold: Some(recorded.as_ref()),
                ..Change::default()
            })
        })
        .await
        .map_err(|error| refused(&error))?;
        self.hold = hold;
        Ok(())
    }

    pub(super) async fn submit(
        &mut self,
        number: Option<GenerationNumber>,
        retry: bool,
    ) -> Result<Generation, Refusal> {
        self.settled().await?;
        let (asked, generation) = self.asked(number)?;
        let in_work = self.work.as_ref().map(|generation| generation.number);
        admit_build(asked, generation.as_ref(), in_work, retry, &self.guards())?;
        let generation = generation.ok_or(Refusal::UnknownGeneration(asked))?;
        let submitted = generation.build_submitted(now(), &self.guards());
        self.go_on(asked, submitted).await
    }

    pub(super) async fn confirm(
        &mut self,
        number: Option<GenerationNumber>,
    ) -> Result<Generation, Refusal> {
        self.settled().await?;
        let (asked, generation) = self.asked(number)?;
        let in_work = self.work.as_ref().map(|generation| generation.number);
        admit_confirmation(asked, generation.as_ref(), in_work, &self.guards())?;
        let generation = generation.ok_or(Refusal::UnknownGeneration(asked))?;
        let confirmed = generation.build_submitted(now(), &self.guards());
        self.go_on(asked, confirmed).await
    }

    /// The generation a command is about, by default the latest.
    fn asked(
        &self,
        number: Option<GenerationNumber>,
    ) -> Result<(GenerationNumber, Option<Generation>), Refusal> {
        let reader = self.state.reader();
        let asked = match number {
            Some(number) => number,
            None => reader.latest().ok_or(Refusal::NoGeneration)?.number,
        };
        Ok((asked, reader.generation(asked)))
    }

    async fn go_on(
        &mut self,
        asked: GenerationNumber,
        next: Result<Generation, Illegal>,
    ) -> Result<Generation, Refusal> {
        self.work = Some(next.map_err(|error| Refusal::State(error.to_string()))?);
        self.proceed().await;
        let reader = self.state.reader();
        reader
            .generation(asked)
            .ok_or(Refusal::UnknownGeneration(asked))
    }

    /// Moves the baseline by hand. What was made before is of the history that
    /// was left, and moves it no more: the number is kept beside the baseline.
    pub(super) async fn accept_reset(
        &mut self,
        commit: CommitId,
        reason: String,
    ) -> Result<Option<CommitId>, Refusal> {
        if !self.config.has_baseline {
            return Err(Refusal::NoBaseline);
        }
        let reader = self.state.reader();
        let from = reader.baseline();
        if from.as_deref() == Some(commit.as_str()) {
            return Err(Refusal::BaselineAlready(commit));
        }
        let event = EventKind::BaselineMoved {
            from: from.clone(),
            to: commit.to_string(),
            reason,
        };
        let before = reader.latest().map(|latest| latest.number);
        self.write(move |state| {
            state.apply(&Change {
                baseline: Some(&commit),
                reset_after: before,
                events: vec![event],
                ..Change::default()
            })
        })
        .await
        .map_err(|error| refused(&error))?;
        Ok(from.and_then(|from| from.parse().ok()))
    }

    /// What begins from now on has these limits.
    pub(super) fn configure(&mut self, timeouts: Timeouts) {
        let config = &mut self.config;
        config.eval_timeout = timeouts.eval_timeout;
        config.eval_memory = timeouts.eval_memory;
        config.build_timeout = timeouts.build_timeout;
        config.silence_timeout = timeouts.silence_timeout;
    }
}

fn in_force(hold: HoldFor) -> Hold {
    let since = now();
    let until = hold
        .duration
        .map(|duration| since.saturating_add(duration.try_into().unwrap_or(time::Duration::MAX)));
    Hold {
        since,
        until,
        by: hold.by,
    }
}

pub(super) fn refused(error: &StateError) -> Refusal {
    Refusal::State(error.to_string())
}
