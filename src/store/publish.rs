//! Taking a tree into the store: canonical, hashed and scanned in one pass,
//! its own paths rewritten, then renamed into place.

use super::identity::Content;
use super::nar::{self, Canonicaliser, Second, TreeError};
use super::references::{Known, Meaning, ScanError, Scanned, Scanner, digest_text};
use super::{
    FixedOutput, Hash, InvalidStorePath, ObjectInfo, Scratch, Store, StoreError, StorePath,
    compressed, rewrite,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What a copy is called in its scratch folder.
const COPY: &str = "copy";

/// One tree to take.
#[derive(Debug, Clone, Copy)]
pub struct PublishRequest<'a> {
    /// In a [`super::Scratch`] of this store; moved away or removed.
    pub path: &'a Path,
    pub name: &'a str,
    /// What it may refer to.
    pub candidates: &'a BTreeSet<StorePath>,
    /// The path it calls itself by, replaced by the one it gets.
    pub scratch_self: Option<&'a StorePath>,
}

/// One output of a step that ended well.
#[derive(Debug, Clone)]
pub struct StepOutput {
    /// `out`, `dev`, ...
    pub output: String,
    /// Where the step left it, in a [`super::Scratch`] of this store.
    pub path: PathBuf,
    /// The path the step knew it by; gives the name too.
    pub scratch: StorePath,
}

/// A tree that cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It holds what an object may not.
    #[error("cannot take {name} into the store: {source}")]
    Refused { name: String, source: ScanError },
    /// The step left nothing at the path of an output.
    #[error("the step did not make its output {output}: it must create ${output}")]
    Missing { output: String },
    /// Outputs that refer to each other in a circle.
    #[error(
        "the outputs {} refer to each other in a circle: one of two that refer to each other must do without",
        .outputs.join(", ")
    )]
    Cycle { outputs: Vec<String> },
    /// Not what was promised.
    #[error("{name} has another hash than promised:\n  promised {promised}\n  found    {found}")]
    HashDiffers {
        name: String,
        promised: Hash,
        found: Hash,
    },
    /// A fixed output that refers to an object.
    #[error(
        "{name} refers to {mentioned}: an output with a promised hash may not refer to store objects"
    )]
    FixedRefers { name: String, mentioned: StorePath },
    #[error(transparent)]
    Name(#[from] InvalidStorePath),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PublishError {
    /// Whether the same step fails the same way again; else the host failed.
    pub fn is_certain(&self) -> bool {
        match self {
            PublishError::Refused { source, .. } => !matches!(
                source,
                ScanError::Tree(TreeError::Io { .. } | TreeError::Changed { .. })
            ),
            PublishError::Store(_) => false,
            PublishError::Missing { .. }
            | PublishError::Cycle { .. }
            | PublishError::HashDiffers { .. }
            | PublishError::FixedRefers { .. }
            | PublishError::Name(_) => true,
        }
    }
}

impl Store {
    /// Takes one tree. The same content under the same name is the same
    /// object: a second copy is discarded. Durable after [`Store::sync`].
    ///
    /// # Errors
    /// When the tree holds what an object may not, or the host fails.
    pub fn publish(&self, request: PublishRequest<'_>) -> Result<StorePath, PublishError> {
        let mut known = known(request.candidates);
        if let Some(own) = request.scratch_self {
            known.insert(own, Meaning::Own);
        }
        self.take(request.path, request.name, &known, BTreeSet::new())
    }

    /// Takes a tree that is data: whatever paths stand in it, it refers to none.
    pub(crate) fn publish_data(&self, path: &Path, name: &str) -> Result<StorePath, PublishError> {
        self.take(path, name, &Known::default(), BTreeSet::new())
    }

    /// Takes a file that is data, whatever paths stand in it, and that refers
    /// to exactly `references`.
    ///
    /// # Errors
    /// When the name is refused, or the host fails.
    pub(crate) fn add_data(
        &self,
        name: &str,
        bytes: &[u8],
        references: &BTreeSet<StorePath>,
    ) -> Result<StorePath, PublishError> {
        let scratch = self.scratch()?;
        let path = scratch.path().join("file");
        super::write_file(&path, bytes, false).map_err(|e| StoreError::io("write", &path, e))?;
        self.take(&path, name, &Known::default(), references.clone())
    }

