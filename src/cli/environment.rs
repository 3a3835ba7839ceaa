//! What the command line takes from the environment, read once. `KILN_CONFIG`
//! and `KILN_LOG` are read by the argument parser.

use crate::agent::Surroundings;
use std::path::PathBuf;

/// Handed on to the programs that evaluate and build: the proxies of curl, the
/// agent that holds keys of ssh, whose certificates are believed. None of them
/// says what is evaluated.
const NETWORK: [&str; 11] = [
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "NIX_SSL_CERT_FILE",
];

/// A snapshot; empty variables count as unset.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `$KILN_SOCKET`: which agent is asked. It is not where a new one listens.
    pub socket: Option<PathBuf>,
    /// `$XDG_RUNTIME_DIR`, when absolute.
    pub runtime_dir: Option<PathBuf>,
    /// `$XDG_STATE_HOME`, else `~/.local/state`.
    pub state_home: Option<PathBuf>,
    /// `$NOTIFY_SOCKET`: where a service manager waits for readiness.
    pub notify_socket: Option<std::ffi::OsString>,
    /// `$PATH`.
    pub search_path: Option<std::ffi::OsString>,
    /// `$XDG_CONFIG_HOME`, else `~/.config`.
    pub config_home: Option<PathBuf>,
    /// Those of [`NETWORK`] that are set.
    pub network: Vec<(String, String)>,
    /// `$SHELL`.
    pub shell: Option<String>,
    /// `$NO_COLOR` is set.
    pub no_color: bool,
}

impl Environment {
    /// What the agent's programs get: nobody's own settings.
    pub fn of_the_agent(&self) -> Surroundings {
        Surroundings {
            search_path: self.search_path.clone(),
            network: self.network.clone(),
            config_home: None,
        }
    }

    /// What programs get that a person starts through kiln.
    pub fn of_a_person(&self) -> Surroundings {
        Surroundings {
            config_home: self.config_home.clone(),
            ..self.of_the_agent()
        }
    }

    /// Reads the process' environment.
    pub fn read() -> Self {
        let home = variable("HOME").map(PathBuf::from);
        Environment {
            socket: variable("KILN_SOCKET").map(PathBuf::from),
            runtime_dir: absolute("XDG_RUNTIME_DIR"),
            config_home: absolute("XDG_CONFIG_HOME")
                .or_else(|| Some(home.clone()?.join(".config"))),
            state_home: absolute("XDG_STATE_HOME").or_else(|| Some(home?.join(".local/state"))),
            network: NETWORK.into_iter().filter_map(text).collect(),
            notify_socket: variable("NOTIFY_SOCKET"),
            search_path: variable("PATH"),
            shell: variable("SHELL").and_then(|shell| shell.into_string().ok()),
            no_color: variable("NO_COLOR").is_some(),
        }
    }
}

/// A variable with its name; what is not UTF-8 cannot be handed on.
fn text(name: &str) -> Option<(String, String)> {
    Some((name.to_owned(), variable(name)?.into_string().ok()?))
}

fn absolute(name: &str) -> Option<PathBuf> {
    variable(name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the place where the command line reads the environment"
)]
fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
