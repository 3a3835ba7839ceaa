//! The rules of the selection as tables. Commits are letters, histories are
//! written `child<parent`.

use super::ancestry::Relation;
use super::select::{Anchor, BranchHead, Head, RemoteHeads, select};
use super::{Branch, BranchKind, Verdict};
use crate::model::CommitId;
use Verdict::*;

fn id(letter: char) -> CommitId {
    format!("{:040x}", u32::from(letter)).parse().unwrap()
}

/// `"b<a c<b m<cd"`: m merges c and d.
struct History(Vec<(char, Vec<char>)>);

impl History {
    fn new(text: &str) -> Self {
        let line = |word: &str| {
            let (child, parents) = word.split_once('<').unwrap();
            (child.chars().next().unwrap(), parents.chars().collect())
        };
        History(text.split_whitespace().map(line).collect())
    }

    fn reaches(&self, head: char, goal: char) -> bool {
        let parents = self
            .0
            .iter()
            .filter(|(child, _)| *child == head)
            .flat_map(|(_, p)| p);
        head == goal || parents.clone().any(|parent| self.reaches(*parent, goal))
    }

    /// `x` is a history without end, `?` below a commit one that is damaged.
    fn relation(&self, ancestor: &CommitId, head: &CommitId) -> Relation {
        let (a, h) = (letter(ancestor), letter(head));
        match (a == h, self.reaches(h, a)) {
            (true, _) => Relation::Same,
            (_, true) => Relation::Descendant,
            _ if self.reaches(h, '?') => Relation::Unreadable,
            _ if self.reaches(h, '+') => Relation::TooFar,
            _ => Relation::Diverged,
        }
    }
}

fn letter(id: &CommitId) -> char {
    u32::from_str_radix(id.as_str(), 16)
        .ok()
        .and_then(char::from_u32)
        .unwrap()
}

fn head(text: &str) -> Head {
    match text.chars().next() {
        None | Some('-') => Head::Missing,
        Some('!') => Head::Unreadable(id('!'), "damaged".into()),
        Some('~') => Head::Unknown,
        Some(letter) => Head::At(id(letter)),
    }
}

/// `"b/t a/-"`: main and testing of each remote, r1 first.
fn remotes(text: &str) -> Vec<RemoteHeads> {
    let branch = |kind, name: &str, at| BranchHead {
        name: name.parse().unwrap(),
        kind,
        head: head(at),
    };
    text.split_whitespace()
        .enumerate()
        .map(|(n, heads)| {
            let (main, testing) = heads.split_once('/').unwrap();
            RemoteHeads {
                name: format!("r{}", n + 1).parse().unwrap(),
                branches: vec![
                    branch(BranchKind::Main, "main", main),
                    branch(BranchKind::Testing, "testing", testing),
                ],
            }
        })
        .collect()
}

fn anchor(letter: Option<char>) -> Anchor {
    Anchor {
        baseline: letter.map(id),
        initial_commit: None,
    }
}

fn run(history: &str, heads: &str, anchor: &Anchor) -> (String, Vec<Branch>) {
    let history = History::new(history);
    let (chosen, branches) = select(&remotes(heads), anchor, &|a, h| history.relation(a, h));
    let chosen = chosen.map_or("none".to_owned(), |chosen| {
        format!(
            "{} {}/{}",
            letter(&chosen.commit),
            chosen.remote,
            chosen.branch
        )
    });
    (chosen, branches.into_iter().flatten().collect())
}

#[track_caller]
fn check(history: &str, heads: &str, baseline: Option<char>, chosen: &str, verdicts: &[Verdict]) {
    let (found, branches) = run(history, heads, &anchor(baseline));
    assert_eq!(found, chosen, "{heads}");
    let found: Vec<_> = branches.iter().map(|branch| branch.verdict).collect();
    assert_eq!(found, verdicts, "{heads}");
    let silent = |branch: &&Branch| branch.message.is_empty() && branch.verdict != Selected;
    assert_eq!(
        branches.iter().find(silent),
        None,
        "a verdict without a reason"
    );
}

