use crate::agent::{DevOptions, Started};
use crate::backend::nix::Attribute;
use crate::cli::error::{CliError, Outcome, Problem};
use crate::cli::progress::{Progress, Said, result};
use crate::cli::render::Output;
use crate::cli::values::Backend;
use crate::cli::{Context, human, places, wait};
use crate::client::{CONNECT_TIMEOUT, Client};
use crate::pb;
use crate::server::convert;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Evaluate and build the commit at HEAD here, then each new one; no set-up.
#[derive(Debug, clap::Args)]
pub struct Dev {
    /// A Git work tree, a folder inside one, or a bare repository.
    #[arg(default_value = ".", hide_default_value = true)]
    path: PathBuf,
    /// The host to build for [default: this one].
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Build this revision instead of HEAD.
    #[arg(long)]
    rev: Option<String>,
    /// How to evaluate: by kiln.star, flake.nix or plain Nix.
    #[arg(long, value_name = "KIND", default_value = "auto")]
    backend: Backend,
    /// What Nix builds for the host [default: nixosConfigurations."{host}"].
    #[arg(long, value_name = "ATTRIBUTE")]
    attribute: Option<Attribute>,
    /// Off: steps run without namespaces, with all of this host.
    #[arg(long, default_value = "required", value_parser = ["required", "off"])]
    sandbox: String,
    /// Steps at a time [default: one per core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// Where to keep state and store [default: below ~/.local/state/kiln/dev].
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// End after one generation; exit 0 only if it was built.
    #[arg(long)]
    once: bool,
    /// Build tracked and unignored files as they are, not what is committed.
    #[arg(long)]
    worktree: bool,
    /// Build what is for another machine too, by its machineId: for CI, which applies
    /// nothing.
    #[arg(long)]
    any_machine: bool,
}

impl Dev {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let once = self.once;
        let options = self.options(context)?;
        let cancel = CancellationToken::new();
        let (sender, started) = oneshot::channel();
        let agent = crate::agent::run_dev(options, sender, cancel.clone());
        let mut screen = Screen {
            out: &context.out,
            progress: Progress::default(),
            shown: None,
            once,
        };
        let work = async {
            tokio::join!(
                async {
                    let ended = agent.await;
                    cancel.cancel();
                    ended
                },
                async {
                    let shown = screen.show(started).await;
                    // Nobody reads any more: nothing to work for.
                    if shown.is_err() {
                        cancel.cancel();
                    }
                    shown
                },
            )
        };
        let signalled = AtomicBool::new(false);
        let (ended, shown) = tokio::select! {
            done = work => done,
            insisted = insisted_on(&cancel, &signalled) => return Err(insisted),
        };
        context.out.bar("");
        let signalled = signalled.load(Ordering::Relaxed);
        let ended = ended?.map(|generation| convert::generation(&generation));
        match shown {
            // It ended before it could be watched: what it ended with counts.
            Err(CliError::Problem(_)) if ended.is_some() || signalled => {}
            shown => shown?,
        }
        screen.finish(ended, signalled)
    }

    fn options(self, context: &Context) -> Result<DevOptions, CliError> {
        let path = self.path.canonicalize().map_err(|error| {
            Problem::usage(
                format!("{} cannot be opened: {error}", self.path.display()),
                "name a Git work tree or a bare repository: kiln dev PATH",
            )
        })?;
        let place = match self.state_dir {
            Some(state) => Some(places::dev_in(&context.env, &path, state)),
            None => places::dev(&context.env, &path),
        };
        let place = place.ok_or_else(|| {
            Problem::usage(
                "there is no home folder to keep state in",
                "kiln dev --state-dir DIR",
            )
        })?;
        Ok(DevOptions {
            path,
            host: self.host,
            rev: self.rev,
            backend: self.backend.into(),
            attribute: self.attribute,
            surroundings: context.env.of_a_person(),
            sandbox: self.sandbox == "required",
            jobs: self.jobs,
            state_dir: place.state,
            socket: context.global.socket.clone().unwrap_or(place.socket),
            once: self.once,
            worktree: self.worktree,
            any_machine: self.any_machine,
        })
    }
}

