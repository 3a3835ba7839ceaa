//! Who may ask for what, and what is kept of it: roles, the audit log, the
//! rules of trust for what is asked by hand, and a configuration that changes
//! while the agent runs. By the real program, as real users.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests drive programs"
)]

#[path = "../common/mod.rs"]
mod common;

mod audit;
mod reload;
mod reset;
mod roles;
mod streams;
mod support;
