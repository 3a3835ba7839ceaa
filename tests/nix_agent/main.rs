//! The agent and `kiln dev` with a real Nix: which backend a commit gets, what is
//! said where Nix is missing or what it is to use does not answer, and the way
//! from comin.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests drive programs"
)]

#[path = "../common/mod.rs"]
mod common;

mod choice;
mod environment;
mod migration;
mod missing;
mod revisions;
mod support;
