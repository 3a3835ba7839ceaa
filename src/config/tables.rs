//! Every table but `[[remotes]]` and `[native]`: its keys, their defaults and their limits.

use super::caches::Cache;
use super::error::Problem;
use super::reader::Section;
use super::remotes::fill;
use crate::backend::nix::{Attribute, InvalidAttribute};
use crate::model::{
    BackendKind, CommitId, Confirmation, HostName, InvalidName, Preemption, RetryPolicy,
};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

const TRUST_KEYS: [&str; 4] = [
    "openpgp_keys",
    "ssh_allowed_signers",
    "verify",
    "initial_commit",
];

/// `trust.initial_commit`: the first commit accepted must descend from it.
pub(super) fn initial_commit(top: &Section<'_>) -> Result<Option<CommitId>, Problem> {
    let trust = top.section("trust", &TRUST_KEYS)?;
    trust.text_as("initial_commit", "", |text| match text {
        "" => Ok(None),
        id => id
            .parse()
            .map(Some)
            .map_err(|error: InvalidName| error.why.to_owned()),
    })
}

/// Refuses the tables whose feature is not in this version, once something in
/// them asks for it. Their keys are checked all the same.
pub(super) fn refuse_later(top: &Section<'_>) -> Result<(), Problem> {
    let trust = top.section("trust", &TRUST_KEYS)?;
    trust.choice(
        "verify",
        "none",
        &[("none", ()), ("head", ()), ("range", ())],
    )?;
    trust.only_yet("verify", "none")?;
    for key in ["openpgp_keys", "ssh_allowed_signers"] {
        trust.not_yet(key)?;
    }
    top.section("webhook", &["listen", "secret_file"])?
        .not_yet("listen")?;
    top.section("metrics", &["listen"])?.not_yet("listen")?;
    top.section("otlp", &["endpoint"])?.not_yet("endpoint")?;
    top.section("http", &["listen"])?.not_yet("listen")?;
    top.not_yet("activation")
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
    /// Submodules are part of a commit's files.
    pub submodules: bool,
}

impl Repository {
    pub(super) fn read(
        top: &Section<'_>,
        host: &HostName,
        kind: BackendChoice,
    ) -> Result<Self, Problem> {
        let section = top.section("repository", &["subdir", "submodules"])?;
        let subdir = section.text_as("subdir", ".", |text| inside(&fill(text, host)))?;
        let submodules = section.boolean("submodules", false)?;
        match kind {
            BackendChoice::Always(BackendKind::NixFlake | BackendKind::Nix) => {}
            BackendChoice::Auto | BackendChoice::Always(BackendKind::Native) if submodules => {
                let message = "kiln.star does not see submodules yet; remove it, or set \
                               [backend] kind to \"nix-flake\" or \"nix\"";
                return Err(section.problem("submodules", message));
            }
            BackendChoice::Auto | BackendChoice::Always(BackendKind::Native) => {}
        }
        Ok(Repository { subdir, submodules })
    }
}

/// A relative path that stays below where it begins, in its shortest form.
pub(super) fn inside(text: &str) -> Result<String, String> {
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
    /// What Nix evaluates; none: its default.
    pub attribute: Option<Attribute>,
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
        let attribute = section.text_as("attribute", "", attribute)?;
        if attribute.is_some() && kind == BackendChoice::Always(BackendKind::Native) {
            let message = "it is of Nix, and kind = \"native\" never asks Nix; remove one of them";
            return Err(section.problem("attribute", message));
        }
        Ok(Backend { kind, attribute })
    }
}

fn attribute(text: &str) -> Result<Option<Attribute>, String> {
    match text {
        "" => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|error: InvalidAttribute| error.to_string()),
    }
}

/// `[builder]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Builder {
    pub eval_timeout: Duration,
    /// Bytes of address space; `None`: what the backend takes for enough.
    pub eval_memory: Option<u64>,
    pub build_timeout: Duration,
    /// A step that prints nothing for this long is ended.
    pub silence_timeout: Duration,
    pub retry: RetryPolicy,
    pub preemption: Preemption,
    pub confirm: Confirmation,
    /// A suspension ends by itself at the latest then.
    pub max_suspend: Option<Duration>,
    pub local: LocalBuilds,
}

