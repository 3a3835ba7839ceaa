//! The words of the model: coarser than kiln's own, and apart from them.

use kiln::model::{BlockedReason, CancelledBy, GenerationNumber};

/// Tries of one evaluation or build before it is given up.
pub const TRIES: u32 = 3;
/// Builds finished in a row before the newest wins once.
pub const LIMIT: u32 = 2;
/// Two commits of which none descends from the other.
pub const DIVERGE: [usize; 2] = [1, 2];
/// The commit whose configuration is for another machine.
pub const FOREIGN: usize = 3;

/// How an attempt at an evaluation or a build stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    Waits {
        tries: u32,
        confirmed: bool,
        blocked: Option<BlockedReason>,
    },
    Runs {
        tries: u32,
    },
    Succeeded,
    Failed(Then),
    TimedOut,
    Cancelled(CancelledBy),
}

/// What follows a failure by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It is certain.
    Nothing,
    Retry(u32),
    GivenUp(u32),
    /// Something else took the place of its next try.
    Left(u32, CancelledBy),
    /// It is the certain failure of that generation.
    Remembered(GenerationNumber),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    pub number: u32,
    pub stands: Stands,
}

/// One generation, as far as a user sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation {
    pub commit: usize,
    pub testing: bool,
    pub by_hand: bool,
    pub evaluation: Attempt,
    /// The evaluation was taken over.
    pub cached: bool,
    /// Only of what is evaluated.
    pub build: Option<Attempt>,
    /// The outputs were there.
    pub already: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Evaluation,
    Build,
}

/// A durable event, with the generation as it was then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    Began(Kind, GenerationNumber, Generation),
    Ended(Kind, GenerationNumber, Generation),
    Suspended,
    Resumed,
    Baseline(usize),
}

/// Why a command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    NoGeneration,
    Unknown,
    AnotherInWork,
    NotEvaluated,
    MachineId,
    AlreadyBuilding,
    AlreadyBuilt,
    FailedBefore,
    NothingToConfirm,
    AlreadySuspended,
    NotSuspended,
    /// None of these may happen here.
    Other,
}

/// What a command is answered with: the generation it made or is about.
pub type Answer = Result<Option<GenerationNumber>, Refused>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Consent {
    #[default]
    Unneeded,
    InTime,
    ByHand,
}

/// A suspension or a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InForce {
    /// It ends by itself.
    pub timed: bool,
}

/// How what ran ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Succeeds,
    FailsForCertain,
    FailsForNow,
    TimesOut,
}

pub fn number(i: usize) -> GenerationNumber {
    GenerationNumber(u32::try_from(i + 1).unwrap())
}

impl Generation {
    /// The attempt that is the newest: the build's once there is one.
    pub fn newest(&self) -> Attempt {
        self.build.unwrap_or(self.evaluation)
    }

    pub fn kind(&self) -> Kind {
        match self.build {
            None => Kind::Evaluation,
            Some(_) => Kind::Build,
        }
    }

    pub fn is_built(&self) -> bool {
        self.build.is_some() && self.newest().stands == Stands::Succeeded
    }

    /// Another generation took its place before it had ended.
    pub fn was_superseded(&self) -> bool {
        let stands = self.newest().stands;
        let superseded = |by| matches!(by, CancelledBy::Superseded(_));
        match stands {
            Stands::Cancelled(by) | Stands::Failed(Then::Left(_, by)) => superseded(by),
            _ => false,
        }
    }

    /// Whose certain failure it has, in its evaluation or its build.
    pub fn certain(&self, kind: Kind, me: usize) -> Option<GenerationNumber> {
        match self.newest().stands {
            Stands::Failed(Then::Nothing) if self.kind() == kind => Some(number(me)),
            Stands::Failed(Then::Remembered(whose)) if self.kind() == kind => Some(whose),
            _ => None,
        }
    }
}

impl Said {
    /// What happened, without whose and how often.
    pub fn kind(&self) -> String {
        let Said::Ended(kind, _, generation) = self else {
            let said = format!("{self:?}");
            return said.split([',', '(']).next().unwrap_or_default().to_owned();
        };
        let stands = match generation.newest().stands {
            Stands::Waits { blocked: None, .. } => "and its build begins".to_owned(),
            Stands::Waits {
                blocked: Some(why), ..
            } => format!("and its build waits: {why:?}"),
            Stands::Cancelled(CancelledBy::Superseded(_)) => "Superseded".to_owned(),
            Stands::Cancelled(by) => format!("{by:?}"),
            Stands::Failed(then) => {
                let then = format!("{then:?}");
                let then = then.split('(').next().unwrap_or_default();
                format!("Failed, then {then}")
            }
            other => format!("{other:?}"),
        };
        let (cached, already) = (generation.cached, generation.already);
        let cached = if cached { ", taken over" } else { "" };
        let already = if already { ", already built" } else { "" };
        format!("{kind:?} {stands}{cached}{already}")
    }
}
