//! The numbered log. A transition takes its numbers with [`EventLog::begin`],
//! is written, and is then published; progress that arrives meanwhile waits for
//! it, so that nobody ever sees a number before a smaller one. Readers pull: a
//! slow one costs nothing and blocks nobody. No lock is held over the disk: who
//! announces progress, or reads what is in memory, never waits for it.

use super::{Event, EventKind};
use crate::model::now;
use crate::state::files::replace_sequence;
use crate::state::{Places, StateError};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, Semaphore, watch};

/// Events kept in memory for readers that keep up.
const RING: usize = 4096;
/// Events a subscription fetches at once.
const BATCH: usize = 256;
/// Numbers reserved at a time; a crash skips at most these.
pub(crate) const BLOCK: u64 = 1000;
/// Progress is written in batches of this many events, fewer than are reserved.
const UNWRITTEN: usize = 256;
/// Progress that waits for its number, on a disk that takes nothing: the oldest
/// of more is never told.
const DEFERRED: usize = 4096;
/// Readers of the index at one time: they hold threads.
const READERS: usize = 4;

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
    /// Progress waits to be written: for numbers, or because it is much.
    due: Notify,
    /// Reads events after a number from the index; blocks on the disk.
    older: Older,
    readers: Semaphore,
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
    /// Progress without a number yet, oldest first.
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
                due: Notify::new(),
                older,
                readers: Semaphore::new(READERS),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.shared
            .inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves numbers, so that progress is seen before the first transition.
    ///
    /// # Errors
    /// When that cannot be written; progress then waits for a transition.
    pub(crate) fn open(&self, places: &Places) -> Result<(), StateError> {
        self.reserve(0, |reserved| replace_sequence(places, reserved))
    }

    /// Takes numbers for a transition. One at a time: the state sees to that.
    /// Blocks on the disk when numbers are reserved.
    ///
    /// # Errors
    /// When no more numbers can be reserved.
    pub fn begin(&self, kinds: &[EventKind], places: &Places) -> Result<Pending<'_>, StateError> {
        let note = |reserved| replace_sequence(places, reserved);
        self.reserve(kinds.len() as u64, note)?;
        let mut inner = self.lock();
        let mut durable = std::mem::take(&mut inner.unwritten);
        durable.extend(kinds.iter().map(|kind| inner.number(kind.clone(), true)));
        inner.writing = true;
        Ok(Pending {
            log: self,
            durable,
            own: kinds.len(),
        })
    }

    /// Sees to it that `count` more numbers may be handed out, once `note` made that
    /// durable. Progress that takes some meanwhile stays below what was reserved
    /// before: there is enough for both.
    fn reserve(
        &self,
        count: u64,
        note: impl FnOnce(u64) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let (last, reserved) = {
            let inner = self.lock();
            (inner.last, inner.reserved)
        };
        if reserved >= last + count + BLOCK / 2 {
            return Ok(());
        }
        let wanted = reserved.max(last) + count + BLOCK;
        note(wanted)?;
        self.lock().reserved = wanted;
        Ok(())
    }

    /// Announces progress: at once, or right behind the transition being written.
    /// Never blocks; what has to be written is [`EventLog::due`].
    pub fn progress(&self, kind: EventKind) {
        let mut inner = self.lock();
        if inner.may_announce() && inner.deferred.is_empty() {
            inner.announce(kind);
            self.shared.visible.send_replace(inner.last);
        } else {
            inner.defer(kind);
        }
        let is_due = inner.is_due();
        drop(inner);
        if is_due {
            self.shared.due.notify_one();
        }
    }

    /// Waits until progress should go to the index with a transition.
    pub(crate) async fn due(&self) {
        self.shared.due.notified().await;
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
    async fn batch(&self, cursor: u64) -> VecDeque<Item> {
        match self.recent(cursor) {
            Some(items) => items,
            None => self.read_older(cursor).await,
        }
    }

    /// From memory; `None` when it does not reach back so far.
    fn recent(&self, cursor: u64) -> Option<VecDeque<Item>> {
        let visible = self.last_seq();
        let inner = self.lock();
        let first = inner.ring.front()?.seq;
        if cursor.saturating_add(1) < first {
            return None;
        }
        let start = inner.ring.partition_point(|event| event.seq <= cursor);
        let seen = inner.ring.range(start..).take(BATCH);
        let seen = seen.take_while(|event| event.seq <= visible);
        Some(seen.map(|event| Item::Event(Arc::clone(event))).collect())
    }

    /// From the index, on a thread that may block.
    async fn read_older(&self, cursor: u64) -> VecDeque<Item> {
        let _one_of_few = self.shared.readers.acquire().await;
        let log = self.clone();
        let read = move || log.older(cursor);
        let read = tokio::task::spawn_blocking(read).await;
        read.unwrap_or_else(|error| {
            tracing::error!(%error, "events are skipped");
            VecDeque::new()
        })
    }

    fn older(&self, cursor: u64) -> VecDeque<Item> {
        let visible = self.last_seq();
        let (oldest, first_in_ring) = {
            let inner = self.lock();
            let first = inner.ring.front().map_or(u64::MAX, |event| event.seq);
            (inner.oldest, first)
        };
        let mut items = VecDeque::new();
        if cursor > 0 && cursor.saturating_add(1) < oldest {
            items.push_back(Item::Lagged { seq: oldest - 1 });
        }
        let older = (self.shared.older)(cursor, BATCH);
        if self.lock().oldest > oldest {
            return self.older(cursor); // some left while they were read
        }
        items.extend(
            older
                .into_iter()
                .take_while(|e| e.seq < first_in_ring && e.seq <= visible)
                .map(|e| Item::Event(Arc::new(e))),
        );
        if items.is_empty() && first_in_ring != u64::MAX {
            // Nothing is kept between; what memory let go of meanwhile is read again.
            let from = self.recent(first_in_ring - 1);
            return from.unwrap_or_else(|| self.older(cursor));
        }
        items
    }
}

