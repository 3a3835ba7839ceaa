//! The source against real Git: repositories, servers, children, file watches.
#![allow(
    clippy::disallowed_methods,
    reason = "tests start git and servers themselves"
)]

mod dev;
mod fetching;
mod https;
mod polling;
mod support;
