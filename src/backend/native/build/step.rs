//! One step: reused when it is known, else run, its outputs taken, recorded.

use super::Build;
use super::closures::{Closure, Closures};
use super::outcome::{Ended, Made as MadeNode, NodeEnd};
use crate::backend::native::graph::{Limits, StepNode};
use crate::backend::native::pool::{Lease, Taking};
use crate::backend::native::provider::{Provider, StepLimits, StepOutcome, StepRequest};
use crate::backend::native::resolve::{Made, Resolved, SCRIPT, resolve};
use crate::backend::native::{NativeConfig, attempted};
use crate::backend::{BackendError, Sink};
use crate::model::{Failure, Location};
use crate::process::Cancel;
use crate::store::{Outputs, PublishError, StepOutput, StepScratch, Store, StorePath};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

impl Build {
    pub(super) fn resolved(&self, node: &StepNode, made: &Made) -> Result<Resolved, Failure> {
        resolve(&self.graph, node, made, &self.config)
    }

    pub(super) fn step_job(
        &self,
        node: &StepNode,
        resolved: Resolved,
        slot: u32,
        cancel: &Cancel,
    ) -> StepJob {
        let asked = node
            .timeout
            .map_or(self.config.limits.timeout, Duration::from_secs);
        let limits = StepLimits {
            timeout: asked.min(self.request.timeout),
            silence: self.request.silence,
            ..within(&self.config.limits, node.limits.as_deref())
        };
        StepJob {
            store: self.store.clone(),
            provider: Arc::clone(&self.provider),
            config: Arc::clone(&self.config),
            resolved,
            host_tools: node.host_tools,
            location: node.location.clone(),
            slot,
            limits,
            log: StepLog::new(Arc::clone(&self.request.sink), &node.name),
            cores: self.shared.cores,
            closures: Arc::clone(&self.closures),
            cancel: cancel.clone(),
        }
    }
}

pub(super) struct StepJob {
    store: Store,
    provider: Arc<dyn Provider>,
    config: Arc<NativeConfig>,
    resolved: Resolved,
    host_tools: bool,
    location: Option<Location>,
    slot: u32,
    limits: StepLimits,
    log: Arc<StepLog>,
    cores: usize,
    closures: Arc<Closures>,
    cancel: Cancel,
}

/// What a step leaves: its folder is emptied when this is dropped. Only then may the
/// outputs of another be taken instead of its own, so that no more folders are being
/// emptied than there are slots.
struct Left {
    scratch: StepScratch,
    taking: Option<Taking>,
}

impl StepJob {
    /// Does all of it on the calling thread. `begins` is called when the step really
    /// runs, `says` with what it came to: before its folder is emptied, when it did
    /// well. The slot is another step's as soon as its outputs are being taken, of
    /// which as many as there are slots are at a time.
    pub fn run(self, begins: impl FnOnce(), lease: Lease, says: impl FnOnce(Ended)) {
        let mut lease = Some(lease);
        let ended = self.run_here(begins, &mut lease);
        let (end, left) = match ended {
            Ok((end, left)) => (Ok(end), left),
            Err(error) => (Err(error), None),
        };
        says(Ended { end, lease });
        drop(left);
    }

    /// Gives the lease back early when the step's processes are gone and it did well.
    fn run_here(
        self,
        begins: impl FnOnce(),
        lease: &mut Option<Lease>,
    ) -> Result<(NodeEnd, Option<Left>), BackendError> {
        let (scratch, closure) = match self.first(begins)? {
            First::Ended(end) => return Ok((end, None)),
            First::Prepared(scratch, closure) => (scratch, closure),
        };
        let request = self.request(scratch.path().to_owned(), &closure);
        let outcome = self.provider.run(request)?;
        scratch.over();
        let taking = None;
        let mut left = Left { scratch, taking };
        let mut end = match outcome {
            StepOutcome::Exited(0) => {
                left.taking = lease.take().map(Lease::taking);
                self.take_outputs(&left.scratch, &closure.paths)?
            }
            StepOutcome::Cancelled => NodeEnd::Cancelled,
            outcome => self.failed(outcome),
        };
        if let (NodeEnd::Failed(failure) | NodeEnd::TimedOut(failure), Some(folder)) =
            (&mut end, &self.config.keep_failed)
        {
            let scratch = left.scratch.path();
            let kept = super::kept::keep(folder, &self.resolved.step.name, scratch);
            if let Some(kept) = kept {
                failure.hint = format!("{}; its folder is {}", failure.hint, kept.display());
            }
        }
        let did_well = matches!(end, NodeEnd::Made(_));
        Ok((end, did_well.then_some(left)))
    }

