//! The Builder and its model, side by side.

use super::COMMITS;
use super::builder_bench::*;
use super::model::Model;
use super::operation::Operation;
use super::seen;
use super::words::*;
use kiln::builder::{HoldFor, Refusal, Selected};
use kiln::model::{self, Confirmation, Failure, GenerationNumber, Preemption, RetryPolicy};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
/// How many of the newest generations are compared after each operation; all
/// are after a restart and at the end.
const NEWEST: usize = 3;

/// Where the two differ.
pub type Differs = Result<(), String>;

pub struct Pair {
    bench: Bench,
    model: Model,
    disk: Disk,
    /// What runs, waiting for its answer.
    call: Option<Call>,
    /// Events that were compared, and the number of the last.
    heard: usize,
    seq: u64,
    /// Kinds of events that were seen on both sides.
    reached: Reached,
}

/// Kinds of events, and how often each was seen.
pub type Reached = BTreeMap<String, usize>;

fn same<T: PartialEq + Debug>(what: &str, builder: &T, model: &T) -> Differs {
    match builder == model {
        true => Ok(()),
        false => Err(format!(
            "{what}\n  Builder: {builder:?}\n    model: {model:?}"
        )),
    }
}

impl Pair {
    pub async fn new(finish_build: bool, consent: Consent) -> Self {
        let policies = Policies {
            preemption: match finish_build {
                true => Preemption::FinishBuild(super::words::LIMIT),
                false => Preemption::Always,
            },
            confirmation: match consent {
                Consent::Unneeded => Confirmation::None,
                Consent::InTime => Confirmation::Auto(Duration::from_secs(120)),
                Consent::ByHand => Confirmation::Manual,
            },
            retry: RetryPolicy {
                attempts: TRIES,
                ..RetryPolicy::default()
            },
            ..Policies::default()
        };
        let pair = Pair {
            disk: policies.room.clone(),
            bench: Bench::in_memory(policies).await,
            model: Model {
                finish_build,
                consent,
                ..Model::default()
            },
            call: None,
            heard: 0,
            seq: 0,
            reached: Reached::new(),
        };
        pair.diverge();
        pair
    }

    /// One operation on both; whether they agree afterwards.
    pub async fn step(mut self, operation: Operation) -> Result<Self, String> {
        if let Operation::Restart | Operation::Crash = operation {
            self = self
                .starts_again(matches!(operation, Operation::Restart))
                .await;
            self.agree(usize::MAX).await?;
            return Ok(self);
        }
        let answers = self.happens(operation).await;
        self.model.settles();
        if let Some((builder, model)) = answers {
            same("the answer", &builder, &model)?;
        }
        self.agree(NEWEST).await?;
        Ok(self)
    }

    fn diverge(&self) {
        let [one, other] = DIVERGE.map(|commit| COMMITS[commit]);
        self.bench.diverge(one, other);
    }

    async fn starts_again(mut self, in_order: bool) -> Self {
        self.call = None;
        self.bench = match in_order {
            true => self.bench.restart().await,
            false => self.bench.crash().await,
        };
        self.diverge();
        self.model.starts_again();
        self
    }

    /// The Builder's answer and the model's, where there is one.
    async fn happens(&mut self, operation: Operation) -> Option<(Answer, Answer)> {
        let handle = self.bench.handle.clone();
        let by = || "ann".to_owned();
        let model = &mut self.model;
        Some(match operation {
            Operation::Select { commit, testing } => {
                let selected = handle.select(selection(COMMITS[commit], testing)).await;
                let selected = selected.map(|selected| match selected {
                    Selected::New(g) | Selected::Unchanged(g) => Some(g.number),
                    Selected::Held(_) => None,
                });
                let selected = selected.map_err(|refusal| seen::refused(&refusal));
                (selected, model.select(commit, testing))
            }
            Operation::Eval {
                commit,
                by_hand,
                hold,
            } => {
                let asked = hold.map(|hold| HoldFor {
                    duration: hold.timed.then_some(HOUR / 2),
                    by: by(),
                });
                let selection = selection(COMMITS[commit], false);
                let made = handle.eval(selection, by_hand, asked).await;
                (about(made), model.eval(commit, by_hand, hold))
            }
            Operation::Submit { which, retry } => {
                let number = which.number(model);
                let submitted = handle.submit_build(number, retry).await;
                (about(submitted), model.submit(number, retry))
            }
            Operation::Confirm(which) => {
                let number = which.number(model);
                let confirmed = handle.confirm(number).await;
                (about(confirmed), model.confirm(number))
            }
            Operation::Suspend { timed } => {
                let duration = timed.then_some(HOUR);
                let suspended = handle.suspend("x".into(), duration, by()).await;
                (done(suspended), model.suspend(timed))
            }
            Operation::Resume => (done(handle.resume(by()).await), model.resume()),
            Operation::Stop => (done(handle.stop().await), model.stop()),
            Operation::Ends(end) => {
                if let Some(call) = self.call.take() {
                    let gone = call.gone();
                    answer(call, end, &self.model);
                    gone.await;
                    self.model.job_ends(end);
                }
                return None;
            }
            Operation::TimePasses => {
                tokio::time::sleep(24 * HOUR).await;
                model.time_passes();
                return None;
            }
            Operation::Outputs { commit, there } => {
                match there {
                    true => self.bench.outputs_exist(COMMITS[commit]),
                    false => self.bench.outputs_vanish(COMMITS[commit]),
                }
                match there {
                    true => model.outputs.insert(commit),
                    false => model.outputs.remove(&commit),
                };
                return None;
            }
            Operation::Space { full } => {
                self.disk.set_full(full);
                model.full = full;
                return None;
            }
            Operation::Restart | Operation::Crash => return None,
        })
    }

