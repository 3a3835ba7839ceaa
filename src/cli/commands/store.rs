mod direct;
mod human;
mod remote;

use crate::cli::Context;
use crate::cli::commands::cache::{GenerateKey, Publish, Pull, Push};
use crate::cli::error::{CliError, Outcome, Problem};
use crate::pb;
use crate::store::StorePath;
use direct::Direct;
use remote::Remote;
use std::path::{Path, PathBuf};

/// The object store: through the agent, or by itself where none runs.
#[derive(Debug, clap::Args)]
pub struct Store {
    /// The state, where no agent is asked [default: of this repository's dev agent,
    /// else the system's].
    #[arg(long, global = true, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Read the files only, without an agent; refused while one owns the state.
    #[arg(long, global = true)]
    offline: bool,
    #[command(subcommand)]
    command: StoreCommand,
}

#[derive(Debug, clap::Subcommand)]
enum StoreCommand {
    #[command(flatten)]
    Objects(ObjectsCommand),
    Push(Push),
    Pull(Pull),
    Publish(Publish),
    GenerateKey(GenerateKey),
    /// Write any file or folder as a NAR on standard output.
    DumpNar {
        #[arg(value_name = "PATH")]
        path: PathBuf,
    },
}

/// What an agent does where one runs.
#[derive(Debug, clap::Subcommand)]
enum ObjectsCommand {
    /// What is recorded of objects: hash, size, what they refer to.
    PathInfo {
        /// A store path, its last part, or a path that leads into the store.
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<String>,
    },
    /// Read every object and compare it with its path and its record.
    ///
    /// Exits 1 when something is wrong and stays so.
    Verify {
        /// Make records again from the objects; move damaged objects aside, so
        /// that they are built again.
        #[arg(long)]
        repair: bool,
    },
    /// Remove what no generation needs; builds go on meanwhile.
    Gc {
        /// Only say what would go.
        #[arg(long)]
        dry_run: bool,
    },
    /// Let files of the same content share it on the disk; builds go on meanwhile.
    ///
    /// Blocks are shared where the file system can, else files become one with
    /// several names.
    Optimise,
    /// The links that keep objects.
    Roots,
    /// Write objects and all they refer to on standard output, as `nix-store --export` does.
    Export {
        /// A store path, its last part, or a path that leads into the store.
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<String>,
    },
    /// Take an archive of `kiln store export` from standard input.
    ///
    /// All of it is taken or nothing. What no generation uses stays until
    /// garbage is collected.
    Import,
}

impl ObjectsCommand {
    fn changes(&self) -> bool {
        match self {
            ObjectsCommand::Verify { repair } => *repair,
            ObjectsCommand::Gc { dry_run } => !dry_run,
            ObjectsCommand::Import | ObjectsCommand::Optimise => true,
            ObjectsCommand::PathInfo { .. }
            | ObjectsCommand::Roots
            | ObjectsCommand::Export { .. } => false,
        }
    }
}

/// Who does the work.
enum Way {
    Agent(Remote),
    Here(Direct),
}

impl Store {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let Store {
            state_dir,
            offline,
            command,
        } = self;
        let state = || state_dir.clone().unwrap_or_else(|| context.state_here());
        match command {
            // These work on files, whether an agent runs or not.
            StoreCommand::DumpNar { path } => dump_nar(context, path).await,
            StoreCommand::Push(push) => push.run(context, state()).await,
            StoreCommand::Pull(pull) => pull.run(context, state()).await,
            StoreCommand::Publish(publish) => publish.run(context, state_dir).await,
            StoreCommand::GenerateKey(command) => command.run(context),
            StoreCommand::Objects(command) => {
                let way = Way::find(context, state_dir, offline, command.changes()).await?;
                command.run(context, &way).await
            }
        }
    }
}

impl ObjectsCommand {
    async fn run(self, context: &Context, way: &Way) -> Result<Outcome, CliError> {
        match self {
            ObjectsCommand::PathInfo { paths } => {
                for path in &paths {
                    let info = way.path_info(store_path(path)?).await?;
                    context.out.either(&info, || human::path_info(&info))?;
                }
            }
            ObjectsCommand::Verify { repair } => {
                let found = way.verify(repair).await?;
                context.out.either(&found, || human::verified(&found))?;
                if found.findings.iter().any(|finding| !finding.repaired) {
                    return Ok(Outcome::Failed);
                }
            }
            ObjectsCommand::Gc { dry_run } => {
                let gone = way.collect(dry_run).await?;
                context
                    .out
                    .either(&gone, || human::collected(&gone, dry_run))?;
            }
            ObjectsCommand::Optimise => {
                let done = way.optimise().await?;
                context.out.either(&done, || human::optimised(&done))?;
            }
            ObjectsCommand::Roots => {
                for root in &way.roots().await?.roots {
                    context.out.either(root, || human::root(root))?;
                }
            }
            ObjectsCommand::Export { paths } => {
                let paths = paths.iter().map(|path| store_path(path));
                way.export(context, paths.collect::<Result<_, _>>()?)
                    .await?;
            }
            ObjectsCommand::Import => {
                let taken = way.import().await?;
                context
                    .out
                    .either(&taken, || taken.store_paths.join("\n"))?;
            }
        }
        Ok(Outcome::Done)
    }
}

