//! What may be asked of the model, and what happens to it.

use super::model::Model;
use super::words::*;
use kiln::model::{BlockedReason, CancelledBy, GenerationNumber};

impl Model {
    /// The selection is this now.
    pub fn select(&mut self, commit: usize, testing: bool) -> Answer {
        if self.hold.is_some() {
            self.held_back = Some((commit, testing));
            return Ok(None);
        }
        let selected = self.generations.iter().rposition(|g| !g.by_hand);
        if let Some(i) = selected {
            let g = &self.generations[i];
            let same = g.commit == commit && g.testing == testing;
            if same && g.was_superseded() && self.is_busy_by_hand() {
                self.held_back = Some((commit, testing));
                return Ok(Some(number(i)));
            }
            let there = match g.is_built() {
                true => self.outputs.contains(&commit),
                false => !g.was_superseded(),
            };
            if same && there {
                return Ok(Some(number(i)));
            }
        }
        self.new_generation(commit, testing, false, true);
        self.held_back = None;
        Ok(Some(number(self.generations.len() - 1)))
    }

    /// A generation made by hand is in work, or waits to be.
    fn is_busy_by_hand(&self) -> bool {
        let newer = self.newer.map(|(i, _)| i);
        let busy = [newer, self.work].into_iter().flatten();
        busy.into_iter()
            .any(|i| self.generations[i].by_hand && !self.waits_for_another_machine(i))
    }

    fn waits_for_another_machine(&self, i: usize) -> bool {
        let stands = self.generations[i].newest().stands;
        let blocked = Some(BlockedReason::MachineId);
        matches!(stands, Stands::Waits { blocked: why, .. } if why == blocked)
    }

    /// What was kept from taking over does so once nothing is in its way.
    fn selection_takes_over(&mut self) {
        let in_work = self.work.filter(|&i| !self.waits_for_another_machine(i));
        if self.hold.is_none()
            && self.newer.is_none()
            && in_work.is_none()
            && let Some((commit, testing)) = self.held_back.take()
        {
            let _ = self.select(commit, testing);
        }
    }

    /// What waited for space goes on.
    fn space_is_back(&mut self) {
        let (
            Some(i),
            Some(Stands::Waits {
                tries,
                blocked: Some(BlockedReason::Space),
                ..
            }),
        ) = (self.work, self.stands())
        else {
            return;
        };
        match self.generations[i].kind() {
            _ if self.full => {}
            Kind::Evaluation => self.begins(i, tries),
            Kind::Build => self.reconsider(),
        }
    }

    /// After each command, and whatever else happened.
    pub fn settles(&mut self) {
        self.space_is_back();
        self.selection_takes_over();
        if self.work.is_none() {
            self.in_a_row = 0;
        }
    }

    /// Asked for: it always evaluates.
    pub fn eval(&mut self, commit: usize, by_hand: bool, hold: Option<InForce>) -> Answer {
        self.hold = hold;
        if by_hand {
            let unfinished = self.newer.map(|(i, _)| i).or(self.work);
            if let Some(g) = unfinished.map(|i| self.generations[i])
                && !g.by_hand
            {
                self.held_back = Some((g.commit, g.testing)); // it is still to be built
            }
        } else {
            self.held_back = None;
        }
        self.new_generation(commit, false, by_hand, false);
        Ok(Some(number(self.generations.len() - 1)))
    }

    /// What runs ended by itself.
    pub fn job_ends(&mut self, end: End) {
        let Some(i) = self.work else { return };
        let generation = self.generations[i];
        let Stands::Runs { tries } = generation.newest().stands else {
            return;
        };
        let tries = tries + 1;
        match (end, generation.kind()) {
            (End::Succeeds, Kind::Evaluation) => self.evaluated(i, false),
            (End::Succeeds, Kind::Build) => self.ends(i, Stands::Succeeded),
            (End::TimesOut, _) => self.ends(i, Stands::TimedOut),
            (End::FailsForCertain, _) => self.ends(i, Stands::Failed(Then::Nothing)),
            (End::FailsForNow, _) if tries < TRIES => {
                self.ends(i, Stands::Failed(Then::Retry(tries)));
            }
            (End::FailsForNow, _) => self.ends(i, Stands::Failed(Then::GivenUp(tries))),
        }
        if generation.kind() == Kind::Build {
            match self.newer.take() {
                Some(newer) => {
                    self.in_a_row += 1;
                    self.newer_begins(newer);
                }
                None => self.in_a_row = 0,
            }
        }
    }

    fn asked(&self, asked: Option<GenerationNumber>) -> Result<usize, Refused> {
        match asked {
            None => self
                .generations
                .len()
                .checked_sub(1)
                .ok_or(Refused::NoGeneration),
            Some(GenerationNumber(n)) => {
                let i = (n as usize).checked_sub(1).ok_or(Refused::Unknown)?;
                self.generations.get(i).map(|_| i).ok_or(Refused::Unknown)
            }
        }
    }

