//! Real repositories and servers on loopback ports; all gone with their test.

use kiln::model::{BranchName, CommitId};
use kiln::source::fetch::{FetchOutcome, FetchRequest, Heads, fetch};
use kiln::source::{
    EventSink, Handle, RemoteConfig, Selection, SourceConfig, SourceEvent, repository,
};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// `git` with nothing of the machine's configuration.
pub fn git(folder: &Path) -> Command {
    kiln::process::set_program(env!("CARGO_BIN_EXE_kiln"));
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    for who in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{who}_NAME"), "Ann")
            .env(format!("GIT_{who}_EMAIL"), "ann@example.org");
    }
    command
}

/// A work tree that a person pushes from; a remote by its path.
pub struct Repo {
    pub path: PathBuf,
    clock: std::cell::Cell<u32>,
}

impl Repo {
    pub fn new(path: PathBuf) -> Self {
        std::fs::create_dir_all(&path).unwrap();
        let repo = Repo {
            path,
            clock: 0.into(),
        };
        repo.git(&["init", "-q", "-b", "main"]);
        repo
    }

    #[track_caller]
    pub fn git(&self, args: &[&str]) -> String {
        self.clock.set(self.clock.get() + 1);
        let date = format!("{} +0000", 1_700_000_000 + self.clock.get());
        let mut command = git(&self.path);
        command
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date);
        let output = command.args(args).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?}: {errors}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A commit on the branch that is checked out.
    pub fn commit(&self, file: &str) -> CommitId {
        std::fs::write(self.path.join(file), file).unwrap();
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", &format!("add {file}\n\nbody")]);
        self.head()
    }

    pub fn head(&self) -> CommitId {
        self.git(&["rev-parse", "HEAD"]).parse().unwrap()
    }

    pub fn branch(&self, name: &str) {
        self.git(&["checkout", "-q", "-B", name]);
    }

    pub fn url(&self) -> String {
        self.path.to_str().unwrap().to_owned()
    }
}

/// A folder with kiln's own repository beside what it fetches.
pub struct Place {
    pub folder: TempDir,
    pub config: SourceConfig,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = SourceConfig::new(folder.path().join("state/repository.git"), vec![]);
        repository::open_or_create(&config.repository, None).unwrap();
        Place { folder, config }
    }

    pub fn repo(&self, name: &str) -> Repo {
        Repo::new(self.folder.path().join(name))
    }

    pub async fn fetch(&self, remote: &RemoteConfig) -> FetchOutcome {
        let request = FetchRequest::new(&self.config, remote);
        fetch(&request, remote.timeout, &CancellationToken::new()).await
    }

    pub async fn heads(&self, remote: &RemoteConfig) -> Heads {
        match self.fetch(remote).await {
            FetchOutcome::Fetched(heads) => heads,
            other => panic!("{other:?}"),
        }
    }

    pub fn refs(&self) -> Vec<String> {
        let list = git(&self.config.repository)
            .args(["for-each-ref", "--format=%(refname)"])
            .output();
        let list = String::from_utf8(list.unwrap().stdout).unwrap();
        list.lines().map(str::to_owned).collect()
    }

    /// Every object of every ref is there.
    pub fn is_whole(&self) -> bool {
        let check = git(&self.config.repository)
            .args(["fsck", "--full", "--strict"])
            .output()
            .unwrap();
        check.status.success()
    }
}

/// A remote named `name` with a main and a testing branch.
pub fn remote(name: &str, url: impl Into<String>) -> RemoteConfig {
    RemoteConfig {
        testing: Some(branch("testing")),
        timeout: Duration::from_secs(30),
        poll_interval: Duration::ZERO,
        ..RemoteConfig::new(name.parse().unwrap(), url, branch("main"))
    }
}

pub fn branch(name: &str) -> BranchName {
    name.parse().unwrap()
}

/// A server on a loopback port that hands every connection to `serve`.
pub fn server(serve: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
    port
}

/// `git daemon` for everything in `folder`.
pub fn git_daemon(folder: &Path) -> u16 {
    let folder = folder.to_owned();
    server(move |connection| {
        let base = format!("--base-path={}", folder.display());
        let socket = OwnedFd::from(connection);
        let mut command = git(&folder);
        command.args([
            "-c",
            "safe.directory=*",
            "daemon",
            "--inetd",
            "--export-all",
            &base,
        ]);
        command
            .stdin(socket.try_clone().unwrap())
            .stdout(socket)
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        std::thread::spawn(move || child.wait());
    })
}

/// A server that accepts and never answers.
pub fn silent_server() -> u16 {
    server(std::mem::forget)
}

/// A source that runs, and what it said.
pub struct Running {
    pub handle: Handle,
    pub baseline: watch::Sender<Option<CommitId>>,
    task: JoinHandle<()>,
    selection: watch::Receiver<Option<Selection>>,
    events: Arc<Mutex<Vec<SourceEvent>>>,
    cancel: CancellationToken,
}

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

impl Running {
    pub fn new(
        start: impl FnOnce(
            EventSink,
            watch::Receiver<Option<CommitId>>,
            CancellationToken,
        ) -> (Handle, JoinHandle<()>),
    ) -> Self {
        let events: Arc<Mutex<Vec<SourceEvent>>> = Arc::default();
        let (baseline, cancel) = (watch::Sender::new(None), CancellationToken::new());
        let log = events.clone();
        let sink: EventSink = Arc::new(move |event| log.lock().unwrap().push(event));
        let (handle, task) = start(sink, baseline.subscribe(), cancel.clone());
        let selection = handle.selection();
        Running {
            handle,
            baseline,
            task,
            selection,
            events,
            cancel,
        }
    }

    /// Waits until `id` is selected.
    pub async fn selected(&mut self, id: &CommitId) -> Selection {
        self.matching(|selection| selection.commit.id == *id).await
    }

    pub async fn matching(&mut self, wanted: impl Fn(&Selection) -> bool) -> Selection {
        let found = self.selection.wait_for(|s| s.as_ref().is_some_and(&wanted));
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(found) => found.unwrap().clone().unwrap(),
            Err(_) => panic!("not selected: {:#?}", self.handle.statuses()),
        }
    }

    /// Lets file events that are under way bring their polls, so that what
    /// comes next is not noticed by chance.
    pub async fn settle(&self) {
        for _ in 0..3 {
            self.handle.fetch(vec![]).await.unwrap();
        }
    }

    pub fn current(&self) -> Option<CommitId> {
        self.selection
            .borrow()
            .as_ref()
            .map(|selection| selection.commit.id.clone())
    }

    pub fn events(&self) -> Vec<SourceEvent> {
        self.events.lock().unwrap().clone()
    }

    pub async fn stop(self) {
        self.cancel.cancel();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .unwrap()
            .unwrap();
    }
}
