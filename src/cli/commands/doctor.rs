use crate::backend::native::provider::kept::{kept, kept_by};
use crate::backend::native::provider::sandbox::{Sandbox, SandboxConfig, probe};
use crate::cli::error::{CliError, Outcome, Problem};
use crate::cli::{Context, places};
use crate::config::{self, Config};
use crate::model::HostName;
use crate::process::{End, Spawn, Stream};
use crate::state::{Lock, StateError};
use nix::sys::statvfs::statvfs;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Where programs are looked for, whatever the caller's PATH is.
const PATH: &str =
    "/usr/local/bin:/usr/bin:/bin:/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin";

/// Say what this host supports and why not; exit 0 when kiln can work here.
///
/// Runs a step in the sandbox, in a folder of its own that is removed again.
#[derive(Debug, clap::Args)]
pub struct Doctor {
    /// The configuration, when it exists.
    #[arg(long = "config", env = "KILN_CONFIG", default_value = places::SYSTEM_CONFIG, value_name = "FILE")]
    config: PathBuf,
    /// The state [default: the configuration's; for an ordinary user that of `kiln dev`].
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Fine,
    /// kiln works, with less.
    Less,
    /// kiln cannot work.
    Broken,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Fine => "fine",
            Verdict::Less => "less",
            Verdict::Broken => "broken",
        }
    }
}

struct Finding {
    about: &'static str,
    verdict: Verdict,
    found: String,
    /// What to do; empty where nothing is.
    advice: &'static str,
}

fn finding(
    about: &'static str,
    verdict: Verdict,
    found: impl Into<String>,
    advice: &'static str,
) -> Finding {
    Finding {
        about,
        verdict,
        found: found.into(),
        advice,
    }
}

impl Doctor {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let (config, mut findings) = self.configuration()?;
        let state = self.state_dir.unwrap_or_else(|| {
            let own = context
                .env
                .state_home
                .as_ref()
                .map(|home| home.join("kiln"));
            match nix::unistd::geteuid().is_root() {
                true => config.state_dir.clone(),
                false => own.unwrap_or_else(|| config.state_dir.clone()),
            }
        });
        let (place, found) = state_folder(&state);
        findings.push(found);
        findings.extend(sandbox(&place, &config).await);
        findings.extend(kernel());
        findings.extend(limits(&state));
        findings.push(program("git", "remotes over git and ssh need it").await);
        findings.push(program("nix", "flakes and plain Nix need it; kiln.star does not").await);
        for finding in &findings {
            show(context, finding)?;
        }
        let works = findings
            .iter()
            .all(|finding| finding.verdict != Verdict::Broken);
        Ok(if works {
            Outcome::Done
        } else {
            Outcome::Failed
        })
    }

    fn configuration(&self) -> Result<(Config, Vec<Finding>), CliError> {
        let path = self.config.display();
        let about = "configuration";
        Ok(
            match self.config.exists().then(|| config::load(&self.config)) {
                Some(Ok(config)) => (
                    config,
                    vec![finding(about, Verdict::Fine, path.to_string(), "")],
                ),
                Some(Err(error)) => {
                    let found = finding(
                        about,
                        Verdict::Broken,
                        error.to_string(),
                        "mend it; kiln config check says whether it is",
                    );
                    (plain_config()?, vec![found])
                }
                None => {
                    let found = format!("{path} does not exist: looked at with the defaults");
                    (
                        plain_config()?,
                        vec![finding(about, Verdict::Fine, found, "")],
                    )
                }
            },
        )
    }
}

/// What is in effect without a file.
fn plain_config() -> Result<Config, CliError> {
    let told = |error: &dyn std::error::Error| Problem::failed(error.to_string());
    let host: HostName = "localhost".parse().map_err(|error| told(&error))?;
    let places = (places::SYSTEM_STATE.into(), places::SYSTEM_SOCKET.into());
    Ok(Config::for_dev(host, places.0, places.1).map_err(|error| told(&error))?)
}

fn show(context: &Context, finding: &Finding) -> Result<(), CliError> {
    let Finding {
        about,
        verdict,
        found,
        advice,
    } = finding;
    if context.out.json {
        let line = serde_json::json!({"about": about, "verdict": verdict.word(), "found": found, "advice": advice});
        return context.out.text(&line.to_string());
    }
    context
        .out
        .text(&format!("{:<7} {about}: {found}", verdict.word()))?;
    match advice.is_empty() {
        true => Ok(()),
        false => context.out.text(&format!("        {advice}")),
    }
}

/// The nearest folder there is already, and whether it can be written.
fn state_folder(state: &Path) -> (PathBuf, Finding) {
    let about = "state";
    let place = state
        .ancestors()
        .find(|folder| folder.is_dir())
        .unwrap_or(Path::new("/"));
    let free = statvfs(place).map_or(0, |found| found.blocks_available() * found.fragment_size());
    let described = format!(
        "{} on {}, {} MiB free",
        state.display(),
        file_system(place),
        free >> 20
    );
    let writable = nix::unistd::access(
        place,
        nix::unistd::AccessFlags::W_OK | nix::unistd::AccessFlags::X_OK,
    );
    let found = match writable {
        Ok(()) => finding(about, Verdict::Fine, described, ""),
        Err(error) => finding(
            about,
            Verdict::Broken,
            format!(
                "{described}; {} cannot be written: {error}",
                place.display()
            ),
            "run kiln as its owner, or name another with --state-dir",
        ),
    };
    (place.to_owned(), found)
}

