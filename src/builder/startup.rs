//! What a start finds: the work that a crash or a shutdown interrupted goes on,
//! and what nobody goes on with ends.

use super::actor::Actor;
use super::machine::Guards;
use crate::events::EventKind;
use crate::model::{CancelledBy, Evaluation, Generation, Preemption};
use crate::state::StateError;
use std::sync::Arc;
use time::OffsetDateTime;

impl Actor {
    /// Takes up what is unfinished. At most one generation is in work and one
    /// waits for it; what else is found gave way, and a crash kept that from
    /// being recorded; or it is another host's or backend's: the state may have
    /// been copied.
    pub(super) async fn start_over(&mut self) {
        let mut ours = Vec::new();
        for found in self.unfinished().await {
            match self.is_ours(&found).await {
                true => ours.push(found),
                false => self.end_left(&found, CancelledBy::Stop).await,
            }
        }
        let mut ours = ours.into_iter();
        let Some(newest) = ours.next() else { return };
        let (built, gave_way): (Vec<_>, Vec<_>) = ours.partition(Generation::was_being_built);
        for older in gave_way.iter().chain(built.iter().skip(1)) {
            let by = CancelledBy::Superseded(newest.number);
            self.end_left(older, by).await;
        }
        self.take_up(newest, built.into_iter().next()).await;
    }

    /// Everything that is not ended, newest first: rarely more than one, which
    /// may be any that is kept, as somebody may have submitted an old one again.
    async fn unfinished(&self) -> Vec<Generation> {
        let state = Arc::clone(&self.state);
        let found = tokio::task::spawn_blocking(move || {
            let reader = state.reader();
            let mut found: Vec<Generation> = Vec::new();
            while let Some(next) =
                reader.newest(found.last().map(|last| last.number), is_unfinished)
            {
                found.push(next);
            }
            found
        });
        found
            .await
            .inspect_err(|error| tracing::error!(%error, "what was interrupted is not known"))
            .unwrap_or_default()
    }

    /// Nobody goes on with it.
    async fn end_left(&mut self, found: &Generation, by: CancelledBy) {
        self.announce_death(found).await;
        if let Some(left) = found.clone().left_behind(by, self.now(), &self.guards())
            && let Err(error) = self.record_left(&left).await
        {
            tracing::error!(%error, number = %left.number, "its end is not recorded");
        }
    }

    /// That a failure is not tried again is no end: that was announced before.
    async fn record_left(&self, left: &Generation) -> Result<(), StateError> {
        match left.after_failure() {
            Some(_) => self.record(left, Vec::new()).await,
            None => self.record_end(left).await,
        }
    }

    async fn record_end(&self, left: &Generation) -> Result<(), StateError> {
        let generation = left.clone();
        let event = match left.build() {
            Some(_) => EventKind::BuildFinished { generation },
            None => EventKind::EvalFinished { generation },
        };
        self.record(left, vec![event]).await
    }

    /// The end of an attempt that a crash interrupted: nobody heard of it.
    async fn announce_death(&self, interrupted: &Generation) {
        let Some(died) = interrupted.clone().died(self.now(), &self.guards()) else {
            return;
        };
        if let Err(error) = self.record_end(&died).await {
            tracing::error!(%error, number = %died.number, "the end of what a crash interrupted is not recorded");
        }
    }

    /// What a crash or a shutdown interrupted goes on; `older` is a build that
    /// it may have waited for.
    async fn take_up(&mut self, interrupted: Generation, older: Option<Generation>) {
        self.announce_death(&interrupted).await;
        if let Some(older) = older
            && self.build_goes_on(older, &interrupted).await
        {
            return;
        }
        let Some(unfinished) = interrupted.taken_up(self.now(), &self.guards()) else {
            return;
        };
        tracing::info!(generation = %unfinished.number, "an unfinished generation is taken up");
        self.finished_in_a_row = unfinished.in_a_row;
        if unfinished.next_try().is_some() {
            self.work = Some(unfinished);
        } else if let Evaluation::Pending { .. } = unfinished.evaluation {
            // Settings may be others now: what is known under those counts.
            let settings = self.settings.clone();
            self.begin(Generation {
                settings,
                ..unfinished
            })
            .await;
        } else {
            self.work = Some(unfinished);
            self.proceed().await;
        }
    }

    /// Whether the older build goes on and `latest` waits for it as before; else
    /// the older one has ended.
    async fn build_goes_on(&mut self, older: Generation, latest: &Generation) -> bool {
        let waits = matches!(latest.evaluation, Evaluation::Pending { .. });
        let lets_finish = match self.config.preemption {
            Preemption::Always => false,
            Preemption::FinishBuild(_) => waits,
        };
        let again = older.clone().taken_up(self.now(), &self.guards());
        if let Some(again) = again.filter(|again| lets_finish && again.blocked().is_none()) {
            self.announce_death(&older).await;
            self.finished_in_a_row = again.in_a_row;
            self.work = Some(again);
            self.newer = Some(latest.clone());
            self.proceed().await;
            return true;
        }
        let by = CancelledBy::Superseded(latest.number);
        self.end_left(&older, by).await;
        false
    }
}

/// A restart goes on with it.
fn is_unfinished(generation: &Generation) -> bool {
    let goes_on = |of: Generation| of.taken_up(OffsetDateTime::UNIX_EPOCH, &Guards::default());
    goes_on(generation.clone()).is_some()
}
