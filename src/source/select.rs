//! The choice among all heads: pure, so that every rule is a line of a table.
//!
//! Main heads first, then testing heads on top of the chosen main. A head must
//! be the baseline or descend from it. Among acceptable heads one that descends
//! from another wins; the order of the remotes decides between equal and between
//! diverging ones. The preferred line is followed forward: a head that descends
//! from the preferred one wins over a line beside it.

use super::ancestry::Relation;
use super::{Branch, BranchKind, Verdict};
use crate::model::{BranchName, CommitId, RemoteName};

/// The tracked branches of one remote, as last fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteHeads {
    pub name: RemoteName,
    pub branches: Vec<BranchHead>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchHead {
    pub name: BranchName,
    pub kind: BranchKind,
    pub head: Head,
}

/// Where a branch is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    At(CommitId),
    /// The commit cannot be read, and why.
    Unreadable(CommitId, String),
    /// The remote has no such branch.
    Missing,
    /// The remote has not answered yet.
    Unknown,
}

/// What every head must be or descend from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Anchor {
    pub baseline: Option<CommitId>,
    /// Counts only as long as there is no baseline.
    pub initial_commit: Option<CommitId>,
}

/// The head that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    pub remote: RemoteName,
    pub branch: BranchName,
    pub kind: BranchKind,
    pub commit: CommitId,
}

/// The choice, and what is thought of every branch, remotes and branches in
/// the order given. `relation(ancestor, head)` tells how two commits stand.
pub fn select(
    remotes: &[RemoteHeads],
    anchor: &Anchor,
    relation: &dyn Fn(&CommitId, &CommitId) -> Relation,
) -> (Option<Chosen>, Vec<Vec<Branch>>) {
    let main = best(remotes, BranchKind::Main, relation, &|id| {
        acceptable(anchor, id, relation)
    });
    let testing = main.as_ref().and_then(|main| {
        best(remotes, BranchKind::Testing, relation, &|id| {
            relation(&main.commit, id) == Relation::Descendant
        })
    });
    let chosen = testing.or_else(|| main.clone());
    let judge = Judge {
        anchor,
        main,
        chosen: chosen.clone(),
        relation,
    };
    let branches = |remote: &RemoteHeads| {
        let verdicts = remote
            .branches
            .iter()
            .map(|branch| judge.branch(&remote.name, branch));
        verdicts.collect()
    };
    (chosen, remotes.iter().map(branches).collect())
}

fn acceptable(
    anchor: &Anchor,
    head: &CommitId,
    relation: &dyn Fn(&CommitId, &CommitId) -> Relation,
) -> bool {
    let Some(root) = anchor.baseline.as_ref().or(anchor.initial_commit.as_ref()) else {
        return true;
    };
    matches!(relation(root, head), Relation::Same | Relation::Descendant)
}

/// The first head that passes, or the one that most descends from it.
fn best(
    remotes: &[RemoteHeads],
    kind: BranchKind,
    relation: &dyn Fn(&CommitId, &CommitId) -> Relation,
    passes: &dyn Fn(&CommitId) -> bool,
) -> Option<Chosen> {
    let mut best: Option<Chosen> = None;
    for remote in remotes {
        for branch in remote.branches.iter().filter(|branch| branch.kind == kind) {
            let Head::At(head) = &branch.head else {
                continue;
            };
            let wins = match &best {
                None => passes(head),
                Some(best) => relation(&best.commit, head) == Relation::Descendant && passes(head),
            };
            if wins {
                best = Some(Chosen {
                    remote: remote.name.clone(),
                    branch: branch.name.clone(),
                    kind,
                    commit: head.clone(),
                });
            }
        }
    }
    best
}

/// What the verdict of a branch depends on.
struct Judge<'a> {
    anchor: &'a Anchor,
    main: Option<Chosen>,
    chosen: Option<Chosen>,
    relation: &'a dyn Fn(&CommitId, &CommitId) -> Relation,
}

/// A verdict with its reason and the next step.
type Reasoned = (Verdict, String, String);

