//! The source against real Git: repositories, servers, children, file watches.
#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests start git and servers themselves, and fail by panicking"
)]

mod dev;
mod fetching;
mod https;
mod polling;
mod support;
