//! What a user may rely on, without disk, tasks or time: small enough to be
//! read beside what `src/builder/mod.rs` says of the Builder.

use super::words::*;
use kiln::builder::Phase;
use kiln::model::{BlockedReason, CancelledBy, GenerationNumber};
use std::collections::BTreeSet;

#[derive(Debug, Default)]
pub struct Model {
    pub finish_build: bool,
    pub consent: Consent,
    /// The generation with number `n` is at `n - 1`.
    pub generations: Vec<Generation>,
    /// What is in work: it is evaluated, waits, or is built.
    pub work: Option<usize>,
    /// What waits for the build in work, and whether what is known may be taken over.
    pub newer: Option<(usize, bool)>,
    pub in_a_row: u32,
    pub suspension: Option<InForce>,
    pub hold: Option<InForce>,
    /// The selection that the hold keeps from taking over.
    pub held_back: Option<(usize, bool)>,
    /// Commits whose outputs are there.
    pub outputs: BTreeSet<usize>,
    /// Nothing begins while the disk is.
    pub full: bool,
    pub current: Option<usize>,
    pub baseline: Option<usize>,
    /// Everything announced.
    pub said: Vec<Said>,
}

const FIRST: Attempt = Attempt {
    number: 1,
    stands: Stands::Waits {
        tries: 0,
        confirmed: false,
        blocked: None,
    },
};

impl Model {
    /// How what is in work stands.
    pub fn stands(&self) -> Option<Stands> {
        Some(self.generations[self.work?].newest().stands)
    }

    pub fn runs(&self) -> bool {
        matches!(self.stands(), Some(Stands::Runs { .. }))
    }

    /// Failures in a row before what runs.
    pub fn tries(&self) -> u32 {
        match self.stands() {
            Some(Stands::Runs { tries }) => tries,
            _ => 0,
        }
    }

    pub fn builds(&self) -> bool {
        self.runs()
            && self
                .work
                .is_some_and(|i| self.generations[i].build.is_some())
    }

    pub fn phase(&self) -> Phase {
        let kind = self.work.map(|i| self.generations[i].kind());
        match (self.stands(), kind) {
            (None, _) | (_, None) => Phase::Idle,
            (Some(Stands::Runs { .. }), Some(Kind::Evaluation)) => Phase::Evaluating,
            (Some(Stands::Runs { .. }), Some(Kind::Build)) => Phase::Building,
            _ => Phase::Waiting,
        }
    }

    pub fn set(&mut self, i: usize, stands: Stands) {
        let generation = &mut self.generations[i];
        let newest = generation.build.as_mut();
        newest.unwrap_or(&mut generation.evaluation).stands = stands;
    }

    /// It begins, unless the disk is full: then it waits for space.
    pub fn begins(&mut self, i: usize, tries: u32) {
        self.work = Some(i);
        if self.full {
            let newest = self.generations[i].newest().stands;
            let confirmed = matches!(
                newest,
                Stands::Waits {
                    confirmed: true,
                    ..
                }
            );
            let waits = Stands::Waits {
                tries,
                confirmed,
                blocked: Some(BlockedReason::Space),
            };
            return self.set(i, waits);
        }
        self.set(i, Stands::Runs { tries });
        let generation = self.generations[i];
        let began = Said::Began(generation.kind(), number(i), generation);
        self.said.push(began);
    }

    /// The newest attempt is over; only a next try keeps it in work.
    pub fn ends(&mut self, i: usize, stands: Stands) {
        self.set(i, stands);
        let generation = self.generations[i];
        let ended = Said::Ended(generation.kind(), number(i), generation);
        self.said.push(ended);
        self.work = matches!(stands, Stands::Failed(Then::Retry(_))).then_some(i);
        if generation.is_built() && self.current.is_none_or(|current| current <= i) {
            self.current = Some(i);
            let is_main = !generation.testing && !generation.by_hand;
            if is_main && self.is_forward(generation.commit) {
                self.baseline = Some(generation.commit);
                self.said.push(Said::Baseline(generation.commit));
            }
        }
    }

    /// The baseline moves there: it is another commit, and on no line beside it.
    fn is_forward(&self, to: usize) -> bool {
        let diverge = |from| DIVERGE.contains(&from) && DIVERGE.contains(&to);
        self.baseline
            .is_none_or(|from| from != to && !diverge(from))
    }

    /// The newest generation of the same commit before `i`.
    fn earlier(&self, i: usize, wanted: impl Fn(usize, &Generation) -> bool) -> Option<usize> {
        let commit = self.generations[i].commit;
        (0..i).rev().find(|&e| {
            let earlier = &self.generations[e];
            earlier.commit == commit && wanted(e, earlier)
        })
    }

