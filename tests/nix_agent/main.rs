//! The agent and `kiln dev` with a real Nix: which backend a commit gets, what is
//! said where Nix is missing or what it is to use does not answer, what is taken
//! from a record instead of evaluating, and the way from comin.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests drive programs"
)]

#[path = "../common/cache_server.rs"]
mod cache_server;
#[path = "../common/mod.rs"]
mod common;

mod choice;
mod environment;
mod fleet;
mod migration;
mod missing;
mod prebuilt;
mod prebuilt_hostile;
mod revisions;
mod support;
