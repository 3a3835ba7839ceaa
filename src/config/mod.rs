//! The configuration: files in, a valid [`Config`] out.
//!
//! `file` reads TOML with the place of every key and value and merges
//! `conf.d/*.toml` into it; `reader` takes typed values out of it; `tables`,
//! `native`, `nix` and `remotes` know the keys. What is wrong is a [`ConfigError`] that shows the
//! line with a caret: a key nobody knows, a value that is not one, a feature
//! that is not in this version. Nothing is silently ignored.
//!
//! It knows no other part of kiln but the names of [`crate::model`], what a
//! binary cache's URL and key are ([`crate::store::cache`]), and what an attribute
//! of Nix is ([`crate::backend::nix`]).

use crate::model::{CommitId, HostName, RemoteConfig};
use std::path::{Path, PathBuf};

mod caches;
pub mod comin;
mod command;
mod error;
mod file;
mod hooks;
mod native;
mod nix;
#[cfg(test)]
mod nix_tests;
#[cfg(test)]
mod policy_tests;
mod reader;
mod remotes;
mod secret;
mod tables;
#[cfg(test)]
mod tests;
mod units;

pub use self::nix::{Nix, Prebuilt};
pub use caches::Cache;
pub use command::{CommandError, owned_command};
pub use error::{ConfigError, Position, Problem};
pub use hooks::{Hook, plan};
pub use native::{BuildUsers, FetchDeny, Native, Platform, Sandbox};
pub use reader::Setting;
pub use secret::{SecretError, read_secret_file};
pub use tables::{
    Backend, BackendChoice, Builder, Grpc, Limits, LocalBuilds, Repository, Retention, Store,
};
pub use units::{parse_duration, parse_size};

use file::Table;
use reader::{Reading, Section};

/// Where the system agent's configuration lies.
pub const DEFAULT_PATH: &str = "/etc/kiln/kiln.toml";

/// A configuration in which every name, path and number is valid. `{host}` is
/// filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// This host, as `kiln.star` declares it.
    pub host: HostName,
    /// Everything kiln keeps lies below it.
    pub state_dir: PathBuf,
    pub repository: Repository,
    /// In order of preference. At least one, but for [`Config::for_dev`].
    pub remotes: Vec<RemoteConfig>,
    /// The first commit accepted must descend from it.
    pub initial_commit: Option<CommitId>,
    pub backend: Backend,
    pub builder: Builder,
    pub native: Native,
    pub nix: Nix,
    /// Of one build step.
    pub limits: Limits,
    /// In the order they are asked.
    pub caches: Vec<Cache>,
    pub store: Store,
    pub retention: Retention,
    /// In the order they run.
    pub hooks: Vec<Hook>,
    pub grpc: Grpc,
}

/// Bytes left free by `kiln dev`.
const DEV_MIN_FREE: u64 = 64 << 20;

/// Reads the file at `path` and what lies in `conf.d` beside it.
///
/// # Errors
/// A file cannot be read, or the first thing that is wrong in it.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    load_with_origins(path).map(|(config, _)| config)
}

/// As [`load`], with every value in effect and where it comes from, in the
/// order of the tables.
///
/// # Errors
/// As [`load`].
pub fn load_with_origins(path: &Path) -> Result<(Config, Vec<Setting>), ConfigError> {
    let mut reading = Reading::default();
    let table = reading.sources.read(path)?;
    let config = Config::read(&reading, &table)?;
    Ok((config, reading.settings.into_inner()))
}

/// Reads one text, without a `conf.d`. Errors call it `name`.
///
/// # Errors
/// The first thing that is wrong in it.
pub fn parse(text: &str, name: &str) -> Result<Config, ConfigError> {
    let mut reading = Reading::default();
    let table = reading.sources.parse(name, text.to_owned())?;
    Ok(Config::read(&reading, &table)?)
}

const TABLES: [&str; 20] = [
    "host",
    "state_dir",
    "repository",
    "remotes",
    "trust",
    "backend",
    "builder",
    "native",
    "nix",
    "limits",
    "caches",
    "store",
    "retention",
    "hooks",
    "grpc",
    "webhook",
    "metrics",
    "otlp",
    "http",
    "activation",
];

