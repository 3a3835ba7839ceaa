//! What Nix does, as steps, counts and logs; and, when it fails, which step did.

use super::diagnose;
use super::messages::{Activity, Counts, Message};
use crate::backend::{Sink, StepEnd, StepEvent};
use crate::model::{Failure, FailureKind, Steps};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

/// Derivations with failures that are remembered; one is enough to tell.
const MAX_FAILED: usize = 100;
/// Whose log has what Nix says of no step while it builds: a cache that fails, a
/// builder that cannot be reached. No derivation has such a name.
const OF_NO_STEP: &str = "(nix)";
/// Bytes of it that are kept.
const OF_NO_STEP_MAX: usize = 1 << 20;
/// What was in the way that is remembered: each cache that fails says so a few times.
const MAX_TROUBLES: usize = 100;
/// Names of steps that are told from each other.
const MAX_NAMES: usize = 1 << 20;

/// What follows a run of Nix.
pub(super) struct Progress {
    sink: Arc<dyn Sink>,
    /// Steps are announced and have logs of their own; else everything goes to
    /// the evaluation's log.
    has_steps: bool,
    running: HashMap<u64, Step>,
    names: HashMap<String, u32>,
    builds: (Option<u64>, Counts),
    copies: (Option<u64>, Counts),
    /// Ends that were announced as failures.
    failed_steps: u32,
    failed: Vec<Failed>,
    /// Steps that failed, as the counts say, for a reason that was not said yet.
    unexplained: Vec<Step>,
    /// The last error Nix gave: as shown, and without trace.
    error: Option<(String, String)>,
    /// The last that was said beside errors.
    said: Tail,
    /// The last warnings, and errors that are not of what depends on another.
    troubles: VecDeque<String>,
    /// Bytes that the log of no step may still get.
    of_no_step_left: usize,
}

struct Step {
    name: String,
    path: String,
    is_build: bool,
    since: Instant,
    tail: Tail,
}

/// A derivation Nix named in an error.
struct Failed {
    drv: String,
    message: String,
    tail: String,
}

impl Progress {
    /// Of a build: with steps.
    pub fn of_build(sink: Arc<dyn Sink>) -> Self {
        Self::new(sink, true)
    }

    /// Of an evaluation, in which Nix may build too.
    pub fn of_evaluation(sink: Arc<dyn Sink>) -> Self {
        Self::new(sink, false)
    }

    fn new(sink: Arc<dyn Sink>, has_steps: bool) -> Self {
        Progress {
            sink,
            has_steps,
            running: HashMap::new(),
            names: HashMap::new(),
            builds: (None, Counts::default()),
            copies: (None, Counts::default()),
            failed_steps: 0,
            failed: Vec::new(),
            unexplained: Vec::new(),
            error: None,
            said: Tail::default(),
            troubles: VecDeque::new(),
            of_no_step_left: OF_NO_STEP_MAX,
        }
    }

    /// Takes one message in.
    pub fn hear(&mut self, message: Message) {
        match message {
            Message::Started { id, activity, text } => self.started(id, activity, &text),
            Message::Stopped { id } => self.stopped(id),
            Message::LogLine { id, line } => self.logged(id, line),
            Message::Counts { id, counts } => {
                for (activity, of) in [&mut self.builds, &mut self.copies] {
                    if *activity == Some(id) {
                        *of = counts;
                    }
                }
            }
            Message::Said(text) => {
                self.say(&text);
                self.said.push(&text);
                let text = diagnose::brief(&text);
                // An error that another way may make good has no form of its own.
                if text.starts_with("warning:") || text.starts_with("error:") {
                    self.note(&text);
                    self.troubled(text);
                }
            }
            Message::Error { text, message } => self.errored(text, message),
        }
    }

    fn started(&mut self, id: u64, activity: Activity, text: &str) {
        let (path, is_build) = match activity {
            Activity::Build { drv } => (drv, true),
            Activity::Substitute { path } => (path, false),
            Activity::Builds => return self.builds.0 = Some(id),
            Activity::Copies => return self.copies.0 = Some(id),
            Activity::Other => return self.say(text),
        };
        self.say(text);
        let name = self.unique(name(&path));
        let step = Step {
            name: name.clone(),
            path,
            is_build,
            since: Instant::now(),
            tail: Tail::default(),
        };
        self.running.insert(id, step);
        if self.has_steps {
            let steps = self.steps();
            self.sink.step(StepEvent::Started {
                derivation: name,
                steps,
            });
        }
    }

