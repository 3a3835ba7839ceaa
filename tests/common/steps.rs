//! One step in the real sandbox, its inputs made by hand, and what it said.
#![allow(dead_code, reason = "each test program uses its own part of this")]

use kiln::backend::BackendError;
use kiln::backend::native::provider::sandbox::{Sandbox, SandboxConfig};
use kiln::backend::native::provider::{
    Provider, ScratchLimit, StepLimits, StepOutcome, StepRequest, physical_memory,
};
use kiln::process::Cancel;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A step about to run, and what it said.
pub struct Step {
    pub folder: tempfile::TempDir,
    pub request: StepRequest,
    pub said: Arc<Mutex<Vec<u8>>>,
}

pub const OUT: &str = "00000000000000000000000000000000-out";

pub fn step(script: &str) -> Step {
    static SLOT: AtomicU32 = AtomicU32::new(0);
    kiln::process::set_program(env!("CARGO_BIN_EXE_kiln"));
    let folder = tempfile::tempdir().unwrap();
    // As in a store: the step's user walks through it.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
    let scratch = folder.path().join("scratch");
    fs::create_dir(&scratch).unwrap();
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = said.clone();
    let env = [
        ("out", format!("/var/lib/kiln/store/{OUT}")),
        ("PATH", "/usr/bin:/bin".to_owned()),
    ];
    Step {
        request: StepRequest {
            name: "test".into(),
            argv: ["/bin/sh", "-eu", "/build/script"].map(String::from).into(),
            files: vec![("script".into(), script.into())],
            env: env.map(|(name, value)| (name.to_owned(), value)).into(),
            src: None,
            inputs: Arc::default(),
            outputs: vec![OUT.into()],
            host_paths: [
                "/bin",
                "/usr",
                "/lib",
                "/lib64",
                "/etc/alternatives",
                "/no/such/path",
            ]
            .map(PathBuf::from)
            .into(),
            network: false,
            scratch,
            slot: SLOT.fetch_add(1, Ordering::Relaxed),
            limits: StepLimits {
                timeout: Duration::from_secs(60),
                silence: Duration::from_secs(60),
                memory: None,
                processes: 4096,
                output_size: 1 << 30,
                scratch: ScratchLimit::new(None, physical_memory()),
                log_size: 1 << 20,
            },
            log: Arc::new(move |bytes: &[u8]| heard.lock().unwrap().extend(bytes)),
            cancel: Cancel::new().unwrap(),
        },
        folder,
        said,
    }
}

impl Step {
    pub async fn run(self) -> (StepOutcome, Ran) {
        let Step {
            folder,
            request,
            said,
        } = self;
        let outcome = run(&sandbox(), request).await;
        let outcome = outcome.expect("the host can run steps");
        let log = String::from_utf8(said.lock().unwrap().clone()).unwrap();
        (outcome, Ran { folder, log })
    }

    /// Runs it, wants it to succeed, and hands back what it said.
    pub async fn said(self) -> String {
        let (outcome, ran) = self.run().await;
        assert_eq!(outcome, StepOutcome::Exited(0), "{}", ran.log);
        ran.log
    }

    /// The same with other limits.
    pub fn limited(mut self, change: impl FnOnce(&mut StepLimits)) -> Self {
        change(&mut self.request.limits);
        self
    }

    /// An input made before, at this path of the host.
    pub fn input(&mut self, name: &str) -> PathBuf {
        let store = self.folder.path().join("store");
        fs::create_dir_all(&store).unwrap();
        let object = store.join(name);
        Arc::make_mut(&mut self.request.inputs).insert(name.into(), object.clone());
        object
    }
}

pub struct Ran {
    pub folder: tempfile::TempDir,
    pub log: String,
}

impl Ran {
    pub fn output(&self) -> PathBuf {
        self.folder.path().join("scratch/store").join(OUT)
    }
}

pub fn sandbox() -> Arc<Sandbox> {
    let build_users = Some((60600, 256));
    Arc::new(Sandbox::new(SandboxConfig { build_users }))
}

/// Runs a step on a thread of its own, as a build does.
pub async fn run(
    sandbox: &Arc<Sandbox>,
    request: StepRequest,
) -> Result<StepOutcome, BackendError> {
    let sandbox = Arc::clone(sandbox);
    tokio::task::spawn_blocking(move || sandbox.run(request))
        .await
        .unwrap()
}

pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Processes of this host with `mark` among their arguments.
pub fn processes_with(mark: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let arguments = entries.filter_map(|entry| {
        entry.file_name().to_str()?.parse::<u32>().ok()?;
        fs::read(entry.path().join("cmdline")).ok()
    });
    let texts = arguments.map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "));
    texts.filter(|text| text.contains(mark)).collect()
}

/// Waits, without sleeping blindly, for something that another process does.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Everything a hostile step can do to stay: a session of its own, deaf to
/// signals, with the log open. `mark` is found in its arguments.
pub fn stubborn(mark: &str) -> String {
    format!(
        "trap '' TERM HUP INT
         for i in 1 2 3; do setsid sh -c 'trap \"\" TERM HUP INT; (while :; do sleep 1000; done) & \
         while :; do sleep 1000; done' {mark} & done
         setsid sh -c 'trap \"\" TERM; while :; do sleep 1000; done' {mark} &\n"
    )
}

/// Unique among tests and their second run.
pub fn mark() -> String {
    let folder = tempfile::Builder::new().prefix("mark-").tempdir().unwrap();
    folder
        .path()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

/// Runs all other tests of this program as an ordinary user, when root runs this one, called `name`.
pub fn again_as_an_ordinary_user(name: &str) {
    if !is_root() {
        return;
    }
    let this = fs::read_link("/proc/self/exe").unwrap();
    let mut command = std::process::Command::new(this);
    command.args(["--skip", name, "--nocapture", "--test-threads=4"]);
    std::os::unix::process::CommandExt::uid(&mut command, 61234);
    std::os::unix::process::CommandExt::gid(&mut command, 61234);
    let output = command.current_dir("/").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("test result: ok"), "{said}");
    eprintln!("{said}");
}
