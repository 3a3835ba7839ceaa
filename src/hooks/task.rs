//! The one task: looks what is due, does one thing, looks again.

use super::Parts;
use super::plan::{self, Key, Next};
use super::run::{self, Outcome, Request};
use crate::config::Hook;
use crate::events::{Event, EventKind, Item, Subscription};
use crate::model::{Generation, GenerationNumber, HookName, HookStatus, Occasion, now};
use crate::source::{RemoteStatus, Verdict};
use crate::state::{Change, Reader, State, StateError};
use futures_util::FutureExt;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;

/// Before a record that could not be written is tried again.
const AGAIN: Duration = Duration::from_secs(5);

pub(super) struct Task {
    parts: Parts,
    reader: Reader,
    events: Subscription,
    /// Generations that may have hooks that wait or run.
    open: BTreeSet<GenerationNumber>,
    /// Refused heads, by remote and branch: each is told once.
    refused: BTreeMap<(String, String), String>,
}

impl Task {
    pub fn new(parts: Parts) -> Self {
        let reader = parts.state.reader();
        let log = parts.state.events();
        let events = log.subscribe(log.last_seq());
        Task {
            parts,
            reader,
            events,
            open: BTreeSet::new(),
            refused: BTreeMap::new(),
        }
    }

    /// Never returns: whoever drops it leaves a running hook to its runner.
    pub async fn run(&mut self) {
        self.scan().await;
        loop {
            while let Some(item) = self.events.next().now_or_never() {
                self.happened(item).await;
            }
            let Some(next) = self.next() else {
                let item = self.events.next().await;
                self.happened(item).await;
                continue;
            };
            if let Err(error) = self.step(next).await {
                tracing::error!(%error, "a hook cannot be recorded; it is tried again");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }

    /// Every generation with hooks that wait or run; all records are read for it, on
    /// a thread that may block.
    async fn scan(&mut self) {
        let reader = self.reader.clone();
        let scan = move || {
            let (mut open, mut before) = (BTreeSet::new(), None);
            while let Some(found) = reader.newest(before, Generation::has_open_hooks) {
                before = Some(found.number);
                open.insert(found.number);
            }
            open
        };
        match tokio::task::spawn_blocking(scan).await {
            Ok(open) => self.open.extend(open),
            Err(error) => tracing::error!(%error, "hooks that wait are not looked for"),
        }
    }

    async fn happened(&mut self, item: Option<Item>) {
        match item {
            Some(Item::Event(event)) => self.event(&event).await,
            Some(Item::Lagged { .. }) => self.scan().await,
            None => std::future::pending().await, // the log lives as long as we do
        }
    }

    async fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::EvalFinished { generation } | EventKind::BuildFinished { generation } => {
                if generation.has_open_hooks() {
                    self.open.insert(generation.number);
                }
            }
            // Of whichever generation was current then.
            EventKind::Suspended { .. } | EventKind::Resumed { .. } => self.scan().await,
            EventKind::Fetched { remote } => self.fetched(remote).await,
            EventKind::Selected { .. }
            | EventKind::EvalStarted { .. }
            | EventKind::BuildStarted { .. }
            | EventKind::StepStarted { .. }
            | EventKind::StepFinished { .. }
            | EventKind::HookFinished { .. }
            | EventKind::BaselineMoved { .. }
            | EventKind::ConfigurationReloaded { .. }
            | EventKind::StateRecovered { .. } => {}
        }
    }

    /// A head that was refused makes `refused` hooks due, once.
    async fn fetched(&mut self, remote: &RemoteStatus) {
        let mut news = false;
        for branch in &remote.branches {
            let place = (remote.name.to_string(), branch.name.to_string());
            if !is_refusal(branch.verdict) {
                self.refused.remove(&place);
            } else if self.refused.get(&place) != Some(&branch.head) {
                self.refused.insert(place, branch.head.clone());
                news = true;
            }
        }
        let wanted = |hook: &Hook| hook.on.contains(&Occasion::Refused);
        if news && self.parts.hooks.iter().any(wanted) {
            let written = self.write(|state| {
                state.apply(&Change {
                    occasion: Some(Occasion::Refused),
                    ..Change::default()
                })
            });
            if let Err(error) = written.await {
                tracing::error!(%error, "a refusal is not told to the hooks");
            }
            self.scan().await;
        }
    }

    fn next(&mut self) -> Option<Next> {
        let mut found = Vec::new();
        let reader = &self.reader;
        self.open.retain(|number| {
            let generation = reader.generation(*number);
            let generation = generation.filter(Generation::has_open_hooks);
            let is_open = generation.is_some();
            found.extend(generation);
            is_open
        });
        if found.is_empty() {
            return None;
        }
        let current = self.reader.current().map(|current| current.number);
        plan::next(&found, current, self.is_suspended(), |name| {
            self.configured(name).is_some()
        })
    }

    fn is_suspended(&self) -> bool {
        let suspension = self.parts.state.suspension();
        // One that cannot be read holds back: somebody wanted it.
        suspension.map_or(true, |suspension| suspension.is_some())
    }

    fn configured(&self, name: &HookName) -> Option<&Hook> {
        self.parts.hooks.iter().find(|hook| hook.name == *name)
    }

