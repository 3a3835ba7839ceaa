//! Binary caches: one host builds for another, real `nix` reads and writes the
//! same cache, and what a cache does wrong breaks no build.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests drive programs"
)]

#[path = "../common/mod.rs"]
mod common;
mod fleet;
mod folder;
mod hostile;
mod nix;
mod support;
