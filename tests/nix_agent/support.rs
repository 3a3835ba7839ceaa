//! An agent, or `kiln dev`, whose Nix has a store of its own.

use crate::common::*;
use serde_json::Value;
use std::path::{Path, PathBuf};

pub const TOPLEVEL: &str = "nixosConfigurations.\"web-1\".config.system.build.toplevel";

/// Whether Nix is there. It may be missing only where the tests' runner has said so.
pub fn has_nix() -> bool {
    use std::io::Write;
    let found = command("nix-store").arg("--version").output();
    match (found, std::env::var_os("KILN_TEST_SKIP_MISSING")) {
        (Ok(_), _) => true,
        (Err(_), Some(yes)) if yes == "1" => {
            let _ = writeln!(std::io::stderr(), "SKIPPED: nix is missing"); // not kept by the test runner
            false
        }
        (Err(error), _) => panic!("nix-store: {error}; tests/run installs it"),
    }
}

/// A home whose Nix has a store of its own.
pub struct World {
    pub home: Home,
    pub infra: Repository,
}

impl World {
    pub fn new() -> Self {
        let home = Home::new();
        let infra = Repository::new(home.path("infra"));
        World { home, infra }
    }

    /// Nix's settings: a sandbox that works here, and nothing of the network.
    pub fn options(&self) -> Vec<(&'static str, String)> {
        let store = self.home.path("store").display().to_string();
        let own = |text: &str| text.to_owned();
        vec![
            ("build-users-group", own("")),
            ("sandbox", own("true")),
            ("sandbox-fallback", own("false")),
            ("sandbox-paths", own("/bin/sh=/bin/busybox")),
            ("substitute", own("false")),
            ("store", store),
        ]
    }

    /// The table `[nix]` with them, and more of its lines.
    pub fn nix_table(&self, lines: &str) -> String {
        let pair = |(name, value): (&str, String)| format!("{name} = {value:?}");
        let pairs: Vec<String> = self.options().into_iter().map(pair).collect();
        format!("[nix]\noptions = {{ {} }}\n{lines}\n", pairs.join(", "))
    }

    pub fn remote(&self) -> String {
        format!(
            "[[remotes]]\nname = \"origin\"\nurl = {:?}\npoll_interval = \"1s\"\n",
            self.infra.path
        )
    }

    pub fn configuration(&self, backend: &str, nix: &str) -> String {
        let backend = format!("[backend]\nkind = \"{backend}\"\n");
        let remotes = format!("{}{backend}{}", self.remote(), self.nix_table(nix));
        Agent::config(&self.home, &remotes)
    }

    /// A flake with this host, whose system says `says`.
    pub fn flake(&self, says: &str, services: &str) {
        let flake = format!(
            "{{ outputs = {{ self }}: {}; }}\n",
            configurations(says, services)
        );
        self.infra.write("flake.nix", &flake);
    }

    /// What a plain Nix says of this attribute of the newest commit.
    pub fn evaluated(&self, attribute: &str) -> String {
        let flake = format!("git+file://{}", self.infra.path.display());
        self.nix_eval(&[&format!("{flake}#{attribute}")])
    }

    /// What a plain Nix says of an expression.
    pub fn expression(&self, expression: &str) -> String {
        self.nix_eval(&["--expr", expression])
    }

    pub fn nix_eval(&self, args: &[&str]) -> String {
        self.plain_nix(&[&["eval", "--raw"], args].concat())
    }

    /// What a plain `nix build` makes of this attribute of the newest commit, in a
    /// store of its own.
    pub fn built(&self, attribute: &str) -> String {
        let flake = format!("git+file://{}#{attribute}", self.infra.path.display());
        let link = self.home.path("built");
        let store = self.home.path("other-store");
        let own = ["--option", "store", store.to_str().unwrap()];
        let build = ["build", &flake, "--out-link", link.to_str().unwrap()];
        self.plain_nix(&[&build[..], &own[..]].concat());
        let target = std::fs::read_link(link).unwrap().display().to_string();
        let at = target.find("/nix/store/").unwrap();
        target[at..].to_owned()
    }

