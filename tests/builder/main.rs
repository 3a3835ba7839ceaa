//! The Builder against a backend that does exactly what a test tells it to:
//! real state, real events, real actor. Scenarios B of the behaviours to pin, a
//! file for each capability.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

#[path = "../common/builder_bench.rs"]
mod builder_bench;

mod asked;
mod by_hand;
mod consent;
mod course;
mod damage;
mod disk;
mod finish_build;
mod known;
mod restart;
mod retry;
mod space;
mod stop;
mod suspension;
mod time;
