//! Every table but the remotes: its keys, their defaults and their limits.

use super::error::Problem;
use super::reader::Section;
use super::remotes::fill;
use crate::model::{BackendKind, HostName};
use std::num::NonZero;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// Refuses the tables whose feature is not in this version, once something in
/// them asks for it. Their keys are checked all the same.
pub(super) fn refuse_later(top: &Section<'_>) -> Result<(), Problem> {
    let trust = top.section(
        "trust",
        &[
            "openpgp_keys",
            "ssh_allowed_signers",
            "verify",
            "initial_commit",
        ],
    )?;
    trust.choice(
        "verify",
        "none",
        &[("none", ()), ("head", ()), ("range", ())],
    )?;
    trust.only_yet("verify", "none")?;
    for key in ["openpgp_keys", "ssh_allowed_signers", "initial_commit"] {
        trust.not_yet(key)?;
    }
    top.section("webhook", &["listen", "secret_file"])?
        .not_yet("listen")?;
    top.section("metrics", &["listen"])?.not_yet("listen")?;
    top.section("otlp", &["endpoint"])?.not_yet("endpoint")?;
    top.section("http", &["listen"])?.not_yet("listen")?;
    for key in ["hooks", "caches", "nix", "activation"] {
        top.not_yet(key)?;
    }
    Ok(())
}

/// `host`, by default what the kernel calls this machine.
pub(super) fn host(top: &Section<'_>) -> Result<HostName, Problem> {
    // A name the kernel gives and kiln cannot use reads like a wrong `host`.
    let kernel = nix::unistd::gethostname().unwrap_or_default();
    top.parsed("host", &kernel.to_string_lossy())
}

/// `[repository]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Of the tree of every commit: relative, without `..`; `.` is the tree itself.
    pub subdir: String,
}

impl Repository {
    pub(super) fn read(top: &Section<'_>, host: &HostName) -> Result<Self, Problem> {
        let section = top.section("repository", &["subdir", "submodules"])?;
        section.boolean("submodules", false)?;
        section.not_yet("submodules")?;
        let subdir = section.text_as("subdir", ".", |text| inside(&fill(text, host)))?;
        Ok(Repository { subdir })
    }
}

/// A relative path that stays below where it begins, in its shortest form.
fn inside(text: &str) -> Result<String, String> {
    let mut parts = Vec::new();
    for component in Path::new(text).components() {
        match component {
            Component::Normal(part) => parts.push(part.to_string_lossy()),
            Component::CurDir => {}
            _ => return Err(format!("{text:?} must be a relative path without ..")),
        }
    }
    match parts.as_slice() {
        [] => Ok(".".to_owned()),
        parts => Ok(parts.join("/")),
    }
}

/// `[backend]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    pub kind: BackendChoice,
}

/// Which backend evaluates a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackendChoice {
    /// By what lies in the commit.
    Auto,
    /// Always this one.
    Always(BackendKind),
}

impl Backend {
    pub(super) fn read(top: &Section<'_>) -> Result<Self, Problem> {
        let section = top.section("backend", &["kind", "attribute"])?;
        let words = [
            ("auto", BackendChoice::Auto),
            ("native", BackendChoice::Always(BackendKind::Native)),
            ("nix-flake", BackendChoice::Always(BackendKind::NixFlake)),
            ("nix", BackendChoice::Always(BackendKind::Nix)),
        ];
        let kind = section.choice("kind", "auto", &words)?;
        if matches!(
            kind,
            BackendChoice::Always(BackendKind::NixFlake | BackendKind::Nix)
        ) {
            section.only_yet("kind", "native")?;
        }
        section.not_yet("attribute")?;
        Ok(Backend { kind })
    }
}

/// `[builder]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Builder {
    pub eval_timeout: Duration,
    /// Bytes of address space.
    pub eval_memory: u64,
    pub build_timeout: Duration,
    /// A step that prints nothing for this long is ended.
    pub silence_timeout: Duration,
    pub retry: Retry,
}

/// Transient failures: how often, and how long between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// The first included; 1 retries nothing.
    pub attempts: u32,
    pub first_delay: Duration,
    pub max_delay: Duration,
}

const BUILDER_KEYS: [&str; 11] = [
    "eval_timeout",
    "eval_memory",
    "build_timeout",
    "silence_timeout",
    "preemption",
    "preemption_limit",
    "confirm",
    "confirm_after",
    "max_suspend",
    "local",
    "retry",
];

impl Builder {
    pub(super) fn read(top: &Section<'_>) -> Result<Self, Problem> {
        let section = top.section("builder", &BUILDER_KEYS)?;
        refuse_later_builder(&section)?;
        Ok(Builder {
            eval_timeout: section.duration("eval_timeout", "30m")?,
            eval_memory: section.size("eval_memory", "1GiB")?,
            build_timeout: section.duration("build_timeout", "4h")?,
            silence_timeout: section.duration("silence_timeout", "30m")?,
            retry: Retry::read(&section)?,
        })
    }
}

