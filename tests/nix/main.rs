//! The Nix backend by itself, as the Builder calls it, and within a real agent:
//! real Git, real Nix, a store of its own for each test.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests drive programs, and say what went wrong by panicking"
)]

#[path = "../common/mod.rs"]
mod common;

mod agent;
mod build;
mod cache;
mod evaluation;
mod guard;
mod processes;
mod restricted;
mod roots;
mod support;