    /// Looks the step up, else prepares it: one visit of the store for both.
    fn first(&self, begins: impl FnOnce()) -> Result<First, BackendError> {
        let key = self.resolved.realisation();
        if let Some(outputs) = self.store.realisation(key) {
            return Ok(First::Ended(NodeEnd::Made(MadeNode {
                outputs,
                reused: true,
            })));
        }
        begins();
        let closure = self.closures.of(&self.store, &self.resolved.step.inputs);
        let closure = closure.map_err(attempted("find a step's inputs"))?;
        let scratch = self.store.step_scratch();
        let scratch = scratch.map_err(attempted("make a step's folder"))?;
        Ok(First::Prepared(scratch, closure))
    }

    fn request(&self, scratch: PathBuf, closure: &Closure) -> StepRequest {
        let step = &self.resolved.step;
        let log = Arc::clone(&self.log);
        let files = step
            .script
            .iter()
            .map(|script| (SCRIPT.to_owned(), script.clone()));
        StepRequest {
            name: step.name.clone(),
            argv: self.resolved.argv(),
            files: files.collect(),
            env: self.resolved.full_env(self.cores),
            src: step.src.as_ref().map(|src| self.store.real_path(src)),
            inputs: Arc::clone(&closure.inputs),
            outputs: self
                .resolved
                .scratch
                .values()
                .map(StorePath::base_name)
                .collect(),
            host_paths: if self.host_tools {
                self.config.host_paths.clone()
            } else {
                Vec::new()
            },
            network: step.fixed.is_some(),
            scratch,
            slot: self.slot,
            limits: self.limits.clone(),
            log: Arc::new(move |bytes| log.write(bytes)),
            cancel: self.cancel.clone(),
        }
    }

    fn take_outputs(
        &self,
        scratch: &StepScratch,
        closure: &BTreeSet<StorePath>,
    ) -> Result<NodeEnd, BackendError> {
        let taken = publish(&self.store, &self.resolved, scratch, closure);
        let remembered = taken.and_then(|outputs| {
            self.store
                .remember_unrecorded(self.resolved.realisation(), &outputs)
                .map_err(PublishError::Store)
        });
        match remembered {
            Ok(outputs) => Ok(NodeEnd::Made(MadeNode {
                outputs,
                reused: false,
            })),
            Err(error) if error.is_certain() => {
                let failure = Failure::certain(error.to_string());
                Ok(NodeEnd::Failed(self.described(failure)))
            }
            Err(error) => Err(attempted(format!(
                "take the outputs of {}",
                self.resolved.step.name
            ))(error)),
        }
    }

    fn failed(&self, outcome: StepOutcome) -> NodeEnd {
        let name = &self.resolved.step.name;
        let failure =
            |text: String| self.described(Failure::certain(format!("step {name} {text}")));
        let limit = |text: String| NodeEnd::TimedOut(failure(text));
        match outcome {
            StepOutcome::Exited(code) => {
                let failure = failure(format!("failed: exit code {code}"));
                NodeEnd::Failed(Failure {
                    exit_code: Some(code),
                    ..failure
                })
            }
            StepOutcome::Signalled(signal) => {
                NodeEnd::Failed(failure(format!("was ended by signal {signal}")))
            }
            StepOutcome::TimedOut(after) => limit(format!(
                "took longer than its timeout of {} s",
                after.as_secs()
            )),
            StepOutcome::Silent(after) => {
                limit(format!("printed nothing for {} s", after.as_secs()))
            }
            StepOutcome::LogTooLarge(bytes) => {
                let what = format!("printed more than {bytes} bytes of log (limits.log_size)");
                // On a line of its own: what was printed may end anywhere.
                let notice = format!("\n[kiln: the step {what} and was ended; the rest is lost]\n");
                self.log.write(notice.as_bytes());
                NodeEnd::Failed(failure(what))
            }
            StepOutcome::OverLimit(limit) => NodeEnd::Failed(failure(limit.to_string())),
            StepOutcome::Cancelled => NodeEnd::Cancelled,
        }
    }

