//! How everybody else speaks to a source: the remotes of an agent and the work
//! tree of `kiln dev` look the same from outside.

use super::resolve::{ResolveError, Resolver, Standing};
use super::{RemoteStatus, Selection, SourceConfig};
use crate::model::{CommitId, RemoteName};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, oneshot, watch};

/// Something changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceEvent {
    /// Heads, reachability or verdicts of a remote.
    Fetched(RemoteStatus),
    /// Another commit, or the same one as main instead of testing.
    Selected(Selection),
}

/// Where events go. Called from the source's task: must not block.
pub type EventSink = Arc<dyn Fn(SourceEvent) + Send + Sync>;

/// Why a fetch was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    #[error("there is no remote {name}; known: {known}")]
    UnknownRemote { name: RemoteName, known: String },
    #[error("the agent is stopping")]
    Stopped,
}

/// Speaks to the task that owns the source; cheap to clone.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    requests: mpsc::Sender<Request>,
    /// Absent where there is nothing to configure.
    configure: Option<mpsc::Sender<Configure>>,
}

/// Poll these remotes now (all when empty), then say so.
pub(super) struct Request {
    pub remotes: Vec<RemoteName>,
    pub done: oneshot::Sender<Result<(), FetchError>>,
}

/// Go on with another configuration, then say so.
pub(super) struct Configure {
    pub config: SourceConfig,
    pub done: oneshot::Sender<()>,
}

/// Requests waiting to be taken; more wait in their callers.
const REQUESTS: usize = 16;

impl Handle {
    pub(super) fn new(shared: &Arc<Shared>) -> (Self, mpsc::Receiver<Request>) {
        let (requests, receiver) = mpsc::channel(REQUESTS);
        (
            Handle {
                shared: shared.clone(),
                requests,
                configure: None,
            },
            receiver,
        )
    }

    /// The same for a source whose configuration can change.
    pub(super) fn configurable(
        shared: &Arc<Shared>,
    ) -> (Self, mpsc::Receiver<Request>, mpsc::Receiver<Configure>) {
        let (handle, requests) = Handle::new(shared);
        let (configure, configured) = mpsc::channel(1);
        let configure = Some(configure);
        (
            Handle {
                configure,
                ..handle
            },
            requests,
            configured,
        )
    }

    /// Goes on with another configuration: remotes come, go or change. What is
    /// known of those that stay as they were is kept. Answers once it is in force.
    ///
    /// # Errors
    /// When the source has ended, or has no configuration.
    pub async fn configure(&self, config: SourceConfig) -> Result<(), FetchError> {
        let sender = self.configure.as_ref().ok_or(FetchError::Stopped)?;
        let (done, answer) = oneshot::channel();
        let sent = sender.send(Configure { config, done }).await;
        sent.map_err(|_| FetchError::Stopped)?;
        answer.await.map_err(|_| FetchError::Stopped)
    }

    /// Polls `remotes` (all when empty) now, waits until each answered, failed
    /// or timed out, and returns what was found.
    ///
    /// # Errors
    /// When a remote is not known, or the source has ended.
    pub async fn fetch(&self, remotes: Vec<RemoteName>) -> Result<Vec<RemoteStatus>, FetchError> {
        let (done, answer) = oneshot::channel();
        let request = Request {
            remotes: remotes.clone(),
            done,
        };
        self.requests
            .send(request)
            .await
            .map_err(|_| FetchError::Stopped)?;
        answer.await.map_err(|_| FetchError::Stopped)??;
        let mut statuses = self.statuses();
        statuses.retain(|status| remotes.is_empty() || remotes.contains(&status.name));
        Ok(statuses)
    }

    /// Every remote as last polled, in the order of the configuration.
    pub fn statuses(&self) -> Vec<RemoteStatus> {
        self.shared.statuses().clone()
    }

    /// The selection, and every change of it.
    pub fn selection(&self) -> watch::Receiver<Option<Selection>> {
        self.shared.selection.subscribe()
    }