/// The first signal asks for an orderly end. Returns at the second: whoever
/// insists is not kept waiting, and what runs ends with this process.
async fn insisted_on(cancel: &CancellationToken, signalled: &AtomicBool) -> CliError {
    let streams = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    );
    let (Ok(mut interrupt), Ok(mut terminate)) = streams else {
        return Problem::failed("waiting for signals failed").into();
    };
    for _ in 0..2 {
        let terminated = tokio::select! {
            _ = interrupt.recv() => false,
            _ = terminate.recv() => true,
        };
        if signalled.swap(true, Ordering::Relaxed) && !terminated {
            break;
        }
        cancel.cancel();
    }
    CliError::Interrupted {
        is_agent_asked: false,
    }
}

/// What the person in front of it sees.
struct Screen<'a> {
    out: &'a Output,
    progress: Progress,
    /// The last generation whose end was shown.
    shown: Option<pb::Generation>,
    /// No agent is left to ask afterwards.
    once: bool,
}

impl Screen<'_> {
    /// Follows the agent over its own socket until its stream ends.
    async fn show(&mut self, started: oneshot::Receiver<Started>) -> Result<(), CliError> {
        let Ok(started) = started.await else {
            return Ok(()); // it could not start and says why itself
        };
        for note in &started.notes {
            self.out.note(note);
        }
        let client = Client::connect(&started.socket, CONNECT_TIMEOUT).await?;
        let request = pb::WatchEventsRequest {
            after_seq: started.after_seq,
        };
        let mut events = client.agent().watch_events(request).await?.into_inner();
        // A stream cut off by the agent's end is its end.
        while let Ok(Some(event)) = events.message().await {
            self.event(&event)?;
        }
        Ok(())
    }

    fn event(&mut self, event: &pb::Event) -> Result<(), CliError> {
        if self.out.json {
            self.out.keyed("event", event)?;
        }
        for said in self.progress.event(event) {
            match said {
                Said::Note(_) | Said::Bar(_) if self.out.json => {}
                Said::Note(note) => self.out.note(&note),
                Said::Bar(bar) => self.out.bar(&bar),
                Said::Ended(generation) => self.ended(*generation)?,
            }
        }
        Ok(())
    }

    /// The result on standard output, or the failure on standard error.
    fn ended(&mut self, generation: pb::Generation) -> Result<(), CliError> {
        if !self.out.json {
            self.out.bar("");
            match wait::verdict(&generation) {
                None => {
                    let news = self.progress.worked_on(&generation);
                    self.out.text(&result(&generation, news))?;
                }
                Some(problem) => {
                    let hint = if self.once {
                        String::new()
                    } else {
                        problem.hint.clone()
                    };
                    self.out
                        .note(&human::problem(&problem.hint(hint), self.out.color));
                }
            }
        }
        self.shown = Some(generation);
        Ok(())
    }

    /// The last word: the generation `--once` waited for, or that of a signal.
    fn finish(
        mut self,
        ended: Option<pb::Generation>,
        signalled: bool,
    ) -> Result<Outcome, CliError> {
        if let Some(generation) = ended {
            match &self.shown {
                Some(shown) if shown.number == generation.number => self.shown = Some(generation),
                // Built in an earlier run, or its end came after the stream's.
                Some(_) | None => self.ended(generation)?,
            }
        }
        if let Some(last) = self.shown.as_ref().filter(|_| self.out.json) {
            self.out.keyed("generation", last)?;
        }
        match &self.shown {
            _ if signalled => Ok(Outcome::Interrupted),
            Some(last) if wait::verdict(last).is_none() => Ok(Outcome::Done),
            Some(_) | None => Ok(Outcome::Failed),
        }
    }
}
