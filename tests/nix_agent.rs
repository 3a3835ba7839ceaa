//! The agent and `kiln dev` with a real Nix: which backend a commit gets, what is
//! said where Nix is missing or what it is to use does not answer, and the way
//! from comin.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests drive programs"
)]

mod common;

use common::*;
use serde_json::Value;
use std::path::{Path, PathBuf};

const TOPLEVEL: &str = "nixosConfigurations.\"web-1\".config.system.build.toplevel";

/// Whether Nix is there. It may be missing only where the tests' runner has said so.
fn has_nix() -> bool {
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
struct World {
    home: Home,
    infra: Repository,
}

impl World {
    fn new() -> Self {
        let home = Home::new();
        let infra = Repository::new(home.path("infra"));
        World { home, infra }
    }

    /// Nix's settings: a sandbox that works here, and nothing of the network.
    fn options(&self) -> Vec<(&'static str, String)> {
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
    fn nix_table(&self, lines: &str) -> String {
        let pair = |(name, value): (&str, String)| format!("{name} = {value:?}");
        let pairs: Vec<String> = self.options().into_iter().map(pair).collect();
        format!("[nix]\noptions = {{ {} }}\n{lines}\n", pairs.join(", "))
    }

    fn remote(&self) -> String {
        format!(
            "[[remotes]]\nname = \"origin\"\nurl = {:?}\npoll_interval = \"1s\"\n",
            self.infra.path
        )
    }

    fn configuration(&self, backend: &str, nix: &str) -> String {
        let backend = format!("[backend]\nkind = \"{backend}\"\n");
        let remotes = format!("{}{backend}{}", self.remote(), self.nix_table(nix));
        Agent::config(&self.home, &remotes)
    }

    /// A flake with this host, whose system says `says`.
    fn flake(&self, says: &str, services: &str) {
        let flake = format!(
            "{{ outputs = {{ self }}: {}; }}\n",
            configurations(says, services)
        );
        self.infra.write("flake.nix", &flake);
    }

    /// What a plain Nix says of this attribute of the newest commit.
    fn evaluated(&self, attribute: &str) -> String {
        let flake = format!("git+file://{}", self.infra.path.display());
        self.nix_eval(&[&format!("{flake}#{attribute}")])
    }

    /// What a plain Nix says of an expression.
    fn expression(&self, expression: &str) -> String {
        self.nix_eval(&["--expr", expression])
    }

    fn nix_eval(&self, args: &[&str]) -> String {
        let mut nix = command("nix");
        nix.env("HOME", self.home.path("plain"));
        for (name, value) in self.options() {
            nix.args(["--option", name, &value]);
        }
        nix.args(["--extra-experimental-features", "nix-command flakes"]);
        let output = nix.args(["eval", "--raw"]).args(args).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A PATH with git and without Nix.
    fn path_without_nix(&self) -> PathBuf {
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
    fn without_nix(&self, args: &[&str]) -> std::process::Output {
        let kiln = self.home.command().get_program().to_owned();
        let path = self.path_without_nix();
        let mut patient = command("timeout");
        patient
            .args(["120", "env"])
            .arg(format!("PATH={}", path.display()));
        patient.env("HOME", self.home.folder.path());
        patient.arg(kiln).args(args).output().unwrap()
    }

    /// Nix settings where `kiln dev` keeps Nix's home.
    fn dev_state(&self) -> PathBuf {
        let state = self.home.path("dev-state");
        let folder = state.join("nix/.config/nix");
        std::fs::create_dir_all(&folder).unwrap();
        let line = |(name, value): (&str, String)| format!("{name} = {value}\n");
        let lines: String = self.options().into_iter().map(line).collect();
        std::fs::write(folder.join("nix.conf"), lines).unwrap();
        state
    }

    fn dev(&self, args: &[&str]) -> Said {
        let (infra, state) = (self.infra.path.clone(), self.dev_state());
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
        let chmod = command("chmod")
            .args(["-R", "u+w"])
            .arg(self.home.folder.path())
            .output();
        assert!(chmod.is_ok());
    }
}

/// `{ nixosConfigurations.web-1 = ..; }`: as much of NixOS as is looked at.
fn configurations(says: &str, services: &str) -> String {
    format!(
        "{{ nixosConfigurations.\"web-1\".config = {{ services = {{ {services} }}; \
         system.build.toplevel = builtins.derivation {{ name = \"system\"; system = \"x86_64-linux\"; \
         builder = \"/bin/sh\"; args = [ \"-c\" ''echo {says} > $out'' ]; }}; }}; }}"
    )
}

const KILN_STAR: &str = "host(\"web-1\", tree(\"web-1\", {\"etc/motd\": \"hello\\n\"}))\n";

fn generation(said: &Said) -> Value {
    let last = said.stdout.lines().last().unwrap_or_default();
    let last: Value = serde_json::from_str(last).unwrap_or_else(|e| panic!("{e}: {said:?}"));
    last["generation"].clone()
}

#[test]
fn f01_under_auto_each_commit_is_built_by_what_it_has_and_its_generation_says_which() {
    if !has_nix() {
        return;
    }
    let world = World::new();
    world.flake("one", "");
    world.infra.commit_all("a flake");
    let agent = Agent::configured(&world.home, &world.configuration("auto", ""));
    let flake = agent.built(1);
    assert_eq!(flake["backend"], "nix-flake");
    let plain = world.evaluated(TOPLEVEL);
    assert_eq!(flake["build"]["outPath"], plain);
    world.infra.commit(KILN_STAR);
    let native = agent.built(2);
    assert_eq!(native["backend"], "native");
    let out = native["build"]["outPath"].as_str().unwrap();
    assert!(out.starts_with("/var/lib/kiln/store/"), "{out}");
    std::fs::remove_file(world.infra.path.join("kiln.star")).unwrap();
    world.infra.commit_all("a flake again");
    let again = agent.built(3);
    assert_eq!(again["backend"], "nix-flake");
    assert_eq!(again["build"]["reason"], "BUILD_REASON_ALREADY_BUILT");
    // A restart takes nothing for another backend's.
    agent.kill();
    let agent = Agent::configured(&world.home, &world.configuration("auto", ""));
    world.infra.write("README", "more");
    world.infra.commit_all("more");
    let last = agent.built(4);
    assert_eq!(last["build"]["outPath"], plain);
    assert_eq!(agent.status()["latest"]["number"], 4);
}

#[test]
fn f01_a_file_of_plain_nix_is_built_where_an_attribute_is_set() {
    if !has_nix() {
        return;
    }
    let world = World::new();
    world
        .infra
        .write("default.nix", &configurations("plain", ""));
    world.infra.commit_all("plain Nix");
    let configuration = world.configuration("auto", "").replace(
        "kind = \"auto\"",
        "attribute = 'nixosConfigurations.\"{host}\".config.system.build.toplevel'",
    );
    let agent = Agent::configured(&world.home, &configuration);
    let built = agent.built(1);
    assert_eq!(built["backend"], "nix");
    let real = built["build"]["realPath"].as_str().unwrap();
    assert_eq!(std::fs::read_to_string(real).unwrap(), "plain\n");
}

#[test]
fn f06_without_nix_a_kind_of_nix_is_refused_at_the_start_and_a_flake_once_it_comes() {
    let world = World::new();
    world.flake("one", "");
    world.infra.commit_all("a flake");
    let path = world.path_without_nix();
    let file = world.home.path("kiln.toml");
    for kind in ["nix-flake", "nix"] {
        std::fs::write(&file, world.configuration(kind, "")).unwrap();
        let mut kiln = world.home.command();
        kiln.env("PATH", &path)
            .args(["agent", "--config"])
            .arg(&file);
        let output = kiln.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        for part in [
            "Nix is not installed",
            "nix-instantiate",
            "https://nixos.org/download",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    if !has_nix() {
        return;
    }
    // The agent starts all the same, builds what it can, and says what it cannot.
    let without = |program: &mut std::process::Command| {
        program.env("PATH", &path);
    };
    let configuration = world.configuration("auto", "");
    let agent = Agent::configured_with(&world.home, &configuration, without);
    agent
        .events()
        .until(|event| is_end(event, "evalFinished", 1));
    let failed = agent.kiln(&["show", "1", "--json"]).ok().json();
    assert_eq!(failed["backend"], "nix-flake");
    let failure = &failed["evaluation"]["failure"];
    let message = failure["message"].as_str().unwrap();
    assert!(message.starts_with("Nix is not installed"), "{message}");
    assert!(failure["hint"].as_str().unwrap().contains("install Nix"));
    agent.kill();
    // Once it is installed, the next start evaluates the same commit.
    let agent = Agent::configured(&world.home, &configuration);
    assert_eq!(agent.built(2)["build"]["status"], "BUILD_STATUS_SUCCEEDED");
}

#[test]
fn f01_dev_builds_a_flake_and_plain_nix_without_set_up() {
    if !has_nix() {
        return;
    }
    let world = World::new();
    world.flake("flake", "");
    world
        .infra
        .write("default.nix", &configurations("plain", ""));
    world.infra.commit_all("both");
    let plain = format!("({}).{TOPLEVEL}", configurations("plain", ""));
    for (args, backend, out) in [
        (&[][..], "nix-flake", world.evaluated(TOPLEVEL)),
        (&["--backend", "nix"], "nix", world.expression(&plain)),
        (
            &["--backend", "nix-flake", "--jobs", "1"],
            "nix-flake",
            world.evaluated(TOPLEVEL),
        ),
    ] {
        let built = generation(&world.dev(args).ok());
        assert_eq!(built["backend"], backend, "{args:?}");
        assert_eq!(built["build"]["outPath"], out);
    }
    let said = world.dev(&["--host", "web-9"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains("web-9"), "{said:?}");
}

#[test]
fn f06_dev_says_what_to_type_where_nothing_can_be_evaluated() {
    let world = World::new();
    world.infra.write("README", "nothing");
    world.infra.commit_all("nothing");
    for (backend, missing, hint) in [
        (
            "auto",
            "there is no kiln.star and no flake.nix in ",
            "kiln init ",
        ),
        ("native", "there is no kiln.star in ", "kiln init "),
        ("nix-flake", "there is no flake.nix in ", "git -C "),
        ("nix", "there is no default.nix in ", "git -C "),
    ] {
        let said = world.dev(&["--backend", backend]);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.stderr.contains(missing), "{backend}: {said:?}");
        assert!(said.stderr.contains(hint), "{backend}: {said:?}");
    }
    // Nix is missing: said for each way to ask for it.
    world.flake("one", "");
    world.infra.commit_all("a flake");
    for backend in ["auto", "nix-flake"] {
        let output = world.without_nix(&[
            "dev",
            world.infra.path.to_str().unwrap(),
            "--once",
            "--backend",
            backend,
            "--host",
            "web-1",
        ]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("Nix is not installed"), "{said}");
        assert!(said.contains("install Nix"), "{said}");
    }
}

#[test]
fn f06_builders_and_caches_that_do_not_answer_are_said_and_keep_nobody_waiting() {
    if !has_nix() {
        return;
    }
    let world = World::new();
    world.infra.write("README", "nothing");
    world.infra.commit_all("nothing");
    // Nobody can listen there: it is bound, and does not.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let there = world.home.path("cache");
    std::fs::create_dir(&there).unwrap();
    std::fs::write(there.join("nix-cache-info"), "StoreDir: /nix/store\n").unwrap();
    let lines = format!(
        "substituters = [\"http://127.0.0.1:{port}\", \"http://{}\", \"file://{}\"]\n\
         builders = [\"ssh://nobody@127.0.0.1?port={port} x86_64-linux\"]",
        silent.local_addr().unwrap(),
        there.display(),
    );
    let agent = Agent::configured(&world.home, &world.configuration("auto", &lines));
    let warnings = wait_for(|| {
        let status = agent.status();
        let warnings = status["warnings"].as_array().unwrap().clone();
        (warnings.len() >= 3).then_some(warnings)
    });
    let warnings: Vec<&str> = warnings
        .iter()
        .map(|warning| warning.as_str().unwrap())
        .collect();
    let closed = format!("the substituter http://127.0.0.1:{port} of [nix] does not answer: ");
    let silent = format!(
        "the substituter http://{} of [nix]",
        silent.local_addr().unwrap()
    );
    for start in ["the builder ssh://nobody@127.0.0.1", &closed, &silent] {
        let count = warnings
            .iter()
            .filter(|warning| warning.starts_with(start))
            .count();
        assert_eq!(count, 1, "{start}: {warnings:#?}");
    }
    assert_eq!(warnings.len(), 3, "the folder answers: {warnings:#?}");
    let log = std::fs::read_to_string(world.home.path("agent.log")).unwrap();
    assert!(log.contains(warnings[0]), "{log}");
}

#[test]
fn a_comin_repository_and_its_translated_configuration_lead_to_the_same_system() {
    if !has_nix() {
        return;
    }
    let world = World::new();
    let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let of = |id: &str| format!("comin.machineId = \"{id}\"; kiln = {{ }};");
    let services = match machine.trim() {
        "" => "comin.machineId = null;".to_owned(),
        id => of(id),
    };
    world.flake("migrated", &services);
    world.infra.commit_all("as for comin");
    // What comin's NixOS module writes for it.
    let yaml = world.home.path("comin.yaml");
    let text = format!(
        "hostname: web-1\nstate_dir: /var/lib/comin\nrepository_type: flake\nrepository_subdir: .\n\
         submodules: false\nsystem_attr: null\ngpg_public_key_paths: []\nremotes:\n- name: local\n  \
         url: {}\n  timeout: 300\n  poller: {{period: 1}}\n  auth: {{access_token_path: '', username: comin}}\n  \
         branches:\n    main: {{name: main, operation: switch}}\n    \
         testing: {{name: testing-web-1, operation: test}}\n",
        world.infra.path.display()
    );
    std::fs::write(&yaml, text).unwrap();
    let imported = world
        .home
        .kiln(&["config", "import-comin", yaml.to_str().unwrap()])
        .ok();
    std::fs::create_dir(world.home.path("conf.d")).unwrap();
    let of_the_test = format!(
        "state_dir = {:?}\n{}[grpc]\nsocket = {:?}\nmode = \"0600\"\ngroup = \"\"\n",
        world.home.path("agent"),
        world.nix_table(""),
        world.home.path("kiln.sock"),
    );
    std::fs::write(world.home.path("conf.d/test.toml"), of_the_test).unwrap();
    let agent = Agent::configured(&world.home, &imported.stdout);
    let built = agent.built(1);
    assert_eq!(built["build"]["outPath"], world.evaluated(TOPLEVEL));
    assert_eq!(built["build"]["status"], "BUILD_STATUS_SUCCEEDED");
    assert_eq!(built["evaluation"]["machineId"], machine.trim());
    // The guard of comin's module is kiln's too.
    world.flake("elsewhere", &of("0123456789abcdef0123456789abcdef"));
    world.infra.commit_all("for another machine");
    agent
        .events()
        .until(|event| is_end(event, "evalFinished", 2));
    let held = agent.kiln(&["show", "2", "--json"]).ok().json();
    assert_eq!(
        held["build"]["blocked"]["reason"],
        "BLOCKED_REASON_MACHINE_ID"
    );
}
