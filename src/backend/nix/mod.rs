//! Flakes and plain Nix files, evaluated and built by an installed Nix.

mod attribute;
mod config;

pub use attribute::{Attribute, InvalidAttribute};
pub use config::{NixConfig, NixKind, SEARCH_PATH};

/// Evaluates and builds with Nix.
#[derive(Debug)]
pub struct Nix {
    config: NixConfig,
}

impl Nix {
    /// A backend that is set up like this.
    pub fn new(config: NixConfig) -> Self {
        Nix { config }
    }

    /// How it is set up.
    pub fn config(&self) -> &NixConfig {
        &self.config
    }
}
