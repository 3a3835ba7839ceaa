//! The registry of backends: from the configuration's kind and tables to what
//! the Builder is given.

use super::RunError;
use crate::backend::native::download::{Denied, DownloadConfig};
use crate::backend::native::provider::sandbox::{Sandbox, SandboxConfig};
use crate::backend::native::provider::{ScratchLimit, StepLimits, physical_memory};
use crate::backend::native::{Native, NativeConfig, Platform};
use crate::config::{self, BackendChoice, Config, LocalBuilds};
use crate::model::BackendKind;
use crate::store::Store;
use crate::store::cache::{self, CacheConfig, Caches, TransportOptions};
use std::sync::Arc;
use std::time::Duration;

/// Which backend the configuration asks for.
pub(super) fn kind(config: &Config) -> Result<BackendKind, RunError> {
    match config.backend.kind {
        BackendChoice::Auto | BackendChoice::Always(BackendKind::Native) => Ok(BackendKind::Native),
        BackendChoice::Always(kind) => Err(RunError::usage(
            format!("the {kind} backend is not in this version yet"),
            "use native",
        )),
    }
}

/// kiln's own engine.
pub(super) fn native(config: &Config, store: Store) -> Result<Native, RunError> {
    if config.native.sandbox == config::Sandbox::Off {
        return Err(RunError::usage(
            "steps cannot run without the sandbox in this version",
            "leave `sandbox` at \"required\"",
        ));
    }
    let users = config.native.build_users;
    let build_users = Some((users.first, users.count));
    let jobs = config.native.job_count();
    let native = NativeConfig {
        file: config.native.file.clone(),
        jobs: u32::try_from(jobs).unwrap_or(u32::MAX).min(users.count),
        keep_going: config.native.keep_going,
        keep_failed: config.native.keep_failed.then(|| {
            let places = crate::state::Places::new(&config.state_dir);
            places.failed()
        }),
        platform: match &config.native.platform {
            config::Platform::Auto => Platform::Auto,
            config::Platform::Packages => Platform::Packages,
            config::Platform::Named(name) => Platform::Named(name.clone()),
        },
        platforms: config.native.platforms.clone(),
        host_paths: config.native.sandbox_paths.clone(),
        download: download(&config.native),
        memory: memory_for_steps(),
        limits: StepLimits {
            timeout: Duration::MAX, // each build brings its own, which may change
            silence: config.builder.silence_timeout,
            memory: Some(config.limits.memory.unwrap_or_else(|| default_memory(jobs))),
            processes: config.limits.processes.into(),
            output_size: config.limits.output_size,
            scratch: scratch(config),
            log_size: config.limits.log_size,
        },
    };
    let sandbox = Sandbox::new(SandboxConfig { build_users });
    sandbox.check().map_err(|e| RunError::failed(&e))?;
    let native = Native::new(native, store, Arc::new(sandbox));
    let native = match config.caches.is_empty() {
        true => native,
        false => native.with_caches(caches(config)),
    };
    Ok(match config.builder.local {
        LocalBuilds::Allow => native,
        LocalBuilds::Never => native.without_building(),
    })
}

fn caches(config: &Config) -> Caches {
    let cache = |cache: &config::Cache| CacheConfig {
        location: cache.url.clone(),
        keys: cache.public_keys.clone(),
    };
    Caches {
        list: config.caches.iter().map(cache).collect(),
        options: TransportOptions::new(crate::tls::host_authorities()),
        limits: cache::Limits {
            object: config.limits.output_size,
        },
    }
}

/// Three quarters of the host's memory, in bytes.
fn memory_for_steps() -> u64 {
    physical_memory() / 4 * 3
}

/// What is to be kept of a failed step cannot lie in memory that goes with it.
fn scratch(config: &Config) -> ScratchLimit {
    let limit = ScratchLimit::new(config.limits.scratch, physical_memory());
    ScratchLimit {
        on_disk: limit.on_disk || config.native.keep_failed,
        ..limit
    }
}

/// Three quarters of this host's memory, shared by the jobs; at least 1 GiB.
fn default_memory(jobs: usize) -> u64 {
    let jobs = u64::try_from(jobs.max(1)).unwrap_or(u64::MAX);
    (memory_for_steps() / jobs).max(1 << 30)
}

fn download(config: &config::Native) -> DownloadConfig {
    let denied = |kind: &config::FetchDeny| match kind {
        config::FetchDeny::Loopback => Denied::Loopback,
        config::FetchDeny::LinkLocal => Denied::LinkLocal,
        config::FetchDeny::Metadata => Denied::Metadata,
    };
    DownloadConfig {
        deny: config.fetch_deny.iter().map(denied).collect(),
        netrc_file: config.netrc_file.clone(),
        build_users: Some((config.build_users.first, config.build_users.count)),
        ..DownloadConfig::default()
    }
}
