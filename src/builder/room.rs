//! Nothing begins while too little space is left; what waits goes on by itself.

use super::actor::Actor;
use crate::model::{BlockedReason, Generation};
use async_trait::async_trait;

/// Whether there is space to begin something.
#[async_trait]
pub trait Room: Send + Sync + 'static {
    /// What is short; `None` when there is enough. Whoever asks makes room, in
    /// time, where that can be done.
    async fn shortage(&self) -> Option<String>;

    /// Waits until a shortage that was told is over.
    async fn freed(&self);
}

impl Actor {
    /// Looks anew; what is short holds back what is to begin.
    pub(super) async fn look_for_space(&mut self) -> Option<String> {
        self.shortage = self.room.shortage().await;
        self.shortage.clone()
    }

    /// What is in work waits for space.
    pub(super) fn lacks_space(&self) -> bool {
        let blocked = self.work.as_ref().and_then(Generation::blocked);
        blocked.is_some_and(|blocked| blocked.reason == BlockedReason::Space)
    }

    pub(super) async fn space_is_back(&mut self) {
        self.shortage = None;
        let Some(waiting) = self.work.take() else {
            return;
        };
        tracing::info!(generation = %waiting.number, "there is space again");
        let next = match waiting.build() {
            Some(_) => waiting
                .clone()
                .build_reconsidered(self.now(), &self.guards()),
            None => Ok(waiting.clone()),
        };
        let next = next.inspect_err(|error| tracing::error!(%error, "a defect in kiln"));
        self.work = Some(next.unwrap_or(waiting));
        self.proceed().await;
    }
}