    fn stopped(&mut self, id: u64) {
        let Some(step) = self.running.remove(&id) else {
            return;
        };
        let is_known = self
            .failed
            .iter_mut()
            .find(|failed| failed.drv == step.path);
        if let Some(failed) = is_known {
            failed.tail = step.tail.text();
            let end = failed.end();
            self.failed_steps += 1;
            return self.finish(step, end);
        }
        if step.is_build && self.builds.1.failed > self.failed_steps.into() {
            self.failed_steps += 1;
            return self.unexplained.push(step); // Nix says why after its end
        }
        let end = match step.is_build {
            true => StepEnd::Built,
            false => StepEnd::Substituted,
        };
        self.finish(step, end);
    }

    fn finish(&self, step: Step, end: StepEnd) {
        if self.has_steps {
            self.sink.step(StepEvent::Finished {
                derivation: step.name,
                end,
                duration: step.since.elapsed(),
                steps: self.steps(),
            });
        }
    }

    fn logged(&mut self, id: u64, line: String) {
        let Some(step) = self.running.get_mut(&id) else {
            return self.say(&line);
        };
        let of = self.has_steps.then_some(step.name.as_str());
        self.sink.log(of, format!("{line}\n").as_bytes());
        step.tail.push(&line);
    }

    fn errored(&mut self, text: String, message: String) {
        self.say(&text);
        for drv in derivations(&message) {
            self.blame(drv, &message);
        }
        if is_own(&message) {
            self.troubled(diagnose::brief(&message));
            if derivations(&message).next().is_none() {
                self.note(&diagnose::brief(&text));
            }
        }
        self.error = Some((text, message));
    }

    fn blame(&mut self, drv: &str, message: &str) {
        let is_known = self.failed.iter().any(|failed| failed.drv == drv);
        if is_known || self.failed.len() >= MAX_FAILED {
            return;
        }
        let running = self.running.values().find(|step| step.path == drv);
        let mut failed = Failed {
            tail: running.map_or_else(String::new, |step| step.tail.text()),
            drv: drv.to_owned(),
            message: message.to_owned(),
        };
        if let Some(at) = self.unexplained.iter().position(|step| step.path == drv) {
            let step = self.unexplained.swap_remove(at);
            failed.tail = step.tail.text();
            self.finish(step, failed.end());
        }
        self.failed.push(failed);
    }

    /// What goes wrong beside a build's steps, for whoever reads its logs.
    pub fn note(&mut self, text: &str) {
        if self.has_steps && text.len() < self.of_no_step_left {
            self.of_no_step_left -= text.len() + 1;
            let line = format!("{text}\n");
            self.sink.log(Some(OF_NO_STEP), line.as_bytes());
        }
    }

    /// Lines of no step are the evaluation's; of a build's, see [`Progress::note`].
    fn say(&self, text: &str) {
        if !self.has_steps && !text.is_empty() {
            self.sink.log(None, format!("{text}\n").as_bytes());
        }
    }

    /// Many derivations have one name: those after the first are counted.
    fn unique(&mut self, name: &str) -> String {
        if self.names.len() >= MAX_NAMES {
            self.names.clear();
        }
        let times = self.names.entry(name.to_owned()).or_default();
        *times += 1;
        match *times {
            1 => name.to_owned(),
            n => format!("{name}.{n}"),
        }
    }

    /// The counts now: builds and objects that are brought.
    pub fn steps(&self) -> Steps {
        let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let (builds, copies) = (self.builds.1, self.copies.1);
        let done = builds.done.saturating_add(copies.done);
        let failed = builds.failed.saturating_add(copies.failed);
        // Nix expects what failed no more.
        let expected = builds.expected.saturating_add(copies.expected).max(done);
        Steps {
            total: small(expected.saturating_add(failed)),
            done: small(done),
            running: small(self.running.len() as u64),
            failed: small(failed),
            ..Steps::default()
        }
    }

    /// Nothing more comes: what still ran ended like this.
    pub fn end(&mut self, end: StepEnd) -> Steps {
        for step in std::mem::take(&mut self.unexplained) {
            self.finish(step, StepEnd::Failed);
        }
        for step in std::mem::take(&mut self.running).into_values() {
            self.finish(step, end);
        }
        self.steps()
    }

