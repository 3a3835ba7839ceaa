//! What `kiln dev` says while it works: a pure function of the events.

use super::human;
use crate::pb::{self, event::Event as E};
use std::collections::BTreeSet;

/// What one event makes known.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// For standard error.
    Note(String),
    /// Overwritten by the next one, on a terminal.
    Bar(String),
    /// A generation ended: its result for standard output, or its failure for
    /// standard error.
    Ended(Box<pb::Generation>),
}

/// Follows the events of one dev agent.
#[derive(Debug, Default)]
pub struct Progress {
    running: BTreeSet<String>,
    /// The newest generation that was worked on while we looked.
    worked_on: u32,
}

impl Progress {
    /// What `event` makes known.
    pub fn event(&mut self, event: &pb::Event) -> Vec<Said> {
        match &event.event {
            Some(E::EvalStarted(started)) => {
                self.running.clear();
                self.worked_on = number(started.generation.as_ref());
                started.generation.iter().map(evaluating).collect()
            }
            Some(E::EvalFinished(finished)) => {
                finished.generation.iter().filter_map(evaluated).collect()
            }
            Some(E::BuildStarted(started)) => {
                self.worked_on = number(started.generation.as_ref());
                vec![Said::Bar("building".into())]
            }
            Some(E::StepStarted(step)) => {
                self.running.insert(step.derivation.clone());
                vec![self.bar(step.steps.as_ref())]
            }
            Some(E::StepFinished(step)) => {
                self.running.remove(&step.derivation);
                let note =
                    (!step.reused).then(|| Said::Note(format!("  {}", human::step_line(step))));
                note.into_iter()
                    .chain([self.bar(step.steps.as_ref())])
                    .collect()
            }
            Some(E::BuildFinished(finished)) => finished.generation.iter().map(ended).collect(),
            Some(E::Suspended(_) | E::Resumed(_) | E::StateRecovered(_)) => {
                vec![Said::Note(human::event(event).trim_end().to_owned())]
            }
            Some(E::Fetched(fetched)) => {
                let silent = fetched.remote.iter().filter(|remote| !remote.reachable);
                silent
                    .map(|remote| Said::Note(human::plain(&remote.error)))
                    .collect()
            }
            Some(
                E::Selected(_)
                | E::HookFinished(_)
                | E::BaselineMoved(_)
                | E::ConfigurationReloaded(_)
                | E::Snapshot(_),
            )
            | None => Vec::new(),
        }
    }

    /// Whether this generation's end is news, not what an earlier run left.
    pub fn worked_on(&self, generation: &pb::Generation) -> bool {
        self.worked_on == generation.number
    }

    fn bar(&self, steps: Option<&pb::Steps>) -> Said {
        let steps = steps.copied().unwrap_or_default();
        let names: Vec<String> = self
            .running
            .iter()
            .take(3)
            .map(|name| human::plain(name))
            .collect();
        let more = if self.running.len() > 3 { ", ..." } else { "" };
        let left = steps.estimated_remaining.filter(|left| left.seconds > 0);
        let left = left.map_or(String::new(), |left| {
            let left = time::Duration::seconds(left.seconds);
            format!("about {} left: ", human::lasting(left))
        });
        Said::Bar(format!(
            "[{}/{}] {left}{}{more}",
            steps.done,
            steps.total,
            names.join(", ")
        ))
    }
}

fn number(generation: Option<&pb::Generation>) -> u32 {
    generation.map_or(0, |generation| generation.number)
}

fn evaluating(generation: &pb::Generation) -> Said {
    let commit = generation.commit.clone().unwrap_or_default();
    let dirty = if commit.dirty {
        " with files not committed"
    } else {
        ""
    };
    Said::Note(format!(
        "generation {}: evaluating {} {}{dirty}",
        generation.number,
        human::short(&commit.id),
        human::first_line(&commit.summary)
    ))
}

/// An evaluation with a build is no end yet; one that is held back says why.
fn evaluated(generation: &pb::Generation) -> Option<Said> {
    let Some(build) = &generation.build else {
        return Some(ended(generation));
    };
    let blocked = build.blocked.as_ref()?;
    let why = human::blocked_line(blocked, crate::model::now());
    Some(Said::Note(format!(
        "generation {} waits: {why}",
        generation.number
    )))
}

fn ended(generation: &pb::Generation) -> Said {
    Said::Ended(Box::new(generation.clone()))
}

/// `generation 1 built in 1.3 s: 5 steps, 0 reused` and where the result is.
/// `news`: it was built just now.
pub fn result(generation: &pb::Generation, news: bool) -> String {
    let build = generation.build.clone().unwrap_or_default();
    let steps = build.steps.unwrap_or_default();
    let started = generation
        .evaluation
        .as_ref()
        .and_then(|evaluation| evaluation.started_at.as_ref());
    let length = human::between(
        started.or(build.started_at.as_ref()),
        build.ended_at.as_ref(),
    );
    let number = generation.number;
    let first = match build.reason() {
        pb::BuildReason::AlreadyBuilt => {
            format!("generation {number} is there already: nothing to build")
        }
        _ if !news => format!("generation {number} was built before: nothing to build"),
        pb::BuildReason::NeedsBuild | pb::BuildReason::Unspecified => format!(
            "generation {number} built in {}: {} steps, {} reused",
            human::lasting(length.unwrap_or_default()),
            steps.total,
            steps.reused
        ),
    };
    format!("{first}\n{}\n", human::plain(&build.real_path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{self, generation, succeeded};
    use crate::server::convert;

    fn event(event: E) -> pb::Event {
        pb::Event {
            event: Some(event),
            ..Default::default()
        }
    }

    #[test]
    fn a_built_generation_is_told_with_its_time_steps_and_place() {
        let built = convert::generation(&generation(1, 'a', fixtures::evaluated(succeeded())));
        assert_eq!(
            result(&built, true),
            "generation 1 built in 30.0 s: 5 steps, 2 reused\n/s/bbbb-web-1\n"
        );
        let said = Progress::default().event(&event(E::BuildFinished(pb::BuildFinished {
            generation: Some(built.clone()),
        })));
        assert_eq!(said, [Said::Ended(Box::new(built))]);
    }

    #[test]
    fn an_evaluation_that_leads_to_a_build_is_no_end() {
        let built = convert::generation(&generation(1, 'a', fixtures::evaluated(succeeded())));
        let finished = pb::EvalFinished {
            generation: Some(built),
        };
        assert_eq!(
            Progress::default().event(&event(E::EvalFinished(finished))),
            []
        );
    }

    #[test]
    fn steps_are_told_as_they_end_and_reused_ones_only_counted() {
        let mut progress = Progress::default();
        let steps = Some(pb::Steps {
            total: 5,
            done: 2,
            ..Default::default()
        });
        let started = pb::StepStarted {
            derivation: "hello".into(),
            steps,
            ..Default::default()
        };
        assert_eq!(
            progress.event(&event(E::StepStarted(started))),
            [Said::Bar("[2/5] hello".into())]
        );
        let mut finished = pb::StepFinished {
            derivation: "hello".into(),
            status: pb::BuildStatus::Succeeded.into(),
            duration: Some(pbjson_types::Duration {
                seconds: 1,
                nanos: 500_000_000,
            }),
            steps,
            ..Default::default()
        };
        let said = progress.event(&event(E::StepFinished(finished.clone())));
        assert_eq!(
            said,
            [
                Said::Note("  step hello built after 1.5 s".into()),
                Said::Bar("[2/5] ".into())
            ]
        );
        finished.reused = true;
        assert_eq!(progress.event(&event(E::StepFinished(finished))).len(), 1);
    }
}