    /// Takes all outputs of a step, which may refer to themselves and to each
    /// other; answers with each output's path.
    ///
    /// # Errors
    /// When one is missing or holds what an object may not, when they refer to
    /// each other in a circle, or the host fails. Outputs taken before the
    /// failure stay as objects nothing refers to.
    pub fn publish_outputs(
        &self,
        outputs: &[StepOutput],
        candidates: &BTreeSet<StorePath>,
    ) -> Result<BTreeMap<String, StorePath>, PublishError> {
        let mut siblings = BTreeMap::new();
        for output in outputs {
            self.require(output)?;
            siblings.insert(output.scratch.clone(), None);
        }
        let mut paths = BTreeMap::new();
        for output in in_order(outputs, candidates, &siblings)? {
            let known = known_to(output, candidates, &siblings);
            let path = self.take(&output.path, output.scratch.name(), &known, BTreeSet::new())?;
            siblings.insert(output.scratch.clone(), Some(path.clone()));
            paths.insert(output.output.clone(), path);
        }
        Ok(paths)
    }

    /// Takes an output whose hash was promised. `scratch` is the path the step
    /// knew it by.
    ///
    /// # Errors
    /// When the hash is another one, or it refers to `scratch` or a candidate;
    /// otherwise as [`Store::publish`]. Other store paths in it are data.
    ///
    /// The step had a network, over which a descriptor of what it made may have
    /// left the sandbox: a copy is hashed and taken, what lies at `path` stays.
    pub fn publish_fixed(
        &self,
        path: &Path,
        fixed: &FixedOutput,
        scratch: Option<&StorePath>,
        candidates: &BTreeSet<StorePath>,
    ) -> Result<StorePath, PublishError> {
        let mut known = known(candidates);
        known.refuse_others = false;
        if let Some(scratch) = scratch {
            known.insert(scratch, Meaning::Candidate(scratch.clone()));
        }
        let (own, scanned) = self.copied(path, &fixed.name, &known)?;
        if let Some(mentioned) = scanned.references.first().cloned() {
            let name = fixed.name.clone();
            return Err(PublishError::FixedRefers { name, mentioned });
        }
        let found = scanned.nar_modulo_self;
        if found != fixed.hash {
            return Err(PublishError::HashDiffers {
                name: fixed.name.clone(),
                promised: fixed.hash,
                found,
            });
        }
        let info = ObjectInfo::new(fixed.path()?, found, scanned.nar_size, BTreeSet::new());
        Ok(self.install(&own.path().join(COPY), info)?)
    }

    /// Takes a copy of a tree that lies anywhere, which may refer to `candidates`.
    /// Durable after [`Store::sync`].
    ///
    /// # Errors
    /// As [`Store::publish`].
    pub fn add_tree(
        &self,
        path: &Path,
        name: &str,
        candidates: &BTreeSet<StorePath>,
    ) -> Result<StorePath, PublishError> {
        super::path::check_name(name)?;
        let (own, scanned) = self.copied(path, name, &known(candidates))?;
        let object = Content {
            nar_modulo_self: scanned.nar_modulo_self,
            self_offsets: &[],
            references: &scanned.references,
            name,
        }
        .path()?;
        let (hash, size) = (scanned.nar_modulo_self, scanned.nar_size);
        let info = ObjectInfo::new(object, hash, size, scanned.references);
        Ok(self.install(&own.path().join(COPY), info)?)
    }

    /// One pass: copied, canonical on disk, hashed, scanned.
    fn copied(
        &self,
        path: &Path,
        name: &str,
        known: &Known,
    ) -> Result<(Scratch, Scanned), PublishError> {
        let own = self.scratch()?;
        let to =
            Second::in_folder(own.path()).map_err(|e| StoreError::io("open", own.path(), e))?;
        let mut scanner = Scanner::new(known);
        let copied = nar::pack_and_copy(path, &mut scanner, to, COPY.as_ref());
        copied.map_err(|e| refused(name, e))?;
        Ok((own, scanner.finish()))
    }

