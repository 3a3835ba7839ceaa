//! The numbered log. A transition takes its numbers with [`EventLog::begin`],
//! is written, and is then published; progress that arrives meanwhile waits for
//! it, so that nobody ever sees a number before a smaller one. Readers pull: a
//! slow one costs nothing and blocks nobody.

use super::{Event, EventKind};
use crate::model::now;
use crate::state::files::replace_sequence;
use crate::state::{Places, StateError};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Events kept in memory for readers that keep up.
const RING: usize = 4096;
/// Events a subscription fetches at once.
const BATCH: usize = 256;
/// Progress that waits for a number at most; the oldest is left out beyond.
const DEFERRED: usize = 4096;
/// Numbers reserved at a time; a crash skips at most these.
pub(crate) const BLOCK: u64 = 1000;

type Older = Box<dyn Fn(u64, usize) -> Vec<Event> + Send + Sync>;

/// Cheap to clone; all clones are one log.
#[derive(Clone)]
pub struct EventLog {
    shared: Arc<Shared>,
}

struct Shared {
    inner: Mutex<Inner>,
    /// The newest number that may be seen.
    visible: watch::Sender<u64>,
    /// Reads events after a number from the index.
    older: Older,
}

struct Inner {
    /// The newest number handed out.
    last: u64,
    /// No number above this may be handed out before more are reserved.
    reserved: u64,
    /// The oldest event that can still be read.
    oldest: u64,
    ring: VecDeque<Arc<Event>>,
    /// Progress not yet in the index; goes there with the next transition.
    unwritten: Vec<Arc<Event>>,
    /// A transition is between its numbers and its publication.
    writing: bool,
    /// Progress that waits for the transition, or for numbers.
    deferred: VecDeque<EventKind>,
}

/// What a subscription yields.
#[derive(Debug, Clone)]
pub enum Item {
    Event(Arc<Event>),
    /// Events were missed: they are no longer kept. Start from a snapshot; the
    /// events after `seq` follow.
    Lagged {
        seq: u64,
    },
}

/// Numbers taken for one transition, not yet seen by anyone.
pub struct Pending<'a> {
    log: &'a EventLog,
    /// Unwritten progress first, then the transition's own.
    durable: Vec<Arc<Event>>,
    own: usize,
}

