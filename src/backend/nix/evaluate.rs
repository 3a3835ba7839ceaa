//! A commit to a derivation, by one Nix process; another, started
//! beside it, roots what it comes to.

use super::attribute::shown;
use super::cache::{self, InUse};
use super::diagnose;
use super::expression::{self, Answer, Question};
use super::messages::Message;
use super::program::{Program, Ran, attempted, not_started};
use super::progress::Progress;
use super::reference::{self, Reference, file_url, own_uris, percent};
use super::{NixConfig, NixKind, roots};
use crate::backend::{BackendError, EvaluateRequest, EvaluationOutcome, Source};
use crate::model::{Evaluated, Failure, HostName, NixInputs};
use crate::process::End;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Bytes of address space where nobody says: a NixOS configuration takes 1 to
/// 4 GiB of memory.
const EVAL_MEMORY: u64 = 8 << 30;
/// Names that are listed when the one asked for is not among them.
const SHOWN: usize = 30;

/// One evaluation.
pub(super) struct Evaluation<'a> {
    pub config: &'a NixConfig,
    pub request: EvaluateRequest,
    /// Two Nix may open the store at once.
    pub is_open: bool,
    /// What fails goes to the log too; else who asks is told by the failure alone.
    pub logs_errors: bool,
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
        let names = self.config.attribute.names(&self.request.host);
        Ok(match self.ask(Question::Derivation, &names).await? {
            Ok(answer) => self.answered(&answer, tell),
            Err(outcome) => outcome,
        })
    }

    /// The names in an attribute of the commit, or why they are not known.
    pub async fn names(
        self,
        path: &[String],
    ) -> Result<Result<Vec<String>, EvaluationOutcome>, BackendError> {
        let answer = match self.ask(Question::Names, path).await? {
            Ok(answer) => self.parsed(&answer),
            Err(outcome) => return Ok(Err(outcome)),
        };
        let names = answer.and_then(|answer| match answer {
            Answer::Names { names } => Ok(names),
            other => Err(self.refused(other, path)),
        });
        Ok(names.map_err(|failure| self.say(failure)))
    }

    /// What Nix answers about an attribute; where it does not, the evaluation's end.
    /// A cache that is damaged is made anew, once.
    async fn ask(
        &self,
        question: Question,
        names: &[String],
    ) -> Result<Result<String, EvaluationOutcome>, BackendError> {
        let asked = self.ask_once(question, names).await?;
        if let Err(EvaluationOutcome::Failed(failure)) = &asked
            && cache::is_damage(&self.config.home, &failure.message)
            && self.sets_cache_aside().await
        {
            return self.ask_once(question, names).await;
        }
        Ok(asked)
    }

    async fn sets_cache_aside(&self) -> bool {
        let is_done = cache::is_set_aside(&self.config.home).await;
        if is_done && self.logs_errors {
            let what = "Nix's cache is damaged: it is put away, and the commit evaluated again\n";
            self.request.sink.log(None, what.as_bytes());
        }
        is_done
    }

    async fn ask_once(
        &self,
        question: Question,
        names: &[String],
    ) -> Result<Result<String, EvaluationOutcome>, BackendError> {
        let (reference, in_use) = self.prepare().await?;
        let mut progress = Progress::of_evaluation(match self.logs_errors {
            true => Arc::clone(&self.request.sink),
            false => Arc::new(roots::Unheard),
        });
        let ran = match self.program(&reference, question, names) {
            Ok(program) => {
                let heard = |message| {
                    self.hand_on(&message);
                    progress.hear(message);
                };
                program.run(&self.request.cancel, heard).await
            }
            Err(error) => Err(error),
        };
        // Whatever came of it.
        self.clear_up(reference, in_use).await?;
        let ran = ran?;
        Ok(Err(match ran.end {
            End::Exited(status) if status.success() => return Ok(Ok(ran.answer)),
            End::Cancelled => EvaluationOutcome::Cancelled,
            End::TimedOut | End::Silent => EvaluationOutcome::TimedOut(self.out_of_time()),
            End::TooMuchOutput => EvaluationOutcome::Failed(self.too_much()),
            End::Exited(status) => self.failed(&ran, status, &progress).await,
            End::Stuck { .. } => EvaluationOutcome::Cancelled, // `run` reports it
        }))
    }

    /// What is no error, where errors are not logged.
    fn hand_on(&self, message: &Message) {
        let line = match message {
            Message::Said(line) | Message::LogLine { line, .. } => line,
            Message::Started { .. }
            | Message::Stopped { .. }
            | Message::Counts { .. }
            | Message::Error { .. } => return,
        };
        if !self.logs_errors {
            let line = format!("{line}\n");
            self.request.sink.log(None, line.as_bytes());
        }
    }

    /// The ref of the commit, and Nix's caches, which stay meanwhile.
    async fn prepare(&self) -> Result<(Reference, InUse), BackendError> {
        let (source, roots) = (self.request.source.clone(), self.request.roots.clone());
        let home = self.config.home.clone();
        let made = tokio::task::spawn_blocking(move || {
            let in_use = InUse::begin(&home)
                .map_err(|error| attempted(format!("use the folder {}", home.display()), error))?;
            Ok((Reference::make(&source, &roots)?, in_use))
        });
        let made = made.await;
        made.map_err(|error| attempted("make a ref for the evaluation", error))?
    }

    async fn clear_up(&self, reference: Reference, in_use: InUse) -> Result<(), BackendError> {
        let config = self.config.clone();
        let cleared = tokio::task::spawn_blocking(move || {
            drop((reference, in_use));
            cache::prune(&config);
        });
        let cleared = cleared.await;
        cleared.map_err(|error| attempted("remove the ref of an evaluation", error))
    }

    fn program(
        &self,
        reference: &Reference,
        question: Question,
        names: &[String],
    ) -> Result<Program, BackendError> {
        let (config, request) = (self.config, &self.request);
        let url = file_url(&request.source.repository)?;
        let program = match config.kind {
            NixKind::Flake => self.of_flake(&url, reference, question, names),
            NixKind::Plain => self.of_file(&url, reference, question, names),
        };
        Ok(program
            .option("show-trace", "true")
            .timeout(request.timeout)
            .memory(self.memory())
            .output_limit(config.log_size))
    }

    fn of_flake(
        &self,
        url: &str,
        reference: &Reference,
        question: Question,
        names: &[String],
    ) -> Program {
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
            .args(["--apply", &expression::of_flake(question, names)]);
        if self.config.accept_flake_config {
            program = program.args(["--accept-flake-config"]);
        }
        program
    }

    fn of_file(
        &self,
        url: &str,
        reference: &Reference,
        question: Question,
        names: &[String],
    ) -> Program {
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
        let expression = expression::of_file(&commit, &file, question, names);
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
        match self.parsed(answer).and_then(|answer| self.read(answer)) {
            Ok(evaluated) => {
                let _ = tell.send(evaluated.drv_path.clone()); // or it is rooted afterwards
                EvaluationOutcome::Succeeded(evaluated)
            }
            Err(failure) => self.say(failure),
        }
    }

    fn parsed(&self, answer: &str) -> Result<Answer, Failure> {
        serde_json::from_str(answer).map_err(|error| Failure {
            log_tail: diagnose::tail(answer),
            ..Failure::certain(format!("Nix answers what is no derivation: {error}"))
        })
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
        let what = path_of(&self.config.attribute.names(&self.request.host));
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
                nix: Some(Box::new(
                    self.config.inputs(&self.request.source, &self.request.host),
                )),
                record: None,
            }),
            other => Err(self.refused(other, &self.config.attribute.names(&self.request.host))),
        }
    }

    /// Why an answer is of no use.
    fn refused(&self, answer: Answer, names: &[String]) -> Failure {
        let what = path_of(names);
        match answer {
            Answer::Missing { missing, known, depth } => self.undeclared(names, &missing, &known, depth),
            Answer::Wrong { wrong, of } if of.is_empty() => Failure::certain(format!(
                "{what} is a {wrong}, and neither a derivation nor a NixOS, nix-darwin or home-manager configuration"
            ))
            .hint("name another in `[backend] attribute`"),
            Answer::Wrong { wrong, of } => Failure::certain(format!(
                "{what}.{of} is a {wrong}, and no derivation"
            ))
            .hint("a configuration's own is what its module system makes; one written by hand must be a derivation, not its path"),
            Answer::Found { .. } | Answer::Names { .. } => {
                Failure::certain(format!("Nix answers another question about {what}"))
            }
        }
    }

    /// The name that is missing is the configuration's or the command's own.
    fn undeclared(
        &self,
        names: &[String],
        missing: &str,
        known: &[String],
        depth: usize,
    ) -> Failure {
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
        if self.logs_errors {
            let text = format!("{}\n", failure.message);
            self.request.sink.log(None, text.as_bytes());
        }
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
        self.request.memory.unwrap_or(EVAL_MEMORY)
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
    /// What decides an evaluation beside commit, host and kind.
    pub(super) fn inputs(&self, source: &Source, host: &HostName) -> NixInputs {
        NixInputs {
            subdir: source.subdir.clone(),
            attribute: path_of(&self.attribute.names(host)),
            submodules: self.submodules,
            file: match self.kind {
                NixKind::Flake => None,
                NixKind::Plain => Some(self.file.clone()),
            },
        }
    }
}

/// An attribute, as a person would write it.
pub(super) fn path_of(names: &[String]) -> String {
    let shown: Vec<_> = names.iter().map(|name| shown(name)).collect();
    shown.join(".")
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
