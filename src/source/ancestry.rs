//! Does a head descend from a commit? A walk of its own, by commit date, that
//! reads no more than it must, gives up in time, and never says yes by mistake.

use crate::model::CommitId;
use crate::source::repository::oid;
use git2::{Odb, Oid, Repository};
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

/// How a head stands to a commit that should be its ancestor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// It is that commit.
    Same,
    Descendant,
    /// It does not descend from it: older, beside it, or unrelated.
    Diverged,
    /// Not found within [`WALK_LIMIT`] commits; there may be more.
    TooFar,
    /// A commit that had to be read is missing or damaged.
    Unreadable,
}

/// A walk reads at most this many commits.
pub const WALK_LIMIT: usize = 200_000;
/// Clocks of committers are trusted within this, in seconds ...
const SLACK_SECONDS: i64 = 24 * 3600;
/// ... and that many commits older than the ancestor are read nevertheless.
const SLACK_COMMITS: usize = 10_000;
/// Answers remembered at most.
const REMEMBERED: usize = 4096;

/// How `head` stands to `ancestor`, from the objects alone.
pub fn is_descendant(repository: &Repository, ancestor: &CommitId, head: &CommitId) -> Relation {
    match repository.odb() {
        Ok(odb) => walk(&odb, oid(ancestor), oid(head), WALK_LIMIT),
        Err(_) => Relation::Unreadable,
    }
}

/// Remembers answers: the ancestry of two commits never changes.
#[derive(Debug, Default)]
pub struct Ancestry {
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    answers: HashMap<(CommitId, CommitId), Relation>,
    /// Oldest first.
    order: VecDeque<(CommitId, CommitId)>,
}

impl Ancestry {
    /// As [`is_descendant`], walking only what was not walked before. An
    /// unreadable object is looked at again: a fetch may have brought it.
    pub fn relation(
        &self,
        repository: &Repository,
        ancestor: &CommitId,
        head: &CommitId,
    ) -> Relation {
        let pair = (ancestor.clone(), head.clone());
        if let Some(answer) = self.lock().answers.get(&pair) {
            return *answer;
        }
        let answer = is_descendant(repository, ancestor, head);
        if answer != Relation::Unreadable {
            self.lock().remember(pair, answer);
        }
        answer
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn remember(&mut self, pair: (CommitId, CommitId), answer: Relation) {
        if self.order.len() >= REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.answers.remove(&oldest);
        }
        if self.answers.insert(pair.clone(), answer).is_none() {
            self.order.push_back(pair);
        }
    }
}

/// Newest commits first, so that an ancestor is met soon after its date, and
/// the walk ends when only older commits are left to read.
fn walk(odb: &Odb<'_>, ancestor: Oid, head: Oid, limit: usize) -> Relation {
    let (Some(start), Some(goal)) = (read(odb, head), read(odb, ancestor)) else {
        return Relation::Unreadable;
    };
    if head == ancestor {
        return Relation::Same;
    }
    let mut seen = HashSet::from([head]);
    let mut waiting = BinaryHeap::from([(start.time, head, start.parents)]);
    let mut unreadable = false;
    let mut older = 0;
    while let Some((time, _, parents)) = waiting.pop() {
        older += usize::from(time < goal.time.saturating_sub(SLACK_SECONDS));
        if older > SLACK_COMMITS {
            break;
        }
        for parent in parents {
            if parent == ancestor {
                return Relation::Descendant;
            }
            if !seen.insert(parent) {
                continue;
            }
            if seen.len() > limit {
                return Relation::TooFar;
            }
            match read(odb, parent) {
                Some(commit) => waiting.push((commit.time, parent, commit.parents)),
                None => unreadable = true,
            }
        }
    }
    match unreadable {
        true => Relation::Unreadable,
        false => Relation::Diverged,
    }
}

/// What the walk needs of a commit.
#[derive(Debug, PartialEq, Eq)]
struct Links {
    /// Committer time, seconds since 1970.
    time: i64,
    parents: Vec<Oid>,
}

fn read(odb: &Odb<'_>, id: Oid) -> Option<Links> {
    let object = odb.read(id).ok()?;
    match object.kind() {
        git2::ObjectType::Commit => parse(object.data()),
        _ => None,
    }
}

/// The header of a commit object, up to its committer.
fn parse(data: &[u8]) -> Option<Links> {
    let mut parents = Vec::new();
    for line in data.split(|byte| *byte == b'\n') {
        if let Some(parent) = line.strip_prefix(b"parent ") {
            parents.push(Oid::from_str(std::str::from_utf8(parent).ok()?).ok()?);
        } else if line.starts_with(b"committer ") {
            // A date nobody can read counts as the oldest.
            let time = committer_time(line).unwrap_or(0);
            return Some(Links { time, parents });
        } else if line.is_empty() {
            return None;
        }
    }
    None
}

