//! `fetch()` as a build runs it: a real server, the real child, a real store.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests drive programs, and say what went wrong by panicking"
)]

#[path = "../common/workbench.rs"]
mod workbench;

mod download;
mod server;
