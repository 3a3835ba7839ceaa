//! What a commit evaluates to, taken from a signed record in a binary cache
//! instead of evaluating: for hosts that are too small to evaluate.
//!
//! ```text
//! publish:  generation ─nix copy─▶ cache ◀─record, signed─ kiln/prebuilt/<digest>.json
//! look up:  commit, host, .. ─digest─▶ record ─key, question, paths─▶ Evaluated{record}
//! ```
//! A record is a claim: it counts only when a trusted key signed it for this very
//! question. The result itself is brought by Nix's own substitution, under Nix's
//! own rules. It knows caches and keys, and starts Nix to publish only.

mod lookup;
mod publish;
mod record;

pub(super) use lookup::{Found, look_up};
pub use publish::{PublishError, copy, put};
pub(super) use record::cache_of;
pub use record::{InvalidRecord, Question, Record};

use crate::store::cache::{Location, PublicKey, TransportOptions};

/// Where records are looked for, and what happens without one.
#[derive(Debug, Clone)]
pub struct Prebuilt {
    pub without: WithoutRecord,
    /// Binary caches with records, in the order they are asked.
    pub caches: Vec<Location>,
    /// Whose records are believed.
    pub keys: Vec<PublicKey>,
    pub options: TransportOptions,
}

/// What becomes of a commit of which no cache has a record that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutRecord {
    /// It is evaluated and built here, as if there were no records.
    Evaluate,
    /// It waits: this host evaluates nothing.
    Wait,
}