    /// The commit a person names: anything Git resolves, a tracked branch by
    /// its own name, the head of `branch` (of `remote`) when `rev` is empty, or
    /// the selection when all are.
    ///
    /// # Errors
    /// When nothing is found by that name, or it is no readable commit.
    pub async fn resolve(
        &self,
        rev: &str,
        remote: Option<&str>,
        branch: Option<&str>,
    ) -> Result<Selection, ResolveError> {
        let (remote, branch) = (named(remote), named(branch));
        if rev.is_empty() && remote.is_none() && branch.is_none() {
            return self.shared.selected().ok_or(ResolveError::NothingSelected);
        }
        let (shared, rev) = (self.shared.clone(), rev.to_owned());
        let work = move || {
            let resolver = shared.resolver();
            resolver.resolve(&rev, remote.as_deref(), branch.as_deref())
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| ResolveError::Stopped)?
    }
}

impl Handle {
    /// How `head` stands to what it must descend from: the baseline, else the
    /// initial commit; `None` where there is no such rule.
    ///
    /// # Errors
    /// When the repository cannot be opened.
    pub async fn standing(
        &self,
        baseline: Option<CommitId>,
        head: CommitId,
    ) -> Result<Option<Standing>, ResolveError> {
        let shared = self.shared.clone();
        let work = move || shared.resolver().standing(baseline, &head);
        let standing = tokio::task::spawn_blocking(work).await;
        Ok(standing.map_err(|_| ResolveError::Stopped)??)
    }
}

fn named(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

/// What the owning task writes and handles read.
pub(super) struct Shared {
    statuses: Mutex<Vec<RemoteStatus>>,
    selection: watch::Sender<Option<Selection>>,
    resolver: Mutex<Arc<Resolver>>,
    sink: EventSink,
}

impl Shared {
    pub fn new(statuses: Vec<RemoteStatus>, resolver: Resolver, sink: EventSink) -> Arc<Self> {
        let statuses = Mutex::new(statuses);
        Arc::new(Shared {
            statuses,
            selection: watch::Sender::new(None),
            resolver: Mutex::new(Arc::new(resolver)),
            sink,
        })
    }

    /// Other remotes, in the order of the new configuration.
    pub fn replace(&self, statuses: Vec<RemoteStatus>, resolver: Resolver) {
        *self.resolver.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(resolver);
        *self.statuses() = statuses;
    }

    fn resolver(&self) -> Arc<Resolver> {
        let resolver = self.resolver.lock();
        resolver.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn statuses(&self) -> MutexGuard<'_, Vec<RemoteStatus>> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn selected(&self) -> Option<Selection> {
        self.selection.borrow().clone()
    }

    /// Makes a status visible; announced only when more than times changed.
    pub fn set_status(&self, index: usize, status: RemoteStatus) {
        let changed = match self.statuses().get_mut(index) {
            Some(old) => {
                let changed = differs(old, &status);
                old.clone_from(&status);
                changed
            }
            None => false,
        };
        if changed {
            (self.sink)(SourceEvent::Fetched(status));
        }
    }

    /// Publishes another selection: another commit, other files, or main
    /// instead of testing.
    pub fn select(&self, new: Selection) {
        let key = |s: &Selection| (s.commit.id.clone(), s.commit.tree.clone(), s.origin.testing);
        let changed = self.selection.send_if_modified(|old| {
            let changed = old.as_ref().map(key) != Some(key(&new));
            if changed {
                *old = Some(new.clone());
            }
            changed
        });
        if changed {
            (self.sink)(SourceEvent::Selected(new));
        }
    }
}

/// What is judged of a remote that was not asked yet is no news.
fn differs(old: &RemoteStatus, new: &RemoteStatus) -> bool {
    if new.last_poll.is_none() {
        return false;
    }
    let first = old.last_poll.is_none() && new.last_poll.is_some();
    let heads = |s: &RemoteStatus| -> Vec<_> {
        s.branches
            .iter()
            .map(|b| (b.name.clone(), b.head.clone(), b.verdict))
            .collect()
    };
    first || old.reachable != new.reachable || heads(old) != heads(new)
}
