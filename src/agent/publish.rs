//! `kiln store publish`: what this host evaluated and built, for hosts that are
//! too small to evaluate. Reads the state's files; no agent is asked.

use super::nix;
use crate::backend::nix::NixKind;
use crate::backend::nix::prebuilt::{self, PublishError, Record};
use crate::config::Config;
use crate::model::{BackendKind, Generation};
use crate::store::cache::{Location, SecretKey, Transport, TransportOptions};
use std::ffi::OsStr;
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

/// What is published, and where.
pub struct Publication {
    /// Of the agent that built the generation, or `kiln dev`'s.
    pub config: Config,
    pub generation: Generation,
    pub to: Location,
    pub key: SecretKey,
    /// The file that holds `key`, for Nix to sign with.
    pub key_file: PathBuf,
    /// The value of the `Authorization` header for the record.
    pub authorization: Option<String>,
    /// The cache has the result already: only the record is written.
    pub is_there: bool,
}

/// What was published.
#[derive(Debug)]
pub struct Published {
    pub record: Record,
    /// Where the record lies.
    pub place: String,
}

impl Publication {
    /// Copies the result, then writes the record: whoever finds it finds both.
    ///
    /// # Errors
    /// When there is nothing to publish, or Nix or the cache fail.
    pub async fn publish(
        self,
        search_path: Option<&OsStr>,
        cancel: &CancellationToken,
    ) -> Result<Published, PublishError> {
        let mut record = prebuilt::record_of(&self.generation)?;
        record.sign(&self.key);
        if !self.is_there {
            let kind = match self.generation.backend {
                BackendKind::NixFlake => NixKind::Flake,
                BackendKind::Nix => NixKind::Plain,
                BackendKind::Native => return Err(PublishError::NotNix(self.generation.number)),
            };
            let search_path = nix::search_path(search_path);
            let config = nix::settings(kind, &self.config, &search_path);
            prebuilt::copy(&config, &record.out_path, &self.to, &self.key_file, cancel).await?;
        }
        let mut options = TransportOptions::new(crate::tls::host_authorities());
        options.authorization = self.authorization;
        let transport = Transport::new(&self.to, options);
        let written = tokio::task::spawn_blocking(move || {
            let place = prebuilt::put(&record, &transport)?;
            Ok(Published { record, place })
        });
        written
            .await
            .map_err(|error| PublishError::Write(std::io::Error::other(error)))?
    }
}
