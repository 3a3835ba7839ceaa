//! Keeps room on the disk: collects garbage when generations left, and when
//! less space than `[store] min_free` is left; what is still short then is told,
//! and nothing begins until there is enough again.
//!
//! ```text
//! enough ──less than min_free──▶ collect ──still──▶ collect, what was made along the way too
//!    ▲                              │                               │
//!    └────────── enough again ◀─────┴─────── short: nothing begins ◀┘
//! ```

use crate::builder::Room;
use crate::store::{Collected, Collection, Objects};
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often space is looked at.
const LOOK: Duration = Duration::from_secs(10);
/// While it stays short, how often garbage is looked for all the same.
const AGAIN: Duration = Duration::from_secs(600);

/// What is kept, and where; clones are the same keeper.
#[derive(Clone)]
pub(super) struct Keeper {
    objects: Objects,
    /// Bytes.
    min_free: u64,
    told: Arc<Told>,
}

struct Told {
    /// Why nothing may begin.
    short: watch::Sender<Option<String>>,
    /// Generations left, and with them what they rooted.
    generations_left: AtomicBool,
    wake: Notify,
}

impl Keeper {
    /// Keeps `min_free` bytes free on the file system of the store.
    pub fn new(objects: Objects, min_free: u64) -> Self {
        Keeper {
            objects,
            min_free,
            told: Arc::new(Told {
                short: watch::Sender::new(None),
                generations_left: AtomicBool::new(false),
                wake: Notify::new(),
            }),
        }
    }

    /// Generations left: what only they rooted is garbage now.
    pub fn generations_left(&self) {
        self.told.generations_left.store(true, Ordering::Relaxed);
        self.told.wake.notify_one();
    }

    /// Keeps room until `cancel` fires.
    pub async fn run(self, cancel: CancellationToken) {
        let mut last: Option<Instant> = None;
        loop {
            let asked = tokio::select! {
                () = cancel.cancelled() => return,
                () = self.told.wake.notified() => true,
                () = tokio::time::sleep(LOOK) => false,
            };
            let left = self.told.generations_left.swap(false, Ordering::Relaxed);
            let is_due = asked || last.is_none_or(|last| last.elapsed() > AGAIN);
            let mut short = self.measure().await;
            if left || (short.is_some() && is_due) {
                last = Some(Instant::now());
                short = self.make_room(short.is_some(), &cancel).await;
            }
            self.tell(short);
        }
    }

    /// What is still short when garbage is gone.
    async fn make_room(&self, is_short: bool, cancel: &CancellationToken) -> Option<String> {
        for companions in [true, false] {
            if companions || is_short {
                self.collect(companions, cancel).await;
            }
            let short = self.measure().await;
            if short.is_none() || !is_short || cancel.is_cancelled() {
                return short;
            }
        }
        self.measure().await
    }

    async fn collect(&self, companions: bool, cancel: &CancellationToken) {
        let (Objects { store, roots }, cancel) = (self.objects.clone(), cancel.clone());
        let collected = tokio::task::spawn_blocking(move || {
            store.gc(&Collection {
                roots: &|| roots.objects(&store),
                dry_run: false,
                companions,
                cancelled: &|| cancel.is_cancelled(),
            })
        });
        match collected.await {
            Ok(Ok(collected)) => report(&collected),
            Ok(Err(error)) => {
                tracing::error!(%error, "garbage is not collected; tried again later")
            }
            Err(error) => tracing::error!(%error, "collecting garbage ended badly"),
        }
    }

    fn tell(&self, short: Option<String>) {
        self.told.short.send_if_modified(|told| {
            let is_news = told.is_some() != short.is_some();
            if is_news {
                match &short {
                    Some(what) => tracing::warn!("{what}: nothing begins"),
                    None => tracing::info!("there is enough space again"),
                }
            }
            *told = short;
            is_news
        });
    }

    /// What is short now. What cannot be measured is not.
    async fn measure(&self) -> Option<String> {
        let (store, min_free) = (self.objects.store.clone(), self.min_free);
        let measured = tokio::task::spawn_blocking(move || store.free_space()).await;
        match measured {
            Ok(Ok(free)) if free < min_free => Some(format!(
                "only {} MiB are free in {}, [store] min_free is {} MiB",
                free >> 20,
                self.objects.store.dir().display(),
                min_free >> 20
            )),
            Ok(Ok(_)) => None,
            Ok(Err(error)) => unmeasured(&error),
            Err(error) => unmeasured(&error),
        }
    }
}

fn unmeasured(error: &dyn std::error::Error) -> Option<String> {
    tracing::error!(%error, "free space cannot be measured");
    None
}

fn report(collected: &Collected) {
    let Collected {
        objects,
        bytes,
        strays,
    } = collected;
    if !objects.is_empty() || !strays.is_empty() {
        tracing::info!(
            objects = objects.len(),
            bytes,
            strays = strays.len(),
            "garbage was collected"
        );
    }
}

#[async_trait]
impl Room for Keeper {
    async fn shortage(&self) -> Option<String> {
        let short = self.measure().await;
        if short.is_some() {
            self.tell(short.clone());
            self.told.wake.notify_one();
        }
        short
    }

    async fn freed(&self) {
        // The sender lives in this very keeper: it cannot be gone.
        let _ = self.told.short.subscribe().wait_for(Option::is_none).await;
    }
}