/// The words of what is to come are checked, then refused.
fn refuse_later_builder(section: &Section<'_>) -> Result<(), Problem> {
    section.choice(
        "preemption",
        "always",
        &[("always", ()), ("finish-build", ())],
    )?;
    section.only_yet("preemption", "always")?;
    section.number("preemption_limit", 5, 1..=1000)?;
    section.choice(
        "confirm",
        "none",
        &[("none", ()), ("auto", ()), ("manual", ())],
    )?;
    section.only_yet("confirm", "none")?;
    section.duration("confirm_after", "2m")?;
    section.not_yet("max_suspend")?;
    section.choice("local", "allow", &[("allow", ()), ("never", ())])?;
    section.only_yet("local", "allow")
}

impl Retry {
    fn read(builder: &Section<'_>) -> Result<Self, Problem> {
        let section = builder.section("retry", &["attempts", "first_delay", "max_delay"])?;
        let retry = Retry {
            attempts: section.number("attempts", 5, 1..=1000)?,
            first_delay: section.duration("first_delay", "10s")?,
            max_delay: section.duration("max_delay", "10m")?,
        };
        match retry.max_delay < retry.first_delay {
            true => Err(section.problem("max_delay", "it is shorter than first_delay")),
            false => Ok(retry),
        }
    }
}

/// `[native]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Native {
    /// Below the subdirectory: relative, without `..`.
    pub file: String,
    /// Steps at a time; 0: one per core, see [`Native::job_count`].
    pub jobs: u32,
    /// Build what does not depend on a failed step.
    pub keep_going: bool,
    /// Keep the folder of a failed step.
    pub keep_failed: bool,
    pub sandbox: Sandbox,
    pub platform: Platform,
    /// Of the host, seen by every step, read-only.
    pub sandbox_paths: Vec<PathBuf>,
    pub build_users: BuildUsers,
    /// Where a `fetch` may not go.
    pub fetch_deny: Vec<FetchDeny>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sandbox {
    Required,
    Off,
}

/// What a step that sees the host's tools depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Platform {
    /// System and os-release `ID-VERSION_ID`.
    Auto,
    /// A name an operator gives.
    Named(String),
}

/// User ids steps run as; nobody else may use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuildUsers {
    pub first: u32,
    pub count: u32,
}

/// Addresses a `fetch` may not reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchDeny {
    Loopback,
    LinkLocal,
    /// Of cloud providers.
    Metadata,
}

const NATIVE_KEYS: [&str; 11] = [
    "file",
    "platforms",
    "jobs",
    "keep_going",
    "keep_failed",
    "sandbox",
    "platform",
    "sandbox_paths",
    "build_users",
    "netrc_file",
    "fetch_deny",
];
const SANDBOX_PATHS: [&str; 5] = ["/bin", "/usr", "/lib", "/lib64", "/etc/alternatives"];

impl Native {
    pub(super) fn read(top: &Section<'_>) -> Result<Self, Problem> {
        let section = top.section("native", &NATIVE_KEYS)?;
        section.not_yet("platforms")?;
        section.not_yet("netrc_file")?;
        Ok(Native {
            file: section.text_as("file", "kiln.star", file_inside)?,
            jobs: section.number("jobs", 0, 0..=4096)?,
            keep_going: section.boolean("keep_going", false)?,
            keep_failed: section.boolean("keep_failed", false)?,
            sandbox: section.choice(
                "sandbox",
                "required",
                &[("required", Sandbox::Required), ("off", Sandbox::Off)],
            )?,
            platform: platform(&section)?,
            sandbox_paths: sandbox_paths(&section)?,
            build_users: BuildUsers::read(&section)?,
            fetch_deny: fetch_deny(&section)?,
        })
    }

    /// Steps at a time, with 0 resolved; at least 1.
    pub fn job_count(&self) -> usize {
        match self.jobs {
            0 => std::thread::available_parallelism().map_or(1, NonZero::get),
            jobs => jobs as usize,
        }
    }
}

fn file_inside(text: &str) -> Result<String, String> {
    match inside(text)? {
        file if file == "." => Err("it must name a file".into()),
        file => Ok(file),
    }
}

fn platform(section: &Section<'_>) -> Result<Platform, Problem> {
    let name = section.text_as("platform", "auto", |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.+:".contains(c);
        match !text.is_empty() && text.len() <= 200 && text.chars().all(plain) {
            true => Ok(text.to_owned()),
            false => Err("it is \"auto\" or a name of letters, digits and -_.+:".to_owned()),
        }
    })?;
    match name.as_str() {
        "auto" => Ok(Platform::Auto),
        "packages" => section
            .only_yet("platform", "auto")
            .map(|()| Platform::Auto),
        _ => Ok(Platform::Named(name)),
    }
}

fn sandbox_paths(section: &Section<'_>) -> Result<Vec<PathBuf>, Problem> {
    let texts = section.texts("sandbox_paths", &SANDBOX_PATHS)?;
    let usable = |path: &Path| {
        let mut parts = path.components();
        parts.next() == Some(Component::RootDir)
            && path.parent().is_some()
            && parts.all(|part| matches!(part, Component::Normal(_)))
    };
    match texts.iter().find(|text| !usable(Path::new(text))) {
        Some(bad) => {
            let message = format!("{bad:?} must be an absolute path below / without ..");
            Err(section.problem("sandbox_paths", &message))
        }
        None => Ok(texts.into_iter().map(PathBuf::from).collect()),
    }
}

