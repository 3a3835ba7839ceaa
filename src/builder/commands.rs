//! What callers ask for: each command finds a settled state and leaves one.

use super::actor::Actor;
use super::machine::{Illegal, admit_build, admit_confirmation};
use super::{HoldFor, Refusal, Selected, Timeouts};
use crate::events::EventKind;
use crate::model::{CommitId, Generation, GenerationNumber, Hold};
use crate::source::Selection;
use crate::state::{Change, StateError};
use time::OffsetDateTime;

impl Actor {
    pub(super) async fn select(&mut self, selection: Selection) -> Result<Selected, Refusal> {
        if let Some(hold) = self.hold.clone() {
            self.held_back = Some(selection);
            return Ok(Selected::Held(hold));
        }
        let newest = self.newest(None, |generation| !generation.by_hand).await;
        if let Some(newest) = newest.filter(|newest| self.is_selection(newest, &selection)) {
            if newest.was_superseded() && self.is_busy_by_hand() {
                self.held_back = Some(selection);
                return Ok(Selected::Unchanged(newest));
            }
            let there = match newest.evaluated() {
                Some(evaluated) if newest.built().is_some() => {
                    self.existing(evaluated, newest.number).await.is_some()
                }
                // Otherwise in work, or ended in a way that only somebody's asking changes.
                _ => !newest.was_superseded(),
            };
            if there {
                return Ok(Selected::Unchanged(newest));
            }
        }
        // What the disk refuses is tried again: nobody selects it a second time.
        self.held_back = Some(selection.clone());
        let made = self.new_generation(selection, false, false).await?;
        self.held_back = None;
        Ok(Selected::New(made))
    }

    /// What a generation made by hand took the place of, before it had ended,
    /// is still to be built: the selection takes over when that one has ended.
    pub(super) fn remember_selection(&mut self) {
        let waiting = self.newer.as_ref();
        let unfinished = waiting.or(self.work.as_ref());
        let selected = unfinished.filter(|of| !of.by_hand && !of.is_ended());
        if let Some(Generation { commit, origin, .. }) = selected.cloned() {
            self.held_back = Some(Selection { commit, origin });
        }
    }

    /// A generation made by hand is in work, or waits to be.
    fn is_busy_by_hand(&self) -> bool {
        let waiting = self.newer.as_ref();
        let is_by_hand = |of: &Generation| of.by_hand && !of.is_for_another_machine();
        waiting.is_some_and(is_by_hand) || self.work.as_ref().is_some_and(is_by_hand)
    }

    /// Nothing keeps what was held back from taking over any more.
    pub(super) fn selection_is_due(&self) -> bool {
        let is_free = self.newer.is_none()
            && self.job.is_none()
            && self.owed.is_none()
            && self
                .work
                .as_ref()
                .is_none_or(Generation::is_for_another_machine);
        is_free && self.hold.is_none() && self.held_back.is_some()
    }

    /// The selection takes over once nothing keeps it from it any more.
    pub(super) async fn selection_takes_over(&mut self) {
        if !self.selection_is_due() {
            return;
        }
        if let Some(selection) = self.held_back.take()
            && let Err(error) = self.select(selection).await
        {
            tracing::error!(%error, "the selection does not take over yet; tried again");
        }
    }

    pub(super) fn is_selection(&self, generation: &Generation, selection: &Selection) -> bool {
        generation.commit.id == selection.commit.id
            && generation.commit.tree == selection.commit.tree
            && generation.origin.testing == selection.origin.testing
            // Which say the backend too.
            && generation.settings == self.settings
            && generation.host == self.config.host
    }

    /// Asked for by somebody: it always evaluates. Without a hold, one that was
    /// in force ends; what it held back is built after a generation made by hand.
    pub(super) async fn eval(
        &mut self,
        selection: Selection,
        by_hand: bool,
        hold: Option<HoldFor>,
    ) -> Result<Generation, Refusal> {
        if hold.is_some() || self.hold.is_some() {
            let since = self.now();
            self.record_hold(hold.map(|hold| in_force(hold, since)))
                .await?;
        }
        let before = self.held_back.clone();
        match by_hand {
            true => self.remember_selection(),
            false => self.held_back = None,
        }
        let made = self.new_generation(selection.clone(), by_hand, true).await;
        if made.is_err() {
            let goes_on = self.owed.is_none() && self.work.is_some();
            match goes_on {
                true => self.held_back = before,
                // What was being made of it has ended, and nobody selects it again.
                false if !by_hand => self.held_back = Some(selection),
                false => {}
            }
        }
        made
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
        let submitted = generation.build_submitted(self.now(), &self.guards());
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
        let confirmed = generation.build_submitted(self.now(), &self.guards());
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
        let next = next.map_err(|error| Refusal::State(error.to_string()))?;
        if self.work.is_none() {
            self.finished_in_a_row = 0; // the row ended with what was in work
        }
        self.work = Some(Generation {
            in_a_row: self.finished_in_a_row,
            ..next
        });
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

fn in_force(hold: HoldFor, since: OffsetDateTime) -> Hold {
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
