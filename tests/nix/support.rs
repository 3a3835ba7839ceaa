//! Repositories for Nix, and a backend on a store of its own.

use crate::common::{Repository, command};
use kiln::backend::nix::{Nix, NixConfig, NixKind};
use kiln::backend::{
    Backend, BuildOutcome, BuildRequest, EvaluateRequest, EvaluationOutcome, Sink, Source, StepEnd,
    StepEvent,
};
use kiln::model::{Built, Commit, Evaluated, Failure, Steps};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub const HOST: &str = "web-1";

/// Whether Nix is there. It may be missing only where the tests' runner has said so.
pub fn has_nix() -> bool {
    let found = command("nix-store").arg("--version").output();
    match (found, std::env::var_os("KILN_TEST_SKIP_MISSING")) {
        (Ok(_), _) => true,
        (Err(_), Some(yes)) if yes == "1" => {
            use std::io::Write;
            // Past the capture of the test's output.
            std::io::stderr()
                .write_all(b"SKIPPED: nix is missing\n")
                .unwrap();
            false
        }
        (Err(error), _) => panic!("nix-store: {error}; tests/run installs it"),
    }
}

/// What a backend reported, and when something came.
#[derive(Default)]
pub struct Heard {
    pub lines: Mutex<Vec<(Option<String>, String)>>,
    pub steps: Mutex<Vec<StepEvent>>,
    came: Notify,
}

impl Sink for Heard {
    fn log(&self, derivation: Option<&str>, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let of = derivation.map(str::to_owned);
        self.lines.lock().unwrap().push((of, text));
        self.came.notify_waiters();
    }

    fn step(&self, event: StepEvent) {
        self.steps.lock().unwrap().push(event);
        self.came.notify_waiters();
    }
}

impl Heard {
    /// The log of this step, or of the evaluation.
    pub fn log_of(&self, step: Option<&str>) -> String {
        let lines = self.lines.lock().unwrap();
        let own = lines.iter().filter(|(of, _)| of.as_deref() == step);
        own.map(|(_, text)| text.as_str()).collect()
    }

    /// Steps that ended, in order.
    pub fn ended(&self) -> Vec<(String, StepEnd)> {
        let steps = self.steps.lock().unwrap();
        let ended = steps.iter().filter_map(|step| match step {
            StepEvent::Finished {
                derivation, end, ..
            } => Some((derivation.clone(), *end)),
            StepEvent::Started { .. } => None,
        });
        ended.collect()
    }

    /// Waits until the step has said this.
    pub async fn until_said(&self, step: &str, text: &str) {
        self.until_said_by(Some(step), text).await;
    }

    /// The same, of a step or the evaluation.
    pub async fn until_said_by(&self, step: Option<&str>, text: &str) {
        loop {
            let came = self.came.notified();
            if self.log_of(step).contains(text) {
                return;
            }
            tokio::time::timeout(crate::common::PATIENCE, came)
                .await
                .unwrap_or_else(|_| panic!("{step:?} never said {text:?}"));
        }
    }
}

/// A repository and a backend.
pub struct World {
    pub folder: TempDir,
    pub repository: Repository,
    pub config: NixConfig,
    pub heard: Arc<Heard>,
}

/// What makes Nix build in a sandbox, here, from nothing but the commit.
pub fn options(store: &Path) -> Vec<(String, String)> {
    let options = [
        ("build-users-group", ""),
        ("sandbox", "true"),
        ("sandbox-fallback", "false"),
        ("sandbox-paths", "/bin/sh=/bin/busybox"),
        ("substitute", "false"),
        ("store", store.to_str().unwrap()),
    ];
    let owned = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
    owned.into()
}

impl World {
    pub fn new(kind: NixKind) -> Self {
        kiln::process::set_program(env!("CARGO_BIN_EXE_kiln"));
        let folder = tempfile::Builder::new()
            .prefix("kiln-nix-")
            .tempdir()
            .unwrap();
        let path = folder.path().canonicalize().unwrap();
        let mut config = NixConfig::new(kind, path.join("home"));
        config.options = options(&path.join("store"));
        config.search_path = std::env::var("PATH").unwrap_or_default();
        World {
            repository: Repository::new(path.join("work")),
            folder,
            config,
            heard: Arc::default(),
        }
    }

    /// A flake with these members of its outputs.
    pub fn flake(&self, outputs: &str) -> Commit {
        self.repository.write("flake.nix", &flake(outputs));
        self.commit()
    }

    /// Commits what is written.
    pub fn commit(&self) -> Commit {
        let id = self.repository.commit_all("a change");
        let opened = git2::Repository::open(self.bare()).unwrap();
        kiln::source::repository::read_commit(&opened, id.parse().unwrap()).unwrap()
    }