/// Whether steps run on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalBuilds {
    Allow,
    /// Binary caches are asked, and what they have not is waited for.
    Never,
}

/// What is shown for `eval_memory` where nobody says: enough for kiln.star. Other
/// backends know better what they need.
const EVAL_MEMORY: &str = "1GiB";

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
    pub(super) fn read(
        top: &Section<'_>,
        caches: &[Cache],
        kind: BackendChoice,
    ) -> Result<Self, Problem> {
        let section = top.section("builder", &BUILDER_KEYS)?;
        Ok(Builder {
            local: read_local(&section, caches, kind)?,
            retry: read_retry(&section)?,
            preemption: read_preemption(&section)?,
            confirm: read_confirmation(&section)?,
            max_suspend: section.optional_duration("max_suspend")?,
            eval_timeout: section.duration("eval_timeout", "30m")?,
            eval_memory: section.explicit_size("eval_memory", EVAL_MEMORY)?,
            build_timeout: section.duration("build_timeout", "4h")?,
            silence_timeout: section.duration("silence_timeout", "30m")?,
        })
    }
}

fn read_local(
    section: &Section<'_>,
    caches: &[Cache],
    kind: BackendChoice,
) -> Result<LocalBuilds, Problem> {
    let words = [("allow", LocalBuilds::Allow), ("never", LocalBuilds::Never)];
    let local = section.choice("local", "allow", &words)?;
    // Nix has substituters and builders of its own to ask, which may be all there
    // is under `auto`: a commit of kiln.star says so when it waits.
    let asks_caches = match kind {
        BackendChoice::Always(BackendKind::Native) => true,
        BackendChoice::Auto | BackendChoice::Always(BackendKind::NixFlake | BackendKind::Nix) => {
            false
        }
    };
    match local == LocalBuilds::Never && caches.is_empty() && asks_caches {
        true => Err(section.problem(
            "local",
            "nothing could ever be built: there are no [[caches]] to ask",
        )),
        false => Ok(local),
    }
}

fn read_preemption(section: &Section<'_>) -> Result<Preemption, Problem> {
    let limit = section.number("preemption_limit", 5, 1..=1000)?;
    let words = [
        ("always", Preemption::Always),
        ("finish-build", Preemption::FinishBuild(limit)),
    ];
    section.choice("preemption", "always", &words)
}

fn read_confirmation(section: &Section<'_>) -> Result<Confirmation, Problem> {
    let after = section.duration("confirm_after", "2m")?;
    let words = [
        ("none", Confirmation::None),
        ("auto", Confirmation::Auto(after)),
        ("manual", Confirmation::Manual),
    ];
    section.choice("confirm", "none", &words)
}

fn read_retry(builder: &Section<'_>) -> Result<RetryPolicy, Problem> {
    let section = builder.section("retry", &["attempts", "first_delay", "max_delay"])?;
    let retry = RetryPolicy {
        attempts: section.number("attempts", 5, 1..=1000)?,
        first_delay: section.duration("first_delay", "10s")?,
        max_delay: section.duration("max_delay", "10m")?,
    };
    match retry.max_delay < retry.first_delay {
        true => Err(section.problem("max_delay", "it is shorter than first_delay")),
        false => Ok(retry),
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
        let retention = Retention {
            built: section.number("built", 5, 1..=u32::MAX)?,
            failed: section.number("failed", 20, 0..=u32::MAX)?,
            days: section.number("days", 90, 0..=u32::MAX)?,
            logs: section.size("logs", "1GiB")?,
            events: section.number("events", 100_000, 100..=u32::MAX)?,
        };
        Ok(retention)
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
    /// Names of users that may read; none: whoever the mode lets in. Where there
    /// are any, everybody can connect and what they may do is asked at each call.
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

    /// The mode the socket gets.
    pub fn socket_mode(&self) -> u32 {
        match self.readers.is_empty() {
            true => self.mode,
            false => 0o666,
        }
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
