//! The registry of backends: from the configuration's kind and tables to what
//! the Builder is given.

use super::nix::{self, Around};
use super::{RunError, Surroundings};
use crate::backend::Backend;
use crate::backend::choice::{Candidate, Choice, Unavailable};
use crate::backend::inspect::Inspector;
use crate::backend::native::download::{Denied, DownloadConfig};
use crate::backend::native::inspect::WithoutStore;
use crate::backend::native::provider::sandbox::{Sandbox, SandboxConfig};
use crate::backend::native::provider::{ScratchLimit, StepLimits, physical_memory};
use crate::backend::native::{Native, NativeConfig, Platform};
use crate::backend::nix::NixKind;
use crate::config::{self, BackendChoice, Config, LocalBuilds};
use crate::model::{BackendKind, Evaluated};
use crate::store::cache::{self, CacheConfig, Caches, TransportOptions};
use crate::store::{STORE_PREFIX, Store};
use std::sync::Arc;
use std::time::Duration;

/// What evaluates and builds commits, as the configuration says; `around`
/// is what its programs get.
pub(super) fn backend(
    config: &Config,
    store: Store,
    around: &Around,
) -> Result<Arc<dyn Backend>, RunError> {
    let nix = |kind| nix::backend(kind, config, around);
    match config.backend.kind {
        BackendChoice::Always(BackendKind::Native) => Ok(Arc::new(native(config, store)?)),
        BackendChoice::Always(BackendKind::NixFlake) => nix(NixKind::Flake).map_err(refused),
        BackendChoice::Always(BackendKind::Nix) => nix(NixKind::Plain).map_err(refused),
        BackendChoice::Auto => Ok(Arc::new(Choice::new(candidates(config, store, around)?))),
    }
}

/// What looks at revisions of this kind. Nothing is built, so nothing of what
/// builds has to work here.
pub(super) fn inspector(
    kind: BackendKind,
    config: &Config,
    around: &Surroundings,
) -> Result<Arc<dyn Inspector>, RunError> {
    let nix = |kind| nix::inspector(kind, config, &Around::new(around)).map_err(refused);
    match kind {
        BackendKind::Native => {
            let file = config.native.file.clone();
            Ok(Arc::new(WithoutStore { file }))
        }
        BackendKind::NixFlake => nix(NixKind::Flake),
        BackendKind::Nix => nix(NixKind::Plain),
    }
}

/// Hosts of a revision that are evaluated at the same time: one on each core,
/// as far as there is memory for them.
pub(super) fn at_once(kind: BackendKind) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = match kind {
        BackendKind::Native => return cores,
        BackendKind::NixFlake | BackendKind::Nix => physical_memory() / nix::USUAL_MEMORY,
    };
    usize::try_from(memory).unwrap_or(cores).clamp(1, cores)
}

fn refused(why: Unavailable) -> RunError {
    RunError::usage(why.message, why.hint)
}

/// The backends of `auto`, in the order of preference. A host on which none
/// works is refused for what keeps the first from it.
fn candidates(config: &Config, store: Store, around: &Around) -> Result<Vec<Candidate>, RunError> {
    let flake = nix::backend(NixKind::Flake, config, around);
    let native: Result<Arc<dyn Backend>, Unavailable> = match (native(config, store), &flake) {
        (Ok(native), _) => Ok(Arc::new(native)),
        (Err(why), Err(_)) => return Err(why),
        (Err(why), Ok(_)) => {
            tracing::warn!("kiln.star cannot be built on this host: {why}");
            Err(why.into())
        }
    };
    let plain = nix::backend(NixKind::Plain, config, around);
    let files = evaluable(config).into_iter();
    let candidates = files.map(|(kind, file)| {
        let (backend, made): (_, fn(&Evaluated) -> bool) = match kind {
            BackendKind::Native => (native.clone(), made_natively),
            BackendKind::NixFlake => (flake.clone(), made_by_nix),
            BackendKind::Nix => (plain.clone(), made_by_nix),
        };
        Candidate {
            kind,
            file,
            backend,
            made,
        }
    });
    Ok(candidates.collect())
}

/// The files by which a commit can be evaluated, below the subdirectory and in
/// the order of preference, and by what.
pub(super) fn evaluable(config: &Config) -> Vec<(BackendKind, String)> {
    let file = |kind| match kind {
        BackendKind::Native => (kind, config.native.file.clone()),
        BackendKind::NixFlake => (kind, "flake.nix".to_owned()),
        BackendKind::Nix => (kind, config.nix.file.clone()),
    };
    match config.backend.kind {
        BackendChoice::Always(kind) => vec![file(kind)],
        BackendChoice::Auto => {
            let mut kinds = vec![BackendKind::Native, BackendKind::NixFlake];
            // Without an attribute nobody meant it to be built by kiln.
            if config.backend.attribute.is_some() {
                kinds.push(BackendKind::Nix);
            }
            kinds.into_iter().map(file).collect()
        }
    }
}

/// Its graphs are objects of kiln's own store.
fn made_natively(evaluated: &Evaluated) -> bool {
    evaluated.drv_path.starts_with(STORE_PREFIX)
}

fn made_by_nix(evaluated: &Evaluated) -> bool {
    !made_natively(evaluated)
}

/// kiln's own engine.
fn native(config: &Config, store: Store) -> Result<Native, RunError> {
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
