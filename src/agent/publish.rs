//! `kiln store publish`: what this host evaluated and built, for hosts that are
//! too small to evaluate. Reads the state's files; no agent is asked.

use super::Surroundings;
use super::nix::{self, Around};
use crate::backend::nix::NixKind;
use crate::backend::nix::prebuilt::{self, Question};
use crate::config::Config;
use crate::model::{BackendKind, Generation, GenerationNumber};
use crate::store::cache::{Location, SecretKey, Transport, TransportOptions};
use std::collections::BTreeSet;
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

pub use crate::backend::nix::prebuilt::{PublishError, Record};

/// What is published, and where.
pub struct Publication {
    /// Of the agent that built the generation, or `kiln dev`'s.
    pub config: Config,
    pub to: Location,
    pub key: SecretKey,
    /// The file that holds `key`, for Nix to sign with.
    pub key_file: PathBuf,
    /// The value of the `Authorization` header for the record.
    pub authorization: Option<String>,
    /// The cache has the result already: only the record is written.
    pub is_there: bool,
}

/// Why a generation is of no use to another host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unpublishable {
    #[error("generation {0} is not built")]
    NotBuilt(GenerationNumber),
    #[error("generation {0} is not Nix's, or an older kiln evaluated it")]
    NotNix(GenerationNumber),
    #[error("generation {0} has files that are not committed: no other host can ask for it")]
    Dirty(GenerationNumber),
}

/// What was published.
#[derive(Debug)]
pub struct Published {
    pub record: Record,
    /// Where the record lies.
    pub place: String,
}

/// The record of a built generation, which nobody has signed yet.
///
/// # Errors
/// When there is nothing that another host could ask for.
pub fn record_of(generation: &Generation) -> Result<Record, Unpublishable> {
    let number = generation.number;
    if generation.commit.dirty {
        return Err(Unpublishable::Dirty(number));
    }
    let (Some(evaluated), Some(built)) = (generation.evaluated(), generation.built()) else {
        return Err(Unpublishable::NotBuilt(number));
    };
    let inputs = match (generation.backend, evaluated.nix.clone()) {
        (BackendKind::NixFlake | BackendKind::Nix, Some(inputs)) => inputs,
        (BackendKind::Native, _) | (_, None) => return Err(Unpublishable::NotNix(number)),
    };
    Ok(Record {
        question: Question {
            commit: generation.commit.id.clone(),
            host: generation.host.clone(),
            backend: generation.backend,
            inputs: *inputs,
        },
        drv_path: evaluated.drv_path.clone(),
        out_path: built.out_path.clone(),
        machine_id: evaluated.machine_id.clone(),
        signatures: BTreeSet::new(),
    })
}

impl Publication {
    /// Copies the result, then writes the record: whoever finds it finds both.
    ///
    /// # Errors
    /// When Nix or the cache fail.
    pub async fn publish(
        self,
        unsigned: Record,
        around: &Surroundings,
        cancel: &CancellationToken,
    ) -> Result<Published, PublishError> {
        let mut record = unsigned;
        record.sign(&self.key);
        let key = self.key.public();
        if !self.is_there {
            // What kind of expression it came from is nothing to `nix copy`.
            let config = nix::settings(NixKind::Flake, &self.config, &Around::new(around));
            prebuilt::copy(&config, &record.out_path, &self.to, &self.key_file, cancel).await?;
        }
        let mut options = TransportOptions::new(crate::tls::host_authorities());
        options.authorization = self.authorization;
        let transport = Transport::new(&self.to, options);
        let written = tokio::task::spawn_blocking(move || {
            let (record, place) = prebuilt::put(record, &key, &transport)?;
            Ok(Published { record, place })
        });
        written
            .await
            .map_err(|error| PublishError::Write(std::io::Error::other(error)))?
    }
}