impl Config {
    /// The defaults, without a file and without remotes, for one user's
    /// `kiln dev`: only that user may use the socket.
    ///
    /// # Errors
    /// None in practice: the defaults are read by the code that reads files.
    pub fn for_dev(
        host: HostName,
        state_dir: PathBuf,
        socket: PathBuf,
    ) -> Result<Self, ConfigError> {
        let reading = Reading::default();
        let none = Table::new();
        let top = Section::open(&reading, "", Some(&none), &TABLES)?;
        let mut config = Config::read_tables(&top, host, Vec::new())?;
        config.state_dir = state_dir;
        config.grpc = Grpc::private(socket);
        // It has no configuration to ask for less in, and often a small disk.
        config.store.min_free = DEV_MIN_FREE;
        Ok(config)
    }

    fn read(reading: &Reading, table: &Table) -> Result<Self, Problem> {
        let top = Section::open(reading, "", Some(table), &TABLES)?;
        tables::refuse_later(&top)?;
        let host = tables::host(&top)?;
        let remotes = remotes::read(&top, &host)?;
        Config::read_tables(&top, host, remotes)
    }

    fn read_tables(
        top: &Section<'_>,
        host: HostName,
        remotes: Vec<RemoteConfig>,
    ) -> Result<Self, Problem> {
        let caches = caches::read(top)?;
        let backend = Backend::read(top)?;
        Ok(Config {
            state_dir: top.path_value("state_dir", "/var/lib/kiln")?,
            repository: Repository::read(top, &host, backend.kind)?,
            remotes,
            initial_commit: tables::initial_commit(top)?,
            builder: Builder::read(top, &caches, backend.kind)?,
            backend,
            caches,
            native: Native::read(top)?,
            nix: Nix::read(top)?,
            limits: Limits::read(top)?,
            store: Store::read(top)?,
            retention: Retention::read(top)?,
            hooks: hooks::read(top)?,
            grpc: Grpc::read(top)?,
            host,
        })
    }

    /// This configuration with what can change at run time as `new` has it:
    /// the remotes, `trust.initial_commit` and the limits of evaluations and
    /// builds. Under another host's name nothing does: its remotes are filled in.
    pub fn reloaded(&self, new: &Config) -> Config {
        if self.host != new.host {
            return self.clone();
        }
        Config {
            remotes: new.remotes.clone(),
            initial_commit: new.initial_commit.clone(),
            builder: Builder {
                eval_timeout: new.builder.eval_timeout,
                eval_memory: new.builder.eval_memory,
                build_timeout: new.builder.build_timeout,
                silence_timeout: new.builder.silence_timeout,
                ..self.builder.clone()
            },
            ..self.clone()
        }
    }

    /// The tables in which `new` differs and that only a restart can change.
    pub fn needs_restart(&self, new: &Config) -> Vec<&'static str> {
        let kept = self.reloaded(new);
        // A new table does not compile before it is decided here.
        let Config {
            host,
            state_dir,
            repository,
            remotes,
            initial_commit,
            backend,
            builder,
            native,
            nix,
            limits,
            caches,
            store,
            retention,
            hooks,
            grpc,
        } = new;
        let changed = [
            ("host", kept.host != *host),
            ("state_dir", kept.state_dir != *state_dir),
            ("repository", kept.repository != *repository),
            ("remotes", kept.remotes != *remotes),
            ("trust", kept.initial_commit != *initial_commit),
            ("backend", kept.backend != *backend),
            ("builder", kept.builder != *builder),
            ("native", kept.native != *native),
            ("nix", kept.nix != *nix),
            ("limits", kept.limits != *limits),
            ("caches", kept.caches != *caches),
            ("store", kept.store != *store),
            ("retention", kept.retention != *retention),
            ("hooks", kept.hooks != *hooks),
            ("grpc", kept.grpc != *grpc),
        ];
        let changed = changed.into_iter().filter(|(_, differs)| *differs);
        changed.map(|(key, _)| key).collect()
    }
}
