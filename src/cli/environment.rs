//! What the command line takes from the environment, read once. `KILN_CONFIG`
//! and `KILN_LOG` are read by the argument parser.

use std::path::PathBuf;

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
    /// `$SHELL`.
    pub shell: Option<String>,
    /// `$NO_COLOR` is set.
    pub no_color: bool,
}

impl Environment {
    /// Reads the process' environment.
    pub fn read() -> Self {
        let home = variable("HOME").map(PathBuf::from);
        Environment {
            socket: variable("KILN_SOCKET").map(PathBuf::from),
            runtime_dir: absolute("XDG_RUNTIME_DIR"),
            state_home: absolute("XDG_STATE_HOME").or_else(|| Some(home?.join(".local/state"))),
            notify_socket: variable("NOTIFY_SOCKET"),
            search_path: variable("PATH"),
            shell: variable("SHELL").and_then(|shell| shell.into_string().ok()),
            no_color: variable("NO_COLOR").is_some(),
        }
    }
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
