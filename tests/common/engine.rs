//! The native backend on a store of its own, as the Builder calls it, and a
//! repository whose commits are written by hand. Needs nothing else of the tests:
//! a benchmark may use it too.
#![allow(dead_code, reason = "each program uses its part")]

use git2::Repository;
use kiln::backend::native::download::DownloadConfig;
use kiln::backend::native::provider::sandbox::{Sandbox, SandboxConfig};
use kiln::backend::native::provider::{ScratchLimit, StepLimits, physical_memory};
use kiln::backend::native::{Native, NativeConfig, Platform};
use kiln::backend::{
    Backend, BuildOutcome, BuildRequest, EvaluateRequest, EvaluationOutcome, Sink, Source,
    StepEvent,
};
use kiln::model::{Commit, Evaluated, Failure};
use kiln::source::repository::index_entry;
use kiln::store::Store;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// What a backend reported.
#[derive(Default)]
pub struct Heard {
    pub log: Mutex<Vec<u8>>,
    pub steps: Mutex<Vec<StepEvent>>,
}

impl Sink for Heard {
    fn log(&self, _: Option<&str>, bytes: &[u8]) {
        self.log.lock().unwrap().extend_from_slice(bytes);
    }

    fn step(&self, event: StepEvent) {
        self.steps.lock().unwrap().push(event);
    }
}

impl Heard {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.log.lock().unwrap()).into_owned()
    }

    /// Names of the steps that ended so.
    pub fn ended(&self, wanted: kiln::backend::StepEnd) -> Vec<String> {
        let steps = self.steps.lock().unwrap();
        let names = steps.iter().filter_map(|step| match step {
            StepEvent::Finished {
                derivation, end, ..
            } if *end == wanted => Some(derivation.clone()),
            _ => None,
        });
        names.collect()
    }

    /// How long each step took, its look-up and its outputs included.
    pub fn durations(&self) -> Vec<Duration> {
        let steps = self.steps.lock().unwrap();
        let took = steps.iter().filter_map(|step| match step {
            StepEvent::Finished { duration, .. } => Some(*duration),
            StepEvent::Started { .. } => None,
        });
        took.collect()
    }
}

pub struct Engine {
    /// Store, repository and roots.
    pub folder: PathBuf,
    /// Removes it.
    _kept: Option<TempDir>,
    pub backend: Arc<Native>,
    pub heard: Arc<Heard>,
    /// Ends all that is asked for.
    pub cancel: CancellationToken,
}

pub fn config(jobs: u32) -> NativeConfig {
    let host_paths = ["/bin", "/usr", "/lib", "/lib64", "/etc/alternatives"];
    NativeConfig {
        file: "kiln.star".into(),
        jobs,
        keep_going: false,
        keep_failed: None,
        platform: Platform::Auto,
        platforms: Vec::new(),
        download: DownloadConfig::default(),
        memory: 16 << 30,
        host_paths: host_paths.map(PathBuf::from).into(),
        limits: StepLimits {
            timeout: Duration::MAX,
            silence: Duration::from_secs(600),
            memory: None,
            processes: 4096,
            output_size: 1 << 30,
            scratch: ScratchLimit::new(None, physical_memory()),
            log_size: 64 << 20,
        },
    }
}

impl Engine {
    pub fn new(config: NativeConfig) -> Self {
        let folder = tempfile::Builder::new().prefix("kiln-test-").tempdir();
        let folder = folder.unwrap();
        let path = std::fs::canonicalize(folder.path()).unwrap();
        Engine {
            _kept: Some(folder),
            ..Self::at(path, config)
        }
    }

    /// In a folder that stays.
    pub fn at(folder: PathBuf, config: NativeConfig) -> Self {
        kiln::process::set_program(env!("CARGO_BIN_EXE_kiln"));
        let store = Store::open(&folder.join("store")).unwrap();
        let provider = Arc::new(Sandbox::new(SandboxConfig::default()));
        Engine {
            folder,
            _kept: None,
            backend: Arc::new(Native::new(config, store, provider)),
            heard: Arc::default(),
            cancel: CancellationToken::new(),
        }
    }

    /// One that fetches so.
    pub fn fetching(download: DownloadConfig) -> Self {
        Self::with_size(download, 1 << 30)
    }