impl Way {
    /// The agent when there is one, else the files.
    async fn find(
        context: &Context,
        state_dir: Option<PathBuf>,
        offline: bool,
        changes: bool,
    ) -> Result<Self, CliError> {
        let here = |state: &Path| match changes {
            true => Direct::locked(state).map(Way::Here),
            false => Direct::to_read(state).map(Way::Here),
        };
        if offline && changes {
            let hint = "leave --offline out: without an agent the state's lock is taken";
            return Err(Problem::usage("--offline changes nothing", hint).into());
        }
        if offline || state_dir.is_some() {
            return here(&state_dir.unwrap_or_else(|| context.state_here()));
        }
        match context.try_connect().await? {
            Ok(client) => Ok(Way::Agent(Remote::new(&client))),
            Err(missing) => {
                let state = context.state_here();
                match state.join("store").is_dir() {
                    true => here(&state),
                    false => Err(missing.into()),
                }
            }
        }
    }

    async fn path_info(&self, path: StorePath) -> Result<pb::PathInfoResponse, CliError> {
        match self {
            Way::Agent(agent) => agent.path_info(&path).await,
            Way::Here(here) => here.path_info(&path),
        }
    }

    async fn verify(&self, repair: bool) -> Result<pb::VerifyResponse, CliError> {
        match self {
            Way::Agent(agent) => agent.verify(repair).await,
            Way::Here(here) => here.on_a_thread(move |here| here.verify(repair)).await,
        }
    }

    async fn collect(&self, dry_run: bool) -> Result<pb::CollectGarbageResponse, CliError> {
        match self {
            Way::Agent(agent) => agent.collect(dry_run).await,
            Way::Here(here) => here.on_a_thread(move |here| here.collect(dry_run)).await,
        }
    }

    async fn optimise(&self) -> Result<pb::OptimiseResponse, CliError> {
        match self {
            Way::Agent(agent) => agent.optimise().await,
            Way::Here(here) => here.on_a_thread(Direct::optimise).await,
        }
    }

    async fn roots(&self) -> Result<pb::ListRootsResponse, CliError> {
        match self {
            Way::Agent(agent) => agent.roots().await,
            Way::Here(here) => here.roots(),
        }
    }

    async fn export(&self, context: &Context, paths: Vec<StorePath>) -> Result<(), CliError> {
        if context.out.terminal && !context.out.json {
            let hint = "kiln store export PATH > FILE";
            return Err(Problem::usage("an archive is not for a terminal", hint).into());
        }
        match self {
            Way::Agent(agent) => agent.export(context, paths).await,
            Way::Here(here) => {
                let out = context.out.clone();
                here.on_a_thread(move |here| here.export(&out, paths)).await
            }
        }
    }

    async fn import(&self) -> Result<pb::ImportResponse, CliError> {
        match self {
            Way::Agent(agent) => agent.import().await,
            Way::Here(here) => here.on_a_thread(Direct::import).await,
        }
    }
}

async fn dump_nar(context: &Context, path: PathBuf) -> Result<Outcome, CliError> {
    if context.out.terminal {
        let hint = "kiln store dump-nar PATH > FILE";
        return Err(Problem::usage("a NAR is not for a terminal", hint).into());
    }
    let out = context.out.clone();
    direct::on_a_thread(move || {
        let mut writer = out.writer();
        crate::store::dump_nar(&path, &mut writer).map_err(|error| writer.blame(&error))?;
        writer.end()
    })
    .await?;
    Ok(Outcome::Done)
}

/// The object meant: by its store path, by its last part, or by a path on this
/// host that leads into a store.
fn store_path(text: &str) -> Result<StorePath, CliError> {
    if let Ok(path) = text.parse().or_else(|_| StorePath::from_base_name(text)) {
        return Ok(path);
    }
    if let Some((path, _)) = StorePath::split_from(text) {
        return Ok(path);
    }
    let real = Path::new(text).canonicalize().ok();
    let inside = |real: &PathBuf| {
        let mut parts = real
            .components()
            .filter_map(|part| part.as_os_str().to_str());
        parts.find_map(|part| StorePath::from_base_name(part).ok())
    };
    real.as_ref().and_then(inside).ok_or_else(|| {
        let message = format!("{text:?} is no store path and leads into no store");
        Problem::usage(message, "kiln store roots lists what is kept").into()
    })
}
