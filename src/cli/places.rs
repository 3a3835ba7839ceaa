//! Where agents are: the state and socket of a dev agent, and which agent a
//! command talks to.

use super::environment::Environment;
use super::error::{CliError, Outcome, Problem};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// The system agent's socket.
pub const SYSTEM_SOCKET: &str = "/run/kiln/kiln.sock";
/// The system agent's state.
pub const SYSTEM_STATE: &str = "/var/lib/kiln";
/// The system agent's configuration.
pub const SYSTEM_CONFIG: &str = "/etc/kiln/kiln.toml";

/// Characters of a folder's name that are part of its dev agent's name.
const NAME: usize = 40;

/// Where a dev agent keeps things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevPlace {
    pub state: PathBuf,
    pub socket: PathBuf,
}

/// The places of the dev agent of `path`, which should be canonical. None
/// without a home.
pub fn dev(env: &Environment, path: &Path) -> Option<DevPlace> {
    let name = dev_name(path);
    let state = env.state_home.as_ref()?.join("kiln/dev").join(&name);
    let socket = match &env.runtime_dir {
        Some(runtime) => runtime.join("kiln").join(format!("{name}.sock")),
        None => state.join("kiln.sock"),
    };
    Some(DevPlace { state, socket })
}

/// `<folder>-<8 hex of the path>`.
fn dev_name(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let digest = Sha256::digest(path.as_os_str().as_bytes());
    let hex: String = digest[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let folder = path
        .file_name()
        .map(|name| name.to_string_lossy())
        .unwrap_or_default();
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "._-".contains(c) {
            c
        } else {
            '_'
        }
    };
    let folder: String = folder
        .trim_start_matches('.')
        .chars()
        .map(plain)
        .take(NAME)
        .collect();
    match folder.is_empty() {
        true => format!("root-{hex}"),
        false => format!("{folder}-{hex}"),
    }
}

/// Dev places of the folder one stands in and those above it, to the top of the
/// repository, the nearest first.
pub fn dev_from(env: &Environment, cwd: &Path) -> Vec<DevPlace> {
    let cwd = cwd.canonicalize().unwrap_or_else(|_| cwd.to_owned());
    let mut places = Vec::new();
    for folder in cwd.ancestors() {
        places.extend(dev(env, folder));
        let is_top = folder.join(".git").exists()
            || (folder.join("HEAD").is_file() && folder.join("objects").is_dir());
        if is_top {
            return places;
        }
    }
    // Not in a repository: only what was started right here.
    places.truncate(1);
    places
}

/// The socket a command talks to: the one named, `$KILN_SOCKET`, the dev agent's of the
/// repository one stands in, the system's, the only running dev agent's.
///
/// # Errors
/// When several dev agents run and none of them is meant.
pub fn socket(env: &Environment, cwd: &Path, named: Option<&Path>) -> Result<PathBuf, CliError> {
    choose(env, cwd, named, Path::new(SYSTEM_SOCKET))
}

fn choose(
    env: &Environment,
    cwd: &Path,
    named: Option<&Path>,
    system: &Path,
) -> Result<PathBuf, CliError> {
    if let Some(named) = named.or(env.socket.as_deref()) {
        return Ok(named.to_owned());
    }
    if let Some(here) = dev_from(env, cwd)
        .into_iter()
        .find(|place| is_listening(&place.socket))
    {
        return Ok(here.socket);
    }
    if fs::symlink_metadata(system).is_ok() {
        return Ok(system.to_owned());
    }
    let mut running = running_dev_sockets(env);
    match running.len() {
        0 => Ok(system.to_owned()),
        1 => Ok(running.remove(0)),
        _ => Err(several(&running).into()),
    }
}

fn several(running: &[PathBuf]) -> Problem {
    let names: Vec<String> = running
        .iter()
        .map(|socket| format!("--socket {}", socket.display()))
        .collect();
    Problem {
        outcome: Outcome::Unreachable,
        code: "UNAVAILABLE",
        ..Problem::failed("several dev agents run, and none of them for this folder").hint(format!(
            "go to its repository, or name one: {}",
            names.join(" or ")
        ))
    }
}

fn running_dev_sockets(env: &Environment) -> Vec<PathBuf> {
    let in_runtime = env
        .runtime_dir
        .iter()
        .flat_map(|dir| entries(&dir.join("kiln")));
    let in_state = env
        .state_home
        .iter()
        .flat_map(|dir| entries(&dir.join("kiln/dev")));
    let mut sockets: Vec<PathBuf> = in_runtime
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "sock")
        })
        .chain(in_state.map(|state| state.join("kiln.sock")))
        .filter(|socket| is_listening(socket))
        .collect();
    sockets.sort();
    sockets
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).into_iter().flatten().flatten();
    listed.map(|entry| entry.path()).collect()
}

/// Somebody listens, however busy.
fn is_listening(socket: &Path) -> bool {
    crate::server::is_listening(socket)
}

#[cfg(test)]
#[path = "places_tests.rs"]
mod tests;