    fn troubled(&mut self, text: String) {
        if self.troubles.len() == MAX_TROUBLES {
            self.troubles.pop_front();
        }
        self.troubles.push_back(text);
    }

    /// What was in the way, a warning for one, the last first; nothing of it need
    /// have led to a failure.
    pub fn troubles(&self) -> impl Iterator<Item = &str> + Clone {
        self.troubles.iter().rev().map(String::as_str)
    }

    /// The last lines of anything, for a run that ended without an error.
    pub fn last_words(&self) -> String {
        diagnose::tail(&self.said.text())
    }

    /// What failed, as far as Nix said it: a step that did, else its last error.
    pub fn failure(&self) -> Option<Failure> {
        // A derivation that could not be built for another's sake is named too.
        let step = self.failed.iter().find(|failed| is_own(&failed.message));
        if let Some(step) = step {
            return Some(step.failure());
        }
        match &self.error {
            Some((text, message)) => Some(diagnose::failure(text, message)),
            None => self.plain_error(),
        }
    }

    /// What goes wrong very early or late is said without a format.
    fn plain_error(&self) -> Option<Failure> {
        let said = self.said.text();
        let message = said
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("error: "))?;
        Some(diagnose::failure(&said, message))
    }

    /// The error's whole text.
    pub fn error_text(&self) -> &str {
        self.error.as_ref().map_or("", |(text, _)| text)
    }

    /// The derivation of the step that failed.
    pub fn failed_drv(&self) -> Option<&str> {
        let step = self.failed.iter().find(|failed| is_own(&failed.message));
        step.map(|failed| failed.drv.as_str())
    }
}

impl Failed {
    fn end(&self) -> StepEnd {
        match self.message.contains("timed out after") {
            true => StepEnd::TimedOut,
            false => StepEnd::Failed,
        }
    }

    fn failure(&self) -> Failure {
        let failure = diagnose::failure(&self.message, &self.message);
        Failure {
            exit_code: exit_code(&self.message),
            log_tail: match self.tail.is_empty() {
                true => failure.log_tail,
                false => diagnose::tail(&self.tail),
            },
            ..failure
        }
        .in_step(name(&self.drv))
    }
}

/// It says of a step itself that it failed, and not of what depends on it.
fn is_own(message: &str) -> bool {
    let of_others = message.contains("dependencies of derivation")
        || message.contains("dependency failed")
        || message.starts_with("build of ");
    !of_others
}

/// Of `failed with exit code 3`.
fn exit_code(message: &str) -> Option<i32> {
    let (_, after) = message.split_once("exit code ")?;
    let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// The derivations a message names in quotes.
fn derivations(message: &str) -> impl Iterator<Item = &str> {
    let quoted = message.split('\'').skip(1).step_by(2);
    // Outputs may be named behind it: `!*`, or since Nix 2.13 `^*`.
    let paths = quoted.map(|path| path.split(['!', '^']).next().unwrap_or_default());
    paths.filter(|path| path.starts_with('/') && path.ends_with(".drv"))
}

/// `/nix/store/<hash>-hello.drv` is `hello`; safe as a part of a file's name.
pub(super) fn name(path: &str) -> &str {
    let last = path.rsplit('/').next().unwrap_or_default();
    let last = last.strip_suffix(".drv").unwrap_or(last);
    let name = last.split_once('-').map_or(last, |(_, name)| name);
    match name.len() <= 200 && !name.is_empty() {
        true => name,
        false => "step",
    }
}

/// The last lines of a log, as many as a failure carries.
#[derive(Default)]
struct Tail {
    lines: VecDeque<String>,
    bytes: usize,
}

impl Tail {
    fn push(&mut self, line: &str) {
        let line = diagnose::tail(line);
        self.bytes += line.len() + 1;
        self.lines.push_back(line);
        while self.bytes > Failure::LOG_TAIL && self.lines.len() > 1 {
            self.bytes -= self.lines.pop_front().map_or(0, |line| line.len() + 1);
        }
    }

    fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// Whether the failure passes because the network does: a step with a promised
/// hash fetches, and an exit code says little about why it could not.
pub(super) fn fetch_may_pass(failure: Failure, is_fetch: bool) -> Failure {
    match is_fetch && diagnose::kind_of(&failure.log_tail) == FailureKind::Transient {
        true => Failure {
            kind: FailureKind::Transient,
            ..failure
        },
        false => failure,
    }
}

#[cfg(test)]
#[path = "progress_tests.rs"]
mod tests;
