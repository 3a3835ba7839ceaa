//! One caller's way through the event log. Thousands may follow one build while
//! others ask for the status: a follower that has everything is served again after
//! a moment, the longer the more there are, with all that came meanwhile; and few
//! are served at one time, so that a call never stands in line behind all of them.

use super::{Parts, convert, status};
use crate::events::{Item, Subscription};
use crate::{model, pb};
use futures_util::stream::{self, BoxStream, StreamExt};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// A follower that has everything is served again after this for each there is:
/// about what serving all of them takes. The first event after a quiet time comes
/// at once.
const PACE: Duration = Duration::from_micros(40);
/// Nobody waits longer, however many there are.
const SLOWEST: Duration = Duration::from_millis(200);
/// Events a follower gets together.
const TOGETHER: usize = 64;

/// Lets in as many followers at a time as there are processors.
pub fn turnstile() -> Arc<Semaphore> {
    let processors = std::thread::available_parallelism();
    Arc::new(Semaphore::new(processors.map_or(1, usize::from)))
}

/// What one stream is made from.
pub struct Follower {
    pub parts: Arc<Parts>,
    pub turnstile: Arc<Semaphore>,
    pub subscription: Subscription,
    pub cancel: CancellationToken,
}

struct Reading {
    follower: Follower,
    ready: VecDeque<pb::Event>,
    /// When it was served last.
    served: Option<Instant>,
}

impl Follower {
    /// The events, until `cancel` fires: what happened before is told before.
    pub fn stream(self) -> BoxStream<'static, Result<pb::Event, Status>> {
        let reading = Reading {
            follower: self,
            ready: VecDeque::new(),
            served: None,
        };
        let next = |mut reading: Reading| async move {
            let event = reading.next().await?;
            Some((Ok(event), reading))
        };
        stream::unfold(reading, next).boxed()
    }
}

impl Reading {
    async fn next(&mut self) -> Option<pb::Event> {
        if self.ready.is_empty() {
            self.pause().await;
            let follower = &mut self.follower;
            let items = tokio::select! {
                biased;
                items = follower.subscription.some(TOGETHER) => items?,
                () = follower.cancel.cancelled() => return None,
            };
            // Only for the work itself: nobody waits for a client in here.
            let _turn = follower.turnstile.acquire().await.ok()?;
            let told = items.iter().map(|item| told(&follower.parts, item));
            self.ready.extend(told);
            self.served = Some(Instant::now());
        }
        self.ready.pop_front()
    }

    /// Who is behind reads on at once.
    async fn pause(&self) {
        if let Some(served) = self.served
            && !self.follower.subscription.is_behind()
        {
            // Each follower has a share in it, and the service one.
            let followers = Arc::strong_count(&self.follower.turnstile);
            let followers = u32::try_from(followers).unwrap_or(u32::MAX);
            let pace = PACE.saturating_mul(followers).min(SLOWEST);
            tokio::select! {
                () = tokio::time::sleep_until(served + pace) => {}
                () = self.follower.cancel.cancelled() => {}
            }
        }
    }
}

/// A reader that lagged gets the whole status instead, with the number of the
/// last event skipped, and goes on after it.
fn told(parts: &Parts, item: &Item) -> pb::Event {
    match item {
        Item::Event(event) => convert::event(event),
        Item::Lagged { seq } => {
            let status = Some(status::gather(parts));
            pb::Event {
                seq: *seq,
                time: Some(convert::time(model::now())),
                durable: false,
                event: Some(pb::event::Event::Snapshot(pb::Snapshot { status })),
            }
        }
    }
}
