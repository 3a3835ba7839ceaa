//! (to come)
pub mod eval;
pub mod graph;
pub mod provider;
pub mod schedule;
