//! What is ended on purpose: suspension, stop and shutdown.

use super::actor::{Actor, next_end};
use super::commands::refused;
use super::{BuilderState, Phase, Refusal};
use crate::events::EventKind;
use crate::model::{BlockedReason, Build, CancelledBy, Generation, Occasion, Suspension};
use crate::process::{GIVE_UP, GRACE};
use crate::state::Change;
use std::time::Duration;
use time::OffsetDateTime;

/// A backend that does not come back by then broke its contract; its task is dropped.
const FIRM: Duration = Duration::from_secs(10)
    .saturating_add(GRACE)
    .saturating_add(GIVE_UP);

impl Actor {
    pub(super) async fn suspend(
        &mut self,
        reason: String,
        duration: Option<Duration>,
        by: String,
    ) -> Result<BuilderState, Refusal> {
        if let Some(suspension) = &self.suspension {
            return Err(Refusal::AlreadySuspended(suspension.clone()));
        }
        let since = self.now();
        let until = duration.map(|duration| later(since, duration));
        let suspension = Suspension {
            since,
            until,
            reason,
            by,
        };
        let suspension = at_most(suspension, self.config.max_suspend);
        let recorded = suspension.clone();
        self.write(move |state| {
            let events = vec![EventKind::Suspended {
                suspension: recorded.clone(),
            }];
            state.apply(&Change {
                suspension: Some(Some(&recorded)),
                occasion: Some(Occasion::Suspended),
                events,
                ..Change::default()
            })
        })
        .await
        .map_err(|error| refused(&error))?;
        self.suspension = Some(suspension);
        let is_building = matches!(
            self.work.as_ref().and_then(Generation::build),
            Some(Build::Running { .. })
        );
        if is_building {
            match self.newer.as_ref().map(|newer| newer.number) {
                Some(newer) => {
                    self.stop_job(CancelledBy::Superseded(newer)).await;
                    self.newer_begins().await;
                }
                None => self.stop_job(CancelledBy::Suspend).await,
            }
        } else {
            self.reconsider().await;
        }
        self.publish();
        Ok(self.published())
    }

    pub(super) async fn resume(&mut self, by: String) -> Result<BuilderState, Refusal> {
        if self.suspension.is_none() {
            return Err(Refusal::NotSuspended);
        }
        self.write(move |state| {
            let events = vec![EventKind::Resumed { by }];
            state.apply(&Change {
                suspension: Some(None),
                occasion: Some(Occasion::Resumed),
                events,
                ..Change::default()
            })
        })
        .await
        .map_err(|error| refused(&error))?;
        self.suspension = None;
        self.reconsider().await;
        self.publish();
        Ok(self.published())
    }

    /// What holds a build back that waits is another thing now.
    pub(super) async fn reconsider(&mut self) {
        let waiting = |work: &mut Generation| matches!(work.build(), Some(Build::Pending { .. }));
        if let Some(waiting) = self.work.take_if(waiting) {
            let resumed = waiting
                .clone()
                .build_reconsidered(self.now(), &self.guards());
            self.work = Some(resumed.unwrap_or(waiting));
            self.proceed().await;
        }
    }

    /// Ends what runs, and what waits: for a build, a time, a consent, a cache or
    /// space. What waits for the end of a suspension, or is for another machine,
    /// says so still.
    ///
    /// # Errors
    /// When that could not be recorded: then what waits may still begin.
    pub(super) async fn stop(&mut self) -> Result<(), Refusal> {
        self.stop_job(CancelledBy::Stop).await;
        self.leave_newer(CancelledBy::Stop).await;
        let stays = match self.work.as_ref().and_then(Generation::blocked) {
            None => false, // evaluated while it was stopped, or it waits for its next try
            Some(blocked) => match blocked.reason {
                BlockedReason::Confirmation
                | BlockedReason::Building
                | BlockedReason::Retry
                | BlockedReason::Cache
                | BlockedReason::Space
                | BlockedReason::Platform => false,
                BlockedReason::Suspended | BlockedReason::MachineId => true,
            },
        };
        if !stays {
            self.leave_work(CancelledBy::Stop).await;
        }
        self.publish();
        let is_left = stays || self.work.is_none();
        match self.owed.is_some() || self.newer.is_some() || !is_left {
            true => Err(Refusal::State(
                "what runs was ended, which could not be recorded; see the agent's log".into(),
            )),
            false => Ok(()),
        }
    }

    pub(super) async fn shutdown(&mut self) {
        self.stop_job(CancelledBy::Shutdown).await;
        self.shutting_down = true;
    }

    /// Ends what runs, firmly, and records what it came to. When this returns
    /// its processes are gone.
    pub(super) async fn stop_job(&mut self, by: CancelledBy) {
        let Some(job) = &mut self.job else { return };
        job.cancel.cancel();
        self.publisher
            .send_modify(|state| state.phase = Phase::Stopping);
        let end = match tokio::time::timeout(FIRM, next_end(&mut self.job)).await {
            Ok(end) => end,
            Err(_) => {
                tracing::error!("a cancelled job does not end; it is left behind");
                None
            }
        };
        self.job_ended(end, Some(by)).await;
    }
}

/// `suspension`, ending by itself at the latest after `longest`.
pub(super) fn at_most(suspension: Suspension, longest: Option<Duration>) -> Suspension {
    let latest = longest.map(|longest| later(suspension.since, longest));
    let until = match (suspension.until, latest) {
        (Some(until), Some(latest)) => Some(until.min(latest)),
        (until, latest) => until.or(latest),
    };
    Suspension {
        until,
        ..suspension
    }
}

fn later(since: OffsetDateTime, duration: Duration) -> OffsetDateTime {
    since.saturating_add(duration.try_into().unwrap_or(time::Duration::MAX))
}
