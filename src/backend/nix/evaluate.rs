//! A commit to a derivation, by one Nix process; another, started
//! beside it, roots what it comes to.

use super::attribute::shown;
use super::diagnose;
use super::expression::{self, Answer};
use super::program::{Program, Ran, attempted, not_started};
use super::progress::Progress;
use super::reference::{self, Reference};
use super::{NixConfig, NixKind, roots};
use crate::backend::{BackendError, EvaluateRequest, EvaluationOutcome, Source};
use crate::model::{Evaluated, Failure, HostName, NixInputs};
use crate::process::End;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Names that are listed when the one asked for is not among them.
const SHOWN: usize = 30;

/// One evaluation.
pub(super) struct Evaluation<'a> {
    pub config: &'a NixConfig,
    pub request: EvaluateRequest,
    /// Two Nix may open the store at once.
    pub is_open: bool,
}

impl Evaluation<'_> {
    pub async fn run(self) -> Result<EvaluationOutcome, BackendError> {
        let (tell, told) = oneshot::channel();
        let EvaluateRequest { roots, cancel, .. } = &self.request;
        let rooted = async { self.is_open && roots::soon(self.config, roots, told, cancel).await };
        match tokio::join!(self.evaluate(tell), rooted) {
            (Ok(EvaluationOutcome::Succeeded(evaluated)), false) => self.root(evaluated).await,
            (outcome, _) => outcome,
        }
    }

    /// Tells the derivation as soon as it is known.
    async fn evaluate(
        &self,
        tell: oneshot::Sender<String>,
    ) -> Result<EvaluationOutcome, BackendError> {
        let reference = self.reference().await?;
        let mut progress = Progress::of_evaluation(Arc::clone(&self.request.sink));
        let program = self.program(&reference)?;
        let ran = program
            .run(&self.request.cancel, |message| progress.hear(message))
            .await?;
        let outcome = match ran.end {
            End::Exited(status) if status.success() => self.answered(&ran.answer, tell),
            End::Cancelled => EvaluationOutcome::Cancelled,
            End::TimedOut | End::Silent => EvaluationOutcome::TimedOut(self.out_of_time()),
            End::TooMuchOutput => EvaluationOutcome::Failed(self.too_much()),
            End::Exited(status) => self.failed(&ran, status, &progress).await,
            End::Stuck { .. } => EvaluationOutcome::Cancelled, // `run` reports it
        };
        let removed = tokio::task::spawn_blocking(move || drop(reference)).await;
        removed.map_err(|error| attempted("remove the ref of an evaluation", error))?;
        Ok(outcome)
    }

    async fn reference(&self) -> Result<Reference, BackendError> {
        let (source, roots) = (self.request.source.clone(), self.request.roots.clone());
        let made = tokio::task::spawn_blocking(move || Reference::make(&source, &roots));
        let made = made.await;
        made.map_err(|error| attempted("make a ref for the evaluation", error))?
    }

    fn program(&self, reference: &Reference) -> Result<Program, BackendError> {
        let (config, request) = (self.config, &self.request);
        let url = file_url(&request.source.repository)?;
        let names = config.attribute.names(&request.host);
        let program = match config.kind {
            NixKind::Flake => self.of_flake(&url, reference, &names),
            NixKind::Plain => self.of_file(&url, reference, &names),
        };
        Ok(program
            .option("show-trace", "true")
            .timeout(request.timeout)
            .memory(self.memory())
            .output_limit(config.log_size))
    }

    fn of_flake(&self, url: &str, reference: &Reference, names: &[String]) -> Program {
        let source = &self.request.source;
        let mut flake = format!("git+{url}?ref={}&rev={}", reference.name, reference.rev);
        if source.subdir != "." {
            flake.push_str(&format!("&dir={}", percent(&source.subdir)));
        }
        if self.config.submodules {
            flake.push_str("&submodules=1");
        }
        let first = names.first().map_or("", String::as_str);
        flake.push_str(&format!("#{}", percent(&shown(first))));
        let mut program = Program::new(self.config, "nix")
            .args(["eval", "--json", "--no-write-lock-file", &flake])
            .args(["--apply", &expression::of_flake(names)]);
        if self.config.accept_flake_config {
            program = program.args(["--accept-flake-config"]);
        }
        program
    }

    fn of_file(&self, url: &str, reference: &Reference, names: &[String]) -> Program {
        let commit = expression::Commit {
            url,
            reference: &reference.name,
            rev: &reference.rev,
            submodules: self.config.submodules,
        };
        let file = match self.request.source.subdir.as_str() {
            "." => self.config.file.clone(),
            subdir => format!("{subdir}/{}", self.config.file),
        };
        let allowed = self.config.options.iter().rev();
        let allowed = allowed.filter(|(name, _)| name == "allowed-uris");
        let allowed = allowed
            .map(|(_, uris)| uris.as_str())
            .next()
            .unwrap_or_default();
        let expression = expression::of_file(&commit, &file, names);
        Program::new(self.config, "nix-instantiate")
            .args(["--eval", "--strict", "--json", "--read-write-mode"])
            .args(["-E", &expression])
            .option("restrict-eval", "true")
            .option(
                "allowed-uris",
                &format!("{} {allowed}", own_uris(url, reference)),
            )
    }

    fn answered(&self, answer: &str, tell: oneshot::Sender<String>) -> EvaluationOutcome {
        let read = serde_json::from_str(answer).map_err(|error| Failure {
            log_tail: diagnose::tail(answer),
            ..Failure::certain(format!("Nix answers what is no derivation: {error}"))
        });
        match read.and_then(|answer| self.read(answer)) {
            Ok(evaluated) => {
                let _ = tell.send(evaluated.drv_path.clone()); // or it is rooted afterwards
                EvaluationOutcome::Succeeded(evaluated)
            }
            Err(failure) => self.say(failure),
        }
    }

    /// Roots the derivation that could not be rooted at once, or says why not.
    async fn root(&self, evaluated: Evaluated) -> Result<EvaluationOutcome, BackendError> {
        let (drv, roots) = (&evaluated.drv_path, &self.request.roots);
        match roots::derivation(self.config, drv, roots, &self.request.cancel).await {
            Ok(true) => Ok(EvaluationOutcome::Succeeded(evaluated)),
            Ok(false) => {
                let gone = "the derivation was collected as garbage while it was evaluated";
                Ok(self.say(Failure::transient(gone)))
            }
            Err(_) if self.request.cancel.is_cancelled() => Ok(EvaluationOutcome::Cancelled),
            Err(error) => Err(error),
        }
    }

    fn read(&self, answer: Answer) -> Result<Evaluated, Failure> {
        let what = self.config.attribute_of(&self.request.host);
        match answer {
            Answer::Found { drv, .. } if !is_store_path(&drv) || !drv.ends_with(".drv") => {
                let message = format!("{what} has the drvPath {drv:?}, which Nix did not make");
                Err(Failure::certain(diagnose::brief(&message)))
            }
            Answer::Found { drv, out, machine } => Ok(Evaluated {
                // A content-addressed output has a placeholder before it is built.
                out_path: is_beside(&out, &drv).then_some(out),
                machine_id: machine_id(machine)?,
                drv_path: drv,
                secrets: Vec::new(),
                nix: Some(Box::new(self.config.inputs(&self.request.source, &self.request.host))),
                record: None,
            }),
            Answer::Missing { missing, known, depth } => Err(self.undeclared(&missing, &known, depth)),
            Answer::Wrong { wrong } => Err(Failure::certain(format!(
                "{what} is a {wrong}, and neither a derivation nor a NixOS, nix-darwin or home-manager configuration"
            ))
            .hint("name another in `[backend] attribute`")),
        }
    }

    /// The name that is missing is the configuration's or the command's own.
    fn undeclared(&self, missing: &str, known: &[String], depth: usize) -> Failure {
        let names = self.config.attribute.names(&self.request.host);
        let from_top = depth + usize::from(self.config.kind == NixKind::Flake);
        let within: Vec<_> = names
            .iter()
            .take(from_top)
            .map(|name| shown(name))
            .collect();
        let within = match within.as_slice() {
            [] => self.config.file.clone(),
            within => within.join("."),
        };
        let has = match known.len() {
            0 => "it has none".to_owned(),
            1..=SHOWN => format!("it has: {}", known.join(", ")),
            n => format!(
                "it has: {} and {} more",
                known[..SHOWN].join(", "),
                n - SHOWN
            ),
        };
        let message = format!("{within} has no {}; {has}", shown(missing));
        let hint = "declare it, or choose another name: `kiln dev --host NAME`, for the agent `host = \"NAME\"` or `[backend] attribute` in kiln.toml";
        Failure {
            usage: true,
            ..Failure::certain(diagnose::brief(&message)).hint(hint)
        }
    }

    async fn failed(
        &self,
        ran: &Ran,
        status: ExitStatus,
        progress: &Progress,
    ) -> EvaluationOutcome {
        if let Some(failure) = not_started(&ran.end, &progress.last_words()) {
            return self.say(failure);
        }
        let text = progress.error_text();
        let failure = match (status.signal(), progress.failure()) {
            (Some(libc::SIGABRT | libc::SIGSEGV | libc::SIGBUS), _) => self.out_of_memory(),
            (Some(signal), _) => Failure {
                log_tail: progress.last_words(),
                ..Failure::transient(format!("nix was ended by signal {signal}"))
                    .hint("the host may be out of memory: see the kernel's log")
            },
            (None, Some(failure)) if failure.message == "out of memory" => self.out_of_memory(),
            (None, Some(failure)) if failure.message.contains("does not provide attribute") => {
                let first = self.config.attribute.names(&self.request.host);
                let first = first.first().map_or("", String::as_str);
                let message = format!("flake.nix has no output {}", shown(first));
                Failure {
                    usage: true,
                    ..Failure::certain(message).hint("declare it, or set `[backend] attribute`")
                }
            }
            (None, Some(failure)) => super::build::fetched(self.config, failure, progress).await,
            (None, None) => Failure {
                log_tail: progress.last_words(),
                ..Failure::certain(format!("nix failed without a word: {status}"))
            },
        };
        let (source, places) = (self.request.source.clone(), diagnose::places(text));
        let place = tokio::task::spawn_blocking(move || reference::first_inside(&source, places));
        let location = place.await.ok().flatten();
        EvaluationOutcome::Failed(Failure {
            location,
            ..failure
        })
    }

    /// A failure that Nix itself did not put into the log.
    fn say(&self, failure: Failure) -> EvaluationOutcome {
        let text = format!("{}\n", failure.message);
        self.request.sink.log(None, text.as_bytes());
        EvaluationOutcome::Failed(failure)
    }

    fn out_of_time(&self) -> Failure {
        let seconds = self.request.timeout.as_secs_f64();
        Failure::certain(format!(
            "limit reached: the evaluation took longer than {seconds} s"
        ))
        .hint(
            "raise `[builder] eval_timeout` in the configuration, or look for an endless recursion",
        )
    }

    /// Bytes of address space.
    fn memory(&self) -> u64 {
        self.request.memory.max(self.config.least_memory)
    }

    fn out_of_memory(&self) -> Failure {
        Failure::certain(format!(
            "limit reached: the evaluation needs more than its {} MiB of memory",
            self.memory() >> 20
        ))
        .hint("raise `[builder] eval_memory` in the configuration")
    }

    fn too_much(&self) -> Failure {
        Failure::certain(format!(
            "limit reached: the evaluation says more than {} MiB",
            self.config.log_size >> 20
        ))
        .hint("look for builtins.trace, or raise `[limits] log_size`")
    }
}

