//! The configuration, and another one while the agent runs. A file that is
//! wrong changes nothing and is said until it is right; what only a restart can
//! change is named and stays as it was.

use super::parts::Core;
use super::secrets::Secrets;
use super::{AgentOptions, RunError};
use crate::builder::{self, Timeouts};
use crate::config::{self, Config};
use crate::events::EventKind;
use crate::server::Settings;
use crate::source::{self, SourceConfig};
use crate::state::{Change, Places, State};
use std::sync::Arc;
use tokio::sync::watch;

/// Reads the configuration; the socket of the command line comes before its own.
pub(super) fn load(options: &AgentOptions) -> Result<Config, RunError> {
    let mut config = config::load(&options.config).map_err(|error| {
        let check = format!("kiln config check --config {}", options.config.display());
        RunError::usage(error.to_string(), check)
    })?;
    if let Some(socket) = &options.socket {
        config.grpc.socket.clone_from(socket);
    }
    Ok(config)
}

/// What the source is told.
pub(super) fn source_config(config: &Config) -> SourceConfig {
    let repository = Places::new(&config.state_dir).repository();
    SourceConfig {
        initial_commit: config.initial_commit.clone(),
        ..SourceConfig::new(repository, config.remotes.clone())
    }
}

/// What the server is told, without warnings.
pub(super) fn settings(config: &Config) -> Settings {
    let polled = config.remotes.iter().filter(|r| !r.poll_interval.is_zero());
    Settings {
        poll_intervals: polled.map(|r| (r.name.clone(), r.poll_interval)).collect(),
        warnings: Vec::new(),
    }
}

/// Brings a changed configuration into force.
pub(super) struct Reloader {
    options: AgentOptions,
    /// In force.
    config: Config,
    /// Why the file is not in force, and what of it needs a restart.
    last: (String, Vec<&'static str>),
    builder: builder::Handle,
    source: source::Handle,
    secrets: Secrets,
    state: Arc<State>,
    settings: watch::Sender<Settings>,
}

impl Reloader {
    pub fn new(
        options: AgentOptions,
        config: Config,
        core: &Core,
        source: source::Handle,
        settings: watch::Sender<Settings>,
    ) -> Self {
        Reloader {
            options,
            config,
            last: Default::default(),
            builder: core.builder.clone(),
            source,
            secrets: core.secrets.clone(),
            state: Arc::clone(&core.state),
            settings,
        }
    }

    /// Reads the file again. `asked`: by a signal, which is always answered by
    /// an event; a file that says the same is not worth one.
    pub async fn reload(&mut self, asked: bool) {
        let options = self.options.clone();
        let loaded = tokio::task::spawn_blocking(move || load(&options)).await;
        let loaded = loaded.unwrap_or_else(|error| Err(RunError::failed(&error)));
        let (config, now) = match loaded {
            Ok(new) => (
                self.config.reloaded(&new),
                (String::new(), self.config.needs_restart(&new)),
            ),
            Err(error) => (self.config.clone(), (error.to_string(), Vec::new())),
        };
        if !asked && config == self.config && now == self.last {
            return;
        }
        self.apply(config).await;
        self.last = now;
        self.say().await;
    }

    async fn apply(&mut self, config: Config) {
        // Before anything shows them to anybody.
        self.secrets.follow(&config);
        let remotes = source_config(&config);
        if remotes != source_config(&self.config)
            && let Err(error) = self.source.configure(remotes).await
        {
            tracing::error!(%error, "the remotes stay as they were");
        }
        let limits = &config.builder;
        let timeouts = Timeouts {
            eval_timeout: limits.eval_timeout,
            eval_memory: limits.eval_memory,
            build_timeout: limits.build_timeout,
            silence_timeout: limits.silence_timeout,
        };
        if let Err(refusal) = self.builder.configure(timeouts).await {
            tracing::error!(%refusal, "the limits of the builder stay as they were");
        }
        self.config = config;
    }

    /// In status, in the log, and as an event.
    async fn say(&self) {
        let (error, needs_restart) = self.last.clone();
        let mut settings = settings(&self.config);
        settings.warnings = warnings(&error, &needs_restart);
        match settings.warnings.first() {
            Some(warning) => tracing::warn!("{warning}"),
            None => tracing::info!("the configuration was read again"),
        }
        self.settings.send_replace(settings);
        let event = EventKind::ConfigurationReloaded {
            error,
            needs_restart: needs_restart.into_iter().map(str::to_owned).collect(),
        };
        let (state, events) = (Arc::clone(&self.state), vec![event]);
        let write = move || {
            state.apply(&Change {
                events,
                ..Change::default()
            })
        };
        if let Ok(Err(error)) = tokio::task::spawn_blocking(write).await {
            tracing::error!(%error, "the event is not recorded");
        }
    }
}

fn warnings(error: &str, needs_restart: &[&str]) -> Vec<String> {
    let mut warnings = Vec::new();
    if !error.is_empty() {
        warnings.push(format!(
            "the configuration is wrong and the one before stays in force: {error}"
        ));
    }
    if !needs_restart.is_empty() {
        warnings.push(format!(
            "the configuration of {} changed: restart the agent to use it",
            needs_restart.join(", ")
        ));
    }
    warnings
}