    /// What was announced, what runs and what is recorded are the same on both sides.
    async fn agree(&mut self, newest: usize) -> Differs {
        self.bench.settled().await;
        self.events_agree().await?;
        self.calls_agree().await?;
        let state = self.bench.handle.state();
        same("the phase", &state.phase, &self.model.phase())?;
        let suspended = self.model.suspension.is_some();
        same("suspended", &state.suspension.is_some(), &suspended)?;
        same("held", &state.hold.is_some(), &self.model.hold.is_some())?;
        let latest = self.model.generations.len().checked_sub(1);
        let shown = self.model.work.or(latest).map(number);
        same("the generation shown", &state.generation, &shown)?;
        self.records_agree(newest)
    }

    async fn events_agree(&mut self) -> Differs {
        let events = self.bench.announced(self.seq).await;
        let numbers: Vec<_> = events.iter().map(|event| event.seq).collect();
        if !numbers.is_sorted_by(|a, b| a < b) || numbers.first().is_some_and(|n| *n <= self.seq) {
            return Err(format!("event numbers {numbers:?} after {}", self.seq));
        }
        self.seq = numbers.last().copied().unwrap_or(self.seq);
        let said: Vec<_> = events
            .iter()
            .filter_map(|event| seen::said(event))
            .collect();
        same(
            "the events",
            &said.as_slice(),
            &&self.model.said[self.heard..],
        )
    }

    /// What began was asked of the backend, in that order, and nothing else.
    async fn calls_agree(&mut self) -> Differs {
        for said in &self.model.said[self.heard..] {
            if let Said::Began(kind, _, generation) = said {
                let name = COMMITS[generation.commit];
                self.call = Some(match kind {
                    Kind::Evaluation => self.bench.evaluation(name).await,
                    Kind::Build => self.bench.build(name).await,
                });
            }
        }
        for said in &self.model.said[self.heard..] {
            *self.reached.entry(said.kind()).or_default() += 1;
        }
        self.heard = self.model.said.len();
        if !self.model.runs() {
            self.call = None;
        }
        self.bench.nothing_asked();
        match self.bench.most_at_once() {
            0 | 1 => Ok(()),
            most => Err(format!("{most} jobs at once")),
        }
    }

    fn records_agree(&self, newest: usize) -> Differs {
        let made = self.model.generations.len();
        let oldest = made.saturating_sub(newest);
        for i in (oldest..made).chain(self.model.work) {
            let recorded = self.bench.generation(number(i));
            let model = &self.model.generations[i];
            same(
                &format!("generation {}", i + 1),
                &seen::generation(&recorded),
                model,
            )?;
            is_plausible(&recorded, self.model.work == Some(i))?;
        }
        let next = self.bench.reader().generation(number(made));
        same("a generation nobody asked for", &next.is_some(), &false)?;
        let baseline = self.bench.reader().baseline();
        let baseline = baseline.map(|id| seen::commit(&id.parse().unwrap()));
        same("the baseline", &baseline, &self.model.baseline)?;
        let current = self.bench.reader().current().map(|current| current.number);
        same("current", &current, &self.model.current.map(number))
    }

    /// At the end: everything, as the disk has it.
    pub async fn ends(mut self) -> Result<Reached, String> {
        self = self.starts_again(false).await;
        self.agree(usize::MAX).await?;
        self.heard = 0;
        self.seq = 0;
        self.events_agree().await?;
        Ok(self.reached)
    }
}

/// Whatever the model says.
fn is_plausible(generation: &model::Generation, in_work: bool) -> Differs {
    let newest = seen::generation(generation).newest();
    match newest.stands {
        Stands::Waits { blocked: None, .. } => Err(format!("{generation:?} waits for nothing")),
        Stands::Runs { .. } if !in_work => Err(format!("{generation:?} runs without a job")),
        _ => Ok(()),
    }
}

fn about(answer: Result<model::Generation, Refusal>) -> Answer {
    let number = |generation: model::Generation| Some(generation.number);
    answer
        .map(number)
        .map_err(|refusal| seen::refused(&refusal))
}

fn done<T>(answer: Result<T, Refusal>) -> Result<Option<GenerationNumber>, Refused> {
    answer
        .map(|_| None)
        .map_err(|refusal| seen::refused(&refusal))
}

fn answer(call: Call, end: End, model: &Model) {
    let foreign = model.work.map(|i| model.generations[i].commit) == Some(FOREIGN);
    match end {
        End::Succeeds if !call.is_evaluation() => call.builds(),
        End::Succeeds if foreign => call.evaluates_for_machine("another"),
        End::Succeeds => call.evaluates(),
        End::FailsForCertain => call.fails(Failure::certain("exit 1")),
        End::FailsForNow => call.fails(Failure::transient("connection reset")),
        End::TimesOut => call.times_out(),
    }
}