impl EventLog {
    /// A log whose newest number was `last` and whose oldest kept event is `oldest`.
    pub fn new(last: u64, oldest: u64, older: Older) -> Self {
        let inner = Inner {
            last,
            reserved: last,
            oldest,
            ring: VecDeque::new(),
            unwritten: Vec::new(),
            writing: false,
            deferred: VecDeque::new(),
        };
        let visible = watch::Sender::new(last);
        EventLog {
            shared: Arc::new(Shared {
                inner: Mutex::new(inner),
                visible,
                older,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.shared
            .inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves numbers, so that progress can be seen before the first transition.
    ///
    /// # Errors
    /// When that cannot be written; progress then waits for a transition.
    pub(crate) fn reserve(&self, places: &Places) -> Result<(), StateError> {
        let mut inner = self.lock();
        let last = inner.last;
        inner.reserve(last, places)
    }

    /// Takes numbers for a transition. One at a time: the state sees to that.
    ///
    /// # Errors
    /// When no more numbers can be reserved.
    pub fn begin(&self, kinds: &[EventKind], places: &Places) -> Result<Pending<'_>, StateError> {
        let mut inner = self.lock();
        let wanted = inner.last + kinds.len() as u64;
        inner.reserve(wanted, places)?;
        let mut durable = std::mem::take(&mut inner.unwritten);
        durable.extend(kinds.iter().map(|kind| inner.number(kind.clone(), true)));
        inner.writing = true;
        Ok(Pending {
            log: self,
            durable,
            own: kinds.len(),
        })
    }

    /// Announces progress: at once, or right behind the transition being written.
    /// Answers how much progress is not in the index yet.
    pub fn progress(&self, kind: EventKind) -> usize {
        let mut inner = self.lock();
        if inner.writing || inner.last >= inner.reserved {
            inner.defer(kind);
            return inner.deferred.len();
        }
        inner.announce(kind);
        self.shared.visible.send_replace(inner.last);
        inner.unwritten.len()
    }

    /// Records the exact newest number, before a clean end.
    pub(crate) fn settle(&self, places: &Places) -> Result<(), StateError> {
        let mut inner = self.lock();
        inner.reserved = inner.last;
        replace_sequence(places, inner.last)
    }

    /// Events below `oldest` can no longer be read: who is behind is told so.
    pub(crate) fn forget_below(&self, oldest: u64) {
        let mut inner = self.lock();
        inner.oldest = inner.oldest.max(oldest);
    }

    /// The newest number that may be seen.
    pub fn last_seq(&self) -> u64 {
        *self.shared.visible.borrow()
    }

    /// Events after `after`, then live ones.
    pub fn subscribe(&self, after: u64) -> Subscription {
        let visible = self.shared.visible.subscribe();
        Subscription {
            log: self.clone(),
            cursor: after,
            ready: VecDeque::new(),
            visible,
        }
    }

    /// Events after `cursor` that may be seen: from memory, else from the index.
    fn batch(&self, cursor: u64) -> VecDeque<Item> {
        let visible = self.last_seq();
        let (oldest, first_in_ring) = {
            let inner = self.lock();
            let first = inner.ring.front().map_or(u64::MAX, |event| event.seq);
            if cursor.saturating_add(1) >= first {
                let newer = |e: &&Arc<Event>| e.seq > cursor && e.seq <= visible;
                let events = inner.ring.iter().filter(newer).take(BATCH);
                return events.map(|e| Item::Event(Arc::clone(e))).collect();
            }
            (inner.oldest, first)
        };
        let mut items = VecDeque::new();
        if cursor > 0 && cursor.saturating_add(1) < oldest {
            items.push_back(Item::Lagged { seq: oldest - 1 });
        }
        let older = (self.shared.older)(cursor, BATCH);
        if self.lock().oldest > oldest {
            return self.batch(cursor); // some left while they were read
        }
        items.extend(
            older
                .into_iter()
                .take_while(|e| e.seq < first_in_ring && e.seq <= visible)
                .map(|e| Item::Event(Arc::new(e))),
        );
        if items.is_empty() && first_in_ring != u64::MAX {
            return self.batch(first_in_ring - 1); // nothing is kept between
        }
        items
    }
}

impl Inner {
    /// Makes sure that half a block is left behind `wanted`.
    fn reserve(&mut self, wanted: u64, places: &Places) -> Result<(), StateError> {
        if self.reserved < wanted + BLOCK / 2 {
            let reserved = wanted + BLOCK;
            replace_sequence(places, reserved)?;
            self.reserved = reserved;
        }
        Ok(())
    }

    fn defer(&mut self, kind: EventKind) {
        if self.deferred.len() == DEFERRED {
            self.deferred.pop_front();
            tracing::warn!("progress is left out: nothing was written for {DEFERRED} events");
        }
        self.deferred.push_back(kind);
    }

    fn number(&mut self, kind: EventKind, durable: bool) -> Arc<Event> {
        self.last += 1;
        Arc::new(Event {
            seq: self.last,
            time: now(),
            durable,
            kind,
        })
    }

    fn announce(&mut self, kind: EventKind) {
        let event = self.number(kind, false);
        self.unwritten.push(Arc::clone(&event));
        self.keep(event);
    }

    fn keep(&mut self, event: Arc<Event>) {
        if self.ring.len() == RING {
            self.ring.pop_front();
        }
        self.ring.push_back(event);
    }
}

impl Pending<'_> {
    /// What goes to the index with the transition.
    pub fn durable(&self) -> &[Arc<Event>] {
        &self.durable
    }

    /// The transition is written: its events may be seen.
    pub fn publish(mut self) {
        let own = self.durable.split_off(self.durable.len() - self.own);
        let mut inner = self.log.lock();
        for event in own {
            inner.keep(event);
        }
    }
}

impl Drop for Pending<'_> {
    /// Also when the transition failed: its numbers are skipped, progress goes on.
    fn drop(&mut self) {
        let mut inner = self.log.lock();
        inner.writing = false;
        while inner.last < inner.reserved
            && let Some(kind) = inner.deferred.pop_front()
        {
            inner.announce(kind);
        }
        self.log.shared.visible.send_replace(inner.last);
    }
}

/// One reader's place in the log.
pub struct Subscription {
    log: EventLog,
    cursor: u64,
    ready: VecDeque<Item>,
    visible: watch::Receiver<u64>,
}

impl Subscription {
    /// The next event; waits for one. `None` never comes: the log lives as long
    /// as the agent, and the caller ends with its own cancellation.
    pub async fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                self.cursor = match &item {
                    Item::Event(event) => event.seq,
                    Item::Lagged { seq } => self.cursor.max(*seq),
                };
                return Some(item);
            }
            let visible = *self.visible.borrow_and_update();
            if visible > self.cursor {
                self.ready = self.log.batch(self.cursor);
                if !self.ready.is_empty() {
                    continue;
                }
            }
            self.visible.changed().await.ok()?;
        }
    }
}

#[cfg(test)]
mod tests;