const LINE: &str = "b<a c<b d<c e<d";

#[test]
fn s01_main_only_then_testing_ahead_then_testing_equal_then_main_catching_up() {
    check(LINE, "b/-", Some('a'), "b r1/main", &[Selected, Missing]);
    check(LINE, "b/c", Some('a'), "c r1/testing", &[Older, Selected]);
    check(LINE, "b/b", Some('a'), "b r1/main", &[Selected, Equal]);
    check(LINE, "c/c", Some('b'), "c r1/main", &[Selected, Equal]);
    check(LINE, "b/-", None, "b r1/main", &[Selected, Missing]);
}

#[test]
fn s02_two_remotes() {
    check(
        LINE,
        "b/- b/-",
        Some('a'),
        "b r1/main",
        &[Selected, Missing, Equal, Missing],
    );
    check(
        LINE,
        "b/- c/-",
        Some('a'),
        "c r2/main",
        &[Older, Missing, Selected, Missing],
    );
    check(
        LINE,
        "~/~ c/-",
        Some('a'),
        "c r2/main",
        &[Missing, Missing, Selected, Missing],
    );
    check(
        LINE,
        "b/- a/c",
        Some('a'),
        "c r2/testing",
        &[Older, Missing, Older, Selected],
    );
    check(
        LINE,
        "b/c b/d",
        Some('a'),
        "d r2/testing",
        &[Older, Older, Older, Selected],
    );
}

#[test]
fn s02_between_diverging_lines_preference_decides_and_its_line_is_followed() {
    let fork = "b<a c<a d<b m<bc";
    check(
        fork,
        "b/- c/-",
        Some('a'),
        "b r1/main",
        &[Selected, Missing, Diverged, Missing],
    );
    check(
        fork,
        "b/- c/- d/-",
        Some('a'),
        "d r3/main",
        &[Older, Missing, Diverged, Missing, Selected, Missing],
    );
    check(
        fork,
        "b/- c/- m/-",
        Some('a'),
        "m r3/main",
        &[Older, Missing, Older, Missing, Selected, Missing],
    );
    check(
        fork,
        "a/b a/c",
        Some('a'),
        "b r1/testing",
        &[Older, Selected, Older, Diverged],
    );
}

#[test]
fn s03_a_hard_reset_is_refused_with_both_commits_and_the_cure() {
    let (chosen, branches) = run("b<a c<a", "c/-", &anchor(Some('b')));
    assert_eq!((chosen.as_str(), branches[0].verdict), ("none", Diverged));
    assert!(
        branches[0].message.contains(id('b').as_str()),
        "{}",
        branches[0].message
    );
    assert!(
        branches[0].message.contains(id('c').as_str()),
        "{}",
        branches[0].message
    );
    assert_eq!(
        branches[0].hint,
        format!("kiln accept-reset r1 main {}", id('c'))
    );
    check("b<a c<a", "a/-", Some('b'), "none", &[Diverged, Missing]);
    check(
        "b<a c<a",
        "c/- b/-",
        Some('b'),
        "b r2/main",
        &[Diverged, Missing, Selected, Missing],
    );
    check(
        "b<a c<a",
        "b/- c/-",
        Some('b'),
        "b r1/main",
        &[Selected, Missing, Diverged, Missing],
    );
    check(
        "b<a c<a d<b",
        "c/d",
        Some('b'),
        "none",
        &[Diverged, BehindMain],
    );
    check(
        "b<a c<a",
        "c/-",
        Some('c'),
        "c r1/main",
        &[Selected, Missing],
    );
}

#[test]
fn s04_testing_may_be_forced_but_must_be_on_top_of_main() {
    check(
        "b<a t<b u<b",
        "b/u",
        Some('a'),
        "u r1/testing",
        &[Older, Selected],
    );
    check(
        "b<a t<a",
        "b/t",
        Some('a'),
        "b r1/main",
        &[Selected, BehindMain],
    );
    check(LINE, "c/b", Some('a'), "c r1/main", &[Selected, BehindMain]);
    check(LINE, "c/a", Some('b'), "c r1/main", &[Selected, BehindMain]);
}

