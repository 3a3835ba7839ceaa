//! (to come)
pub mod helper;
