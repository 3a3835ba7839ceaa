//! The Nix of this host: how it is set up, whether it is there, and whether what
//! it is told to use answers.

use super::Surroundings;
use crate::backend::Backend;
use crate::backend::choice::Unavailable;
use crate::backend::inspect::Inspector;
use crate::backend::nix::prebuilt::{Prebuilt, WithoutRecord};
use crate::backend::nix::{Nix, NixConfig, NixKind, SEARCH_PATH, unknown_options, unreachable};
use crate::config::{self, BackendChoice, Config, LocalBuilds};
use crate::model::BackendKind;
use crate::process::find_program;
use crate::store::cache::TransportOptions;
use std::ffi::OsStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What the backend starts.
const PROGRAMS: [&str; 4] = ["nix", "nix-store", "nix-instantiate", "git"];

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Memory that one evaluation of a NixOS configuration takes, in bytes.
pub(super) const USUAL_MEMORY: u64 = 4 << 30;
/// By this variable Nix finds the settings of its user.
const USER_SETTINGS: &str = "NIX_USER_CONF_FILES";

/// What Nix gets of what kiln was started with.
#[derive(Debug, Clone)]
pub(super) struct Around {
    search_path: String,
    environment: Vec<(String, String)>,
}

impl Around {
    pub fn new(around: &Surroundings) -> Self {
        let own = around.config_home.as_deref();
        let own = own.and_then(|home| Some(home.join("nix/nix.conf").to_str()?.to_owned()));
        let own = own.map(|file| (USER_SETTINGS.to_owned(), file));
        Around {
            search_path: search_path(around.search_path.as_deref()),
            environment: around.network.iter().cloned().chain(own).collect(),
        }
    }
}

/// The folders programs are looked for in: those of `PATH` as this process was
/// given it, else those where Nix is on the systems kiln runs on. What is not
/// absolute would depend on where somebody stands.
fn search_path(path: Option<&OsStr>) -> String {
    let given = path.unwrap_or_default().to_string_lossy().into_owned();
    let folders: Vec<&str> = given.split(':').filter(|f| f.starts_with('/')).collect();
    match folders.is_empty() {
        true => SEARCH_PATH.to_owned(),
        false => folders.join(":"),
    }
}

/// Nix as a backend for commits of this kind, where it is installed.
pub(super) fn backend(
    kind: NixKind,
    config: &Config,
    around: &Around,
) -> Result<Arc<dyn Backend>, Unavailable> {
    installed(&around.search_path)?;
    let nix = Nix::new(settings(kind, config, around));
    Ok(Arc::new(match prebuilt(config) {
        Some(prebuilt) => nix.with_prebuilt(prebuilt),
        None => nix,
    }))
}

/// Where records of evaluations are, if they are to be taken.
fn prebuilt(config: &Config) -> Option<Prebuilt> {
    let without = match config.nix.prebuilt {
        config::Prebuilt::Never => return None,
        config::Prebuilt::Prefer => WithoutRecord::Evaluate,
        config::Prebuilt::Only => WithoutRecord::Wait,
    };
    Some(Prebuilt {
        without,
        caches: config.nix.prebuilt_from.clone(),
        keys: config.nix.trusted_public_keys.clone(),
        options: TransportOptions::new(crate::tls::host_authorities()),
    })
}

/// Nix as what looks at revisions of this kind, where it is installed.
pub(super) fn inspector(
    kind: NixKind,
    config: &Config,
    around: &Around,
) -> Result<Arc<dyn Inspector>, Unavailable> {
    installed(&around.search_path)?;
    Ok(Arc::new(Nix::new(settings(kind, config, around))))
}

/// Looked for once: what is installed later is found at the next start.
fn installed(search_path: &str) -> Result<(), Unavailable> {
    let is_missing = |program: &&str| find_program(program, search_path).is_none();
    let missing: Vec<&str> = PROGRAMS.into_iter().filter(is_missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let what = match missing.as_slice() {
        ["git"] => "git, which Nix reads repositories with,",
        _ => "Nix",
    };
    Err(Unavailable {
        message: format!(
            "{what} is not installed: there is no {} in {search_path}",
            missing.join(", ")
        ),
        hint: "install Nix (https://nixos.org/download, or your distribution's nix-bin) and git, or add \
               their folders to the PATH kiln is started with, then start it again; kiln.star needs \
               neither"
            .to_owned(),
    })
}

/// How the Nix of an agent with this configuration is asked.
pub(super) fn settings(kind: NixKind, config: &Config, around: &Around) -> NixConfig {
    let nix = &config.nix;
    let keys = nix.trusted_public_keys.iter().map(ToString::to_string);
    NixConfig {
        attribute: config.backend.attribute.clone().unwrap_or_default(),
        file: nix.file.clone(),
        options: nix.options.clone().into_iter().collect(),
        builders: nix.builders.clone(),
        substituters: nix.substituters.clone(),
        trusted_public_keys: keys.collect(),
        accept_flake_config: nix.accept_flake_config,
        jobs: match config.builder.local {
            LocalBuilds::Allow => None,
            LocalBuilds::Never => Some(0),
        },
        submodules: config.repository.submodules,
        cache_age: DAY * config.retention.days.max(1),
        search_path: around.search_path.clone(),
        environment: around.environment.clone(),
        log_size: config.limits.log_size,
        ..NixConfig::new(kind, config.state_dir.join("nix"))
    }
}

/// Asks whether Nix knows the options of the configuration, and whether its
/// builders and substituters answer, and says which do not: in the log and, through `warnings`, in status. Nothing
/// waits for it.
pub(super) async fn look_around(
    config: Config,
    around: Around,
    warnings: watch::Sender<Vec<String>>,
    cancel: CancellationToken,
) {
    let is_native = match config.backend.kind {
        BackendChoice::Always(BackendKind::Native) => true,
        BackendChoice::Auto | BackendChoice::Always(BackendKind::NixFlake | BackendKind::Nix) => {
            false
        }
    };
    if is_native || installed(&around.search_path).is_err() {
        return;
    }
    let nix = settings(NixKind::Flake, &config, &around);
    let mut said = unknown_options(&nix, &cancel).await;
    said.extend(unreachable(&nix, &cancel).await);
    for warning in &said {
        tracing::warn!("{warning}");
    }
    warnings.send_replace(said);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_looked_for_where_the_service_is_told_and_nowhere_relative() {
        let path = search_path(Some(OsStr::new("/opt/nix/bin:.::bin:/usr/bin")));
        assert_eq!(path, "/opt/nix/bin:/usr/bin");
        assert_eq!(search_path(None), SEARCH_PATH);
    }

    #[test]
    fn f06_what_is_missing_is_named_with_what_to_install() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_str().unwrap();
        let all = installed(path).unwrap_err();
        let programs = "there is no nix, nix-store, nix-instantiate, git in ";
        assert!(all.message.starts_with("Nix is not installed: "), "{all}");
        assert!(all.message.contains(programs), "{all}");
        assert!(all.hint.contains("https://nixos.org/download"));
        for program in ["nix", "nix-store", "nix-instantiate"] {
            std::os::unix::fs::symlink("/bin/sh", dir.path().join(program)).unwrap();
        }
        let git = installed(path).unwrap_err();
        assert!(git.message.starts_with("git, which Nix reads"), "{git}");
        std::os::unix::fs::symlink("/bin/sh", dir.path().join("git")).unwrap();
        assert_eq!(installed(path), Ok(()));
    }
}
