//! One task owns all remotes. Each is polled by itself, in a child, so that a
//! slow or dead one delays no other; every answer is judged together with what
//! is known of the rest.
//!
//! ```text
//!  idle ──(due, asked for, file changed)──▶ polling ──▶ idle, judged
//!    ▲                                         │ asked for or changed meanwhile
//!    └────────────── due at once ◀─────────────┘
//! ```

mod configure;

use super::ancestry::Ancestry;
use super::backoff::{delay, jittered};
use super::config::{RemoteConfig, SourceConfig};
use super::fetch::{FetchOutcome, FetchRequest, Heads, fetch};
use super::handle::{Configure, EventSink, FetchError, Handle, Request, Shared};
use super::judge::{Judgement, judge, stored_heads};
use super::location::{display_url, local_path};
use super::repository::{self, RepositoryError};
use super::resolve::Resolver;
use super::select::Anchor;
use super::watch::RepositoryWatch;
use super::{Branch, RemoteStatus};
use crate::model::{CommitId, Failure, now};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A change of refs is a burst of file events.
const DEBOUNCE: Duration = Duration::from_millis(10);

/// Polls the remotes until `cancel` fires; the returned task ends once no child
/// of it is left.
pub fn start(
    config: SourceConfig,
    events: EventSink,
    baseline: watch::Receiver<Option<CommitId>>,
    cancel: CancellationToken,
) -> (Handle, JoinHandle<()>) {
    let remotes: Vec<_> = config.remotes.iter().map(Remote::new).collect();
    let statuses = remotes.iter().map(|remote| remote.status.clone()).collect();
    let shared = Shared::new(statuses, resolver(&config), events);
    let (handle, requests, configured) = Handle::configurable(&shared);
    let poller = Poller {
        config: Arc::new(config),
        shared,
        remotes,
        baseline: Some(baseline),
        anchor: None,
        ancestry: Arc::default(),
        polls: JoinSet::new(),
        waiting: Vec::new(),
        changed: Arc::default(),
        fetching: cancel.child_token(),
        cancel,
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the caller owns the task by its handle and the token"
    )]
    let task = tokio::spawn(poller.run(requests, configured));
    (handle, task)
}

fn resolver(config: &SourceConfig) -> Resolver {
    Resolver::Remotes {
        repository: config.repository.clone(),
        remotes: config.remotes.clone(),
        initial_commit: config.initial_commit.clone(),
    }
}

/// What is known of one remote.
struct Remote {
    status: RemoteStatus,
    heads: Option<Heads>,
    watch: Option<Arc<RepositoryWatch>>,
    /// Set by the watch.
    dirty: Arc<AtomicBool>,
    /// Polls begun and ended; equal while idle.
    begun: u64,
    ended: u64,
    failures: u32,
    next: Option<Instant>,
}

impl Remote {
    fn new(config: &RemoteConfig) -> Self {
        Remote {
            status: RemoteStatus {
                name: config.name.clone(),
                url: display_url(&config.url),
                reachable: false,
                last_poll: None,
                last_success: None,
                next_poll: None,
                error: String::new(),
                branches: Vec::new(),
            },
            heads: None,
            watch: None,
            dirty: Arc::default(),
            begun: 0,
            ended: 0,
            failures: 0,
            next: Some(Instant::now()),
        }
    }

    fn is_polling(&self) -> bool {
        self.begun > self.ended
    }

    /// Takes what a poll brought; says when the next one is due.
    fn take(&mut self, outcome: FetchOutcome, interval: Duration) {
        self.ended = self.begun;
        self.status.last_poll = Some(now());
        match outcome {
            FetchOutcome::Fetched(heads) => {
                self.heads = Some(heads);
                self.failures = 0;
                self.status.reachable = true;
                self.status.last_success = self.status.last_poll;
                self.status.error.clear();
            }
            FetchOutcome::Failed(failure) => {
                self.failures = self.failures.saturating_add(1);
                self.status.reachable = false;
                self.status.error = match failure.hint.as_str() {
                    "" => failure.message,
                    hint => format!("{}; {hint}", failure.message),
                };
            }
            FetchOutcome::Cancelled => {}
        }
        let wait = jittered(delay(interval, self.failures), fastrand::f64());
        let later = (!interval.is_zero()).then_some(wait);
        self.next = match self.next {
            Some(asked) => Some(asked),
            None => later.map(|wait| Instant::now() + wait),
        };
        self.status.next_poll = self
            .next
            .map(|next| now() + next.saturating_duration_since(Instant::now()));
    }
}

