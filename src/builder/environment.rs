//! What the Builder asks of its surroundings: how commits stand to each other,
//! and what time it is.

use crate::model::CommitId;
use std::fmt;
use std::sync::Arc;
use time::OffsetDateTime;

/// Says of two commits, ancestor and head, whether the head is the ancestor or
/// descends from it; no where that cannot be told. It may read a repository, so
/// it is asked off the async threads.
#[derive(Clone)]
pub struct Lineage(Arc<Descends>);

type Descends = dyn Fn(&CommitId, &CommitId) -> bool + Send + Sync;

impl Lineage {
    pub fn new(descends: impl Fn(&CommitId, &CommitId) -> bool + Send + Sync + 'static) -> Self {
        Lineage(Arc::new(descends))
    }

    pub(super) fn descends(&self, ancestor: &CommitId, head: &CommitId) -> bool {
        (self.0)(ancestor, head)
    }
}

impl fmt::Debug for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lineage")
    }
}

/// The wall clock, which can be set and goes on while the host sleeps.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> OffsetDateTime + Send + Sync>);

impl Clock {
    pub fn new(now: impl Fn() -> OffsetDateTime + Send + Sync + 'static) -> Self {
        Clock(Arc::new(now))
    }

    pub(super) fn now(&self) -> OffsetDateTime {
        (self.0)()
    }
}

impl Default for Clock {
    /// The system's.
    fn default() -> Self {
        Clock::new(crate::model::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
