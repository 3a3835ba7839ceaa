use crate::cli::Context;
use crate::cli::error::{CliError, Outcome, Problem};
use crate::store::cache::SecretKey;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Make a key that signs what is pushed; prints the public key for `[[caches]]`.
#[derive(Debug, clap::Args)]
pub struct GenerateKey {
    /// The key's name, such as cache.example.org-1.
    #[arg(value_name = "NAME")]
    name: String,
    /// The new file with the secret key, closed to others.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl GenerateKey {
    pub(in crate::cli) fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let text = SecretKey::generate(&self.name).map_err(|error| {
            Problem::usage(error.to_string(), "kiln store generate-key cache-1 FILE")
        })?;
        let key: SecretKey = text
            .parse()
            .map_err(|error| Problem::failed(format!("{error}")))?;
        let file = std::fs::File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.file);
        let written = file.and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|error| {
            Problem::failed(format!("writing {} failed: {error}", self.file.display()))
        })?;
        let public = key.public().to_string();
        match context.out.json {
            true => context
                .out
                .text(&serde_json::json!({"publicKey": public}).to_string())?,
            false => context.out.text(&public)?,
        }
        Ok(Outcome::Done)
    }
}