    fn require(&self, output: &StepOutput) -> Result<(), PublishError> {
        match nar::exists(&output.path) {
            Ok(true) => Ok(()),
            Ok(false) => Err(PublishError::Missing {
                output: output.output.clone(),
            }),
            Err(e) => Err(StoreError::io("look at", &output.path, e).into()),
        }
    }

    /// `also` is what it refers to besides what is found in it.
    fn take(
        &self,
        path: &Path,
        name: &str,
        known: &Known,
        also: BTreeSet<StorePath>,
    ) -> Result<StorePath, PublishError> {
        super::path::check_name(name)?;
        let mut scanned = scan(path, name, known)?;
        compressed::check(path, &scanned.compressed, known).map_err(|e| refused(name, e))?;
        scanned.references.extend(also);
        let object = Content {
            nar_modulo_self: scanned.nar_modulo_self,
            self_offsets: &scanned.self_offsets,
            references: &scanned.references,
            name,
        }
        .path()?;
        let refused = |source: TreeError| refused(name, source.into());
        rewrite::apply(path, &scanned.rewrites, digest_text(&object)).map_err(refused)?;
        let mut nar_hash = scanned.nar_modulo_self;
        if !scanned.self_offsets.is_empty() {
            nar_hash = nar_hash_of(path).map_err(|source| self::refused(name, source))?;
            scanned.references.insert(object.clone());
        }
        let info = ObjectInfo::new(object, nar_hash, scanned.nar_size, scanned.references);
        Ok(self.install(path, info)?)
    }
}

/// The outputs, each after those it refers to.
fn in_order<'o>(
    outputs: &'o [StepOutput],
    candidates: &BTreeSet<StorePath>,
    siblings: &BTreeMap<StorePath, Option<StorePath>>,
) -> Result<Vec<&'o StepOutput>, PublishError> {
    if outputs.len() < 2 {
        return Ok(outputs.iter().collect());
    }
    let mut waiting = Vec::new();
    for output in outputs {
        let known = known_to(output, candidates, siblings);
        let scanned = scan(&output.path, output.scratch.name(), &known)?;
        waiting.push((output, scanned.siblings));
    }
    let mut ordered = Vec::new();
    while !waiting.is_empty() {
        let ready = waiting.iter().position(|(_, needs)| needs.is_empty());
        let Some(ready) = ready else {
            let outputs = waiting.iter().map(|(o, _)| o.output.clone()).collect();
            return Err(PublishError::Cycle { outputs });
        };
        let (output, _) = waiting.remove(ready);
        for (_, needs) in &mut waiting {
            needs.remove(&output.scratch);
        }
        ordered.push(output);
    }
    Ok(ordered)
}

fn known(candidates: &BTreeSet<StorePath>) -> Known {
    let mut known = Known {
        refuse_others: true,
        ..Known::default()
    };
    for path in candidates {
        known.insert(path, Meaning::Candidate(path.clone()));
    }
    known
}

fn known_to(
    output: &StepOutput,
    candidates: &BTreeSet<StorePath>,
    siblings: &BTreeMap<StorePath, Option<StorePath>>,
) -> Known {
    let mut known = known(candidates);
    for (scratch, path) in siblings {
        let (scratch, path) = (scratch.clone(), path.clone());
        known.insert(&scratch.clone(), Meaning::Sibling { scratch, path });
    }
    known.insert(&output.scratch, Meaning::Own);
    known
}

/// One pass: canonical on disk, hashed, scanned.
pub(super) fn scan(path: &Path, name: &str, known: &Known) -> Result<Scanned, PublishError> {
    let mut scanner = Scanner::new(known);
    let canonicaliser = Canonicaliser::for_this_process();
    nar::pack(path, &mut scanner, Some(canonicaliser)).map_err(|e| refused(name, e))?;
    Ok(scanner.finish())
}

fn nar_hash_of(path: &Path) -> Result<Hash, ScanError> {
    let known = Known::default();
    let mut scanner = Scanner::new(&known);
    nar::pack(path, &mut scanner, None)?;
    Ok(scanner.finish().nar_modulo_self)
}

fn refused(name: &str, source: ScanError) -> PublishError {
    PublishError::Refused {
        name: name.to_owned(),
        source,
    }
}

#[cfg(test)]
#[path = "publish_tests.rs"]
mod tests;