    fn described(&self, failure: Failure) -> Failure {
        let name = &self.resolved.step.name;
        self.log.described(failure, name, self.location.as_ref())
    }
}

/// What is known before a step runs.
enum First {
    /// It need not run, or cannot.
    Ended(NodeEnd),
    /// An empty scratch folder and the input closure.
    Prepared(StepScratch, Arc<Closure>),
}

/// The host's limits, or what the step asks for where that is less.
fn within(host: &StepLimits, asked: Option<&Limits>) -> StepLimits {
    let asked = asked.copied().unwrap_or_default();
    let less = |limit: u64, asked: Option<u64>| asked.map_or(limit, |asked| asked.min(limit));
    StepLimits {
        memory: asked.memory.map_or(host.memory, |memory| {
            Some(host.memory.map_or(memory, |limit| limit.min(memory)))
        }),
        processes: less(host.processes, asked.processes),
        output_size: less(host.output_size, asked.output_size),
        log_size: less(host.log_size, asked.log_size),
        ..host.clone()
    }
}

fn publish(
    store: &Store,
    resolved: &Resolved,
    scratch: &StepScratch,
    closure: &BTreeSet<StorePath>,
) -> Result<Outputs, PublishError> {
    let left = |path: &StorePath| scratch.path().join("store").join(path.base_name());
    if let (Some(hash), Some((output, path))) =
        (resolved.step.fixed, resolved.scratch.first_key_value())
    {
        if left(path).symlink_metadata().is_err() {
            return Err(PublishError::Missing {
                output: output.clone(),
            });
        }
        let fixed = crate::store::FixedOutput {
            hash,
            mode: crate::store::FixedMode::Nar,
            name: path.name().to_owned(),
        };
        let taken = store.publish_fixed(&left(path), &fixed, Some(path), closure)?;
        return Ok(Outputs::from([(output.clone(), taken)]));
    }
    let outputs: Vec<StepOutput> = resolved
        .scratch
        .iter()
        .map(|(output, path)| StepOutput {
            output: output.clone(),
            path: left(path),
            scratch: path.clone(),
        })
        .collect();
    store.publish_outputs(&outputs, closure)
}

/// Passes a step's output on and keeps its end for the failure.
pub(super) struct StepLog {
    sink: Arc<dyn Sink>,
    derivation: String,
    tail: Mutex<Vec<u8>>,
}

impl StepLog {
    pub fn new(sink: Arc<dyn Sink>, derivation: &str) -> Arc<Self> {
        Arc::new(StepLog {
            sink,
            derivation: derivation.to_owned(),
            tail: Mutex::default(),
        })
    }

    pub fn write(&self, bytes: &[u8]) {
        self.sink.log(Some(&self.derivation), bytes);
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend_from_slice(bytes);
        let over = tail.len().saturating_sub(Failure::LOG_TAIL);
        tail.drain(..over);
    }

    /// A failure of the step, with its place and the log's end; a hint of its
    /// own stays.
    pub fn described(&self, failure: Failure, name: &str, location: Option<&Location>) -> Failure {
        let hint = match failure.hint.is_empty() {
            true => format!("kiln log --derivation {name}"),
            false => failure.hint.clone(),
        };
        Failure {
            location: location.cloned(),
            derivation: Some(name.to_owned()),
            log_tail: self.tail(),
            hint,
            ..failure
        }
    }

    fn tail(&self) -> String {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&tail).into_owned()
    }
}
