//! (to come)
pub mod eval;
pub mod graph;
pub mod materialise;
pub mod provider;