fn fetch_deny(section: &Section<'_>) -> Result<Vec<FetchDeny>, Problem> {
    section.choices(
        "fetch_deny",
        &["loopback", "link-local", "metadata"],
        &[
            ("loopback", FetchDeny::Loopback),
            ("link-local", FetchDeny::LinkLocal),
            ("metadata", FetchDeny::Metadata),
        ],
    )
}

impl BuildUsers {
    fn read(native: &Section<'_>) -> Result<Self, Problem> {
        let section = native.section("build_users", &["first", "count"])?;
        // 65534 is nobody, and above 2^31 ids are negative for some.
        let first = section.number("first", 60_600, 1..=i32::MAX as u32)?;
        let count = section.number("count", 32, 1..=4096)?;
        let users = first..first.saturating_add(count);
        let taken = |id: &u32| (30_001..=30_032).contains(id) || *id == 65_534 || *id == 65_535;
        match users.into_iter().find(taken) {
            Some(id) => {
                let message =
                    format!("uid {id} is used by others (Nix: 30001 to 30032, nobody: 65534)");
                Err(section.problem("first", &message))
            }
            None => Ok(BuildUsers { first, count }),
        }
    }
}

/// `[limits]`: of one step; it may ask for less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes; none: 75 % of RAM divided by the jobs, at least 1 GiB.
    pub memory: Option<u64>,
    pub processes: u32,
    /// Bytes of `/build` and `/tmp`; none: 50 % of RAM as tmpfs.
    pub scratch: Option<u64>,
    /// Bytes.
    pub output_size: u64,
    /// Bytes.
    pub log_size: u64,
}

impl Limits {
    pub(super) fn read(top: &Section<'_>) -> Result<Self, Problem> {
        let keys = ["memory", "processes", "scratch", "output_size", "log_size"];
        let section = top.section("limits", &keys)?;
        Ok(Limits {
            memory: section.optional_size("memory")?,
            processes: section.number("processes", 4096, 1..=4_194_304)?,
            scratch: section.optional_size("scratch")?,
            output_size: section.size("output_size", "8GiB")?,
            log_size: section.size("log_size", "64MiB")?,
        })
    }
}

/// `[store]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Bytes of free space below which nothing starts.
    pub min_free: u64,
}

impl Store {
    pub(super) fn read(top: &Section<'_>) -> Result<Self, Problem> {
        let section = top.section("store", &["gc", "min_free"])?;
        section.choice("gc", "auto", &[("auto", ())])?;
        let min_free = section.text_as("min_free", "2GiB", super::parse_size)?;
        Ok(Store { min_free })
    }
}

/// `[retention]`: a generation leaves when beyond the count and older than the days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Built generations kept.
    pub built: u32,
    /// Other generations kept.
    pub failed: u32,
    pub days: u32,
    /// Bytes.
    pub logs: u64,
    pub events: u32,
}

impl Retention {
    pub(super) fn read(top: &Section<'_>) -> Result<Self, Problem> {
        let section = top.section("retention", &["built", "failed", "days", "logs", "events"])?;
        Ok(Retention {
            built: section.number("built", 5, 1..=u32::MAX)?,
            failed: section.number("failed", 20, 0..=u32::MAX)?,
            days: section.number("days", 90, 0..=u32::MAX)?,
            logs: section.size("logs", "1GiB")?,
            events: section.number("events", 100_000, 1000..=u32::MAX)?,
        })
    }
}

/// `[grpc]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grpc {
    pub socket: PathBuf,
    /// Permission bits of the socket.
    pub mode: u32,
    /// Its members may change; empty: nobody but root and the agent's user.
    pub group: String,
    /// Users that may read.
    pub readers: Vec<String>,
}

impl Grpc {
    pub(super) fn read(top: &Section<'_>) -> Result<Self, Problem> {
        let keys = ["socket", "mode", "group", "readers", "listen", "tls"];
        let section = top.section("grpc", &keys)?;
        section.not_yet("listen")?;
        section.not_yet("tls")?;
        let socket = section.path_value("socket", "/run/kiln/kiln.sock")?;
        if socket.as_os_str().len() > 107 {
            return Err(section.problem("socket", "a socket's path may have at most 107 bytes"));
        }
        Ok(Grpc {
            socket,
            mode: section.text_as("mode", "0660", parse_mode)?,
            group: section.text("group", "kiln")?,
            readers: section.texts("readers", &[])?,
        })
    }

    /// For one user alone.
    pub(super) fn private(socket: PathBuf) -> Self {
        Grpc {
            socket,
            mode: 0o600,
            group: String::new(),
            readers: Vec::new(),
        }
    }
}

fn parse_mode(text: &str) -> Result<u32, String> {
    let digits = text.len() <= 4 && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    match u32::from_str_radix(text, 8) {
        Ok(mode) if digits && mode <= 0o777 => Ok(mode),
        _ => Err(format!(
            "{text:?} is not a mode; write for example \"0660\""
        )),
    }
}
