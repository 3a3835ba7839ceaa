//! Another configuration while polling goes on: polls under way are ended and
//! made again, what is known of a remote that stays as it was is kept, and
//! whoever waits for an answer gets it from the poll made again.

use super::super::config::{RemoteConfig, SourceConfig};
use super::super::fetch::FetchOutcome;
use super::super::handle::Configure;
use super::super::judge::stored_heads;
use super::{Poller, Remote, resolver, watch_local};
use crate::model::RemoteName;
use std::sync::Arc;
use tokio::time::Instant;

impl Poller {
    pub(super) async fn configure(&mut self, asked: Configure) {
        self.interrupt().await;
        let old = std::mem::replace(&mut self.config, Arc::new(asked.config));
        let mut before: Vec<_> = { old.remotes.iter() }.zip(self.remotes.drain(..)).collect();
        let config = self.config.clone();
        for wanted in &config.remotes {
            let known = before.iter().position(|(old, _)| old.name == wanted.name);
            let known = known.map(|index| before.swap_remove(index));
            let remote = self.continued(wanted, known).await;
            self.remotes.push(remote);
        }
        self.renumber(&old, &config);
        let statuses = self.remotes.iter().map(|remote| remote.status.clone());
        self.shared.replace(statuses.collect(), resolver(&config));
        self.judge().await;
        self.answer();
        let _ = asked.done.send(()); // the caller may have gone
    }

    /// Ends the polls under way. One that was cut short is due at once, under
    /// the number it had.
    async fn interrupt(&mut self) {
        self.fetching.cancel();
        while let Some(polled) = self.polls.join_next().await {
            match polled {
                Ok((index, FetchOutcome::Cancelled)) => {
                    let remote = &mut self.remotes[index];
                    remote.begun = remote.ended;
                    remote.next = Some(Instant::now());
                }
                Ok((index, outcome)) => {
                    let interval = self.config.remotes[index].poll_interval;
                    self.remotes[index].take(outcome, interval);
                }
                Err(error) => tracing::error!(%error, "a poll ended without an outcome"),
            }
        }
        self.fetching = self.cancel.child_token();
    }

    /// A remote of the new configuration, with what is known of it.
    async fn continued(
        &self,
        wanted: &RemoteConfig,
        known: Option<(&RemoteConfig, Remote)>,
    ) -> Remote {
        let mut remote = Remote::new(wanted);
        match known {
            Some((old, remote)) if old == wanted => return remote,
            Some((old, known)) => {
                // Callers wait for polls by their numbers.
                (remote.begun, remote.ended) = (known.begun, known.ended);
                if old.url == wanted.url {
                    remote.heads = self.stored(wanted).await;
                }
            }
            None => remote.heads = self.stored(wanted).await,
        }
        remote.watch = watch_local(wanted, &remote.dirty, &self.changed);
        remote
    }

    async fn stored(&self, wanted: &RemoteConfig) -> Option<super::Heads> {
        let (config, wanted) = (self.config.clone(), wanted.clone());
        let read = move || stored_heads(&config.repository, &wanted);
        tokio::task::spawn_blocking(read).await.ok().flatten()
    }

    /// Who waits for a remote that is gone waits for the others only.
    fn renumber(&mut self, old: &SourceConfig, new: &SourceConfig) {
        let place = |name: &RemoteName| new.remotes.iter().position(|r| r.name == *name);
        let moved = |index: usize| place(&old.remotes.get(index)?.name);
        for waiting in &mut self.waiting {
            let polls = waiting.polls.drain(..);
            waiting.polls = polls
                .filter_map(|(index, number)| Some((moved(index)?, number)))
                .collect();
        }
    }
}