    pub fn submit(&mut self, asked: Option<GenerationNumber>, retry: bool) -> Answer {
        let i = self.asked(asked)?;
        if self.work.is_some_and(|work| work != i) {
            return Err(Refused::AnotherInWork);
        }
        let build = self.generations[i].build.ok_or(Refused::NotEvaluated)?;
        if self.is_foreign(i) {
            return Err(Refused::MachineId);
        }
        match build.stands {
            Stands::Runs { .. } => return Err(Refused::AlreadyBuilding),
            Stands::Succeeded => return Err(Refused::AlreadyBuilt),
            Stands::Failed(Then::Remembered(_)) if !retry => return Err(Refused::FailedBefore),
            Stands::Waits { tries, .. } => {
                self.hold_back(i, tries, true);
                self.build(i);
            }
            Stands::Failed(_) | Stands::TimedOut | Stands::Cancelled(_) => {
                self.next_attempt(i, 0, true);
            }
        }
        Ok(Some(number(i)))
    }

    pub fn confirm(&mut self, asked: Option<GenerationNumber>) -> Answer {
        let i = self.asked(asked)?;
        let build = self.generations[i].build.ok_or(Refused::NotEvaluated)?;
        if self.is_foreign(i) {
            return Err(Refused::MachineId);
        }
        match build.stands {
            Stands::Waits {
                tries,
                confirmed: false,
                ..
            } if self.consent != Consent::Unneeded => {
                self.hold_back(i, tries, true);
                self.build(i);
                Ok(Some(number(i)))
            }
            _ => Err(Refused::NothingToConfirm),
        }
    }

    pub fn suspend(&mut self, timed: bool) -> Answer {
        if self.suspension.is_some() {
            return Err(Refused::AlreadySuspended);
        }
        self.suspension = Some(InForce { timed });
        self.said.push(Said::Suspended);
        match (self.work.filter(|_| self.builds()), self.newer) {
            (Some(_), Some(newer)) => {
                self.newer = None;
                self.newer_begins(newer);
            }
            (Some(i), None) => {
                let tries = self.tries();
                self.leave(CancelledBy::Suspend);
                self.next_attempt(i, tries, true);
            }
            (None, _) => self.reconsider(),
        }
        Ok(None)
    }

    pub fn resume(&mut self) -> Answer {
        if self.suspension.take().is_none() {
            return Err(Refused::NotSuspended);
        }
        self.said.push(Said::Resumed);
        self.reconsider();
        Ok(None)
    }

    /// What is in the way of the build that waits is another thing now.
    fn reconsider(&mut self) {
        if let (
            Some(i),
            Some(Stands::Waits {
                tries, confirmed, ..
            }),
        ) = (self.work, self.stands())
            && self.generations[i].build.is_some()
        {
            self.hold_back(i, tries, confirmed);
            self.build(i);
        }
    }

    /// Ends what runs, and what waits for a build, a time or a consent.
    pub fn stop(&mut self) -> Answer {
        let stays = matches!(
            self.stands(),
            Some(Stands::Waits {
                blocked: Some(BlockedReason::Suspended | BlockedReason::MachineId),
                ..
            })
        );
        if !stays {
            self.leave(CancelledBy::Stop);
        }
        self.leave_newer(CancelledBy::Stop);
        Ok(None)
    }

    /// Long enough for everything that is due; one thing at a time, the
    /// soonest first.
    pub fn time_passes(&mut self) {
        while self.is_due() {
            self.settles();
        }
    }

    fn is_due(&mut self) -> bool {
        match (self.work, self.stands()) {
            (Some(i), Some(Stands::Failed(Then::Retry(tries)))) => {
                self.next_attempt(i, tries, true);
                return true;
            }
            (
                Some(i),
                Some(Stands::Waits {
                    tries,
                    blocked: Some(BlockedReason::Confirmation),
                    ..
                }),
            ) if self.consent == Consent::InTime => {
                self.hold_back(i, tries, true);
                self.build(i);
                return true;
            }
            _ => {}
        }
        if self.hold.take_if(|hold| hold.timed).is_some() {
            return true;
        }
        self.suspension.is_some_and(|s| s.timed) && self.resume().is_ok()
    }

    /// The agent is started again, after an orderly end or a crash: what it
    /// interrupted gets a new attempt.
    pub fn starts_again(&mut self) {
        self.held_back = None;
        if let (Some(i), Some(Stands::Runs { tries })) = (self.work, self.stands()) {
            self.ends(i, Stands::Cancelled(CancelledBy::Shutdown));
            self.next_attempt(i, tries, true);
        }
        self.gives_way();
    }

    /// Only a build that runs is let finish: one that has no space does not.
    fn gives_way(&mut self) {
        if let Some(Stands::Waits {
            blocked: Some(BlockedReason::Space),
            ..
        }) = self.stands()
            && let Some(newer) = self.newer.take()
        {
            self.newer_begins(newer);
        }
    }
}
