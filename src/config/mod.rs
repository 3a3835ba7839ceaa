//! (to come)
// SKELETON: replaced by the configuration itself.
use std::path::Path;

/// A configuration that cannot be used; says file:line:col.
#[derive(Debug, thiserror::Error)]
#[error("configuration")]
pub struct ConfigError;

/// One value of the effective configuration and where it comes from.
pub struct Setting {
    /// Dotted: `remotes.origin.url`.
    pub key: String,
    /// As TOML.
    pub value: String,
    /// `default`, or file:line.
    pub origin: String,
}

/// The effective configuration, value by value.
///
/// # Errors
/// When a file is unreadable or wrong.
pub fn explain(_path: &Path) -> Result<Vec<Setting>, ConfigError> {
    todo!()
}
