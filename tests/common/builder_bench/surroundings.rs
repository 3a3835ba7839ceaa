//! A clock that can be set and a disk that can be full.

use async_trait::async_trait;
use kiln::builder::Room;
use std::sync::{Arc, Mutex};

/// A wall clock that goes on with the paused one, and can be set.
#[derive(Clone)]
pub struct WallClock {
    begun: tokio::time::Instant,
    at: time::OffsetDateTime,
    pub set: Arc<Mutex<time::Duration>>,
}

impl WallClock {
    pub fn new() -> Self {
        WallClock {
            begun: tokio::time::Instant::now(),
            at: time::OffsetDateTime::now_utc(),
            set: Arc::default(),
        }
    }
    pub fn now(&self) -> time::OffsetDateTime {
        self.at + self.begun.elapsed() + *self.set.lock().unwrap()
    }
}

/// A disk that is full when the test says so.
#[derive(Clone)]
pub struct Disk(Arc<tokio::sync::watch::Sender<bool>>);

impl Disk {
    pub fn set_full(&self, full: bool) {
        self.0.send_replace(full);
    }
}

impl Default for Disk {
    fn default() -> Self {
        Disk(Arc::new(tokio::sync::watch::Sender::new(false)))
    }
}

#[async_trait]
impl Room for Disk {
    async fn shortage(&self) -> Option<String> {
        self.0.borrow().then(|| "the disk is full".to_owned())
    }
    async fn freed(&self) {
        let _ = self.0.subscribe().wait_for(|full| !full).await;
    }
}
