//! Flakes and plain Nix files, evaluated and built by an installed Nix.
//!
//! ```text
//! evaluate: commit ─refs/kiln/eval/<n>─▶ nix eval (or nix-instantiate --eval) ─▶ .drv ─▶ root
//! build:    .drv ─▶ nix-store --realise ─messages─▶ steps, logs ─▶ roots of the outputs
//! ```
//! In: [`EvaluateRequest`], [`BuildRequest`]. Remote builders, binary caches and
//! signatures are Nix's: its settings are handed on. It knows no generation and
//! no store of kiln's. Every Nix runs below `kiln internal supervise`, which ends
//! all that Nix started; what Nix prints is read by `messages`, with limits.

mod attribute;
mod build;
mod cache;
mod config;
mod diagnose;
mod evaluate;
mod expression;
mod inspect;
mod inspector;
mod messages;
mod program;
mod progress;
mod reach;
mod reference;
mod roots;
mod settings;

pub use attribute::{Attribute, InvalidAttribute};
pub use config::{NixConfig, NixKind, SEARCH_PATH};
pub use reach::unreachable;
pub use settings::unknown_options;

use super::inspect::{DerivationGraph, Files};
use super::{
    Backend, BackendError, BuildOutcome, BuildRequest, EvaluateRequest, EvaluationOutcome, Source,
};
use crate::model::{BackendKind, Built, Evaluated, HostName};
use async_trait::async_trait;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_util::sync::CancellationToken;

/// Evaluates and builds with Nix.
#[derive(Debug)]
pub struct Nix {
    config: NixConfig,
    /// A Nix has opened the store: what it changes about it the first time (its
    /// format, tables for a new feature) two at once would both begin.
    is_open: AtomicBool,
}

impl Nix {
    /// A backend that is set up like this.
    pub fn new(config: NixConfig) -> Self {
        let is_open = AtomicBool::new(false);
        Nix { config, is_open }
    }
}

#[async_trait]
impl Backend for Nix {
    async fn evaluate(&self, request: EvaluateRequest) -> Result<EvaluationOutcome, BackendError> {
        let config = &self.config;
        let is_open = self.is_open.load(Ordering::Relaxed);
        let evaluation = evaluate::Evaluation {
            config,
            request,
            is_open,
            logs_errors: true,
        };
        let outcome = evaluation.run().await;
        if matches!(outcome, Ok(EvaluationOutcome::Succeeded(_))) {
            self.is_open.store(true, Ordering::Relaxed);
        }
        outcome
    }

    async fn kind(&self, _source: &Source) -> BackendKind {
        match self.config.kind {
            NixKind::Flake => BackendKind::NixFlake,
            NixKind::Plain => BackendKind::Nix,
        }
    }

    fn settings(&self) -> String {
        let NixConfig {
            kind,
            attribute,
            file,
            options,
            accept_flake_config,
            submodules,
            // These say where and how it is built, not what.
            builders: _,
            substituters: _,
            trusted_public_keys: _,
            jobs: _,
            home: _,
            cache_age: _,
            search_path: _,
            environment: _,
            log_size: _,
        } = &self.config;
        format!("{kind:?} {attribute} {file} {options:?} {accept_flake_config} {submodules}")
    }

    async fn is_evaluated(
        &self,
        evaluated: &Evaluated,
        roots: &Path,
        cancel: &CancellationToken,
    ) -> Result<bool, BackendError> {
        roots::derivation(&self.config, &evaluated.drv_path, roots, cancel).await
    }

    async fn is_built(
        &self,
        evaluated: &Evaluated,
        _host: &HostName,
        roots: &Path,
        cancel: &CancellationToken,
    ) -> Result<Option<Built>, BackendError> {
        roots::existing(&self.config, evaluated, roots, cancel).await
    }

    async fn build(&self, request: BuildRequest) -> Result<BuildOutcome, BackendError> {
        let config = &self.config;
        build::Build { config, request }.run().await
    }

    async fn graph(&self, evaluated: &Evaluated) -> Result<DerivationGraph, BackendError> {
        inspect::graph(&self.config, evaluated).await
    }

    async fn files(&self, evaluated: &Evaluated) -> Result<Files, BackendError> {
        inspect::files(&self.config, evaluated).await
    }
}
