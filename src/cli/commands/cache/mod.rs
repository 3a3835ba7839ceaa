//! `kiln store push`, `pull`, `publish` and `generate-key`: binary caches by hand.

mod generate_key;
mod publish;
mod pull;
mod push;

pub use generate_key::GenerateKey;
pub use publish::Publish;
pub use pull::Pull;
pub use push::Push;

use crate::cli::error::{CliError, Problem};
use crate::config::read_secret_file;
use crate::store::cache::{Location, SecretKey};
use std::path::Path;

/// A cache named on the command line, where a path may be relative.
fn location(text: &str) -> Result<Location, String> {
    let absolute = match text.contains("://") {
        true => text.to_owned(),
        false => {
            let path = std::path::absolute(text).map_err(|error| error.to_string())?;
            path.to_string_lossy().into_owned()
        }
    };
    absolute
        .parse()
        .map_err(|error: crate::store::cache::InvalidLocation| error.to_string())
}

/// The text of a file that is closed to others.
fn secret(path: &Path) -> Result<String, CliError> {
    read_secret_file(path).map_err(|error| Problem::failed(error.to_string()).into())
}

fn read_key(file: &Path) -> Result<SecretKey, CliError> {
    secret(file)?.parse().map_err(|error| {
        let message = format!("{}: {error}", file.display());
        Problem::usage(message, "kiln store generate-key NAME FILE").into()
    })
}

/// Runs what blocks on its own thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CliError> + Send + 'static,
) -> Result<T, CliError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|error| Err(Problem::failed(error.to_string()).into()))
}
