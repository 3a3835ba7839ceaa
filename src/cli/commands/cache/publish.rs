use super::{location, read_key, secret};
use crate::agent::publish::{
    Publication, PublishError, Published, Record, Unpublishable, record_of,
};
use crate::cli::commands::shell::find;
use crate::cli::error::{CliError, Outcome, Problem};
use crate::cli::values::GenerationArg;
use crate::cli::{Context, places};
use crate::config::Config;
use crate::model::Generation;
use crate::store::cache::{Location, Signature};
use crate::store::encoding::base64;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// Give a Nix generation to hosts that are too small to evaluate: its result, and a
/// signed record of what its commit evaluates to.
///
/// The result is sent by `nix copy`, signed by the same key. Hosts take it with
/// `prebuilt` and `trusted_public_keys` in [nix].
#[derive(Debug, clap::Args)]
pub struct Publish {
    /// A folder, or http(s)://host/path that takes PUT.
    #[arg(value_name = "CACHE", value_parser = location)]
    to: Location,
    /// A number, current, latest or previous.
    #[arg(value_name = "GENERATION", default_value = "current")]
    generation: GenerationArg,
    /// The secret key that signs; see `kiln store generate-key`.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// What the server asks for the record, as user:password; read from a file closed to
    /// others. Nix reads its own netrc-file.
    #[arg(long, value_name = "FILE")]
    auth_file: Option<PathBuf>,
    /// Write only the record: the result is in a cache that the hosts' Nix asks.
    #[arg(long)]
    no_copy: bool,
    /// The configuration of the agent that built it [default: /etc/kiln/kiln.toml for the
    /// system's state].
    #[arg(long, env = "KILN_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Publish {
    pub(in crate::cli) async fn run(
        self,
        context: &Context,
        state: Option<PathBuf>,
    ) -> Result<Outcome, CliError> {
        let to = self.to.to_string();
        let (publication, record) = self.publication(context, state)?;
        let around = context.env.of_a_person();
        // An interrupted command ends what it started with itself.
        let cancel = CancellationToken::new();
        let published = publication.publish(record, &around, &cancel).await;
        let published = published.map_err(|error| failed(&error))?;
        context.out.text(&match context.out.json {
            true => json(&published),
            false => told(&published, &to),
        })?;
        Ok(Outcome::Done)
    }

    fn publication(
        self,
        context: &Context,
        state: Option<PathBuf>,
    ) -> Result<(Publication, Record), CliError> {
        let config = match &self.config {
            Some(file) => Some(load(file)?),
            None => None,
        };
        let of_config = || config.as_ref().map(|config| config.state_dir.clone());
        let state = state.or_else(of_config);
        let state = state.unwrap_or_else(|| context.state_here());
        let generation = find(&state, self.generation)?;
        let record = record_of(&generation).map_err(refused)?;
        let config = match config {
            Some(config) => config,
            None => config_of(&state, &generation)?,
        };
        let key = read_key(&self.key)?;
        let key_file = std::path::absolute(&self.key)
            .map_err(|error| Problem::failed(format!("{}: {error}", self.key.display())))?;
        let authorization = match &self.auth_file {
            Some(file) => Some(format!("Basic {}", base64(secret(file)?.as_bytes()))),
            None => None,
        };
        let publication = Publication {
            config,
            to: self.to,
            key,
            key_file,
            authorization,
            is_there: self.no_copy,
        };
        Ok((publication, record))
    }
}

/// Of the system's agent, where it is its state; else as `kiln dev` has it.
fn config_of(state: &Path, generation: &Generation) -> Result<Config, CliError> {
    let system = Path::new(places::SYSTEM_CONFIG);
    if state == Path::new(places::SYSTEM_STATE) && system.exists() {
        return load(system);
    }
    let config = Config::for_dev(
        generation.host.clone(),
        state.into(),
        state.join("kiln.sock"),
    );
    config.map_err(|error| Problem::failed(error.to_string()).into())
}

fn load(file: &Path) -> Result<Config, CliError> {
    crate::config::load(file).map_err(|error| {
        let again = format!(
            "mend it, then: kiln config check --config {}",
            file.display()
        );
        Problem::usage(error.to_string(), again).into()
    })
}

fn refused(why: Unpublishable) -> Problem {
    let problem = Problem::failed(why.to_string());
    match why {
        Unpublishable::NotBuilt(number) => problem.hint(format!("kiln show {number} says why")),
        Unpublishable::NotNix(_) => {
            problem.hint("kiln eval, then publish again; of kiln.star: kiln store push")
        }
        Unpublishable::Dirty(_) => problem.hint("commit them, then: kiln dev --once"),
    }
}

fn failed(error: &PublishError) -> Problem {
    let problem = Problem::failed(error.to_string());
    match error {
        PublishError::Copy { failure, .. } if !failure.hint.is_empty() => {
            problem.hint(failure.hint.clone())
        }
        PublishError::Path { .. } => problem.hint(
            "name a folder without spaces, `%` and characters beyond ASCII; for the record alone: --no-copy",
        ),
        PublishError::Answered { .. } => problem.hint(
            "something beside the commit differs between the two hosts: find out which is right; \
             for this one: remove the record there and publish again, or publish to a cache of its own",
        ),
        PublishError::Newer { .. } => problem.hint("publish with that kiln, or to a cache of its own"),
        PublishError::Full { .. } => problem.hint("remove the record there, then publish again"),
        PublishError::Copy { .. }
        | PublishError::Nix(_)
        | PublishError::Write(_)
        | PublishError::Cache(_) => problem.hint("the same command goes on where this one ended"),
    }
}

fn told(published: &Published, to: &str) -> String {
    let Published { record, place } = published;
    let keys: Vec<&str> = record.signatures.iter().map(Signature::key).collect();
    format!(
        "{to}: commit {} on {} is {}, signed by {} ({place})",
        record.question.commit.short(),
        record.question.host,
        record.out_path,
        keys.join(", "),
    )
}

fn json(published: &Published) -> String {
    let Published { record, place } = published;
    serde_json::json!({
        "record": place,
        "commitId": record.question.commit.to_string(),
        "host": record.question.host.to_string(),
        "outPath": record.out_path,
    })
    .to_string()
}
