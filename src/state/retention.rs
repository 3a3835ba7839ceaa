//! Which generations leave: pure, from what is there and what is to be kept.
//!
//! A generation leaves when it is beyond the count and older than the days, or
//! beyond ten times the count. Built ones and others are counted apart, the
//! newest first. Current, previous and the latest never leave, nor what has not
//! ended.

use crate::model::{Build, Evaluation, Generation, GenerationNumber};
use std::time::Duration;
use time::OffsetDateTime;

/// However young, no more than this many times the count are kept.
const MOST: usize = 10;

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Built generations.
    pub built: u32,
    /// Generations that ended otherwise.
    pub failed: u32,
    /// How old one beyond the count may be.
    pub age: Duration,
    /// Bytes of all logs.
    pub logs: u64,
    pub events: u32,
}

/// What counts of a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub number: GenerationNumber,
    pub built: bool,
    /// `None`: it has not ended.
    pub ended_at: Option<OffsetDateTime>,
}

impl From<&Generation> for Candidate {
    fn from(generation: &Generation) -> Self {
        Candidate {
            number: generation.number,
            built: generation.built().is_some(),
            ended_at: ended_at(&generation.evaluation),
        }
    }
}

fn ended_at(evaluation: &Evaluation) -> Option<OffsetDateTime> {
    match evaluation {
        Evaluation::Pending { .. } | Evaluation::Running { .. } => None,
        Evaluation::Failed { span, .. }
        | Evaluation::TimedOut { span, .. }
        | Evaluation::Cancelled { span, .. } => Some(span.ended_at),
        Evaluation::Succeeded { build, .. } => match build {
            Build::Pending { .. } | Build::Running { .. } => None,
            Build::Succeeded { span, .. }
            | Build::Failed { span, .. }
            | Build::TimedOut { span, .. }
            | Build::Cancelled { span, .. } => Some(span.ended_at),
        },
    }
}

/// Numbers of those that leave; `candidates` from the newest to the oldest.
pub fn leaving(
    candidates: &[Candidate],
    current: Option<GenerationNumber>,
    retention: &Retention,
    now: OffsetDateTime,
) -> Vec<GenerationNumber> {
    let latest = candidates.first().map(|latest| latest.number);
    let is_previous = |c: &&Candidate| c.built && current.is_some_and(|current| c.number < current);
    let previous = candidates.iter().find(is_previous).map(|c| c.number);
    let never = [latest, current, previous];
    let (mut built, mut others) = (0, 0);
    let mut leaving = Vec::new();
    for candidate in candidates {
        let (rank, count) = match candidate.built {
            true => (&mut built, retention.built),
            false => (&mut others, retention.failed),
        };
        *rank += 1;
        let (rank, count) = (*rank, usize::try_from(count).unwrap_or(usize::MAX));
        let Some(ended_at) = candidate.ended_at else {
            continue;
        };
        // A clock that went back makes nothing old.
        let is_old = now - ended_at > retention.age;
        let is_beyond = rank > count && (is_old || rank > count.saturating_mul(MOST));
        if is_beyond && !never.contains(&Some(candidate.number)) {
            leaving.push(candidate.number);
        }
    }
    leaving
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
