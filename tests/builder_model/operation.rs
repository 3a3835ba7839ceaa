//! What happens to a Builder: asked for by people, the selection, the backend,
//! time and fate.

use super::COMMITS;
use super::model::Model;
use super::words::*;
use kiln::model::GenerationNumber;
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
pub enum Operation {
    Select {
        commit: usize,
        testing: bool,
    },
    /// `kiln eval`, and with `by_hand` of a revision.
    Eval {
        commit: usize,
        by_hand: bool,
        hold: Option<InForce>,
    },
    Ends(End),
    Submit {
        which: Which,
        retry: bool,
    },
    Confirm(Which),
    Suspend {
        timed: bool,
    },
    Resume,
    Stop,
    TimePasses,
    /// Outputs come, from a cache, or go.
    Outputs {
        commit: usize,
        there: bool,
    },
    Restart,
    Crash,
}

/// The generation a command names.
#[derive(Debug, Clone, Copy)]
pub enum Which {
    Default,
    /// So many before the latest.
    Back(usize),
    Unknown,
}

impl Which {
    pub fn number(self, of: &Model) -> Option<GenerationNumber> {
        let made = u32::try_from(of.generations.len()).unwrap();
        match self {
            Which::Default => None,
            Which::Unknown => Some(GenerationNumber(made + 1)),
            Which::Back(back) => {
                let back = u32::try_from(back).unwrap();
                Some(GenerationNumber(made.saturating_sub(back)))
            }
        }
    }
}

fn commit() -> impl Strategy<Value = usize> {
    0..COMMITS.len()
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![
        4 => Just(Which::Default),
        4 => (0..4_usize).prop_map(Which::Back),
        1 => Just(Which::Unknown),
    ]
}

fn hold() -> impl Strategy<Value = Option<InForce>> {
    prop_oneof![
        4 => Just(None),
        1 => any::<bool>().prop_map(|timed| Some(InForce { timed })),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        12 => Just(End::Succeeds),
        3 => Just(End::FailsForCertain),
        4 => Just(End::FailsForNow),
        1 => Just(End::TimesOut),
    ]
}

pub fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    prop_oneof![
        110 => end().prop_map(Ends),
        36 => (commit(), prop::bool::weighted(0.2))
            .prop_map(|(commit, testing)| Select { commit, testing }),
        20 => (commit(), any::<bool>(), hold())
            .prop_map(|(commit, by_hand, hold)| Eval { commit, by_hand, hold }),
        18 => (which(), any::<bool>()).prop_map(|(which, retry)| Submit { which, retry }),
        14 => which().prop_map(Confirm),
        14 => any::<bool>().prop_map(|timed| Suspend { timed }),
        14 => Just(Resume),
        12 => Just(Stop),
        18 => Just(TimePasses),
        8 => (commit(), any::<bool>()).prop_map(|(commit, there)| Outputs { commit, there }),
        2 => Just(Restart),
        2 => Just(Crash),
    ]
}

pub fn policies() -> impl Strategy<Value = (bool, Consent)> {
    let consent = prop_oneof![
        2 => Just(Consent::Unneeded),
        1 => Just(Consent::InTime),
        1 => Just(Consent::ByHand),
    ];
    (any::<bool>(), consent)
}