/// A caller that waits until polls begun after it asked have ended.
struct Waiting {
    /// Remote, and the number of the poll that answers it.
    polls: Vec<(usize, u64)>,
    done: oneshot::Sender<Result<(), FetchError>>,
}

struct Poller {
    config: Arc<SourceConfig>,
    shared: Arc<Shared>,
    remotes: Vec<Remote>,
    /// `None` once nobody can move it any more.
    baseline: Option<watch::Receiver<Option<CommitId>>>,
    /// The last known one.
    anchor: Option<CommitId>,
    ancestry: Arc<Ancestry>,
    polls: JoinSet<(usize, FetchOutcome)>,
    waiting: Vec<Waiting>,
    changed: Arc<Notify>,
    /// Ends the polls under way.
    fetching: CancellationToken,
    cancel: CancellationToken,
}

impl Poller {
    async fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        mut configured: mpsc::Receiver<Configure>,
    ) {
        let cancel = self.cancel.clone();
        tokio::select! {
            biased;
            () = cancel.cancelled() => {}
            () = self.work(&mut requests, &mut configured) => {}
        }
        // The token ends the children; they are waited for, here.
        while self.polls.join_next().await.is_some() {}
    }

    async fn work(
        &mut self,
        requests: &mut mpsc::Receiver<Request>,
        configured: &mut mpsc::Receiver<Configure>,
    ) {
        self.prepare().await;
        let changed = self.changed.clone();
        loop {
            self.poll_what_is_due();
            let next = self
                .remotes
                .iter()
                .filter(|r| !r.is_polling())
                .filter_map(|r| r.next)
                .min();
            tokio::select! {
                Some(request) = requests.recv() => self.request(request),
                Some(asked) = configured.recv() => self.configure(asked).await,
                Some(polled) = self.polls.join_next() => self.polled(polled).await,
                () = moved(&mut self.baseline) => self.judge().await,
                () = changed.notified() => self.mark_changed(),
                () = sleep_until(next) => {}
            }
        }
    }

    /// What needs the disk before the first poll.
    async fn prepare(&mut self) {
        let config = self.config.clone();
        let prepared = tokio::task::spawn_blocking(move || {
            let created = repository::open_or_create(&config.repository, None).map(drop);
            repository::remove_leftovers(&config.repository);
            let stored: Vec<_> = config
                .remotes
                .iter()
                .map(|remote| stored_heads(&config.repository, remote))
                .collect();
            (created, stored)
        });
        if let Ok((created, stored)) = prepared.await {
            for (remote, heads) in self.remotes.iter_mut().zip(stored) {
                remote.heads = heads;
            }
            if let Err(error) = created {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the repository cannot be used"
                );
            }
        }
        for (remote, config) in self.remotes.iter_mut().zip(&self.config.remotes) {
            remote.watch = watch_local(config, &remote.dirty, &self.changed);
        }
    }

    fn poll_what_is_due(&mut self) {
        let now = Instant::now();
        for index in 0..self.remotes.len() {
            let remote = &mut self.remotes[index];
            if remote.is_polling() || remote.next.is_none_or(|next| next > now) {
                continue;
            }
            remote.next = None;
            remote.begun += 1;
            let request = FetchRequest::new(&self.config, &self.config.remotes[index]);
            let timeout = self.config.remotes[index].timeout;
            let (watch, cancel) = (remote.watch.clone(), self.fetching.clone());
            self.polls.spawn(async move {
                if let Some(watch) = watch {
                    // A panic in it is said by the runtime; polling goes on.
                    let _ = tokio::task::spawn_blocking(move || watch.arm()).await;
                }
                let fetched = AssertUnwindSafe(fetch(&request, timeout, &cancel))
                    .catch_unwind()
                    .await;
                // Without an outcome the remote would count as being polled for ever.
                let broken = |_| {
                    FetchOutcome::Failed(Failure::transient(
                        "kiln failed while fetching: see its log",
                    ))
                };
                (index, fetched.unwrap_or_else(broken))
            });
        }
    }

    fn request(&mut self, request: Request) {
        let known = &self.config.remotes;
        if let Some(name) = request
            .remotes
            .iter()
            .find(|name| !known.iter().any(|r| r.name == **name))
        {
            let names: Vec<_> = known.iter().map(|remote| remote.name.as_str()).collect();
            let error = FetchError::UnknownRemote {
                name: name.clone(),
                known: names.join(", "),
            };
            let _ = request.done.send(Err(error)); // the caller may have gone
            return;
        }
        let mut polls = Vec::new();
        for (index, remote) in self.remotes.iter_mut().enumerate() {
            if request.remotes.is_empty() || request.remotes.contains(&remote.status.name) {
                remote.next = Some(Instant::now());
                polls.push((index, remote.begun + 1));
            }
        }
        self.waiting.push(Waiting {
            polls,
            done: request.done,
        });
    }

    fn mark_changed(&mut self) {
        let soon = Instant::now() + DEBOUNCE;
        for remote in &mut self.remotes {
            if remote.dirty.swap(false, Ordering::SeqCst) {
                remote.next = Some(remote.next.map_or(soon, |next| next.min(soon)));
            }
        }
    }

    async fn polled(&mut self, polled: Result<(usize, FetchOutcome), tokio::task::JoinError>) {
        let (index, outcome) = match polled {
            Ok(polled) => polled,
            Err(error) => return tracing::error!(%error, "a poll ended without an outcome"),
        };
        let interval = self.config.remotes[index].poll_interval;
        self.remotes[index].take(outcome, interval);
        self.judge().await;
        self.answer();
    }

    fn answer(&mut self) {
        let remotes = &self.remotes;
        let ended = |waiting: &mut Waiting| {
            waiting
                .polls
                .retain(|(index, number)| remotes[*index].ended < *number);
            waiting.polls.is_empty()
        };
        for waiting in self.waiting.extract_if(.., ended) {
            let _ = waiting.done.send(Ok(())); // the caller may have gone
        }
    }

    /// Judges all heads and publishes what changed. Before any remote answered
    /// there is nothing to say: what earlier runs fetched may be long past.
    async fn judge(&mut self) {
        if let Some(baseline) = &mut self.baseline {
            self.anchor = baseline.borrow_and_update().clone();
        }
        if self.remotes.iter().all(|remote| remote.ended == 0) {
            return;
        }
        let (config, ancestry) = (self.config.clone(), self.ancestry.clone());
        let heads: Vec<_> = self
            .remotes
            .iter()
            .map(|remote| remote.heads.clone())
            .collect();
        let anchor = Anchor {
            baseline: self.anchor.clone(),
            initial_commit: config.initial_commit.clone(),
        };
        let work = move || {
            judge(
                &config.repository,
                &config.remotes,
                &heads,
                &anchor,
                &ancestry,
            )
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(judged) => self.publish(judged),
            Err(error) => tracing::error!(%error, "judging the heads ended without a result"),
        }
    }

    fn publish(&mut self, judged: Result<Judgement, RepositoryError>) {
        let (selection, branches) = match judged {
            Ok(judged) => (judged.selection, judged.branches),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the heads cannot be judged"
                );
                let kept: Vec<Vec<Branch>> = self
                    .remotes
                    .iter()
                    .map(|r| r.status.branches.clone())
                    .collect();
                for remote in &mut self.remotes {
                    remote.status.error = error.to_string();
                }
                (None, kept)
            }
        };
        for (index, (remote, branches)) in self.remotes.iter_mut().zip(branches).enumerate() {
            remote.status.branches = branches;
            self.shared.set_status(index, remote.status.clone());
        }
        // Where nothing is acceptable the previous selection is kept.
        if let Some(selection) = selection {
            self.shared.select(selection);
        }
    }
}

fn watch_local(
    config: &RemoteConfig,
    dirty: &Arc<AtomicBool>,
    changed: &Arc<Notify>,
) -> Option<Arc<RepositoryWatch>> {
    let path = local_path(&config.url)?;
    let (dirty, changed) = (dirty.clone(), changed.clone());
    let notice = move || {
        dirty.store(true, Ordering::SeqCst);
        changed.notify_one();
    };
    match RepositoryWatch::new(&path, false, notice) {
        Ok(watch) => Some(Arc::new(watch)),
        Err(error) => {
            tracing::warn!(remote = %config.name, %error, "cannot watch for changes; polling goes on");
            None
        }
    }
}

async fn moved(baseline: &mut Option<watch::Receiver<Option<CommitId>>>) {
    if let Some(receiver) = baseline
        && receiver.changed().await.is_ok()
    {
        return;
    }
    *baseline = None;
    std::future::pending::<()>().await;
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
