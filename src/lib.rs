//! kiln: a GitOps agent for any Linux host. Modules in the order data flows.
//!
//! ```text
//! config ─▶ source ─selection─▶ builder ─▶ backend (native: eval, graph, scheduler, provider, store)
//!                                  │
//!                                  ▼
//!                     state (files, then sled) ─▶ events ─┬▶ server ─gRPC─▶ client ─▶ cli
//!                                                         └▶ hooks
//! ```
//! `agent` sees them all and wires them; `model` is the words they share.

#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        clippy::expect_used,
        clippy::panic,
        clippy::unwrap_used,
        reason = "unit tests start real programs, and a broken test shall panic"
    )
)]

pub mod model;

pub mod config;

pub mod source;

pub mod builder;

pub mod backend;
pub mod store;

pub mod events;
pub mod state;

pub mod hooks;

pub mod audit;
pub mod pb;
pub mod server;

pub mod cli;
pub mod client;

pub mod agent;

mod allocator;
#[cfg(test)]
mod fixtures;
pub mod process;
mod suggest;
mod tls;