/// The type of the file system a folder lies on, from the kernel's table.
fn file_system(folder: &Path) -> String {
    let table = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mounts = table.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((Path::new(fields.next()?), fields.next()?))
    });
    let holding = mounts.filter(|(point, _)| folder.starts_with(point));
    // The later of two at one place hides the earlier.
    let nearest = holding.max_by_key(|(point, _)| point.components().count());
    nearest
        .map_or("an unknown file system", |(_, kind)| kind)
        .to_owned()
}

async fn sandbox(place: &Path, config: &Config) -> Vec<Finding> {
    let users = config.native.build_users;
    let sandbox = SandboxConfig {
        build_users: Some((users.first, users.count)),
    };
    let mut findings = Vec::new();
    if nix::unistd::geteuid().is_root() {
        let range = format!(
            "{} to {}",
            users.first,
            users.first.saturating_add(users.count).saturating_sub(1)
        );
        findings.push(match Sandbox::new(sandbox).check() {
            Ok(()) => finding(
                "build users",
                Verdict::Fine,
                format!("{range}, used by nobody else"),
                "",
            ),
            Err(error) => finding(
                "build users",
                Verdict::Broken,
                error.to_string(),
                "set native.build_users",
            ),
        });
    }
    let trial = probe::trial(place, sandbox, &config.native.sandbox_paths).await;
    findings.push(match &trial {
        Ok(trial) => finding(
            "sandbox",
            Verdict::Fine,
            format!("a trial step took {} ms", trial.took.as_millis()),
            "",
        ),
        Err(error) => finding(
            "sandbox",
            Verdict::Broken,
            error.clone(),
            "kiln.star cannot be built here before that is mended",
        ),
    });
    if let Ok(trial) = trial {
        findings.push(match trial.overlay {
            true => finding(
                "overlay",
                Verdict::Fine,
                "inputs are mounted beside outputs",
                "",
            ),
            false => finding(
                "overlay",
                Verdict::Less,
                "not in a user namespace on this file system: steps with many inputs start slower",
                "Linux 5.11 and a state on ext4, xfs or btrfs have it",
            ),
        });
    }
    findings
}

fn kernel() -> [Finding; 2] {
    let seccomp = match probe::seccomp() {
        true => finding("seccomp", Verdict::Fine, "system calls are filtered", ""),
        false => finding(
            "seccomp",
            Verdict::Broken,
            "this kernel does not filter system calls",
            "a kernel with CONFIG_SECCOMP_FILTER is needed",
        ),
    };
    let scopes = "a step with output_hash can reach the host's abstract sockets";
    let landlock = match probe::landlock() {
        Some(version @ 6..) => finding("landlock", Verdict::Fine, format!("version {version}"), ""),
        Some(version) => finding(
            "landlock",
            Verdict::Less,
            format!("version {version}: {scopes}"),
            "version 6 (Linux 6.12) keeps it from them",
        ),
        None => finding(
            "landlock",
            Verdict::Less,
            format!("none: {scopes}"),
            "Linux 6.12 with lsm=landlock keeps it from them",
        ),
    };
    [seccomp, landlock]
}

/// What keeps which limit: of the agent that runs, whose cgroup is another than this
/// process's, else of steps that were started from here.
fn limits(state: &Path) -> [Finding; 1] {
    let kept = match Lock::check(state) {
        Err(StateError::Owned { owner, .. }) => kept_by(&owner),
        Ok(()) | Err(_) => kept(),
    };
    [finding("limits", Verdict::Fine, kept.to_string(), "")]
}

async fn program(name: &'static str, otherwise: &'static str) -> Finding {
    let spawn = Spawn {
        program: name.into(),
        args: vec!["--version".into()],
        env: [("PATH", PATH), ("HOME", "/")]
            .map(|(name, value)| (OsString::from(name), value.into()))
            .into(),
        cwd: "/".into(),
        request: None,
        timeout: Some(Duration::from_secs(10)),
        silence: None,
        output_limit: Some(4096),
    };
    let mut said = Vec::new();
    let end = spawn
        .run(&CancellationToken::new(), |stream, bytes| {
            if stream == Stream::Stdout {
                said.extend_from_slice(bytes);
            }
        })
        .await;
    let version = String::from_utf8_lossy(&said);
    match end {
        Ok(End::Exited(status)) if status.success() => finding(
            name,
            Verdict::Fine,
            version.lines().next().unwrap_or_default(),
            "",
        ),
        Ok(
            End::Exited(_)
            | End::TimedOut
            | End::Silent
            | End::TooMuchOutput
            | End::Cancelled
            | End::Stuck { .. },
        ) => finding(name, Verdict::Less, "does not say its version", otherwise),
        Err(error) => finding(
            name,
            Verdict::Less,
            format!("cannot be run: {error}"),
            otherwise,
        ),
    }
}