fn committer_time(line: &[u8]) -> Option<i64> {
    let after_mail = line.rsplit(|byte| *byte == b'>').next()?;
    let seconds = std::str::from_utf8(after_mail)
        .ok()?
        .split_whitespace()
        .next()?;
    seconds.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::repository::commit_id;
    use git2::{ObjectType, Signature, Time};

    struct History {
        folder: tempfile::TempDir,
        repository: Repository,
    }

    impl History {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let repository = Repository::init_bare(folder.path()).unwrap();
            History { folder, repository }
        }

        fn commit(&self, name: &str, time: i64, parents: &[&CommitId]) -> CommitId {
            let tree = self.repository.treebuilder(None).unwrap().write().unwrap();
            let tree = self.repository.find_tree(tree).unwrap();
            let who = Signature::new("A", "a@b", &Time::new(time, 0)).unwrap();
            let parents: Vec<_> = parents
                .iter()
                .map(|id| self.repository.find_commit(oid(id)).unwrap())
                .collect();
            let parents: Vec<_> = parents.iter().collect();
            let id = self
                .repository
                .commit(None, &who, &who, name, &tree, &parents);
            commit_id(id.unwrap())
        }

        fn chain(&self, from: &CommitId, start: i64, count: usize) -> Vec<CommitId> {
            let mut chain = vec![from.clone()];
            for n in 0..count {
                let time = start + n.cast_signed() as i64;
                chain.push(self.commit(&format!("c{n}"), time, &[&chain[n]]));
            }
            chain
        }

        fn relation(&self, ancestor: &CommitId, head: &CommitId) -> Relation {
            is_descendant(&self.repository, ancestor, head)
        }

        fn lose(&self, id: &CommitId) {
            let (folder, file) = id.as_str().split_at(2);
            std::fs::remove_file(self.folder.path().join("objects").join(folder).join(file))
                .unwrap();
        }

        /// What a process that starts now would read: objects are cached.
        fn reopened(&self) -> Repository {
            Repository::open(self.folder.path()).unwrap()
        }
    }

    #[test]
    fn a_merge_descends_from_both_its_parents_and_not_from_its_children() {
        let h = History::new();
        let root = h.commit("root", 100, &[]);
        let left = h.commit("left", 200, &[&root]);
        let right = h.commit("right", 150, &[&root]);
        let merge = h.commit("merge", 300, &[&left, &right]);
        for ancestor in [&root, &left, &right] {
            assert_eq!(h.relation(ancestor, &merge), Relation::Descendant);
            assert_eq!(h.relation(&merge, ancestor), Relation::Diverged);
        }
        assert_eq!(h.relation(&merge, &merge), Relation::Same);
        assert_eq!(h.relation(&left, &right), Relation::Diverged);
    }

    #[test]
    fn wrong_clocks_do_not_hide_an_ancestor() {
        let h = History::new();
        let future = h.commit("in 2100", 4_102_444_800, &[]);
        let chain = h.chain(&future, 0, 50);
        assert_eq!(h.relation(&future, &chain[50]), Relation::Descendant);
    }

    #[test]
    fn s07_an_unreadable_object_is_not_called_a_reset() {
        let h = History::new();
        let root = h.commit("root", 100, &[]);
        let chain = h.chain(&root, 200, 5);
        let beside = h.commit("beside", 100, &[]);
        h.lose(&chain[2]);
        let repository = h.reopened();
        assert_eq!(
            is_descendant(&repository, &root, &chain[5]),
            Relation::Unreadable
        );
        assert_eq!(
            is_descendant(&repository, &beside, &chain[5]),
            Relation::Unreadable
        );
        assert_eq!(
            is_descendant(&repository, &chain[3], &chain[5]),
            Relation::Descendant
        );
        assert_eq!(
            is_descendant(&repository, &root, &chain[2]),
            Relation::Unreadable
        );
        let memory = Ancestry::default();
        assert_eq!(
            memory.relation(&repository, &root, &chain[5]),
            Relation::Unreadable
        );
        h.commit("c1", 201, &[&chain[1]]);
        let repository = h.reopened();
        assert_eq!(
            memory.relation(&repository, &root, &chain[5]),
            Relation::Descendant
        );
    }

    #[test]
    fn s07_a_history_longer_than_the_limit_is_too_far_and_never_yes() {
        let h = History::new();
        let root = h.commit("root", 100, &[]);
        let chain = h.chain(&root, 200, 20);
        let odb = h.repository.odb().unwrap();
        let (root, head) = (oid(&root), oid(&chain[20]));
        assert_eq!(walk(&odb, root, head, 19), Relation::TooFar);
        assert_eq!(walk(&odb, root, head, 20), Relation::Descendant);
    }

    #[test]
    fn answers_are_remembered_within_a_bound() {
        let h = History::new();
        let root = h.commit("root", 100, &[]);
        let next = h.commit("next", 200, &[&root]);
        let memory = Ancestry::default();
        assert_eq!(
            memory.relation(&h.repository, &root, &next),
            Relation::Descendant
        );
        h.lose(&root);
        assert_eq!(
            memory.relation(&h.reopened(), &root, &next),
            Relation::Descendant
        );
        let mut memory = Memory::default();
        for n in 0..REMEMBERED + 10 {
            let id: CommitId = format!("{n:040x}").parse().unwrap();
            memory.remember((id.clone(), id), Relation::Same);
        }
        assert_eq!(
            (memory.answers.len(), memory.order.len()),
            (REMEMBERED, REMEMBERED)
        );
    }

    #[test]
    fn a_commit_that_is_not_one_is_unreadable() {
        assert_eq!(parse(b"tree x\n\nmessage"), None);
        assert_eq!(parse(b"parent zz\n"), None);
        let undated = parse(b"tree x\ncommitter A <a> soon\n\n").unwrap();
        assert_eq!(undated.time, 0);
        let h = History::new();
        let blob = h
            .repository
            .odb()
            .unwrap()
            .write(ObjectType::Blob, b"x")
            .unwrap();
        let root = h.commit("root", 100, &[]);
        assert_eq!(h.relation(&root, &commit_id(blob)), Relation::Unreadable);
    }
}
