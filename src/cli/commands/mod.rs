//! One file per command; its doc comment is its help.

pub mod agent;
pub mod baseline;
pub mod build;
pub mod cache;
pub mod cancel;
pub mod check;
pub mod config;
pub mod confirm;
pub mod dev;
pub mod diff;
pub mod doctor;
pub mod eval;
pub mod events;
pub mod fetch;
pub mod generations;
pub mod graph;
pub mod init;
pub mod internal;
pub mod log;
pub mod shell;
pub mod show;
pub mod status;
pub mod store;
pub mod suspend;
