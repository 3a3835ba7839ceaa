//! `kiln agent`: follows the remotes of a configuration until it is told to stop.

use super::notify::notify;
use super::parts::{Core, Follows};
use super::reload::{Reloader, load, settings, source_config};
use super::signals::{Asked, Signals};
use super::watch::ConfigWatch;
use super::{AgentOptions, RunError};
use crate::backend::native::provider::kept::kept;
use crate::config::{BackendChoice, Config, Grpc};
use crate::model::BackendKind;
use crate::server::{self, Access};
use crate::source::poller;
use std::collections::BTreeSet;
use tokio::sync::watch;

/// Runs the daemon until SIGTERM or SIGINT.
///
/// # Errors
/// When it cannot start, or ends for another reason than being asked to.
pub async fn run(options: AgentOptions) -> Result<(), RunError> {
    let mut signals = Signals::new()?;
    // Before the file is read, so that no change of it is missed.
    let files = ConfigWatch::new(&options.config);
    let config = load(&options)?;
    let notify_socket = options.notify_socket.clone();
    let notify_socket = notify_socket.as_deref();
    let access = access(&config.grpc);
    let remotes = source_config(&config);
    let subdir = config.repository.subdir.clone();
    let (repository, around) = (remotes.repository.clone(), options.surroundings.clone());
    let follows = Follows {
        has_baseline: true,
        any_machine: false,
    };
    let mut core = Core::start(&config, repository, subdir, follows, &around).await?;
    // After the state is ours: a second agent is told who owns it.
    let (socket, mode) = (&config.grpc.socket, config.grpc.socket_mode());
    let listener = match server::bind(socket, mode, access.group) {
        Ok(listener) => listener,
        Err(error) => return Err(core.abandon(&error).await),
    };
    let (events, baseline) = (core.event_sink(), core.baseline());
    let (source, source_task) = poller::start(remotes, events, baseline, core.cancel.clone());
    core.keep_up(&config);
    core.follow(&source);
    let (published, in_force) = watch::channel(settings(&config));
    core.serve(&config, &source, listener, access, in_force);
    tracing::info!(host = %config.host, socket = %config.grpc.socket.display(), "ready");
    say_what_keeps_limits(&config);
    notify(notify_socket, "READY=1");
    let mut reloader = Reloader::new(options, config, &core, source, published);
    loop {
        let asked = tokio::select! {
            asked = signals.next() => asked,
            () = files.changed() => Asked::Look,
        };
        match asked {
            Asked::Stop => break,
            Asked::Reload => reloader.reload(true).await,
            Asked::Look => reloader.reload(false).await,
        }
    }
    notify(notify_socket, "STOPPING=1");
    tracing::info!("stopping: what runs is cancelled and taken up at the next start");
    core.stop(Some(source_task)).await
}

/// Once, where steps of kiln's own may run: `kiln doctor` says the same.
fn say_what_keeps_limits(config: &Config) {
    match config.backend.kind {
        BackendChoice::Auto | BackendChoice::Always(BackendKind::Native) => {
            let kept = kept();
            match kept.shortfall() {
                None => tracing::info!("limits of steps: {kept}"),
                Some(_) => tracing::warn!("limits of steps: {kept}"),
            }
        }
        BackendChoice::Always(BackendKind::NixFlake | BackendKind::Nix) => {}
    }
}

/// Who may read and change things, by numbers.
fn access(grpc: &Grpc) -> Access {
    let readers = grpc.readers.iter().filter_map(|name| user_id(name));
    let readers: BTreeSet<u32> = readers.collect();
    Access::new(
        group_id(&grpc.group),
        (!grpc.readers.is_empty()).then_some(readers),
    )
}

fn user_id(name: &str) -> Option<u32> {
    let found = nix::unistd::User::from_name(name).ok().flatten();
    if found.is_none() {
        tracing::warn!("there is no user {name}, named in [grpc] readers");
    }
    found.map(|user| user.uid.as_raw())
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