    /// Evaluates it, unless what is known of its commit may be taken over.
    pub fn evaluate(&mut self, i: usize, take_over: bool) {
        let known = self.earlier(i, |e, g| {
            g.build.is_some() || g.certain(Kind::Evaluation, e).is_some()
        });
        let Some(known) = known.filter(|_| take_over) else {
            return self.begins(i, 0);
        };
        match self.generations[known].certain(Kind::Evaluation, known) {
            Some(whose) => self.ends(i, Stands::Failed(Then::Remembered(whose))),
            None => self.evaluated(i, true),
        }
    }

    pub fn evaluated(&mut self, i: usize, cached: bool) {
        self.set(i, Stands::Succeeded);
        let (commit, foreign) = (self.generations[i].commit, self.is_foreign(i));
        let there = !foreign && self.outputs.contains(&commit);
        let generation = &mut self.generations[i];
        (generation.cached, generation.already) = (cached, there);
        generation.build = Some(FIRST);
        if there {
            return self.ends(i, Stands::Succeeded); // says that the evaluation ended, too
        }
        if let Some(whose) = self.known_to_fail(i).filter(|_| cached && !foreign) {
            return self.ends(i, Stands::Failed(Then::Remembered(whose)));
        }
        self.hold_back(i, 0, false);
        let evaluated = Said::Ended(Kind::Evaluation, number(i), self.generations[i]);
        self.said.push(evaluated);
        self.build(i);
    }

    fn known_to_fail(&self, i: usize) -> Option<GenerationNumber> {
        let known = self.earlier(i, |e, g| {
            g.is_built() || g.certain(Kind::Build, e).is_some()
        })?;
        self.generations[known].certain(Kind::Build, known)
    }

    pub fn is_foreign(&self, i: usize) -> bool {
        self.generations[i].commit == FOREIGN
    }

    /// Its build waits for whatever is in the way, the gravest first.
    pub fn hold_back(&mut self, i: usize, tries: u32, confirmed: bool) {
        let blocked = if self.is_foreign(i) {
            Some(BlockedReason::MachineId)
        } else if self.suspension.is_some() {
            Some(BlockedReason::Suspended)
        } else if !confirmed && self.consent != Consent::Unneeded {
            Some(BlockedReason::Confirmation)
        } else {
            None
        };
        let waits = Stands::Waits {
            tries,
            confirmed,
            blocked,
        };
        self.set(i, waits);
        self.work = Some(i);
    }

    /// What waits and has nothing in the way begins.
    pub fn build(&mut self, i: usize) {
        let newest = self.generations[i].newest().stands;
        if let Stands::Waits {
            blocked: None,
            tries,
            ..
        } = newest
        {
            self.begins(i, tries);
        }
    }

    pub fn next_attempt(&mut self, i: usize, tries: u32, confirmed: bool) {
        let generation = &mut self.generations[i];
        let newest = generation.build.as_mut();
        newest.unwrap_or(&mut generation.evaluation).number += 1;
        match generation.kind() {
            Kind::Evaluation => self.begins(i, tries),
            Kind::Build => {
                self.hold_back(i, tries, confirmed);
                self.build(i);
            }
        }
    }

    /// What runs is cancelled; what waits is left.
    pub fn leave(&mut self, by: CancelledBy) {
        let Some(i) = self.work else { return };
        match self.generations[i].newest().stands {
            Stands::Runs { .. } | Stands::Waits { .. } => self.ends(i, Stands::Cancelled(by)),
            // Its end was announced before.
            Stands::Failed(Then::Retry(tries)) => {
                self.set(i, Stands::Failed(Then::Left(tries, by)));
                self.work = None;
            }
            other => panic!("{other:?} in work"),
        }
    }

    pub fn leave_newer(&mut self, by: CancelledBy) {
        if let Some((i, _)) = self.newer.take() {
            let work = self.work;
            self.ends(i, Stands::Cancelled(by));
            self.work = work;
        }
    }

    pub fn newer_begins(&mut self, (i, take_over): (usize, bool)) {
        self.leave(CancelledBy::Superseded(number(i)));
        self.evaluate(i, take_over);
    }

    pub fn new_generation(&mut self, commit: usize, testing: bool, by_hand: bool, take_over: bool) {
        let i = self.generations.len();
        let by = CancelledBy::Superseded(number(i));
        let waits = self.finish_build && self.builds() && self.in_a_row < LIMIT;
        self.leave_newer(by);
        if !waits {
            self.in_a_row = 0;
            self.leave(by);
        }
        self.generations.push(Generation {
            commit,
            testing: testing && !by_hand,
            by_hand,
            evaluation: FIRST,
            cached: false,
            build: None,
            already: false,
        });
        if !waits {
            return self.evaluate(i, take_over);
        }
        let stands = Stands::Waits {
            tries: 0,
            confirmed: false,
            blocked: Some(BlockedReason::Building),
        };
        self.set(i, stands);
        self.newer = Some((i, take_over));
    }
}
