//! `kiln dev`: the same agent for one person's repository, without set-up.

use super::parts::{Core, Follows};
use super::{DevOptions, RunError, Started, backends};
use crate::builder::Selected;
use crate::config::{BackendChoice, Config, Sandbox};
use crate::model::{
    AfterFailure, BackendKind, Build, Evaluation, Generation, GenerationNumber, HostName,
};
use crate::server::{self, Access};
use crate::source::Selection;
use crate::source::dev::{self, DevError, DevSource};
use crate::state::{Places, StateError};
use std::path::Path;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

/// Runs a dev agent until `cancel` fires (signals are the caller's) or, with
/// `once`, until a generation ended, which is returned; an up-to-date one of an
/// earlier run counts.
///
/// # Errors
/// When there is nothing to evaluate, or the agent cannot run.
pub async fn run_dev(
    options: DevOptions,
    started: oneshot::Sender<Started>,
    cancel: CancellationToken,
) -> Result<Option<Generation>, RunError> {
    let config = configuration(&options)?;
    let (source, selection) = blocking(open, &options, &config).await?;
    let (repository, subdir) = (source.repository.clone(), source.subdir.clone());
    let around = &options.surroundings;
    let follows = Follows {
        has_baseline: false,
        any_machine: options.any_machine,
    };
    let mut core = Core::start(&config, repository, subdir, follows, around).await?;
    let listener = match server::bind(&options.socket, 0o600, None) {
        Ok(listener) => listener,
        Err(error) => return Err(core.abandon(&error).await),
    };
    let after_seq = core.state.events().last_seq();
    let notes = notes(&source, &options);
    let rev = options.rev.clone();
    let (handle, source_task) = source.start(rev, core.event_sink(), core.cancel.clone());
    let (_, settings) = watch::channel(server::Settings::default());
    let access = Access::new(None, None);
    core.serve(&config, &handle, listener, access, settings);
    core.keep_up(&config);
    let host = config.host.to_string();
    let _ = started.send(Started {
        socket: options.socket.clone(),
        host,
        after_seq,
        notes,
    });
    let result = if options.once {
        tokio::select! {
            result = once(&core, selection) => result.map(Some),
            () = cancel.cancelled() => Ok(None),
        }
    } else {
        core.follow(&handle);
        cancel.cancelled().await;
        Ok(None)
    };
    core.stop(Some(source_task)).await?;
    result
}

fn configuration(options: &DevOptions) -> Result<Config, RunError> {
    let host: HostName = match &options.host {
        Some(host) => host
            .parse()
            .map_err(|error| RunError::usage(format!("{error}"), "--host NAME"))?,
        None => this_host()?,
    };
    let config = Config::for_dev(host, options.state_dir.clone(), options.socket.clone());
    let mut config = config.map_err(|error| RunError::failed(&error))?;
    config.backend.kind = options.backend;
    let is_native = options.backend == BackendChoice::Always(BackendKind::Native);
    if is_native && options.attribute.is_some() {
        let why = "kiln.star has hosts, and no attributes";
        return Err(RunError::usage(
            why,
            "leave --attribute out, or name a --backend of Nix",
        ));
    }
    config.backend.attribute.clone_from(&options.attribute);
    if let Some(jobs) = options.jobs {
        config.native.jobs = jobs;
        let setting = ("max-jobs".to_owned(), jobs.to_string());
        config.nix.options.extend([setting]);
    }
    if !options.sandbox {
        config.native.sandbox = Sandbox::Off;
    }
    Ok(config)
}

pub(super) fn this_host() -> Result<HostName, RunError> {
    let name = nix::unistd::gethostname()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    name.parse()
        .map_err(|error| RunError::usage(format!("this host's name: {error}"), "--host NAME"))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce(&OpenOptions) -> Result<T, RunError> + Send + 'static,
    options: &DevOptions,
    config: &Config,
) -> Result<T, RunError> {
    let options = OpenOptions {
        evaluable: backends::evaluable(config),
        path: options.path.clone(),
        state_dir: options.state_dir.clone(),
        rev: options.rev.clone(),
        worktree: options.worktree,
    };
    let done = tokio::task::spawn_blocking(move || work(&options)).await;
    done.unwrap_or_else(|error| Err(RunError::failed(&error)))
}

struct OpenOptions {
    /// The files a commit can be evaluated by.
    evaluable: Vec<(BackendKind, String)>,
    path: std::path::PathBuf,
    state_dir: std::path::PathBuf,
    rev: Option<String>,
    worktree: bool,
}