impl NixConfig {
    /// The attribute for a host, as a person would write it.
    pub(super) fn attribute_of(&self, host: &HostName) -> String {
        let names = self.attribute.names(host);
        let shown: Vec<_> = names.iter().map(|name| shown(name)).collect();
        shown.join(".")
    }

    /// What decides an evaluation beside commit, host and kind.
    pub(super) fn inputs(&self, source: &Source, host: &HostName) -> NixInputs {
        NixInputs {
            subdir: source.subdir.clone(),
            attribute: self.attribute_of(host),
            submodules: self.submodules,
            file: match self.kind {
                NixKind::Flake => None,
                NixKind::Plain => Some(self.file.clone()),
            },
        }
    }
}

/// A path such as `/nix/store/<32 characters>-<name>`, in whatever folder: what a
/// repository calls a derivation may say anything.
pub(super) fn is_store_path(text: &str) -> bool {
    let Some((folder, name)) = text.rsplit_once('/') else {
        return false;
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._?=".contains(&byte);
    let is_named = name.len() > 33 && name.as_bytes()[32] == b'-' && name.bytes().all(plain);
    let leads_away = |part: &str| part == "." || part == "..";
    let is_folder = folder.starts_with('/')
        && !folder.contains(|c: char| c.is_control())
        && !folder.split('/').any(leads_away);
    is_named && is_folder
}

fn is_beside(out: &str, drv: &str) -> bool {
    is_store_path(out) && Path::new(out).parent() == Path::new(drv).parent()
}

fn machine_id(value: serde_json::Value) -> Result<Option<String>, Failure> {
    match value {
        serde_json::Value::Null => Ok(None),
        serde_json::Value::String(id) => Ok(Some(id.trim().to_owned()).filter(|id| !id.is_empty())),
        _ => Err(Failure::certain("the configuration's machineId is no text")
            .hint("write services.kiln.machineId = \"...\", as in /etc/machine-id")),
    }
}

/// `file:///var/lib/kiln/repository`
fn file_url(repository: &Path) -> Result<String, BackendError> {
    let text = repository.to_str().filter(|path| path.starts_with('/'));
    match text {
        Some(path) => Ok(format!("file://{}", percent(path))),
        None => {
            let why = std::io::Error::other("it is no absolute path in UTF-8");
            let what = format!("name the repository {} to Nix", repository.display());
            Err(attempted(what, why))
        }
    }
}

/// By what names a restricted Nix asks for the commit: until 2.19 by the plain
/// URL, since then by one that has all there is to it.
fn own_uris(url: &str, reference: &Reference) -> String {
    let Reference { name, rev, .. } = reference;
    let exact = format!("ref={name}&rev={rev}");
    format!(
        "{url} git+{url}?exportIgnore=1&{exact} git+{url}?{exact} git+{url}?{exact}&submodules=1"
    )
}

/// Percent-encodes what may mean something in a URL's path, query or fragment.
pub(super) fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let encoded = text.bytes().map(|byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    encoded.collect()
}
