//! Nix's side: the single-user programs, on a store of their own.

use super::engine::Runs;
use super::{Graph, place, smallest};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Nix is installed, and its sandbox works here.
pub struct Nix {
    version: String,
}

impl Nix {
    /// Builds one step in Nix's sandbox.
    pub fn here() -> Result<Self, String> {
        let version = Command::new("nix-store").arg("--version").output();
        let version = version.map_err(|e| format!("nix-store: {e}"))?;
        let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
        let nix = Nix { version };
        nix.build(&place(), Graph::Independent(1, Runs::Shell), 0, 1)?;
        println!("beside {}", nix.version);
        Ok(nix)
    }

    /// The time `nix-store -r` takes; the derivations are there before.
    pub fn realise(&self, graph: Graph, salt: usize, jobs: u32) -> Duration {
        self.build(&place(), graph, salt, jobs).unwrap()
    }

    /// The time `nix-store --add` takes for a folder.
    pub fn add(&self, tree: &Path) -> Duration {
        let mut command = program("nix-store", &place());
        command.arg("--add").arg(tree);
        let start = Instant::now();
        checked(command).unwrap();
        start.elapsed()
    }

    fn build(&self, at: &Path, graph: Graph, salt: usize, jobs: u32) -> Result<Duration, String> {
        let expression = at.join("graph.nix");
        let text = super::engine::nix_expression(graph, salt);
        std::fs::write(&expression, text).map_err(|e| e.to_string())?;
        if let Graph::Independent(_, Runs::Smallest) | Graph::Chain(_, Runs::Smallest) = graph {
            let copied = std::fs::copy(smallest::program()?, at.join("program"));
            copied.map_err(|e| e.to_string())?;
        }
        let mut instantiate = program("nix-instantiate", at);
        instantiate.arg(&expression);
        let derivation = checked(instantiate)?.stdout;
        let derivation = String::from_utf8_lossy(&derivation).trim().to_owned();
        let mut realise = program("nix-store", at);
        realise.args(["-r", &derivation, "-j", &jobs.to_string()]);
        let start = Instant::now();
        checked(realise)?;
        Ok(start.elapsed())
    }
}

fn program(name: &str, at: &Path) -> Command {
    let mut command = Command::new(name);
    for (variable, folder) in [
        ("NIX_STORE_DIR", "store"),
        ("NIX_STATE_DIR", "var"),
        ("NIX_LOG_DIR", "log"),
        ("NIX_CONF_DIR", "etc"),
        ("HOME", "home"),
    ] {
        command.env(variable, at.join(folder));
    }
    command.env_remove("NIX_REMOTE");
    for (option, value) in [
        ("build-users-group", ""),
        ("sandbox", "true"),
        ("sandbox-fallback", "false"),
        ("sandbox-paths", "/bin/sh=/bin/busybox"),
        ("substitute", "false"),
    ] {
        command.args(["--option", option, value]);
    }
    command
}

fn checked(mut command: Command) -> Result<Output, String> {
    let output = command.output().map_err(|e| e.to_string())?;
    match output.status.success() {
        true => Ok(output),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