    /// `size`: bytes a fetched file, or what is unpacked, may have.
    pub fn with_size(download: DownloadConfig, size: u64) -> Self {
        let mut config = config(2);
        config.download = download;
        config.limits.output_size = size;
        Self::new(config)
    }

    /// A commit of these files.
    pub fn commit(&self, files: &[(&str, &str)]) -> Commit {
        let files = files.iter();
        let files = files.map(|(path, text)| (*path, text.as_bytes().to_vec(), 0o100_644));
        let files: Vec<_> = files.collect();
        self.commit_files(&files)
    }

    /// A commit of these files: path, content, mode as in Git.
    pub fn commit_files(&self, files: &[(&str, Vec<u8>, u32)]) -> Commit {
        let repository = Repository::init_bare(self.repository()).unwrap();
        let mut index = git2::Index::new().unwrap();
        for (path, content, mode) in files {
            let id = repository.blob(content).unwrap();
            let entry = index_entry(Path::new(path), *mode, id);
            index.add(&entry).unwrap();
        }
        let tree = index.write_tree_to(&repository).unwrap();
        let tree = repository.find_tree(tree).unwrap();
        let who = git2::Signature::now("test", "test@localhost").unwrap();
        let message = format!("{:?}", std::time::Instant::now());
        let id = repository.commit(None, &who, &who, &message, &tree, &[]);
        Commit {
            id: id.unwrap().to_string().parse().unwrap(),
            tree: tree.id().to_string(),
            summary: message,
            author: "test".into(),
            time: kiln::model::now(),
            dirty: false,
        }
    }

    fn repository(&self) -> PathBuf {
        self.folder.join("repository")
    }

    fn roots(&self) -> PathBuf {
        let roots = self.folder.join("roots");
        std::fs::create_dir_all(&roots).unwrap();
        roots
    }

    pub fn evaluate_request(&self, host: &str, commit: &Commit) -> EvaluateRequest {
        EvaluateRequest {
            source: Source {
                repository: self.repository(),
                commit: commit.clone(),
                subdir: ".".into(),
            },
            host: host.parse().unwrap(),
            roots: self.roots(),
            timeout: Duration::from_secs(120),
            memory: Some(1 << 30),
            again: false,
            sink: self.heard.clone(),
            cancel: self.cancel.child_token(),
        }
    }

    pub async fn evaluate(&self, host: &str, commit: &Commit) -> EvaluationOutcome {
        let request = self.evaluate_request(host, commit);
        self.backend.evaluate(request).await.unwrap()
    }

    /// The same, without the time to evaluate anything: only what is
    /// remembered comes to the same end.
    pub async fn remembered(&self, host: &str, commit: &Commit) -> EvaluationOutcome {
        let mut request = self.evaluate_request(host, commit);
        request.timeout = Duration::ZERO;
        self.backend.evaluate(request).await.unwrap()
    }

    pub async fn evaluated(&self, commit: &Commit) -> Evaluated {
        match self.evaluate("h", commit).await {
            EvaluationOutcome::Succeeded(evaluated) => evaluated,
            other => panic!("{other:?}"),
        }
    }

    pub fn build_request(&self, evaluated: Evaluated, sink: Arc<Heard>) -> BuildRequest {
        BuildRequest {
            evaluated,
            host: "h".parse().unwrap(),
            roots: self.roots(),
            timeout: Duration::from_secs(600),
            silence: Duration::from_secs(600),
            sink,
            cancel: self.cancel.child_token(),
        }
    }

    /// Evaluates and builds this `kiln.star`.
    pub async fn build(&self, star: &str) -> BuildOutcome {
        let evaluated = self.evaluated(&self.commit(&[("kiln.star", star)])).await;
        let request = self.build_request(evaluated, self.heard.clone());
        self.backend.build(request).await.unwrap()
    }

    /// The real place of what `root` builds; it must.
    pub async fn built(&self, root: &str) -> PathBuf {
        match self.build(&format!("host('h', {root})\n")).await {
            BuildOutcome::Succeeded { built, .. } => built.real_path,
            other => panic!("{other:?}\n{}", self.heard.text()),
        }
    }

    /// Why building `root` fails; it must.
    pub async fn failure(&self, root: &str) -> Failure {
        match self.build(&format!("host('h', {root})\n")).await {
            BuildOutcome::Failed { failure, .. } => failure,
            other => panic!("{other:?}\n{}", self.heard.text()),
        }
    }
}