#[test]
fn s05_a_branch_that_is_gone_is_not_selected() {
    check(LINE, "b/c", Some('b'), "c r1/testing", &[Older, Selected]);
    check(LINE, "b/-", Some('b'), "b r1/main", &[Selected, Missing]);
    check(LINE, "-/c", Some('b'), "none", &[Missing, BehindMain]);
}

#[test]
fn s06_main_may_be_forced_back_to_the_baseline() {
    check(LINE, "c/-", Some('b'), "c r1/main", &[Selected, Missing]);
    check(LINE, "b/-", Some('b'), "b r1/main", &[Selected, Missing]);
    check(
        "b<a c<b d<b",
        "d/-",
        Some('b'),
        "d r1/main",
        &[Selected, Missing],
    );
}

#[test]
fn s07_unreadable_and_too_far_are_verdicts_of_their_own() {
    check("b<a c<?", "!/-", Some('a'), "none", &[Unreadable, Missing]);
    check(
        "b<a c<?",
        "c/- b/-",
        Some('a'),
        "b r2/main",
        &[Unreadable, Missing, Selected, Missing],
    );
    check("b<a c<+", "c/-", Some('a'), "none", &[TooFar, Missing]);
    let (_, branches) = run("b<a c<+", "c/-", &anchor(Some('a')));
    assert_eq!(
        branches[0].hint,
        format!("kiln accept-reset r1 main {}", id('c'))
    );
    check(
        "b<a t<+ u<?",
        "b/t b/u",
        Some('a'),
        "b r1/main",
        &[Selected, TooFar, Equal, Unreadable],
    );
}

#[test]
fn s09_initial_commit_refuses_an_unrelated_history_until_there_is_a_baseline() {
    let initial = Anchor {
        baseline: None,
        initial_commit: Some(id('a')),
    };
    assert_eq!(run("b<a c<z", "b/-", &initial).0, "b r1/main");
    let (chosen, branches) = run("b<a c<z", "c/-", &initial);
    assert_eq!((chosen.as_str(), branches[0].verdict), ("none", Diverged));
    assert!(
        branches[0].hint.contains("initial_commit"),
        "{}",
        branches[0].hint
    );
    let both = Anchor {
        baseline: Some(id('z')),
        initial_commit: Some(id('a')),
    };
    assert_eq!(run("b<a c<z", "c/-", &both).0, "c r1/main");
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the heads: what is selected is on top of the baseline, is
        /// marked once, and a second look says the same.
        #[test]
        fn the_selected_head_descends_from_the_baseline(
            mains in prop::collection::vec(0usize..8, 1..4),
            testings in prop::collection::vec(0usize..8, 4),
            baseline in 0usize..7,
        ) {
            const GRAPH: &str = "b<a c<b d<c m<cf f<b g<f";
            let letters = ['a', 'b', 'c', 'd', 'f', 'g', 'm', '-'];
            let heads: Vec<_> = mains.iter().zip(&testings)
                .map(|(m, t)| format!("{}/{}", letters[*m], letters[*t])).collect();
            let heads = heads.join(" ");
            let anchor = anchor(Some(letters[baseline]));
            let (chosen, branches) = run(GRAPH, &heads, &anchor);
            let selected = branches.iter().filter(|b| b.verdict == Selected).count();
            prop_assert_eq!(selected, usize::from(chosen != "none"), "{}", heads);
            if let Some(commit) = chosen.chars().next().filter(|_| chosen != "none") {
                prop_assert!(History::new(GRAPH).reaches(commit, letters[baseline]));
            }
            prop_assert_eq!(run(GRAPH, &heads, &anchor), (chosen, branches));
        }
    }
}