    async fn step(&mut self, next: Next) -> Result<(), StateError> {
        match next {
            Next::Cancel(key, by) => {
                let at = now();
                self.record(&key, HookStatus::Cancelled { at, by }).await
            }
            Next::Adopt(key, attempt, started_at) => {
                tracing::info!(generation = %key.number, hook = %key.name, "a hook that was running is waited for");
                match run::ended(&self.folder(&key), started_at).await {
                    Some(outcome) => self.ended(&key, attempt, outcome).await,
                    // Interrupted with its runner, by a power cut for example.
                    None => self.record(&key, HookStatus::Pending { attempt }).await,
                }
            }
            Next::Run(key, attempt) => self.run_hook(&key, attempt).await,
        }
    }

    async fn run_hook(&mut self, key: &Key, attempt: u32) -> Result<(), StateError> {
        let started_at = now();
        let running = HookStatus::Running {
            attempt,
            started_at,
        };
        self.record(key, running).await?;
        let Some(request) = self.request(key, attempt, started_at) else {
            return Ok(()); // removed meanwhile: seen the next time round
        };
        tracing::info!(generation = %key.number, hook = %key.name, attempt, "a hook runs");
        let folder = self.folder(key);
        let begun = {
            let folder = folder.clone();
            tokio::task::spawn_blocking(move || run::begin(&folder, &request)).await
        };
        let outcome = match begun.map_err(std::io::Error::other).flatten() {
            Ok(()) => run::ended(&folder, started_at).await.unwrap_or_else(|| {
                let why = "its runner ended without leaving an outcome; its log may say more";
                Outcome::not_run(started_at, why.to_owned())
            }),
            Err(error) => Outcome::not_run(started_at, format!("cannot run it: {error}")),
        };
        self.ended(key, attempt, outcome).await
    }

    async fn ended(&mut self, key: &Key, attempt: u32, outcome: Outcome) -> Result<(), StateError> {
        let end = outcome.end;
        let retries = self.configured(&key.name).map_or(0, |hook| hook.retries);
        let (status, delay) = plan::after(outcome, attempt, retries);
        tracing::info!(generation = %key.number, hook = %key.name, attempt, ?end, "a hook ended");
        self.record(key, status).await?;
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        Ok(())
    }

    fn folder(&self, key: &Key) -> PathBuf {
        self.reader.hooks(key.number).join(key.name.as_str())
    }

    fn request(&self, key: &Key, attempt: u32, started_at: OffsetDateTime) -> Option<Request> {
        let hook = self.configured(&key.name)?;
        let generation = self.reader.generation(key.number)?;
        Some(Request {
            started_at,
            attempt,
            command: hook.command.clone(),
            user: hook.user.clone(),
            timeout: hook.timeout,
            env: self.environment(&generation),
            input: (self.parts.json)(&generation),
            agent: self.parts.state.places().owner(),
        })
    }

    /// All there is of it; what does not apply is empty.
    fn environment(&self, generation: &Generation) -> BTreeMap<String, String> {
        let out = |generation: &Generation| {
            let built = generation.built();
            built.map(|built| built.real_path.to_string_lossy().into_owned())
        };
        let is_built = |earlier: &Generation| earlier.built().is_some();
        let previous = self.reader.newest(Some(generation.number), is_built);
        let branch = generation.origin.branch.as_ref();
        let variables = [
            ("HOST", self.parts.host.to_string()),
            ("GENERATION", generation.number.to_string()),
            ("COMMIT", generation.commit.id.to_string()),
            (
                "BRANCH",
                branch.map(ToString::to_string).unwrap_or_default(),
            ),
            ("TESTING", generation.origin.testing.to_string()),
            ("OUT", out(generation).unwrap_or_default()),
            (
                "PREVIOUS_OUT",
                previous.as_ref().and_then(out).unwrap_or_default(),
            ),
        ];
        let name = |(name, value): (&str, String)| (format!("KILN_{name}"), value);
        variables.into_iter().map(name).collect()
    }

    /// Its new status, and the event when that is its end.
    async fn record(&self, key: &Key, status: HookStatus) -> Result<(), StateError> {
        let key = key.clone();
        self.write(move |state| {
            state.update_hooks(key.number, |hooks| {
                let known = hooks.iter_mut().find(|hook| hook.is(&key.name, key.on));
                let Some(hook) = known else {
                    return Vec::new();
                };
                hook.status = status;
                let (number, hook) = (key.number, hook.clone());
                match hook.is_open() {
                    true => Vec::new(),
                    false => vec![EventKind::HookFinished { number, hook }],
                }
            })
        })
        .await
    }

    /// Runs one write on a thread that may block; it is finished also when
    /// nobody waits for it any more.
    async fn write(
        &self,
        write: impl FnOnce(&State) -> Result<(), StateError> + Send + 'static,
    ) -> Result<(), StateError> {
        let state = Arc::clone(&self.parts.state);
        let written = tokio::task::spawn_blocking(move || write(&state)).await;
        written.unwrap_or_else(|error| {
            let path = self.parts.state.places().folder.clone();
            Err(StateError::Unexpected {
                path,
                message: format!("a write was lost: {error}"),
            })
        })
    }
}

fn is_refusal(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Diverged | Verdict::TooFar | Verdict::Untrusted | Verdict::Unreadable => true,
        Verdict::Selected
        | Verdict::Equal
        | Verdict::Older
        | Verdict::BehindMain
        | Verdict::Missing => false,
    }
}
