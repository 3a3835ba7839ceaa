//! The wire types, generated from `proto/` and checked in: no build script and
//! no protoc. `tests/proto.rs` regenerates and compares them.
//!
//! Only `server`, `client` and `cli` may know this module.

#[allow(
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    missing_docs,
    unused_qualifications,
    reason = "generated code"
)]
mod generated {
    include!("kiln.v1.rs");
    include!("kiln.v1.serde.rs");

    use super::sanitise::{Sanitise, known};
    include!("kiln.v1.sanitise.rs");
}

mod sanitise;

pub use generated::*;
pub use sanitise::Sanitise;

/// The encoded descriptor set, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!("kiln.v1.bin");
