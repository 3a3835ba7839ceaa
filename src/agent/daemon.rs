//! `kiln agent`: follows the remotes of a configuration until it is told to stop.

use super::notify::notify;
use super::parts::Core;
use super::signals::{Asked, Signals};
use super::{AgentOptions, RunError};
use crate::config::{self, Config};
use crate::server;
use crate::source::{Auth, RemoteConfig, SourceConfig, poller};

/// Runs the daemon until SIGTERM or SIGINT.
///
/// # Errors
/// When it cannot start, or ends for another reason than being asked to.
pub async fn run(options: AgentOptions) -> Result<(), RunError> {
    let mut signals = Signals::new()?;
    let mut config = load(&options)?;
    if let Some(socket) = &options.socket {
        config.grpc.socket.clone_from(socket);
    }
    let notify_socket = options.notify_socket.as_deref();
    let group = group_id(&config.grpc.group);
    let repository = crate::state::Places::new(&config.state_dir).repository();
    let subdir = config.repository.subdir.clone();
    let mut core = Core::start(&config, repository.clone(), subdir, true).await?;
    // After the state is ours: a second agent is told who owns it.
    let listener = match server::bind(&config.grpc.socket, config.grpc.mode, group) {
        Ok(listener) => listener,
        Err(error) => return Err(core.abandon(&error).await),
    };
    let (events, baseline) = (core.event_sink(), core.baseline());
    let remotes = config.remotes.iter().map(remote).collect();
    let mut remotes = SourceConfig::new(repository, remotes);
    remotes.initial_commit.clone_from(&config.initial_commit);
    let (source, source_task) = poller::start(remotes, events, baseline, core.cancel.clone());
    core.keep_up(&config);
    core.follow(&source);
    core.serve(&config, &source, listener, group);
    tracing::info!(host = %config.host, socket = %config.grpc.socket.display(), "ready");
    notify(notify_socket, "READY=1");
    while signals.next().await == Asked::Reload {
        reload(&options, &config);
    }
    notify(notify_socket, "STOPPING=1");
    tracing::info!("stopping: what runs is cancelled and taken up at the next start");
    core.stop(Some(source_task)).await
}

fn load(options: &AgentOptions) -> Result<Config, RunError> {
    config::load(&options.config).map_err(|error| {
        let check = format!("kiln config check --config {}", options.config.display());
        RunError::usage(error.to_string(), check)
    })
}

/// A file that is wrong changes nothing; one that is right is read at the next start.
fn reload(options: &AgentOptions, config: &Config) {
    match load(options) {
        Err(error) => tracing::error!("the configuration stays as it was: {error}"),
        Ok(new) if new == *config => tracing::info!("the configuration did not change"),
        Ok(_) => tracing::warn!("the configuration changed: restart the agent to use it"),
    }
}

fn remote(remote: &config::Remote) -> RemoteConfig {
    let auth = remote.auth.token_file.clone().map(|token_file| Auth {
        username: remote.auth.username.clone(),
        token_file,
    });
    RemoteConfig {
        name: remote.name.clone(),
        url: remote.url.clone(),
        main: remote.main.clone(),
        testing: remote.testing.clone(),
        poll_interval: remote.poll_interval,
        timeout: remote.timeout,
        auth,
        ca_file: remote.ca_file.clone(),
        proxy: remote.proxy.clone(),
        owner: remote.owner.clone(),
    }
}

/// The group that may drive the agent; without it only root and the agent's user may.
fn group_id(name: &str) -> Option<u32> {
    if name.is_empty() {
        return None;
    }
    let found = nix::unistd::Group::from_name(name).ok().flatten();
    if found.is_none() {
        tracing::warn!("there is no group {name}: only root and the agent's own user may drive it");
    }
    found.map(|group| group.gid.as_raw())
}
