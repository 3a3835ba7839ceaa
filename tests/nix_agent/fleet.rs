//! CI that evaluates and builds, and a host that takes what CI says: each with a
//! store of its own, and between them a cache.

use crate::common::*;
use crate::support::*;
use serde_json::Value;
use std::path::{Path, PathBuf};

pub struct Fleet {
    pub ci: World,
    pub host: World,
    /// A folder.
    pub cache: PathBuf,
    /// The key that the host trusts.
    pub public: String,
}

impl Fleet {
    pub fn new() -> Self {
        let (ci, home) = (World::new(), Home::new());
        let infra = Repository {
            path: ci.infra.path.clone(),
        };
        let public = ci.home.kiln(&["store", "generate-key", "ci-1", "key"]).ok();
        ci.home
            .kiln(&["store", "generate-key", "ci-1", "forged"])
            .ok();
        let fleet = Fleet {
            cache: ci.home.path("cache"),
            public: public.stdout.trim().to_owned(),
            host: World { home, infra },
            ci,
        };
        fleet.watch_nix();
        fleet
    }

    /// Commits a flake whose system says this; the commit's id.
    pub fn commit(&self, says: &str, services: &str) -> String {
        self.ci.flake(says, services);
        self.ci.infra.commit_all(says)
    }

    /// CI builds HEAD; its generation.
    pub fn build(&self) -> Value {
        let built = generation(&self.ci.dev(&["--any-machine"]).ok());
        assert_eq!(built["build"]["status"], "BUILD_STATUS_SUCCEEDED");
        built
    }

    /// CI gives what is current to the cache; the record's file.
    pub fn publish(&self) -> PathBuf {
        self.publish_to(self.cache.to_str().unwrap(), "key");
        self.records().pop().unwrap()
    }

    pub fn publish_to(&self, cache: &str, key: &str) -> Value {
        let state = self.ci.home.path("dev-state");
        let line = ["store", "publish", cache, "--json", "--key", key];
        let of = ["--state-dir", state.to_str().unwrap()];
        self.ci.home.kiln(&[&line[..], &of].concat()).ok().json()
    }

    /// The records in the cache, the newest last.
    pub fn records(&self) -> Vec<PathBuf> {
        let folder = self.cache.join("kiln/prebuilt");
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        found.sort_by_key(|path| path.metadata().unwrap().modified().unwrap());
        found
    }

    /// The host's configuration; `prebuilt` is `prefer` or `only`.
    pub fn asking(&self, prebuilt: &str, caches: &[&str]) -> String {
        let lines = format!(
            "substituters = {caches:?}\ntrusted_public_keys = [{:?}]\nprebuilt = \"{prebuilt}\"",
            self.public
        );
        let retry = "retry = { attempts = 3, first_delay = \"1s\", max_delay = \"1s\" }";
        self.host
            .configuration("nix-flake", &lines)
            .replace("substitute = \"false\"", "substitute = \"true\"")
            .replace("[builder]\n", &format!("[builder]\n{retry}\n"))
    }

    /// The same with the cache's folder.
    pub fn asking_folder(&self, prebuilt: &str) -> String {
        self.asking(prebuilt, &[&format!("file://{}", self.cache.display())])
    }

    /// The host's agent, whose Nix is watched and has no other cache.
    pub fn agent(&self, configuration: &str) -> Agent<'_> {
        let home = self.host.home.path("agent/nix/.config/nix");
        std::fs::create_dir_all(&home).unwrap();
        std::fs::write(home.join("nix.conf"), "substituters =\n").unwrap();
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", self.host.home.path("watched").display());
        Agent::configured_with(&self.host.home, configuration, |kiln| {
            kiln.env("PATH", path);
        })
    }

    /// Programs in place of Nix's own that note how they are called.
    fn watch_nix(&self) {
        use std::os::unix::fs::PermissionsExt;
        let folder = self.host.home.path("watched");
        std::fs::create_dir_all(&folder).unwrap();
        for program in ["nix", "nix-instantiate"] {
            let place = folder.join(program);
            let script = format!(
                "#!/bin/sh\necho \"{program} $*\" >>{}\nPATH=${{PATH#*:}} exec {program} \"$@\"\n",
                self.host.home.path("called").display()
            );
            std::fs::write(&place, script).unwrap();
            std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    /// Evaluations that the host's Nix was asked for.
    pub fn evaluations(&self) -> usize {
        let called = std::fs::read_to_string(self.host.home.path("called"));
        let is_evaluation =
            |line: &&str| line.contains("nix-instantiate ") || line.contains(" eval ");
        called
            .unwrap_or_default()
            .lines()
            .filter(is_evaluation)
            .count()
    }
}

/// The file where a generation's result really lies.
pub fn result(generation: &Value) -> String {
    let real = generation["build"]["realPath"].as_str();
    std::fs::read_to_string(real.unwrap_or_else(|| panic!("{generation:#}"))).unwrap()
}

/// Waits until this generation waits for a cache; what it says.
pub fn waits_for_cache(agent: &Agent<'_>, number: u64, what: &str) -> String {
    wait_for(|| {
        let shown = agent.kiln(&["show", &number.to_string(), "--json"]);
        let shown: Value = serde_json::from_str(&shown.stdout).ok()?;
        let blocked = &shown[what]["blocked"];
        let message = blocked["message"].as_str()?.to_owned();
        (blocked["reason"] == "BLOCKED_REASON_CACHE").then_some(message)
    })
}

/// Changes a record's JSON.
pub fn change(record: &Path, change: impl FnOnce(&mut Value)) {
    let text = std::fs::read_to_string(record).unwrap();
    let mut json: Value = serde_json::from_str(&text).unwrap();
    change(&mut json);
    std::fs::write(record, json.to_string()).unwrap();
}