impl Judge<'_> {
    fn branch(&self, remote: &RemoteName, branch: &BranchHead) -> Branch {
        let what = format!("{} of {remote}", branch.name);
        let (verdict, message, hint) = match &branch.head {
            Head::At(head) => self.head(remote, branch, head, &what),
            Head::Unreadable(head, why) => unreadable(&what, head, why),
            Head::Missing => missing(&what, branch.kind),
            Head::Unknown => (
                Verdict::Missing,
                format!("{what} is not known yet: the remote has not answered"),
                String::new(),
            ),
        };
        let head = match &branch.head {
            Head::At(head) | Head::Unreadable(head, _) => head.to_string(),
            Head::Missing | Head::Unknown => String::new(),
        };
        Branch {
            name: branch.name.clone(),
            kind: branch.kind,
            head,
            verdict,
            message,
            hint,
        }
    }

    fn head(
        &self,
        remote: &RemoteName,
        branch: &BranchHead,
        head: &CommitId,
        what: &str,
    ) -> Reasoned {
        if let Some(chosen) = &self.chosen
            && chosen.commit == *head
        {
            let this = chosen.remote == *remote && chosen.kind == branch.kind;
            return match this {
                true => (Verdict::Selected, String::new(), String::new()),
                false => equal(what, chosen),
            };
        }
        match (branch.kind, &self.main) {
            (BranchKind::Testing, Some(main)) => self.testing(main, head, what),
            _ => self.main(remote, branch, head, what),
        }
    }

    /// A main head, or any head while no main head is acceptable.
    fn main(
        &self,
        remote: &RemoteName,
        branch: &BranchHead,
        head: &CommitId,
        what: &str,
    ) -> Reasoned {
        if let Some(refused) = self.refused(remote, branch, head, what) {
            return refused;
        }
        match &self.main {
            None => (
                Verdict::BehindMain,
                format!("{what} waits: no main head is acceptable that it could be on top of"),
                "see what is said of the main branches".into(),
            ),
            Some(main) => match (self.relation)(head, &main.commit) {
                Relation::Same | Relation::Descendant => older(what, head, main),
                other => beside(what, head, main, other),
            },
        }
    }

    /// Why the head is not the baseline (or the initial commit) nor on top of it.
    fn refused(
        &self,
        remote: &RemoteName,
        branch: &BranchHead,
        head: &CommitId,
        what: &str,
    ) -> Option<Reasoned> {
        let (root, name) = match (&self.anchor.baseline, &self.anchor.initial_commit) {
            (Some(baseline), _) => (baseline, "the baseline"),
            (None, Some(initial)) => (initial, "initial_commit"),
            (None, None) => return None,
        };
        let accept = match name {
            _ if branch.kind == BranchKind::Testing => "rebase it onto main".into(),
            "the baseline" => format!("kiln accept-reset {remote} {} {head}", branch.name),
            _ => "check the remote's url, or set trust.initial_commit to a commit of its history"
                .into(),
        };
        match (self.relation)(root, head) {
            Relation::Same | Relation::Descendant => None,
            Relation::Diverged if (self.relation)(head, root) == Relation::Descendant => Some((
                Verdict::Diverged,
                format!("{what} is at {head}, behind {name} {root}: it lags, or was moved back"),
                format!("if it lags, wait or push to it; to go back on purpose: {accept}"),
            )),
            Relation::Diverged => Some((
                Verdict::Diverged,
                format!("{what} is at {head}, which is neither {name} {root} nor descends from it"),
                accept,
            )),
            Relation::TooFar => Some(too_far(what, head, root, name, accept)),
            Relation::Unreadable => Some(unreadable_history(what, head, root)),
        }
    }

    /// A testing head while there is a main head to be on top of.
    fn testing(&self, main: &Chosen, head: &CommitId, what: &str) -> Reasoned {
        match ((self.relation)(&main.commit, head), &self.chosen) {
            (Relation::Descendant, Some(chosen)) => match (self.relation)(head, &chosen.commit) {
                Relation::Same | Relation::Descendant => older(what, head, chosen),
                other => beside(what, head, chosen, other),
            },
            (Relation::TooFar, _) => too_far(
                what,
                head,
                &main.commit,
                "the chosen main",
                "rebase it onto main".into(),
            ),
            (Relation::Unreadable, _) => unreadable_history(what, head, &main.commit),
            _ => (
                Verdict::BehindMain,
                format!(
                    "{what} is at {head}, which is not on top of the chosen main {}",
                    place(main)
                ),
                "rebase it onto main, or delete it".into(),
            ),
        }
    }
}

fn place(chosen: &Chosen) -> String {
    format!("{} ({} of {})", chosen.commit, chosen.branch, chosen.remote)
}

fn equal(what: &str, chosen: &Chosen) -> Reasoned {
    let message = format!(
        "{what} is the same commit as {} of {}",
        chosen.branch, chosen.remote
    );
    (Verdict::Equal, message, String::new())
}

fn older(what: &str, head: &CommitId, than: &Chosen) -> Reasoned {
    let message = format!("{what} is at {head}, an ancestor of {}", place(than));
    (Verdict::Older, message, String::new())
}

/// Acceptable by itself, but not in line with the chosen head.
fn beside(what: &str, head: &CommitId, chosen: &Chosen, relation: Relation) -> Reasoned {
    match relation {
        Relation::TooFar => {
            let cure = "bring the remotes to the same commit".into();
            too_far(what, &chosen.commit, head, "that head", cure)
        }
        Relation::Unreadable => unreadable_history(what, &chosen.commit, head),
        _ => (
            Verdict::Diverged,
            format!(
                "{what} is at {head}, a line beside the chosen {}",
                place(chosen)
            ),
            "merge one line into the other, or push the same commit to both".into(),
        ),
    }
}

fn missing(what: &str, kind: BranchKind) -> Reasoned {
    let hint = match kind {
        BranchKind::Main => "push it, or correct branches.main of the remote",
        BranchKind::Testing => "",
    };
    (
        Verdict::Missing,
        format!("{what} does not exist"),
        hint.into(),
    )
}

fn too_far(what: &str, head: &CommitId, root: &CommitId, name: &str, cure: String) -> Reasoned {
    let limit = super::ancestry::WALK_LIMIT;
    let message = format!("{what}: {name} {root} is not among the {limit} commits below {head}");
    (Verdict::TooFar, message, cure)
}

fn unreadable(what: &str, head: &CommitId, why: &str) -> Reasoned {
    let message = format!("{what} is at {head}, which cannot be read: {why}");
    (Verdict::Unreadable, message, REPAIR.into())
}

fn unreadable_history(what: &str, head: &CommitId, root: &CommitId) -> Reasoned {
    let message = format!(
        "{what}: the history between {root} and {head} cannot be read, an object is missing or damaged"
    );
    (Verdict::Unreadable, message, REPAIR.into())
}

const REPAIR: &str = "run `git fsck` on the remote; if it is whole, move repository.git of the state aside and run `kiln fetch`";
