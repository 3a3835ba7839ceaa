//! Nix as somebody would run it at a shell, on a store and caches of its own.

use crate::common::command;
use crate::support::{HOST, World, make_removable, options};
use kiln::model::Commit;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What kiln's expression asks: the derivation, its result, the machine id.
const ASK: &str = "c: { drv = c.config.system.build.toplevel.drvPath; \
    out = c.config.system.build.toplevel.outPath; \
    machine = c.config.services.kiln.machineId; }";

pub struct Plain {
    folder: TempDir,
}

impl Plain {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Plain { folder }
    }

    /// What `nix --version` says.
    pub fn version() -> String {
        let said = command("nix").arg("--version").output();
        let said = said.expect("nix is not installed");
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }

    /// The time one `nix eval` takes.
    pub fn evaluate(&self, world: &World, commit: &Commit) -> Duration {
        let repository = world.path("bare");
        let flake = format!(
            "git+file://{}?ref=refs/kiln/remotes/r/main&rev={}#nixosConfigurations.\"{HOST}\"",
            repository.display(),
            commit.id
        );
        let mut nix = self.program("nix");
        nix.args(["eval", "--json", &flake, "--apply", ASK]);
        timed(nix)
    }

    /// The time `nix build` takes; it keeps what it has built, as kiln does.
    pub fn build(&self, drv: &str) -> Duration {
        let link = self.folder.path().join("result");
        let mut nix = self.program("nix");
        nix.arg("build").arg(all_outputs(drv));
        nix.arg("--out-link").arg(link);
        timed(nix)
    }

    /// The time `nix-store --realise` takes.
    pub fn realise(&self, drv: &str) -> Duration {
        let link = self.folder.path().join("realised");
        let mut nix = self.program("nix-store");
        nix.args(["--realise", drv, "--indirect", "--add-root"]);
        nix.arg(link);
        timed(nix)
    }

    fn program(&self, name: &str) -> Command {
        let folder = self.folder.path();
        let mut nix = command(name);
        nix.env("HOME", folder.join("home"));
        for (name, value) in options(&folder.join("store")) {
            nix.args(["--option", &name, &value]);
        }
        for (name, value) in [
            (
                "sandbox-paths",
                "/bin/sh=/bin/busybox /bin/sleep=/bin/busybox",
            ),
            ("extra-experimental-features", "nix-command flakes"),
            // As kiln has it: a commit is evaluated once.
            ("eval-cache", "false"),
        ] {
            nix.args(["--option", name, value]);
        }
        nix
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        make_removable(self.folder.path());
    }
}

/// The outputs of a derivation, as `nix build` names them since 2.13.
fn all_outputs(drv: &str) -> String {
    let version = Plain::version();
    let minor = version
        .rsplit(' ')
        .next()
        .and_then(|v| v.split('.').nth(1)?.parse().ok());
    match minor {
        Some(0..13) => drv.to_owned(),
        _ => format!("{drv}^*"),
    }
}

fn timed(mut nix: Command) -> Duration {
    let began = Instant::now();
    let output = nix.output().unwrap();
    let took = began.elapsed();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{nix:?}: {said}");
    took
}
