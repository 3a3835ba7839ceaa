//! The native backend by itself, as the Builder calls it: real Git, real
//! evaluator, real sandbox, a real store.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests drive programs, and say what went wrong by panicking"
)]

#[path = "../common/engine.rs"]
mod engine;

mod build;
mod recall;