    fn plain_nix(&self, args: &[&str]) -> String {
        let mut nix = command("nix");
        nix.env("HOME", self.home.path("plain"));
        for (name, value) in self.options() {
            nix.args(["--option", name, &value]);
        }
        nix.args(["--extra-experimental-features", "nix-command flakes"]);
        let output = nix.args(args).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A PATH with git and without Nix.
    pub fn path_without_nix(&self) -> PathBuf {
        let folder = self.home.path("bin");
        std::fs::create_dir_all(&folder).unwrap();
        let git = ["/usr/bin/git", "/usr/local/bin/git", "/bin/git"];
        let git = git
            .into_iter()
            .find(|path| Path::new(path).exists())
            .unwrap();
        let _ = std::os::unix::fs::symlink(git, folder.join("git"));
        folder
    }

    /// Runs `kiln` where there is no Nix; it must end by itself.
    pub fn without_nix(&self, args: &[&str]) -> std::process::Output {
        let kiln = self.home.command().get_program().to_owned();
        let path = self.path_without_nix();
        let mut patient = command("timeout");
        patient
            .args(["120", "env"])
            .arg(format!("PATH={}", path.display()));
        patient.env("HOME", self.home.folder.path());
        patient.arg(kiln).args(args).output().unwrap()
    }

    /// The settings of Nix as a person has them.
    pub fn own_settings(&self) {
        let folder = self.home.path(".config/nix");
        std::fs::create_dir_all(&folder).unwrap();
        let line = |(name, value): (&str, String)| format!("{name} = {value}\n");
        let lines: String = self.options().into_iter().map(line).collect();
        std::fs::write(folder.join("nix.conf"), lines).unwrap();
    }

    /// Runs `kiln` with the repository and the arguments in `line`.
    pub fn look(&self, line: &str) -> Said {
        self.own_settings();
        let mut args: Vec<&str> = line.split(' ').collect();
        args.extend(["--repo", self.infra.path.to_str().unwrap()]);
        self.home.kiln(&args)
    }

    pub fn dev(&self, args: &[&str]) -> Said {
        self.own_settings();
        let (infra, state) = (self.infra.path.clone(), self.home.path("dev-state"));
        let mut all = vec!["dev", infra.to_str().unwrap(), "--once"];
        all.extend(["--state-dir", state.to_str().unwrap(), "--json"]);
        if !args.contains(&"--host") {
            all.extend(["--host", "web-1"]);
        }
        all.extend(args);
        self.home.kiln(&all)
    }
}

impl Drop for World {
    /// Nix's store is read-only to everybody but root.
    fn drop(&mut self) {
        make_removable(self.home.folder.path());
    }
}

pub fn make_removable(folder: &Path) {
    let chmod = command("chmod").args(["-R", "u+w"]).arg(folder).output();
    assert!(chmod.is_ok());
}

/// `{ nixosConfigurations.web-1 = ..; }`: as much of NixOS as is looked at.
pub fn configurations(says: &str, services: &str) -> String {
    format!(
        "{{ nixosConfigurations.\"web-1\".config = {{ services = {{ {services} }}; \
         system.build.toplevel = builtins.derivation {{ name = \"system\"; system = \"x86_64-linux\"; \
         builder = \"/bin/sh\"; args = [ \"-c\" ''echo {says} > $out'' ]; }}; }}; }}"
    )
}

pub const KILN_STAR: &str = "host(\"web-1\", tree(\"web-1\", {\"etc/motd\": \"hello\\n\"}))\n";

pub fn generation(said: &Said) -> Value {
    let last = said.stdout.lines().last().unwrap_or_default();
    let last: Value = serde_json::from_str(last).unwrap_or_else(|e| panic!("{e}: {said:?}"));
    last["generation"].clone()
}