impl Inner {
    fn number(&mut self, kind: EventKind, durable: bool) -> Arc<Event> {
        self.last += 1;
        Arc::new(Event {
            seq: self.last,
            time: now(),
            durable,
            kind,
        })
    }

    /// A number may be seen at once.
    fn may_announce(&self) -> bool {
        !self.writing && self.last < self.reserved
    }

    fn defer(&mut self, kind: EventKind) {
        if self.deferred.len() == DEFERRED {
            self.deferred.pop_front();
        }
        self.deferred.push_back(kind);
    }

    /// A transition should take along what waits.
    fn is_due(&self) -> bool {
        let starved = !self.deferred.is_empty() && !self.writing;
        starved || self.unwritten.len() + self.deferred.len() >= UNWRITTEN
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
        while inner.may_announce()
            && let Some(kind) = inner.deferred.pop_front()
        {
            inner.announce(kind);
        }
        self.log.shared.visible.send_replace(inner.last);
        let is_due = inner.is_due();
        drop(inner);
        if is_due {
            self.log.shared.due.notify_one();
        }
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
    /// Something newer can be read, as far as is known without looking.
    pub fn is_behind(&self) -> bool {
        !self.ready.is_empty() || self.log.last_seq() > self.cursor
    }

    /// The next event, with what can be had at once behind it: `most` at most.
    pub async fn some(&mut self, most: usize) -> Option<Vec<Item>> {
        let mut items = vec![self.next().await?];
        while items.len() < most
            && let Some(item) = self.take_ready()
        {
            items.push(item);
        }
        Some(items)
    }

    fn take_ready(&mut self) -> Option<Item> {
        let item = self.ready.pop_front()?;
        self.cursor = match &item {
            Item::Event(event) => event.seq,
            Item::Lagged { seq } => self.cursor.max(*seq),
        };
        Some(item)
    }

    /// The next event; waits for one. `None` never comes: the log lives as long
    /// as the agent, and the caller ends with its own cancellation.
    pub async fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.take_ready() {
                return Some(item);
            }
            let visible = *self.visible.borrow_and_update();
            if visible > self.cursor {
                self.ready = self.log.batch(self.cursor).await;
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
