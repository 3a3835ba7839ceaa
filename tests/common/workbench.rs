//! A commit, evaluated and built by the native backend in a state of its own.
#![allow(dead_code, reason = "each test uses its part")]

use kiln::backend::native::download::DownloadConfig;
use kiln::backend::native::provider::StepLimits;
use kiln::backend::native::provider::sandbox::{Sandbox, SandboxConfig};
use kiln::backend::native::{Native, NativeConfig, Platform};
use kiln::backend::{
    Backend, BackendError, BuildOutcome, BuildRequest, EvaluateRequest, EvaluationOutcome, Sink,
    Source, StepEvent,
};
use kiln::model::{Commit, Failure};
use kiln::store::Store;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// What steps said, and how far they are.
#[derive(Default)]
pub struct Heard {
    log: Mutex<Vec<u8>>,
    began: tokio::sync::Notify,
}

impl Heard {
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&self.log.lock().unwrap()).into_owned()
    }
}

impl Sink for Heard {
    fn log(&self, _derivation: Option<&str>, bytes: &[u8]) {
        self.log.lock().unwrap().extend_from_slice(bytes);
    }
    fn step(&self, event: StepEvent) {
        if let StepEvent::Started { .. } = event {
            self.began.notify_one();
        }
    }
}

pub struct Workbench {
    pub folder: TempDir,
    pub heard: Arc<Heard>,
    pub cancel: CancellationToken,
    native: Native,
}

impl Workbench {
    pub fn new(download: DownloadConfig) -> Self {
        Self::with_size(download, 1 << 30)
    }

    /// `size`: bytes a fetched file, or what is unpacked, may have.
    pub fn with_size(download: DownloadConfig, size: u64) -> Self {
        kiln::process::set_program(env!("CARGO_BIN_EXE_kiln"));
        let folder = tempfile::Builder::new()
            .prefix("kiln-test-")
            .tempdir()
            .unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let config = NativeConfig {
            file: "kiln.star".into(),
            jobs: 2,
            keep_going: false,
            keep_failed: None,
            platform: Platform::Auto,
            platforms: Vec::new(),
            memory: 16 << 30,
            host_paths: ["/bin", "/usr", "/lib", "/lib64", "/etc/alternatives"]
                .map(PathBuf::from)
                .into(),
            download,
            limits: StepLimits {
                timeout: Duration::MAX,
                silence: Duration::from_secs(600),
                memory: None,
                processes: 4096,
                output_size: size,
                log_size: 64 << 20,
            },
        };
        let sandbox = Sandbox::new(SandboxConfig::default());
        Workbench {
            native: Native::new(config, store, Arc::new(sandbox)),
            folder,
            heard: Arc::default(),
            cancel: CancellationToken::new(),
        }
    }

    fn commit(&self, files: &Path) -> (PathBuf, Commit) {
        let path = self
            .folder
            .path()
            .join(format!("repo-{}", fastrand::u64(..)));
        let repository = git2::Repository::init_bare(&path).unwrap();
        repository.set_workdir(files, false).unwrap();
        let mut index = repository.index().unwrap();
        index
            .add_all(["*"], git2::IndexAddOption::DEFAULT, None)
            .unwrap();
        let tree = index.write_tree().unwrap();
        let commit = Commit {
            id: "0".repeat(40).parse().unwrap(),
            tree: tree.to_string(),
            summary: String::new(),
            author: String::new(),
            time: time::OffsetDateTime::UNIX_EPOCH,
            dirty: false,
        };
        (path, commit)
    }

    /// Evaluates and builds a commit of these files for host `h`.
    pub async fn build_tree(
        &self,
        files: &Path,
        timeout: Duration,
    ) -> Result<BuildOutcome, BackendError> {
        let (repository, commit) = self.commit(files);
        let roots = self.folder.path().join("roots");
        std::fs::create_dir_all(&roots).unwrap();
        let sink: Arc<dyn Sink> = self.heard.clone();
        let evaluation = EvaluateRequest {
            source: Source {
                repository,
                commit,
                subdir: ".".into(),
            },
            host: "h".parse().unwrap(),
            roots: roots.clone(),
            timeout: Duration::from_secs(120),
            memory: 1 << 30,
            sink: Arc::clone(&sink),
            cancel: self.cancel.clone(),
        };
        let evaluated = match self.native.evaluate(evaluation).await? {
            EvaluationOutcome::Succeeded(evaluated) => evaluated,
            other => panic!("{other:?}"),
        };
        let build = BuildRequest {
            evaluated,
            host: "h".parse().unwrap(),
            roots,
            timeout,
            silence: Duration::from_secs(600),
            sink,
            cancel: self.cancel.clone(),
        };
        self.native.build(build).await
    }

    /// The same of one file, `kiln.star`.
    pub async fn outcome(&self, kiln: &str) -> BuildOutcome {
        let files = tempfile::tempdir().unwrap();
        std::fs::write(files.path().join("kiln.star"), kiln).unwrap();
        let built = self
            .build_tree(files.path(), Duration::from_secs(600))
            .await;
        built.expect("the host can build")
    }

    /// The real place of what `root` builds; it must.
    pub async fn built(&self, root: &str) -> PathBuf {
        match self.outcome(&format!("host('h', {root})\n")).await {
            BuildOutcome::Succeeded { built, .. } => built.real_path,
            other => panic!("{other:?}\n{}", self.heard.log()),
        }
    }

    /// Why building `root` fails; it must.
    pub async fn failure(&self, root: &str) -> Failure {
        match self.outcome(&format!("host('h', {root})\n")).await {
            BuildOutcome::Failed { failure, .. } => failure,
            other => panic!("{other:?}\n{}", self.heard.log()),
        }
    }

    /// Returns once a step runs.
    pub async fn begun(&self) {
        self.heard.began.notified().await;
    }
}
