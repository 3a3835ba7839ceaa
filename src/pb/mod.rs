//! The generated wire types.
