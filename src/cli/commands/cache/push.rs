use super::{blocking, location, read_key, secret};
use crate::cli::Context;
use crate::cli::commands::shell::find;
use crate::cli::error::{CliError, Outcome, Problem};
use crate::cli::values::GenerationArg;
use crate::state::Places;
use crate::store::cache::{Location, Pushed, Transport, TransportOptions, push};
use crate::store::encoding::base64;
use crate::store::{Pin, Store, StorePath, pin};
use crate::tls::host_authorities;
use std::collections::BTreeSet;
use std::num::NonZero;
use std::path::{Path, PathBuf};

/// Send objects, and all they refer to, to a binary cache; with --key signed, and with
/// what they are the results of.
///
/// The cache is a folder, or a server that takes PUT; any web server can hand it out.
#[derive(Debug, clap::Args)]
pub struct Push {
    /// A folder, or http(s)://host/path.
    #[arg(value_name = "CACHE", value_parser = location)]
    to: Location,
    /// A generation or a store path [default: current].
    #[arg(value_name = "GENERATION|PATH")]
    what: Vec<String>,
    /// Every result in the store, those that steps were built with too.
    #[arg(long, conflicts_with = "what")]
    all: bool,
    /// The secret key that signs; see `kiln store generate-key`.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// What the server asks for, as user:password; read from a file closed to others.
    #[arg(long, value_name = "FILE")]
    auth_file: Option<PathBuf>,
    /// Uploads at a time.
    #[arg(long, value_name = "N", default_value = "8")]
    jobs: NonZero<u16>,
}

impl Push {
    pub(in crate::cli) async fn run(
        self,
        context: &Context,
        state: PathBuf,
    ) -> Result<Outcome, CliError> {
        let to = self.to.to_string();
        let is_signed = self.key.is_some();
        let pushed = blocking(move || self.push(&state)).await?;
        if !is_signed {
            context.out.note(
                "not signed: hosts take these objects by their content, but look for results only with --key",
            );
        }
        context.out.text(&match context.out.json {
            true => json(&pushed),
            false => told(&pushed, &to),
        })?;
        Ok(Outcome::Done)
    }

    fn push(&self, state: &Path) -> Result<Pushed, CliError> {
        let failed = |error: &dyn std::fmt::Display| Problem::failed(error.to_string());
        let store = Places::new(state).store();
        let store = Store::open_to_read(&store).map_err(|error| failed(&error))?;
        let roots = match self.all {
            true => store.results().map_err(|error| failed(&error))?,
            false => self.roots(state)?,
        };
        // A collection of the agent's leaves them alone meanwhile.
        let pinned = roots.iter().map(|root| pin(store.dir(), root, false));
        let _pinned: Vec<Pin> = pinned
            .collect::<Result<_, _>>()
            .map_err(|error| failed(&error))?;
        let key = match &self.key {
            Some(file) => Some(read_key(file)?),
            None => None,
        };
        let mut options = TransportOptions::new(host_authorities());
        if let Some(file) = &self.auth_file {
            let credentials = secret(file)?;
            options.authorization = Some(format!("Basic {}", base64(credentials.as_bytes())));
        }
        let transport = Transport::new(&self.to, options);
        let jobs = NonZero::from(self.jobs);
        let pushed = push(&store, roots, &transport, key.as_ref(), jobs);
        pushed.map_err(|error| {
            let hint = "the same command goes on where this one ended";
            failed(&error).hint(hint).into()
        })
    }

    fn roots(&self, state: &Path) -> Result<BTreeSet<StorePath>, CliError> {
        let current = ["current".to_owned()];
        let what = match self.what.as_slice() {
            [] => &current[..],
            what => what,
        };
        what.iter().map(|what| root(state, what)).collect()
    }
}

/// A store path as it is written or where it lies, or a generation's result.
fn root(state: &Path, what: &str) -> Result<StorePath, CliError> {
    if let Some((path, "")) = StorePath::split_from(what) {
        return Ok(path);
    }
    if what.contains('/') {
        let name = Path::new(what).file_name().and_then(|name| name.to_str());
        let path = name.and_then(|name| StorePath::from_base_name(name).ok());
        return path.ok_or_else(|| {
            let hint = "kiln show names the store path of a generation";
            Problem::usage(format!("{what:?} is no store path"), hint).into()
        });
    }
    let wanted: GenerationArg = what.parse().map_err(|why: String| {
        Problem::usage(format!("{what:?}: {why}"), "kiln store push CACHE current")
    })?;
    let generation = find(state, wanted)?;
    let not_built = || {
        let number = generation.number;
        Problem::failed(format!("generation {number} is not built"))
            .hint(format!("kiln show {number} says why"))
    };
    let built = generation.built().ok_or_else(not_built)?;
    let path = built.out_path.parse();
    path.map_err(|error| Problem::failed(format!("{error}")).into())
}

fn told(pushed: &Pushed, to: &str) -> String {
    let Pushed {
        objects,
        present,
        bytes,
        realisations,
    } = pushed;
    format!(
        "{to}: {objects} objects sent ({bytes} bytes), {present} were there; {realisations} results"
    )
}

fn json(pushed: &Pushed) -> String {
    serde_json::json!({
        "objects": pushed.objects.to_string(),
        "present": pushed.present.to_string(),
        "bytes": pushed.bytes.to_string(),
        "realisations": pushed.realisations.to_string(),
    })
    .to_string()
}
