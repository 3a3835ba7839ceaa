//! The object store as its owner meets it: garbage and space, `kiln store`,
//! archives as Nix reads and writes them. Scenarios N4, N5, N6, N7, N10.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests drive programs"
)]

mod command;
#[path = "../common/mod.rs"]
mod common;
mod garbage;
mod nix;
mod optimise;
mod support;