/// The source, and the commit to begin with, which must be one kiln can evaluate.
fn open(options: &OpenOptions) -> Result<(DevSource, Selection), RunError> {
    let places = Places::new(&options.state_dir);
    let failed = |error: StateError| RunError::failed(&error);
    places.make_private().map_err(failed)?;
    let source = dev::open(&options.path, &places.repository()).map_err(refused)?;
    let source = match options.worktree {
        true => source.with_worktree().map_err(refused)?,
        false => source,
    };
    let selection = source.head(options.rev.as_deref()).map_err(refused)?;
    let evaluable = |(_, file): &(_, String)| source.has_file(&selection, file);
    match options.evaluable.iter().any(evaluable) {
        true => Ok((source, selection)),
        false => Err(nothing_to_evaluate(
            &options.path,
            &options.evaluable,
            &selection,
        )),
    }
}

/// What to type where a commit has no file that is asked for.
pub(super) fn nothing_to_evaluate(
    path: &Path,
    evaluable: &[(BackendKind, String)],
    selection: &Selection,
) -> RunError {
    let what = match selection.commit.dirty {
        true => "work tree",
        false => "commit",
    };
    let folder = path.display();
    let files: Vec<&str> = evaluable.iter().map(|(_, file)| file.as_str()).collect();
    let message = format!(
        "there is no {} in {folder} at this {what} ({})",
        files.join(" and no "),
        selection.commit.id.short()
    );
    let is_native = evaluable
        .iter()
        .any(|(kind, _)| *kind == BackendKind::Native);
    let hint = match (is_native, files.as_slice()) {
        (false, [file, ..]) => format!(
            "git -C {folder} add {file} && git -C {folder} commit -m 'a first host'; or leave --backend out"
        ),
        _ => format!(
            "kiln init {folder} && git -C {folder} add kiln.star && git -C {folder} commit -m 'a first host'"
        ),
    };
    RunError::usage(message, hint)
}

pub(super) fn refused(error: DevError) -> RunError {
    match RunError::failed(&error) {
        RunError::Failed { message, hint } if error.is_usage() => RunError::Usage { message, hint },
        other => other,
    }
}

fn notes(source: &DevSource, options: &DevOptions) -> Vec<String> {
    if options.worktree || options.rev.is_some() {
        return Vec::new();
    }
    match source.uncommitted().len() {
        0 => Vec::new(),
        1 => vec!["1 file not committed is not part of this; --worktree takes it".into()],
        n => vec![format!(
            "{n} files not committed are not part of this; --worktree takes them"
        )],
    }
}

/// One generation of this commit, to its end. What was built stays built;
/// what failed before is tried again, since somebody asks.
async fn once(core: &Core, selection: Selection) -> Result<Generation, RunError> {
    let selected = core
        .builder
        .select(selection.clone())
        .await
        .map_err(|e| RunError::failed(&e))?;
    let number = match selected {
        Selected::New(generation) if !is_remembered(&generation) => generation.number,
        Selected::Unchanged(generation) if generation.built().is_some() => return Ok(generation),
        Selected::Unchanged(generation) if !generation.is_ended() => generation.number,
        // Somebody asks: neither a hold nor a failure known from before counts.
        Selected::New(_) | Selected::Unchanged(_) | Selected::Held(_) => {
            let generation = core.builder.eval(selection, false, None).await;
            generation.map_err(|e| RunError::failed(&e))?.number
        }
    };
    let generation = ended(core, number).await?;
    match generation.failure() {
        // Not the repository's fault but the command's: a host it does not declare.
        Some(failure) if failure.usage => Err(RunError::usage(&failure.message, &failure.hint)),
        _ => Ok(generation),
    }
}

fn is_remembered(generation: &Generation) -> bool {
    matches!(
        generation.after_failure(),
        Some(AfterFailure::Remembered(_))
    )
}

async fn ended(core: &Core, number: GenerationNumber) -> Result<Generation, RunError> {
    let (mut watch, reader) = (core.builder.watch(), core.state.reader());
    loop {
        watch.borrow_and_update();
        if let Some(generation) = reader.generation(number)
            && (generation.is_ended() || waits(&generation))
        {
            return Ok(generation);
        }
        watch
            .changed()
            .await
            .map_err(|error| RunError::failed(&error))?;
    }
}

/// Nothing will happen before somebody resumes.
fn waits(generation: &Generation) -> bool {
    let waiting = |build: &Build| {
        matches!(
            build,
            Build::Pending {
                blocked: Some(_),
                ..
            }
        )
    };
    match &generation.evaluation {
        Evaluation::Pending { blocked, .. } => blocked.is_some(),
        Evaluation::Succeeded { build, .. } => waiting(build),
        Evaluation::Running { .. }
        | Evaluation::Failed { .. }
        | Evaluation::TimedOut { .. }
        | Evaluation::Cancelled { .. } => false,
    }
}
