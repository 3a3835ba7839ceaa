//! A built repository, a cache, a server in front of it.

pub use crate::common::*;
pub use serde_json::Value;
pub use std::path::{Path, PathBuf};

#[path = "../common/cache_server.rs"]
mod cache_server;

pub use cache_server::Server;

/// Two steps, one built with the other and one result that refers to it.
pub const HOST: &str = r#"
tool = derivation(name = "tool", script = "mkdir -p $out/bin; printf '#!/bin/sh\necho made > $1\n' > $out/bin/tool; chmod +x $out/bin/tool")
data = derivation(name = "data", deps = [tool], script = "tool $out; echo $out >> $out")
host("web-1", tree("web-1", {"etc/data": symlink(data), "etc/tool": symlink(tool + "/bin/tool"), "etc/motd": "MOTD\n"}))
"#;

/// A repository that an ordinary `kiln dev` built, and a key.
pub struct Maker {
    pub home: Home,
    pub repository: Repository,
    pub out_path: String,
    pub public: String,
}

impl Maker {
    pub fn new() -> Self {
        let home = Home::new();
        let repository = Repository::new(home.path("infra"));
        repository.commit(HOST);
        let public = home.kiln(&["store", "generate-key", "cache-1", "key"]).ok();
        let mut maker = Maker {
            public: public.stdout.trim().to_owned(),
            home,
            repository,
            out_path: String::new(),
        };
        maker.out_path = maker.build();
        maker
    }

    /// Builds HEAD; answers with its out path.
    pub fn build(&self) -> String {
        let infra = self.repository.path.to_str().unwrap();
        let line = ["dev", infra, "--host", "web-1", "--once", "--json"];
        let state = self.state();
        let line = [&line[..], &["--state-dir", &state]].concat();
        let said = self.home.kiln(&line).ok();
        let last: Value = serde_json::from_str(said.stdout.lines().last().unwrap()).unwrap();
        let build = &last["generation"]["build"];
        assert_eq!(build["status"], "BUILD_STATUS_SUCCEEDED", "{last:#}");
        build["outPath"].as_str().unwrap().to_owned()
    }

    pub fn state(&self) -> String {
        self.home.path("made").to_str().unwrap().to_owned()
    }

    /// Pushes what is current; answers with what was said.
    pub fn push(&self, cache: &str, more: &[&str]) -> Value {
        let state = self.state();
        let line = ["store", "push", cache, "--json", "--state-dir", &state];
        self.home.kiln(&[&line[..], more].concat()).ok().json()
    }

    pub fn push_signed(&self, cache: &str) -> Value {
        self.push(cache, &["--key", "key"])
    }
}

/// The text of a configuration that asks `cache`.
pub fn asking(home: &Home, repository: &Repository, cache: &str, key: &str, local: &str) -> String {
    let remote = format!(
        "[[remotes]]\nname = \"origin\"\nurl = {:?}\npoll_interval = \"1s\"\n\
         [[caches]]\nurl = \"{cache}\"\npublic_keys = [\"{key}\"]\n",
        repository.path
    );
    let retry = "retry = { attempts = 3, first_delay = \"1s\", max_delay = \"2s\" }";
    Agent::config(home, &remote).replace(
        "[builder]\n",
        &format!("[builder]\nlocal = \"{local}\"\n{retry}\n"),
    )
}

/// The files of a cache whose names end like this.
pub fn files(cache: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![cache.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path if path.to_str().unwrap().ends_with(end) => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// The steps of a generation that began, and those that ended substituted.
pub fn steps(agent: &Agent<'_>, number: u64) -> (Vec<String>, Vec<String>) {
    let (mut began, mut substituted) = (Vec::new(), Vec::new());
    let name = |step: &Value| step["derivation"].as_str().unwrap().to_owned();
    let sees = std::cell::RefCell::new((&mut began, &mut substituted));
    agent.events().until(|event| {
        let mut sees = sees.borrow_mut();
        if event["stepStarted"]["generationNumber"] == number {
            sees.0.push(name(&event["stepStarted"]));
        }
        let ended = &event["stepFinished"];
        if ended["generationNumber"] == number && ended["substituted"] == true {
            sees.1.push(name(ended));
        }
        is_end(event, "buildFinished", number)
    });
    (began, substituted)
}
