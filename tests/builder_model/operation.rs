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
    /// The disk is full, or is so no more.
    Space {
        full: bool,
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

fn select() -> impl Strategy<Value = Operation> {
    (commit(), prop::bool::weighted(0.2))
        .prop_map(|(commit, testing)| Operation::Select { commit, testing })
}

fn one() -> impl Strategy<Value = Operation> {
    use Operation::*;
    prop_oneof![
        70 => end().prop_map(Ends),
        15 => select(),
        12 => (commit(), any::<bool>(), hold())
            .prop_map(|(commit, by_hand, hold)| Eval { commit, by_hand, hold }),
        18 => (which(), any::<bool>()).prop_map(|(which, retry)| Submit { which, retry }),
        14 => which().prop_map(Confirm),
        8 => any::<bool>().prop_map(|timed| Suspend { timed }),
        12 => Just(Resume),
        8 => Just(Stop),
        18 => Just(TimePasses),
        6 => (commit(), any::<bool>()).prop_map(|(commit, there)| Outputs { commit, there }),
        6 => prop::bool::weighted(0.35).prop_map(|full| Space { full }),
        2 => Just(Restart),
        2 => Just(Crash),
    ]
}

/// What chance alone rarely puts together.
fn several() -> impl Strategy<Value = Vec<Operation>> {
    use Operation::{Confirm, Ends, TimePasses};
    let (succeeds, fails) = (Ends(End::Succeeds), Ends(End::FailsForNow));
    let confirmed = Confirm(Which::Default);
    prop_oneof![
        // A budget of tries is spent.
        1 => Just(vec![fails, TimePasses, fails, TimePasses, fails]),
        // A commit on its way, until its build ends somehow.
        3 => (select(), end()).prop_map(move |(select, end)| {
            vec![select, succeeds, confirmed, Ends(end)]
        }),
        // Newer commits come while builds run.
        1 => prop::collection::vec(select(), 2..5).prop_map(move |selections| {
            let each = |select| [select, succeeds, confirmed];
            selections.into_iter().flat_map(each).collect()
        }),
    ]
}

pub fn operations(most: usize) -> impl Strategy<Value = Vec<Operation>> {
    let some = prop_oneof![
        12 => one().prop_map(|one| vec![one]),
        1 => several(),
    ];
    prop::collection::vec(some, 1..most).prop_map(|some| some.concat())
}

pub fn policies() -> impl Strategy<Value = (bool, Consent)> {
    let consent = prop_oneof![
        2 => Just(Consent::Unneeded),
        1 => Just(Consent::InTime),
        1 => Just(Consent::ByHand),
    ];
    (any::<bool>(), consent)
}
