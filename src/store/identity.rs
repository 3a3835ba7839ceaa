//! What makes two steps, two outputs, two objects the same: pure functions
//! from what counts to a hash. `docs/formats.md` is normative, and every hash
//! here is pinned by a test vector; a change raises the number in its kind.

use super::{Canonical, Hash, InvalidStorePath, StorePath, encoding};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a realisation is recorded under.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RealisationKey(pub [u8; 32]);

impl RealisationKey {
    /// Reads the 64 hex digits a key is written with.
    pub(super) fn from_hex(text: &str) -> Option<Self> {
        encoding::from_hex(text).map(RealisationKey)
    }
}

impl fmt::Display for RealisationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encoding::hex(&self.0))
    }
}

impl fmt::Debug for RealisationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Hash> for RealisationKey {
    fn from(hash: Hash) -> Self {
        RealisationKey(hash.0)
    }
}

/// A step whose inputs are store paths: everything its result may depend on.
/// Timeouts, limits and the provider are not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedStep {
    pub name: String,
    /// The program, when the step has no script.
    pub builder: Option<String>,
    /// What `/bin/sh -eu` runs, when the step has no builder.
    pub script: Option<String>,
    pub args: Vec<String>,
    /// As the step gets it, but for `KILN_CORES` and the variables that hold
    /// the paths of its outputs: those follow from this very key.
    pub env: BTreeMap<String, String>,
    pub src: Option<StorePath>,
    /// The store paths the step names; their closures follow from them.
    pub inputs: BTreeSet<StorePath>,
    /// In the order given.
    pub outputs: Vec<String>,
    pub system: String,
    /// The hash promised for a fixed output.
    pub fixed: Option<Hash>,
    /// Whose tools the step sees; `None` when it sees none.
    pub platform: Option<String>,
    /// Raised when the sandbox shows steps something else.
    pub sandbox_version: u32,
}

impl ResolvedStep {
    /// The step's identity.
    pub fn key(&self) -> [u8; 32] {
        let pair =
            |tuple: Canonical, (name, value): (&String, &String)| tuple.text(name).text(value);
        Canonical::new("kiln:drv:1")
            .text(&self.name)
            .option(self.builder.as_ref(), Canonical::text)
            .option(self.script.as_ref(), Canonical::text)
            .texts(&self.args)
            .list(&self.env, pair)
            .option(self.src.as_ref(), |tuple, src| tuple.text(src.to_string()))
            .texts(&self.inputs)
            .texts(&self.outputs)
            .text(&self.system)
            .option(self.fixed, |tuple, hash| tuple.bytes(&hash.0))
            .option(self.platform.as_ref(), Canonical::text)
            .number(u64::from(self.sandbox_version))
            .finish()
            .0
    }
}

/// Where a step writes an output before its content, and so its path, is known.
///
/// # Errors
/// When `name` cannot name a store object.
pub fn scratch_path(
    resolved: &[u8; 32],
    output: &str,
    name: &str,
) -> Result<StorePath, InvalidStorePath> {
    let hash = Canonical::new("kiln:scratch:1")
        .bytes(resolved)
        .text(output);
    StorePath::new(truncated(hash.finish()), name)
}

/// What an object's own path is made of.
#[derive(Debug, Clone)]
pub(super) struct Content<'a> {
    /// Of the NAR with every self-reference's digest as 32 zero bytes.
    pub nar_modulo_self: Hash,
    /// Where in the NAR those digests begin, ascending.
    pub self_offsets: &'a [u64],
    /// Without the object itself.
    pub references: &'a BTreeSet<StorePath>,
    pub name: &'a str,
}

impl Content<'_> {
    /// The path of an object with this content.
    pub fn path(&self) -> Result<StorePath, InvalidStorePath> {
        let hash = Canonical::new("kiln:ca:1")
            .bytes(&self.nar_modulo_self.0)
            .list(self.self_offsets, |tuple, offset| tuple.number(*offset))
            .texts(self.references)
            .text(self.name);
        StorePath::new(truncated(hash.finish()), self.name)
    }
}

/// What a promised hash is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FixedMode {
    /// The NAR.
    Nar,
    /// The bytes of the one file it is.
    Flat,
    /// The same, of a file that is executable.
    Executable,
}

impl FixedMode {
    fn word(self) -> &'static str {
        match self {
            FixedMode::Nar => "nar",
            FixedMode::Flat => "flat",
            FixedMode::Executable => "executable",
        }
    }
}

/// An output whose hash was promised: known before it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedOutput {
    pub hash: Hash,
    pub mode: FixedMode,
    pub name: String,
}

impl FixedOutput {
    /// What its realisation is recorded under, whatever step makes it.
    pub fn key(&self) -> RealisationKey {
        self.tuple().into()
    }

    /// The path the object has.
    ///
    /// # Errors
    /// When the name cannot name a store object.
    pub fn path(&self) -> Result<StorePath, InvalidStorePath> {
        StorePath::new(truncated(self.tuple()), self.name.as_str())
    }

    fn tuple(&self) -> Hash {
        Canonical::new("kiln:fixed:1")
            .bytes(&self.hash.0)
            .text(self.mode.word())
            .text(&self.name)
            .finish()
    }
}

/// A path digest: the first 160 bits.
fn truncated(hash: Hash) -> [u8; 20] {
    let mut digest = [0; 20];
    digest.copy_from_slice(&hash.0[..20]);
    digest
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
