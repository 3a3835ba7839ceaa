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

/// Between the name of a folder's dev agent and what tells it by its state; in no
/// such name.
const OF_STATE: char = '@';

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

/// The same where its state is named: several may run for one folder then, each
/// with a socket of its own.
pub fn dev_in(env: &Environment, path: &Path, state: PathBuf) -> DevPlace {
    let whole = std::path::absolute(&state).unwrap_or_else(|_| state.clone());
    if let Some(usual) = dev(env, path).filter(|usual| usual.state == whole) {
        return usual;
    }
    let socket = match &env.runtime_dir {
        Some(runtime) => {
            let name = format!("{}{OF_STATE}{}.sock", dev_name(path), hex(&whole));
            runtime.join("kiln").join(name)
        }
        None => state.join("kiln.sock"),
    };
    DevPlace { state, socket }
}

/// The first 8 hex digits of a path's digest.
fn hex(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let digest = Sha256::digest(path.as_os_str().as_bytes());
    digest[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// `<folder>-<8 hex of the path>`.
fn dev_name(path: &Path) -> String {
    let hex = hex(path);
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
    for place in dev_from(env, cwd) {
        if is_listening(&place.socket) {
            return Ok(place.socket);
        }
        let mut running = with_named_state(&place);
        match running.len() {
            0 => {}
            1 => return Ok(running.remove(0)),
            _ => {
                return Err(
                    several(&running, "of this folder, each with a state of its own").into(),
                );
            }
        }
    }
    if fs::symlink_metadata(system).is_ok() {
        return Ok(system.to_owned());
    }
    let mut running = running_dev_sockets(env);
    match running.len() {
        0 => Ok(system.to_owned()),
        1 => Ok(running.remove(0)),
        _ => Err(several(&running, "and none of them for this folder").into()),
    }
}

/// The running agents of this folder whose state was named.
fn with_named_state(place: &DevPlace) -> Vec<PathBuf> {
    let (Some(folder), Some(usual)) = (place.socket.parent(), place.socket.file_stem()) else {
        return Vec::new();
    };
    let prefix = format!("{}{OF_STATE}", usual.to_string_lossy());
    let is_of_it = |socket: &PathBuf| {
        let name = socket.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&prefix) && name.ends_with(".sock") && is_listening(socket)
    };
    let mut running: Vec<PathBuf> = entries(folder).into_iter().filter(is_of_it).collect();
    running.sort();
    running
}

fn several(running: &[PathBuf], which: &str) -> Problem {
    let names: Vec<String> = running
        .iter()
        .map(|socket| format!("--socket {}", socket.display()))
        .collect();
    Problem {
        outcome: Outcome::Unreachable,
        code: "UNAVAILABLE",
        ..Problem::failed(format!("several dev agents run, {which}")).hint(format!(
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
