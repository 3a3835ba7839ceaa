use super::{blocking, location};
use crate::cli::Context;
use crate::cli::error::{CliError, Outcome, Problem};
use crate::state::{Lock, Places, StateError};
use crate::store::cache::{CacheConfig, Limits, Location, PublicKey, TransportOptions, pull};
use crate::store::{Store, StorePath};
use crate::tls::host_authorities;
use std::path::{Path, PathBuf};

/// Bring objects, and all they refer to, from a binary cache into the store.
///
/// An agent asks the `[[caches]]` of its configuration by itself; this is for a
/// state that no agent owns at the moment.
#[derive(Debug, clap::Args)]
pub struct Pull {
    /// A folder, or http(s)://host/path.
    #[arg(value_name = "CACHE", value_parser = location)]
    from: Location,
    /// Store paths.
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<StorePath>,
    /// A key whose signatures are believed; others' objects must be named by their content.
    #[arg(long = "trusted-key", value_name = "NAME:BASE64")]
    keys: Vec<PublicKey>,
    /// The largest object that is taken.
    #[arg(long, value_name = "SIZE", default_value = "8GiB", value_parser = crate::config::parse_size)]
    output_size: u64,
}

impl Pull {
    pub(in crate::cli) async fn run(
        self,
        context: &Context,
        state: PathBuf,
    ) -> Result<Outcome, CliError> {
        let (objects, bytes) = blocking(move || self.pull(&state)).await?;
        context.out.text(&match context.out.json {
            true => serde_json::json!({
                "objects": objects.to_string(),
                "bytes": bytes.to_string(),
            })
            .to_string(),
            false => format!("{objects} objects came ({bytes} bytes)"),
        })?;
        Ok(Outcome::Done)
    }

    fn pull(self, state: &Path) -> Result<(usize, u64), CliError> {
        let _lock = Lock::take(state).map_err(|error| owned(&error))?;
        let failed = |error: &dyn std::fmt::Display| Problem::failed(error.to_string());
        let store = Places::new(state).store();
        let store = Store::open(&store).map_err(|error| failed(&error))?;
        let cache = CacheConfig {
            location: self.from,
            keys: self.keys,
        };
        let options = TransportOptions::new(host_authorities());
        let limits = Limits {
            object: self.output_size,
        };
        let pulled = pull(&store, &cache, options, limits, self.paths);
        pulled.map_err(|error| failed(&error).into())
    }
}

fn owned(error: &StateError) -> Problem {
    let problem = Problem::failed(error.to_string());
    match error {
        StateError::Owned { .. } => problem
            .hint("the agent asks its [[caches]] by itself; or stop it, pull, and start it again"),
        _ => problem,
    }
}