    /// The repository as the agent has it: without a work tree.
    pub fn bare(&self) -> PathBuf {
        let bare = self.path("bare");
        let path = bare.to_str().unwrap();
        if !bare.exists() {
            self.repository.git(&["init", "-q", "--bare", path]);
        }
        self.repository
            .git(&["push", "-q", "-f", path, "HEAD:refs/kiln/remotes/r/main"]);
        bare
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    pub fn backend(&self) -> Nix {
        Nix::new(self.config.clone())
    }

    pub fn request(&self, commit: &Commit) -> EvaluateRequest {
        EvaluateRequest {
            source: Source {
                repository: self.path("bare"),
                commit: commit.clone(),
                subdir: ".".into(),
            },
            host: HOST.parse().unwrap(),
            roots: self.path("generations/1"),
            timeout: Duration::from_secs(120),
            memory: Some(4 << 30),
            again: false,
            sink: self.heard.clone(),
            cancel: CancellationToken::new(),
        }
    }

    pub async fn evaluate(&self, request: EvaluateRequest) -> EvaluationOutcome {
        self.backend().evaluate(request).await.unwrap()
    }

    #[track_caller]
    pub fn succeeded(outcome: EvaluationOutcome) -> Evaluated {
        match outcome {
            EvaluationOutcome::Succeeded(evaluated) => evaluated,
            other => panic!("{other:?}"),
        }
    }

    pub async fn evaluated(&self, commit: &Commit) -> Evaluated {
        Self::succeeded(self.evaluate(self.request(commit)).await)
    }

    /// The failure of an evaluation that has to fail.
    pub async fn failure(&self, commit: &Commit) -> Failure {
        match self.evaluate(self.request(commit)).await {
            EvaluationOutcome::Failed(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    /// The result, when it is there already, for a generation of this number.
    pub async fn existing(&self, evaluated: &Evaluated, generation: u32) -> Option<Built> {
        let roots = self.path(&format!("generations/{generation}"));
        let (host, cancel) = (HOST.parse().unwrap(), CancellationToken::new());
        let backend = self.backend();
        let found = backend.is_built(evaluated, &host, &roots, &cancel).await;
        found.unwrap()
    }

    /// Whether what the evaluation left is there, for a generation of this number.
    pub async fn is_evaluated(&self, evaluated: &Evaluated, generation: u32) -> bool {
        let roots = self.path(&format!("generations/{generation}"));
        let (backend, cancel) = (self.backend(), CancellationToken::new());
        let found = backend.is_evaluated(evaluated, &roots, &cancel).await;
        found.unwrap()
    }

    pub fn build_request(&self, evaluated: &Evaluated) -> BuildRequest {
        BuildRequest {
            evaluated: evaluated.clone(),
            host: HOST.parse().unwrap(),
            roots: self.path("generations/1"),
            timeout: Duration::from_secs(600),
            silence: Duration::from_secs(600),
            sink: self.heard.clone(),
            cancel: CancellationToken::new(),
        }
    }

    pub async fn build(&self, evaluated: &Evaluated) -> BuildOutcome {
        let request = self.build_request(evaluated);
        self.backend().build(request).await.unwrap()
    }

    pub async fn built(&self, evaluated: &Evaluated) -> (Built, Steps) {
        match self.build(evaluated).await {
            BuildOutcome::Succeeded { built, steps } => (built, steps),
            other => panic!("{other:?}"),
        }
    }

    /// A program of Nix on the same store; its standard output.
    pub fn nix(&self, program: &str, args: &[&str]) -> String {
        let mut nix = command(program);
        nix.env("HOME", self.path("home")).args(args);
        for (name, value) in &self.config.options {
            nix.args(["--option", name, value]);
        }
        let output = nix.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {args:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        make_removable(self.folder.path());
    }
}

/// Nix's store is read-only to everybody but root.
pub fn make_removable(folder: &Path) {
    let _ = command("chmod").args(["-R", "u+w"]).arg(folder).output();
}

pub fn flake(outputs: &str) -> String {
    format!("{{ outputs = {{ self }}: {{\n{outputs}\n}}; }}\n")
}

/// A derivation that runs a script.
pub fn step(name: &str, script: &str) -> String {
    format!(
        "builtins.derivation {{ name = {name:?}; system = \"x86_64-linux\"; builder = \"/bin/sh\"; \
         args = [ \"-c\" ''PATH=/bin; {script}'' ]; }}"
    )
}

/// A NixOS configuration, as far as kiln looks at it.
pub fn system(services: &str, toplevel: &str) -> String {
    format!(
        "nixosConfigurations.\"{HOST}\".config = {{ services = {{ {services} }}; \
         system.build.toplevel = {toplevel}; }};"
    )
}

/// An evaluation whose derivation is in no store.
pub fn nowhere() -> Evaluated {
    Evaluated {
        drv_path: "/nix/store/00000000000000000000000000000000-x.drv".into(),
        out_path: None,
        machine_id: None,
        secrets: Vec::new(),
        nix: None,
        record: None,
    }
}
